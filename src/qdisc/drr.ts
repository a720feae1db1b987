// drr, deficit round robin: backlogged classes share the link in proportion to their quanta, whatever their packets' sizes.
// After M. Shreedhar and G. Varghese, "Efficient Fair Queueing using Deficit Round Robin", SIGCOMM 1995, and tc-drr(8):
// classes are served in turn; in its turn one sends while its deficit covers the packet, which costs it that many bytes;
// a class that cannot send is given its quantum and goes to the end. A packet of no class is dropped. It starts without
// classes. Default quantum: the MTU with its Ethernet header.

import type { Mbuf } from '../mbuf/mbuf.ts';
import {
  CLASS_NONE,
  CLASS_STOLEN,
  type ClassfulQdisc,
  type Classifier,
  type Qdisc,
  type QdiscClass,
  type QdiscEnv,
  type QdiscStats,
} from '../net/qdisc.ts';
import { Children, leafClass } from './children.ts';
import { classOfPriority } from './classify.ts';
import { Pfifo } from './fifo.ts';
import { validateWhole } from './options.ts';

/** Bytes a turn. */
export interface DrrClassOptions {
  quantum: number;
}

export interface DrrClass extends QdiscClass {
  readonly quantum: number;
  /** Bytes it may send still in this turn; 0 when it has no packets. */
  readonly deficit: number;
}

const QUANTUM = 1514;
const IDLE = -1;
const NONE = -1;
const MOST_CLASSES = 0xffff;

export class Drr implements ClassfulQdisc {
  readonly kind = 'drr';
  readonly stats: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  readonly canBypass = false;
  readonly options = {};
  handle = 0;
  classifier: Classifier | null = null;
  private readonly env: QdiscEnv;
  /** A class lives in a slot; one that has gone leaves an empty discipline there for the next. */
  private readonly children: Children;
  private slots = new Int32Array(16).fill(NONE);
  private quanta = new Float64Array(16);
  private deficits = new Float64Array(16);
  /** Slots with packets, in a ring: `next` of the last is the one whose turn it is. IDLE: not among them. */
  private next = new Int32Array(16).fill(IDLE);
  private readonly free: number[] = [];
  private last = IDLE;
  private active = 0;

  constructor(env: QdiscEnv) {
    this.env = env;
    this.children = new Children(this.stats, []);
  }

  get length(): number {
    return this.children.length;
  }

  get backlog(): number {
    return this.children.backlog;
  }

  get nextTimeNs(): number {
    return this.children.nextTimeNs();
  }

  classes(): DrrClass[] {
    return Array.from(this.slots).flatMap((slot, minor) => {
      if (slot === NONE) return [];
      const deficit = this.next[slot] === IDLE ? 0 : this.deficits[slot];
      return [{ ...leafClass(minor, this.children.qdiscs[slot]), quantum: this.quanta[slot], deficit }];
    });
  }

  /** Its leaf is a pfifo. Throws RangeError when there is one of that number. */
  addClass(minor: number, options: Partial<DrrClassOptions> = {}): void {
    const { quantum = QUANTUM } = options;
    validateWhole('drr: class', minor, 'a minor number', 1, MOST_CLASSES);
    validateWhole('drr: quantum', quantum, 'bytes', 1, 0xffffffff);
    if (this.slotOf(minor) !== NONE)
      throw new RangeError(
        `drr: class ${minor.toString(16)} is there already: change it, or delete it first`,
      );
    const { qdiscs } = this.children;
    const slot = this.free.pop() ?? qdiscs.length;
    qdiscs[slot] = new Pfifo(this.env);
    if (slot >= this.next.length) this.growSlots();
    if (minor >= this.slots.length) this.slots = grown(this.slots, 2 * minor, NONE);
    this.slots[minor] = slot;
    this.quanta[slot] = quantum;
    this.deficits[slot] = 0;
  }

  changeClass(minor: number, options: Partial<DrrClassOptions>): void {
    const slot = this.mustHave(minor);
    const { quantum = this.quanta[slot] } = options;
    validateWhole('drr: quantum', quantum, 'bytes', 1, 0xffffffff);
    this.quanta[slot] = quantum;
  }

