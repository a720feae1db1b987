// Flow limit of a backlog (net.core.flow_limit_cpu_bitmap; the kernel's networking/scaling document): once a backlog is half full,
// packets of flows that made up more than half of the last 128 are dropped before the others', so that one large flow does not
// take the CPU from many small ones. Off unless it is turned on.

const HISTORY = 128;
const BUCKETS = 4096;

export class FlowLimit {
  on = false;
  private readonly history = new Uint16Array(HISTORY);
  private readonly counts = new Uint16Array(BUCKETS);
  private seen = 0;

  /** Notes a packet of the flow, that finds `waiting` of at most `most`; true: it takes too much. */
  exceeded(hash: number, waiting: number, most: number): boolean {
    if (!this.on || waiting < most >> 1) return false;
    const { history, counts } = this;
    const bucket = hash & (BUCKETS - 1);
    const at = this.seen & (HISTORY - 1);
    if (this.seen >= HISTORY) counts[history[at]]--;
    history[at] = bucket;
    counts[bucket]++;
    this.seen++;
    return counts[bucket] > HISTORY >> 1;
  }
}
