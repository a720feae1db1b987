// netem's slots: moments at which packets that are ready leave together, as on media that give the sender a turn now and then.
// A packet that is ready only after a slot's moment waits for the next, which comes a gap later; so does one for which the
// slot has no packets or bytes left.

import { Jitter } from './delay-jitter.ts';
import type { Dice } from './dice.ts';
import type { NetemSlot } from './netem-options.ts';

/** When the slot opens: the place in `times`. */
export const OPEN = 0;

export class Slots {
  readonly times = new Float64Array(1);
  private readonly packets: number;
  private readonly bytes: number;
  private readonly gaps: Jitter;
  private readonly middle: number;
  private readonly width: number;
  private packetsLeft = 0;
  private bytesLeft = 0;

  constructor(slot: NetemSlot, dice: Dice) {
    const { gap } = slot;
    const spread = 'distribution' in gap;
    this.packets = slot.packets;
    this.bytes = slot.bytes;
    this.gaps = new Jitter(dice, spread ? gap.distribution : 'uniform', 0);
    this.middle = spread ? gap.delayNs : (gap.minNs + gap.maxNs) / 2;
    this.width = spread ? gap.jitterNs : (gap.maxNs - gap.minNs) / 2;
  }

  /** May a packet leave that is ready since `state[ready]`, at `state[now]`? Else it may at `times[OPEN]` at the earliest. */
  open(state: Float64Array, ready: number, now: number): boolean {
    if (state[ready] > this.times[OPEN]) this.next(state, now);
    return this.times[OPEN] <= state[now];
  }

  /** A packet of that many bytes has left in it. */
  spend(bytes: number, state: Float64Array, now: number): void {
    if (this.packets > 0) this.packetsLeft--;
    if (this.bytes > 0) this.bytesLeft -= bytes;
    const over = (this.packets > 0 && this.packetsLeft <= 0) || (this.bytes > 0 && this.bytesLeft <= 0);
    if (over) this.next(state, now);
  }

  private next(state: Float64Array, now: number): void {
    const { gaps } = this;
    const gap = this.middle + this.width * gaps.values[gaps.draw()];
    this.times[OPEN] = state[now] + Math.max(0, Math.round(gap));
    this.packetsLeft = this.packets;
    this.bytesLeft = this.bytes;
  }
}
