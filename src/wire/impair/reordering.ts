// Frames that are overtaken: one is held back until `gapFrames` others have passed, or `delayNs` is over, whichever
// comes first. Several can be held at once; among themselves they keep their order.

import { ClockEvent } from '../../kernel/clock.ts';
import type { Frame } from '../frame.ts';
import { FrameQueue } from '../frame-queue.ts';
import type { ReorderingOptions } from './options.ts';
import type { Stage, StageParts } from './stage.ts';

export class Reordering implements Stage {
  private readonly parts: StageParts;
  private readonly probability: number;
  private readonly gapFrames: number;
  private readonly delayNs: number;
  private readonly held = new FrameQueue();
  /** Beside `held`: how many frames had passed when it was held back. */
  private readonly heldAfter: number[] = [];
  private passed = 0;
  private readonly deadline: ClockEvent;

  constructor(parts: StageParts, options: ReorderingOptions) {
    this.parts = parts;
    this.probability = options.probability;
    this.gapFrames = options.gapFrames ?? 1;
    this.delayNs = options.delayNs ?? 10_000_000;
    this.deadline = new ClockEvent(`${parts.name} reordering`, () => this.release());
  }

  get inFlight(): number {
    return this.held.length;
  }

  take(frame: Frame): void {
    const { random, clock, next } = this.parts;
    if (random.chance(this.probability)) {
      frame.time = clock.now() + this.delayNs;
      this.held.push(frame);
      this.heldAfter.push(this.passed);
      if (this.held.length === 1) clock.arm(this.deadline, frame.time);
      return;
    }
    this.passed++;
    next.take(frame);
    if (this.held.length > 0) this.release();
  }

  /** Lets go whom enough frames have overtaken, or whose time is over. */
  private release(): void {
    const { clock, counters, next } = this.parts;
    const now = clock.now();
    for (let { head } = this.held; head !== null; { head } = this.held) {
      const overtakenBy = this.passed - this.heldAfter[0];
      if (overtakenBy < this.gapFrames && head.time > now) {
        clock.arm(this.deadline, head.time);
        return;
      }
      this.held.shift();
      this.heldAfter.shift();
      if (overtakenBy > 0) counters.impair('reordered');
      next.take(head);
    }
    clock.cancel(this.deadline);
  }

  clear(): number {
    this.heldAfter.length = 0;
    this.parts.clock.cancel(this.deadline);
    return this.held.clear(this.parts.pool);
  }
}
