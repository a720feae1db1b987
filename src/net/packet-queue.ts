// A FIFO of packets, linked by nextPacket.

import type { Mbuf } from '../mbuf/mbuf.ts';

export class PacketQueue {
  head: Mbuf | null = null;
  length = 0;
  private tail: Mbuf | null = null;

  push(m: Mbuf): void {
    m.nextPacket = null;
    if (this.tail === null) this.head = m;
    else this.tail.nextPacket = m;
    this.tail = m;
    this.length++;
  }

  shift(): Mbuf | null {
    const m = this.head;
    if (m === null) return null;
    this.head = m.nextPacket;
    if (this.head === null) this.tail = null;
    m.nextPacket = null;
    this.length--;
    return m;
  }
}
