// The AMD PCnet family data sheets as code: ports, control and status registers (CSR), bus configuration registers (BCR).
// Am79C970A PCnet-PCI II: AMD publication 19436 rev. E. Am79C973 PCnet-FAST III: AMD publication 21510 rev. E.
// Names and hex are the sheets' own. What is marked (970A) or (973) is reserved on the other chip.
// Shared by the model and by drivers: it says what the hardware is and holds no state.
// The descriptors are in ring.ts, the initialization block in init-block.ts.

export const PCI_VENDOR_ID = 0x1022;
export const PCI_DEVICE_ID = 0x2000;

/** Offsets in BAR0 (I/O) and BAR1 (memory), both 32 bytes. The APROM is at offset 0 in both modes. */
export const APROM_BYTES = 16;
export const RESOURCE_BYTES = 32;

/** Word I/O mode, the mode after H_RESET: registers are accessed 16 bits wide. */
export const WIO = {
  RDP: 0x10, // register data port: the CSR that RAP points to
  RAP: 0x12, // register address port
  RESET: 0x14, // reading it is S_RESET
  BDP: 0x16, // the BCR that RAP points to
} as const;

/** Double word I/O mode, entered by a 32-bit write to offset 0x10, left only by H_RESET. */
export const DWIO = {
  RDP: 0x10,
  RAP: 0x14,
  RESET: 0x18,
  BDP: 0x1c,
} as const;

/** CSR88 | CSR89 << 16 with the version (bits 31 to 28) masked off. The low 12 bits are AMD's JEDEC id and a one. */
export const CHIP_ID = {
  Am79C970A: 0x2621003,
  Am79C973: 0x2625003,
} as const;
export const CHIP_ID_MASK = 0x0fffffff;

/** CSR0: controller status and control. Causes are cleared by writing ones; STOP leaves 0x0004. */
export const CSR0 = {
  ERR: 0x8000, // BABL or CERR or MISS or MERR
  BABL: 0x4000, // transmitted more than 1518 bytes
  CERR: 0x2000, // no SQE test after a transmission (10BASE-T and AUI)
  MISS: 0x1000, // a frame found no receive descriptor
  MERR: 0x0800, // bus master access went unanswered
  RINT: 0x0400, // a receive descriptor was given back
  TINT: 0x0200, // a transmit descriptor was given back
  IDON: 0x0100, // initialization block was read
  INTR: 0x0080, // some unmasked cause is set
  IENA: 0x0040, // interrupt line follows INTR
  RXON: 0x0020, // receiver is on
  TXON: 0x0010, // transmitter is on
  TDMD: 0x0008, // look at the transmit ring now
  STOP: 0x0004, // all activity stops
  STRT: 0x0002, // start sending, receiving and buffer management
  INIT: 0x0001, // read the initialization block
} as const;
/** What is cleared by writing ones to CSR0. */
export const CSR0_CAUSES = 0x7f00;

/** CSR3: interrupt masks and deferral control. */
export const CSR3 = {
  BABLM: 0x4000, // masks BABL
  MISSM: 0x1000, // masks MISS
  MERRM: 0x0800, // masks MERR
  RINTM: 0x0400, // masks RINT
  TINTM: 0x0200, // masks TINT
  IDONM: 0x0100, // masks IDON
  DXSUFLO: 0x0040, // an underflow does not turn the transmitter off
  LAPPEN: 0x0020, // look-ahead packet processing
  DXMT2PD: 0x0010, // no two-part deferral
  EMBA: 0x0008, // modified back-off algorithm
  BSWP: 0x0004, // byte swap for big-endian hosts
} as const;

/** CSR4: test and features control. */
export const CSR4 = {
  EN124: 0x8000, // CSR124 may be written (970A; on the 973 reserved)
  DMAPLUS: 0x4000, // DMA transfer counter off
  TIMER: 0x2000, // bus activity timer on (970A)
  TXDPOLL: 0x1000, // no automatic polling of the transmit ring; manuals also call it DPOLL
  APAD_XMT: 0x0800, // pad short frames to 64 bytes with FCS
  ASTRP_RCV: 0x0400, // strip pad and FCS of received 802.3 frames
  MFCO: 0x0200, // missed frame counter wrapped
  MFCOM: 0x0100, // masks MFCO
  UINTCMD: 0x0080, // write 1: user interrupt
  UINT: 0x0040, // user interrupt happened
  RCVCCO: 0x0020, // receive collision counter wrapped
  RCVCCOM: 0x0010, // masks RCVCCO
  TXSTRT: 0x0008, // a transmission began
  TXSTRTM: 0x0004, // masks TXSTRT
  JAB: 0x0002, // jabber on the 10BASE-T port (970A)
  JABM: 0x0001, // masks JAB (970A)
} as const;

