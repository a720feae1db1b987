// Random delays from a table of quantiles, each alike the one before to the degree asked for. Uniform numbers are got from an
// autoregressive normal sequence, z' = a z + sqrt(1 - a^2) n (a Gaussian copula: R. Nelsen, "An Introduction to Copulas", 2006). With
// a = 2 sin(pi r / 6) the ranks of successive delays have exactly the correlation r (K. Pearson, 1907), and the
// distribution is the table's whatever r is.

import { type DelayDistribution, delayTable, normalPart } from './delay-tables.ts';
import type { Dice } from './dice.ts';

const AHEAD = 64;

export class Jitter {
  /** Numbers drawn ahead: a function that returns a fraction may be given a box for it. `draw` says which is next. */
  readonly values = new Float64Array(AHEAD);
  private readonly dice: Dice;
  private readonly table: Float64Array;
  private readonly weight: number;
  /** z, then the parts of the normal below each z. */
  private readonly z = new Float64Array(1);
  private readonly parts = new Float64Array(AHEAD);
  private used = AHEAD;

  /** `correlation`: 0 to 1. */
  constructor(dice: Dice, distribution: DelayDistribution, correlation: number) {
    this.dice = dice;
    this.table = delayTable(distribution);
    this.weight = Math.min(1, 2 * Math.sin((Math.PI * correlation) / 6));
    if (correlation > 0) this.normal(this.z, 0);
  }

  /** The index in `values` of a number not drawn before. */
  draw(): number {
    if (this.used === AHEAD) this.refill();
    return this.used++;
  }

  private refill(): void {
    const { values, table, parts, dice } = this;
    const { floats } = dice;
    if (this.weight > 0) this.correlated();
    else for (let i = 0; i < AHEAD; i++) parts[i] = floats[dice.draw()];
    for (let i = 0; i < AHEAD; i++)
      values[i] = table[Math.min(table.length - 1, Math.floor(parts[i] * table.length))];
    this.used = 0;
  }

  private correlated(): void {
    const { parts, weight, z } = this;
    const rest = Math.sqrt(1 - weight * weight);
    for (let i = 0; i < AHEAD; i++) {
      this.normal(parts, i);
      z[0] = weight * z[0] + rest * parts[i];
      parts[i] = z[0];
      normalPart(parts, i);
    }
  }

  /** Writes a standard normal: G. Marsaglia's polar method. */
  private normal(to: Float64Array, index: number): void {
    const { dice } = this;
    const { floats } = dice;
    for (;;) {
      const u = 2 * floats[dice.draw()] - 1;
      const v = 2 * floats[dice.draw()] - 1;
      const s = u * u + v * v;
      if (s <= 0 || s >= 1) continue;
      to[index] = u * Math.sqrt((-2 * Math.log(s)) / s);
      return;
    }
  }
}
