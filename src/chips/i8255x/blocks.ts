// What an 8255x finds in the host's memory: command blocks with their transmit data, and receive frame descriptors.
// Software Developer Manual, 6.4.1 (command blocks), 6.4.2.5 (transmit) and 6.4.3.1.2 (receive).
//
//   command block               31  30  29  28-24  23-20  19   18-16      15  14   13  12  11-0
//   +00                         EL  S   I   CID    NC(20) SF   CMD        C   -    OK  U   F(11)
//   +04                         link, from the CU base
//   +08                         the command's own
//
//   transmit command block (TxCB)
//   +08                         TBD array address; all ones in simplified mode
//   +0c                         TBD number (31-24)  threshold (23-16)  EOF (15)  byte count of immediate data (13-0)
//   +10                         immediate data; extended: two TBDs, and immediate data at +20
//
//   transmit buffer descriptor (TBD)
//   +00                         buffer address
//   +04                         EL (16)  size (13-0)
//
//   receive frame descriptor    31  30  29-21  20  19   18-16             15  14   13  12-0
//   +00                         EL  S   -      H   SF   -                 C   -    OK  status
//   +04                         link, from the RU base
//   +08                         reserved (RBD address in flexible mode)
//   +0c                         size (29-16)                              EOF F    actual count (13-0)
//   +10                         data; extended RFDs: VLAN tag and parser results, and data at +20

/** Offsets in a command block. */
export const CB = {
  STATUS: 0x00, // word
  COMMAND: 0x02, // word
  LINK: 0x04,
  ADDRESS: 0x08, // individual address setup: six bytes; dump: where to
  CONFIG: 0x08, // configure: the bytes
  MULTICAST_COUNT: 0x08, // word: bytes of the list, 14 bits
  MULTICAST_LIST: 0x0a,
  MICROCODE: 0x08,
  TBD_ARRAY: 0x08,
  BYTE_COUNT: 0x0c, // word
  THRESHOLD: 0x0e, // byte
  TBD_NUMBER: 0x0f, // byte
  DATA: 0x10,
  EXTENDED_DATA: 0x20,
} as const;
export const MULTICAST_COUNT_MASK = 0x3fff;
/** Microcode is 64 double words (6.4.2.6). */
export const MICROCODE_BYTES = 256;

/** Command word. */
export const COMMAND = {
  EL: 0x8000, // last block of the list: the CU becomes idle
  S: 0x4000, // the CU is suspended after this block
  I: 0x2000, // CX when this block is done
  NC: 0x0010, // transmit: CRC and source address are in the data
  SF: 0x0008, // transmit: flexible mode
  CMD: 0x0007,
} as const;

export const CMD = {
  NOP: 0,
  INDIVIDUAL_ADDRESS: 1,
  CONFIGURE: 2,
  MULTICAST: 3,
  TRANSMIT: 4,
  LOAD_MICROCODE: 5,
  DUMP: 6,
  DIAGNOSE: 7,
} as const;

/** Status word. */
export const STATUS = {
  C: 0x8000, // executed
  OK: 0x2000, // without error
  U: 0x1000, // transmit: an underrun, in this frame or one before
  F: 0x0800, // diagnose: failed
} as const;

/** Byte count word of a TxCB. */
export const TX_COUNT = {
  EOF: 0x8000, // the whole frame is in the command block or its TBDs
  BYTES: 0x3fff,
} as const;
export const SIMPLIFIED_TBD_ARRAY = 0xffffffff;

/** Transmit buffer descriptor: the low half of its second double word, and EL. */
export const TBD_BYTES = 8;
export const TBD = {
  EL: 0x0001, // of the upper half-word: last TBD of the frame
  SIZE: 0x3fff,
} as const;

/** Offsets in a receive frame descriptor. */
export const RFD = {
  STATUS: 0x00, // word
  COMMAND: 0x02, // word
  LINK: 0x04,
  ACTUAL_COUNT: 0x0c, // word
  SIZE: 0x0e, // word
  DATA: 0x10,
  VLAN: 0x10, // extended: the tag, as a number
  EXTENDED_DATA: 0x20,
} as const;

/** Command word of an RFD. */
export const RFD_COMMAND = {
  EL: 0x8000, // the RU has no resources after this one
  S: 0x4000, // the RU is suspended after this one
  H: 0x0010, // header RFD
  SF: 0x0008, // flexible mode
} as const;

/** Status word of an RFD (table 52). */
export const RFD_STATUS = {
  C: 0x8000, // a frame was stored
  OK: 0x2000, // without error
  VLAN: 0x1000, // extended: it had a tag
  CRC: 0x0800,
  ALIGNMENT: 0x0400,
  NO_SPACE: 0x0200, // longer than its space
  OVERRUN: 0x0100,
  SHORT: 0x0080,
  TYPE: 0x0020, // type, not length
  RECEIVE_ERROR: 0x0010, // RX_ER of the PHY
  NO_ADDRESS_MATCH: 0x0004, // let in by promiscuous mode
  NO_IA_MATCH: 0x0002, // not for the individual address
  COLLISION: 0x0001, // 82557 and 82558
} as const;

/** Actual count word. */
export const RFD_COUNT = {
  EOF: 0x8000, // data are complete
  F: 0x4000, // the count is valid
  BYTES: 0x3fff,
} as const;
export const RFD_SIZE_MASK = 0x3fff;
