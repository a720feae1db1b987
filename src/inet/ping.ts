// ping: echo requests at an interval, and what came back. A thread sends; answers are timed where they arrive, in softirq
// context, against the sender's own notes, so that a peer cannot lie about time.

import type { Machine } from '../kernel/machine.ts';
import type { Thread, ThreadBody } from '../kernel/thread.ts';
import { formatAddress } from './address.ts';
import { Histogram } from './histogram.ts';
import { type EchoListener, ICMP_DEST_UNREACH, ICMP_HLEN, ICMP_TIME_EXCEEDED, type Icmp } from './icmp.ts';
import { IP_TTL_DEFAULT } from './ipv4.ts';

export interface PingOptions {
  /** Requests to send; 4 unless said, Infinity until stopped. */
  count?: number;
  intervalNs?: number;
  /** Bytes of data behind the ICMP header: 56 makes 84 bytes of IP. */
  size?: number;
  /** How long the answer to the last request is waited for. */
  timeoutNs?: number;
  ttl?: number;
  /** Each answer, as ping prints it. Softirq context. */
  onReply?: (sequence: number, rttNs: number, ttl: number, from: number) => void;
  /** Each error that came back. Softirq context. */
  onError?: (sequence: number, from: number, message: string) => void;
  onDone?: (ping: Ping) => void;
}

/** Requests under way that are remembered: answers to older ones count as late. A power of two. */
const WINDOW = 1024;
const SECOND = 1_000_000_000;

export class Ping implements EchoListener {
  readonly destination: number;
  sent = 0;
  received = 0;
  duplicates = 0;
  errors = 0;
  /** Requests that could not even be sent: no route, no buffer. */
  unsent = 0;
  /** Answers after the request was forgotten. */
  late = 0;
  finished = false;
  /** Round-trip times in ns. */
  readonly rtt = new Histogram();
  private readonly machine: Machine;
  private readonly icmp: Icmp;
  private readonly identifier: number;
  private readonly options: PingOptions;
  private readonly size: number;
  /** When each request left; -1: answered, or none. */
  private readonly sentAt = new Float64Array(WINDOW).fill(-1);
  private readonly sequences = new Float64Array(WINDOW).fill(-1);
  private readonly thread: Thread;
  private stopping = false;

  /** Starts at once. `destination`: int32. Throws when an option makes no sense. */
  constructor(
    machine: Machine,
    icmp: Icmp,
    destination: number,
    identifier: number,
    options: PingOptions = {},
  ) {
    this.machine = machine;
    this.icmp = icmp;
    this.destination = destination;
    this.identifier = identifier;
    this.options = options;
    this.size = options.size ?? 56;
    if (!(this.size >= 0 && this.size <= 65507))
      throw new RangeError(`ping size ${this.size}: 0 to 65507 bytes are possible`);
    if ((options.intervalNs ?? SECOND) <= 0) throw new RangeError('ping interval: more than 0 ns is wanted');
    icmp.listen(identifier, this);
    this.thread = machine.cpus[0].spawn(`ping ${formatAddress(destination)}`, this.run());
  }

  get lost(): number {
    return this.sent - this.received;
  }

  /** Sends no more; answers to what was sent are still waited for. */
  stop(): void {
    this.stopping = true;
    this.thread.wake();
  }

  private *run(): ThreadBody {
    const { cpu } = this.machine;
    const count = this.options.count ?? 4;
    const interval = this.options.intervalNs ?? SECOND;
    const start = cpu.now();
    for (let sequence = 0; sequence < count && !this.stopping; sequence++) {
      this.request(sequence);
      const due = start + (sequence + 1) * interval;
      while (sequence + 1 < count && !this.stopping && cpu.now() < due) yield due - cpu.now();
    }
    const end = cpu.now() + (this.options.timeoutNs ?? SECOND);
    while (this.received + this.errors < this.sent && cpu.now() < end) yield end - cpu.now();
    this.finished = true;
    this.icmp.unlisten(this.identifier);
    this.options.onDone?.(this);
  }

  private request(sequence: number): void {
    const { cpu } = this.machine;
    const slot = sequence & (WINDOW - 1);
    this.sentAt[slot] = cpu.now();
    this.sequences[slot] = sequence & 0xffff;
    cpu.bhDisable();
    const ok = this.icmp.sendEcho(
      this.destination,
      this.identifier,
      sequence & 0xffff,
      this.size,
      this.options.ttl ?? IP_TTL_DEFAULT,
    );
    cpu.bhEnable();
    if (ok) this.sent++;
    else {
      this.unsent++;
      this.sentAt[slot] = -1;
    }
  }

  reply(u8: Uint8Array, at: number, length: number, from: number, ttl: number): void {
    const sequence = (u8[at + 6] << 8) | u8[at + 7];
    const slot = sequence & (WINDOW - 1);
    // Not one of ours: another size, or a number that was not sent lately.
    if (length !== this.size + ICMP_HLEN || this.sequences[slot] !== sequence) {
      this.late++;
      return;
    }
    const sentAt = this.sentAt[slot];
    if (sentAt < 0) {
      this.duplicates++;
      return;
    }
    const rttNs = this.machine.cpu.now() - sentAt;
    this.sentAt[slot] = -1;
    this.received++;
    this.rtt.record(rttNs);
    this.options.onReply?.(sequence, rttNs, ttl, from);
    this.wakeAtEnd();
  }

  error(sequence: number, from: number, type: number, code: number): void {
    this.errors++;
    this.options.onError?.(sequence, from, describeError(type, code));
    this.wakeAtEnd();
  }

  /** The last answer ends the waiting; the loop looks whether it was the last. */
  private wakeAtEnd(): void {
    if (
      (this.stopping || this.sent === (this.options.count ?? 4)) &&
      this.received + this.errors >= this.sent
    )
      this.thread.wake();
  }

  /** ping's last two lines, for people. */
  summary(): string {
    const percent = this.sent === 0 ? 0 : (100 * this.lost) / this.sent;
    const { rtt } = this;
    const ms = (ns: number): string => (ns / 1e6).toFixed(3);
    const extra = this.duplicates > 0 ? `, ${this.duplicates} duplicates` : '';
    const first = `${this.sent} packets transmitted, ${this.received} received${extra}, ${+percent.toFixed(1)}% packet loss`;
    return rtt.count === 0
      ? first
      : `${first}\nrtt min/avg/max = ${ms(rtt.min)}/${ms(rtt.mean)}/${ms(rtt.max)} ms`;
  }
}

function describeError(type: number, code: number): string {
  if (type === ICMP_TIME_EXCEEDED) return 'time to live exceeded';
  if (type !== ICMP_DEST_UNREACH) return `ICMP type ${type} code ${code}`;
  const names = ['network', 'host', 'protocol', 'port'];
  return code < names.length
    ? `destination ${names[code]} unreachable`
    : code === 4
      ? 'fragmentation needed'
      : `destination unreachable, code ${code}`;
}
