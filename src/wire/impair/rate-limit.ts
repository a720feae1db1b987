// A bottleneck: a token bucket with a bounded queue that drops at its tail. Worked out by virtual scheduling (the GCRA of
// ITU-T I.371): a frame's time of departure is known when it comes.

import { DelayLine } from '../delay-line.ts';
import type { Frame } from '../frame.ts';
import type { RateLimitOptions } from './options.ts';
import type { Stage, StageParts } from './stage.ts';

export class RateLimit implements Stage {
  private readonly parts: StageParts;
  private readonly nsPerByte: number;
  private readonly burstNs: number;
  private readonly queueFrames: number;
  private readonly line: DelayLine;
  /** When all frames so far would have gone at exactly the rate. */
  private paidUntil = 0;

  constructor(parts: StageParts, options: RateLimitOptions) {
    this.parts = parts;
    this.nsPerByte = 8e9 / options.bitsPerSecond;
    this.burstNs = (options.burstBytes ?? 0) * this.nsPerByte;
    this.queueFrames = options.queueFrames ?? 100;
    this.line = new DelayLine(`${parts.name} rate limit`, parts.clock, parts.next);
  }

  get inFlight(): number {
    return this.line.length;
  }

  take(frame: Frame): void {
    const { clock, counters, pool, next } = this.parts;
    if (this.line.length >= this.queueFrames) {
      counters.drop('rateLimit');
      pool.put(frame);
      return;
    }
    const now = clock.now();
    const departure = Math.max(now, this.paidUntil - this.burstNs);
    const takesNs = frame.length * this.nsPerByte;
    this.paidUntil = Math.max(now, this.paidUntil) + takesNs;
    counters.busyNs += takesNs;
    if (departure <= now && this.line.length === 0) {
      next.take(frame);
    } else {
      counters.impair('shaped');
      this.line.hold(frame, departure);
    }
  }

  clear(): number {
    return this.line.clear(this.parts.pool);
  }
}
