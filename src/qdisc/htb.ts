// htb, the hierarchical token bucket: a tree of classes, each with a rate it is sure of and a ceil it never exceeds; what some
// do not use others borrow, from the nearest class above that has it. After M. Devera's "HTB Linux queuing discipline manual"
// and "Hierarchical token bucket theory", and tc-htb(8). Among those that send by themselves, and among those that borrow at
// one level, the lowest prio goes first, and equals in turn by their quanta (deficit round robin). Packets of no class go to the
// class `default`; without one they pass by all limits through the direct queue. Defaults: r2q 10, quantum rate / r2q within 1000
// to 200000, ceil = rate, burst and cburst what passes in 1 ns and 1600 bytes, prio 0, direct_qlen the device's queue length.

import type { Mbuf } from '../mbuf/mbuf.ts';
import {
  CLASS_DROP,
  CLASS_NONE,
  CLASS_STOLEN,
  type ClassfulQdisc,
  type Classifier,
  type Qdisc,
  type QdiscClass,
  type QdiscEnv,
  type QdiscStats,
} from '../net/qdisc.ts';
import { Children } from './children.ts';
import { classOfPriority } from './classify.ts';
import { Pfifo } from './fifo.ts';
import { HtbClasses, type HtbRates, LEVELS, NONE } from './htb-classes.ts';
import { type HtbClassOptions, type HtbOptions, resolveClass, resolveHtb } from './htb-options.ts';
import { PacketList } from './packet-list.ts';

/** A class as it is shown. */
export interface HtbClass extends QdiscClass {
  readonly rates: Readonly<HtbRates>;
  readonly level: number;
  readonly lended: number;
  readonly borrowed: number;
  /** ns that the buckets hold. */
  readonly tokens: number;
  readonly ctokens: number;
}

const MOST_CLASSES = 0xffff;
// In `now`: now, when it is worth asking again, and what a leaf says of that.
const NOW = 0;
const NEXT = 1;
const CHILD = 2;

export class Htb implements ClassfulQdisc {
  readonly kind = 'htb';
  readonly stats: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  readonly canBypass = false;
  readonly options: Required<HtbOptions>;
  handle = 0;
  classifier: Classifier | null = null;
  private readonly env: QdiscEnv;
  private readonly classes_ = new HtbClasses();
  /** By slot; a slot without a leaf class has an empty one. */
  private readonly children: Children;
  private readonly direct = new PacketList();
  private directPackets = 0;
  private slots = new Int32Array(16).fill(NONE);
  private defaultSlot = NONE;
  private shown: Mbuf | null = null;
  private readonly now = new Float64Array(3);

  constructor(env: QdiscEnv, options: HtbOptions = {}) {
    this.env = env;
    this.options = resolveHtb(options);
    this.children = new Children(this.stats, []);
  }

  get length(): number {
    return this.children.length + this.direct.length + (this.shown === null ? 0 : 1);
  }

  get backlog(): number {
    return this.children.backlog + this.direct.backlog + (this.shown?.packetLength ?? 0);
  }

  get nextTimeNs(): number {
    return this.now[NEXT];
  }

  change(options: HtbOptions): void {
    Object.assign(this.options, resolveHtb({ ...this.options, ...options }));
    this.defaultSlot = this.slotOf(this.options.default);
  }

  xstats(): Record<string, number> {
    return { direct_packets_stat: this.directPackets };
  }

  // ---- classes

  classes(): HtbClass[] {
    const all: HtbClass[] = [];
    for (const slot of this.slots) if (slot !== NONE) all.push(this.show(slot));
    return all;
  }

  private show(slot: number): HtbClass {
    const { classes_: c, children } = this;
    const inner = c.families[slot] > 0;
    const leaf = inner ? null : children.qdiscs[slot];
    const parent = c.parents[slot];
    const stats = { ...(leaf?.stats ?? this.sumBelow(slot)), packets: c.packets[slot], bytes: c.bytes[slot] };
    return {
      minor: c.minors[slot],
      parent: parent === NONE ? 0 : c.minors[parent],
      leaf,
      stats,
      length: leaf?.length ?? 0,
      backlog: leaf?.backlog ?? 0,
      rates: c.rates[slot]!,
      level: c.levels[slot],
      lended: c.lended[slot],
      borrowed: c.borrowed[slot],
      tokens: c.tokens[slot],
      ctokens: c.ctokens[slot],
    };
  }

