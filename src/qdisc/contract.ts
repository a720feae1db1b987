// What every queueing discipline owes, whatever its policy: a random walk over one, which checks each step against a model
// of what must be inside. Throws an Error that names the broken promise; returns what came out, to compare two runs.

import { Random } from '../kernel/random.ts';
import { M_PKTHDR, type Mbuf } from '../mbuf/mbuf.ts';
import {
  CLASS_DROP,
  CLASS_NONE,
  CLASS_STOLEN,
  type Classifier,
  type Qdisc,
  type QdiscEnv,
} from '../net/qdisc.ts';
import { TestEnv } from './testing-env.ts';

export { TestEnv };

/** A discipline under test. */
export interface Subject {
  name: string;
  make(env: QdiscEnv): Qdisc;
  /** Makes copies of packets, and tells `env.copied` of each: what comes out may not have gone in. */
  copies?: boolean;
  /** Does something to it that is allowed while it has packets: change, graft, addClass, deleteClass, at random. */
  mutate?(qdisc: Qdisc, dice: Random, drop: (m: Mbuf) => void, env: QdiscEnv): void;
}

const FLOWS = 12;
/** Number in front of the colon that disciplines with classes are given: packets' priorities name it. */
const HANDLE = 0x8001;
/** More than any subject has at first. */
const MOST_MINOR = 20;

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
  /** What peek showed last, if nothing has happened since that may change it. */
  private shown: Mbuf | null = null;
  /** Copies that came out, and packets that the classifier took. */
  private copiesOut = 0;
  private stolen = 0;

  constructor(subject: Subject, qdisc: Qdisc, env: TestEnv, dice: Random, tail: number) {
    this.subject = subject;
    this.qdisc = qdisc;
    this.env = env;
    this.dice = dice;
    this.tail = tail;
    if (hasClassifier(qdisc)) {
      qdisc.handle = HANDLE;
      if (dice.chance(0.7)) qdisc.classifier = this;
    }
  }

  step(): void {
    const { dice } = this;
    const choice = dice.below(1000);
    if (choice < 480) this.enqueue();
    else if (choice < 800) this.dequeue();
    else if (choice < 900) this.peek();
    else if (choice < 990) this.wait();
    else if (choice < 995) this.mutate();
    else this.reset();
    this.check(`after step ${choice}`);
  }

  /** Answers anything that filters may: classes there and not, and none; or takes the packet. */
  classify(m: Mbuf): number {
    const { dice } = this;
    const choice = dice.below(10);
    if (choice < 2) return CLASS_NONE;
    if (choice === 2) return CLASS_DROP;
    if (choice > 3) return 1 + dice.below(dice.chance(0.3) ? MOST_MINOR : 3);
    if (!this.inside.delete(m)) this.broken('it asked the classifier about a packet that is not new');
    this.bytes -= m.packetLength;
    this.stolen++;
    this.env.pool.freem(m);
    return CLASS_STOLEN;
  }

  /** What was delayed inside may come in front of what peek showed. */
  private wait(): void {
    this.shown = null;
    this.env.time[0] += this.dice.below(this.dice.chance(0.1) ? 50_000_000 : 200_000);
  }

  private mutate(): void {
    this.shown = null;
    this.subject.mutate?.(this.qdisc, this.dice, this.drop, this.env);
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
    // It may be one that goes before what peek showed.
    this.shown = null;
    const m = this.randomPacket();
    const mustPass = qdisc.canBypass && qdisc.length === 0;
    const number = this.serial++;
    this.inside.set(m, number);
    this.bytes += m.packetLength;
    const { stolen } = this;
    qdisc.enqueue(m, this.drop);
    if (!mustPass) return;
    if (this.stolen > stolen) this.broken('canBypass with a classifier that wants to see each packet');
    if (this.inside.get(m) !== number) this.broken('canBypass, but it dropped a packet that found it empty');
    if (dice.chance(0.5) && this.dequeue() !== m)
      this.broken('canBypass, but a packet did not come out at once');
  }

  private dequeue(): Mbuf | null {
    const { qdisc } = this;
    const { shown } = this;
    this.shown = null;
    const m = qdisc.dequeue(this.drop);
    if (shown !== null && m !== shown) this.broken('dequeue gives another packet than peek showed');
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
    if (this.shown !== null && shown !== this.shown) this.broken('peek shows another packet than before');
    this.shown = shown;
    if (qdisc.peek(this.drop) !== shown) this.broken('peek shows another packet the second time');
    if (shown !== null && !this.subject.copies && !this.inside.has(shown))
      this.broken('peek shows a packet that is not inside');
    if (dice.chance(0.5)) this.dequeue();
  }

  private reset(): void {
    const { qdisc } = this;
    this.shown = null;
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
    if (number === undefined) this.copiesOut++;
    if (m.nextPacket !== null) this.broken(`a packet came out with nextPacket set (${how})`);
    if (number !== undefined) this.bytes -= m.packetLength;
    this.inside.delete(m);
    this.log.push(`${how} ${number ?? 'copy'} ${this.env.time[0]} ${this.digest(m)}`);
    this.env.pool.freem(m);
  }

  check(when: string): void {
    const { qdisc, inside } = this;
    const { length, backlog, stats } = qdisc;
    const copies = this.env.copies - this.copiesOut;
    if (length !== inside.size + copies)
      this.broken(`length ${length} with ${inside.size} packets inside and ${copies} copies, ${when}`);
    if (copies === 0 ? backlog !== this.bytes : backlog < this.bytes)
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
    if (dice.chance(0.05)) m.priority = (HANDLE << 16) | dice.below(MOST_MINOR);
    m.mark = dice.below(4);
    if (dice.chance(0.05)) m.timestampNs = env.time[0] + dice.below(5_000_000);
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

function hasClassifier(qdisc: Qdisc): qdisc is Qdisc & { handle: number; classifier: Classifier | null } {
  return 'handle' in qdisc && 'classifier' in qdisc;
}
