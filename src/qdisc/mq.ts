// mq and mqprio: a discipline for each transmit queue of a device. They queue nothing themselves: each queue runs its own, and the
// one at the root is there to be shown and to have leaves grafted (see attach.ts). After tc-mq in tc(8), and tc-mqprio(8) with
// hw 0: num_tc traffic classes, each with queues of its own; a packet's priority picks its class. Class n is queue n - 1; those
// of mqprio's traffic classes are ffe0 and up, the queues' below them.

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { QueueRange } from '../net/device-ops.ts';
import type { ClassfulQdisc, Qdisc, QdiscClass, QdiscStats } from '../net/qdisc.ts';
import { leafClass } from './children.ts';

export interface MqprioOptions {
  /** The traffic class of each of the sixteen priorities. */
  map: readonly number[];
  /** The queues of each traffic class, 1 to 16 of them. */
  queues: readonly QueueRange[];
}

/** Minor number of the first traffic class (TC_H_MIN_PRIORITY). */
const FIRST_TC = 0xffe0;
const MOST_TCS = 16;

export class Mq implements ClassfulQdisc {
  readonly kind: 'mq' | 'mqprio';
  readonly canBypass = false;
  readonly nextTimeNs = 0;
  handle = 0;
  /** Not asked: the device has picked the queue. */
  classifier = null;
  /** By queue. */
  readonly qdiscs: Qdisc[];
  /** mqprio's. */
  readonly options: Readonly<MqprioOptions> | null;
  /** Told of each new leaf, by whoever has attached it to queues. */
  onGraft: (queue: number, qdisc: Qdisc) => void = () => {};
  private misled = 0;

  /** `qdiscs`: one for each queue of the device, empty. `mqprio`: its options, if that is what it is. */
  constructor(qdiscs: readonly Qdisc[], mqprio: MqprioOptions | null = null) {
    this.kind = mqprio === null ? 'mq' : 'mqprio';
    if (qdiscs.length < 2)
      throw new RangeError(`${this.kind}: ${qdiscs.length} transmit queue: a device with several wanted`);
    if (mqprio !== null) validate(mqprio, qdiscs.length);
    this.qdiscs = [...qdiscs];
    this.options = mqprio;
  }

  /** Sums of the queues', made for the caller. */
  get stats(): QdiscStats {
    const sum = { packets: 0, bytes: 0, drops: this.misled, overlimits: 0, requeues: 0 };
    for (const { stats } of this.qdiscs)
      for (const name of Object.keys(sum) as (keyof QdiscStats)[]) sum[name] += stats[name];
    return sum;
  }

  get length(): number {
    return this.qdiscs.reduce((sum, qdisc) => sum + qdisc.length, 0);
  }

  get backlog(): number {
    return this.qdiscs.reduce((sum, qdisc) => sum + qdisc.backlog, 0);
  }

  classes(): QdiscClass[] {
    const leaves = this.qdiscs.map((qdisc, queue) => ({
      ...leafClass(queue + 1, qdisc),
      parent: this.parentOf(queue),
    }));
    return [...leaves, ...this.trafficClasses(leaves)];
  }

  graft(minor: number, qdisc: Qdisc, drop: (m: Mbuf) => void): Qdisc {
    const old = this.qdiscs[minor - 1];
    if (old === undefined)
      throw new RangeError(
        `${this.kind}: class ${minor.toString(16)}: 1 to ${this.qdiscs.length.toString(16)} wanted`,
      );
    if (qdisc.length > 0)
      throw new RangeError(`a ${qdisc.kind} with ${qdisc.length} packets: an empty one wanted`);
    old.reset(drop);
    this.qdiscs[minor - 1] = qdisc;
    this.onGraft(minor - 1, qdisc);
    return old;
  }

  xstats(): Record<string, number> {
    return {};
  }

  /** Not for packets: the queues' disciplines are. */
  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    this.misled++;
    drop(m);
  }

  dequeue(_drop: (m: Mbuf) => void): Mbuf | null {
    return null;
  }

  peek(_drop: (m: Mbuf) => void): Mbuf | null {
    return null;
  }

  reset(drop: (m: Mbuf) => void): void {
    for (const qdisc of this.qdiscs) qdisc.reset(drop);
  }

  private parentOf(queue: number): number {
    const index = this.options === null ? -1 : this.options.queues.findIndex((range) => isIn(range, queue));
    return index < 0 ? 0 : FIRST_TC + index;
  }

  private trafficClasses(leaves: readonly QdiscClass[]): QdiscClass[] {
    const { options } = this;
    if (options === null) return [];
    return options.queues.map((range, index) => {
      const own = leaves.filter((_, queue) => isIn(range, queue));
      const stats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
      for (const leaf of own)
        for (const name of Object.keys(stats) as (keyof QdiscStats)[]) stats[name] += leaf.stats[name];
      const length = own.reduce((sum, leaf) => sum + leaf.length, 0);
      const backlog = own.reduce((sum, leaf) => sum + leaf.backlog, 0);
      return { minor: FIRST_TC + index, parent: 0, leaf: null, stats, length, backlog };
    });
  }
}

function isIn({ offset, count }: QueueRange, queue: number): boolean {
  return queue >= offset && queue < offset + count;
}

function validate({ map, queues }: MqprioOptions, count: number): void {
  if (queues.length < 1 || queues.length > MOST_TCS)
    throw new RangeError(`mqprio: ${queues.length} traffic classes: 1 to ${MOST_TCS} wanted`);
  const wrong = map.find((tc) => !Number.isInteger(tc) || tc < 0 || tc >= queues.length);
  if (map.length !== 16 || wrong !== undefined)
    throw new RangeError(
      `mqprio: map ${map.join(' ')}: 16 traffic classes from 0 to ${queues.length - 1} wanted`,
    );
  queues.forEach((range, i) => {
    const whole = Number.isInteger(range.count) && Number.isInteger(range.offset);
    if (!whole || range.count < 1 || range.offset < 0 || range.offset + range.count > count)
      throw new RangeError(
        `mqprio: queues ${range.count}@${range.offset}: of the ${count} that there are, 0 to ${count - 1}, wanted`,
      );
    const other = queues.find(
      (each, k) =>
        k < i && each.offset < range.offset + range.count && range.offset < each.offset + each.count,
    );
    if (other !== undefined)
      throw new RangeError(
        `mqprio: queues ${range.count}@${range.offset} and ${other.count}@${other.offset}: a queue has one traffic class only`,
      );
  });
}
