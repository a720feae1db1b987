// htb's classes: their buckets, and who may send. A class whose ceil bucket is in debt cannot send; one whose rate bucket is in
// debt may borrow from the class above it; else it sends by itself. Tokens are ns of sending, so a bucket is never rounded.
//
//   rate ─► [ burst ]   ≥ 0: sends        < 0: borrows, from the nearest class above that can send
//   ceil ─► [ cburst ]                    < 0: waits
//
// A class with packets is active. An active class that can send is in its level's row; one that may borrow is fed by the class
// above, which is then active itself, and so on up. Level 0: leaves; 7: classes at the root; those in between by depth.

import { PRIOS, Rings } from './htb-rings.ts';
import { type WireSize, wireBytes } from './packet-size.ts';
import { TimeHeap } from './time-heap.ts';

export const NONE = -1;
/** TC_HTB_MAXDEPTH. */
export const LEVELS = 8;
const CANT_SEND = 0;
const MAY_BORROW = 1;
const CAN_SEND = 2;
/** ns: no bucket is paid for longer than that at once, nor gets deeper into debt. */
const LONGEST_NS = 60e9;
const EPSILON_NS = 1e-3;
/** Members of rings are slot * PRIOS + prio. */
const PRIO_BITS = 3;

/** What a class is configured with, in base units. */
export interface HtbRates extends WireSize {
  /** Bytes a second. */
  rate: number;
  ceil: number;
  /** Bytes. */
  burst: number;
  cburst: number;
  /** Bytes a turn, and 0 to 7: first served of those that borrow. Of leaves. */
  quantum: number;
  prio: number;
}

export class HtbClasses {
  /** By slot; NONE where there is none. */
  minors = new Int32Array(0);
  parents = new Int32Array(0);
  levels = new Int32Array(0);
  prios = new Int32Array(0);
  /** Of the children. */
  families = new Int32Array(0);
  tokens = new Float64Array(0);
  ctokens = new Float64Array(0);
  lended = new Float64Array(0);
  borrowed = new Float64Array(0);
  /** Packets and bytes that went through, of inner classes. */
  packets = new Float64Array(0);
  bytes = new Float64Array(0);
  readonly rates: (HtbRates | null)[] = [];
  /** Classes that wait for tokens, by the time they have them. */
  readonly waiting = new TimeHeap(0);
  /** Rows with members: a bit for each priority, by level. */
  readonly rowMasks = new Int32Array(LEVELS);
  private readonly rings = new Rings(LEVELS * PRIOS, 0);
  private modes = new Int32Array(0);
  /** Priorities a class is active in: a bit each. */
  private active = new Int32Array(0);
  private quanta = new Float64Array(0);
  /** By slot and level. */
  private deficits = new Float64Array(0);
  private nsPerByte = new Float64Array(0);
  private nsPerByteCeil = new Float64Array(0);
  private buffers = new Float64Array(0);
  private cbuffers = new Float64Array(0);
  private paid = new Float64Array(0);
  /** 1: its packets count for their own bytes, with no overhead, mpu or cells. */
  private plain = new Uint8Array(0);
  private readonly free: number[] = [];

  /** Slots there are, taken or not. */
  get size(): number {
    return this.minors.length;
  }

  add(minor: number, parent: number, rates: HtbRates, nowNs: number): number {
    if (this.free.length === 0) this.grow();
    const slot = this.free.pop()!;
    this.minors[slot] = minor;
    this.parents[slot] = parent;
    this.levels[slot] = 0;
    this.families[slot] = 0;
    this.active[slot] = 0;
    this.modes[slot] = CAN_SEND;
    for (const counter of [this.lended, this.borrowed, this.packets, this.bytes]) counter[slot] = 0;
    this.deficits.fill(0, slot * LEVELS, (slot + 1) * LEVELS);
    this.paid[slot] = nowNs;
    this.tokens[slot] = Infinity;
    this.ctokens[slot] = Infinity;
    this.setRates(slot, rates);
    if (parent !== NONE) this.families[parent]++;
    return slot;
  }

  /** The class must not be active. */
  remove(slot: number): void {
    const parent = this.parents[slot];
    if (parent !== NONE) this.families[parent]--;
    this.waiting.remove(slot);
    this.minors[slot] = NONE;
    this.rates[slot] = null;
    this.free.push(slot);
  }

  /** Buckets keep what they hold, as far as they hold it. The class must not be active. */
  setRates(slot: number, rates: HtbRates): void {
    this.rates[slot] = rates;
    this.quanta[slot] = rates.quantum;
    this.plain[slot] = rates.overhead === 0 && rates.mpu === 0 && rates.linklayer === 'ethernet' ? 1 : 0;
    this.prios[slot] = rates.prio;
    this.nsPerByte[slot] = 1e9 / rates.rate;
    this.nsPerByteCeil[slot] = 1e9 / rates.ceil;
    this.buffers[slot] = rates.burst * this.nsPerByte[slot];
    this.cbuffers[slot] = rates.cburst * this.nsPerByteCeil[slot];
    this.tokens[slot] = Math.min(this.tokens[slot], this.buffers[slot]);
    this.ctokens[slot] = Math.min(this.ctokens[slot], this.cbuffers[slot]);
  }

