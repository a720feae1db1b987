// Recognises frames again: a port notes what it sends, a host's device layer shows what arrives. Frames with the same bytes
// are told apart by the order of sending: the oldest that is newer than all that arrived, since what was overtaken is likely
// lost. A copy made on the way matches nothing and is counted apart.

import { Histogram } from '../inet/histogram.ts';
import { crc32 } from '../wire/crc32.ts';

/** Frames under way that are remembered; older ones count as lost. A second of a fast wire's smallest frames. */
const REMEMBERED = 1 << 18;
/** A frame overtaken by more than this is not waited for: reordering and jitter move a frame by a few dozen. */
const OVERTAKEN = 128;

/** A frame under way: the how manieth it was, and when it left. */
interface Left {
  readonly number: number;
  readonly timeNs: number;
}

export class FrameMatch {
  sent = 0;
  received = 0;
  /** Arrived and not sent by this port, or a second time. */
  others = 0;
  /** Received, with nothing to say which of several frames alike it was, or by clocks that were apart. */
  untimed = 0;
  readonly latency = new Histogram();
  /** Frames under way by their CRC, oldest first. */
  private readonly underWay = new Map<number, Left[]>();
  private remembered = 0;
  /** The newest that arrived. */
  private newest = -1;

  /** A frame of `length` bytes begins to leave. */
  leave(u8: Uint8Array, at: number, length: number, nowNs: number): void {
    const left = { number: this.sent++, timeNs: nowNs };
    const key = crc32(u8, at, length);
    const alike = this.underWay.get(key);
    if (alike === undefined) this.underWay.set(key, [left]);
    else alike.push(left);
    if (++this.remembered > REMEMBERED) this.forgetOldest();
  }

  /** A frame was received whole. */
  arrive(u8: Uint8Array, at: number, length: number, nowNs: number): void {
    const key = crc32(u8, at, length);
    const alike = this.underWay.get(key);
    const left = alike === undefined ? undefined : this.choose(alike, nowNs);
    if (alike?.length === 0) this.underWay.delete(key);
    if (left === undefined) {
      this.others++;
      return;
    }
    this.received++;
    if (left.number > this.newest) this.newest = left.number;
  }

  /** Takes out the one that it is, and records how long it took where that is certain. */
  private choose(alike: Left[], nowNs: number): Left | undefined {
    while (alike.length > 0 && alike[0].number < this.newest - OVERTAKEN) {
      alike.shift();
      this.remembered--;
    }
    if (alike.length === 0) return undefined;
    const ahead = alike.findIndex((left) => left.number > this.newest);
    // None is newer than what arrived: it was overtaken, the last of them most likely.
    const index = ahead < 0 ? alike.length - 1 : ahead;
    const certain = index === alike.length - 1;
    const [left] = alike.splice(index, 1);
    this.remembered--;
    if (certain && nowNs >= left.timeNs) this.latency.record(nowNs - left.timeNs);
    else this.untimed++;
    return left;
  }

  private forgetOldest(): void {
    for (const [key, alike] of this.underWay) {
      this.remembered -= alike.length;
      this.underWay.delete(key);
      return;
    }
  }
}
