// red, random early detection: as the average queue grows from min to max, more and more packets are dropped (or marked). After
// S. Floyd and V. Jacobson, "Random Early Detection Gateways for Congestion Avoidance", IEEE/ACM Transactions on Networking 1(4),
// 1993, and tc-red(8); gentle after S. Floyd, "Recommendation on using the 'gentle_' variant of RED", 2000 (tc has no such
// option). Left out: adaptive, qevents. Defaults: max limit / 4, min max / 3, burst (2 min + max) / (3 avpkt), avpkt 1000 (the man
// page's advice), probability 0.02, bandwidth 10 Mbit/s, no ecn.
//
//   p_b  1 ┤           ┌───  without gentle          avg = avg + w (q - avg)          when a packet comes
//          │           │   ╱                         avg = avg (1 - w)^m              after m packet times of idleness
//          │           │ ╱  with gentle              p_a = p_b / (1 - count p_b)      count: packets since the last mark
//    maxp  ┤       __──┘
//       0  └──────┴────┴─────┴── avg      So gaps between marks are even from 1 to 1 / p_b packets (section 7, method 2): counted
//                min  max  2max           from 0, for the first packet after a mark has p_a = p_b there.

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { Qdisc, QdiscEnv, QdiscStats } from '../net/qdisc.ts';
import { setCe } from './ecn.ts';
import { PacketList } from './packet-list.ts';
import { type RedOptions, type ResolvedRedOptions, resolveRed, weightOf } from './red-options.ts';

// In `state`: average queue, bytes; when the queue became empty; now; packets since the last mark.
const AVERAGE = 0;
const IDLE_SINCE = 1;
const NOW = 2;
const COUNT = 3;

export class Red implements Qdisc {
  readonly kind = 'red';
  readonly stats: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  readonly nextTimeNs = 0;
  /** It must see every packet. */
  readonly canBypass = false;
  options: Readonly<ResolvedRedOptions>;
  private given: RedOptions;
  private readonly env: QdiscEnv;
  private readonly list = new PacketList();
  private readonly state = new Float64Array(4);
  /** [0]: w of the moving average. */
  private readonly weight = new Float64Array(1);
  private marked = 0;
  private early = 0;
  private pdrop = 0;

  constructor(env: QdiscEnv, options: RedOptions) {
    this.env = env;
    this.given = { ...options };
    this.options = resolveRed(options);
    this.weight[0] = weightOf(this.options);
    env.stamp(this.state, IDLE_SINCE);
  }

  get length(): number {
    return this.list.length;
  }

  get backlog(): number {
    return this.list.backlog;
  }

  /** Bytes, as of the last packet that came. */
  get averageQueue(): number {
    return this.state[AVERAGE];
  }

  /** w of the moving average. */
  get averageWeight(): number {
    return this.weight[0];
  }

  /** Options never given follow those they default from. What is over a smaller limit stays, and leaves in its turn. */
  change(options: Partial<RedOptions>): void {
    const given = { ...this.given, ...options };
    const resolved = resolveRed(given);
    this.weight[0] = weightOf(resolved);
    this.given = given;
    this.options = resolved;
  }

  /** As `tc -s`: marked; early: dropped by the average; pdrop: dropped for want of room. */
  xstats(): Record<string, number> {
    return { marked: this.marked, early: this.early, pdrop: this.pdrop };
  }

  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    const { list, options } = this;
    this.updateAverage();
    if (this.wantsMark() && !this.mark(m)) {
      this.early++;
      this.discard(m, drop);
      return;
    }
    if (list.backlog + m.packetLength > options.limit) {
      this.pdrop++;
      this.discard(m, drop);
      return;
    }
    list.push(m);
  }

  dequeue(): Mbuf | null {
    const m = this.list.shift();
    if (m !== null && this.list.length === 0) this.env.stamp(this.state, IDLE_SINCE);
    return m;
  }

  peek(): Mbuf | null {
    return this.list.head;
  }

  reset(drop: (m: Mbuf) => void): void {
    for (let m = this.list.shift(); m !== null; m = this.list.shift()) drop(m);
    this.state[AVERAGE] = 0;
    this.state[COUNT] = 0;
    this.env.stamp(this.state, IDLE_SINCE);
  }

  private updateAverage(): void {
    const { state, list, options, weight } = this;
    if (list.length > 0) {
      state[AVERAGE] += weight[0] * (list.backlog - state[AVERAGE]);
      return;
    }
    this.env.stamp(state, NOW);
    const packetTimes = ((state[NOW] - state[IDLE_SINCE]) / 1e9) * (options.bandwidth / options.avpkt);
    state[AVERAGE] *= (1 - weight[0]) ** packetTimes;
    // The time until now has counted, should this packet be dropped and the next find the queue empty still.
    state[IDLE_SINCE] = state[NOW];
  }

  /** Whether the packet that has just come is to be marked: p_a. */
  private wantsMark(): boolean {
    const { state, options } = this;
    const average = state[AVERAGE];
    const { min, max, probability } = options;
    if (average < min) {
      state[COUNT] = 0;
      return false;
    }
    const most = options.gentle ? 2 * max : max;
    if (average >= most) {
      state[COUNT] = 0;
      return true;
    }
    const chance =
      average < max
        ? (probability * (average - min)) / (max - min)
        : probability + ((1 - probability) * (average - max)) / max;
    const left = 1 - state[COUNT] * chance;
    if (left <= 0 || this.env.random.float() * left < chance) {
      state[COUNT] = 0;
      return true;
    }
    state[COUNT]++;
    return false;
  }

  /** Tells the receiver, or leaves it untold (nodrop). False: the packet is to be dropped. */
  private mark(m: Mbuf): boolean {
    const { options, state } = this;
    this.stats.overlimits++;
    if (!options.ecn) return false;
    if (options.harddrop && state[AVERAGE] >= options.max) return false;
    if (!setCe(this.env.u8, m)) return options.nodrop;
    this.marked++;
    return true;
  }

  private discard(m: Mbuf, drop: (m: Mbuf) => void): void {
    this.stats.drops++;
    drop(m);
  }
}
