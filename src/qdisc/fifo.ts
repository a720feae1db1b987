// pfifo and bfifo: one queue, first in, first out, that drops what comes when it is full. After tc-bfifo(8). The limit counts
// packets (default: the device's queue length, commonly 1000) or bytes (default: that many packets of the device's MTU).

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { Qdisc, QdiscEnv, QdiscStats } from '../net/qdisc.ts';
import { PacketList } from './packet-list.ts';

export interface FifoOptions {
  /** pfifo: packets. bfifo: bytes, with Ethernet headers. */
  limit: number;
}

/** The largest IP packet there is, and an Ethernet header: a bfifo with less room may refuse one even when empty. */
const LARGEST_BYTES = 65_535 + 14;

class Fifo<Kind extends 'pfifo' | 'bfifo'> implements Qdisc {
  readonly kind: Kind;
  readonly stats: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  readonly nextTimeNs = 0;
  readonly options: FifoOptions;
  private readonly inBytes: boolean;
  private readonly list = new PacketList();

  constructor(kind: Kind, limit: number) {
    this.kind = kind;
    this.inBytes = kind === 'bfifo';
    this.options = { limit };
    this.change({ limit });
  }

  get length(): number {
    return this.list.length;
  }

  get backlog(): number {
    return this.list.backlog;
  }

  get canBypass(): boolean {
    return this.options.limit >= (this.inBytes ? LARGEST_BYTES : 1);
  }

  /** What is over a smaller limit stays, and leaves in its turn. */
  change(options: Partial<FifoOptions>): void {
    const { limit } = options;
    if (limit === undefined) return;
    if (!Number.isInteger(limit) || limit < 0 || limit > 0xffffffff) {
      const unit = this.inBytes ? 'bytes' : 'packets';
      throw new RangeError(
        `${this.kind}: limit ${limit}: a whole number of ${unit} from 0 to 2^32 - 1 wanted`,
      );
    }
    this.options.limit = limit;
  }

  xstats(): Record<string, number> {
    return {};
  }

  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    const { list } = this;
    const after = this.inBytes ? list.backlog + m.packetLength : list.length + 1;
    if (after <= this.options.limit) {
      list.push(m);
      return;
    }
    this.stats.drops++;
    drop(m);
  }

  dequeue(): Mbuf | null {
    return this.list.shift();
  }

  peek(): Mbuf | null {
    return this.list.head;
  }

  reset(drop: (m: Mbuf) => void): void {
    for (let m = this.list.shift(); m !== null; m = this.list.shift()) drop(m);
  }
}

export class Pfifo extends Fifo<'pfifo'> {
  constructor(_env: QdiscEnv, options: Partial<FifoOptions> = {}) {
    super('pfifo', options.limit ?? 1000);
  }
}

export class Bfifo extends Fifo<'bfifo'> {
  constructor(_env: QdiscEnv, options: Partial<FifoOptions> = {}) {
    super('bfifo', options.limit ?? 1000 * 1514);
  }
}
