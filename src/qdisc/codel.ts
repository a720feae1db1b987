// codel, controlled delay: one queue in which packets do not stay long, whatever the link's rate. After K. Nichols and
// V. Jacobson, "Controlled Delay Active Queue Management", RFC 8289, and tc-codel(8). Left out: ce_threshold. Defaults: limit
// 1000 packets, target 5 ms, interval 100 ms, noecn. The algorithm is in codel-queues.ts.

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { Qdisc, QdiscEnv, QdiscStats } from '../net/qdisc.ts';
import { type CodelParameters, CodelQueues, validateCodel } from './codel-queues.ts';
import { validateWhole } from './options.ts';

export interface CodelOptions extends CodelParameters {
  /** Packets. */
  limit: number;
}

const DEFAULTS: CodelOptions = { limit: 1000, targetNs: 5e6, intervalNs: 100e6, ecn: false, mtu: 1514 };
const ONLY = 0;

export class Codel implements Qdisc {
  readonly kind = 'codel';
  readonly stats: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  readonly nextTimeNs = 0;
  /** Sojourn time 0, and nothing behind it. */
  readonly canBypass = true;
  readonly options: CodelOptions = { ...DEFAULTS };
  private readonly queues: CodelQueues;
  /** What peek showed: out of the queue already. */
  private shown: Mbuf | null = null;
  private dropOverlimit = 0;

  constructor(env: QdiscEnv, options: Partial<CodelOptions> = {}) {
    this.queues = new CodelQueues(env, this.stats, 1);
    this.apply(options);
  }

  get length(): number {
    return this.queues.length + (this.shown === null ? 0 : 1);
  }

  get backlog(): number {
    return this.queues.backlog + (this.shown === null ? 0 : this.shown.packetLength);
  }

  /** What is over a smaller limit is dropped, oldest first. */
  change(options: Partial<CodelOptions>, drop: (m: Mbuf) => void): void {
    this.apply(options);
    while (this.queues.length > 0 && this.length > this.options.limit) {
      this.dropOverlimit++;
      this.queues.dropHead(ONLY, drop);
    }
  }

  /** As `tc -s`: times in ns; drop_next from now on, 0 when it is not dropping. */
  xstats(): Record<string, number> {
    const { queues } = this;
    return {
      count: queues.count[ONLY],
      lastcount: queues.lastCount[ONLY],
      ldelay: queues.sojourn[0],
      dropping: queues.dropping[ONLY],
      drop_next: queues.dropping[ONLY] === 0 ? 0 : queues.untilDrop(ONLY),
      maxpacket: queues.maxPacket,
      ecn_mark: queues.marks,
      drop_overlimit: this.dropOverlimit,
    };
  }

  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    if (this.length >= this.options.limit) {
      this.stats.drops++;
      this.dropOverlimit++;
      drop(m);
      return;
    }
    this.queues.push(ONLY, m);
  }

  dequeue(drop: (m: Mbuf) => void): Mbuf | null {
    const m = this.peek(drop);
    this.shown = null;
    return m;
  }

  peek(drop: (m: Mbuf) => void): Mbuf | null {
    if (this.shown !== null) return this.shown;
    this.shown = this.queues.dequeue(ONLY, this.options, drop);
    return this.shown;
  }

  reset(drop: (m: Mbuf) => void): void {
    const { shown } = this;
    this.shown = null;
    if (shown !== null) drop(shown);
    this.queues.reset(drop);
  }

  private apply(options: Partial<CodelOptions>): void {
    const all = { ...this.options, ...options };
    validateWhole('codel: limit', all.limit, 'packets', 1, 0xffffffff);
    validateCodel('codel', all);
    Object.assign(this.options, all);
  }
}