  /** setRates of a class that is there: what it owes stays, in bytes, and is paid at the new rates. A leaf must not be active. */
  changeRates(slot: number, rates: HtbRates, now: Float64Array): void {
    const { tokens, ctokens, nsPerByte, nsPerByteCeil, deficits } = this;
    this.bringUpToDate(slot, now);
    const before = nsPerByte[slot];
    const beforeCeil = nsPerByteCeil[slot];
    if (rates.quantum !== this.quanta[slot]) deficits.fill(0, slot * LEVELS, (slot + 1) * LEVELS);
    this.setRates(slot, rates);
    if (tokens[slot] < 0) tokens[slot] = Math.max(tokens[slot] * (nsPerByte[slot] / before), -LONGEST_NS);
    if (ctokens[slot] < 0)
      ctokens[slot] = Math.max(ctokens[slot] * (nsPerByteCeil[slot] / beforeCeil), -LONGEST_NS);
    this.waiting.remove(slot);
    this.renew(slot, now);
  }

  /** 0: a leaf. The class must not be active. */
  setLevel(slot: number, level: number): void {
    this.levels[slot] = level;
  }

  isActive(slot: number): boolean {
    return this.active[slot] !== 0;
  }

  /** A leaf has got its first packet. */
  activate(slot: number): void {
    this.active[slot] = 1 << this.prios[slot];
    this.join(slot);
  }

  /** A leaf has no packet any more. */
  deactivate(slot: number): void {
    if (this.active[slot] === 0) return;
    this.leave(slot, this.active[slot]);
    this.active[slot] = 0;
  }

  /** Puts an active class where its mode belongs: in its row, or in the hands of those above. */
  private join(from: number): void {
    const { active, modes, parents, rings, rowMasks, levels } = this;
    let slot = from;
    let mask = active[slot];
    while (modes[slot] === MAY_BORROW && parents[slot] !== NONE && mask !== 0) {
      const parent = parents[slot];
      let fresh = 0;
      for (let left = mask; left !== 0; left &= left - 1) {
        const prio = lowest(left);
        const ring = feedOf(parent, prio);
        if (rings.isEmpty(ring)) fresh |= 1 << prio;
        rings.add(ring, slot * PRIOS + prio);
      }
      active[parent] |= fresh;
      slot = parent;
      mask = fresh;
    }
    if (modes[slot] !== CAN_SEND || mask === 0) return;
    const level = levels[slot];
    for (let left = mask; left !== 0; left &= left - 1) {
      const prio = lowest(left);
      rings.add(level * PRIOS + prio, slot * PRIOS + prio);
    }
    rowMasks[level] |= mask;
  }

  /** The reverse, for these priorities. */
  private leave(from: number, which: number): void {
    const { active, modes, parents, rings, rowMasks, levels } = this;
    let slot = from;
    let mask = which;
    while (modes[slot] === MAY_BORROW && parents[slot] !== NONE && mask !== 0) {
      const parent = parents[slot];
      let ended = 0;
      for (let left = mask; left !== 0; left &= left - 1) {
        const prio = lowest(left);
        const ring = feedOf(parent, prio);
        rings.remove(ring, slot * PRIOS + prio);
        if (rings.isEmpty(ring)) ended |= 1 << prio;
      }
      active[parent] &= ~ended;
      slot = parent;
      mask = ended;
    }
    if (modes[slot] !== CAN_SEND) return;
    const level = levels[slot];
    for (let left = mask; left !== 0; left &= left - 1) {
      const prio = lowest(left);
      const ring = level * PRIOS + prio;
      rings.remove(ring, slot * PRIOS + prio);
      if (rings.isEmpty(ring)) rowMasks[level] &= ~(1 << prio);
    }
  }

  /** The leaf whose turn it is among those that send by themselves (level 0), or borrow from a class of that level. */
  leafOf(level: number, prio: number): number {
    const { rings, levels } = this;
    let slot = rings.turn(level * PRIOS + prio) >> PRIO_BITS;
    while (slot >= 0 && levels[slot] > 0) slot = rings.turn(feedOf(slot, prio)) >> PRIO_BITS;
    return slot;
  }

  /** Ends a leaf's turn; when its siblings have had theirs, also that of the class above, up to the row. */
  endTurn(leaf: number, level: number, prio: number): void {
    const { rings, levels, parents } = this;
    let slot = leaf;
    while (levels[slot] !== level) {
      slot = parents[slot];
      if (!rings.advance(feedOf(slot, prio))) return;
    }
    rings.advance(level * PRIOS + prio);
  }

  /** A leaf has sent: true when that was the end of its turn, a quantum of bytes. */
  spend(leaf: number, level: number, bytes: number): boolean {
    const { deficits } = this;
    const at = leaf * LEVELS + level;
    deficits[at] -= bytes;
    if (deficits[at] >= 0) return false;
    deficits[at] += this.quanta[leaf];
    return true;
  }

