// A trace in Chrome's JSON event format (Trace Event Format, 2016), which ui.perfetto.dev opens. A host is a process, each
// of its CPUs has a track of interrupts and softirqs, as nested slices, and one of threads; drops and all else are instants;
// a device's queue is a counter. Written record by record, so a long run takes no memory.

import {
  TP_IRQ_ENTRY,
  TP_IRQ_EXIT,
  TP_KFREE_SKB,
  TP_NET_DEV_QUEUE,
  TP_NET_DEV_START_XMIT,
  TP_NET_DEV_XMIT,
  TP_SCHED_SWITCH,
  TP_SOFTIRQ_ENTRY,
  TP_SOFTIRQ_EXIT,
  TRACE_RECORD,
  TRACEPOINTS,
  type Tracer,
  type TraceSink,
} from '../kernel/trace.ts';
import { DROP_QDISC_DROP, DROP_QDISC_RESET } from '../net/drop-reason.ts';
import { traceArgument } from './trace-names.ts';
import type { TextSink } from './trace-text.ts';

/** Track numbers: a CPU's interrupts at 2n + 1, its threads at 2n + 2. */
interface Source {
  pid: number;
  tid: number;
  /** Slices that are open on the track of interrupts. */
  depth: number;
  thread: boolean;
}

const NETDEV_TX_BUSY_CODE = 16;

export class ChromeTrace {
  readonly sink: TraceSink;
  private readonly tracer: Tracer;
  private readonly write: TextSink;
  private readonly hosts = new Map<string, number>();
  private readonly sources: Source[] = [];
  /** Packets in each device's queue, by the device's number. */
  private readonly queued = new Map<number, number>();
  private lines: string[] = [];
  private first = true;

  constructor(tracer: Tracer, write: TextSink) {
    this.tracer = tracer;
    this.write = write;
    this.sink = (records, count) => this.take(records, count);
    write('{"displayTimeUnit":"ns","traceEvents":[');
  }

  /** Ends the file; nothing may come after. */
  close(): void {
    this.write('\n]}\n');
  }

  private take(records: Float64Array, count: number): void {
    for (let i = 0; i < count; i++) this.record(records, i * TRACE_RECORD);
    this.write(this.lines.join(''));
    this.lines = [];
  }

  private record(records: Float64Array, at: number): void {
    const id = records[at + 2];
    const source = this.source(records[at + 1]);
    // Microseconds, to the nanosecond.
    const ts = (records[at] / 1000).toFixed(3);
    const a = records[at + 3];
    switch (id) {
      case TP_IRQ_ENTRY:
        this.begin(source, ts, `irq ${a}`, 'hardirq');
        return;
      case TP_SOFTIRQ_ENTRY:
        this.begin(source, ts, traceArgument(this.tracer, 'vec', a), 'softirq');
        return;
      case TP_IRQ_EXIT:
      case TP_SOFTIRQ_EXIT:
        this.end(source, ts);
        return;
      case TP_SCHED_SWITCH:
        this.switchThread(source, ts, a);
        return;
    }
    this.instant(records, at, source, ts);
    this.countQueue(source, ts, id, a, records[at + 4], records[at + 5]);
  }

  private begin(source: Source, ts: string, name: string, category: string): void {
    source.depth++;
    this.event(
      `"ph":"B","pid":${source.pid},"tid":${source.tid},"ts":${ts},"name":"${name}","cat":"${category}"`,
    );
  }

  private end(source: Source, ts: string): void {
    // The trace may have begun in the middle of it.
    if (source.depth === 0) return;
    source.depth--;
    this.event(`"ph":"E","pid":${source.pid},"tid":${source.tid},"ts":${ts}`);
  }

  private switchThread(source: Source, ts: string, thread: number): void {
    const track = `"pid":${source.pid},"tid":${source.tid + 1},"ts":${ts}`;
    if (source.thread) this.event(`"ph":"E",${track}`);
    const name = this.tracer.names[thread];
    source.thread = name !== undefined;
    if (source.thread) this.event(`"ph":"B",${track},"name":${JSON.stringify(name)},"cat":"thread"`);
  }

  private instant(records: Float64Array, at: number, source: Source, ts: string): void {
    const id = records[at + 2];
    const { name, args } = TRACEPOINTS[id];
    const texts = args.map(
      (arg, i) => `"${arg}":${JSON.stringify(traceArgument(this.tracer, arg, records[at + 3 + i]))}`,
    );
    const shown =
      id === TP_KFREE_SKB ? `drop ${traceArgument(this.tracer, 'reason', records[at + 4])}` : name;
    const track = `"pid":${source.pid},"tid":${source.tid},"ts":${ts}`;
    this.event(`"ph":"i","s":"t",${track},"name":"${shown}","args":{${texts.join(',')}}`);
  }

  private countQueue(source: Source, ts: string, id: number, device: number, b: number, c: number): void {
    let change = 0;
    if (id === TP_NET_DEV_QUEUE) change = 1;
    else if (id === TP_NET_DEV_START_XMIT) change = -1;
    else if (id === TP_NET_DEV_XMIT && c === NETDEV_TX_BUSY_CODE) change = 1;
    else if (id === TP_KFREE_SKB && (b === DROP_QDISC_DROP || b === DROP_QDISC_RESET)) change = -1;
    if (change === 0) return;
    const length = Math.max(0, (this.queued.get(device) ?? 0) + change);
    this.queued.set(device, length);
    const name = JSON.stringify(`${this.tracer.names[device]} queue`);
    this.event(`"ph":"C","pid":${source.pid},"ts":${ts},"name":${name},"args":{"packets":${length}}`);
  }

  /** Names the tracks when a source is met first. */
  private source(number: number): Source {
    const known = this.sources[number];
    if (known !== undefined) return known;
    const [host, cpu = 'cpu0'] = this.tracer.sources[number].split('/');
    let pid = this.hosts.get(host);
    if (pid === undefined) {
      pid = this.hosts.size + 1;
      this.hosts.set(host, pid);
      this.name('process_name', pid, 0, host);
    }
    const tid = 2 * Number(cpu.replace(/\D/g, '')) + 1;
    this.name('thread_name', pid, tid, `${cpu} interrupts`);
    this.name('thread_name', pid, tid + 1, `${cpu} threads`);
    const source = { pid, tid, depth: 0, thread: false };
    this.sources[number] = source;
    return source;
  }

  private name(what: string, pid: number, tid: number, name: string): void {
    this.event(`"ph":"M","pid":${pid},"tid":${tid},"name":"${what}","args":{"name":${JSON.stringify(name)}}`);
  }

  private event(fields: string): void {
    this.lines.push(`${this.first ? '' : ','}\n{${fields}}`);
    this.first = false;
  }
}
