// netem: a bad network. Delay with jitter, loss, duplicates, corruption, reordering, a rate, and slots. After tc-netem(8) and
// S. Hemminger, "Network Emulation with NetEm", 2005. Defaults: limit 1000, nothing else. What differs from the man page:
// correlations come out as asked for, of events (loss-models.ts) and of delays (delay-jitter.ts); its own do not.
// Packets leave netem by time and go on to its one class, 1: a pfifo without limit, unless another discipline is
// grafted there. Left out: checksums that the device is to fill in are not computed before a bit is corrupted, so such a packet
// arrives with a checksum that is right; a packet that is to be segmented is treated as one.
//
//   enqueue ─► lost? copied? corrupted? ─► reordered: at once ──────┐
//                                     └──► delay, then rate ────────┴─► by time ─► slot ─► class 1 ─► dequeue

import { Random } from '../kernel/random.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { ClassfulQdisc, Qdisc, QdiscClass, QdiscEnv, QdiscStats } from '../net/qdisc.ts';
import { Children, leafClass, onlyClass } from './children.ts';
import { Jitter } from './delay-jitter.ts';
import { DelayQueue } from './delay-queue.ts';
import { Dice } from './dice.ts';
import { setCe } from './ecn.ts';
import { Pfifo } from './fifo.ts';
import { Chance, type LossModel } from './loss-models.ts';
import { makeLoss, NETEM_DEFAULTS, type NetemOptions, validateNetem } from './netem-options.ts';
import { OPEN, Slots } from './netem-slots.ts';

const LEAF = 0;
const UNLIMITED = 0xffffffff;

// In `state`: now, when the packet in hand leaves, when the rate has sent all that came, and when it is worth asking again.
const NOW = 0;
const LEAVES = 1;
const FREE = 2;
const NEXT = 3;

// In `line`, options that may be fractions (a field gives them out in a box): delay and jitter, ns, and ns of a byte.
const DELAY = 0;
const JITTER = 1;
const BYTE_NS = 2;

/** The dice of a netem, made anew when its options change. */
interface Chances {
  dice: Dice;
  loss: LossModel;
  duplicate: Chance;
  corrupt: Chance;
  reorder: Chance;
  jitter: Jitter;
  slots: Slots | null;
}

export class Netem implements ClassfulQdisc {
  readonly kind = 'netem';
  readonly stats: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  readonly canBypass = false;
  options: Readonly<NetemOptions>;
  handle = 0;
  /** Not asked: there is one class only. */
  classifier = null;
  private readonly env: QdiscEnv;
  private readonly delayed = new DelayQueue();
  private readonly children: Children;
  private readonly state = new Float64Array(4);
  private readonly line = new Float64Array(3);
  private chances: Chances;
  /** Packets since the last that went at once. */
  private sinceReordered = 0;
  private lost = 0;
  private marked = 0;
  private duplicated = 0;
  private corrupted = 0;
  private reordered = 0;
  private noBuffer = 0;

  constructor(env: QdiscEnv, options: Partial<NetemOptions> = {}) {
    this.env = env;
    this.options = { ...NETEM_DEFAULTS, ...options };
    validateNetem(this.options);
    this.children = new Children(this.stats, [new Pfifo(env, { limit: UNLIMITED })]);
    this.chances = this.makeChances();
  }

  get length(): number {
    return this.delayed.length + this.children.length;
  }

  get backlog(): number {
    return this.delayed.backlog + this.children.backlog;
  }

  get nextTimeNs(): number {
    return this.state[NEXT];
  }

  classes(): QdiscClass[] {
    return [leafClass(1, this.children.qdiscs[LEAF])];
  }

  graft(minor: number, qdisc: Qdisc, drop: (m: Mbuf) => void): Qdisc {
    onlyClass('netem', minor);
    return this.children.graft(LEAF, qdisc, drop);
  }

  /** Packets that are inside leave when they would have left. */
  change(options: Partial<NetemOptions>): void {
    const all = { ...this.options, ...options };
    validateNetem(all);
    this.options = all;
    this.chances = this.makeChances();
  }

