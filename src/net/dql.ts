// Dynamic queue limits: how many bytes a driver's ring should hold so that the wire never runs dry, and not more. After T. Herbert,
// "Byte queue limits" (2011), and the kernel's documentation of /sys/class/net/*/queues/*/byte_queue_limits; the rules are our own:
//
//   grow     the ring ran dry although the limit had kept packets back since the last completion: by what was sent meanwhile
//   shrink   for hold_time the ring always held more than it sent between two completions: by the least it held too much

/** A packet of the longest kind, so that one always fits. */
const MOST = 1_879_048_192;
const HOLD_NS = 1_000_000_000;
const NOW = 0;
const SINCE = 1;

export class DynamicQueueLimit {
  /** Bytes; the limit stays between these two. */
  limitMin = 0;
  limitMax = MOST;
  /** ns that slack must last before the limit shrinks. */
  holdTimeNs = HOLD_NS;
  /** Bytes the ring may hold now, and holds. */
  limit = 0;
  inFlight = 0;
  /** The limit has kept packets back since the last completion. */
  private limited = false;
  private leastSlack = MOST;
  private readonly times = new Float64Array(2);
  private readonly stamp: (to: Float64Array, index: number) => void;

  /** `stamp` writes the time in ns. */
  constructor(stamp: (to: Float64Array, index: number) => void) {
    this.stamp = stamp;
    this.reset();
  }

  /** The ring is empty, nothing is known. */
  reset(): void {
    this.limit = this.limitMin;
    this.inFlight = 0;
    this.limited = false;
    this.leastSlack = MOST;
    this.stamp(this.times, SINCE);
  }

  /** Bytes that may still be sent; below 0: over the limit by so much. */
  get room(): number {
    return this.limit - this.inFlight;
  }

  /** Bytes were given to the device. False: the next have to wait. */
  sent(bytes: number): boolean {
    const inFlight = this.inFlight + bytes;
    this.inFlight = inFlight;
    if (inFlight <= this.limit) return true;
    this.limited = true;
    return false;
  }

  /** Bytes have left it. Throws RangeError when more than were sent. */
  completed(bytes: number): void {
    if (bytes > this.inFlight)
      throw new RangeError(`completed ${bytes} bytes of the ${this.inFlight} that were sent`);
    if (bytes === 0) return;
    const { times } = this;
    this.inFlight -= bytes;
    this.stamp(times, NOW);
    if (this.limited && this.inFlight === 0) {
      this.setLimit(this.limit + bytes);
      this.startPeriod();
    } else {
      if (this.limited) this.leastSlack = Math.min(this.leastSlack, Math.max(0, this.inFlight - bytes));
      if (times[NOW] - times[SINCE] >= this.holdTimeNs) {
        if (this.leastSlack < MOST) this.setLimit(this.limit - this.leastSlack);
        this.startPeriod();
      }
    }
    this.limited = this.inFlight > this.limit;
  }

  private startPeriod(): void {
    this.leastSlack = MOST;
    this.times[SINCE] = this.times[NOW];
  }

  private setLimit(bytes: number): void {
    this.limit = Math.min(this.limitMax, Math.max(this.limitMin, bytes));
  }
}
