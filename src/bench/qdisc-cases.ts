// The disciplines as they are measured: each with a backlog, packets of 100 bytes that go round, no rate that would idle.
// Packets of one flow are those of one class, told by their addresses (hashed, as the discipline does it) or their priority.

import { PhysicalMemory } from '../kernel/memory.ts';
import { Random } from '../kernel/random.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { MbufPool } from '../mbuf/pool.ts';
import type { Qdisc, QdiscEnv } from '../net/qdisc.ts';
import { Choke } from '../qdisc/choke.ts';
import { Codel } from '../qdisc/codel.ts';
import { Drr } from '../qdisc/drr.ts';
import { Bfifo, Pfifo } from '../qdisc/fifo.ts';
import { Fq } from '../qdisc/fq.ts';
import { FqCodel } from '../qdisc/fq-codel.ts';
import { Htb } from '../qdisc/htb.ts';
import { PacketList } from '../qdisc/packet-list.ts';
import { PfifoFast } from '../qdisc/pfifo-fast.ts';
import { Prio } from '../qdisc/prio.ts';
import { Red } from '../qdisc/red.ts';
import { Sfq } from '../qdisc/sfq.ts';
import { Tbf } from '../qdisc/tbf.ts';

/** Packets that come before as many go. */
export const BATCH = 64;
const BYTES = 100;
const HANDLE = 1;
const MOST = 1_000_000;
/** Between two packets: 100 Mbyte/s. */
const TICK_NS = 1000;
const RATE = (BYTES * 1e9) / TICK_NS;
/** Would send one priority for ever, were there always some of each: they are emptied by each batch. */
const STRICT: ReadonlySet<string> = new Set(['pfifo_fast', 'prio']);
const NO_DROP = (): void => {};

type Make = (env: QdiscEnv, flows: number) => Qdisc;

/** Each for a number of flows or classes. */
const MAKE: Record<string, Make> = {
  pfifo: (env) => new Pfifo(env, { limit: MOST }),
  bfifo: (env) => new Bfifo(env, { limit: MOST * BYTES }),
  pfifo_fast: () => new PfifoFast(MOST),
  prio: (env, flows) => {
    const bands = Math.min(16, Math.max(2, flows));
    return new Prio(env, { bands, priomap: Array.from({ length: 16 }, (_, i) => i % bands) });
  },
  tbf: (env) => new Tbf(env, { rate: 2 * RATE, burst: 100_000, limit: MOST * BYTES }),
  drr: (env, flows) => {
    const drr = new Drr(env);
    drr.handle = HANDLE;
    for (let i = 1; i <= flows; i++) drr.addClass(i);
    return drr;
  },
  // A rate of its own for half of what it sends: it borrows the other half.
  htb: (env, flows) => {
    const htb = new Htb(env);
    htb.handle = HANDLE;
    const burst = 3000;
    htb.addClass(0xffff, 0, { rate: 2 * RATE, burst: 100_000, cburst: 100_000 }, NO_DROP);
    for (let i = 1; i <= flows; i++) {
      const options = { rate: RATE / 2 / flows, ceil: 2 * RATE, burst, cburst: burst, quantum: 1514 };
      htb.addClass(i, 0xffff, options, NO_DROP);
    }
    return htb;
  },
  sfq: (env, flows) =>
    new Sfq(env, { limit: 65_535, flows: Math.min(65_408, Math.max(127, flows)), divisor: 65_536 }),
  red: (env) => new Red(env, { limit: 4e6, min: 1e6, max: 3e6, avpkt: BYTES }),
  choke: (env) => new Choke(env, { limit: 1000, min: 250, max: 750, bandwidth: RATE }),
  codel: (env) => new Codel(env, { limit: MOST }),
  fq_codel: (env, flows) => {
    const queues = Math.min(65_536, Math.max(1024, 2 ** Math.ceil(Math.log2(flows) + 1)));
    return new FqCodel(env, { limit: MOST, flows: queues, memoryLimit: 2 ** 31, targetNs: 1e9 });
  },
  fq: (env) => new Fq(env, { limit: MOST, flowLimit: MOST, buckets: 65_536 }),
};

export const QDISC_CASES = Object.keys(MAKE);
/** The floor: a linked list, and nothing decided. */
export const BARE_LIST = 'bare list';

/** A step of the bench: BATCH packets in, BATCH out. `depth`: packets that wait meanwhile. */
export function qdiscStep(name: string, flows: number, depth: number): () => void {
  const packets = depth + BATCH;
  const memory = new PhysicalMemory(packets * 320 + (8 << 20));
  const pool = new MbufPool(memory, { mbufs: packets, clusters: 16 });
  const time = new Float64Array([1e10]);
  const env: QdiscEnv = {
    stamp: (to, index) => {
      to[index] = time[0];
    },
    random: new Random(1, name),
    u8: memory.u8,
    copied: NO_DROP,
  };
  const outside: Mbuf[] = [];
  for (let i = 0; i < packets; i++) outside.push(packetOf(pool, memory.u8, name, i % flows));
  if (name === BARE_LIST) return listStep(outside, depth);
  const qdisc = MAKE[name](env, flows);
  // What is dropped is offered again later: as many come as go.
  const dropped: Mbuf[] = [];
  let waiting = 0;
  const drop = (m: Mbuf): void => {
    dropped[waiting++] = m;
  };
  for (let i = 0; i < depth && !STRICT.has(name); i++) {
    time[0] += TICK_NS;
    qdisc.enqueue(outside[BATCH + i], drop);
  }
  return () => {
    for (let i = 0; i < BATCH; i++) {
      outside[i].hash = 0;
      qdisc.enqueue(outside[i], drop);
    }
    for (let i = 0; i < BATCH; ) {
      time[0] += TICK_NS;
      const m = waiting > 0 ? dropped[--waiting] : qdisc.dequeue(drop);
      if (m !== null) outside[i++] = m;
    }
  };
}

function listStep(outside: Mbuf[], depth: number): () => void {
  const list = new PacketList();
  for (let i = 0; i < depth; i++) list.push(outside[BATCH + i]);
  return () => {
    for (let i = 0; i < BATCH; i++) list.push(outside[i]);
    for (let i = 0; i < BATCH; i++) {
      const m = list.shift();
      if (m !== null) outside[i] = m;
    }
  };
}

/** UDP over IPv4, of that flow. */
function packetOf(pool: MbufPool, u8: Uint8Array, name: string, flow: number): Mbuf {
  const m = pool.get();
  if (m === null) throw new Error('no buffers left');
  m.length = m.packetLength = BYTES;
  m.protocol = 0x0800;
  m.priority =
    name === 'htb' || name === 'drr' ? HANDLE * 0x10000 + flow + 1 : STRICT.has(name) ? flow % 16 : 0;
  const head = [0x45, 0, 0, BYTES - 14, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 1, 0, 2];
  const ports = [flow >> 16, 200, flow >> 8, flow];
  const ether = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
  for (const [i, byte] of [...ether, ...head, ...ports].entries()) u8[m.data + i] = byte & 255;
  return m;
}
