// Intel's 8255x family as code: the control/status registers (CSR), the system control block (SCB), EEPROM and MDI pins,
// PORT. After the "8255x 10/100 Mbps Ethernet Controller Family Open Source Software Developer Manual", revision 1.3,
// January 2006, whose sections are cited. Names and hex are the manual's.
// Shared by the model and by drivers: it says what the hardware is and holds no state. Command blocks and frame
// descriptors are in blocks.ts, the bytes of the configure command in config.ts.
//
//          31        24 23        16 15         8 7          0
//   +00    INT CONTROL | COMMAND    | STAT/ACK   | STATUS         SCB (6.3.2)
//   +04    general pointer                                         SCB
//   +08    PORT                                                    (6.3.3)
//   +0c    EEPROM control           | flash control                (6.3.4)
//   +10    MDI control                                             (6.3.5)
//   +14    receive DMA byte count
//   +18    PMDR        | flow control            | early receive   82558 and later
//   +1c    -           | -          | gen status | gen control     82559 and later
//   +30    function event, its mask, present state, force          82559 and later, CardBus only

export const PCI_VENDOR_ID = 0x8086;
export const PCI_DEVICE_ID = {
  I8255X: 0x1229, // 82557, 82558, 82559, 82550, 82551QM
  I8255XER: 0x1209, // 82559ER, 82551ER, 82551IT
} as const;
/** The controller in the chip set 82801BA (ICH2): an 82559 in all that counts here, with revisions of its own. */
export const I82801BA = 0x2449;

/** PCI revisions from which a chip is this or a later one, the latest first (4.1.7). */
export const CHIP_REVISIONS: readonly (readonly [revision: number, chip: string])[] = [
  [0x0f, '82551'],
  [0x0c, '82550'],
  [0x06, '82559'],
  [0x04, '82558'],
  [0x00, '82557'],
];
/** From this revision on: extended TxCBs, frames above 1518 bytes, flow control. */
export const FIRST_82558 = 0x04;

/** Memory space that BAR0 asks for; the registers are at its beginning (4.1.10). */
export const MEMORY_BYTES = 4096;
/** Flash space of the 82557 (4.1.10). */
export const FLASH_BYTES = 1 << 20;

/** Offsets in BAR0 (memory) and BAR1 (I/O). All fields may be accessed as bytes, words and double words (6.3.1). */
export const CSR = {
  SCB_STATUS: 0x00, // byte: states of CU and RU
  SCB_STAT_ACK: 0x01, // byte: interrupt causes, cleared by writing ones
  SCB_COMMAND: 0x02, // byte: CU and RU command; reads zero when it was accepted
  SCB_CONTROL: 0x03, // byte: interrupt masks and SI
  SCB_POINTER: 0x04, // double word: the command's argument
  PORT: 0x08, // double word: resets, self-test, dump
  FLASH_CONTROL: 0x0c, // word
  EEPROM_CONTROL: 0x0e, // word
  MDI_CONTROL: 0x10, // double word
  RX_DMA_COUNT: 0x14, // double word: read-only
  EARLY_RECEIVE: 0x18, // byte: in units of 8 bytes before the end
  FLOW_THRESHOLD: 0x19, // byte
  FLOW_COMMAND: 0x1a, // byte
  PMDR: 0x1b, // byte: what woke the machine
  GENERAL_CONTROL: 0x1c, // byte
  GENERAL_STATUS: 0x1d, // byte
} as const;

/**
 * SCB status byte (6.3.2.1).
 * @public
 */
export const SCB_STATUS = {
  CUS: 0xc0, // state of the command unit: CUS
  RUS: 0x3c, // state of the receive unit: RUS
} as const;
export const CUS_SHIFT = 6;
export const RUS_SHIFT = 2;
export const CUS = { IDLE: 0, SUSPENDED: 1, ACTIVE: 2 } as const;
export const RUS = { IDLE: 0, SUSPENDED: 1, NO_RESOURCES: 2, READY: 4 } as const;

/** STAT/ACK byte: causes of an interrupt (6.3.2.1). */
export const STAT_ACK = {
  CX: 0x80, // a command with its I bit was executed; TNO: a transmission failed
  FR: 0x40, // a frame was received
  CNA: 0x20, // the CU left the active state; CI: it became idle
  RNR: 0x10, // the RU left the ready state
  MDI: 0x08, // an MDI read or write is done
  SWI: 0x04, // software asked for it
  ER: 0x02, // early receive (82558 and later)
  FCP: 0x01, // a pause frame arrived (82558 and later)
} as const;

/** Interrupt control byte (6.3.2.2). The masks of single causes are not in the 82557. */
export const SCB_CONTROL = {
  CX_MASK: 0x80,
  FR_MASK: 0x40,
  CNA_MASK: 0x20,
  RNR_MASK: 0x10,
  ER_MASK: 0x08,
  FCP_MASK: 0x04,
  SI: 0x02, // write 1: raise SWI; reads 0
  M: 0x01, // no interrupts at all
} as const;

