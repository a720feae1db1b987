// sfq, stochastic fairness queueing: flows, told apart by a hash, are served in turn, a quantum of bytes each. After
// P. McKenney, "Stochastic Fairness Queueing", INFOCOM 1990, and tc-sfq(8). When there is no room, the longest queue loses a
// packet: its last, or its first with headdrop. Every `perturb` the hash changes, and what waits is sorted anew, in order, so
// that flows that shared a queue part; a queue too long by then loses packets. Left out: the RED mode (redflowlimit and what
// goes with it). With a classifier there is no hash: class n is place n - 1 of the table, a packet of no class is dropped, and
// nothing is perturbed; classes are the places, and nothing can be grafted there. Defaults: limit 127 packets, depth 127 packets a queue, flows 127 queues at a time, divisor 1024, quantum the
// MTU with its Ethernet header, perturb never.
//
//   flow hash ─► table[divisor] ─► queue ─┐
//                                         └─► ring of queues with packets, each with its allotment of bytes
//   SfqQueues.longest ─► the queue that loses a packet

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
import { validateWhole } from './options.ts';
import { SfqQueues } from './sfq-queues.ts';

export interface SfqOptions {
  /** Packets. */
  limit: number;
  /** Packets a queue: only when it is made, as `flows` and `divisor`. */
  depth: number;
  /** Queues at a time. */
  flows: number;
  /** Places of the hash table: a power of two. */
  divisor: number;
  /** Bytes a turn. */
  quantum: number;
  /** Ns; 0: the hash never changes. */
  perturbNs: number;
  headdrop: boolean;
}

const DEFAULTS: SfqOptions = {
  limit: 127,
  depth: 127,
  flows: 127,
  divisor: 1024,
  quantum: 1514,
  perturbNs: 0,
  headdrop: false,
};
const FIXED = ['depth', 'flows', 'divisor'] as const;
const MOST_PACKETS = 65_535;
const NONE = -1;
// In `times`.
const NOW = 0;
const NEXT_PERTURB = 1;

export class Sfq implements Qdisc {
  readonly kind = 'sfq';
  readonly stats: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  readonly nextTimeNs = 0;
  readonly options: SfqOptions;
  handle = 0;
  classifier: Classifier | null = null;
  private readonly env: QdiscEnv;
  private readonly queues: SfqQueues;
  /** Queue of each place of the hash table. */
  private readonly table: Int32Array;
  private readonly places: Int32Array;
  private readonly allotments: Float64Array;
  /** Queues with packets, in a ring: `next` of `last` is the one whose turn it is. */
  private readonly next: Int32Array;
  private readonly previous: Int32Array;
  private last = NONE;
  private seed: number;
  private perturbs = 0;
  private readonly times = new Float64Array(2);
  /** What peek showed: out of its queue already. */
  private shown: Mbuf | null = null;

  constructor(env: QdiscEnv, options: Partial<SfqOptions> = {}) {
    this.env = env;
    this.options = { ...DEFAULTS };
    for (const name of FIXED) this.options[name] = options[name] ?? DEFAULTS[name];
    const { depth, flows, divisor } = this.options;
    validateWhole('sfq: depth', depth, 'packets', 1, MOST_PACKETS);
    validateWhole('sfq: flows', flows, 'queues', 1, MOST_PACKETS);
    if (!Number.isInteger(divisor) || divisor < 1 || divisor > 65_536 || (divisor & (divisor - 1)) !== 0)
      throw new RangeError(`sfq: divisor ${divisor}: a power of two from 1 to 65536 wanted`);
    this.queues = new SfqQueues(flows, depth);
    this.table = new Int32Array(divisor).fill(NONE);
    this.places = new Int32Array(flows);
    this.allotments = new Float64Array(flows);
    this.next = new Int32Array(flows);
    this.previous = new Int32Array(flows);
    this.seed = env.random.next32() | 0;
    this.apply(options);
  }

  get length(): number {
    return this.queues.length + (this.shown === null ? 0 : 1);
  }

  get backlog(): number {
    return this.queues.backlog + (this.shown === null ? 0 : this.shown.packetLength);
  }

  get canBypass(): boolean {
    return this.classifier === null;
  }

  /** What is over a smaller limit is dropped. */
  change(options: Partial<SfqOptions>, drop: (m: Mbuf) => void): void {
    this.apply(options);
    this.trim(drop);
  }