  private sumBelow(parent: number): QdiscStats {
    const sum: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
    const { classes_: c } = this;
    for (let slot = 0; slot < c.size; slot++) {
      if (c.minors[slot] === NONE || c.parents[slot] !== parent) continue;
      const { stats } = this.show(slot);
      sum.drops += stats.drops;
      sum.overlimits += stats.overlimits;
    }
    return sum;
  }

  /** `parent`: minor number of the class above, 0: the root. A leaf that gets a child loses its packets to `drop`. */
  addClass(minor: number, parent: number, options: HtbClassOptions, drop: (m: Mbuf) => void): void {
    const { classes_: c } = this;
    if (!Number.isInteger(minor) || minor < 1 || minor > MOST_CLASSES)
      throw new RangeError(`htb: class ${minor}: a number from 1 to ffff (hex) wanted`);
    if (this.slotOf(minor) !== NONE)
      throw new RangeError(`htb: class ${minor.toString(16)} is there already`);
    const above = parent === 0 ? NONE : this.slotOf(parent);
    if (parent !== 0 && above === NONE)
      throw new RangeError(`htb: no class ${parent.toString(16)} to be above ${minor.toString(16)}`);
    if (this.depthOf(above) + 1 >= LEVELS)
      throw new RangeError(`htb: class ${minor.toString(16)} would be ${LEVELS} deep: less wanted`);
    const rates = resolveClass(options, null, this.options.r2q);
    if (above !== NONE && c.families[above] === 0) this.becomeInner(above, drop);
    this.env.stamp(this.now, NOW);
    const slot = c.add(minor, above, rates, this.now[NOW]);
    while (this.children.qdiscs.length < c.size) this.children.qdiscs.push(this.plainLeaf());
    if (minor >= this.slots.length) {
      const slots = new Int32Array(Math.max(minor + 1, 2 * this.slots.length)).fill(NONE);
      slots.set(this.slots);
      this.slots = slots;
    }
    this.slots[minor] = slot;
    if (minor === this.options.default) this.defaultSlot = slot;
  }

  changeClass(minor: number, options: Partial<HtbClassOptions>): void {
    const { classes_: c } = this;
    const slot = this.wanted(minor);
    const rates = resolveClass(options, c.rates[slot], this.options.r2q);
    const wasActive = c.families[slot] === 0 && c.isActive(slot);
    if (wasActive) c.deactivate(slot);
    this.env.stamp(this.now, NOW);
    c.changeRates(slot, rates, this.now);
    if (wasActive) c.activate(slot);
  }

  deleteClass(minor: number, drop: (m: Mbuf) => void): void {
    const { classes_: c, children } = this;
    const slot = this.wanted(minor);
    if (c.families[slot] > 0)
      throw new RangeError(`htb: class ${minor.toString(16)} has classes below it: they have to go first`);
    c.deactivate(slot);
    children.clear(slot, drop);
    children.qdiscs[slot] = this.plainLeaf();
    const parent = c.parents[slot];
    c.remove(slot);
    this.slots[minor] = NONE;
    if (this.defaultSlot === slot) this.defaultSlot = NONE;
    if (parent !== NONE && c.families[parent] === 0) c.levels[parent] = 0;
  }

  graft(minor: number, qdisc: Qdisc, drop: (m: Mbuf) => void): Qdisc {
    const slot = this.wanted(minor);
    if (this.classes_.families[slot] > 0)
      throw new RangeError(`htb: class ${minor.toString(16)} has classes below it, so no leaf`);
    const old = this.children.graft(slot, qdisc, drop);
    this.classes_.deactivate(slot);
    return old;
  }

  private becomeInner(slot: number, drop: (m: Mbuf) => void): void {
    const { classes_: c, children } = this;
    c.deactivate(slot);
    children.clear(slot, drop);
    children.qdiscs[slot] = this.plainLeaf();
    c.setLevel(slot, LEVELS - 1 - this.depthOf(slot));
  }

  /** 0: at the root; -1: the root itself. */
  private depthOf(slot: number): number {
    let depth = -1;
    for (let at = slot; at !== NONE; at = this.classes_.parents[at]) depth++;
    return depth;
  }

  private plainLeaf(): Qdisc {
    return new Pfifo(this.env, { limit: this.options.directQueueLength });
  }

  private slotOf(minor: number): number {
    return this.slots[minor] ?? NONE;
  }

  private wanted(minor: number): number {
    const slot = this.slotOf(minor);
    if (slot === NONE) throw new RangeError(`htb: there is no class ${minor.toString(16)}`);
    return slot;
  }

