// A ring of the Tiny as its driver has it: the descriptors, and what belongs to each of them (a packet). The driver gives at
// one end and takes at the other, in the same order as the card.

import { ERR, LENGTH, OWN, RING_BYTES, SLOTS } from './sheet.ts';

export class Ring<T> {
  readonly address: number;
  private readonly u32: Uint32Array;
  private readonly held: (T | null)[] = Array(SLOTS).fill(null);
  private given = 0;
  private taken = 0;

  /** `u32`: the machine's memory; `address`: of RING_BYTES in it. */
  constructor(u32: Uint32Array, address: number) {
    this.u32 = u32;
    this.address = address;
  }

  /** Free slots. */
  get room(): number {
    return SLOTS - (this.given - this.taken);
  }

  /** The next slot is the card's from here on. There must be room. */
  give(what: T, address: number, length: number): void {
    const slot = this.given++ % SLOTS;
    const at = (this.address >> 2) + 2 * slot;
    this.held[slot] = what;
    this.u32[at] = address;
    // Last: with OWN the card must not find an old address.
    this.u32[at + 1] = (OWN | length) >>> 0;
  }

  /** The card has given the oldest slot back. */
  get done(): boolean {
    return this.taken < this.given && (this.oldest & OWN) === 0;
  }

  /** Of the oldest slot, the card's word for it: 0 to 65535, whatever the buffer holds. */
  get length(): number {
    return this.oldest & LENGTH;
  }

  get failed(): boolean {
    return (this.oldest & ERR) !== 0;
  }

  /** Takes out the oldest, which must be done. */
  take(): T {
    const slot = this.taken++ % SLOTS;
    const what = this.held[slot]!;
    this.held[slot] = null;
    return what;
  }

  /** Takes out everything, done or not; begins at slot 0 again, as the card does. The card must have been halted. */
  empty(): T[] {
    const left: T[] = [];
    while (this.taken < this.given) left.push(this.take());
    this.given = this.taken = 0;
    // Also OWN of what the card had not come to: started again, it would send packets that are freed.
    this.u32.fill(0, this.address >> 2, (this.address + RING_BYTES) >> 2);
    return left;
  }

  private get oldest(): number {
    return this.u32[(this.address >> 2) + 2 * (this.taken % SLOTS) + 1];
  }
}
