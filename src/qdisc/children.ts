// The disciplines inside a classful one, with the sums of what they hold. Each call adds to the parent's drops what the child
// dropped in it, and to the child's packets what the parent took: for a child, the parent is the device.

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { Qdisc, QdiscClass, QdiscStats } from '../net/qdisc.ts';

export class Children {
  readonly qdiscs: Qdisc[];
  length = 0;
  /** Bytes. */
  backlog = 0;
  private readonly stats: QdiscStats;

  /** `stats`: the parent's. The children are empty. */
  constructor(stats: QdiscStats, qdiscs: Qdisc[]) {
    this.stats = stats;
    this.qdiscs = qdiscs;
  }

  enqueue(i: number, m: Mbuf, drop: (m: Mbuf) => void): void {
    const child = this.qdiscs[i];
    this.leave(child);
    child.enqueue(m, drop);
    this.enter(child);
  }

  dequeue(i: number, drop: (m: Mbuf) => void): Mbuf | null {
    const child = this.qdiscs[i];
    this.leave(child);
    const m = child.dequeue(drop);
    this.enter(child);
    if (m === null) return null;
    child.stats.packets++;
    child.stats.bytes += m.packetLength;
    return m;
  }

  peek(i: number, drop: (m: Mbuf) => void): Mbuf | null {
    const child = this.qdiscs[i];
    this.leave(child);
    const m = child.peek(drop);
    this.enter(child);
    return m;
  }

  reset(drop: (m: Mbuf) => void): void {
    for (const child of this.qdiscs) child.reset(drop);
    this.length = 0;
    this.backlog = 0;
  }

  /** Puts an empty discipline in the place of a child, whose packets go to `drop` and are counted; returns the old one. */
  graft(i: number, qdisc: Qdisc, drop: (m: Mbuf) => void): Qdisc {
    const old = this.qdiscs[i];
    if (qdisc.length > 0)
      throw new RangeError(`a ${qdisc.kind} with ${qdisc.length} packets: an empty one wanted`);
    this.clear(i, drop);
    this.qdiscs[i] = qdisc;
    return old;
  }

  /** Empties a child: its packets go to `drop` and are counted as the parent's drops. */
  clear(i: number, drop: (m: Mbuf) => void): void {
    const child = this.qdiscs[i];
    this.length -= child.length;
    this.backlog -= child.backlog;
    this.stats.drops += child.length;
    child.reset(drop);
  }

  /** The earliest time at which a child with packets wants to be asked again; 0: none does. */
  nextTimeNs(): number {
    let earliest = 0;
    for (let i = 0; i < this.qdiscs.length; i++) {
      const child = this.qdiscs[i];
      if (child.length === 0) continue;
      const time = child.nextTimeNs;
      if (time > 0 && (earliest === 0 || time < earliest)) earliest = time;
    }
    return earliest;
  }

  private leave(child: Qdisc): void {
    this.length -= child.length;
    this.backlog -= child.backlog;
    this.stats.drops -= child.stats.drops;
  }

  private enter(child: Qdisc): void {
    this.length += child.length;
    this.backlog += child.backlog;
    this.stats.drops += child.stats.drops;
  }
}

/** A class that is nothing but its leaf, directly below its discipline: what `classes()` shows of it now. */
export function leafClass(minor: number, leaf: Qdisc): QdiscClass {
  const { stats, length, backlog } = leaf;
  return { minor, parent: 0, leaf, stats, length, backlog };
}

/** Throws RangeError unless it is the number of the only class there is. */
export function onlyClass(kind: string, minor: number): void {
  if (minor !== 1) throw new RangeError(`${kind}: class ${minor.toString(16)}: it has one class only, 1`);
}
