// What became of every frame, for reports and for the sum that shows nothing vanished:
//   received + looped = delivered + all of RECEIVE_DROPS
//   taken = transmitted + all of TRANSMIT_ERRORS + the frame that is being sent, if any

export class PcnetCounters {
  /** Frames and bytes (without FCS) from the medium. */
  received = 0;
  receivedBytes = 0;
  /** Frames the chip sent to itself in loopback. */
  looped = 0;
  /** Frames given to the host whole, those with a bad FCS included. */
  delivered = 0;
  deliveredBytes = 0;
  /** Of the delivered ones: with a bad FCS; longer than 1518 bytes with FCS. */
  crcErrors = 0;
  giants = 0;

  /** The receiver was off: stopped, suspended or RXON clear. */
  rxOff = 0;
  /** The PHY had no link, or was isolated or powered down. */
  linkDown = 0;
  /** From outside, while in internal loopback. */
  loopbackMode = 0;
  /** Received while waiting for a Magic Packet. */
  magicPacketMode = 0;
  /** Shorter than 64 bytes with FCS. */
  runt = 0;
  /** For another address. */
  filtered = 0;
  /** No receive descriptor: MISS. */
  missed = 0;
  /** The chain of descriptors ended before the frame: BUFF. */
  bufferError = 0;
  /** Descriptor or buffer could not be reached: MERR or SINT. */
  busError = 0;

  /** Frames begun from the transmit ring. */
  taken = 0;
  transmitted = 0;
  transmittedBytes = 0;
  /** The chain of descriptors ended before the frame: BUFF and UFLO. */
  txUnderflow = 0;
  txRetry = 0;
  txLateCollision = 0;
  txNoCarrier = 0;
  /** Longer than any frame the wire takes. */
  txOversize = 0;
  txBusError = 0;
  /** Under way when the chip was stopped. */
  txAborted = 0;

  /** Transmit descriptors passed over because they did not start a frame. */
  skippedDescriptors = 0;
  /** Bus accesses that failed. */
  busFaults = 0;
}

export const RECEIVE_DROPS = [
  'rxOff',
  'linkDown',
  'loopbackMode',
  'magicPacketMode',
  'runt',
  'filtered',
  'missed',
  'bufferError',
  'busError',
] as const satisfies readonly (keyof PcnetCounters)[];

export const TRANSMIT_ERRORS = [
  'txUnderflow',
  'txRetry',
  'txLateCollision',
  'txNoCarrier',
  'txOversize',
  'txBusError',
  'txAborted',
] as const satisfies readonly (keyof PcnetCounters)[];
