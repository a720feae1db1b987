// The debug side of the pool: poison, red zones, allocation sites. The pool calls it when it was made with `debug`, and
// without it pays one branch. Rules it watches over: nothing writes past either end of a buffer, writes one that was
// freed, frees twice, leaks, miscounts references, or holds writable storage that is also somebody else's.
//
//   +---------+--------------------------+---------+
//   | zone 32 | storage 256 or 2048      | zone 32 |     zone: bytes that differ from those of the neighbours
//   +---------+--------------------------+---------+     storage: 0xa5 when taken, 0xde when free

import { type AllocationSite, callSite, groupBySite } from './call-site.ts';
import { describe, M_EXT, M_FREE, M_PKTHDR, M_RDONLY, type Mbuf, MCLBYTES, MLEN } from './mbuf.ts';
import type { MbufPool } from './pool.ts';

/** Bytes on each side of a buffer. Two are a cache line, so storage stays aligned to one. */
export const RED_ZONE = 32;
const FRESH = 0xa5;
const FREED = 0xde;
const FREED_WORD = 0xdededede;

export class MbufDebug {
  /** What happens when a check at taking or freeing fails. Set it to collect; the buffer is repaired and goes on. */
  report: (problem: string) => void = (problem) => {
    throw new Error(problem);
  };
  private readonly pool: MbufPool;
  private readonly takenAt: string[] = [];
  private readonly freedAt: string[] = [];

  constructor(pool: MbufPool) {
    this.pool = pool;
    for (const m of pool.mbufs) {
      this.takenAt.push('');
      this.freedAt.push('');
      this.poison(m.home, MLEN, this.mbufNumber(m));
    }
    for (let i = 0; i < pool.clusters; i++)
      this.poison(pool.clusterAddress(i), MCLBYTES, this.clusterNumber(i));
  }

  /** Called by the pool. */
  mbufTaken(m: Mbuf): void {
    const problem = this.freeMbufProblem(m);
    this.takenAt[m.index] = callSite();
    if (problem !== null) {
      m.next = null;
      m.nextPacket = null;
      this.repair(m.home, MLEN, this.mbufNumber(m), problem);
    }
    this.pool.memory.u8.fill(FRESH, m.home, m.home + MLEN);
  }

  /** Called by the pool. */
  mbufFreed(m: Mbuf): void {
    const number = this.mbufNumber(m);
    const zone = this.zoneProblem(m.home, MLEN, number);
    if (zone !== null)
      this.repair(m.home, MLEN, number, `own storage of ${describe(m)}: ${zone}; ${this.history(m)}`);
    if (m.storage >= 0 && m.storage < this.pool.clusters) {
      const cluster = this.zoneProblem(m.start, MCLBYTES, this.clusterNumber(m.storage));
      if (cluster !== null) {
        const problem = `cluster ${m.storage} of ${describe(m)}: ${cluster}; ${this.history(m)}`;
        this.repair(m.start, MCLBYTES, this.clusterNumber(m.storage), problem);
      }
    }
    this.freedAt[m.index] = callSite();
    this.poison(m.home, MLEN, number);
  }

  /** Called by the pool. */
  clusterTaken(cluster: number): void {
    const address = this.pool.clusterAddress(cluster);
    const problem = this.freeStorageProblem(address, MCLBYTES, this.clusterNumber(cluster));
    if (problem !== null)
      this.repair(address, MCLBYTES, this.clusterNumber(cluster), `cluster ${cluster}: ${problem}`);
    this.pool.memory.u8.fill(FRESH, address, address + MCLBYTES);
  }

  /** Called by the pool when nothing refers to the cluster any more. */
  clusterFreed(cluster: number): void {
    this.poison(this.pool.clusterAddress(cluster), MCLBYTES, this.clusterNumber(cluster));
  }

