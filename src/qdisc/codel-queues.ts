// CoDel (RFC 8289, section 5) over one or many FIFO queues, each with its own state: what codel and fq_codel are made of. A
// packet's sojourn time is measured when it leaves. Once it has been `target` or more for a whole `interval`, packets are
// dropped (or marked) at times that come closer with interval / sqrt(count), until the sojourn time is below `target` or no
// more than a packet of the MTU's size is left.
//
//   sojourn ≥ target       interval      drop   interval/√1   drop  interval/√2  drop   ...     sojourn < target
//   ─────┬────────────────────────────────┬───────────────────┬──────────────────┬───────────────────┬────────
//     firstAbove is set             dropping begins                                            dropping ends

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { QdiscEnv, QdiscStats } from '../net/qdisc.ts';
import { setCe } from './ecn.ts';

/** What CoDel goes by. Both disciplines' options have these fields, so their options serve. */
export interface CodelParameters {
  targetNs: number;
  intervalNs: number;
  /** Bytes: a queue that holds no more is not standing. */
  mtu: number;
  ecn: boolean;
}

/** A new dropping phase goes on at the rate of the last one if that ended less than this many intervals ago. */
const RECENT_INTERVALS = 16;
const NOW = 0;

export class CodelQueues {
  readonly heads: (Mbuf | null)[];
  /** Bytes and packets, by queue. */
  readonly backlogs: Float64Array;
  readonly lengths: Int32Array;
  /** Of all queues together. */
  length = 0;
  backlog = 0;
  readonly count: Int32Array;
  readonly lastCount: Int32Array;
  readonly dropping: Uint8Array;
  readonly dropNext: Float64Array;
  marks = 0;
  maxPacket = 0;
  /** Sojourn time, ns, of the last packet that left a queue. */
  readonly sojourn = new Float64Array(1);
  private readonly env: QdiscEnv;
  private readonly stats: QdiscStats;
  private readonly tails: (Mbuf | null)[];
  /** When the sojourn time will have been too long for an interval; 0: it is not too long. */
  private readonly firstAbove: Float64Array;
  /** When each packet came, by Mbuf.index: grows to the size of the pool, once. */
  private arrivals = new Float64Array(0);
  private readonly clock = new Float64Array(1);

  constructor(env: QdiscEnv, stats: QdiscStats, queues: number) {
    this.env = env;
    this.stats = stats;
    this.heads = new Array<Mbuf | null>(queues).fill(null);
    this.tails = new Array<Mbuf | null>(queues).fill(null);
    this.backlogs = new Float64Array(queues);
    this.lengths = new Int32Array(queues);
    this.count = new Int32Array(queues);
    this.lastCount = new Int32Array(queues);
    this.dropping = new Uint8Array(queues);
    this.dropNext = new Float64Array(queues);
    this.firstAbove = new Float64Array(queues);
  }

  push(queue: number, m: Mbuf): void {
    if (m.index >= this.arrivals.length) this.growArrivals(m);
    this.env.stamp(this.arrivals, m.index);
    m.nextPacket = null;
    const tail = this.tails[queue];
    if (tail === null) this.heads[queue] = m;
    else tail.nextPacket = m;
    this.tails[queue] = m;
    const bytes = m.packetLength;
    if (bytes > this.maxPacket) this.maxPacket = bytes;
    this.lengths[queue]++;
    this.backlogs[queue] += bytes;
    this.length++;
    this.backlog += bytes;
  }

  /** Takes the oldest packet of the queue, whatever its age. */
  shift(queue: number): Mbuf | null {
    const m = this.heads[queue];
    if (m === null) return null;
    this.heads[queue] = m.nextPacket;
    if (m.nextPacket === null) this.tails[queue] = null;
    m.nextPacket = null;
    this.lengths[queue]--;
    this.backlogs[queue] -= m.packetLength;
    this.length--;
    this.backlog -= m.packetLength;
    return m;
  }

  /** The next packet of the queue that CoDel lets go; null: it is empty now. */
  dequeue(queue: number, parameters: CodelParameters, drop: (m: Mbuf) => void): Mbuf | null {
    const { clock, dropNext } = this;
    this.env.stamp(clock, NOW);
    const m = this.shift(queue);
    const standing = this.isStanding(queue, m, parameters);
    if (!standing || m === null) {
      this.dropping[queue] = 0;
      return m;
    }
    if (this.dropping[queue] === 0) return this.beginDropping(queue, m, parameters, drop);
    if (clock[NOW] < dropNext[queue]) return m;
    return this.goOnDropping(queue, m, parameters, drop);
  }

