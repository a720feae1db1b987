// The flows of fq: found by their hash, each a FIFO of linked packets. A flow whose last packet has gone stays for a while, with
// its credit and the time of its next packet; the one idle longest makes room for a new one.
//
//   hash ─► bucket ─► flow ─► flow ─► ...   (chain)        idle: oldest ◄─► ... ◄─► youngest

import type { Mbuf } from '../mbuf/mbuf.ts';

const NONE = -1;
/** Flows beyond these are made only when none is idle. */
const ENOUGH = 65_536;
/** A flow idle for so long is as good as new. */
const FORGET_NS = 3e9;

export class FqFlows {
  heads: (Mbuf | null)[] = [];
  lengths = new Int32Array(64);
  /** Bytes a flow may still send in this turn. */
  credits = new Float64Array(64);
  /** Not before then, ns, may its next packet go: pacing. */
  nextTimes = new Float64Array(64);
  /** When it became idle. */
  idleSince = new Float64Array(64);
  /** Flows there are, idle ones among them; those; and how many have been forgotten. */
  count = 0;
  idle = 0;
  forgotten = 0;
  private tails: (Mbuf | null)[] = [];
  private hashes = new Int32Array(64);
  private chain = new Int32Array(64);
  private before = new Int32Array(64);
  private after = new Int32Array(64);
  private oldest = NONE;
  private youngest = NONE;
  private free = NONE;
  private used = 0;
  private readonly buckets: Int32Array;

  /** `buckets`: a power of two. */
  constructor(buckets: number) {
    this.buckets = new Int32Array(buckets).fill(NONE);
  }

  /** The flow of that hash; -1: there is none. */
  find(hash: number): number {
    const { hashes, chain, buckets } = this;
    let flow = buckets[hash & (buckets.length - 1)];
    while (flow !== NONE && hashes[flow] !== hash) flow = chain[flow];
    return flow;
  }

  /** A new flow, idle as of `clock[0]`, ns. */
  add(hash: number, clock: Float64Array): number {
    const { oldest } = this;
    if (oldest !== NONE && (this.count >= ENOUGH || this.isAsNew(oldest, clock))) this.forget(oldest);
    let flow = this.free;
    if (flow === NONE) {
      flow = this.used++;
      if (flow >= this.lengths.length) this.grow();
    } else this.free = this.chain[flow];
    const bucket = hash & (this.buckets.length - 1);
    this.hashes[flow] = hash;
    this.chain[flow] = this.buckets[bucket];
    this.buckets[bucket] = flow;
    this.heads[flow] = this.tails[flow] = null;
    this.lengths[flow] = 0;
    this.nextTimes[flow] = 0;
    this.count++;
    this.rest(flow, clock);
    return flow;
  }

  push(flow: number, m: Mbuf): void {
    m.nextPacket = null;
    const tail = this.tails[flow];
    if (tail === null) this.heads[flow] = m;
    else tail.nextPacket = m;
    this.tails[flow] = m;
    this.lengths[flow]++;
  }

  shift(flow: number): Mbuf | null {
    const m = this.heads[flow];
    if (m === null) return null;
    this.heads[flow] = m.nextPacket;
    if (m.nextPacket === null) this.tails[flow] = null;
    m.nextPacket = null;
    this.lengths[flow]--;
    return m;
  }

  /** The flow is idle as of `clock[0]`. */
  rest(flow: number, clock: Float64Array): void {
    this.idleSince[flow] = clock[0];
    this.before[flow] = this.youngest;
    this.after[flow] = NONE;
    if (this.youngest === NONE) this.oldest = flow;
    else this.after[this.youngest] = flow;
    this.youngest = flow;
    this.idle++;
  }

  /** The flow is idle no more. */
  wake(flow: number): void {
    const { before, after } = this;
    if (before[flow] === NONE) this.oldest = after[flow];
    else after[before[flow]] = after[flow];
    if (after[flow] === NONE) this.youngest = before[flow];
    else before[after[flow]] = before[flow];
    this.idle--;
  }

  /** Hands all packets to `drop` and forgets all flows. */
  reset(drop: (m: Mbuf) => void): void {
    for (let flow = 0; flow < this.used; flow++)
      for (let m = this.shift(flow); m !== null; m = this.shift(flow)) drop(m);
    this.buckets.fill(NONE);
    this.count = this.idle = this.used = 0;
    this.oldest = this.youngest = this.free = NONE;
  }

  private isAsNew(flow: number, clock: Float64Array): boolean {
    return clock[0] - this.idleSince[flow] > FORGET_NS && this.nextTimes[flow] <= clock[0];
  }

  private forget(flow: number): void {
    const { buckets, chain } = this;
    this.wake(flow);
    const bucket = this.hashes[flow] & (buckets.length - 1);
    if (buckets[bucket] === flow) buckets[bucket] = chain[flow];
    else {
      let other = buckets[bucket];
      while (chain[other] !== flow) other = chain[other];
      chain[other] = chain[flow];
    }
    chain[flow] = this.free;
    this.free = flow;
    this.count--;
    this.forgotten++;
  }

  private grow(): void {
    const size = 2 * this.lengths.length;
    for (const name of ['lengths', 'hashes', 'chain', 'before', 'after'] as const) {
      const larger = new Int32Array(size);
      larger.set(this[name]);
      this[name] = larger;
    }
    for (const name of ['credits', 'nextTimes', 'idleSince'] as const) {
      const larger = new Float64Array(size);
      larger.set(this[name]);
      this[name] = larger;
    }
  }
}
