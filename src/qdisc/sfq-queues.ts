// The queues of sfq: linked packets, and the queues themselves linked by their length, so that the longest is found at once.
// Packets are linked one way; to take the last of a queue its predecessor is wanted, which `before` has by Mbuf.index.
//
//   byLength[0] unused   byLength[1] ─► 4 ◄─► 9   byLength[2] ─► 7   byLength[3] empty   byLength[4] ─► 0    longest: 0

import type { Mbuf } from '../mbuf/mbuf.ts';

const NONE = -1;

export class SfqQueues {
  readonly lengths: Int32Array;
  /** Packets and bytes of all queues. */
  length = 0;
  backlog = 0;
  private readonly heads: (Mbuf | null)[];
  private readonly tails: (Mbuf | null)[];
  /** The packet in front of each in its queue, by Mbuf.index. */
  private readonly before: (Mbuf | null)[] = [];
  private readonly free: Int32Array;
  private freeCount: number;
  /** A queue of each length, and its neighbours in the list of those. */
  private readonly byLength: Int32Array;
  private readonly next: Int32Array;
  private readonly previous: Int32Array;
  private mostPackets = 0;

  constructor(queues: number, depth: number) {
    this.lengths = new Int32Array(queues);
    this.heads = new Array<Mbuf | null>(queues).fill(null);
    this.tails = new Array<Mbuf | null>(queues).fill(null);
    this.free = Int32Array.from({ length: queues }, (_, i) => queues - 1 - i);
    this.freeCount = queues;
    this.byLength = new Int32Array(depth + 1).fill(NONE);
    this.next = new Int32Array(queues).fill(NONE);
    this.previous = new Int32Array(queues).fill(NONE);
  }

  /** Queues taken. */
  get used(): number {
    return this.free.length - this.freeCount;
  }

  /** Takes an empty queue; -1: none is left. */
  take(): number {
    return this.freeCount === 0 ? NONE : this.free[--this.freeCount];
  }

  release(queue: number): void {
    this.free[this.freeCount++] = queue;
  }

  /** A queue no other is longer than; there must be packets. */
  longest(): number {
    return this.byLength[this.mostPackets];
  }

  push(queue: number, m: Mbuf): void {
    while (this.before.length <= m.index) this.before.push(null);
    const tail = this.tails[queue];
    m.nextPacket = null;
    this.before[m.index] = tail;
    if (tail === null) this.heads[queue] = m;
    else tail.nextPacket = m;
    this.tails[queue] = m;
    this.account(queue, 1, m.packetLength);
  }

  /** Takes the first packet. */
  shift(queue: number): Mbuf | null {
    const m = this.heads[queue];
    if (m === null) return null;
    const second = m.nextPacket;
    this.heads[queue] = second;
    if (second === null) this.tails[queue] = null;
    else this.before[second.index] = null;
    m.nextPacket = null;
    this.account(queue, -1, -m.packetLength);
    return m;
  }

  /** Takes the last packet. */
  pop(queue: number): Mbuf | null {
    const m = this.tails[queue];
    if (m === null) return null;
    const before = this.before[m.index];
    this.tails[queue] = before;
    if (before === null) this.heads[queue] = null;
    else before.nextPacket = null;
    this.before[m.index] = null;
    this.account(queue, -1, -m.packetLength);
    return m;
  }

  private account(queue: number, packets: number, bytes: number): void {
    const { lengths, byLength } = this;
    this.length += packets;
    this.backlog += bytes;
    if (lengths[queue] > 0) this.unlink(queue);
    lengths[queue] += packets;
    const length = lengths[queue];
    if (length > 0) this.link(queue);
    if (length > this.mostPackets) this.mostPackets = length;
    while (this.mostPackets > 0 && byLength[this.mostPackets] === NONE) this.mostPackets--;
  }

  private link(queue: number): void {
    const { byLength, next, previous, lengths } = this;
    const first = byLength[lengths[queue]];
    next[queue] = first;
    previous[queue] = NONE;
    if (first !== NONE) previous[first] = queue;
    byLength[lengths[queue]] = queue;
  }

  private unlink(queue: number): void {
    const { byLength, next, previous, lengths } = this;
    if (previous[queue] === NONE) byLength[lengths[queue]] = next[queue];
    else next[previous[queue]] = next[queue];
    if (next[queue] !== NONE) previous[next[queue]] = previous[queue];
  }
}
