// What waiting for a lock costs. CPUs work side by side, but their activities run one after the other, each in its own time: so a
// lock is free whenever somebody asks. Here it remembers the times it was held, and who comes at a time that is taken is
// charged up to the next gap that is long enough for what it did the last time.
//
//   held      ███   ██████ ███          ██
//   asks        ^─────────────►|        the gaps before are shorter than what it is wanted for

import type { Cpu } from './cpu.ts';

/** Times that are remembered: activities last 2 ms at most. */
const MOST = 16_384;
const NOBODY = 0xff;

export class Contention {
  /** Disjoint and in order: from and to, ns, and the CPU. */
  private readonly from = new Float64Array(MOST);
  private readonly to = new Float64Array(MOST);
  private readonly owner = new Uint8Array(MOST);
  private count = 0;
  /** Who had it before the one that has it. */
  private before = NOBODY;
  /** Now, when the owner got it, how long it was held the last time, what waiting has cost in all. */
  private readonly times = new Float64Array(4);

  /** ns that CPUs have waited. */
  get waitedNs(): number {
    return this.times[3];
  }

  /** Charges the CPU for its wait. */
  wait(cpu: Cpu): void {
    const { from, to, times } = this;
    cpu.stamp(times, 0);
    let at = times[0];
    let i = this.firstEndingAfter(at);
    for (; i < this.count && from[i] < at + times[2]; i++) at = to[i];
    this.before = i === 0 ? NOBODY : this.owner[i - 1];
    if (at > times[0]) {
      times[3] += at - times[0];
      cpu.charge(at - times[0]);
    }
    cpu.stamp(times, 1);
  }

  /** Whether another CPU had it before: then what it protects lies in that one's cache, a miss away. */
  moved(cpu: Cpu): boolean {
    return this.before !== NOBODY && this.before !== cpu.index;
  }

  /** The owner gives it back now. */
  release(cpu: Cpu): void {
    const { times } = this;
    cpu.stamp(times, 0);
    times[2] = times[0] - times[1];
    if (times[2] > 0) this.insert(times[1], times[0], cpu.index);
  }

  private firstEndingAfter(time: number): number {
    const { to } = this;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (to[middle] > time) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  private insert(start: number, end: number, cpu: number): void {
    const { from, to, owner } = this;
    if (this.count === MOST) this.forgetHalf();
    const i = this.firstEndingAfter(start);
    // What it was held longer than it was expected to be falls into somebody else's time.
    const until = i < this.count ? Math.min(end, from[i]) : end;
    if (until <= start) return;
    from.copyWithin(i + 1, i, this.count);
    to.copyWithin(i + 1, i, this.count);
    owner.copyWithin(i + 1, i, this.count);
    from[i] = start;
    to[i] = until;
    owner[i] = cpu;
    this.count++;
  }

  private forgetHalf(): void {
    const half = MOST >> 1;
    this.from.copyWithin(0, half);
    this.to.copyWithin(0, half);
    this.owner.copyWithin(0, half);
    this.count = half;
  }
}
