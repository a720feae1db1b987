import { expect, test } from 'vitest';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { CLASS_DROP, CLASS_NONE, CLASS_STOLEN } from '../net/qdisc.ts';
import { TestEnv } from './contract.ts';
import { Sfq, type SfqOptions } from './sfq.ts';
import { SfqQueues } from './sfq-queues.ts';
import { fairness } from './testing-link.ts';

const never = (): void => expect.unreachable();

/** Offers packets to a discipline, numbered in order; tells what it drops as flow and number. */
class Offers {
  readonly env: TestEnv;
  readonly qdisc: Sfq;
  readonly gone: [number, number][] = [];
  private serial = 0;

  constructor(options: Partial<SfqOptions>, seed = 1) {
    this.env = new TestEnv(seed);
    this.qdisc = new Sfq(this.env, options);
  }

  offer(flow: number, bytes = 100): void {
    const m = this.env.pool.getcl();
    if (m === null) throw new Error('the test ran out of buffers');
    m.length = m.packetLength = bytes;
    m.hash = flow + 1;
    m.queue = flow;
    m.mark = this.serial++;
    this.qdisc.enqueue(m, (dropped) => {
      this.gone.push([dropped.queue, dropped.mark]);
      this.env.pool.freem(dropped);
    });
  }

  take(): { flow: number; serial: number; bytes: number } | null {
    const m: Mbuf | null = this.qdisc.dequeue(never);
    if (m === null) return null;
    this.env.pool.freem(m);
    return { flow: m.queue, serial: m.mark, bytes: m.packetLength };
  }
}

/** Bytes that each flow got of 40,000 packets sent, all flows offering one for every packet that goes. */
function shares(sizes: readonly number[], options: Partial<SfqOptions>, seed = 1): number[] {
  const it = new Offers({ limit: 200, ...options }, seed);
  const sent = sizes.map(() => 0);
  for (let i = 0; i < 40_000; i++) {
    it.env.time[0] += 1e6;
    sizes.forEach((bytes, flow) => {
      it.offer(flow, bytes);
    });
    const m = it.take();
    if (m !== null) sent[m.flow] += m.bytes;
  }
  expect(it.qdisc.stats.drops).toBe(it.gone.length);
  return sent;
}

const SIZES = [64, 200, 576, 1000, 1514, 1514, 300, 1200];

for (const quantum of [300, 1514, 6000]) {
  test(`backlogged flows with packets of ${SIZES} bytes share alike, quantum ${quantum}`, () => {
    expect(fairness(shares(SIZES, { quantum }))).toBeGreaterThan(0.999);
    expect(fairness(shares(SIZES, { quantum, headdrop: true }))).toBeGreaterThan(0.999);
  });
}

test('flows that share a queue part when the hash changes: perturb makes sharing fair in the long run', () => {
  const few = { divisor: 8, quantum: 1514 };
  const sizes = new Array<number>(6).fill(1000);
  expect(fairness(shares(sizes, few, 3))).toBeLessThan(0.95);
  expect(fairness(shares(sizes, { ...few, perturbNs: 1e8 }, 3))).toBeGreaterThan(0.99);
});

test('no flow is put out of order by a change of the hash, and what is lost is counted', () => {
  const it = new Offers({ perturbNs: 2e6, divisor: 16, limit: 120, depth: 20 });
  const last = new Map<number, number>();
  let taken = 0;
  for (let i = 0; i < 30_000; i++) {
    it.env.time[0] += 100_000;
    it.offer((i * 7) % 23, 100 + (i % 900));
    if (i % 3 === 0) continue;
    const m = it.take();
    if (m === null) continue;
    taken++;
    expect(m.serial).toBeGreaterThan(last.get(m.flow) ?? -1);
    last.set(m.flow, m.serial);
  }
  expect(it.qdisc.xstats().perturbs).toBe(1500);
  expect(taken + it.gone.length + it.qdisc.length).toBe(30_000);
});

test('over the limit the longest queue loses its last packet, or its first with headdrop', () => {
  for (const headdrop of [false, true]) {
    const it = new Offers({ limit: 8, headdrop });
    for (const flow of [1, 2, 2, 2, 3, 3, 3, 3, 1, 1]) it.offer(flow);
    // At nine packets flow 3 has four; then flows 1, 2 and 3 have three at most, and flow 1 has come to three last.
    expect(it.gone[0]).toEqual([3, headdrop ? 4 : 7]);
    expect(it.gone.length).toBe(2);
    expect([it.qdisc.length, it.qdisc.backlog]).toEqual([8, 800]);
  }
});

