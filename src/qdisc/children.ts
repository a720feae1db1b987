// The disciplines inside a classful one, with the sums of what they hold. Each call adds to the parent's drops what the child
// dropped in it, and to the child's packets what the parent took: for a child, the parent is the device.

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { Qdisc, QdiscStats } from '../net/qdisc.ts';

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

  /** Puts an empty discipline in the place of a child, whose packets go to `drop`, and returns the old one. */
  graft(i: number, qdisc: Qdisc, drop: (m: Mbuf) => void): Qdisc {
    const old = this.qdiscs[i];
    if (qdisc.length > 0)
      throw new RangeError(`a ${qdisc.kind} with ${qdisc.length} packets: an empty one wanted`);
    this.length -= old.length;
    this.backlog -= old.backlog;
    this.stats.drops += old.length;
    old.reset(drop);
    this.qdiscs[i] = qdisc;
    return old;
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
