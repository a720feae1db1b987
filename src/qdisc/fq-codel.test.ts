import { expect, test } from 'vitest';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { CLASS_DROP, CLASS_NONE, CLASS_STOLEN } from '../net/qdisc.ts';
import { TestEnv } from './contract.ts';
import { Pfifo } from './fifo.ts';
import { FqCodel, type FqCodelOptions } from './fq-codel.ts';
import { bulk, fairness, quantile, TestLink } from './testing-link.ts';

const MS = 1e6;
const TEN_MBIT = 1.25e6;
/** To send one packet of bulk at 10 Mbit/s. */
const PACKET_TIME = (1514 / TEN_MBIT) * 1e9;

/** A flow of 200 bytes each 20 ms among others that offer `load` times the link's rate: ns that each of its packets waited. */
function sparse(make: (env: TestEnv) => FqCodel | Pfifo, others: number, load: number): number[] {
  const env = new TestEnv(2);
  const link = new TestLink(env, make(env), TEN_MBIT);
  const waits: number[] = [];
  link.onSend = (m, waited) => {
    if (m.queue === 0) waits.push(waited);
  };
  link.onDrop = (m) => expect(m.queue).not.toBe(0);
  const start = link.now;
  let bulkAt = start;
  for (let i = 0; i < 500; i++) {
    for (const at = start + i * 20 * MS; bulkAt < at; bulkAt += PACKET_TIME / load) {
      link.advance(bulkAt);
      link.offer(1 + (Math.round(bulkAt / PACKET_TIME) % others), 1514);
    }
    link.advance(start + i * 20 * MS);
    link.offer(0, 200);
  }
  link.advance(start + 500 * 20 * MS);
  return waits;
}

for (const [others, load] of [
  [1, 1.5],
  [5, 3],
]) {
  test(`a sparse flow waits for no more than the packet being sent beside ${others} bulk flows at ${load} times the rate`, () => {
    const waits = sparse((env) => new FqCodel(env, { limit: 500 }), others, load);
    expect(waits.length).toBe(500);
    expect(Math.max(...waits)).toBeLessThanOrEqual(PACKET_TIME + 1);
  });
}

test('the same flow in a pfifo waits for the whole queue', () => {
  const env = new TestEnv(2);
  const link = new TestLink(env, new Pfifo(env, { limit: 500 }), TEN_MBIT);
  for (let i = 0; i < 400; i++) link.offer(1, 1514);
  let waited = 0;
  link.onSend = (m, ns) => {
    if (m.queue === 0) waited = ns;
  };
  link.offer(0, 200);
  link.advance(link.now + 1e9);
  expect(waited).toBeGreaterThan(390 * PACKET_TIME);
});

/** Bytes that flows with packets of these sizes got, all backlogged, in 20 s at 10 Mbit/s. */
function shares(sizes: readonly number[], options: Partial<FqCodelOptions>, seed: number): number[] {
  const env = new TestEnv(seed);
  const sent = sizes.map(() => 0);
  const link = new TestLink(env, new FqCodel(env, options), TEN_MBIT);
  const waiting = sizes.map(() => 0);
  link.onSend = (m) => {
    sent[m.queue] += m.packetLength;
    waiting[m.queue]--;
  };
  link.onDrop = (m) => waiting[m.queue]--;
  const end = link.now + 20e9;
  while (link.now < end) {
    sizes.forEach((bytes, flow) => {
      for (; waiting[flow] < 20; waiting[flow]++) link.offer(flow, bytes);
    });
    link.advance(link.now + MS);
  }
  return sent;
}

test('backlogged flows of any packet sizes share alike', () => {
  for (const quantum of [300, 1514, 6000]) {
    const sent = shares([64, 200, 576, 1000, 1514, 1514, 300, 1200], { quantum }, 1);
    expect(fairness(sent)).toBeGreaterThan(0.9999);
    expect(sent.reduce((a, b) => a + b, 0)).toBeGreaterThan(0.99 * 20 * TEN_MBIT);
  }
});

test('bulk transfers wait some ms, and share alike', () => {
  const env = new TestEnv(1);
  const { waits, utilisation } = bulk(new TestLink(env, new FqCodel(env), TEN_MBIT), 4, 50 * MS, 5e9, 30e9);
  expect(quantile(waits, 0.5) / MS).toBeLessThan(15);
  expect(utilisation).toBeGreaterThan(0.95);
});

/** Offers `count` packets of the flow; returns the flows of what is dropped meanwhile. */
function fill(env: TestEnv, qdisc: FqCodel, flow: number, count: number, bytes = 100): number[] {
  const gone: number[] = [];
  for (let i = 0; i < count; i++) {
    const m = env.packet(flow, bytes);
    m.queue = flow;
    m.mark = i;
    qdisc.enqueue(m, (dropped) => {
      gone.push(dropped.queue);
      env.pool.freem(dropped);
    });
  }
  return gone;
}

test('over the limit the fattest flow loses up to drop_batch packets from its head, at most half its bytes', () => {
  const env = new TestEnv(1);
  const qdisc = new FqCodel(env, { limit: 300 });
  expect(fill(env, qdisc, 1, 20)).toEqual([]);
  expect(fill(env, qdisc, 4, 280)).toEqual([]);
  expect(fill(env, qdisc, 1, 1)).toEqual(new Array(64).fill(4));
  expect([qdisc.length, qdisc.stats.drops, qdisc.xstats().drop_overlimit]).toEqual([237, 64, 64]);
  const never = (): void => expect.unreachable();
  let next: Mbuf | null = qdisc.dequeue(never);
  while (next !== null && next.queue !== 4) next = qdisc.dequeue(never);
  expect(next?.mark).toBe(64);
  const small = new FqCodel(env, { limit: 20 });
  expect(fill(env, small, 1, 21)).toEqual(new Array(11).fill(1));
});

