// Puts the impairments of one direction behind one another, in the order drawn in options.ts.

import type { Clock } from '../../kernel/clock.ts';
import { Random } from '../../kernel/random.ts';
import type { WireCounters } from '../counters.ts';
import type { Frame, FramePool } from '../frame.ts';
import type { FrameSink } from '../frame-queue.ts';
import { Corruption } from './corruption.ts';
import { makeDelay } from './delay.ts';
import { Duplication } from './duplication.ts';
import { GilbertElliottLoss, RandomLoss } from './loss.ts';
import { checkImpairments, type ImpairmentOptions } from './options.ts';
import { RateLimit } from './rate-limit.ts';
import { Reordering } from './reordering.ts';
import type { Stage, StageParts } from './stage.ts';

export interface ChainParts {
  /** Of link and direction: the random streams are named after it. */
  readonly name: string;
  readonly clock: Clock;
  readonly pool: FramePool;
  readonly counters: WireCounters;
  readonly seed: number;
}

export class Chain implements FrameSink {
  private readonly stages: Stage[] = [];
  private readonly counters: WireCounters;
  private head: FrameSink;

  constructor(parts: ChainParts, options: ImpairmentOptions, end: FrameSink) {
    checkImpairments(options, parts.name);
    this.counters = parts.counters;
    this.head = end;
    const { rateLimit, loss = 0, gilbertElliott, corruption, duplication = 0, reordering, delay } = options;
    // From the last to the first, so that each knows its next.
    if (delay !== undefined && (delay.baseNs > 0 || (delay.jitterNs ?? 0) > 0)) {
      this.prepend(parts, 'delay', (own) => makeDelay(own, delay));
    }
    if (reordering !== undefined && reordering.probability > 0) {
      this.prepend(parts, 'reordering', (own) => new Reordering(own, reordering));
    }
    if (duplication > 0) this.prepend(parts, 'duplication', (own) => new Duplication(own, duplication));
    if (corruption !== undefined && corruption.probability > 0) {
      this.prepend(parts, 'corruption', (own) => new Corruption(own, corruption));
    }
    if (gilbertElliott !== undefined && (gilbertElliott.p > 0 || (gilbertElliott.k ?? 1) < 1)) {
      this.prepend(parts, 'gilbertElliott', (own) => new GilbertElliottLoss(own, gilbertElliott));
    }
    if (loss > 0) this.prepend(parts, 'loss', (own) => new RandomLoss(own, loss));
    if (rateLimit !== undefined) this.prepend(parts, 'rateLimit', (own) => new RateLimit(own, rateLimit));
  }

  private prepend(parts: ChainParts, kind: string, make: (own: StageParts) => Stage): void {
    const { name, clock, pool, counters, seed } = parts;
    const random = new Random(seed, `${name}:${kind}`);
    const stage = make({ name, clock, pool, counters, random, next: this.head });
    this.stages.push(stage);
    this.head = stage;
  }

  /** Nothing is impaired. */
  get isEmpty(): boolean {
    return this.stages.length === 0;
  }

  get inFlight(): number {
    let sum = 0;
    for (const stage of this.stages) sum += stage.inFlight;
    return sum;
  }

  take(frame: Frame): void {
    this.head.take(frame);
  }

  /** The carrier went: what is held is lost. */
  clear(): void {
    for (const stage of this.stages) {
      for (let lost = stage.clear(); lost > 0; lost--) this.counters.drop('carrierLost');
    }
  }
}
