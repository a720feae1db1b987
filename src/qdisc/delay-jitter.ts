// Random delays from a table of quantiles, each alike the one before to the degree asked for. Uniform numbers are got from an
// autoregressive normal sequence, z' = a z + sqrt(1 - a^2) n (a Gaussian copula: R. Nelsen, "An Introduction to Copulas", 2006). With
// a = 2 sin(pi r / 6) the ranks of successive delays have exactly the correlation r (K. Pearson, 1907), and the
// distribution is the table's whatever r is.

import type { Random } from '../kernel/random.ts';
import { type DelayDistribution, delayTable, normalPart } from './delay-tables.ts';

const AHEAD = 64;

export class Jitter {
  /** Numbers drawn ahead: a function that returns a fraction may be given a box for it. `draw` says which is next. */
  readonly values = new Float64Array(AHEAD);
  private readonly random: Random;
  private readonly table: Float64Array;
  private readonly weight: number;
  private z: number;
  private used = AHEAD;

  /** `correlation`: -1 to 1. */
  constructor(random: Random, distribution: DelayDistribution, correlation: number) {
    this.random = random;
    this.table = delayTable(distribution);
    this.weight = 2 * Math.sin((Math.PI * correlation) / 6);
    this.z = correlation === 0 ? 0 : random.normal();
  }

  /** The index in `values` of a number not drawn before. */
  draw(): number {
    if (this.used === AHEAD) this.refill();
    return this.used++;
  }

  private refill(): void {
    const { values, table, weight, random } = this;
    const last = table.length - 1;
    const rest = Math.sqrt(1 - Math.min(1, weight * weight));
    let { z } = this;
    for (let i = 0; i < AHEAD; i++) {
      let part: number;
      if (weight === 0) part = random.float();
      else {
        z = weight * z + rest * random.normal();
        part = normalPart(z);
      }
      values[i] = table[Math.min(last, Math.floor(part * table.length))];
    }
    this.z = z;
    this.used = 0;
  }
}
