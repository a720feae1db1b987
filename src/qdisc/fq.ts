// fq, fair queueing with pacing: a queue a flow, served in turn by quanta of bytes, and no packet before its time. After tc-fq(8)
// and E. Dumazet's description of it ("pkt_sched: fq: Fair Queue packet scheduler", 2013). Flows are told apart by the whole
// 32-bit hash, so they hardly ever share a queue. A new flow starts with initial_quantum and goes before the old ones until it
// has sent that. A packet's time to send is Mbuf.timestampNs when that lies ahead (earliest departure time), and with a maxrate a
// packet of b bytes keeps the flow's next one back for b / maxrate. Packets of priority 7 (TC_PRIO_CONTROL) pass by all that. In
// a flow packets keep their order, whatever their times. Left out, since each packet is paced by itself and no socket is known
// here: low_rate_threshold, timer_slack, orphan_mask. Defaults: limit 10000 packets, flow_limit 100 packets, quantum 3028,
// initial_quantum 15140, pacing, no maxrate, buckets 1024, refill_delay 40 ms, horizon 10 s, horizon_drop, no ce_threshold.
//
//   flow hash ─► flow ─► new flows ─┐                      time not come: waits in `throttled`, then an old flow
//                        old flows ─┴─► credit ─► time ─► out

import type { Mbuf } from '../mbuf/mbuf.ts';
import { flowHash } from '../net/flow-hash.ts';
import type { Qdisc, QdiscEnv, QdiscStats } from '../net/qdisc.ts';
import { setCe } from './ecn.ts';
import { FlowRings, NEW_FLOWS, NO_FLOW, OLD_FLOWS } from './flow-rings.ts';
import { FlowTimes } from './flow-times.ts';
import { FqFlows } from './fq-flows.ts';
import { type FqOptions, resolveFq } from './fq-options.ts';
import { PacketList } from './packet-list.ts';

const TC_PRIO_CONTROL = 7;
const NOW = 0;
const LATER = 1;

export class Fq implements Qdisc {
  readonly kind = 'fq';
  readonly stats: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  /** It must see every packet, to pace the next. */
  readonly canBypass = false;
  options: Readonly<FqOptions>;
  length = 0;
  backlog = 0;
  private readonly env: QdiscEnv;
  private readonly seed: number;
  private readonly control = new PacketList();
  private readonly flows: FqFlows;
  private readonly rings = new FlowRings();
  private readonly throttled = new FlowTimes();
  /** Time to send of each packet, by Mbuf.index: grows to the size of the pool, once. */
  private sendTimes = new Float64Array(0);
  /** Now, and a time worked out. */
  private readonly clock = new Float64Array(2);
  /** What peek showed: out of its queue already. */
  private shown: Mbuf | null = null;
  private readonly counts = {
    highprio: 0,
    throttled: 0,
    ce_mark: 0,
    flows_plimit: 0,
    horizon_drops: 0,
    horizon_caps: 0,
  };

  constructor(env: QdiscEnv, options: Partial<FqOptions> = {}) {
    this.env = env;
    this.options = resolveFq(options);
    this.flows = new FqFlows(this.options.buckets);
    this.seed = env.random.next32() | 0;
  }

  get nextTimeNs(): number {
    return Math.ceil(this.throttled.firstTime);
  }

  /** What is over a smaller limit is dropped, from any flows. */
  change(options: Partial<FqOptions>, drop: (m: Mbuf) => void): void {
    const all = resolveFq({ ...this.options, ...options });
    if (all.buckets !== this.options.buckets)
      throw new RangeError(
        `fq: buckets ${all.buckets}: can be set only when it is made, ${this.options.buckets} wanted`,
      );
    this.options = all;
    while (this.length > all.limit) {
      const flow = this.anyFlow();
      const m = flow === NO_FLOW ? this.control.shift() : this.flows.shift(flow);
      if (m === null) break;
      this.forgetPacket(m);
      this.discard(m, drop);
    }
  }

