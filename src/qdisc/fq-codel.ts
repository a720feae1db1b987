// fq_codel: a queue a flow, served in turn by deficits in bytes, each under CoDel. After T. Hoeiland-Joergensen and others, "The
// Flow Queue CoDel Packet Scheduler and Active Queue Management Algorithm", RFC 8290, and tc-fq_codel(8). A flow that has just
// got a packet is new and goes before the old ones for one quantum, so sparse flows do not wait behind bulk. When there is no
// room, up to drop_batch packets, at most half the bytes, go from the head of the queue with most bytes. Left out:
// ce_threshold. With a classifier there is no hash: class n is queue n - 1, a packet of no class is dropped; classes are the
// queues, and nothing can be grafted there. CoDel's "no more than the MTU left" is asked of the flow's own queue, as RFC 8289 has it of a queue. Defaults:
// limit 10240 packets, flows 1024, target 5 ms, interval 100 ms, quantum 1514, memory_limit 32 MiB, drop_batch 64, ecn.
//
//   flow hash ─► queue 0..flows-1        new flows ─► [7] [31]            served first; then to the old ones
//                                        old flows ─► [2] [900] [55]      in turn; leaves when found empty

import type { Mbuf } from '../mbuf/mbuf.ts';
import { flowHash } from '../net/flow-hash.ts';
import {
  CLASS_NONE,
  CLASS_STOLEN,
  type Classifier,
  type Qdisc,
  type QdiscEnv,
  type QdiscStats,
} from '../net/qdisc.ts';
import { classOfPriority } from './classify.ts';
import { type CodelParameters, CodelQueues, validateCodel } from './codel-queues.ts';
import { validateWhole } from './options.ts';

export interface FqCodelOptions extends CodelParameters {
  /** Packets. */
  limit: number;
  /** Queues: only when it is made. */
  flows: number;
  /** Bytes a turn. */
  quantum: number;
  /** Bytes of packets. */
  memoryLimit: number;
  /** Packets. */
  dropBatch: number;
}

const DEFAULTS: FqCodelOptions = {
  limit: 10_240,
  flows: 1024,
  quantum: 1514,
  targetNs: 5e6,
  intervalNs: 100e6,
  ecn: true,
  mtu: 1514,
  memoryLimit: 32 << 20,
  dropBatch: 64,
};

/** The largest IP packet there is, and an Ethernet header. */
const LARGEST_BYTES = 65_535 + 14;
const NONE = -1;
// Where a flow is: in which of the two lists.
const IDLE = 0;
const NEW = 1;
const OLD = 2;

export class FqCodel implements Qdisc {
  readonly kind = 'fq_codel';
  readonly stats: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  readonly nextTimeNs = 0;
  readonly options: FqCodelOptions;
  handle = 0;
  classifier: Classifier | null = null;
  private readonly env: QdiscEnv;
  private readonly queues: CodelQueues;
  private readonly seed: number;
  private readonly deficits: Float64Array;
  private readonly place: Uint8Array;
  /** The flow behind each in its list. */
  private readonly next: Int32Array;
  /** First and last flow, and number of flows, of each list. */
  private readonly first = new Int32Array(3).fill(NONE);
  private readonly last = new Int32Array(3).fill(NONE);
  private readonly size = new Int32Array(3);
  /** What peek showed: out of its queue already. */
  private shown: Mbuf | null = null;
  private dropOverlimit = 0;
  private dropOvermemory = 0;
  private newFlowCount = 0;

  constructor(env: QdiscEnv, options: Partial<FqCodelOptions> = {}) {
    this.env = env;
    this.options = { ...DEFAULTS };
    const flows = options.flows ?? DEFAULTS.flows;
    validateWhole('fq_codel: flows', flows, 'queues', 1, 65_536);
    this.options.flows = flows;
    this.apply(options);
    this.seed = env.random.next32() | 0;
    this.queues = new CodelQueues(env, this.stats, flows);
    this.deficits = new Float64Array(flows);
    this.place = new Uint8Array(flows);
    this.next = new Int32Array(flows).fill(NONE);
  }

  get length(): number {
    return this.queues.length + (this.shown === null ? 0 : 1);
  }

  get backlog(): number {
    return this.queues.backlog + (this.shown === null ? 0 : this.shown.packetLength);
  }

  get canBypass(): boolean {
    return this.classifier === null && this.options.memoryLimit >= LARGEST_BYTES;
  }

  /** What is over a smaller limit is dropped. */
  change(options: Partial<FqCodelOptions>, drop: (m: Mbuf) => void): void {
    this.apply(options);
    this.trim(drop);
  }

