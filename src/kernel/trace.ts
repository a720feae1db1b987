// Tracepoints: numbers written into a ring of typed arrays, one branch when off. Names are the kernel's, so that who
// knows `perf trace` knows them. Text and Perfetto output are made from the ring by the lab.

/** Tracepoints and what their numbers mean. The id is the place in this table. */
export const TRACEPOINTS = [
  { name: 'irq_handler_entry', args: ['irq'] },
  { name: 'irq_handler_exit', args: ['irq', 'handled'] },
  { name: 'softirq_entry', args: ['vec'] },
  { name: 'softirq_exit', args: ['vec'] },
  { name: 'softirq_raise', args: ['vec'] },
  { name: 'sched_switch', args: ['thread'] },
  { name: 'timer_expire', args: [] },
  { name: 'napi_poll', args: ['dev', 'work', 'budget'] },
  { name: 'netif_receive_skb', args: ['dev', 'len', 'protocol'] },
  { name: 'netif_rx', args: ['dev', 'len'] },
  { name: 'net_dev_queue', args: ['dev', 'len'] },
  { name: 'net_dev_start_xmit', args: ['dev', 'len'] },
  { name: 'net_dev_xmit', args: ['dev', 'len', 'rc'] },
  { name: 'kfree_skb', args: ['dev', 'reason', 'len'] },
  { name: 'consume_skb', args: ['dev', 'len'] },
  { name: 'register_read', args: ['dev', 'offset', 'value'] },
  { name: 'register_write', args: ['dev', 'offset', 'value'] },
] as const;

export const TP_IRQ_ENTRY = 0;
export const TP_IRQ_EXIT = 1;
export const TP_SOFTIRQ_ENTRY = 2;
export const TP_SOFTIRQ_EXIT = 3;
export const TP_SOFTIRQ_RAISE = 4;
export const TP_SCHED_SWITCH = 5;
export const TP_TIMER_EXPIRE = 6;
export const TP_NAPI_POLL = 7;
export const TP_NETIF_RECEIVE = 8;
export const TP_NETIF_RX = 9;
export const TP_NET_DEV_QUEUE = 10;
export const TP_NET_DEV_START_XMIT = 11;
export const TP_NET_DEV_XMIT = 12;
export const TP_KFREE_SKB = 13;
export const TP_CONSUME_SKB = 14;
export const TP_REGISTER_READ = 15;
export const TP_REGISTER_WRITE = 16;

/** In place of a thread's number in sched_switch: no thread runs any more. */
export const TRACE_IDLE = -1;

/** Numbers a record takes: time, source, id, three arguments. */
export const TRACE_RECORD = 6;

/** Where records go when the ring is full: `records` holds `count` records of TRACE_RECORD numbers; lent. */
export type TraceSink = (records: Float64Array, count: number) => void;

/** One ring for all machines of a lab, so that the order across machines is kept. */
export class Tracer {
  on = false;
  /** Records lost because the ring was full and nobody took them. */
  lost = 0;
  private readonly ring: Float64Array;
  private readonly capacity: number;
  private count = 0;
  private sink: TraceSink | null = null;
  /** Names of the sources (`host/cpu0`), and of threads and devices as the arguments number them. */
  readonly sources: string[] = [];
  readonly names: string[] = [];

  constructor(capacity = 65_536) {
    this.capacity = capacity;
    this.ring = new Float64Array(capacity * TRACE_RECORD);
  }

  /** Starts recording; without a sink the ring keeps the first `capacity` records and counts the rest as lost. */
  start(sink: TraceSink | null = null): void {
    this.sink = sink;
    this.on = true;
  }

  /** Number of a source of records, for `emit`. */
  addSource(name: string): number {
    return this.sources.push(name) - 1;
  }

  /** Number of a device or thread, for the arguments. */
  addName(name: string): number {
    return this.names.push(name) - 1;
  }

  emit(id: number, timeNs: number, source: number, a = 0, b = 0, c = 0): void {
    if (!this.on) return;
    if (this.count === this.capacity) {
      if (this.sink === null) {
        this.lost++;
        return;
      }
      this.flush();
    }
    const { ring } = this;
    const at = this.count++ * TRACE_RECORD;
    ring[at] = timeNs;
    ring[at + 1] = source;
    ring[at + 2] = id;
    ring[at + 3] = a;
    ring[at + 4] = b;
    ring[at + 5] = c;
  }

  /** Hands what is in the ring to the sink and empties it. */
  flush(): void {
    if (this.sink !== null && this.count > 0) this.sink(this.ring, this.count);
    if (this.sink !== null) this.count = 0;
  }

  /** The records in the ring, oldest first; lent. */
  records(): Float64Array {
    return this.ring.subarray(0, this.count * TRACE_RECORD);
  }
}
