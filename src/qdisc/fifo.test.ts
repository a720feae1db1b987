import { expect, test } from 'vitest';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { TestEnv } from './contract.ts';
import { Bfifo, Pfifo } from './fifo.ts';

const env = new TestEnv(1);

/** Offers packets of these sizes and returns the sizes that are kept, in the order they come out. */
function kept(qdisc: Pfifo | Bfifo, sizes: number[]): number[] {
  const dropped: Mbuf[] = [];
  for (const size of sizes) qdisc.enqueue(env.packet(0, size), (m) => dropped.push(m));
  expect(qdisc.stats.drops).toBe(dropped.length);
  const out: number[] = [];
  for (let m = qdisc.dequeue(); m !== null; m = qdisc.dequeue()) out.push(m.packetLength);
  return out;
}

test('pfifo keeps as many packets as its limit, in order, and drops what comes last', () => {
  expect(kept(new Pfifo(env, { limit: 3 }), [100, 1500, 60, 61, 62])).toEqual([100, 1500, 60]);
});

test('bfifo keeps bytes up to exactly its limit; a smaller packet may still fit', () => {
  expect(kept(new Bfifo(env, { limit: 1000 }), [600, 401, 400, 60])).toEqual([600, 400]);
});

test('a smaller limit lets what waits leave in its turn', () => {
  const qdisc = new Pfifo(env, { limit: 4 });
  for (let i = 0; i < 4; i++) qdisc.enqueue(env.packet(0, 100 + i), () => expect.unreachable());
  qdisc.change({ limit: 2 });
  expect(kept(qdisc, [200])).toEqual([100, 101, 102, 103]);
});

test('who may be passed by: only one that would keep any packet', () => {
  expect(new Pfifo(env, { limit: 0 }).canBypass).toBe(false);
  expect(new Bfifo(env, { limit: 1514 }).canBypass).toBe(false);
  expect(new Bfifo(env).canBypass).toBe(true);
});

test('a limit that is none is refused, and the old one stays', () => {
  for (const limit of [-1, 1.5, Number.NaN, 2 ** 32]) {
    expect(() => new Pfifo(env, { limit })).toThrow(/whole number of packets/);
    const qdisc = new Bfifo(env, { limit: 7 });
    expect(() => qdisc.change({ limit })).toThrow(/whole number of bytes/);
    expect(qdisc.options.limit).toBe(7);
  }
});
