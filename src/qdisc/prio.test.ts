import { expect, test } from 'vitest';
import { CLASS_DROP, CLASS_NONE, CLASS_STOLEN } from '../net/qdisc.ts';
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

test('a classifier comes before the priomap, which takes what it leaves; a priority that names a class comes first', () => {
  const qdisc = new Prio(env, { bands: 4 });
  qdisc.handle = 1;
  const answers = new Map([
    [2, 1],
    [6, 4],
    [7, 9],
    [3, CLASS_DROP],
    [5, CLASS_STOLEN],
  ]);
  qdisc.classifier = { classify: (m) => answers.get(m.priority) ?? CLASS_NONE };
  expect(order(qdisc, [0, 1, 2, 6])).toEqual([2, 0, 1, 6]);
  // Class 9 is not there, 2:1 is not of this handle: both as priority 0.
  expect(order(qdisc, [1, 0x1_0001, 0x1_0004, 6, 7, 0x2_0001])).toEqual([
    0x1_0001, 7, 0x2_0001, 1, 0x1_0004, 6,
  ]);
  let dropped = 0;
  for (const priority of [3, 5]) {
    const m = env.packet(0, 100);
    m.priority = priority;
    qdisc.enqueue(m, () => dropped++);
  }
  expect([dropped, qdisc.stats.drops, qdisc.length]).toEqual([1, 1, 0]);
});

test('a packet of a higher band goes before what peek has shown', () => {
  const qdisc = new Prio(env);
  const [low, high] = [env.packet(0, 100), env.packet(0, 100)];
  low.priority = 2;
  high.priority = 6;
  qdisc.enqueue(low, never);
  expect(qdisc.peek(never) === low).toBe(true);
  qdisc.enqueue(high, never);
  expect(qdisc.peek(never) === high).toBe(true);
  expect([qdisc.dequeue(never)?.priority, qdisc.dequeue(never)?.priority]).toEqual([6, 2]);
});

test('a shaped band that may not send lets the next one, and says when to ask again', () => {
  const shaped = new Tbf(env, { rate: 1e6, burst: 100, limit: 1000 });
  const qdisc = new Prio(env);
  qdisc.graft(1, shaped, never);
  expect(order(qdisc, [6, 6, 0])).toEqual([6, 0]);
  expect([qdisc.length, qdisc.nextTimeNs - env.time[0]]).toEqual([1, 100_000]);
  env.time[0] = qdisc.nextTimeNs;
  expect(qdisc.dequeue(never)?.priority).toBe(6);
  expect([shaped.stats.packets, shaped.stats.bytes]).toEqual([2, 200]);
});

test('a new discipline in a band, and bands that go: their packets are dropped and counted', () => {
  const qdisc = new Prio(env);
  let dropped = 0;
  const drop = (): void => void dropped++;
  qdisc.enqueue(env.packet(0, 100), never);
  qdisc.graft(2, new Pfifo(env, { limit: 1 }), drop);
  expect([dropped, qdisc.stats.drops, qdisc.length, qdisc.backlog]).toEqual([1, 1, 0, 0]);
  expect(() => qdisc.graft(4, new Pfifo(env), never)).toThrow('1 to 3 wanted');
  for (const priority of [6, 0, 1, 2]) {
    const m = env.packet(0, 100);
    m.priority = priority;
    qdisc.enqueue(m, drop);
  }
  qdisc.change({ bands: 2, priomap: Array(16).fill(1) }, drop);
  expect([dropped, qdisc.stats.drops, qdisc.length, qdisc.classes().length]).toEqual([3, 3, 2, 2]);
  qdisc.change({ bands: 5 }, drop);
  expect(qdisc.classes().map(({ minor, leaf, length }) => [minor, leaf?.kind, length])).toEqual([
    [1, 'pfifo', 1],
    [2, 'pfifo', 1],
    [3, 'pfifo', 0],
    [4, 'pfifo', 0],
    [5, 'pfifo', 0],
  ]);
});

test('wrong bands and maps are refused', () => {
  expect(() => new Prio(env, { bands: 1 })).toThrow('2 to 16 wanted');
  expect(() => new Prio(env, { bands: 2 })).toThrow('16 bands from 0 to 1 wanted');
  expect(() => new Prio(env, { priomap: [0, 1] })).toThrow('16 bands from 0 to 2 wanted');
  expect(() => new Prio(env).change({ bands: 2 }, never)).toThrow('16 bands from 0 to 1 wanted');
});