/** CSR5: extended control and interrupt 1. */
export const CSR5 = {
  TOKINTD: 0x8000, // no TINT for frames sent without error
  LTINTEN: 0x4000, // TINT only for descriptors that ask with LTINT
  SINT: 0x0800, // system error on the bus
  SINTE: 0x0400, // enables SINT
  SLPINT: 0x0200, // left sleep mode (970A)
  SLPINTE: 0x0100, // enables SLPINT (970A)
  EXDINT: 0x0080, // excessive deferral
  EXDINTE: 0x0040, // enables EXDINT
  MPPLBA: 0x0020, // Magic Packet may be broadcast or multicast
  MPINT: 0x0010, // Magic Packet received
  MPINTE: 0x0008, // enables MPINT
  MPEN: 0x0004, // Magic Packet mode when asleep
  MPMODE: 0x0002, // Magic Packet mode now
  SPND: 0x0001, // suspend: finish the frames under way, then accept register writes
} as const;

/** CSR7: extended control and interrupt 2 (973). */
export const CSR7 = {
  FASTSPNDE: 0x8000, // suspend without emptying the FIFOs
  RXFRTG: 0x4000, // receive frame tag
  RDMD: 0x2000, // look at the receive ring now
  RXDPOLL: 0x1000, // no automatic polling of the receive ring
  STINT: 0x0800, // software timer expired
  STINTE: 0x0400, // enables STINT
  MREINT: 0x0200, // MII management read error
  MREINTE: 0x0100, // enables MREINT
  MAPINT: 0x0080, // MII auto-poll saw a change
  MAPINTE: 0x0040, // enables MAPINT
  MCCINT: 0x0020, // MII management command complete
  MCCINTE: 0x0010, // enables MCCINT
  MCCIINT: 0x0008, // MII management internal command complete
  MCCIINTE: 0x0004, // enables MCCIINT
  MIIPDTINT: 0x0002, // MII PHY detect changed
  MIIPDTINTE: 0x0001, // enables MIIPDTINT
} as const;

/** CSR15: mode, also the MODE field of the initialization block. */
export const CSR15 = {
  PROM: 0x8000, // promiscuous: receive every address
  DRCVBC: 0x4000, // receive no broadcast
  DRCVPA: 0x2000, // receive no frame for the station address
  DLNKTST: 0x1000, // ignore the link test (970A)
  DAPC: 0x0800, // no automatic polarity correction (970A)
  MENDECL: 0x0400, // loopback inside the Manchester coder too (970A)
  LRT: 0x0200, // low receive threshold, or TSEL on the AUI (970A)
  PORTSEL: 0x0180, // port: 0 AUI, 1 10BASE-T, 2 GPSI, 3 MII or reserved
  INTL: 0x0040, // loopback is internal
  DRTY: 0x0020, // no retry after a collision
  FCOLL: 0x0010, // force a collision in internal loopback
  DXMTFCS: 0x0008, // do not append an FCS
  LOOP: 0x0004, // loopback
  DTX: 0x0002, // transmitter stays off
  DRX: 0x0001, // receiver stays off
} as const;

/** CSR58 and BCR20, one register: software style. May be written only while stopped or suspended. */
export const CSR58 = {
  APERREN: 0x0400, // advanced parity error handling
  CSRPCNET: 0x0200, // CSR bits as on PCnet, not ILACC; read only, follows SWSTYLE
  SSIZE32: 0x0100, // 32-bit software structures; read only, follows SWSTYLE
  SWSTYLE: 0x00ff, // see SoftwareStyle in ring.ts
} as const;