  // ---- packets

  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    const slot = this.classify(m);
    if (slot >= 0) {
      const { children, classes_ } = this;
      children.enqueue(slot, m, drop);
      if (!classes_.isActive(slot) && children.qdiscs[slot].length > 0) classes_.activate(slot);
    } else if (slot === NONE && this.direct.length < this.options.directQueueLength) {
      this.direct.push(m);
      this.directPackets++;
    } else if (slot !== CLASS_STOLEN) {
      this.stats.drops++;
      drop(m);
    }
  }

  /** A leaf's slot, CLASS_DROP, CLASS_STOLEN, or NONE: the direct queue. */
  private classify(m: Mbuf): number {
    const { classifier, classes_: c, handle } = this;
    let minor = classOfPriority(m, handle);
    // A priority that names a class which is not there names none: the filters are asked.
    if (minor > 0 && this.slotOf(minor) === NONE) minor = CLASS_NONE;
    // The filters of the discipline, then those of each inner class they lead to; the tree is LEVELS deep.
    let at = 0;
    for (let steps = 0; steps <= LEVELS; steps++) {
      if (minor === 0) return NONE;
      if (minor !== CLASS_NONE) {
        const slot = this.slotOf(minor);
        if (slot === NONE) break;
        if (c.families[slot] === 0) return slot;
        at = minor;
      }
      if (classifier === null) break;
      minor = classifier.classify(m, at);
      if (minor === CLASS_DROP || minor === CLASS_STOLEN) return minor;
      if (minor === CLASS_NONE) break;
    }
    const { defaultSlot } = this;
    return defaultSlot !== NONE && c.families[defaultSlot] === 0 ? defaultSlot : NONE;
  }

  dequeue(drop: (m: Mbuf) => void): Mbuf | null {
    const m = this.peek(drop);
    this.shown = null;
    return m;
  }

  peek(drop: (m: Mbuf) => void): Mbuf | null {
    if (this.shown === null) this.shown = this.direct.shift() ?? this.take(drop);
    return this.shown;
  }

  private take(drop: (m: Mbuf) => void): Mbuf | null {
    const { classes_: c, now } = this;
    now[NEXT] = 0;
    if (this.children.length === 0) return null;
    this.env.stamp(now, NOW);
    c.release(now);
    for (let level = 0; level < LEVELS; level++) {
      for (let mask = c.rowMasks[level]; mask !== 0; mask &= mask - 1) {
        const m = this.takeFrom(level, 31 - Math.clz32(mask & -mask), drop);
        if (m !== null) {
          now[NEXT] = 0;
          return m;
        }
      }
    }
    this.stats.overlimits++;
    if (c.waiting.length > 0) this.askAgain(c.waiting.times, c.waiting.first);
    return null;
  }

  private askAgain(times: Float64Array, index: number): void {
    const { now } = this;
    if (now[NEXT] === 0 || times[index] < now[NEXT]) now[NEXT] = times[index];
  }

  /** From the leaves of a row in turn, until one gives a packet. */
  private takeFrom(level: number, prio: number, drop: (m: Mbuf) => void): Mbuf | null {
    const { classes_: c, children, now } = this;
    /** The first that held back what it has: when it is its turn again, all have been asked. */
    let shy = NONE;
    for (let left = c.size; left > 0; left--) {
      const leaf = c.leafOf(level, prio);
      if (leaf < 0 || leaf === shy) return null;
      const m = children.dequeue(leaf, drop);
      const isEmpty = children.qdiscs[leaf].length === 0;
      if (m === null) {
        if (isEmpty) {
          c.deactivate(leaf);
          shy = NONE;
        } else {
          if (shy === NONE) shy = leaf;
          now[CHILD] = children.qdiscs[leaf].nextTimeNs;
          if (now[CHILD] > 0) this.askAgain(now, CHILD);
          c.endTurn(leaf, level, prio);
        }
        continue;
      }
      if (c.spend(leaf, level, m.packetLength)) c.endTurn(leaf, level, prio);
      if (isEmpty) c.deactivate(leaf);
      c.charge(leaf, level, m.packetLength, now);
      return m;
    }
    return null;
  }

  reset(drop: (m: Mbuf) => void): void {
    const { shown, direct } = this;
    this.shown = null;
    if (shown !== null) drop(shown);
    for (let m = direct.shift(); m !== null; m = direct.shift()) drop(m);
    this.children.reset(drop);
    this.env.stamp(this.now, NOW);
    this.now[NEXT] = 0;
    this.classes_.reset(this.now);
  }
}
