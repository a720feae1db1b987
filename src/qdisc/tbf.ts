// tbf, the token bucket filter: sends no more than burst + rate * t bytes in any t seconds, and with a peakrate no more than
// mtu + peakrate * t either. After tc-tbf(8). Left out: mpu, overhead and linklayer. Tokens are bytes; they are brought up to
// date only when a packet goes, so that asking often loses nothing to rounding.
//
//   rate ──► [ burst ] ──┐
//                        ├─► a packet goes when both hold its bytes
//   peakrate ► [ mtu ] ──┘

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { Qdisc, QdiscEnv, QdiscStats } from '../net/qdisc.ts';
import { Children } from './children.ts';
import { Bfifo } from './fifo.ts';

export interface TbfOptions {
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
  /** In place of a bfifo with the limit, which then does not count. */
  child?: Qdisc;
}

// In `state`: what the buckets held at the time LAST, now, and when it is worth asking again.
const TOKENS = 0;
const PEAK_TOKENS = 1;
const LAST = 2;
const NOW = 3;
const NEXT = 4;

export class Tbf implements Qdisc {
  readonly kind = 'tbf';
  readonly stats: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  readonly canBypass = false;
  options: Readonly<TbfOptions>;
  private readonly env: QdiscEnv;
  private readonly children: Children;
  private readonly fifo: Bfifo | null;
  private readonly state = new Float64Array(5);
  /** Bytes of the longest packet that will ever go. */
  private longest = 0;

  constructor(env: QdiscEnv, options: TbfOptions) {
    this.env = env;
    this.options = { ...options };
    validate(options);
    this.fifo = options.child === undefined ? new Bfifo(env, { limit: limitOf(options) }) : null;
    this.children = new Children(this.stats, [options.child ?? this.fifo!]);
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

  get classes(): readonly Qdisc[] {
    return this.children.qdiscs;
  }

  /** Tokens there are stay, as far as the new buckets hold them. A limit or latency takes the other's place. */
  change(options: Partial<Omit<TbfOptions, 'child'>>): void {
    const all = { ...this.options, ...options };
    if (options.limit !== undefined && options.latencyNs === undefined) delete all.latencyNs;
    if (options.latencyNs !== undefined && options.limit === undefined) delete all.limit;
    validate(all);
    const { state, env } = this;
    env.stamp(state, NOW);
    const tokens = Math.min(this.tokens(), all.burst);
    const hadPeak = this.options.peakrate !== undefined;
    const peak = hadPeak ? Math.min(this.peakTokens(), all.mtu ?? 0) : (all.mtu ?? 0);
    this.options = all;
    this.fifo?.change({ limit: limitOf(all) });
    state[TOKENS] = tokens;
    state[PEAK_TOKENS] = peak;
    state[LAST] = state[NOW];
    this.longest = longestOf(all);
  }

  xstats(): Record<string, number> {
    return {};
  }

  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    if (m.packetLength > this.longest) {
      this.stats.drops++;
      drop(m);
      return;
    }
    this.children.enqueue(0, m, drop);
  }

  dequeue(drop: (m: Mbuf) => void): Mbuf | null {
    const { state, children, options } = this;
    if (this.peek(drop) === null) return null;
    const m = children.dequeue(0, drop);
    if (m === null) return null;
    state[TOKENS] = this.tokens() - m.packetLength;
    if (options.peakrate !== undefined) state[PEAK_TOKENS] = this.peakTokens() - m.packetLength;
    state[LAST] = state[NOW];
    return m;
  }

  peek(drop: (m: Mbuf) => void): Mbuf | null {
    const { state, children, options } = this;
    state[NEXT] = 0;
    let m = children.peek(0, drop);
    // After a smaller burst, what waits may be too long ever to go.
    while (m !== null && m.packetLength > this.longest) {
      const gone = children.dequeue(0, drop);
      if (gone !== null) {
        this.stats.drops++;
        drop(gone);
      }
      m = children.peek(0, drop);
    }
    if (m === null) {
      if (children.length > 0) state[NEXT] = children.nextTimeNs();
      return null;
    }
    this.env.stamp(state, NOW);
    let wait = (m.packetLength - this.tokens()) / options.rate;
    if (options.peakrate !== undefined)
      wait = Math.max(wait, (m.packetLength - this.peakTokens()) / options.peakrate);
    if (wait <= 0) return m;
    this.stats.overlimits++;
    state[NEXT] = state[NOW] + Math.max(1, Math.ceil(wait * 1e9));
    return null;
  }

  reset(drop: (m: Mbuf) => void): void {
    this.children.reset(drop);
    this.fill();
  }

  private fill(): void {
    const { state, options } = this;
    this.longest = longestOf(options);
    state[TOKENS] = options.burst;
    state[PEAK_TOKENS] = options.mtu ?? 0;
    this.env.stamp(state, LAST);
    state[NEXT] = 0;
  }

  private tokens(): number {
    const { state, options } = this;
    return Math.min(options.burst, state[TOKENS] + ((state[NOW] - state[LAST]) * options.rate) / 1e9);
  }

  private peakTokens(): number {
    const { state, options } = this;
    const gained = ((state[NOW] - state[LAST]) * options.peakrate!) / 1e9;
    return Math.min(options.mtu!, state[PEAK_TOKENS] + gained);
  }
}

function longestOf({ burst, peakrate, mtu }: TbfOptions): number {
  return peakrate === undefined ? burst : Math.min(burst, mtu!);
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

function validate(options: TbfOptions): void {
  const { rate, burst, limit, latencyNs, peakrate, mtu, child } = options;
  if (!(rate > 0 && rate < Infinity))
    throw new RangeError(`tbf: rate ${rate}: bytes a second, above 0, wanted`);
  if (!(burst >= 1 && burst < Infinity))
    throw new RangeError(`tbf: burst ${burst}: bytes, at least the longest packet, wanted`);
  if (limit !== undefined && latencyNs !== undefined) throw new RangeError('tbf: limit or latency, not both');
  if (limit === undefined && latencyNs === undefined && child === undefined)
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
}
