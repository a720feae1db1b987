// Frames that vanish: each by itself, or in bursts after the Gilbert-Elliott model.
//
//            p                         The frame is judged in the state it finds; then the state may change.
//     good ─────▶ bad                  In the long run the share p / (p + r) of frames finds the bad state, so
//       ▲         │                    (1 - k) r / (p + r)  +  (1 - h) p / (p + r)  of them are lost.
//       └─────────┘ r

import type { Frame } from '../frame.ts';
import type { GilbertElliottOptions } from './options.ts';
import type { Stage, StageParts } from './stage.ts';

export class RandomLoss implements Stage {
  readonly inFlight = 0;
  private readonly parts: StageParts;
  private readonly probability: number;

  constructor(parts: StageParts, probability: number) {
    this.parts = parts;
    this.probability = probability;
  }

  take(frame: Frame): void {
    const { parts } = this;
    if (parts.random.chance(this.probability)) {
      parts.counters.drop('randomLoss');
      parts.pool.put(frame);
    } else {
      parts.next.take(frame);
    }
  }

  clear(): number {
    return 0;
  }
}

export class GilbertElliottLoss implements Stage {
  readonly inFlight = 0;
  private readonly parts: StageParts;
  private readonly goodToBad: number;
  private readonly badToGood: number;
  private readonly lossInGood: number;
  private readonly lossInBad: number;
  private bad = false;

  constructor(parts: StageParts, options: GilbertElliottOptions) {
    const { p, r = 1 - p, h = 0, k = 1 } = options;
    this.parts = parts;
    this.goodToBad = p;
    this.badToGood = r;
    this.lossInGood = 1 - k;
    this.lossInBad = 1 - h;
  }

  take(frame: Frame): void {
    const { random, counters, pool, next } = this.parts;
    const lost = random.chance(this.bad ? this.lossInBad : this.lossInGood);
    if (random.chance(this.bad ? this.badToGood : this.goodToBad)) this.bad = !this.bad;
    if (lost) {
      counters.drop('burstLoss');
      pool.put(frame);
    } else {
      next.take(frame);
    }
  }

  clear(): number {
    return 0;
  }
}
