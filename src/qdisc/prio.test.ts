import { expect, test } from 'vitest';
import { TestEnv } from './contract.ts';
import { Pfifo } from './fifo.ts';
import { Prio } from './prio.ts';
import { Tbf } from './tbf.ts';

const env = new TestEnv(1);
const never = (): void => expect.unreachable();

/** Enqueues packets of these priorities, 100 bytes and one more each, and returns the priorities in the order they leave. */
function order(qdisc: Prio, priorities: number[]): number[] {
  for (const priority of priorities) {
    const m = env.packet(0, 100);
    m.priority = priority;
    qdisc.enqueue(m, never);
  }
  const out: number[] = [];
  for (let m = qdisc.dequeue(never); m !== null; m = qdisc.dequeue(never)) out.push(m.priority);
  return out;
}

test("the manual's priomap: 6 and 7 first, then the middle band, then 1, 2, 3 and 5", () => {
  const all = Array.from({ length: 16 }, (_, i) => i);
  expect(order(new Prio(env), all)).toEqual([6, 7, 0, 4, 8, 9, 10, 11, 12, 13, 14, 15, 1, 2, 3, 5]);
});

test('a classifier comes before the priomap, which takes what it leaves', () => {
  const qdisc = new Prio(env, {
    bands: 4,
    classify: (m) => (m.priority === 2 ? 0 : m.priority === 6 ? 3 : -1),
  });
  expect(order(qdisc, [0, 1, 2, 6])).toEqual([2, 0, 1, 6]);
});

test('a shaped band that may not send lets the next one, and says when to ask again', () => {
  const shaped = new Tbf(env, { rate: 1e6, burst: 100, limit: 1000 });
  const qdisc = new Prio(env, { child: (band) => (band === 0 ? shaped : new Pfifo(env)) });
  expect(order(qdisc, [6, 6, 0])).toEqual([6, 0]);
  expect([qdisc.length, qdisc.nextTimeNs - env.time[0]]).toEqual([1, 100_000]);
  env.time[0] = qdisc.nextTimeNs;
  expect(qdisc.dequeue(never)?.priority).toBe(6);
  expect([shaped.stats.packets, shaped.stats.bytes]).toEqual([2, 200]);
});

test('a new discipline in a band: the packets of the old one are dropped and counted', () => {
  const qdisc = new Prio(env);
  qdisc.enqueue(env.packet(0, 100), never);
  let dropped = 0;
  qdisc.graft(1, new Pfifo(env, { limit: 1 }), () => dropped++);
  expect([dropped, qdisc.stats.drops, qdisc.length, qdisc.backlog]).toEqual([1, 1, 0, 0]);
  expect(() => qdisc.graft(3, new Pfifo(env), never)).toThrow('0 to 2 wanted');
});

test('wrong bands and maps are refused', () => {
  expect(() => new Prio(env, { bands: 1 })).toThrow('2 to 16 wanted');
  expect(() => new Prio(env, { bands: 2 })).toThrow('16 bands from 0 to 1 wanted');
  expect(() => new Prio(env, { priomap: [0, 1] })).toThrow('16 bands from 0 to 2 wanted');
  expect(() => new Prio(env).change({ bands: 4 })).toThrow('replace it');
});
