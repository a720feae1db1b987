// Recognises frames again: a port notes what it sends, a host's device layer shows what arrives. Frames with the same bytes
// are matched oldest first; a copy made on the way matches nothing and is counted apart.

import { Histogram } from '../inet/histogram.ts';
import { crc32 } from '../wire/crc32.ts';

/** Frames under way that are remembered; older ones count as lost. A second of a fast wire's smallest frames. */
const REMEMBERED = 1 << 18;

export class FrameMatch {
  sent = 0;
  received = 0;
  /** Arrived and not sent by this port, or a second time. */
  others = 0;
  readonly latency = new Histogram();
  /** Times of frames under way by their CRC, oldest first. */
  private readonly underWay = new Map<number, number[]>();
  private remembered = 0;

  /** A frame of `length` bytes begins to leave. */
  leave(u8: Uint8Array, at: number, length: number, nowNs: number): void {
    this.sent++;
    const key = crc32(u8, at, length);
    const times = this.underWay.get(key);
    if (times === undefined) this.underWay.set(key, [nowNs]);
    else times.push(nowNs);
    if (++this.remembered > REMEMBERED) this.forgetOldest();
  }

  /** A frame was received whole. */
  arrive(u8: Uint8Array, at: number, length: number, nowNs: number): void {
    const key = crc32(u8, at, length);
    const times = this.underWay.get(key);
    if (times === undefined) {
      this.others++;
      return;
    }
    const leftAt = times.shift() as number;
    if (times.length === 0) this.underWay.delete(key);
    this.remembered--;
    this.received++;
    this.latency.record(nowNs - leftAt);
  }

  private forgetOldest(): void {
    for (const [key, times] of this.underWay) {
      this.remembered -= times.length;
      this.underWay.delete(key);
      return;
    }
  }
}
