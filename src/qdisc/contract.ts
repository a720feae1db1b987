// What every queueing discipline owes, whatever its policy: a random walk over one, which checks each step against a model
// of what must be inside. Throws an Error that names the broken promise; returns what came out, to compare two runs.

import { PhysicalMemory } from '../kernel/memory.ts';
import { Random } from '../kernel/random.ts';
import { M_PKTHDR, type Mbuf } from '../mbuf/mbuf.ts';
import { MbufPool } from '../mbuf/pool.ts';
import type { Qdisc, QdiscEnv } from '../net/qdisc.ts';

/** A discipline under test. */
export interface Subject {
  name: string;
  make(env: QdiscEnv): Qdisc;
  /** Makes copies of packets: what comes out may not have gone in. */
  copies?: boolean;
}

/** Times above 2^31 ns are no small integers to V8. */
const START_NS = 10_000_000_000;
const FLOWS = 12;
const MBUFS = 4096;
const CLUSTERS = 2048;

/** A machine's clock, dice and memory without the machine. */
export class TestEnv implements QdiscEnv {
  readonly time = new Float64Array([START_NS]);
  readonly random: Random;
  readonly pool: MbufPool;
  readonly u8: Uint8Array;
  /** Copies the discipline has made. */
  copies = 0;

  constructor(seed: number) {
    const memory = new PhysicalMemory(8 << 20);
    this.random = new Random(seed, 'discipline');
    this.pool = new MbufPool(memory, { mbufs: MBUFS, clusters: CLUSTERS });
    this.u8 = memory.u8;
  }

  stamp(to: Float64Array, index: number): void {
    to[index] = this.time[0];
  }

  copied(): void {
    this.copies++;
  }

  /** A UDP packet of a flow, `bytes` long with its Ethernet header: IPv6 in odd flows, ECN-capable in some. */
  packet(flow: number, bytes: number, tail = 0): Mbuf {
    const m = this.pool.getcl();
    if (m === null) throw new Error('the test ran out of buffers');
    const { u8 } = this;
    u8.fill(tail, m.start, m.start + m.size);
    m.length = m.packetLength = bytes;
    m.protocol = flow % 2 === 1 ? 0x86dd : 0x0800;
    for (let i = 0; i < bytes; i++) u8[m.data + i] = this.headerByte(flow, i, bytes);
    return m;
  }

  private headerByte(flow: number, i: number, bytes: number): number {
    const v6 = flow % 2 === 1;
    const ect = flow % 3 === 0 ? 2 : 0;
    if (i < 12) return 2;
    if (i < 14) return v6 ? [0x86, 0xdd][i - 12] : [8, 0][i - 12];
    const at = i - 14;
    if (v6) {
      const first = [0x60, ect << 4, 0, 0, (bytes - 54) >> 8, bytes - 54, 17, 64];
      if (at < 8) return first[at] & 255;
      if (at === 39) return flow;
      return at === 41 ? flow : 1;
    }
    const first = [
      0x45,
      ect,
      (bytes - 14) >> 8,
      bytes - 14,
      0,
      0,
      0x40,
      0,
      64,
      17,
      0,
      0,
      10,
      0,
      0,
      1,
      10,
      0,
      0,
    ];
    if (at < first.length) return first[at] & 255;
    if (at === 19 || at === 21) return flow;
    return 1;
  }
}

/**
 * Walks `steps` random steps from `seed`. `tail`: the byte that lies behind each packet in memory, which must make no
 * difference. Returns a line for each packet that came out: number, time, and a hash of its bytes.
 */
export function walk(subject: Subject, seed: number, steps: number, tail: number): string[] {
  const env = new TestEnv(seed);
  const dice = new Random(seed, 'walk');
  const qdisc = subject.make(env);
  const it = new Walk(subject, qdisc, env, dice, tail);
  it.check('a new one');
  for (let i = 0; i < steps; i++) it.step();
  it.drain();
  if (env.pool.inUse !== 0) it.broken(`${env.pool.inUse} mbufs have vanished`);
  return it.log;
}

class Walk {
  readonly log: string[] = [];
  private readonly inside = new Map<Mbuf, number>();
  private readonly subject: Subject;
  private readonly qdisc: Qdisc;
  private readonly env: TestEnv;
  private readonly dice: Random;
  private readonly tail: number;
  private serial = 0;
  private bytes = 0;
  private dropped = 0;
  private resetting = false;

  constructor(subject: Subject, qdisc: Qdisc, env: TestEnv, dice: Random, tail: number) {
    this.subject = subject;
    this.qdisc = qdisc;
    this.env = env;
    this.dice = dice;
    this.tail = tail;
  }

  step(): void {
    const { dice } = this;
    const choice = dice.below(1000);
    if (choice < 480) this.enqueue();
    else if (choice < 800) this.dequeue();
    else if (choice < 900) this.peek();
    else if (choice < 995) this.env.time[0] += dice.below(dice.chance(0.1) ? 50_000_000 : 200_000);
    else this.reset();
    this.check(`after step ${choice}`);
  }

  /** Everything comes out, if asked whenever the discipline says to ask again. */
  drain(): void {
    const { qdisc, env } = this;
    let tries = 100 * qdisc.length + 1000;
    while (qdisc.length > 0 && tries-- > 0) {
      if (this.dequeue() === null && qdisc.length > 0) env.time[0] = qdisc.nextTimeNs;
      this.check('while it was emptied');
    }
    if (qdisc.length > 0) this.broken(`${qdisc.length} packets never come out`);
    if (qdisc.dequeue(this.drop) !== null) this.broken('an empty one gave a packet');
  }