/** CU commands, in bits 7 to 4 of the command byte (6.3.2.2). 3 and b (high-priority queue) are reserved. */
export const CUC = {
  NOP: 0x0,
  START: 0x1, // general pointer: first command block, from the CU base
  RESUME: 0x2,
  LOAD_DUMP_ADDRESS: 0x4, // general pointer: where statistics go
  DUMP_STATISTICS: 0x5,
  LOAD_BASE: 0x6, // general pointer: CU base
  DUMP_RESET_STATISTICS: 0x7,
  STATIC_RESUME: 0xa, // 82558 and later
} as const;
export const CUC_SHIFT = 4;

/** RU commands, in bits 2 to 0 of the command byte (6.3.2.2). */
export const RUC = {
  NOP: 0,
  START: 1, // general pointer: first receive frame descriptor, from the RU base
  RESUME: 2,
  DMA_REDIRECT: 3, // 82558 and later
  ABORT: 4,
  LOAD_HDS: 5, // general pointer: header data size
  LOAD_BASE: 6, // general pointer: RU base
  RBD_RESUME: 7, // flexible mode
} as const;
export const RUC_MASK = 0x7;
/** Header data size: the low 14 bits of the general pointer. */
export const HDS_MASK = 0x3fff;

/** PORT: function in bits 3 to 0, the address of a 16-byte boundary above (6.3.3). */
export const PORT = {
  SOFTWARE_RESET: 0,
  SELF_TEST: 1, // writes two double words: signature, result
  SELECTIVE_RESET: 2, // CU and RU idle; configuration and addresses stay
  DUMP: 3, // writes DUMP_BYTES
} as const;
export const PORT_FUNCTION = 0xf;

/**
 * Result of the self-test: what failed; 0 is passed (6.3.3.2).
 * @public
 */
export const SELF_TEST = {
  ROM: 0x0004,
  REGISTERS: 0x0008,
  DIAGNOSE: 0x0020,
  GENERAL: 0x1000,
} as const;

/** Last word of the statistics in memory (6.3.2.4). */
export const DUMP_COMPLETE = 0xa005;
export const DUMP_RESET_COMPLETE = 0xa007;

/** Statistical counters by number; four bytes each in memory (6.3.2.4, table 17). */
export const STATISTIC = {
  TX_GOOD: 0,
  TX_MAX_COLLISIONS: 1,
  TX_LATE_COLLISIONS: 2,
  TX_UNDERRUNS: 3,
  TX_LOST_CRS: 4,
  TX_DEFERRED: 5,
  TX_SINGLE_COLLISION: 6,
  TX_MULTIPLE_COLLISIONS: 7,
  TX_TOTAL_COLLISIONS: 8,
  RX_GOOD: 9,
  RX_CRC_ERRORS: 10,
  RX_ALIGNMENT_ERRORS: 11,
  RX_RESOURCE_ERRORS: 12,
  RX_OVERRUNS: 13,
  RX_COLLISIONS: 14,
  RX_SHORT: 15,
  FC_TX_PAUSE: 16, // 82558 and later
  FC_RX_PAUSE: 17,
  FC_RX_UNSUPPORTED: 18,
  TCO: 19, // 82559 and later: transmitted in the low half, received in the high half
} as const;
export const STATISTICS = 20;

/** EEPROM control register (6.3.4). */
export const EEPROM_CONTROL = {
  EEDO: 0x08, // what the EEPROM says; read-only
  EEDI: 0x04, // what it is told
  EECS: 0x02, // chip select
  EESK: 0x01, // clock: both sides act on its rising edge
} as const;

/** MDI control register (6.3.5). */
export const MDI_CONTROL = {
  IE: 0x20000000, // raise MDI when done
  READY: 0x10000000, // done; cleared by the write that starts
  OPCODE: 0x0c000000, // MDI_WRITE or MDI_READ
  PHYADD: 0x03e00000,
  REGADD: 0x001f0000,
  DATA: 0x0000ffff,
} as const;
export const MDI_OPCODE_SHIFT = 26;
export const MDI_PHY_SHIFT = 21;
export const MDI_REGISTER_SHIFT = 16;
export const MDI_WRITE = 1;
export const MDI_READ = 2;
/** Management address of the PHY: the 82555 beside the 82557, the one inside the later chips. */
export const PHY_ADDRESS = 1;

/** Flow control threshold byte: bytes free in the receive FIFO (6.6). */
export const FLOW_THRESHOLD_MASK = 0x07;
/** Flow control command byte. */
export const FLOW_COMMAND = {
  XON: 0x01, // write 1: send PAUSE(0)
  XOFF: 0x02, // write 1: send PAUSE with the configured delay
  PAUSED: 0x04, // the transmitter waits; read-only
  PAUSED_LOW: 0x08, // it waits for low priority; read-only
  FULL: 0x10, // the receive FIFO is above the threshold; read-only
} as const;

/**
 * General control byte (82559 and later).
 * @public
 */
export const GENERAL_CONTROL = {
  DEEP_POWER_DOWN: 0x02,
  CLKRUN_DISABLE: 0x01,
} as const;
export const GENERAL_CONTROL_MASK = 0x03;

/** General status byte (82559 and later). */
export const GENERAL_STATUS = {
  FULL_DUPLEX: 0x04,
  SPEED_100: 0x02,
  LINK: 0x01,
} as const;

/** Bytes that the dump command and PORT dump write (6.4.2.7). */
export const DUMP_BYTES = 596;