  /** Where a mbuf was taken and, if it is free, freed. */
  history(m: Mbuf): string {
    const taken = `taken at ${this.takenAt[m.index] || 'no known place'}`;
    return (m.flags & M_FREE) === 0
      ? taken
      : `${taken}, freed at ${this.freedAt[m.index] || 'no known place'}`;
  }

  /** Looks at every buffer, taken or free, and at the reference counts. Returns what is wrong; empty: nothing. */
  check(): string[] {
    const problems: string[] = [];
    const owners = new Int32Array(this.pool.references.length);
    for (const m of this.pool.mbufs) {
      if ((m.flags & M_FREE) !== 0) {
        const problem = this.freeMbufProblem(m);
        if (problem !== null) problems.push(problem);
        continue;
      }
      if (m.storage >= 0) owners[m.storage]++;
      const zone = this.zoneProblem(m.home, MLEN, this.mbufNumber(m));
      if (zone !== null) problems.push(`own storage of ${describe(m)}: ${zone}; ${this.history(m)}`);
      const bounds = boundsProblem(m);
      if (bounds !== null) problems.push(`${bounds}; ${this.history(m)}`);
    }
    for (let i = 0; i < this.pool.clusters; i++) {
      const address = this.pool.clusterAddress(i);
      const number = this.clusterNumber(i);
      const problem =
        this.pool.references[i] === 0
          ? this.freeStorageProblem(address, MCLBYTES, number)
          : this.zoneProblem(address, MCLBYTES, number);
      if (problem !== null) problems.push(`cluster ${i}: ${problem}; ${this.ownersOf(i)}`);
    }
    owners.forEach((count, storage) => {
      const counted = this.pool.references[storage];
      if (counted === count) return;
      problems.push(
        `storage ${storage} counts ${counted} references, ${count} mbufs refer to it; ${this.ownersOf(storage)}`,
      );
    });
    problems.push(...this.overlaps());
    return problems;
  }

  /** Mbufs that are taken now, by the place that took them, most first. */
  leaks(): AllocationSite[] {
    const taken = this.pool.mbufs.filter((m) => (m.flags & M_FREE) === 0);
    return groupBySite(
      taken.map((m) => ({ site: this.takenAt[m.index], bytes: m.storage < 0 ? MLEN : m.size })),
    );
  }

  /** The same for people; empty when nothing is taken. */
  leakReport(): string {
    const total = this.pool.inUse;
    const lines = this.leaks().map(
      ({ site, count, bytes }) => `  ${count} mbufs, ${bytes} bytes, taken at ${site}`,
    );
    return total === 0 ? '' : [`${total} mbufs are not freed:`, ...lines].join('\n');
  }

  private mbufNumber(m: Mbuf): number {
    return m.index;
  }

  private clusterNumber(cluster: number): number {
    return this.pool.mbufs.length + cluster;
  }

  /** Fills free storage and draws its red zones. */
  private poison(address: number, size: number, number: number): void {
    const u8 = this.pool.memory.u8;
    u8.fill(FREED, address, address + size);
    for (let i = 0; i < RED_ZONE; i++) {
      u8[address - RED_ZONE + i] = zoneByte(number, i);
      u8[address + size + i] = zoneByte(number, RED_ZONE + i);
    }
  }

  /** Reports, after making the zones right again without touching the storage: one fault is one report. */
  private repair(address: number, size: number, number: number, problem: string): void {
    const u8 = this.pool.memory.u8;
    for (let i = 0; i < RED_ZONE; i++) {
      u8[address - RED_ZONE + i] = zoneByte(number, i);
      u8[address + size + i] = zoneByte(number, RED_ZONE + i);
    }
    this.report(problem);
  }