  /** Takes the tokens of a packet out of the buckets of a leaf and of all above; `level` is the lender's. */
  charge(leaf: number, level: number, packetBytes: number, now: Float64Array): void {
    const { levels, parents, tokens, ctokens, paid, buffers, cbuffers } = this;
    for (let slot = leaf; slot !== NONE; slot = parents[slot]) {
      const bytes = this.plain[slot] === 1 ? packetBytes : wireBytes(packetBytes, this.rates[slot]!);
      const gained = Math.min(now[0] - paid[slot], LONGEST_NS);
      paid[slot] = now[0];
      let left = Math.min(tokens[slot] + gained, buffers[slot]);
      if (levels[slot] >= level) {
        if (levels[slot] === level) this.lended[slot]++;
        left -= bytes * this.nsPerByte[slot];
      } else this.borrowed[slot]++;
      tokens[slot] = Math.max(left, -LONGEST_NS);
      const ceiled = Math.min(ctokens[slot] + gained, cbuffers[slot]) - bytes * this.nsPerByteCeil[slot];
      ctokens[slot] = Math.max(ceiled, -LONGEST_NS);
      this.packets[slot]++;
      this.bytes[slot] += packetBytes;
      this.renew(slot, now);
    }
  }

  /** Lets go those that have waited long enough. */
  release(now: Float64Array): void {
    const { waiting } = this;
    while (waiting.length > 0 && waiting.times[waiting.first] <= now[0]) {
      const slot = waiting.first;
      this.bringUpToDate(slot, now);
      waiting.remove(slot);
      this.renew(slot, now);
    }
  }

  private bringUpToDate(slot: number, now: Float64Array): void {
    const gained = Math.min(now[0] - this.paid[slot], LONGEST_NS);
    this.paid[slot] = now[0];
    this.tokens[slot] = Math.min(this.tokens[slot] + gained, this.buffers[slot]);
    this.ctokens[slot] = Math.min(this.ctokens[slot] + gained, this.cbuffers[slot]);
  }

  /** The mode that a class's tokens give it, now that they have changed. */
  private renew(slot: number, now: Float64Array): void {
    const { tokens, ctokens, modes, waiting } = this;
    // Less than a thousandth of a ns is no debt, but the rounding of floating point.
    const mode = ctokens[slot] < -EPSILON_NS ? CANT_SEND : tokens[slot] < -EPSILON_NS ? MAY_BORROW : CAN_SEND;
    if (mode !== modes[slot]) {
      const mask = this.active[slot];
      if (mask !== 0) this.leave(slot, mask);
      modes[slot] = mode;
      if (mask !== 0) this.join(slot);
    }
    if (mode === CAN_SEND) {
      waiting.remove(slot);
      return;
    }
    const debt = mode === CANT_SEND ? -ctokens[slot] : -tokens[slot];
    const time = Math.max(now[0] + 1, Math.ceil(now[0] + debt));
    // One that waits longer than it was to is looked at when that time comes, and waits on: cheaper than to move it each time.
    if (waiting.has(slot)) {
      if (waiting.times[slot] <= time) return;
      waiting.remove(slot);
    }
    waiting.times[slot] = time;
    waiting.add(slot);
  }

  /** Everybody may send, with full buckets; nobody is active. */
  reset(now: Float64Array): void {
    this.rings.clear();
    this.rowMasks.fill(0);
    this.waiting.clear();
    this.active.fill(0);
    this.deficits.fill(0);
    this.modes.fill(CAN_SEND);
    this.tokens.set(this.buffers);
    this.ctokens.set(this.cbuffers);
    this.paid.fill(now[0]);
  }

  private grow(): void {
    const before = this.size;
    const size = Math.max(16, 2 * before);
    this.minors = int32(this.minors, size, NONE);
    this.parents = int32(this.parents, size, NONE);
    for (const name of ['levels', 'prios', 'families', 'modes', 'active'] as const)
      this[name] = int32(this[name], size, 0);
    const plain = new Uint8Array(size);
    plain.set(this.plain);
    this.plain = plain;
    for (const name of FLOATS) this[name] = float64(this[name], size);
    this.deficits = float64(this.deficits, size * LEVELS);
    this.rings.grow((LEVELS + size) * PRIOS, size * PRIOS);
    this.waiting.grow(size);
    for (let slot = size - 1; slot >= before; slot--) {
      this.rates[slot] = null;
      this.free.push(slot);
    }
  }
}

const FLOATS = [
  'tokens',
  'ctokens',
  'lended',
  'borrowed',
  'packets',
  'bytes',
  'quanta',
  'nsPerByte',
  'nsPerByteCeil',
  'buffers',
  'cbuffers',
  'paid',
] as const;

function int32(from: Int32Array, length: number, fill: number): Int32Array<ArrayBuffer> {
  const to = new Int32Array(length).fill(fill);
  to.set(from);
  return to;
}

function float64(from: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const to = new Float64Array(length);
  to.set(from);
  return to;
}

/** The lowest bit that is set. */
function lowest(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}

/** The ring of an inner class's children that borrow from it; those of the rows come first. */
function feedOf(slot: number, prio: number): number {
  return (LEVELS + slot) * PRIOS + prio;
}
