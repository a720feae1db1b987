// pfifo_fast, Linux's default discipline for decades: three FIFO bands, served strictly in order; the priority of a
// packet picks its band by the priomap. After tc-pfifo_fast(8). Each band has room for
// txqueuelen packets (Linux 4.16 and later; before, all bands together had).
//
//   priority   0 1 2 3 4 5 6 7 8 9 ...     band 0 ─► first
//   band       1 2 2 2 1 2 0 0 1 1 ...     band 1 ─► when band 0 is empty
//                                          band 2 ─► when both are

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { Qdisc, QdiscStats } from '../net/qdisc.ts';

/** prio2band: the band of each of the sixteen priorities. */
export const PRIOMAP = [1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1] as const;

const BANDS = 3;

export class PfifoFast implements Qdisc {
  readonly kind = 'pfifo_fast';
  readonly stats: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  readonly nextTimeNs = 0;
  readonly canBypass = true;
  length = 0;
  backlog = 0;
  private readonly limit: number;
  private readonly heads: (Mbuf | null)[] = [null, null, null];
  private readonly tails: (Mbuf | null)[] = [null, null, null];
  private readonly lengths = new Int32Array(BANDS);

  /** `limit`: packets in each band (txqueuelen). */
  constructor(limit: number) {
    this.limit = limit;
  }

  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    const band = PRIOMAP[m.priority & 15];
    if (this.lengths[band] >= this.limit) {
      this.stats.drops++;
      drop(m);
      return;
    }
    this.lengths[band]++;
    m.nextPacket = null;
    const tail = this.tails[band];
    if (tail === null) this.heads[band] = m;
    else tail.nextPacket = m;
    this.tails[band] = m;
    this.length++;
    this.backlog += m.packetLength;
  }

  dequeue(): Mbuf | null {
    if (this.length === 0) return null;
    const band = this.firstBand();
    const m = this.heads[band];
    if (m === null) return null;
    this.heads[band] = m.nextPacket;
    if (m.nextPacket === null) this.tails[band] = null;
    m.nextPacket = null;
    this.length--;
    this.lengths[band]--;
    this.backlog -= m.packetLength;
    return m;
  }

  peek(): Mbuf | null {
    return this.length === 0 ? null : this.heads[this.firstBand()];
  }

  reset(drop: (m: Mbuf) => void): void {
    for (let m = this.dequeue(); m !== null; m = this.dequeue()) drop(m);
  }

  /** The first band with packets; there must be some. */
  private firstBand(): number {
    const { heads } = this;
    let band = 0;
    while (band < BANDS - 1 && heads[band] === null) band++;
    return band;
  }
}
