// tbf, the token bucket filter: sends no more than burst + rate * t bytes in any t seconds, and with a peakrate no more than
// mtu + peakrate * t either. After tc-tbf(8). Bytes are those on the wire (packet-size.ts). Tokens are bytes; they are brought up
// to date only when a packet goes, so that asking often loses nothing to rounding. It has one class, 1, which takes everything:
// a bfifo with the limit, unless another discipline is grafted there. Defaults: mpu 0, overhead 0, linklayer ethernet.
//
//   rate ──► [ burst ] ──┐
//                        ├─► a packet goes when both hold its bytes
//   peakrate ► [ mtu ] ──┘

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { ClassfulQdisc, Qdisc, QdiscClass, QdiscEnv, QdiscStats } from '../net/qdisc.ts';
import { Children, leafClass, onlyClass } from './children.ts';
import { Bfifo } from './fifo.ts';
import { PLAIN_WIRE, validateWire, type WireSize, wireBytes } from './packet-size.ts';

export interface TbfOptions extends Partial<WireSize> {
  /** Bytes a second. */
  rate: number;
  /** Bytes: size of the bucket. Longer packets are dropped. */
  burst: number;
  /** Bytes that may wait; or `latencyNs`, the longest a packet may wait. One of them is wanted. */
  limit?: number;
  latencyNs?: number;
  /** Bytes a second; wants `mtu`, bytes: size of the bucket behind it. */
  peakrate?: number;
  mtu?: number;
}

const LEAF = 0;

// In `state`: what the buckets held at the time LAST, now, when it is worth asking again, and what they hold now (in an array,
// for a function that returned it would be given a box for it).
const TOKENS = 0;
const PEAK_TOKENS = 1;
const LAST = 2;
const NOW = 3;
const NEXT = 4;
const HELD = 5;
const PEAK_HELD = 6;

export class Tbf implements ClassfulQdisc {
  readonly kind = 'tbf';
  readonly stats: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  readonly canBypass = false;
  options: Readonly<TbfOptions & WireSize>;
  handle = 0;
  /** Not asked: there is one class only. */
  classifier = null;
  private readonly env: QdiscEnv;
  private readonly children: Children;
  private readonly state = new Float64Array(7);

  constructor(env: QdiscEnv, options: TbfOptions) {
    this.env = env;
    this.options = resolve({ ...PLAIN_WIRE, ...options });
    this.children = new Children(this.stats, [new Bfifo(env, { limit: limitOf(options) })]);
    this.fill();
  }

  get length(): number {
    return this.children.length;
  }

  get backlog(): number {
    return this.children.backlog;
  }

  get nextTimeNs(): number {
    return this.state[NEXT];
  }

  classes(): QdiscClass[] {
    return [leafClass(1, this.children.qdiscs[LEAF])];
  }

  graft(minor: number, qdisc: Qdisc, drop: (m: Mbuf) => void): Qdisc {
    onlyClass('tbf', minor);
    return this.children.graft(LEAF, qdisc, drop);
  }

  /**
   * Tokens there are stay, as far as the new buckets hold them. A limit or latency takes the other's place. What waits in its
   * bfifo stays, be the limit smaller; another leaf is not touched.
   */
  change(options: Partial<TbfOptions>): void {
    const all = { ...this.options, ...options };
    if (options.limit !== undefined && options.latencyNs === undefined) delete all.latencyNs;
    if (options.latencyNs !== undefined && options.limit === undefined) delete all.limit;
    const resolved = resolve(all);
    const { state, env } = this;
    env.stamp(state, NOW);
    this.refresh();
    const hadPeak = this.options.peakrate !== undefined;
    state[TOKENS] = Math.min(state[HELD], all.burst);
    state[PEAK_TOKENS] = hadPeak ? Math.min(state[PEAK_HELD], all.mtu ?? 0) : (all.mtu ?? 0);
    this.options = resolved;
    const leaf = this.children.qdiscs[LEAF];
    if (leaf instanceof Bfifo) leaf.change({ limit: limitOf(all) });
    state[LAST] = state[NOW];
  }

