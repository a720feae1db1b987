// if_snd: the interface's queue of packets to send. It is the device layer's transmit queue with its discipline; when the
// layer has none, the ifqueue below: first in, first out, what does not fit is dropped. Packets come out of it finished:
// checksummed where the hardware cannot, and shown to the taps.
// The macros of the manual have an argument that they assign; these return it.

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { Qdisc, QdiscStats } from '../net/qdisc.ts';
import { ENOBUFS, EOK } from './errno.ts';
import { IFF_RUNNING } from './flags.ts';
import type { ifnet } from './ifnet.ts';
import { current, ruleError, WITH_MBUFS } from './self.ts';
import { holdForDriver } from './tx-ledger.ts';

/** ifqmaxlen: packets that wait when the driver says nothing. */
export const IFQ_MAXLEN = 256;

/** struct ifaltq. */
export class ifqueue {
  readonly ifp: ifnet;
  ifq_maxlen = 0;
  ifq_ready = false;

  constructor(ifp: ifnet) {
    this.ifp = ifp;
  }

  get ifq_len(): number {
    return this.ifp.if_netdev === null ? 0 : this.ifp.sendQueue.pending;
  }
}

export function IFQ_SET_READY(q: ifqueue): void {
  q.ifq_ready = true;
}

/** Before if_attach. */
export function IFQ_SET_MAXLEN(q: ifqueue, length: number): void {
  if (!Number.isInteger(length) || length < 1) throw new RangeError(`IFQ_SET_MAXLEN ${length}: 1 or more`);
  q.ifq_maxlen = length;
}

export function IFQ_IS_EMPTY(q: ifqueue): boolean {
  return q.ifp.sendQueue.pending === 0;
}

export function IFQ_LEN(q: ifqueue): number {
  return q.ifp.sendQueue.pending;
}

/** Lends the next packet, which stays in the queue; null: none may go now. if_snd_ex held. */
export function IFQ_POLL(q: ifqueue): Mbuf | null {
  checkLocked(q, 'IFQ_POLL');
  return q.ifp.sendQueue.peek();
}

/** Returns the next packet, from now on the driver's; null: none may go now, though some may wait. if_snd_ex held. */
export function IFQ_DEQUEUE(q: ifqueue): Mbuf | null {
  const { ifp } = q;
  const io = current(WITH_MBUFS, 'IFQ_DEQUEUE');
  // Whoever runs has it, if somebody has: nobody waits while another one runs.
  if (ifp.if_snd_ex!.owner === null) checkLocked(q, 'IFQ_DEQUEUE');
  if ((ifp.if_flags_tx & IFF_RUNNING) === 0)
    throw ruleError(io, 'P05', 'IFQ_DEQUEUE while if_flags_tx does not say RUNNING');
  const m = ifp.sendQueue.pull();
  if (m !== null) holdForDriver(io, ifp, m);
  return m;
}

/** Takes a packet with its Ethernet header. ENOBUFS: the queue was full, a packet is freed and counted. if_snd_ex held. */
export function IFQ_ENQUEUE(q: ifqueue, m: Mbuf): number {
  checkLocked(q, 'IFQ_ENQUEUE');
  q.ifp.if_netdev!.offered++;
  return q.ifp.sendQueue.append(m) ? EOK : ENOBUFS;
}

/** Drops everything that waits, counted. if_snd_ex held. */
export function IFQ_PURGE(q: ifqueue): void {
  checkLocked(q, 'IFQ_PURGE');
  q.ifp.sendQueue.reset();
}

/** The driver has dropped a packet that it dequeued. */
export function IFQ_INC_DROPS(q: ifqueue): void {
  q.ifp.countDrop();
}

function checkLocked(q: ifqueue, what: string): void {
  const io = current(WITH_MBUFS, what);
  if (q.ifp.if_netdev === null) throw ruleError(io, 'manual', `${what} before if_attach`);
  if (q.ifp.if_snd_ex!.owner !== io.thread)
    throw ruleError(io, 'L05', `${what} of ${q.ifp.if_xname} without its if_snd_ex`);
}

/** What if_snd is made of when nothing better was asked for. */
export class DropTail implements Qdisc {
  readonly kind = 'ifqueue';
  readonly stats: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  readonly canBypass = true;
  readonly nextTimeNs = 0;
  length = 0;
  backlog = 0;
  private readonly limit: number;
  private head: Mbuf | null = null;
  private tail: Mbuf | null = null;

  constructor(limit: number) {
    this.limit = limit;
  }

  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    if (this.length >= this.limit) {
      this.stats.drops++;
      this.stats.overlimits++;
      drop(m);
      return;
    }
    m.nextPacket = null;
    if (this.tail === null) this.head = m;
    else this.tail.nextPacket = m;
    this.tail = m;
    this.length++;
    this.backlog += m.packetLength;
  }

  dequeue(): Mbuf | null {
    const m = this.head;
    if (m === null) return null;
    this.head = m.nextPacket;
    if (this.head === null) this.tail = null;
    m.nextPacket = null;
    this.length--;
    this.backlog -= m.packetLength;
    return m;
  }

  peek(): Mbuf | null {
    return this.head;
  }

  reset(drop: (m: Mbuf) => void): void {
    for (let m = this.dequeue(); m !== null; m = this.dequeue()) drop(m);
  }
}
