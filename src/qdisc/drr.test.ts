import { expect, test } from 'vitest';
import { TestEnv } from './contract.ts';
import { Drr } from './drr.ts';
import { Pfifo } from './fifo.ts';

const never = (): void => expect.unreachable();

/** Bytes that each class sent out of `packets` packets, all classes backlogged, each with packets of its own size. */
function serve(quanta: number[], sizes: number[], packets: number): number[] {
  const env = new TestEnv(1);
  const classes = quanta.map((quantum) => ({ quantum, child: new Pfifo(env, { limit: 10 }) }));
  const qdisc = new Drr(env, { classes, classify: (m) => m.queue });
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
  const qdisc = new Drr(env, { classes: [{ quantum: 1000 }, { quantum: 1000 }], classify: (m) => m.queue });
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

test('packets of no class are dropped, and wrong quanta refused', () => {
  const env = new TestEnv(1);
  const qdisc = new Drr(env, { classes: [{}], classify: (m) => m.mark });
  let dropped = 0;
  for (const mark of [0, 1, -1, Number.NaN, 0.5]) {
    const m = env.packet(0, 100);
    m.mark = mark;
    qdisc.enqueue(m, () => dropped++);
  }
  expect([dropped, qdisc.stats.drops, qdisc.length]).toEqual([4, 4, 1]);
  expect(() => new Drr(env, { classes: [], classify: () => 0 })).toThrow('at least 1');
  expect(() => new Drr(env, { classes: [{ quantum: 0 }], classify: () => 0 })).toThrow('from 1');
  expect(() => qdisc.changeClass(1, 100)).toThrow('0 to 0 wanted');
});