  private zoneProblem(address: number, size: number, number: number): string | null {
    const u8 = this.pool.memory.u8;
    // Nearest to the storage first: that is where the write began, or ended.
    for (let i = RED_ZONE - 1; i >= 0; i--) {
      const found = u8[address - RED_ZONE + i];
      if (found !== zoneByte(number, i))
        return `written ${RED_ZONE - i} bytes before its start (0x${hex(found)})`;
    }
    for (let i = 0; i < RED_ZONE; i++) {
      const found = u8[address + size + i];
      if (found !== zoneByte(number, RED_ZONE + i))
        return `written ${i} bytes past its end (0x${hex(found)})`;
    }
    return null;
  }

  /** Free storage must have kept its poison. */
  private freeStorageProblem(address: number, size: number, number: number): string | null {
    const { u8, u32 } = this.pool.memory;
    for (let i = 0; i < size; i += 4) {
      if (u32[(address + i) >> 2] === FREED_WORD) continue;
      let at = i;
      while (u8[address + at] === FREED) at++;
      return `byte ${at} was written while it was free (0x${hex(u8[address + at])})`;
    }
    return this.zoneProblem(address, size, number);
  }

  private freeMbufProblem(m: Mbuf): string | null {
    const history = `taken at ${this.takenAt[m.index]}, freed at ${this.freedAt[m.index]}`;
    if (m.next !== null || m.nextPacket !== null || m.storage !== -1) {
      return `${describe(m)} was linked or given storage while it was free; ${history}`;
    }
    const problem = this.freeStorageProblem(m.home, MLEN, this.mbufNumber(m));
    return problem === null ? null : `own storage of mbuf ${m.index}: ${problem}; ${history}`;
  }

  private ownersOf(storage: number): string {
    const owners = this.pool.mbufs.filter((m) => m.storage === storage);
    if (owners.length === 0) return 'no mbuf refers to it';
    return owners.map((m) => `mbuf ${m.index} ${this.history(m)}`).join('; ');
  }

  /** Writable external storages that overlap each other. */
  private overlaps(): string[] {
    const external = new Map<number, Mbuf>();
    for (const m of this.pool.mbufs) {
      if (m.storage >= this.pool.clusters && (m.flags & M_RDONLY) === 0) external.set(m.storage, m);
    }
    const sorted = [...external.values()].sort((a, b) => a.start - b.start);
    const problems: string[] = [];
    for (let i = 1; i < sorted.length; i++) {
      const [a, b] = [sorted[i - 1], sorted[i]];
      if (a.start + a.size <= b.start) continue;
      problems.push(
        `${describe(a)} and ${describe(b)} hold the same bytes, both writable; ${this.history(b)}`,
      );
    }
    return problems;
  }
}

/**
 * What is wrong with a packet at a hand-over, or null: a member that is free, reaches outside of its storage or comes
 * twice, or a header whose length is not the sum of the members. Works with every pool.
 */
export function verify(m: Mbuf): string | null {
  let total = 0;
  let members = 0;
  for (let at: Mbuf | null = m; at !== null; at = at.next) {
    if ((at.flags & M_FREE) !== 0) return `${describe(at)} is free but in a packet`;
    if (at !== m && (at.flags & M_PKTHDR) !== 0) return `${describe(at)} has a packet header inside a packet`;
    const bounds = boundsProblem(at);
    if (bounds !== null) return bounds;
    if (++members > at.pool.mbufs.length) return `the packet that starts with ${describe(m)} is a loop`;
    total += at.length;
  }
  if ((m.flags & M_PKTHDR) === 0 || m.packetLength === total) return null;
  return `packet length ${m.packetLength} is not the sum of its members, ${total}; ${describe(m)}`;
}

function boundsProblem(m: Mbuf): string | null {
  if (((m.flags & M_EXT) !== 0) !== m.storage >= 0) return `${describe(m)}: M_EXT and storage disagree`;
  if (m.length >= 0 && m.data >= m.start && m.data + m.length <= m.start + m.size) return null;
  return `${describe(m)} reaches outside of its storage`;
}

function zoneByte(number: number, position: number): number {
  return (number * 0x9d + position * 7 + 0x5b) & 0xff;
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
