// On which CPU a received packet is handled (the kernel's networking/scaling document). RPS: each flow has a CPU of those the
// device allows, so a flow stays in order. RFS: if it is known on which CPU a flow's consumer runs, that one, but a flow moves only
// when none of its packets waits at the CPU it had.

import type { Mbuf } from '../mbuf/mbuf.ts';
import { flowHash } from './flow-hash.ts';
import type { SoftnetData } from './softnet-data.ts';

/** Any number will do, so long as it stays. */
const SEED = 0x0295;
const NONE = -1;

/** The numbers of the CPUs in a mask. */
export function cpusOf(mask: number): Uint8Array {
  const cpus: number[] = [];
  for (let cpu = 0; cpu < 31; cpu++) if ((mask & (1 << cpu)) !== 0) cpus.push(cpu);
  return Uint8Array.from(cpus);
}

/** The flow's hash, which the packet keeps: an int32, not 0. */
export function hashOf(u8: Uint8Array, m: Mbuf): number {
  if (m.hash === 0) m.hash = flowHash(u8, m, SEED) | 1;
  return m.hash;
}

/** One of the CPUs, by hash. */
export function cpuOfFlow(cpus: Uint8Array, hash: number): number {
  return cpus[((hash >>> 16) * cpus.length) >>> 16];
}

/** RFS: the tables rps_sock_flow_table and rps_dev_flow_table in one. */
export class FlowTable {
  private readonly mask: number;
  /** Where its consumer runs, where its packets go, and the end of that CPU's queue when the last one was put there. */
  private readonly wanted: Int16Array;
  private readonly current: Int16Array;
  private readonly last: Float64Array;

  /** `entries`: a power of 2. */
  constructor(entries: number) {
    if (!Number.isInteger(Math.log2(entries)))
      throw new RangeError(`a flow table of ${entries} entries: a power of 2 wanted`);
    this.mask = entries - 1;
    this.wanted = new Int16Array(entries).fill(NONE);
    this.current = new Int16Array(entries).fill(NONE);
    this.last = new Float64Array(entries);
  }

  /** The consumer of the flow runs on this CPU. */
  record(hash: number, cpu: number): void {
    this.wanted[hash & this.mask] = cpu;
  }

  /** The CPU for a packet of the flow; `otherwise`: where the consumer is not known. */
  choose(hash: number, perCpu: readonly SoftnetData[], otherwise: number): number {
    const { wanted, current, last } = this;
    const i = hash & this.mask;
    if (wanted[i] === NONE) return otherwise;
    if (current[i] === NONE) current[i] = otherwise;
    if (current[i] !== wanted[i] && perCpu[current[i]].packetsDone >= last[i]) current[i] = wanted[i];
    return current[i];
  }

  /** Its packet was put at the end of the CPU's queue. */
  queued(hash: number, { packets, packetsDone }: SoftnetData): void {
    this.last[hash & this.mask] = packetsDone + packets.length;
  }
}