test('memory_limit counts bytes', () => {
  const env = new TestEnv(1);
  const qdisc = new FqCodel(env, { memoryLimit: 10_000, dropBatch: 3 });
  expect(fill(env, qdisc, 1, 6, 1000)).toEqual([]);
  expect(fill(env, qdisc, 4, 5, 1000)).toEqual([1, 1, 1]);
  const { drop_overmemory, drop_overlimit, memory_used } = qdisc.xstats();
  expect([drop_overmemory, drop_overlimit, memory_used, qdisc.backlog]).toEqual([3, 0, 8000, 8000]);
  expect([qdisc.canBypass, new FqCodel(env).canBypass]).toEqual([false, true]);
});

test('a new flow goes before the old ones for one quantum, and no more often than the old ones have their turns', () => {
  const env = new TestEnv(1);
  const qdisc = new FqCodel(env, { quantum: 250 });
  fill(env, qdisc, 1, 20);
  fill(env, qdisc, 4, 20);
  const never = (): void => expect.unreachable();
  const order = (n: number) => Array.from({ length: n }, () => qdisc.dequeue(never)?.queue);
  // A turn ends with the packet that makes the deficit 0 or less; the debt is carried.
  expect(order(11)).toEqual([1, 1, 1, 4, 4, 4, 1, 1, 4, 4, 1]);
  fill(env, qdisc, 2, 9);
  expect(qdisc.xstats()).toMatchObject({ new_flows_len: 1, old_flows_len: 2, new_flow_count: 3 });
  expect(order(3)).toEqual([2, 2, 2]);
  expect(order(1)).not.toEqual([2]);
  // Found empty, flow 3 waits among the old ones: what comes meanwhile is not new.
  fill(env, qdisc, 3, 1);
  expect(order(2)[0]).toBe(3);
  fill(env, qdisc, 3, 1);
  expect(qdisc.xstats()).toMatchObject({ new_flows_len: 0, old_flows_len: 4, new_flow_count: 4 });
  expect(order(1)).not.toEqual([3]);
});

test('with a classifier, classes take the place of the hash; what it names no class for is dropped', () => {
  const env = new TestEnv(1);
  const qdisc = new FqCodel(env, { flows: 4, quantum: 100 });
  qdisc.handle = 2;
  expect(qdisc.canBypass).toBe(true);
  qdisc.classifier = { classify: (m) => [1, 4, 5, CLASS_NONE, CLASS_DROP, CLASS_STOLEN][m.queue] };
  expect(qdisc.canBypass).toBe(false);
  let dropped = 0;
  const offer = (queue: number, priority = 0): void => {
    const m = env.packet(0, 100);
    m.queue = queue;
    m.priority = priority;
    qdisc.enqueue(m, () => dropped++);
  };
  for (let i = 0; i < 12; i++) offer(i % 6);
  expect([qdisc.length, dropped, qdisc.stats.drops]).toEqual([4, 6, 6]);
  offer(1, 0x2_0003);
  const order = Array.from({ length: 5 }, () => qdisc.dequeue(() => {}));
  expect(order.map((m) => [m?.queue, m?.priority])).toEqual([
    [0, 0],
    [1, 0],
    [1, 0x2_0003],
    [0, 0],
    [1, 0],
  ]);
});

test('a smaller limit drops what is over', () => {
  const env = new TestEnv(1);
  const qdisc = new FqCodel(env, { dropBatch: 1 });
  for (let i = 0; i < 30; i++) qdisc.enqueue(env.packet(i % 3, 1000), () => expect.unreachable());
  let dropped = 0;
  qdisc.change({ limit: 20 }, () => dropped++);
  expect([qdisc.length, dropped, qdisc.stats.drops, qdisc.xstats().drop_overlimit]).toEqual([20, 10, 10, 10]);
  qdisc.change({ memoryLimit: 5500 }, () => dropped++);
  expect([qdisc.length, qdisc.backlog, qdisc.xstats().drop_overmemory]).toEqual([5, 5000, 15]);
});

test('wrong options say what would be right, and change nothing', () => {
  const qdisc = new FqCodel(new TestEnv(1), { flows: 64 });
  const wrong: [Partial<FqCodelOptions>, string][] = [
    [{ limit: 0 }, 'from 1 to'],
    [{ flows: 65 }, 'only when it is made, 64 wanted'],
    [{ quantum: 0 }, 'bytes from 1'],
    [{ memoryLimit: -1 }, 'bytes from 1'],
    [{ dropBatch: 0.5 }, 'packets from 1'],
    [{ targetNs: Number.NaN }, 'ns, 0 or more'],
    [{ intervalNs: 0 }, 'ns, above 0'],
  ];
  const before = { ...qdisc.options };
  for (const [options, message] of wrong) expect(() => qdisc.change(options, () => {})).toThrow(message);
  expect(qdisc.options).toEqual(before);
  expect(() => new FqCodel(new TestEnv(1), { flows: 70_000 })).toThrow('from 1 to 65536');
});
