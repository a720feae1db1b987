// A step of an impaired direction. It takes frames and gives them to the next step, at once or later, or drops them.

import type { Clock } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import type { WireCounters } from '../counters.ts';
import type { FramePool } from '../frame.ts';
import type { FrameSink } from '../frame-queue.ts';

export interface Stage extends FrameSink {
  /** Frames held. */
  readonly inFlight: number;
  /** Gives the frames held back to the pool; says how many. */
  clear(): number;
}

/** What a stage is made with. */
export interface StageParts {
  readonly name: string;
  readonly clock: Clock;
  readonly pool: FramePool;
  readonly counters: WireCounters;
  /** A stream of random numbers of its own, so that one impairment does not shift the chances of another. */
  readonly random: Random;
  readonly next: FrameSink;
}
