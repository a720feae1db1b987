// A link for tests of disciplines: sends what they give at its rate, on the test's clock, and tells how long packets waited.
// And senders for it that behave as TCP does.

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { Qdisc } from '../net/qdisc.ts';
import type { TestEnv } from './contract.ts';

export class TestLink {
  readonly env: TestEnv;
  readonly qdisc: Qdisc;
  /** Bytes a second. */
  readonly rate: number;
  /** Told of each packet when its sending begins, with the ns it waited; and of each drop. */
  onSend: (m: Mbuf, waitedNs: number) => void = () => {};
  onDrop: (m: Mbuf) => void = () => {};
  private busy = false;
  private freeAt = 0;

  constructor(env: TestEnv, qdisc: Qdisc, rate: number) {
    this.env = env;
    this.qdisc = qdisc;
    this.rate = rate;
  }

  get now(): number {
    return this.env.time[0];
  }

  /** A packet of that flow comes now. `serial`: for who wants to know it again (Mbuf.mark). */
  offer(flow: number, bytes: number, serial = 0): void {
    const m = this.env.pool.getcl();
    if (m === null) throw new Error('the test ran out of buffers');
    m.length = m.packetLength = bytes;
    m.hash = flow + 1;
    m.queue = flow;
    m.mark = serial;
    m.timestampNs = this.now;
    this.qdisc.enqueue(m, this.drop);
    if (!this.busy) this.start();
  }

  /** Sends until then. */
  advance(toNs: number): void {
    while (this.busy && this.freeAt <= toNs) {
      this.env.time[0] = this.freeAt;
      this.start();
    }
    this.env.time[0] = toNs;
  }

  private start(): void {
    const m = this.qdisc.dequeue(this.drop);
    this.busy = m !== null;
    if (m === null) return;
    this.freeAt = this.now + (m.packetLength / this.rate) * 1e9;
    this.onSend(m, this.now - m.timestampNs);
    this.env.pool.freem(m);
  }

  private readonly drop = (m: Mbuf): void => {
    this.onDrop(m);
    this.env.pool.freem(m);
  };
}

interface Sender {
  window: number;
  threshold: number;
  inFlight: number;
  serial: number;
  /** Losses of packets before this one belong to a loss it has answered already. */
  recovered: number;
}

/** What the packets of bulk transfers met, after the first `warmUpNs`. */
export interface Transfer {
  /** Ns that each packet waited. */
  waits: number[];
  /** Part of the link's rate that was used. */
  utilisation: number;
  drops: number;
}

/**
 * `count` senders with a packet always ready, additive increase and multiplicative decrease (RFC 5681): a window grows by
 * one each round trip, doubles each at first, and halves when a packet is lost. An answer, or word of a loss, comes `rttNs` after
 * the packet was sent, or dropped.
 */
export function bulk(
  link: TestLink,
  count: number,
  rttNs: number,
  warmUpNs: number,
  lengthNs: number,
): Transfer {
  const bytes = 1514;
  const senders = Array.from(
    { length: count },
    (): Sender => ({ window: 2, threshold: Infinity, inFlight: 0, serial: 0, recovered: 0 }),
  );
  const news: { at: number; sender: Sender; lost: number }[] = [];
  const from = link.now + warmUpNs;
  const waits: number[] = [];
  let sent = 0;
  let drops = 0;
  link.onSend = (m, waitedNs) => {
    news.push({ at: link.now + rttNs, sender: senders[m.queue], lost: -1 });
    if (link.now < from) return;
    waits.push(waitedNs);
    sent += m.packetLength;
  };
  link.onDrop = (m) => {
    news.push({ at: link.now + rttNs, sender: senders[m.queue], lost: m.mark });
    if (link.now >= from) drops++;
  };
  const send = (sender: Sender): void => {
    while (sender.inFlight < Math.floor(sender.window)) {
      sender.inFlight++;
      link.offer(senders.indexOf(sender), bytes, sender.serial++);
    }
  };
  const end = from + lengthNs;
  for (const sender of senders) send(sender);
  for (let i = 0; link.now < end; i++) {
    link.advance(Math.min(end, news[i]?.at ?? link.now + rttNs));
    const each = news[i];
    if (each === undefined || each.at > link.now) break;
    const { sender, lost } = each;
    sender.inFlight--;
    if (lost < 0) sender.window += sender.window < sender.threshold ? 1 : 1 / sender.window;
    else if (lost >= sender.recovered) {
      sender.window = sender.threshold = Math.max(2, sender.window / 2);
      sender.recovered = sender.serial;
    }
    send(sender);
  }
  return { waits, utilisation: sent / (link.rate * (lengthNs / 1e9)), drops };
}

/** Jain's index: 1 when all shares are equal, 1 / n when one has everything. */
export function fairness(shares: readonly number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0);
  return sum ** 2 / (shares.length * shares.reduce((a, b) => a + b * b, 0));
}

/** The value that a `part` of them is below. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}
