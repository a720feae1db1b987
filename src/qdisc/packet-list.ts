// A FIFO of packets, linked by nextPacket: what the simple disciplines are made of.

import type { Mbuf } from '../mbuf/mbuf.ts';

export class PacketList {
  head: Mbuf | null = null;
  length = 0;
  /** Bytes. */
  backlog = 0;
  private tail: Mbuf | null = null;

  push(m: Mbuf): void {
    m.nextPacket = null;
    if (this.tail === null) this.head = m;
    else this.tail.nextPacket = m;
    this.tail = m;
    this.length++;
    this.backlog += m.packetLength;
  }

  shift(): Mbuf | null {
    const m = this.head;
    if (m === null) return null;
    this.head = m.nextPacket;
    if (this.head === null) this.tail = null;
    m.nextPacket = null;
    this.length--;
    this.backlog -= m.packetLength;
    return m;
  }
}
