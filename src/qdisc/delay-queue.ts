// Packets by the time they are to leave, the earliest first; those of the same time in the order they came. A binary heap of
// places in typed arrays, which grows by doubling.

import type { Mbuf } from '../mbuf/mbuf.ts';

const FIRST_ROOM = 64;

export class DelayQueue {
  length = 0;
  /** Bytes. */
  backlog = 0;
  /** When the packet in each place leaves, ns; and how many came before it. */
  private times = new Float64Array(FIRST_ROOM);
  private serials = new Float64Array(FIRST_ROOM);
  private heap = Int32Array.from({ length: FIRST_ROOM }, (_, place) => place);
  private readonly packets: (Mbuf | null)[] = new Array(FIRST_ROOM).fill(null);
  private readonly came = new Float64Array(1);

  /** The packet leaves at `from[index]` ns. */
  push(m: Mbuf, from: Float64Array, index: number): void {
    if (this.length === this.heap.length) this.grow();
    // Behind the heap lie the places that are free.
    const place = this.heap[this.length];
    this.times[place] = from[index];
    this.serials[place] = this.came[0]++;
    this.packets[place] = m;
    m.nextPacket = null;
    this.backlog += m.packetLength;
    this.up(this.length++);
  }

  /** Writes the time of the packet that leaves next, ns. There must be one. */
  firstTime(to: Float64Array, index: number): void {
    to[index] = this.times[this.heap[0]];
  }

  shift(): Mbuf | null {
    if (this.length === 0) return null;
    const { heap, packets } = this;
    const place = heap[0];
    const m = packets[place];
    packets[place] = null;
    const last = --this.length;
    heap[0] = heap[last];
    heap[last] = place;
    this.down();
    if (m !== null) this.backlog -= m.packetLength;
    return m;
  }

  private grow(): void {
    const room = 2 * this.heap.length;
    const times = new Float64Array(room);
    const serials = new Float64Array(room);
    const heap = Int32Array.from({ length: room }, (_, place) => place);
    times.set(this.times);
    serials.set(this.serials);
    heap.set(this.heap);
    this.times = times;
    this.serials = serials;
    this.heap = heap;
    while (this.packets.length < room) this.packets.push(null);
  }

  private before(a: number, b: number): boolean {
    const { times, serials } = this;
    return times[a] < times[b] || (times[a] === times[b] && serials[a] < serials[b]);
  }

  private up(from: number): void {
    const { heap } = this;
    let at = from;
    const place = heap[at];
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.before(place, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = place;
  }

  private down(): void {
    const { heap, length } = this;
    const place = heap[0];
    let at = 0;
    for (let child = 1; child < length; child = 2 * at + 1) {
      if (child + 1 < length && this.before(heap[child + 1], heap[child])) child++;
      if (!this.before(heap[child], place)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = place;
  }
}
