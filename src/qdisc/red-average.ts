// The maths of red, which choke has too: the moving average of a queue, and the chance it gives of a mark. The unit is bytes or
// packets, as the options have it. The formulas are in red.ts.

import type { QdiscEnv } from '../net/qdisc.ts';
import { Dice } from './dice.ts';
import { type ResolvedRedOptions, weightOf } from './red-options.ts';

// In `state`: average queue; when the queue became empty; now; packets since the last mark.
const AVERAGE = 0;
const IDLE_SINCE = 1;
const NOW = 2;
const COUNT = 3;

export class RedAverage {
  private readonly env: QdiscEnv;
  private readonly state = new Float64Array(4);
  /** [0]: w of the moving average. */
  private readonly w = new Float64Array(1);
  private readonly dice: Dice;
  private options: Readonly<ResolvedRedOptions>;

  constructor(env: QdiscEnv, options: ResolvedRedOptions) {
    this.env = env;
    this.dice = new Dice(env.random);
    this.options = options;
    this.change(options);
    this.idle();
  }

  /** As of the last packet that came. */
  get average(): number {
    return this.state[AVERAGE];
  }

  get weight(): number {
    return this.w[0];
  }

  /** Throws RangeError when no weight lets the burst by. */
  change(options: ResolvedRedOptions): void {
    this.w[0] = weightOf(options);
    this.options = options;
  }

  /** The queue has become empty now. */
  idle(): void {
    this.env.stamp(this.state, IDLE_SINCE);
  }

  reset(): void {
    this.state[AVERAGE] = 0;
    this.state[COUNT] = 0;
    this.idle();
  }

  /** A packet comes to a queue of that size. */
  update(queue: number): void {
    const { state, options } = this;
    const w = this.w[0];
    if (queue > 0) {
      state[AVERAGE] += w * (queue - state[AVERAGE]);
      return;
    }
    this.env.stamp(state, NOW);
    const packetTimes = ((state[NOW] - state[IDLE_SINCE]) / 1e9) * (options.bandwidth / options.avpkt);
    state[AVERAGE] *= (1 - w) ** packetTimes;
    // The time until now has counted, should this packet be dropped and the next find the queue empty still.
    state[IDLE_SINCE] = state[NOW];
  }

  /** Whether the average is at `min` or above: marking has begun. */
  get isAboveMin(): boolean {
    return this.state[AVERAGE] >= this.options.min;
  }

  get isAboveMax(): boolean {
    return this.state[AVERAGE] >= this.options.max;
  }

  /** Whether the packet that has just come is to be marked: p_a. */
  wantsMark(): boolean {
    const { state, options } = this;
    const average = state[AVERAGE];
    const { min, max, probability } = options;
    if (average < min) {
      state[COUNT] = 0;
      return false;
    }
    const most = options.gentle ? 2 * max : max;
    if (average >= most) {
      state[COUNT] = 0;
      return true;
    }
    const chance =
      average < max
        ? (probability * (average - min)) / (max - min)
        : probability + ((1 - probability) * (average - max)) / max;
    const left = 1 - state[COUNT] * chance;
    if (left <= 0 || this.dice.floats[this.dice.draw()] * left < chance) {
      state[COUNT] = 0;
      return true;
    }
    state[COUNT]++;
    return false;
  }
}