  deleteClass(minor: number, drop: (m: Mbuf) => void): void {
    const slot = this.mustHave(minor);
    this.children.clear(slot, drop);
    this.deactivate(slot);
    this.slots[minor] = NONE;
    this.free.push(slot);
  }

  graft(minor: number, qdisc: Qdisc, drop: (m: Mbuf) => void): Qdisc {
    const slot = this.mustHave(minor);
    const old = this.children.graft(slot, qdisc, drop);
    this.deactivate(slot);
    return old;
  }

  change(_options: Record<string, never>): void {}

  xstats(): Record<string, number> {
    return {};
  }

  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    const { children } = this;
    let slot = this.slotOf(classOfPriority(m, this.handle));
    if (slot === NONE) {
      const minor = this.classifier === null ? CLASS_NONE : this.classifier.classify(m, 0);
      if (minor === CLASS_STOLEN) return;
      slot = this.slotOf(minor);
    }
    if (slot === NONE) {
      this.stats.drops++;
      drop(m);
      return;
    }
    children.enqueue(slot, m, drop);
    if (this.next[slot] !== IDLE || children.qdiscs[slot].length === 0) return;
    this.deficits[slot] = this.quanta[slot];
    this.append(slot);
  }

  dequeue(drop: (m: Mbuf) => void): Mbuf | null {
    const { children, deficits } = this;
    if (this.peek(drop) === null) return null;
    const slot = this.next[this.last];
    const m = children.dequeue(slot, drop);
    if (m !== null) deficits[slot] -= m.packetLength;
    if (children.qdiscs[slot].length === 0) this.removeFirst();
    return m;
  }

  /** What it shows stays first in the ring until it goes: those that come are appended. */
  peek(drop: (m: Mbuf) => void): Mbuf | null {
    const { children, deficits, quanta, next } = this;
    /** Classes in a row that hold back what they have: after a whole round of them nothing may go. */
    let shy = 0;
    while (this.active > 0 && shy < this.active) {
      const slot = next[this.last];
      const m = children.peek(slot, drop);
      if (m !== null && m.packetLength <= deficits[slot]) return m;
      if (m === null && children.qdiscs[slot].length === 0) {
        this.removeFirst();
        continue;
      }
      if (m === null) shy++;
      else {
        shy = 0;
        deficits[slot] += quanta[slot];
      }
      this.last = slot;
    }
    return null;
  }

  reset(drop: (m: Mbuf) => void): void {
    this.children.reset(drop);
    this.next.fill(IDLE);
    this.deficits.fill(0);
    this.last = IDLE;
    this.active = 0;
  }

  private slotOf(minor: number): number {
    return minor >= 0 && minor < this.slots.length ? this.slots[minor] : NONE;
  }

  private mustHave(minor: number): number {
    const slot = this.slotOf(minor);
    if (slot === NONE || slot === undefined)
      throw new RangeError(`drr: there is no class ${minor.toString(16)}: one of classes() wanted`);
    return slot;
  }

  private growSlots(): void {
    const size = 2 * this.next.length;
    this.next = grown(this.next, size, IDLE);
    for (const name of ['quanta', 'deficits'] as const) {
      const larger = new Float64Array(size);
      larger.set(this[name]);
      this[name] = larger;
    }
  }

  private append(slot: number): void {
    const { next, last } = this;
    if (last === IDLE) next[slot] = slot;
    else {
      next[slot] = next[last];
      next[last] = slot;
    }
    this.last = slot;
    this.active++;
  }

  private removeFirst(): void {
    const { next, last } = this;
    const first = next[last];
    if (first === last) this.last = IDLE;
    else next[last] = next[first];
    next[first] = IDLE;
    this.active--;
  }

  /** Takes a slot out of the ring, wherever it is, and leaves the others in their order. */
  private deactivate(slot: number): void {
    const { next, last } = this;
    if (next[slot] === IDLE) return;
    let before = last;
    while (next[before] !== slot) before = next[before];
    this.last = before;
    this.removeFirst();
    if (this.last !== IDLE && last !== slot) this.last = last;
  }
}

function grown(old: Int32Array<ArrayBuffer>, size: number, filler: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(size).fill(filler);
  larger.set(old);
  return larger;
}