/** CSR80: DMA transfer counter and FIFO watermarks. */
export const CSR80 = {
  RCVFW: 0x3000, // receive FIFO watermark
  XMTSP: 0x0c00, // bytes in the FIFO at which a transmission starts
  XMTFW: 0x0300, // transmit FIFO watermark
  DMATC: 0x00ff, // transfers in one bus mastership
} as const;

/** CSR124: test. Writable only with EN124 on the 970A. */
export const CSR124 = {
  RPA: 0x0008, // accept runts
} as const;

/** CSR numbers that have no table of bits. Pairs are low and high half of an address. */
export const CSR = {
  IADR_LOW: 1, // address of the initialization block; 16 is an alias
  IADR_HIGH: 2, // 17 is an alias
  RXTX: 6, // TLEN (15-12) and RLEN (11-8) as read from the initialization block
  LADRF: 8, // logical address filter, 8 to 11
  PADR: 12, // physical address, 12 to 14
  MODE: 15,
  CRBA: 18, // current receive buffer
  CXBA: 20, // current transmit buffer
  NRBA: 22, // next receive buffer
  BADR: 24, // base of the receive ring
  NRDA: 26, // next receive descriptor
  CRDA: 28, // current receive descriptor
  BADX: 30, // base of the transmit ring
  NXDA: 32, // next transmit descriptor
  CXDA: 34, // current transmit descriptor
  NNRDA: 36, // next next receive descriptor
  NNXDA: 38, // next next transmit descriptor
  CRBC: 40, // current receive byte count and, in 41, status
  CXBC: 42, // current transmit byte count and, in 43, status
  NRBC: 44, // next receive byte count and, in 45, status
  POLL: 46, // transmit poll time counter
  TXPOLLINT: 47, // transmit polling interval, two's complement, PCI clocks
  RXPOLL: 48, // receive poll time counter (973)
  RXPOLLINT: 49, // receive polling interval (973)
  SWS: 58,
  PXDA: 60, // previous transmit descriptor
  PXBC: 62, // previous transmit byte count and, in 63, status
  NXBA: 64, // next transmit buffer
  NXBC: 66, // next transmit byte count and, in 67, status
  RCVRC: 72, // receive ring counter: two's complement, descriptors left before the ring wraps
  XMTRC: 74, // transmit ring counter
  RCVRL: 76, // receive ring length, two's complement
  XMTRL: 78, // transmit ring length, two's complement
  DMATCFW: 80,
  DMABAT: 82, // bus activity timer
  DMABA: 84, // address of the DMA under way
  DMABC: 86, // byte counter of the DMA under way
  CHIPID_LOW: 88,
  CHIPID_HIGH: 89,
  RCON: 92, // ring length conversion
  MERRTO: 100, // bus timeout
  MFC: 112, // missed frame count, 16 bits, wraps
  RCC: 114, // receive collision count, 16 bits, wraps
  TEST: 124,
  MACENH: 125, // inter-packet gap (973)
} as const;

/** BCR numbers. */
export const BCR = {
  MSRDA: 0, // master mode read active
  MSWRA: 1, // master mode write active
  MC: 2, // miscellaneous configuration
  LNKST: 4, // LED0, link status after reset
  LED1: 5,
  LED2: 6,
  LED3: 7,
  FDC: 9, // full duplex
  IOBASEL: 16,
  IOBASEU: 17,
  BSBC: 18, // burst and bus control
  EECAS: 19, // EEPROM control and status
  SWS: 20, // CSR58
  INTCON: 21, // interrupt control (970A)
  PCILAT: 22, // MAX_LAT and MIN_GNT
  PCISVID: 23, // subsystem vendor (973)
  PCISID: 24, // subsystem (973)
  STVAL: 31, // software timer value (973)
  MIICAS: 32, // MII control and status (973)
  MIIADDR: 33, // MII address: PHYAD and REGAD (973)
  MIIMDR: 34, // MII management data: a read or write goes to the PHY (973)
  PCIVID: 35, // PCI vendor (973)
} as const;

