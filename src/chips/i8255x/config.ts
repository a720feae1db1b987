// The bytes of the configure command and what their bits mean (6.4.2.3). Byte 0 says how many bytes follow in its low
// six bits; what is not given keeps its value. Bits that only choose timing, FIFO limits or wake-up events are listed
// without a name of their own.
//
//    0  byte count                       11  linear priority (82557)
//    1  FIFO limits                      12  interframe spacing, linear priority mode
//    2  adaptive IFS                     13  ARP filter, low   (82558 B)
//    3  MWI, alignment (82558 on)        14  ARP filter, high  (82558 B)
//    4  receive DMA maximum              15  CRS|1|CRC16|IGN_UL|1|WAW|BROADCAST_DISABLE|PROMISCUOUS
//    5  transmit DMA maximum             16  flow control delay, low
//    6  SBF|OVR|STD_STAT|STD_TCB|        17  flow control delay, high
//       CI|TNO or TCO|DMA|SCB            18  1|priority|LONG_OK|CRC|PADDING|STRIPPING
//    7  DYN_TBD|TWO_FRAMES|EXT_RFD|      19  FDX_PIN|FORCE_FDX|REJECT_FC|...|FC_DISABLE|...
//       -|-|retry|DISCARD_SHORT          20  -|MULTI_IA|1|11111
//    8  CSMA off, MII                    21  -|MULTICAST_ALL|101
//    9  wake, VLAN, RX_CHECKSUM          22  VLAN_STRIP|GAMLA            (82550 on; bytes 23 to 31 are reserved)
//   10  LOOPBACK|preamble|NSAI|110

export const CONFIG_BYTES = 32;
/** Bytes that the chips before the 82550 know. */
export const STANDARD_CONFIG_BYTES = 22;
export const CONFIG_COUNT_MASK = 0x3f;

/** Bits, each with the number of its byte. */
export const CONFIG = {
  TNO_OR_TCO: { byte: 6, bit: 0x04 }, // 82557, 82558: TNO interrupt; 82559 on: TCO statistics are dumped
  CI: { byte: 6, bit: 0x08 }, // CNA only when the CU becomes idle, not when it is suspended
  STANDARD_TCB: { byte: 6, bit: 0x10 }, // 82558 on: no extended TxCBs
  STANDARD_STATISTICS: { byte: 6, bit: 0x20 }, // 82558 on: 16 counters are dumped
  SAVE_BAD: { byte: 6, bit: 0x80 }, // bad frames are stored
  DISCARD_SHORT: { byte: 7, bit: 0x01 }, // frames below 64 bytes are not
  EXTENDED_RFD: { byte: 7, bit: 0x20 }, // 82550 on
  TWO_FRAMES: { byte: 7, bit: 0x40 }, // 82558 on: no more than two frames in the transmit FIFO
  DYNAMIC_TBD: { byte: 7, bit: 0x80 }, // 82558 on: the TBD number means nothing, EL ends the array
  RX_CHECKSUM: { byte: 9, bit: 0x01 }, // 82559 on: two bytes of checksum behind a frame
  NSAI: { byte: 10, bit: 0x08 }, // the source address is in the data
  PROMISCUOUS: { byte: 15, bit: 0x01 },
  BROADCAST_DISABLE: { byte: 15, bit: 0x02 },
  IGNORE_UL: { byte: 15, bit: 0x10 }, // 82558 on: the U/L bit of the individual address is not compared
  STRIPPING: { byte: 18, bit: 0x01 }, // pad of short 802.3 frames is not stored
  PADDING: { byte: 18, bit: 0x02 }, // short frames are padded
  TRANSFER_CRC: { byte: 18, bit: 0x04 }, // the FCS is stored
  LONG_OK: { byte: 18, bit: 0x08 }, // 82558 on: frames above 1518 bytes are good
  FC_DISABLE: { byte: 19, bit: 0x04 }, // 82558 on: pause frames do not stop the transmitter
  REJECT_FC: { byte: 19, bit: 0x20 }, // 82558 on: pause frames are not stored
  FORCE_FDX: { byte: 19, bit: 0x40 },
  FDX_PIN: { byte: 19, bit: 0x80 }, // full duplex follows the PHY
  MULTI_IA: { byte: 20, bit: 0x40 }, // the hash table is for every address
  MULTICAST_ALL: { byte: 21, bit: 0x08 },
  GAMLA: { byte: 22, bit: 0x01 }, // 82550 on: its own receive mode
  VLAN_STRIP: { byte: 22, bit: 0x02 }, // 82550 on: tags go from the frame to the RFD
} as const;

/** LOOPBACK: bits 7 and 6 of byte 10. */
export const LOOPBACK_BYTE = 10;
export const LOOPBACK_SHIFT = 6;
export const LOOPBACK = { NONE: 0, INTERNAL: 1, EXTERNAL_PIN: 2, EXTERNAL: 3 } as const;
/** Bytes with the pause time that XOFF announces, low one first. */
export const FC_DELAY_BYTE = 16;

export type ConfigBit = (typeof CONFIG)[keyof typeof CONFIG];

/** The defaults after a software or hardware reset (6.4.2.3, table 46 and "Default" of each bit). */
export const DEFAULT_CONFIG: readonly number[] = [
  22, 0x08, 0x00, 0x00, 0x00, 0x00, 0x32, 0x03, 0x00, 0x00, 0x2e, 0x00, 0x60, 0x00, 0xf2, 0xc8, 0x00, 0x40,
  0xf2, 0x80, 0x3f, 0x05,
];

/** A configure command's bytes with only these bits set over the defaults, for drivers and tests. */
export function configBytes(set: readonly ConfigBit[], clear: readonly ConfigBit[] = []): Uint8Array {
  const bytes = new Uint8Array(STANDARD_CONFIG_BYTES);
  bytes.set(DEFAULT_CONFIG);
  for (const { byte, bit } of set) bytes[byte] |= bit;
  for (const { byte, bit } of clear) bytes[byte] &= ~bit;
  return bytes;
}