  /** As `tc -s`. */
  xstats(): Record<string, number> {
    return {
      maxpacket: this.queues.maxPacket,
      drop_overlimit: this.dropOverlimit,
      drop_overmemory: this.dropOvermemory,
      new_flow_count: this.newFlowCount,
      ecn_mark: this.queues.marks,
      new_flows_len: this.size[NEW],
      old_flows_len: this.size[OLD],
      memory_used: this.backlog,
    };
  }

  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    const { queues, place, options } = this;
    const flow = this.flowOf(m);
    if (flow < 0) {
      if (flow === CLASS_STOLEN) return;
      this.stats.drops++;
      drop(m);
      return;
    }
    queues.push(flow, m);
    if (place[flow] === IDLE) {
      this.append(NEW, flow);
      this.deficits[flow] = options.quantum;
      this.newFlowCount++;
    }
    if (this.length > options.limit || this.backlog > options.memoryLimit) this.trim(drop);
  }

  dequeue(drop: (m: Mbuf) => void): Mbuf | null {
    const m = this.peek(drop);
    this.shown = null;
    return m;
  }

  peek(drop: (m: Mbuf) => void): Mbuf | null {
    if (this.shown === null) this.shown = this.take(drop);
    return this.shown;
  }

  reset(drop: (m: Mbuf) => void): void {
    const { shown } = this;
    this.shown = null;
    if (shown !== null) drop(shown);
    this.queues.reset(drop);
    this.deficits.fill(0);
    this.place.fill(IDLE);
    this.next.fill(NONE);
    this.first.fill(NONE);
    this.last.fill(NONE);
    this.size.fill(0);
  }

  private apply(options: Partial<FqCodelOptions>): void {
    const all = { ...this.options, ...options };
    if (all.flows !== this.options.flows)
      throw new RangeError(
        `fq_codel: flows ${all.flows}: can be set only when it is made, ${this.options.flows} wanted`,
      );
    validateWhole('fq_codel: limit', all.limit, 'packets', 1, 0xffffffff);
    validateWhole('fq_codel: quantum', all.quantum, 'bytes', 1, 0x7fffffff);
    validateWhole('fq_codel: memory_limit', all.memoryLimit, 'bytes', 1, 0xffffffff);
    validateWhole('fq_codel: drop_batch', all.dropBatch, 'packets', 1, 0xffffffff);
    validateCodel('fq_codel', all);
    Object.assign(this.options, all);
  }

  /** Its queue, by its priority, its class or its hash; CLASS_STOLEN, or another number below 0: none. */
  private flowOf(m: Mbuf): number {
    const { flows } = this.options;
    let minor = classOfPriority(m, this.handle);
    if (minor < 1 || minor > flows) {
      if (this.classifier === null) return (flowHash(this.env.u8, m, this.seed) >>> 0) % flows;
      minor = this.classifier.classify(m, 0);
      if (minor === CLASS_STOLEN) return CLASS_STOLEN;
    }
    return minor >= 1 && minor <= flows ? minor - 1 : CLASS_NONE;
  }

  private trim(drop: (m: Mbuf) => void): void {
    const { queues, options } = this;
    while (queues.length > 0 && (this.length > options.limit || this.backlog > options.memoryLimit))
      this.dropFattest(drop);
  }

  /** Ends: a flow leaves its list each round, or comes nearer to its next packet by a quantum. */
  private take(drop: (m: Mbuf) => void): Mbuf | null {
    const { first, deficits, options, queues } = this;
    for (;;) {
      const list = first[NEW] === NONE ? OLD : NEW;
      const flow = first[list];
      if (flow === NONE) return null;
      if (deficits[flow] <= 0) {
        deficits[flow] += options.quantum;
        this.removeFirst(list);
        this.append(OLD, flow);
        continue;
      }
      const m = queues.dequeue(flow, options, drop);
      if (m !== null) {
        deficits[flow] -= m.packetLength;
        return m;
      }
      this.removeFirst(list);
      // A new flow that is empty waits its turn once more, lest its next packet be new again and starve the old ones.
      if (list === NEW && first[OLD] !== NONE) this.append(OLD, flow);
    }
  }

  private dropFattest(drop: (m: Mbuf) => void): void {
    const { queues, options } = this;
    const { backlogs } = queues;
    let fattest = 0;
    for (let i = 1; i < backlogs.length; i++) if (backlogs[i] > backlogs[fattest]) fattest = i;
    const enough = backlogs[fattest] / 2;
    const overMemory = this.backlog > options.memoryLimit;
    let dropped = 0;
    while (queues.lengths[fattest] > 0 && dropped < options.dropBatch) {
      queues.dropHead(fattest, drop);
      dropped++;
      if (backlogs[fattest] <= enough) break;
    }
    if (overMemory) this.dropOvermemory += dropped;
    else this.dropOverlimit += dropped;
  }

  private append(list: number, flow: number): void {
    const { next, first, last } = this;
    next[flow] = NONE;
    if (first[list] === NONE) first[list] = flow;
    else next[last[list]] = flow;
    last[list] = flow;
    this.place[flow] = list;
    this.size[list]++;
  }

  private removeFirst(list: number): void {
    const { next, first, last } = this;
    const flow = first[list];
    first[list] = next[flow];
    if (first[list] === NONE) last[list] = NONE;
    next[flow] = NONE;
    this.place[flow] = IDLE;
    this.size[list]--;
  }
}