  /** Ns until the next drop, if the queue stands; below 0: it is overdue. */
  untilDrop(queue: number): number {
    this.env.stamp(this.clock, NOW);
    return this.dropNext[queue] - this.clock[NOW];
  }

  /** Drops the oldest packet of the queue, for want of room. */
  dropHead(queue: number, drop: (m: Mbuf) => void): void {
    const m = this.shift(queue);
    if (m !== null) this.discard(m, drop);
  }

  reset(drop: (m: Mbuf) => void): void {
    for (let queue = 0; queue < this.heads.length; queue++) {
      for (let m = this.shift(queue); m !== null; m = this.shift(queue)) drop(m);
    }
    for (const state of [this.count, this.lastCount, this.dropping, this.dropNext, this.firstAbove])
      state.fill(0);
    this.sojourn[0] = 0;
  }

  private beginDropping(
    queue: number,
    first: Mbuf,
    parameters: CodelParameters,
    drop: (m: Mbuf) => void,
  ): Mbuf | null {
    const { clock, dropNext, count, lastCount, dropping } = this;
    let m: Mbuf | null = first;
    dropping[queue] = 1;
    if (!this.mark(first, parameters)) {
      this.discard(first, drop);
      m = this.shift(queue);
      if (!this.isStanding(queue, m, parameters)) dropping[queue] = 0;
    }
    const gained = count[queue] - lastCount[queue];
    const recent = clock[NOW] - dropNext[queue] < RECENT_INTERVALS * parameters.intervalNs;
    count[queue] = gained > 1 && recent ? gained : 1;
    lastCount[queue] = count[queue];
    dropNext[queue] = clock[NOW] + parameters.intervalNs / Math.sqrt(count[queue]);
    return m;
  }

  /** Ends: each round but the last takes a packet out of the queue. */
  private goOnDropping(
    queue: number,
    first: Mbuf,
    parameters: CodelParameters,
    drop: (m: Mbuf) => void,
  ): Mbuf | null {
    const { clock, dropNext, count, dropping } = this;
    let m: Mbuf | null = first;
    while (m !== null && dropping[queue] !== 0 && clock[NOW] >= dropNext[queue]) {
      count[queue]++;
      if (this.mark(m, parameters)) {
        dropNext[queue] += parameters.intervalNs / Math.sqrt(count[queue]);
        return m;
      }
      this.discard(m, drop);
      m = this.shift(queue);
      if (this.isStanding(queue, m, parameters))
        dropNext[queue] += parameters.intervalNs / Math.sqrt(count[queue]);
      else dropping[queue] = 0;
    }
    return m;
  }

  /** Whether `m`, which has just left the queue, ends a whole interval of packets that were too long in it. */
  private isStanding(queue: number, m: Mbuf | null, parameters: CodelParameters): boolean {
    const { clock, sojourn, firstAbove } = this;
    if (m === null) {
      firstAbove[queue] = 0;
      return false;
    }
    sojourn[0] = clock[NOW] - this.arrivals[m.index];
    if (sojourn[0] < parameters.targetNs || this.backlogs[queue] <= parameters.mtu) {
      firstAbove[queue] = 0;
      return false;
    }
    if (firstAbove[queue] === 0) {
      firstAbove[queue] = clock[NOW] + parameters.intervalNs;
      return false;
    }
    return clock[NOW] >= firstAbove[queue];
  }

  private mark(m: Mbuf, parameters: CodelParameters): boolean {
    if (!parameters.ecn || !setCe(this.env.u8, m)) return false;
    this.marks++;
    return true;
  }

  private discard(m: Mbuf, drop: (m: Mbuf) => void): void {
    this.stats.drops++;
    drop(m);
  }

  private growArrivals(m: Mbuf): void {
    const grown = new Float64Array(Math.max(m.pool.mbufs.length, m.index + 1));
    grown.set(this.arrivals);
    this.arrivals = grown;
  }
}

/** Throws RangeError unless CoDel can go by these. */
export function validateCodel(kind: string, { targetNs, intervalNs, mtu }: CodelParameters): void {
  if (!(targetNs >= 0 && targetNs < Infinity))
    throw new RangeError(`${kind}: target ${targetNs}: ns, 0 or more, wanted`);
  if (!(intervalNs > 0 && intervalNs < Infinity))
    throw new RangeError(`${kind}: interval ${intervalNs}: ns, above 0, wanted`);
  if (!(mtu >= 0 && mtu < Infinity)) throw new RangeError(`${kind}: mtu ${mtu}: bytes, 0 or more, wanted`);
}
