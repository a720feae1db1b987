// choke: red, and before it a comparison: while the average is at min or above, a packet that comes is held against one drawn at
// random from the queue; are they of one flow, both are dropped. So flows that do not slow down lose most. After R. Pan,
// B. Prabhakar and K. Psounis, "CHOKe: a stateless active queue management scheme for approximating fair bandwidth allocation",
// INFOCOM 2000, and tc-choke(8). All is counted in packets. Defaults as red's: max limit / 4, min max / 3, burst
// (2 min + max) / 3, probability 0.02, bandwidth 10 Mbit/s, avpkt 1000, no ecn.

import type { Mbuf } from '../mbuf/mbuf.ts';
import { flowHash } from '../net/flow-hash.ts';
import type { Qdisc, QdiscEnv, QdiscStats } from '../net/qdisc.ts';
import { ChokeQueue } from './choke-queue.ts';
import { Dice } from './dice.ts';
import { setCe } from './ecn.ts';
import { validateWhole } from './options.ts';
import { RedAverage } from './red-average.ts';
import { type ResolvedRedOptions, resolveRed } from './red-options.ts';

export interface ChokeOptions {
  /** Packets that may wait. */
  limit: number;
  /** Packets of the average queue at which marking begins, and at which it is at its most. */
  min?: number;
  max?: number;
  /** Packets that may come at once before marking begins. */
  burst?: number;
  /** At max; 0 to 1. */
  probability?: number;
  /** Bytes a second of the link, and bytes of a packet, for the average after idle time. */
  bandwidth?: number;
  avpkt?: number;
  /** Marks ECN-capable packets instead of dropping them. */
  ecn?: boolean;
}

const MOST_PACKETS = 131_072;

export class Choke implements Qdisc {
  readonly kind = 'choke';
  readonly stats: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  readonly nextTimeNs = 0;
  /** It must see every packet. */
  readonly canBypass = false;
  /** In packets; an avpkt of 1. */
  options: Readonly<ResolvedRedOptions>;
  private given: ChokeOptions;
  private readonly env: QdiscEnv;
  private readonly queue: ChokeQueue;
  private readonly average: RedAverage;
  private readonly seed: number;
  private readonly dice: Dice;
  /** What peek showed: out of the queue already. */
  private shown: Mbuf | null = null;
  private marked = 0;
  private early = 0;
  private pdrop = 0;
  private matched = 0;

  constructor(env: QdiscEnv, options: ChokeOptions) {
    this.env = env;
    this.given = { ...options };
    this.options = resolve(options);
    this.average = new RedAverage(env, this.options);
    this.queue = new ChokeQueue();
    this.dice = new Dice(env.random);
    this.seed = env.random.next32() | 0;
  }

  get length(): number {
    return this.queue.length + (this.shown === null ? 0 : 1);
  }

  get backlog(): number {
    return this.queue.backlog + (this.shown === null ? 0 : this.shown.packetLength);
  }

  /** Packets, as of the last packet that came; and w of that moving average. */
  get averageQueue(): number {
    return this.average.average;
  }

  get averageWeight(): number {
    return this.average.weight;
  }

  /** Options never given follow those they default from. What is over a smaller limit is dropped, oldest first. */
  change(options: Partial<ChokeOptions>, drop: (m: Mbuf) => void): void {
    const given = { ...this.given, ...options };
    const resolved = resolve(given);
    this.average.change(resolved);
    this.given = given;
    this.options = resolved;
    while (this.queue.length > 0 && this.length > resolved.limit) {
      const m = this.queue.shift();
      if (m === null) break;
      this.pdrop++;
      this.discard(m, drop);
    }
  }

  /** As `tc -s`: marked; early: by the average; pdrop: for want of room; matched: pairs of one flow. Each but the first is drops. */
  xstats(): Record<string, number> {
    const { marked, early, pdrop, matched } = this;
    return { marked, early, pdrop, matched };
  }

  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    this.average.update(this.length);
    this.admit(m, flowHash(this.env.u8, m, this.seed), drop);
  }

  dequeue(_drop: (m: Mbuf) => void): Mbuf | null {
    const m = this.shown ?? this.queue.shift();
    this.shown = null;
    if (m !== null && this.queue.length === 0) this.average.idle();
    return m;
  }

  peek(_drop: (m: Mbuf) => void): Mbuf | null {
    if (this.shown === null) this.shown = this.queue.shift();
    return this.shown;
  }

  reset(drop: (m: Mbuf) => void): void {
    for (let m = this.dequeue(drop); m !== null; m = this.dequeue(drop)) drop(m);
    this.average.reset();
  }

  private admit(m: Mbuf, hash: number, drop: (m: Mbuf) => void): void {
    const { queue, average } = this;
    if (average.isAboveMin && this.isMatched(hash, drop)) {
      this.matched++;
      this.discard(m, drop);
      return;
    }
    if (average.wantsMark() && !this.mark(m)) {
      this.early++;
      this.discard(m, drop);
      return;
    }
    if (this.length >= this.options.limit) {
      this.pdrop++;
      this.discard(m, drop);
      return;
    }
    queue.push(m, hash);
  }

  /** Whether the packet drawn is of that flow: it is dropped then. */
  private isMatched(hash: number, drop: (m: Mbuf) => void): boolean {
    const { queue } = this;
    if (queue.length === 0) return false;
    const place = queue.draw(this.dice);
    if (queue.hashAt(place) !== hash) return false;
    this.discard(queue.take(place), drop);
    if (this.length === 0) this.average.idle();
    return true;
  }

  private mark(m: Mbuf): boolean {
    this.stats.overlimits++;
    if (!this.options.ecn || !setCe(this.env.u8, m)) return false;
    this.marked++;
    return true;
  }

  private discard(m: Mbuf, drop: (m: Mbuf) => void): void {
    this.stats.drops++;
    drop(m);
  }
}

/** In packets: red's options with packets of one unit. */
function resolve(given: ChokeOptions): ResolvedRedOptions {
  const { limit, bandwidth = 1.25e6, avpkt = 1000 } = given;
  validateWhole('choke: limit', limit, 'packets', 1, MOST_PACKETS);
  const max = given.max ?? limit / 4;
  const min = given.min ?? max / 3;
  if (!(min > 0)) throw new RangeError(`choke: min ${min}: packets, above 0, wanted`);
  if (!(max > min && max <= limit))
    throw new RangeError(`choke: max ${max}: packets, more than min, ${min}, up to limit, ${limit}, wanted`);
  if (!(avpkt >= 1 && avpkt < Infinity))
    throw new RangeError(`choke: avpkt ${avpkt}: bytes, 1 or more, wanted`);
  const { burst = (2 * min + max) / 3, probability, ecn } = given;
  if (!(burst >= min && burst < Infinity))
    throw new RangeError(`choke: burst ${burst}: packets, at least min, ${min}, wanted`);
  return resolveRed({ limit, min, max, avpkt: 1, burst, probability, bandwidth: bandwidth / avpkt, ecn });
}