  /** As `tc -s`, with its names; times in ns. */
  xstats(): Record<string, number> {
    this.env.stamp(this.clock, NOW);
    const next = this.throttled.firstTime;
    return {
      flows: this.flows.count,
      inactive: this.flows.idle,
      throttled_flows: this.throttled.length,
      next_packet_delay: next === 0 ? 0 : Math.max(0, next - this.clock[NOW]),
      gc: this.flows.forgotten,
      ...this.counts,
    };
  }

  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    const { options, flows, clock, counts } = this;
    if (this.length >= options.limit) {
      this.discard(m, drop);
      return;
    }
    this.env.stamp(clock, NOW);
    if ((m.priority & 15) === TC_PRIO_CONTROL) {
      counts.highprio++;
      this.control.push(m);
      this.length++;
      this.backlog += m.packetLength;
      return;
    }
    if (m.index >= this.sendTimes.length) this.growTimes(m);
    if (!this.stampSendTime(m)) {
      counts.horizon_drops++;
      this.discard(m, drop);
      return;
    }
    const hash = flowHash(this.env.u8, m, this.seed);
    let flow = flows.find(hash);
    if (flow === NO_FLOW) {
      flow = flows.add(hash, clock);
      flows.credits[flow] = options.initialQuantum;
    }
    if (flows.lengths[flow] >= options.flowLimit) {
      counts.flows_plimit++;
      this.discard(m, drop);
      return;
    }
    if (flows.lengths[flow] === 0 && this.rings.place(flow) === 0) this.wake(flow);
    flows.push(flow, m);
    this.length++;
    this.backlog += m.packetLength;
  }

  dequeue(drop: (m: Mbuf) => void): Mbuf | null {
    const m = this.peek(drop);
    this.shown = null;
    if (m !== null) this.forgetPacket(m);
    return m;
  }

  peek(_drop: (m: Mbuf) => void): Mbuf | null {
    if (this.shown === null && this.length > 0) this.shown = this.take();
    return this.shown;
  }

  reset(drop: (m: Mbuf) => void): void {
    const { shown } = this;
    this.shown = null;
    if (shown !== null) drop(shown);
    for (let m = this.control.shift(); m !== null; m = this.control.shift()) drop(m);
    this.flows.reset(drop);
    this.rings.clear();
    this.throttled.clear();
    this.length = 0;
    this.backlog = 0;
  }

  /** Ends: a flow leaves the rings each round, or comes nearer to its next packet by a quantum. */
  private take(): Mbuf | null {
    const { flows, rings, clock, options } = this;
    const first = this.control.shift();
    if (first !== null) return first;
    this.env.stamp(clock, NOW);
    this.release();
    for (;;) {
      const ring = rings.first(NEW_FLOWS) === NO_FLOW ? OLD_FLOWS : NEW_FLOWS;
      const flow = rings.first(ring);
      if (flow === NO_FLOW) return null;
      if (flows.credits[flow] <= 0) {
        flows.credits[flow] += options.quantum;
        rings.removeFirst(ring);
        rings.append(OLD_FLOWS, flow);
        continue;
      }
      const head = flows.heads[flow];
      if (head === null) {
        rings.removeFirst(ring);
        // A new flow that is empty waits its turn once more, lest its next packet be new again and starve the old ones.
        if (ring === NEW_FLOWS && rings.first(OLD_FLOWS) !== NO_FLOW) rings.append(OLD_FLOWS, flow);
        else flows.rest(flow, clock);
        continue;
      }
      clock[LATER] = Math.max(this.sendTimes[head.index], flows.nextTimes[flow]);
      if (clock[LATER] > clock[NOW]) {
        rings.removeFirst(ring);
        rings.setThrottled(flow);
        this.throttled.push(flow, clock, LATER);
        this.counts.throttled++;
        this.stats.overlimits++;
        continue;
      }
      flows.shift(flow);
      this.sent(flow, head);
      return head;
    }
  }

  /** Credit, pacing, and whether it comes too late. */
  private sent(flow: number, m: Mbuf): void {
    const { flows, clock, options, sendTimes } = this;
    flows.credits[flow] -= m.packetLength;
    if (clock[NOW] - sendTimes[m.index] > options.ceThresholdNs && setCe(this.env.u8, m))
      this.counts.ce_mark++;
    if (!options.pacing || options.maxrate === Infinity) return;
    const gap = (m.packetLength / options.maxrate) * 1e9;
    // Asked late, it makes up for it, but no more than half a gap: the rate holds, and there are no bursts.
    const planned = Math.max(flows.nextTimes[flow], sendTimes[m.index]);
    flows.nextTimes[flow] = Math.max(planned, clock[NOW] - gap / 2) + gap;
  }

  /** Flows whose time has come are old flows again. */
  private release(): void {
    const { throttled, clock } = this;
    while (throttled.length > 0 && throttled.firstTime <= clock[NOW]) {
      const flow = throttled.first;
      throttled.shift();
      this.rings.append(OLD_FLOWS, flow);
    }
  }

  private wake(flow: number): void {
    const { flows, clock, options } = this;
    flows.wake(flow);
    if (clock[NOW] - flows.idleSince[flow] > options.refillDelayNs)
      flows.credits[flow] = Math.max(flows.credits[flow], options.quantum);
    this.rings.append(NEW_FLOWS, flow);
  }

  /** False: it lies beyond the horizon, and is not to be kept. */
  private stampSendTime(m: Mbuf): boolean {
    const { clock, options, sendTimes } = this;
    const wanted = m.timestampNs;
    const last = clock[NOW] + options.horizonNs;
    if (wanted > last && options.horizonDrop) return false;
    if (wanted > last) this.counts.horizon_caps++;
    sendTimes[m.index] = Math.min(Math.max(wanted, clock[NOW]), last);
    return true;
  }

  /** One with packets; -1: none has. */
  private anyFlow(): number {
    const { lengths, count } = this.flows;
    for (let flow = 0; flow < lengths.length && count > 0; flow++) if (lengths[flow] > 0) return flow;
    return NO_FLOW;
  }

  private forgetPacket(m: Mbuf): void {
    this.length--;
    this.backlog -= m.packetLength;
  }

  private discard(m: Mbuf, drop: (m: Mbuf) => void): void {
    this.stats.drops++;
    drop(m);
  }

  private growTimes(m: Mbuf): void {
    const larger = new Float64Array(Math.max(m.pool.mbufs.length, m.index + 1));
    larger.set(this.sendTimes);
    this.sendTimes = larger;
  }
}