test('depth is the most of one queue, flows the most queues', () => {
  const tail = new Offers({ depth: 2 });
  for (const flow of [1, 1, 1, 2]) tail.offer(flow);
  expect(tail.gone).toEqual([[1, 2]]);
  const head = new Offers({ depth: 2, headdrop: true });
  for (const flow of [1, 1, 1, 2]) head.offer(flow);
  expect(head.gone).toEqual([[1, 0]]);
  const few = new Offers({ flows: 2 });
  for (const flow of [1, 2, 3, 1]) few.offer(flow);
  expect(few.gone).toEqual([[3, 2]]);
  expect(few.qdisc.xstats().flows).toBe(2);
});

test('packets leave a queue at both ends until it is empty, and it can be used again', () => {
  const env = new TestEnv(1);
  const queues = new SfqQueues(2, 4);
  const [a, b, c, d] = [0, 0, 0, 0].map((flow) => env.packet(flow, 100));
  const queue = queues.take();
  for (const m of [a, b, c]) queues.push(queue, m);
  expect([queues.shift(queue), queues.pop(queue), queues.pop(queue)]).toEqual([a, c, b]);
  expect([queues.shift(queue), queues.pop(queue), queues.length, queues.backlog]).toEqual([null, null, 0, 0]);
  queues.push(queue, d);
  expect([queues.longest(), queues.pop(queue), queues.shift(queue)]).toEqual([queue, d, null]);
});

test('queues are served in turn, a quantum each', () => {
  const it = new Offers({ quantum: 200 });
  for (let i = 0; i < 18; i++) it.offer(i % 3);
  const order = Array.from({ length: 12 }, () => it.take()?.flow);
  expect(order).toEqual([0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]);
});

test('a smaller limit drops what is over, from the longest queues', () => {
  const it = new Offers({});
  for (let i = 0; i < 30; i++) it.offer(i < 20 ? 0 : i % 3);
  let dropped = 0;
  it.qdisc.change({ limit: 6 }, (m) => {
    dropped++;
    it.env.pool.freem(m);
  });
  expect([it.qdisc.length, dropped, it.qdisc.stats.drops]).toEqual([6, 24, 24]);
  expect(Array.from({ length: 6 }, () => it.take()?.flow).sort()).toEqual([0, 0, 1, 1, 2, 2]);
});

test('with a classifier, classes take the place of the hash: no class is a drop, and nothing is perturbed', () => {
  const it = new Offers({ quantum: 100, divisor: 8, perturbNs: 1e6 });
  expect(it.qdisc.canBypass).toBe(true);
  it.qdisc.handle = 2;
  it.qdisc.classifier = { classify: (m) => [1, 8, 9, 0, CLASS_NONE, CLASS_DROP, CLASS_STOLEN, 8][m.queue] };
  for (let i = 0; i < 24; i++) it.offer(i % 8);
  it.env.time[0] += 10e6;
  expect([it.qdisc.canBypass, it.qdisc.length, it.qdisc.stats.drops, it.gone.length]).toEqual([
    false,
    9,
    12,
    12,
  ]);
  expect(it.qdisc.xstats()).toEqual({ flows: 2, perturbs: 0 });
  expect(Array.from({ length: 9 }, () => it.take()?.flow)).toEqual([0, 1, 0, 7, 0, 1, 7, 1, 7]);
});

test('wrong options say what would be right, and change nothing', () => {
  const env = new TestEnv(1);
  expect(() => new Sfq(env, { divisor: 1000 })).toThrow('a power of two');
  expect(() => new Sfq(env, { divisor: 131_072 })).toThrow('to 65536');
  expect(() => new Sfq(env, { flows: 0 })).toThrow('queues from 1');
  const qdisc = new Sfq(env);
  const wrong: [Partial<SfqOptions>, string][] = [
    [{ limit: 0 }, 'from 1 to 65535'],
    [{ depth: 5 }, 'only when it is made, 127 wanted'],
    [{ divisor: 8 }, 'only when it is made, 1024 wanted'],
    [{ quantum: 0 }, 'bytes from 1'],
    [{ perturbNs: -1 }, 'ns, 0 or more'],
  ];
  const before = { ...qdisc.options };
  for (const [options, message] of wrong) expect(() => qdisc.change(options, never)).toThrow(message);
  expect(qdisc.options).toEqual(before);
});
