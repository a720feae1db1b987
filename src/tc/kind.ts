// What tc must know of a kind of discipline: how its words are read, and how it is shown. One in src/tc/kinds for each.

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { Qdisc, QdiscClass, QdiscEnv } from '../net/qdisc.ts';
import type { Printer } from './printer.ts';
import type { Words } from './words.ts';

/** What a line may leave out because the device has it. */
export interface Situation {
  /** Bytes, without the Ethernet header. */
  mtu: number;
  /** Of the link; 0: not known. */
  bitsPerSecond: number;
  /** Packets. */
  txQueueLength: number;
  /** Transmit queues. */
  queues: number;
}

export interface KindSpec<Q extends Qdisc, Options> {
  readonly name: string;
  /** What tc says to `help`, as tc(8) writes grammar. */
  readonly usage: string;
  /** Reads the words to their end. `now`: the one that is changed; null for a new one. May throw TcError. */
  parse(words: Words, given: Situation, now: Q | null): Options;
  /** May throw RangeError. */
  make(env: QdiscEnv, options: Options): Q;
  /** Left out: it cannot be changed. May throw RangeError. */
  change?(qdisc: Q, options: Options, drop: (m: Mbuf) => void): void;
  /** Its options, as they follow `refcnt 2`. */
  print(out: Printer, qdisc: Q): void;
  /** Lines of -s behind those that all kinds have. */
  printStats?(out: Printer, qdisc: Q): void;
  /** Of kinds whose classes come and go; others have those that they have. */
  readonly classes?: ClassSpec<Q, unknown>;
  /** How a class is shown behind `leaf 10:`. */
  printClass?(out: Printer, qdisc: Q, one: QdiscClass): void;
  printClassStats?(out: Printer, qdisc: Q, one: QdiscClass): void;
}

export interface ClassSpec<Q extends Qdisc, Options> {
  readonly usage: string;
  parse(words: Words, given: Situation, now: QdiscClass | null): Options;
  /** `parent`: minor number of the class above; 0: the discipline. */
  add(qdisc: Q, minor: number, parent: number, options: Options, drop: (m: Mbuf) => void): void;
  change(qdisc: Q, minor: number, options: Options, drop: (m: Mbuf) => void): void;
}

/** A kind whose own types nobody needs to know. */
export type QdiscKind = KindSpec<Qdisc, unknown>;

export function defineKind<Q extends Qdisc, Options>(spec: KindSpec<Q, Options>): QdiscKind {
  return spec as unknown as QdiscKind;
}

export function defineClasses<Q extends Qdisc, Options>(spec: ClassSpec<Q, Options>): ClassSpec<Q, unknown> {
  return spec as unknown as ClassSpec<Q, unknown>;
}