  /** `flows`: queues that have packets. `perturbs`: how often the hash has changed. */
  xstats(): Record<string, number> {
    return { flows: this.queues.used, perturbs: this.perturbs };
  }

  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    if (this.options.perturbNs > 0 && this.classifier === null) this.perturb(drop);
    const place = this.placeOf(m);
    if (place >= 0) {
      this.insert(place, m, drop);
      this.trim(drop);
    } else if (place !== CLASS_STOLEN) this.discard(m, drop);
  }

  dequeue(drop: (m: Mbuf) => void): Mbuf | null {
    const m = this.peek(drop);
    this.shown = null;
    return m;
  }

  peek(_drop: (m: Mbuf) => void): Mbuf | null {
    if (this.shown === null) this.shown = this.take();
    return this.shown;
  }

  reset(drop: (m: Mbuf) => void): void {
    const { shown } = this;
    this.shown = null;
    if (shown !== null) drop(shown);
    for (let m = this.take(); m !== null; m = this.take()) drop(m);
  }

  private apply(options: Partial<SfqOptions>): void {
    const all = { ...this.options, ...options };
    for (const name of FIXED) {
      if (all[name] === this.options[name]) continue;
      throw new RangeError(
        `sfq: ${name} ${all[name]}: can be set only when it is made, ${this.options[name]} wanted`,
      );
    }
    validateWhole('sfq: limit', all.limit, 'packets', 1, MOST_PACKETS);
    validateWhole('sfq: quantum', all.quantum, 'bytes', 1, 0x7fffffff);
    if (!(all.perturbNs >= 0 && all.perturbNs < Infinity))
      throw new RangeError(`sfq: perturb ${all.perturbNs}: ns, 0 or more, wanted`);
    if (options.perturbNs !== undefined) {
      this.env.stamp(this.times, NOW);
      this.times[NEXT_PERTURB] = this.times[NOW] + all.perturbNs;
    }
    Object.assign(this.options, all);
  }

  /** Its place in the table, by its priority, its class or its hash; CLASS_STOLEN, or another number below 0: none. */
  private placeOf(m: Mbuf): number {
    const { divisor } = this.options;
    let minor = classOfPriority(m, this.handle);
    if (minor < 1 || minor > divisor) {
      if (this.classifier === null) return flowHash(this.env.u8, m, this.seed) & (divisor - 1);
      minor = this.classifier.classify(m, 0);
      if (minor === CLASS_STOLEN) return CLASS_STOLEN;
    }
    return minor >= 1 && minor <= divisor ? minor - 1 : CLASS_NONE;
  }

  private trim(drop: (m: Mbuf) => void): void {
    const { queues, options } = this;
    while (queues.length > 0 && this.length > options.limit) {
      const queue = queues.longest();
      this.discard(options.headdrop ? queues.shift(queue) : queues.pop(queue), drop);
      if (queues.lengths[queue] === 0) this.retire(queue);
    }
  }

  private insert(place: number, m: Mbuf, drop: (m: Mbuf) => void): void {
    const { queues, table, options } = this;
    let queue = table[place];
    if (queue === NONE) {
      queue = queues.take();
      if (queue === NONE) {
        this.discard(m, drop);
        return;
      }
      table[place] = queue;
      this.places[queue] = place;
      this.allotments[queue] = options.quantum;
      this.append(queue);
    } else if (queues.lengths[queue] >= options.depth) {
      if (!options.headdrop) {
        this.discard(m, drop);
        return;
      }
      this.discard(queues.shift(queue), drop);
    }
    queues.push(queue, m);
  }

  /** Ends: each round a queue's allotment grows by a quantum. */
  private take(): Mbuf | null {
    const { queues, allotments, next } = this;
    if (this.last === NONE) return null;
    let queue = next[this.last];
    while (allotments[queue] <= 0) {
      allotments[queue] += this.options.quantum;
      this.last = queue;
      queue = next[queue];
    }
    const m = queues.shift(queue);
    if (m !== null) allotments[queue] -= m.packetLength;
    if (queues.lengths[queue] === 0) this.retire(queue);
    return m;
  }

  /** At its time: another hash. Packets come out queue by queue, so those of one flow keep their order. */
  private perturb(drop: (m: Mbuf) => void): void {
    const { times, options, queues } = this;
    this.env.stamp(times, NOW);
    if (times[NOW] < times[NEXT_PERTURB]) return;
    const missed = Math.floor((times[NOW] - times[NEXT_PERTURB]) / options.perturbNs);
    times[NEXT_PERTURB] += (missed + 1) * options.perturbNs;
    this.seed = this.env.random.next32() | 0;
    this.perturbs++;
    let waiting: Mbuf | null = null;
    let end: Mbuf | null = null;
    while (this.last !== NONE) {
      const queue = this.next[this.last];
      for (let m = queues.shift(queue); m !== null; m = queues.shift(queue)) {
        if (end === null) waiting = m;
        else end.nextPacket = m;
        end = m;
      }
      this.retire(queue);
    }
    while (waiting !== null) {
      const m: Mbuf = waiting;
      waiting = m.nextPacket;
      m.nextPacket = null;
      this.insert(this.placeOf(m), m, drop);
    }
  }

  private discard(m: Mbuf | null, drop: (m: Mbuf) => void): void {
    if (m === null) return;
    this.stats.drops++;
    drop(m);
  }

  private append(queue: number): void {
    const { next, previous, last } = this;
    const first = last === NONE ? queue : next[last];
    next[queue] = first;
    previous[first] = queue;
    previous[queue] = last === NONE ? queue : last;
    if (last !== NONE) next[last] = queue;
    this.last = queue;
  }

  /** An empty queue leaves ring and table. */
  private retire(queue: number): void {
    const { next, previous } = this;
    if (next[queue] === queue) this.last = NONE;
    else {
      next[previous[queue]] = next[queue];
      previous[next[queue]] = previous[queue];
      if (this.last === queue) this.last = previous[queue];
    }
    this.table[this.places[queue]] = NONE;
    this.queues.release(queue);
  }
}
