// What became of every frame, for reports and for the sums that show nothing vanished:
//   received + looped = delivered + all of RECEIVE_DROPS
//   taken = transmitted + all of TRANSMIT_ERRORS + waiting
// Both hold exactly at every instant between clock events: `waiting` has the frame on the medium and those in the FIFO.
// Off the medium came `received`. In the driver's hands are delivered + truncated: of a frame that was cut the first part
// is in a descriptor that the driver gets back. `looped` and `taken` are the same frame when the chip hears itself. Frames
// that wait for a descriptor are nowhere: without one they are lost at once. The counters survive every reset.
// The chip's own statistics, which drivers read, are in core.ts: they know less.

export class I8255xCounters {
  /** Frames and bytes (without FCS) from the medium. */
  received = 0;
  receivedBytes = 0;
  /** Frames the chip sent to itself in loopback. */
  looped = 0;
  /** Frames stored in the host's memory whole, those with errors included. */
  delivered = 0;
  deliveredBytes = 0;
  /** Of the delivered ones, in the mode that saves bad frames: with a bad FCS; too short; too long. */
  savedCrcErrors = 0;
  savedShort = 0;
  savedLong = 0;

  /** The PHY had no link, or was isolated or powered down. */
  linkDown = 0;
  /** From outside, while in loopback. */
  loopbackMode = 0;
  /** For another address. */
  filtered = 0;
  /** Pause frames and other MAC control that the chip keeps for itself. */
  flowControl = 0;
  /** Shorter than 64 bytes with FCS. */
  runt = 0;
  crcError = 0;
  /** Longer than 1518 bytes with FCS. */
  tooLong = 0;
  /** The receive unit was idle, suspended, or out of descriptors. */
  idle = 0;
  suspended = 0;
  noResources = 0;
  /** Longer than the space of its descriptor: its first part was stored. */
  truncated = 0;
  /** Descriptor or data could not be reached. */
  busError = 0;

  /** Frames taken into the transmit FIFO, or lost on the way there. */
  taken = 0;
  /** Of those, not sent yet: in the FIFO or on the medium. */
  waiting = 0;
  transmitted = 0;
  transmittedBytes = 0;
  txRetry = 0;
  txLateCollision = 0;
  txNoCarrier = 0;
  /** The TBDs ended before the frame. */
  txUnderrun = 0;
  /** Longer than any frame the wire takes. */
  txOversize = 0;
  txBusError = 0;
  /** A pause frame that found the FIFO full. */
  txFifoFull = 0;
  /** Under way at a reset. */
  txAborted = 0;

  /** Command blocks executed; those of a kind that is not modelled. */
  commands = 0;
  unknownCommands = 0;
  microcodeLoads = 0;
  /** Commands in the SCB that mean nothing, or nothing in that state. */
  ignoredScbCommands = 0;
  /** Bus accesses that failed. */
  busFaults = 0;
}

export const RECEIVE_DROPS = [
  'linkDown',
  'loopbackMode',
  'filtered',
  'flowControl',
  'runt',
  'crcError',
  'tooLong',
  'idle',
  'suspended',
  'noResources',
  'truncated',
  'busError',
] as const satisfies readonly (keyof I8255xCounters)[];

export const TRANSMIT_ERRORS = [
  'txRetry',
  'txLateCollision',
  'txNoCarrier',
  'txUnderrun',
  'txOversize',
  'txBusError',
  'txFifoFull',
  'txAborted',
] as const satisfies readonly (keyof I8255xCounters)[];
