// The numbers that rules speak of, each a setting of ours unless said. Times are ns of virtual time.

const MS = 1_000_000;
const SECOND = 1_000_000_000;

export const NUMBERS = {
  /** I04, N10: a frame is delivered, a queue moves again. */
  wakeUpNs: 10 * MS,
  /** I05: deliveries at one instant. */
  storm: 1000,
  /** N09: until a sent buffer is freed without further traffic; ours, where NDIS allows 30 s. */
  freedNs: 3 * SECOND,
  /** F03: register reads of one callback. */
  stepLimit: 100_000,
  /** F05: from the last flap to traffic, negotiation included. */
  linkNs: 5 * SECOND,
  /** F07: reads of one register at one instant. */
  polling: 10_000,
  /** F08: until a request is answered. */
  requestNs: 5 * SECOND,
  /** N17: packets of one source before another one has its turn: 8 rounds of a ring of 256. */
  starved: 8 * 256,
  /** P14: between two censuses of callouts, and how many. */
  censusNs: SECOND,
  censuses: 10,
  /** P20: from quiesce_callout to quiesce_block. */
  quiesceNs: SECOND,
  /** Until a first link: negotiation, and a monitor that looks every two seconds. */
  bringUpNs: 20 * SECOND,
  /** P01: times that init is called. */
  inits: [2, 10],
  /** I04, I06: register accesses at which an adversary strikes, at most. */
  points: 60,
} as const;
