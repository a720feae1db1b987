// Frames under way that come out in the order they went in: a queue with one clock event, armed for its head.
//
//     hold(frame, due)  ─▶  [ tail ... head ]  ─▶  sink.take(frame) at its time
//
// A frame due at once still comes out by the event, never inside `hold`, so that two hosts cannot call each other
// without end. All frames due at one time come out by one event.

import { type Clock, ClockEvent } from '../kernel/clock.ts';
import type { Frame, FramePool } from './frame.ts';
import { FrameQueue, type FrameSink } from './frame-queue.ts';

/** `due` of a frame that comes out at the instant it went in: spares the reading of the clock. */
export const AT_ONCE = -1;

export class DelayLine {
  private readonly clock: Clock;
  private readonly sink: FrameSink;
  private readonly queue = new FrameQueue();
  private readonly event: ClockEvent;

  constructor(name: string, clock: Clock, sink: FrameSink) {
    this.clock = clock;
    this.sink = sink;
    this.event = new ClockEvent(name, () => this.release());
  }

  get length(): number {
    return this.queue.length;
  }

  /** Takes a frame that comes out at `dueNs`, or with the one before it if that is later. */
  hold(frame: Frame, dueNs: number): void {
    frame.time = dueNs;
    this.queue.push(frame);
    if (this.queue.length === 1) this.clock.arm(this.event, dueNs);
  }

  /** Lets out what is due. Frames that enter meanwhile wait for the next event. */
  private release(): void {
    const { queue } = this;
    const now = this.clock.now();
    for (let count = queue.length; count > 0; count--) {
      const { head } = queue;
      if (head === null || head.time > now) break;
      queue.shift();
      this.sink.take(head);
    }
    // Whoever took a frame may have put in another: `hold` armed the event only if the line was empty then.
    if (queue.head !== null) this.clock.arm(this.event, queue.head.time);
  }

  /** Gives all frames back to the pool; says how many. */
  clear(pool: FramePool): number {
    this.clock.cancel(this.event);
    return this.queue.clear(pool);
  }
}