  /** Lost at random, ECN-marked instead, duplicated, corrupted, sent at once; and copies and changes no buffer was left for. */
  xstats(): Record<string, number> {
    const { lost, marked, duplicated, corrupted, reordered, noBuffer } = this;
    return { lost, marked, duplicated, corrupted, reordered, no_buffer: noBuffer };
  }

  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    const { chances, env } = this;
    this.env.stamp(this.state, NOW);
    const twice = chances.duplicate.next();
    let lost = chances.loss.next();
    if (lost && this.options.ecn && setCe(env.u8, m)) {
      this.marked++;
      lost = false;
    }
    if (lost) {
      this.lost++;
      // One of two is lost: the other remains.
      if (!twice) {
        this.stats.drops++;
        drop(m);
        return;
      }
    }
    const copy = twice && !lost ? this.copy(m) : null;
    this.keep(m, drop);
    if (copy !== null) this.keep(copy, drop);
  }

  dequeue(drop: (m: Mbuf) => void): Mbuf | null {
    this.deliver(drop);
    const m = this.children.dequeue(LEAF, drop);
    if (m === null) this.plan();
    return m;
  }

  peek(drop: (m: Mbuf) => void): Mbuf | null {
    this.deliver(drop);
    const m = this.children.peek(LEAF, drop);
    if (m === null) this.plan();
    return m;
  }

  reset(drop: (m: Mbuf) => void): void {
    for (let m = this.delayed.shift(); m !== null; m = this.delayed.shift()) drop(m);
    this.children.reset(drop);
    this.state.fill(0);
    this.sinceReordered = 0;
    this.chances = this.makeChances();
  }

  private makeChances(): Chances {
    const { options, line } = this;
    line[DELAY] = options.delayNs;
    line[JITTER] = options.jitterNs;
    line[BYTE_NS] = 1e9 / options.rate;
    const random = options.seed === null ? this.env.random : new Random(options.seed, 'netem');
    const dice = new Dice(random);
    return {
      dice,
      loss: makeLoss(options.loss, dice),
      duplicate: new Chance(dice, options.duplicate, options.duplicateCorrelation),
      corrupt: new Chance(dice, options.corrupt, options.corruptCorrelation),
      reorder: new Chance(dice, options.reorder, options.reorderCorrelation),
      jitter: new Jitter(dice, options.distribution, options.delayCorrelation),
      slots: options.slot === null ? null : new Slots(options.slot, dice),
    };
  }

  private copy(m: Mbuf): Mbuf | null {
    const copy = m.pool.dup(m);
    if (copy === null) {
      this.noBuffer++;
      return null;
    }
    this.duplicated++;
    this.env.copied();
    return copy;
  }

  private keep(m: Mbuf, drop: (m: Mbuf) => void): void {
    if (this.length >= this.options.limit) {
      this.stats.drops++;
      drop(m);
      return;
    }
    if (this.chances.corrupt.next()) this.flipBit(m);
    if (this.goesAtOnce()) {
      this.state[LEAVES] = this.state[NOW];
      this.reordered++;
    } else this.schedule(m);
    this.delayed.push(m, this.state, LEAVES);
  }

  private goesAtOnce(): boolean {
    const { reorder, gap } = this.options;
    if (reorder === 0) return false;
    if (this.sinceReordered < gap - 1 || !this.chances.reorder.next()) {
      this.sinceReordered++;
      return false;
    }
    this.sinceReordered = 0;
    return true;
  }

  /** Works out when it leaves: the link begins with it when it has come and those before it have been sent. */
  private schedule(m: Mbuf): void {
    const { state, line } = this;
    const { jitter } = this.chances;
    state[LEAVES] = line[DELAY];
    if (line[JITTER] > 0) state[LEAVES] += line[JITTER] * jitter.values[jitter.draw()];
    state[LEAVES] = state[NOW] + Math.max(0, Math.round(state[LEAVES]));
    if (line[BYTE_NS] === 0) return;
    if (state[FREE] < state[LEAVES]) state[FREE] = state[LEAVES];
    state[FREE] += sentBytes(m.packetLength, this.options) * line[BYTE_NS];
    state[LEAVES] = Math.ceil(state[FREE]);
  }

  /** One bit anywhere in the packet, in storage that nobody else reads. */
  private flipBit(m: Mbuf): void {
    const { dice } = this.chances;
    const bit = Math.floor(dice.floats[dice.draw()] * m.packetLength * 8);
    let offset = bit >> 3;
    if (m.packetLength === 0 || !m.pool.makeWritable(m, offset, 1)) {
      this.noBuffer++;
      return;
    }
    let member: Mbuf | null = m;
    while (member !== null && offset >= member.length) {
      offset -= member.length;
      member = member.next;
    }
    if (member === null) return;
    this.env.u8[member.data + offset] ^= 1 << (bit & 7);
    this.corrupted++;
  }

  /** Gives the class what may go by now. */
  private deliver(drop: (m: Mbuf) => void): void {
    const { delayed, state, children } = this;
    const { slots } = this.chances;
    state[NEXT] = 0;
    if (delayed.length === 0) return;
    this.env.stamp(state, NOW);
    while (delayed.length > 0) {
      delayed.firstTime(state, LEAVES);
      if (state[LEAVES] > state[NOW]) {
        state[NEXT] = state[LEAVES];
        return;
      }
      if (slots !== null && !slots.open(state, LEAVES, NOW)) {
        state[NEXT] = slots.times[OPEN];
        return;
      }
      const m = delayed.shift();
      if (m === null) return;
      if (slots !== null) slots.spend(m.packetLength, state, NOW);
      children.enqueue(LEAF, m, drop);
    }
  }

  /** Nothing may go now: the class may want to be asked earlier than the next packet comes to it. */
  private plan(): void {
    const { state, children } = this;
    if (children.length === 0) return;
    const time = children.nextTimeNs();
    if (state[NEXT] === 0 || (time > 0 && time < state[NEXT])) state[NEXT] = time;
  }
}

/** Bytes that a packet takes on the line: tc-netem(8), rate. */
function sentBytes(
  bytes: number,
  { packetOverhead, cellSize, cellOverhead }: Readonly<NetemOptions>,
): number {
  const sent = Math.max(0, bytes + packetOverhead);
  if (cellSize === 0) return sent;
  return (((sent + cellSize - 1) / cellSize) | 0) * (cellSize + cellOverhead);
}