  xstats(): Record<string, number> {
    return {};
  }

  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    if (!this.everGoes(m)) {
      this.stats.drops++;
      drop(m);
      return;
    }
    this.children.enqueue(LEAF, m, drop);
  }

  dequeue(drop: (m: Mbuf) => void): Mbuf | null {
    const { state, children, options } = this;
    if (this.peek(drop) === null) return null;
    const m = children.dequeue(LEAF, drop);
    if (m === null) return null;
    const bytes = wireBytes(m.packetLength, options);
    state[TOKENS] = state[HELD] - bytes;
    if (options.peakrate !== undefined) state[PEAK_TOKENS] = state[PEAK_HELD] - bytes;
    state[LAST] = state[NOW];
    return m;
  }

  peek(drop: (m: Mbuf) => void): Mbuf | null {
    const { state, children, options } = this;
    state[NEXT] = 0;
    let m = children.peek(LEAF, drop);
    // After a smaller burst, what waits may be too long ever to go.
    while (m !== null && !this.everGoes(m)) {
      const gone = children.dequeue(LEAF, drop);
      if (gone !== null) {
        this.stats.drops++;
        drop(gone);
      }
      m = children.peek(LEAF, drop);
    }
    if (m === null) {
      if (children.length > 0) state[NEXT] = children.nextTimeNs();
      return null;
    }
    this.env.stamp(state, NOW);
    this.refresh();
    const bytes = wireBytes(m.packetLength, options);
    let wait = (bytes - state[HELD]) / options.rate;
    if (options.peakrate !== undefined) wait = Math.max(wait, (bytes - state[PEAK_HELD]) / options.peakrate);
    if (wait <= 0) return m;
    this.stats.overlimits++;
    state[NEXT] = state[NOW] + Math.max(1, Math.ceil(wait * 1e9));
    return null;
  }

  reset(drop: (m: Mbuf) => void): void {
    this.children.reset(drop);
    this.fill();
  }

  /** Both buckets can hold it. */
  private everGoes(m: Mbuf): boolean {
    const { options } = this;
    const bytes = wireBytes(m.packetLength, options);
    return bytes <= options.burst && (options.peakrate === undefined || bytes <= options.mtu!);
  }

  private fill(): void {
    const { state, options } = this;
    state[TOKENS] = options.burst;
    state[PEAK_TOKENS] = options.mtu ?? 0;
    this.env.stamp(state, LAST);
    state[NEXT] = 0;
  }

  /** Works out what the buckets hold now. */
  private refresh(): void {
    const { state, options } = this;
    const { rate, burst, peakrate, mtu } = options;
    const seconds = (state[NOW] - state[LAST]) / 1e9;
    state[HELD] = Math.min(burst, state[TOKENS] + seconds * rate);
    if (peakrate !== undefined) state[PEAK_HELD] = Math.min(mtu!, state[PEAK_TOKENS] + seconds * peakrate);
  }
}

/** After the man page: what the buckets let through in that time. */
function limitOf(options: TbfOptions): number {
  const { rate, burst, limit, latencyNs, peakrate, mtu } = options;
  if (limit !== undefined) return limit;
  const seconds = (latencyNs ?? 0) / 1e9;
  const slow = Math.floor(rate * seconds + burst);
  const bytes = peakrate === undefined ? slow : Math.min(slow, Math.floor(peakrate * seconds + mtu!));
  return Math.min(bytes, 0xffffffff);
}

/** Throws RangeError unless they make sense. All options have one shape, whatever was given: V8's code is made for one. */
function resolve(options: TbfOptions & WireSize): Readonly<TbfOptions & WireSize> {
  const { rate, burst, limit, latencyNs, peakrate, mtu } = options;
  validateWire('tbf', options);
  if (!(rate > 0 && rate < Infinity))
    throw new RangeError(`tbf: rate ${rate}: bytes a second, above 0, wanted`);
  if (!(burst >= 1 && burst < Infinity))
    throw new RangeError(`tbf: burst ${burst}: bytes, at least the longest packet, wanted`);
  if (limit !== undefined && latencyNs !== undefined) throw new RangeError('tbf: limit or latency, not both');
  if (limit === undefined && latencyNs === undefined)
    throw new RangeError('tbf: limit (bytes) or latency wanted');
  if (latencyNs !== undefined && !(latencyNs >= 0 && latencyNs < Infinity))
    throw new RangeError(`tbf: latency ${latencyNs}: ns, 0 or more, wanted`);
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 0 && limit <= 0xffffffff))
    throw new RangeError(`tbf: limit ${limit}: bytes from 0 to 2^32 - 1 wanted`);
  if ((peakrate === undefined) !== (mtu === undefined))
    throw new RangeError('tbf: peakrate and mtu go together');
  if (peakrate !== undefined && !(peakrate > rate && peakrate < Infinity))
    throw new RangeError(`tbf: peakrate ${peakrate}: more than the rate, ${rate}, wanted`);
  if (mtu !== undefined && !(mtu >= 1 && mtu < Infinity))
    throw new RangeError(`tbf: mtu ${mtu}: bytes, at least the longest packet, wanted`);
  const { mpu, overhead, linklayer } = options;
  return { rate, burst, limit, latencyNs, peakrate, mtu, mpu, overhead, linklayer };
}
