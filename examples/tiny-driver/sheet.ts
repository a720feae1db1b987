// The data sheet of the Tiny, a network card that nobody makes. It is all that its driver and its model have in common.
//
// PCI 7e57:0001. BAR 0 is 64 bytes of memory space with registers of 32 bits; INTA# is a level.
// Two rings of 16 descriptors, 8 bytes each, in memory, 4-byte aligned:
//
//   +0   physical address of a buffer
//   +4   OWN 31 | ERR 30 | length 15:0
//
// OWN: the card's. To receive, the driver gives a buffer with its size; the card takes one frame into it and gives it back
// with the length of the frame. To send, the driver gives a frame with its length, in one piece; the card gives it back when
// the frame has left, with ERR when it has not. The card takes descriptors in order and never passes one over.

export const PCI = { VENDOR_ID: 0x7e57, DEVICE_ID: 0x0001 } as const;

/** Registers. All of them read ones when the card is gone. */
export const REG = {
  /** Writing it without RUN resets the card: it forgets everything but DROPPED. */
  CONTROL: 0x00,
  /** What has happened. Ones that are written clear; as long as one is set, the card interrupts. */
  CAUSE: 0x04,
  /** Physical address of the receive ring; the transmit ring is right behind it. Not to be written while it runs. */
  RINGS: 0x08,
  /** Writing: there is something to send. */
  KICK: 0x0c,
  /** Frames that were for us and could not be taken: damaged, too short or too long, no descriptor. Reading clears. */
  DROPPED: 0x10,
  /** Station address: six octets, which may be read one by one. */
  ADDRESS: 0x18,
} as const;

/** Running, the card takes frames for its own address and for groups; or all that there are. */
export const CONTROL = { RUN: 0x01, RUN_PROMISCUOUS: 0x03 } as const;

/** RX: a frame was taken, or dropped. TX: a transmit descriptor was given back. */
export const CAUSE = { RX: 0x01, TX: 0x02 } as const;

export const SLOTS = 16;
export const RING_BYTES = 8 * SLOTS;

/** Frames without their FCS, which the card makes and checks. It pads what is shorter with zeros. */
export const SHORTEST = 60;
export const LONGEST = 1518;

export const OWN = 0x80000000;
export const ERR = 0x40000000;
export const LENGTH = 0xffff;
