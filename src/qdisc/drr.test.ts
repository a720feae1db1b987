import { expect, test } from 'vitest';
import { CLASS_DROP, CLASS_STOLEN } from '../net/qdisc.ts';
import { TestEnv } from './contract.ts';
import { Drr } from './drr.ts';

const never = (): void => expect.unreachable();

/** A class for each quantum; Mbuf.queue says whose a packet is. */
function make(env: TestEnv, quanta: number[]): Drr {
  const qdisc = new Drr(env);
  quanta.forEach((quantum, index) => {
    qdisc.addClass(index + 1, { quantum });
  });
  qdisc.classifier = { classify: (m) => m.queue + 1 };
  return qdisc;
}

/** Bytes that each class sent out of `packets` packets, all classes backlogged, each with packets of its own size. */
function serve(quanta: number[], sizes: number[], packets: number): number[] {
  const env = new TestEnv(1);
  const qdisc = make(env, quanta);
  const offer = (index: number): void => {
    const m = env.packet(0, sizes[index]);
    m.queue = index;
    qdisc.enqueue(m, never);
  };
  sizes.forEach((_, index) => {
    offer(index);
    offer(index);
  });
  const sent = sizes.map(() => 0);
  for (let i = 0; i < packets; i++) {
    const m = qdisc.dequeue(never);
    if (m === null) throw new Error('nothing came out though all classes are backlogged');
    sent[m.queue] += m.packetLength;
    offer(m.queue);
    env.pool.freem(m);
  }
  return sent;
}

/** Jain's index: 1 when all shares are equal, 1 / n when one has everything. */
function fairness(shares: number[]): number {
  const sum = shares.reduce((a, b) => a + b, 0);
  return sum ** 2 / (shares.length * shares.reduce((a, b) => a + b * b, 0));
}

const SIZES = [60, 200, 576, 1000, 1514];

for (const quanta of [
  [1514, 1514, 1514, 1514, 1514],
  [1000, 2000, 3000, 4000, 5000],
  [5000, 100, 200, 400, 800],
]) {
  test(`classes with packets of ${SIZES} bytes share in proportion to quanta ${quanta}`, () => {
    const sent = serve(quanta, SIZES, 20_000);
    const shares = sent.map((bytes, i) => bytes / quanta[i]);
    expect(fairness(shares)).toBeGreaterThan(0.9999);
    // Shreedhar and Varghese, their fairness measure: shares differ by a turn and two of the longest packets at most.
    const spread = Math.max(...shares) - Math.min(...shares);
    expect(spread).toBeLessThanOrEqual(1 + (2 * 1514) / Math.min(...quanta));
  });
}

test('a class that was idle does not save up', () => {
  const env = new TestEnv(1);
  const qdisc = make(env, [1000, 1000]);
  for (let round = 0; round < 5; round++) {
    qdisc.enqueue(env.packet(0, 100), never);
    qdisc.dequeue(never);
  }
  for (let i = 0; i < 40; i++) {
    const m = env.packet(0, 500);
    m.queue = i & 1;
    qdisc.enqueue(m, never);
  }
  const order = Array.from({ length: 8 }, () => qdisc.dequeue(never)?.queue);
  expect(order).toEqual([0, 0, 1, 1, 0, 0, 1, 1]);
});

test('a packet goes to the class of its priority, else of its filters; of no class, it is dropped', () => {
  const env = new TestEnv(1);
  const qdisc = make(env, [1000, 1000]);
  qdisc.handle = 0x8001;
  const lengths = (queue: number, priority: number): number[] => {
    const m = env.packet(0, 100);
    m.queue = queue;
    m.priority = priority;
    qdisc.enqueue(m, () => {});
    const all = qdisc.classes().map((each) => each.length);
    qdisc.reset(() => {});
    return all;
  };
  expect(lengths(0, 0x8001_0002)).toEqual([0, 1]);
  expect(lengths(1, (0x8001 << 16) | 1)).toEqual([1, 0]);
  expect(lengths(1, 0x8001_0007)).toEqual([0, 1]);
  expect(lengths(0, 0x8002_0002)).toEqual([1, 0]);
  expect([lengths(2, 0), lengths(CLASS_DROP - 1, 0), qdisc.stats.drops]).toEqual([[0, 0], [0, 0], 2]);
  expect([lengths(CLASS_STOLEN - 1, 0), qdisc.stats.drops]).toEqual([[0, 0], 2]);
  qdisc.classifier = null;
  expect([lengths(1, 0), qdisc.stats.drops]).toEqual([[0, 0], 3]);
});

test('classes come and go while there are packets: a turn is lost by none of the others', () => {
  const env = new TestEnv(1);
  const qdisc = make(env, [1500, 1500, 1500, 1500]);
  const dropped: number[] = [];
  for (let i = 0; i < 40; i++) {
    const m = env.packet(0, 1500);
    m.queue = i % 4;
    qdisc.enqueue(m, never);
  }
  const take = (count: number) => Array.from({ length: count }, () => qdisc.dequeue(never)?.queue);
  expect(take(6)).toEqual([0, 1, 2, 3, 0, 1]);
  qdisc.deleteClass(4, (m) => dropped.push(m.queue));
  expect([dropped, qdisc.stats.drops, qdisc.length]).toEqual([Array(9).fill(3), 9, 25]);
  expect(take(5)).toEqual([2, 0, 1, 2, 0]);
  qdisc.deleteClass(1, () => {});
  qdisc.addClass(4, { quantum: 3000 });
  const late = env.packet(0, 100);
  late.queue = 3;
  qdisc.enqueue(late, never);
  expect(take(5)).toEqual([1, 2, 3, 1, 2]);
  expect(qdisc.classes().map(({ minor, quantum, length }) => [minor, quantum, length])).toEqual([
    [2, 1500, 5],
    [3, 1500, 5],
    [4, 3000, 0],
  ]);
});

test('wrong classes and quanta are refused', () => {
  const qdisc = make(new TestEnv(1), [1000]);
  expect(() => qdisc.addClass(1)).toThrow('is there already');
  expect(() => qdisc.addClass(0)).toThrow('from 1 to 65535');
  expect(() => qdisc.addClass(2, { quantum: 0 })).toThrow('bytes from 1');
  expect(() => qdisc.changeClass(1, { quantum: 0.5 })).toThrow('bytes from 1');
  expect(() => qdisc.changeClass(0xab, {})).toThrow('there is no class ab');
  expect(() => qdisc.deleteClass(Number.NaN, never)).toThrow('there is no class');
  qdisc.addClass(0xffff);
  expect(qdisc.classes().map((each) => each.minor)).toEqual([1, 0xffff]);
});
