// Frames that arrive twice, the copy right behind the original.

import type { Frame } from '../frame.ts';
import type { Stage, StageParts } from './stage.ts';

export class Duplication implements Stage {
  readonly inFlight = 0;
  private readonly parts: StageParts;
  private readonly probability: number;

  constructor(parts: StageParts, probability: number) {
    this.parts = parts;
    this.probability = probability;
  }

  take(frame: Frame): void {
    const { random, counters, pool, next } = this.parts;
    // The copy is made first: whoever takes the original may change it.
    const twin = random.chance(this.probability) ? pool.copy(frame) : null;
    next.take(frame);
    if (twin === null) return;
    counters.copies++;
    counters.impair('duplicated');
    next.take(twin);
  }

  clear(): number {
    return 0;
  }
}