  private enqueue(): void {
    const { qdisc, dice } = this;
    const m = this.randomPacket();
    const mustPass = qdisc.canBypass && qdisc.length === 0;
    const number = this.serial++;
    this.inside.set(m, number);
    this.bytes += m.packetLength;
    qdisc.enqueue(m, this.drop);
    if (!mustPass) return;
    if (this.inside.get(m) !== number) this.broken('canBypass, but it dropped a packet that found it empty');
    if (dice.chance(0.5) && this.dequeue() !== m)
      this.broken('canBypass, but a packet did not come out at once');
  }

  private dequeue(): Mbuf | null {
    const { qdisc } = this;
    const m = qdisc.dequeue(this.drop);
    if (m !== null) this.out(m, 'out');
    else if (qdisc.length > 0 && !(qdisc.nextTimeNs > this.env.time[0]))
      this.broken(
        `dequeue gives null with ${qdisc.length} waiting at ${this.env.time[0]}, nextTimeNs ${qdisc.nextTimeNs}`,
      );
    return m;
  }

  private peek(): void {
    const { qdisc, dice } = this;
    const shown = qdisc.peek(this.drop);
    this.check('after peek');
    if (qdisc.peek(this.drop) !== shown) this.broken('peek shows another packet the second time');
    if (shown !== null && !this.subject.copies && !this.inside.has(shown))
      this.broken('peek shows a packet that is not inside');
    if (dice.chance(0.5) && this.dequeue() !== shown)
      this.broken('dequeue gives another packet than peek showed');
  }

  private reset(): void {
    const { qdisc } = this;
    this.resetting = true;
    qdisc.reset(this.drop);
    this.resetting = false;
    if (this.inside.size > 0) this.broken(`reset kept ${this.inside.size} packets`);
    if (qdisc.dequeue(this.drop) !== null || qdisc.peek(this.drop) !== null)
      this.broken('there are packets after reset');
  }

  private readonly drop = (m: Mbuf): void => {
    if (!this.resetting) this.dropped++;
    this.out(m, this.resetting ? 'reset' : 'drop');
  };

  private out(m: Mbuf, how: string): void {
    const number = this.inside.get(m);
    if (number === undefined && !this.subject.copies)
      this.broken(`a packet that is not inside came out (${how})`);
    if (m.nextPacket !== null) this.broken(`a packet came out with nextPacket set (${how})`);
    if (number !== undefined) this.bytes -= m.packetLength;
    this.inside.delete(m);
    this.log.push(`${how} ${number ?? 'copy'} ${this.env.time[0]} ${this.digest(m)}`);
    this.env.pool.freem(m);
  }

  check(when: string): void {
    const { qdisc, inside } = this;
    const { length, backlog, stats } = qdisc;
    const exact = !this.subject.copies;
    if (exact ? length !== inside.size : length < inside.size)
      this.broken(`length ${length} with ${inside.size} packets inside, ${when}`);
    if (exact ? backlog !== this.bytes : backlog < this.bytes)
      this.broken(`backlog ${backlog} with ${this.bytes} bytes inside, ${when}`);
    if (stats.drops !== this.dropped)
      this.broken(`stats.drops ${stats.drops} after ${this.dropped} drops, ${when}`);
    if (length === 0 && backlog !== 0) this.broken(`backlog ${backlog} when empty, ${when}`);
    if (stats.packets !== 0 || stats.bytes !== 0)
      this.broken('stats.packets and bytes are for the device to count');
  }

  broken(what: string): never {
    throw new Error(`${this.subject.name}: ${what}`);
  }

  /** Mostly packets of few flows; some in two members, cut anywhere; some of garbage, down to one byte. */
  private randomPacket(): Mbuf {
    const { dice, env, tail } = this;
    const { u8 } = env;
    const hostile = dice.chance(0.1);
    const bytes = hostile ? 1 + dice.below(70) : 64 + dice.below(1451);
    const m = env.packet(dice.below(FLOWS), bytes, tail);
    if (hostile) for (let i = dice.below(20); i < bytes; i++) u8[m.data + i] = dice.below(256);
    if (dice.chance(0.1)) this.cut(m, dice.below(Math.min(bytes, 80)));
    m.priority = dice.below(16);
    m.mark = dice.below(4);
    if (dice.chance(0.2)) m.hash = dice.next32() | 0;
    return m;
  }

  /** Leaves `first` bytes in the packet's first member, which may be none; the rest comes in another. */
  private cut(m: Mbuf, first: number): void {
    const rest = this.env.pool.getcl();
    if (rest === null) throw new Error('the test ran out of buffers');
    const { u8 } = this.env;
    rest.flags &= ~M_PKTHDR;
    rest.length = m.length - first;
    u8.copyWithin(rest.data, m.data + first, m.data + m.length);
    u8.fill(this.tail, m.data + first, m.data + m.length);
    m.length = first;
    m.next = rest;
  }

  private digest(m: Mbuf): number {
    let hash = 0x811c9dc5;
    for (let each: Mbuf | null = m; each !== null; each = each.next)
      for (let i = 0; i < each.length; i++) hash = Math.imul(hash ^ this.env.u8[each.data + i], 0x01000193);
    return hash >>> 0;
  }
}
