// The contract of a queueing discipline: what stands between dev_queue_xmit and a transmit queue. The disciplines
// themselves are in src/qdisc.

import type { Random } from '../kernel/random.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';

export interface QdiscStats {
  /** Packets and bytes taken from the discipline by the device. */
  packets: number;
  bytes: number;
  drops: number;
  overlimits: number;
  requeues: number;
}

export interface Qdisc {
  readonly kind: string;
  readonly stats: QdiscStats;
  /** Packets and bytes queued now. */
  readonly length: number;
  readonly backlog: number;
  /** A packet that finds it empty may pass by it to a driver that has room (TCQ_F_CAN_BYPASS): it would come out at once. */
  readonly canBypass: boolean;
  /** Takes the packet. What the discipline will not keep (this one or another) it gives to `drop`. */
  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void;
  /** Returns the next packet that may go now, or null. What it will not send after all it gives to `drop`. */
  dequeue(drop: (m: Mbuf) => void): Mbuf | null;
  /** Lends the packet that dequeue would return now, and returns next time unless a packet that goes before it comes first. */
  peek(drop: (m: Mbuf) => void): Mbuf | null;
  /** Hands everything queued to `drop` and starts afresh. */
  reset(drop: (m: Mbuf) => void): void;
  /** When dequeue gives null though packets wait: time in ns it is worth asking again; 0 for no such time. */
  readonly nextTimeNs: number;
}

/** What a classifier says of a packet when it names no class: no filter matched; one wants it dropped; one has taken it. */
export const CLASS_NONE = -1;
export const CLASS_DROP = -2;
export const CLASS_STOLEN = -3;

/** The filters of a discipline: they decide which of its classes a packet belongs to. */
export interface Classifier {
  /**
   * Lends the packet, its Ethernet header in front, to the filters of class `at` (0: those of the discipline itself). Returns
   * the minor number of a class, CLASS_NONE, CLASS_DROP (the discipline drops it and counts it) or CLASS_STOLEN (the packet
   * is gone: an action took it).
   */
  classify(m: Mbuf, at: number): number;
}

/** One class of a discipline. @public */
export interface QdiscClass {
  /** Its number behind the colon, 1 to 0xffff; and that of the class above it, 0: the discipline itself. */
  readonly minor: number;
  readonly parent: number;
  /** What queues its packets; null: it has classes below it instead. */
  readonly leaf: Qdisc | null;
  /** Packets and bytes that left through it; drops and overlimits in it and below. */
  readonly stats: QdiscStats;
  readonly length: number;
  readonly backlog: number;
}

/** A discipline with others inside, each the leaf of one of its classes. @public */
export interface ClassfulQdisc extends Qdisc {
  /** Its number in front of the colon: a packet whose priority is `handle << 16 | minor` goes to that class without filters. */
  handle: number;
  classifier: Classifier | null;
  /** In order of their minor numbers; made for the caller. */
  classes(): QdiscClass[];
  /**
   * Puts an empty discipline in the place of a leaf, whose packets go to `drop`, and returns the old one. Throws RangeError
   * when there is no such leaf, or the new one is not empty.
   */
  graft(minor: number, qdisc: Qdisc, drop: (m: Mbuf) => void): Qdisc;
  /** Where classes come and go: takes one away, its packets go to `drop`. Throws RangeError when that cannot be. */
  deleteClass?(minor: number, drop: (m: Mbuf) => void): void;
}

/** What a discipline that looks at clocks, dice or bytes is given of its machine. @public */
export interface QdiscEnv {
  /** Writes the CPU's time, ns, to `to[index]`: a number that is returned may be boxed. */
  stamp(to: Float64Array, index: number): void;
  readonly random: Random;
  /** The machine's memory: a packet's bytes are at `m.data`, Ethernet header first. */
  readonly u8: Uint8Array;
  /** To be told of each packet that is there once more than came: the device's books count it as one more. */
  copied(): void;
}

/** Makes the discipline for one transmit queue. */
export type QdiscFactory = (queueLength: number) => Qdisc;
