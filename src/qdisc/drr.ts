// drr, deficit round robin: backlogged classes share the link in proportion to their quanta, whatever their packets' sizes.
// After M. Shreedhar and G. Varghese, "Efficient Fair Queueing using Deficit Round Robin", SIGCOMM 1995, and tc-drr(8):
// classes are served in turn; in its turn one sends while its deficit covers the packet, which costs it that many bytes;
// a class that cannot send is given its quantum and goes to the end. A packet of no class is dropped. Default quantum: the
// MTU with its Ethernet header.

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { Qdisc, QdiscEnv, QdiscStats } from '../net/qdisc.ts';
import { Children } from './children.ts';
import { Pfifo } from './fifo.ts';

export interface DrrClass {
  /** Bytes a turn. */
  quantum?: number;
  /** Default: a pfifo. */
  child?: Qdisc;
}

export interface DrrOptions {
  classes: readonly DrrClass[];
  /** Returns the packet's class, by its place in `classes`; anything else: none. */
  classify: (m: Mbuf) => number;
}

const QUANTUM = 1514;
const IDLE = -1;

export class Drr implements Qdisc {
  readonly kind = 'drr';
  readonly stats: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  readonly canBypass = false;
  readonly options: DrrOptions;
  readonly quanta: Float64Array;
  readonly deficits: Float64Array;
  private readonly children: Children;
  /** Classes with packets, in a ring: `next` of the last is the one whose turn it is. IDLE: not among them. */
  private readonly next: Int32Array;
  private last = IDLE;
  private active = 0;

  constructor(env: QdiscEnv, options: DrrOptions) {
    const { classes } = options;
    if (classes.length === 0) throw new RangeError('drr: no classes: at least 1 wanted');
    for (const { quantum } of classes) validate(quantum ?? QUANTUM);
    this.options = { ...options };
    this.quanta = Float64Array.from(classes, (each) => each.quantum ?? QUANTUM);
    this.deficits = new Float64Array(classes.length);
    this.next = new Int32Array(classes.length).fill(IDLE);
    this.children = new Children(
      this.stats,
      classes.map((each) => each.child ?? new Pfifo(env)),
    );
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

  get classes(): readonly Qdisc[] {
    return this.children.qdiscs;
  }

  change(options: Partial<Pick<DrrOptions, 'classify'>>): void {
    Object.assign(this.options, options);
  }

  changeClass(index: number, quantum: number): void {
    if (!(index in this.quanta))
      throw new RangeError(`drr: class ${index}: 0 to ${this.quanta.length - 1} wanted`);
    validate(quantum);
    this.quanta[index] = quantum;
  }

  xstats(): Record<string, number> {
    return {};
  }

  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    const { children, quanta, deficits } = this;
    const index = this.options.classify(m);
    if (!Number.isInteger(index) || index < 0 || index >= quanta.length) {
      this.stats.drops++;
      drop(m);
      return;
    }
    children.enqueue(index, m, drop);
    if (this.next[index] !== IDLE || children.qdiscs[index].length === 0) return;
    deficits[index] = quanta[index];
    this.append(index);
  }

  dequeue(drop: (m: Mbuf) => void): Mbuf | null {
    const { children, deficits } = this;
    if (this.peek(drop) === null) return null;
    const index = this.next[this.last];
    const m = children.dequeue(index, drop);
    if (m !== null) deficits[index] -= m.packetLength;
    if (children.qdiscs[index].length === 0) this.removeFirst();
    return m;
  }

  peek(drop: (m: Mbuf) => void): Mbuf | null {
    const { children, deficits, quanta, next } = this;
    /** Classes in a row that hold back what they have: after a whole round of them nothing may go. */
    let shy = 0;
    while (this.active > 0 && shy < this.active) {
      const index = next[this.last];
      const m = children.peek(index, drop);
      if (m !== null && m.packetLength <= deficits[index]) return m;
      if (m === null && children.qdiscs[index].length === 0) {
        this.removeFirst();
        continue;
      }
      if (m === null) shy++;
      else {
        shy = 0;
        deficits[index] += quanta[index];
      }
      this.last = index;
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

  private append(index: number): void {
    const { next, last } = this;
    if (last === IDLE) next[index] = index;
    else {
      next[index] = next[last];
      next[last] = index;
    }
    this.last = index;
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
}

function validate(quantum: number): void {
  if (!Number.isInteger(quantum) || quantum < 1 || quantum > 0xffffffff)
    throw new RangeError(`drr: quantum ${quantum}: bytes from 1 to 2^32 - 1 wanted`);
}
