// What a discipline is given of its machine, for tests: a clock that is set by hand, dice, memory and packets.

import { PhysicalMemory } from '../kernel/memory.ts';
import { Random } from '../kernel/random.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { MbufPool } from '../mbuf/pool.ts';
import type { QdiscEnv } from '../net/qdisc.ts';

/** Times above 2^31 ns are no small integers to V8. */
const START_NS = 10_000_000_000;
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
    const ipv4 = [0x45, ect, (bytes - 14) >> 8, bytes - 14, 0, 0, 0x40, 0, 64, 17, 0, 0];
    const addresses = [10, 0, 0, 1, 10, 0, 0, flow];
    if (at < 20) return at < 12 ? ipv4[at] & 255 : addresses[at - 12];
    return at === 21 ? flow : 1;
  }
}
