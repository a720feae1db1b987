import { expect, test } from 'vitest';
import { CLASS_DROP, CLASS_NONE } from '../net/qdisc.ts';
import { Htb } from './htb.ts';
import type { HtbClassOptions } from './htb-options.ts';
import { TestEnv } from './testing-env.ts';

const never = (): never => {
  throw new Error('a packet was dropped');
};

/** 1:1 with the leaves 10 and 20 below it, and the leaf 30; 20 is the default. */
function tree(env: TestEnv): Htb {
  const htb = new Htb(env, { default: 0x20 });
  htb.handle = 1;
  htb.addClass(1, 0, { rate: 1e6 }, never);
  for (const minor of [0x10, 0x20]) htb.addClass(minor, 1, { rate: 1e6 }, never);
  htb.addClass(0x30, 0, { rate: 1e6 }, never);
  return htb;
}

// The same as the Linux kernel does (6.18, compared in a network namespace). `filters`: the answer of each class's.
test.each<[string, number, Record<number, number>, number]>([
  ['priority names a leaf, filters are not asked', 0x10010, { 0: 0x30 }, 0x10],
  ['priority names no class: filters decide', 0x10099, { 0: 0x10 }, 0x10],
  ['priority names no class, no filter matches: default', 0x10099, {}, 0x20],
  ['priority names an inner class: its filters decide', 0x10001, { 0: 0x30, 1: 0x10 }, 0x10],
  ['priority 1:0: direct', 0x10000, { 0: 0x10 }, 0],
  ['of another discipline: filters decide', 0x20010, { 0: 0x30 }, 0x30],
  ['a filter names an inner class, whose filters decide', 0, { 0: 1, 1: 0x10 }, 0x10],
  ['a filter names an inner class, whose filters do not match: default', 0, { 0: 1 }, 0x20],
  ['a filter names no class: default', 0, { 0: 0x99 }, 0x20],
  ['a filter names 1:0: direct', 0, { 0: 0 }, 0],
  ['filters that lead round and round: default', 0, { 0: 1, 1: 1 }, 0x20],
  ['a filter drops', 0, { 0: 1, 1: CLASS_DROP }, CLASS_DROP],
])('%s', (_, priority, filters, wanted) => {
  const env = new TestEnv(1);
  const htb = tree(env);
  htb.classifier = { classify: (_m, at) => filters[at] ?? CLASS_NONE };
  const m = env.packet(0, 100);
  m.priority = priority;
  let dropped = 0;
  htb.enqueue(m, () => dropped++);
  const taker = htb.classes().find(({ length }) => length > 0)?.minor;
  const direct = htb.xstats().direct_packets_stat;
  expect(taker ?? (direct === 1 ? 0 : CLASS_DROP)).toBe(wanted);
  expect([dropped, htb.stats.drops, htb.length]).toEqual(wanted === CLASS_DROP ? [1, 1, 0] : [0, 0, 1]);
});

/** Bytes a second of one leaf with packets without end, over so many packets, from a late hour on. */
function speed(options: HtbClassOptions, bytes: number, packets: number): number {
  const env = new TestEnv(1);
  const start = 4 * 3600e9;
  env.time[0] = start;
  const htb = new Htb(env, { default: 1 });
  htb.addClass(1, 0, options, never);
  const m = env.packet(0, bytes);
  for (let left = packets; left > 0; left--) {
    htb.enqueue(m, never);
    if (htb.dequeue(never) !== null) continue;
    env.time[0] = htb.nextTimeNs;
    // Told when, it has it then.
    if (htb.dequeue(never) !== m) throw new Error('asked when told to, and in vain');
  }
  // The first two are the bucket's: the one it holds, and one that goes into debt.
  return ((packets - 2) * bytes) / ((env.time[0] - start) / 1e9);
}

test('10 Gbit/s, four hours after the machine started, within 1e-6', () => {
  const rate = 1.25e9;
  const got = speed({ rate, burst: 1500, cburst: 1500 }, 1500, 400_000);
  expect(Math.abs(got / rate - 1)).toBeLessThan(1e-6);
});

test('bytes on the wire count: overhead, mpu, atm cells', () => {
  const rate = 1e6;
  const wide = { rate, burst: 1500, cburst: 1500 };
  expect(speed({ ...wide, overhead: 24 }, 1000, 20_000) / (rate * (1000 / 1024))).toBeCloseTo(1, 3);
  expect(speed({ ...wide, mpu: 64 }, 40, 20_000) / (rate * (40 / 64))).toBeCloseTo(1, 2);
  // 1000 + 10 bytes: 22 cells of 53.
  const atm = { ...wide, overhead: 10, linklayer: 'atm' } as const;
  expect(speed(atm, 1000, 20_000) / (rate * (1000 / (22 * 53)))).toBeCloseTo(1, 3);
});