/** BCR2: miscellaneous configuration. */
export const BCR2 = {
  TMAULOOP: 0x4000, // external loopback at the transceiver (970A)
  LEDPE: 0x1000, // LED registers may be written
  APROMWE: 0x0100, // APROM may be written
  INTLEVEL: 0x0080, // interrupt line is an edge, not a level
  EADISEL: 0x0008, // external address detection
  AWAKE: 0x0004, // sleep mode keeps the receiver awake (970A)
  ASEL: 0x0002, // port is chosen automatically
  XMAUSEL: 0x0001, // external transceiver (970A)
} as const;

/** BCR4 to 7: what makes an LED light. The registers have one layout and different reset values. */
export const BCR4 = {
  LEDOUT: 0x8000, // the LED is lit now; read only
  LEDPOL: 0x4000, // the pin is active high
  LEDDIS: 0x2000, // the pin is off
  SPEED100: 0x1000, // link runs at 100 Mbps (973)
  MPSE: 0x0200, // Magic Packet arrived
  FDLSE: 0x0100, // link is up and full duplex
  PSE: 0x0080, // stretch short pulses
  LNKSE: 0x0040, // link is up
  RCVME: 0x0020, // receives a frame for this station
  XMTE: 0x0010, // transmits
  RXPOLE: 0x0008, // receive polarity is right (970A)
  RCVE: 0x0004, // receives
  JABE: 0x0002, // jabber (970A)
  COLE: 0x0001, // collision
} as const;

/** BCR9: full duplex control. */
export const BCR9 = {
  FDRPAD: 0x0004, // no runts in full duplex either
  AUIFD: 0x0002, // full duplex on the AUI port (970A)
  FDEN: 0x0001, // full duplex
} as const;

/** BCR18: burst and bus control. */
export const BCR18 = {
  ROMTMG: 0xf000, // expansion ROM timing
  NOUFLO: 0x0800, // a transmission starts when the whole frame is in the FIFO (973)
  MEMCMD: 0x0200, // read command of burst reads
  EXTREQ: 0x0100, // keeps REQ# asserted
  DWIO: 0x0080, // double word I/O mode; read only
  BREADE: 0x0040, // bursts on reads
  BWRITE: 0x0020, // bursts on writes
} as const;

/** BCR19: EEPROM control and status. */
export const BCR19 = {
  PVALID: 0x8000, // the last read of the EEPROM had a good checksum
  PREAD: 0x4000, // read the EEPROM now; clears itself
  EEDET: 0x2000, // an EEPROM is there
  EEN: 0x0010, // the pins are driven by ECS, ESK, EDI
  ECS: 0x0004, // chip select
  ESK: 0x0002, // clock
  EDI: 0x0001, // data in; read: data out
} as const;

/** BCR32: MII control and status (973). */
export const BCR32 = {
  ANTST: 0x8000, // auto-negotiation test
  MIIPD: 0x4000, // a PHY is there
  FMDC: 0x3000, // clock of the management port
  APEP: 0x0800, // auto-poll of the PHY
  APDW: 0x0700, // auto-poll dwell time
  DANAS: 0x0080, // the port manager does not set up auto-negotiation
  XPHYRST: 0x0040, // port manager: reset the PHY
  XPHYANE: 0x0020, // port manager: auto-negotiate
  XPHYFD: 0x0010, // port manager: full duplex
  XPHYSP: 0x0008, // port manager: 100 Mbps
  MIIILP: 0x0002, // loopback at the MII
} as const;

/** BCR33: which register of which PHY BCR34 reads and writes (973). */
export const BCR33 = {
  PHYAD: 0x03e0,
  REGAD: 0x001f,
} as const;
export const BCR33_PHYAD_SHIFT = 5;
/** Management address of the PHY inside the Am79C973. */
export const INTERNAL_PHY_ADDRESS = 30;

/**
 * Which bit (0 to 63) of the logical address filter stands for a multicast address: the high six bits of the CRC over
 * its octets ("Logical Address Filter"), not inverted at the end, with the CRC held as IEEE 802.3 sends it, low bit
 * first. Bit n is in CSR(8 + n / 16), bit n mod 16. `octets` is read from `at`, six bytes.
 */
export function logicalAddressHash(octets: ArrayLike<number>, at = 0): number {
  let crc = 0xffffffff;
  for (let i = 0; i < 6; i++) {
    crc ^= octets[at + i];
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return crc >>> 26;
}
