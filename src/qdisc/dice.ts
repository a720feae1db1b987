// Random numbers drawn ahead, for hot paths: a function that returns a fraction may be given a box for it, an array has none.

import type { Random } from '../kernel/random.ts';

const AHEAD = 64;

export class Dice {
  /** 0 included to 1 excluded; `draw` says which is next. */
  readonly floats = new Float64Array(AHEAD);
  private readonly random: Random;
  private used = AHEAD;

  constructor(random: Random) {
    this.random = random;
  }

  /** The index in `floats` of a number not drawn before. */
  draw(): number {
    if (this.used === AHEAD) this.refill();
    return this.used++;
  }

  private refill(): void {
    const { floats, random } = this;
    for (let i = 0; i < AHEAD; i++) floats[i] = random.float();
    this.used = 0;
  }
}
