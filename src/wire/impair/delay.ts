// Delay and jitter. A frame waits by an event while others pass behind it, so delay never lowers the throughput.
// Kept in order the frames wait in a queue; else in a heap, and one with a short delay overtakes.

import { ClockEvent } from '../../kernel/clock.ts';
import { DelayLine } from '../delay-line.ts';
import type { Frame } from '../frame.ts';
import { FrameHeap } from '../frame-queue.ts';
import type { DelayOptions } from './options.ts';
import type { Stage, StageParts } from './stage.ts';

/** Delays one after the other, in ns, 0 or more. */
class DelaySource {
  private readonly parts: StageParts;
  private readonly baseNs: number;
  private readonly jitterNs: number;
  private readonly normal: boolean;

  constructor(parts: StageParts, options: DelayOptions) {
    this.parts = parts;
    this.baseNs = options.baseNs;
    this.jitterNs = options.jitterNs ?? 0;
    this.normal = options.distribution === 'normal';
  }

  nextNs(): number {
    const { baseNs, jitterNs } = this;
    if (jitterNs === 0) return baseNs;
    const { random } = this.parts;
    const deviation = this.normal ? random.normal() : 2 * random.float() - 1;
    return Math.max(0, Math.round(baseNs + deviation * jitterNs));
  }
}

class OrderedDelay implements Stage {
  private readonly parts: StageParts;
  private readonly delays: DelaySource;
  private readonly line: DelayLine;

  constructor(parts: StageParts, options: DelayOptions) {
    this.parts = parts;
    this.delays = new DelaySource(parts, options);
    this.line = new DelayLine(`${parts.name} delay`, parts.clock, parts.next);
  }

  get inFlight(): number {
    return this.line.length;
  }

  take(frame: Frame): void {
    const { clock, counters } = this.parts;
    counters.impair('delayed');
    this.line.hold(frame, clock.now() + this.delays.nextNs());
  }

  clear(): number {
    return this.line.clear(this.parts.pool);
  }
}

class UnorderedDelay implements Stage {
  private readonly parts: StageParts;
  private readonly delays: DelaySource;
  private readonly heap = new FrameHeap();
  private readonly event: ClockEvent;

  constructor(parts: StageParts, options: DelayOptions) {
    this.parts = parts;
    this.delays = new DelaySource(parts, options);
    this.event = new ClockEvent(`${parts.name} delay`, () => this.release());
  }

  get inFlight(): number {
    return this.heap.length;
  }

  take(frame: Frame): void {
    const { clock, counters } = this.parts;
    frame.time = clock.now() + this.delays.nextNs();
    this.heap.push(frame);
    counters.impair('delayed');
    if (this.heap.first() === frame) clock.arm(this.event, frame.time);
  }

  private release(): void {
    const { clock, next } = this.parts;
    const now = clock.now();
    for (let count = this.heap.length; count > 0; count--) {
      const frame = this.heap.first();
      if (frame === null || frame.time > now) break;
      this.heap.shift();
      next.take(frame);
    }
    const first = this.heap.first();
    if (first !== null) clock.arm(this.event, first.time);
  }

  clear(): number {
    this.parts.clock.cancel(this.event);
    return this.heap.clear(this.parts.pool);
  }
}

export function makeDelay(parts: StageParts, options: DelayOptions): Stage {
  return options.keepOrder === false ? new UnorderedDelay(parts, options) : new OrderedDelay(parts, options);
}
