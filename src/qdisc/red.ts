// red, random early detection: as the average queue grows from min to max, more and more packets are dropped (or marked). After
// S. Floyd and V. Jacobson, "Random Early Detection Gateways for Congestion Avoidance", IEEE/ACM Transactions on Networking 1(4),
// 1993, and tc-red(8); gentle after S. Floyd, "Recommendation on using the 'gentle_' variant of RED", 2000 (tc has no such
// option). Left out: adaptive, qevents. It has one class, 1, which takes everything: a bfifo with the limit, unless another
// discipline is grafted there, whose own limit then counts. Defaults: max limit / 4, min max / 3, burst (2 min + max) / (3 avpkt), avpkt 1000 (the man
// page's advice), probability 0.02, bandwidth 10 Mbit/s, no ecn.
//
//   p_b  1 ┤           ┌───  without gentle          avg = avg + w (q - avg)          when a packet comes
//          │           │   ╱                         avg = avg (1 - w)^m              after m packet times of idleness
//          │           │ ╱  with gentle              p_a = p_b / (1 - count p_b)      count: packets since the last mark
//    maxp  ┤       __──┘
//       0  └──────┴────┴─────┴── avg      So gaps between marks are even from 1 to 1 / p_b packets (section 7, method 2): counted
//                min  max  2max           from 0, for the first packet after a mark has p_a = p_b there.

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { ClassfulQdisc, Qdisc, QdiscClass, QdiscEnv, QdiscStats } from '../net/qdisc.ts';
import { Children, leafClass, onlyClass } from './children.ts';
import { setCe } from './ecn.ts';
import { Bfifo } from './fifo.ts';
import { RedAverage } from './red-average.ts';
import { type RedOptions, type ResolvedRedOptions, resolveRed } from './red-options.ts';

const LEAF = 0;

export class Red implements ClassfulQdisc {
  readonly kind = 'red';
  readonly stats: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  /** It must see every packet. */
  readonly canBypass = false;
  options: Readonly<ResolvedRedOptions>;
  handle = 0;
  /** Not asked: there is one class only. */
  classifier = null;
  private given: RedOptions;
  private readonly env: QdiscEnv;
  private readonly children: Children;
  private readonly average: RedAverage;
  private marked = 0;
  private early = 0;
  private pdrop = 0;

  constructor(env: QdiscEnv, options: RedOptions) {
    this.env = env;
    this.given = { ...options };
    this.options = resolveRed(options);
    this.average = new RedAverage(env, this.options);
    this.children = new Children(this.stats, [new Bfifo(env, { limit: this.options.limit })]);
  }

  get length(): number {
    return this.children.length;
  }

  get backlog(): number {
    return this.children.backlog;
  }

  get nextTimeNs(): number {
    return this.children.nextTimeNs();
  }

  classes(): QdiscClass[] {
    return [leafClass(1, this.children.qdiscs[LEAF])];
  }

  graft(minor: number, qdisc: Qdisc, drop: (m: Mbuf) => void): Qdisc {
    onlyClass('red', minor);
    const old = this.children.graft(LEAF, qdisc, drop);
    this.average.idle();
    return old;
  }

  /** Bytes, as of the last packet that came. */
  get averageQueue(): number {
    return this.average.average;
  }

  /** w of the moving average. */
  get averageWeight(): number {
    return this.average.weight;
  }

  /**
   * Options never given follow those they default from. What waits in its bfifo stays, be the limit smaller; another leaf is
   * not touched.
   */
  change(options: Partial<RedOptions>): void {
    const given = { ...this.given, ...options };
    const resolved = resolveRed(given);
    this.average.change(resolved);
    this.given = given;
    this.options = resolved;
    const leaf = this.children.qdiscs[LEAF];
    if (leaf instanceof Bfifo) leaf.change({ limit: resolved.limit });
  }

  /** As `tc -s`: marked; early: dropped by the average; pdrop: dropped for want of room. */
  xstats(): Record<string, number> {
    return { marked: this.marked, early: this.early, pdrop: this.pdrop };
  }

  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    const { children, average } = this;
    average.update(children.backlog);
    if (average.wantsMark() && !this.mark(m)) {
      this.early++;
      this.stats.drops++;
      drop(m);
      return;
    }
    const { drops } = this.stats;
    children.enqueue(LEAF, m, drop);
    this.pdrop += this.stats.drops - drops;
  }

  dequeue(drop: (m: Mbuf) => void): Mbuf | null {
    const { children } = this;
    const m = children.dequeue(LEAF, drop);
    if (m !== null && children.length === 0) this.average.idle();
    return m;
  }

  peek(drop: (m: Mbuf) => void): Mbuf | null {
    return this.children.peek(LEAF, drop);
  }

  reset(drop: (m: Mbuf) => void): void {
    this.children.reset(drop);
    this.average.reset();
  }

  /** Tells the receiver, or leaves it untold (nodrop). False: the packet is to be dropped. */
  private mark(m: Mbuf): boolean {
    const { options } = this;
    this.stats.overlimits++;
    if (!options.ecn) return false;
    if (options.harddrop && this.average.isAboveMax) return false;
    if (!setCe(this.env.u8, m)) return options.nodrop;
    this.marked++;
    return true;
  }
}
