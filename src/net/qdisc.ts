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
  /** Lends the packet that dequeue would return, and returns next time. */
  peek(drop: (m: Mbuf) => void): Mbuf | null;
  /** Hands everything queued to `drop` and starts afresh. */
  reset(drop: (m: Mbuf) => void): void;
  /** When dequeue gives null though packets wait: time in ns it is worth asking again; 0 for no such time. */
  readonly nextTimeNs: number;
}

/** What a discipline that looks at clocks, dice or bytes is given of its machine. @public */
export interface QdiscEnv {
  /** Writes the CPU's time, ns, to `to[index]`: a number that is returned may be boxed. */
  stamp(to: Float64Array, index: number): void;
  readonly random: Random;
  /** The machine's memory: a packet's bytes are at `m.data`, Ethernet header first. */
  readonly u8: Uint8Array;
}

/** Makes the discipline for one transmit queue. */
export type QdiscFactory = (queueLength: number) => Qdisc;
