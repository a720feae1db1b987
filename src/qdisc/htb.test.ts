import { expect, test } from 'vitest';
import { Random } from '../kernel/random.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { Htb } from './htb.ts';
import type { HtbClassOptions } from './htb-options.ts';
import { Tbf } from './tbf.ts';
import { TestEnv } from './testing-env.ts';

const never = (): never => {
  throw new Error('a packet was dropped');
};
const MBIT = 125_000;

interface Rig {
  env: TestEnv;
  htb: Htb;
  /** Bytes of each class so far, by minor number. */
  sent: number[];
  /** Of each packet: time, class, bytes. */
  log: [number, number, number][];
  asked: number;
}

/** `tree`: [minor, parent, options] of each class. */
function rig(tree: [number, number, HtbClassOptions][], seed = 1): Rig {
  const env = new TestEnv(seed);
  const htb = new Htb(env);
  htb.handle = 1;
  for (const [minor, parent, options] of tree) htb.addClass(minor, parent, options, never);
  return { env, htb, sent: [], log: [], asked: 0 };
}

/** Two packets always wait in each of these classes; what htb lets go is counted, for so many seconds. */
function run(
  it: Rig,
  backlogged: number[],
  seconds: number,
  bytes: (minor: number) => number = () => 1000,
): void {
  const { env, htb } = it;
  const end = env.time[0] + seconds * 1e9;
  const fill = (minor: number): void => {
    const m = env.pool.getcl()!;
    m.length = m.packetLength = bytes(minor);
    m.priority = (1 << 16) | minor;
    htb.enqueue(m, never);
  };
  const have = htb.classes();
  for (const minor of backlogged)
    for (let i = have.find((one) => one.minor === minor)!.length; i < 2; i++) fill(minor);
  while (env.time[0] < end) {
    it.asked++;
    const m: Mbuf | null = htb.dequeue(never);
    if (m === null) {
      if (htb.length === 0) throw new Error('all packets have gone');
      if (!(htb.nextTimeNs > env.time[0])) throw new Error('asked in vain, and not told when to ask again');
      env.time[0] = Math.min(end, htb.nextTimeNs);
      continue;
    }
    const minor = m.priority & 0xffff;
    it.sent[minor] = (it.sent[minor] ?? 0) + m.packetLength;
    it.log.push([env.time[0], minor, m.packetLength]);
    env.pool.freem(m);
    if (backlogged.includes(minor)) fill(minor);
  }
}

/** Part of what was asked for, burst left out. */
function rateOf(it: Rig, minor: number, seconds: number, burst = 1600): number {
  return ((it.sent[minor] ?? 0) - burst) / seconds;
}

test.each([
  [[1, 2, 4, 8], 1e6 / 8],
  [[1, 1, 1], 8e3 / 8],
  [[3, 5, 7, 11, 13], 1e8 / 8],
  [[1, 9], 1e9 / 8],
])('backlogged leaves get their rates, %j times %d bytes/s, within 1%%', (parts, unit) => {
  const sum = parts.reduce((a, b) => a + b, 0);
  const it = rig([
    [1, 0, { rate: sum * unit }],
    ...parts.map((part, i): [number, number, HtbClassOptions] => [
      10 + i,
      1,
      { rate: part * unit, ceil: sum * unit },
    ]),
  ]);
  const dice = new Random(7);
  const seconds = Math.max(0.05, 3e6 / (sum * unit));
  run(
    it,
    parts.map((_, i) => 10 + i),
    seconds,
    () => 64 + dice.below(1450),
  );
  parts.forEach((part, i) => {
    expect(rateOf(it, 10 + i, seconds) / (part * unit), `class ${i}`).toBeGreaterThan(0.985);
    expect(rateOf(it, 10 + i, seconds) / (part * unit), `class ${i}`).toBeLessThan(1.01);
  });
  expect(it.asked / it.log.length, 'questions a packet').toBeLessThan(2.5);
});

test('what one class does not use another borrows, up to its ceil', () => {
  const it = rig([
    [1, 0, { rate: 10 * MBIT }],
    [10, 1, { rate: 3 * MBIT, ceil: 10 * MBIT }],
    [20, 1, { rate: 7 * MBIT, ceil: 8 * MBIT }],
  ]);
  run(it, [10], 2);
  expect(rateOf(it, 10, 2) / (10 * MBIT)).toBeCloseTo(1, 2);
  it.sent = [];
  run(it, [20], 2);
  expect(rateOf(it, 20, 2) / (8 * MBIT)).toBeCloseTo(1, 2);
  it.sent = [];
  run(it, [10, 20], 2);
  expect(rateOf(it, 10, 2) / (3 * MBIT)).toBeCloseTo(1, 2);
  expect(rateOf(it, 20, 2) / (7 * MBIT)).toBeCloseTo(1, 2);
  const [root, ten] = it.htb.classes();
  expect(root.lended).toBeGreaterThan(0);
  expect(ten.borrowed).toBeGreaterThan(0);
});

test('equals share what is spare in proportion to their quanta', () => {
  const it = rig([
    [1, 0, { rate: 10 * MBIT }],
    [10, 1, { rate: MBIT, ceil: 10 * MBIT, quantum: 2000 }],
    [20, 1, { rate: MBIT, ceil: 10 * MBIT, quantum: 6000 }],
    [30, 1, { rate: 2 * MBIT, ceil: 10 * MBIT }],
  ]);
  run(it, [10, 20], 4);
  expect(rateOf(it, 10, 4) / MBIT).toBeCloseTo(1 + 8 / 4, 1);
  expect(rateOf(it, 20, 4) / MBIT).toBeCloseTo(1 + (8 * 3) / 4, 1);
});

test.each([1514, 15_140])('equals share what is spare alike, whatever their rates, quantum %d', (quantum) => {
  const it = rig([
    [1, 0, { rate: 8 * MBIT }],
    [10, 1, { rate: 3 * MBIT, ceil: 8 * MBIT, prio: 1, quantum }],
    [20, 1, { rate: MBIT, ceil: 8 * MBIT, prio: 1, quantum }],
  ]);
  run(it, [10, 20], 4, () => 1000);
  // A leaf that has tokens of its own for a moment must not lose its turn by it.
  expect(rateOf(it, 10, 4) / MBIT).toBeCloseTo(5, 1);
  expect(rateOf(it, 20, 4) / MBIT).toBeCloseTo(3, 1);
});

test('the lowest prio takes all that is spare; the others keep their rates', () => {
  const it = rig([
    [1, 0, { rate: 10 * MBIT }],
    [10, 1, { rate: 2 * MBIT, ceil: 10 * MBIT, prio: 1 }],
    [20, 1, { rate: 3 * MBIT, ceil: 10 * MBIT, prio: 0 }],
  ]);
  run(it, [10, 20], 2);
  expect(rateOf(it, 10, 2) / MBIT).toBeCloseTo(2, 1);
  expect(rateOf(it, 20, 2) / MBIT).toBeCloseTo(8, 1);
});

test('three levels: a cousin borrows only what the sisters leave', () => {
  const it = rig([
    [1, 0, { rate: 12 * MBIT }],
    [2, 1, { rate: 8 * MBIT, ceil: 12 * MBIT }],
    [3, 1, { rate: 4 * MBIT, ceil: 12 * MBIT }],
    [21, 2, { rate: 2 * MBIT, ceil: 12 * MBIT }],
    [22, 2, { rate: 6 * MBIT, ceil: 12 * MBIT }],
    [31, 3, { rate: 4 * MBIT, ceil: 12 * MBIT }],
  ]);
  // 22 is silent: its rate is its sister's first, as its parent lends before the root does.
  run(it, [21, 31], 2);
  expect(rateOf(it, 21, 2) / MBIT).toBeCloseTo(8, 1);
  expect(rateOf(it, 31, 2) / MBIT).toBeCloseTo(4, 1);
  it.sent = [];
  run(it, [31], 2);
  expect(rateOf(it, 31, 2) / MBIT).toBeCloseTo(12, 1);
});

test('no interval has more than cburst + ceil * t of a leaf, nor of a class above by more than its leaves burst: 60 random trees', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const tree = randomTree(new Random(seed, 'trees'));
    const parents = new Set(tree.map(([, parent]) => parent));
    const leaves = tree.map(([minor]) => minor).filter((minor) => !parents.has(minor));
    const dice = new Random(seed, 'packets');
    const it = rig(tree, seed);
    run(it, leaves, 0.2, () => 64 + dice.below(1450));
    for (const { minor, rates } of it.htb.classes()) {
      const below = descendants(tree, minor);
      const log = it.log.filter(([, of]) => of === minor || below.has(of));
      const bursts = it.htb.classes().filter((one) => below.has(one.minor) && !parents.has(one.minor));
      const more = bursts.reduce((sum, one) => sum + one.rates.burst + LONGEST, 0);
      bounded(log, rates.ceil, rates.cburst + more, `seed ${seed} class ${minor}`);
    }
  }
});

const LONGEST = 1514;

/** Leaves of random rates; a class above is sure of what those below it are sure of. */
function randomTree(dice: Random): [number, number, HtbClassOptions][] {
  const parents = [0];
  for (let minor = 2, count = 3 + dice.below(9); minor <= count; minor++)
    parents.push(1 + dice.below(Math.min(minor - 1, 4)));
  const rates = parents.map((_, i) => (parents.includes(i + 1) ? 0 : (1 + dice.below(10)) * MBIT));
  for (let i = parents.length - 1; i > 0; i--) rates[parents[i] - 1] += rates[i];
  return parents.map((parent, i) => [
    i + 1,
    parent,
    {
      rate: rates[i],
      ceil: rates[i] * (1 + dice.below(4)),
      prio: dice.below(3),
      cburst: 1600 + dice.below(5000),
    },
  ]);
}

function descendants(tree: [number, number, HtbClassOptions][], minor: number): Set<number> {
  const all = new Set<number>();
  for (const [child, parent] of tree) if (parent === minor || all.has(parent)) all.add(child);
  return all;
}

/** The largest excess over rate * t of any interval is no more than a bucket, and one packet that may go into debt. */
function bounded(log: [number, number, number][], ceil: number, cburst: number, what: string): void {
  let lowest = 0;
  let sum = 0;
  for (const [time, , bytes] of log) {
    const allowed = (ceil * (time - log[0][0])) / 1e9;
    lowest = Math.min(lowest, sum - allowed);
    sum += bytes;
    expect(sum - allowed - lowest, what).toBeLessThanOrEqual(cburst + LONGEST + 1);
  }
}

test('a class that is owed its rate gets it, whoever borrows: 40 random trees', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const dice = new Random(seed, 'owed');
    const count = 2 + dice.below(6);
    const rates = Array.from({ length: count }, () => (1 + dice.below(9)) * MBIT);
    const sum = rates.reduce((a, b) => a + b, 0);
    const it = rig([
      [1, 0, { rate: sum }],
      ...rates.map((rate, i): [number, number, HtbClassOptions] => [
        10 + i,
        1,
        { rate, ceil: sum, prio: dice.below(8), quantum: 1514 + dice.below(9000) },
      ]),
    ]);
    run(
      it,
      rates.map((_, i) => 10 + i),
      1,
      () => 64 + dice.below(1450),
    );
    rates.forEach((rate, i) => {
      expect((it.sent[10 + i] ?? 0) / rate, `seed ${seed} class ${i}`).toBeGreaterThan(0.98);
    });
  }
});

test('a class owes bytes, not time: from 1 kbit to 1 Gbit it does not wait for what it owed at the old rate', () => {
  const { env, htb } = rig([[1, 0, { rate: 125 }]]);
  htb.change({ default: 1 });
  for (let i = 0; i < 5; i++) htb.enqueue(env.packet(1, 1500), never);
  while (htb.dequeue(never) !== null);
  expect(htb.nextTimeNs - env.time[0]).toBeGreaterThan(1e9);
  htb.changeClass(1, { rate: 1000 * MBIT });
  htb.dequeue(never);
  expect(htb.nextTimeNs - env.time[0]).toBeLessThan(20_000);
});

test('a leaf that holds its packets back is asked once, however many classes there are', () => {
  const { env, htb } = rig(Array.from({ length: 200 }, (_, i) => [i + 1, 0, { rate: MBIT }]));
  const tbf = new Tbf(env, { rate: 1000, burst: 1600, limit: 50_000 });
  htb.graft(1, tbf, never);
  htb.change({ default: 1 });
  for (let i = 0; i < 3; i++) htb.enqueue(env.packet(1, 1500), never);
  expect(htb.dequeue(never)).not.toBeNull();
  expect(htb.dequeue(never)).toBeNull();
  expect(tbf.stats.overlimits).toBe(1);
});

test('packets of no class pass by, or go to the default class', () => {
  const it = rig([[1, 0, { rate: MBIT }]]);
  const m = it.env.packet(0, 100);
  it.htb.enqueue(m, never);
  expect(it.htb.xstats().direct_packets_stat).toBe(1);
  expect(it.htb.dequeue(never)).toBe(m);
  it.htb.change({ default: 1 });
  it.htb.enqueue(m, never);
  expect(it.htb.classes()[0].length).toBe(1);
  it.htb.deleteClass(1, () => {});
  expect(it.htb.length).toBe(0);
});

test.each<[string, () => void]>([
  ['rate', () => rig([[1, 0, { rate: 0 }]])],
  [
    'is there already',
    () =>
      rig([
        [1, 0, { rate: 1 }],
        [1, 0, { rate: 1 }],
      ]),
  ],
  ['no class 9', () => rig([[1, 9, { rate: 1 }]])],
  ['deep', () => rig(Array.from({ length: 9 }, (_, i) => [i + 1, i, { rate: 1 }]))],
  ['prio', () => rig([[1, 0, { rate: 1, prio: 8 }]])],
  [
    'classes below',
    () =>
      rig([
        [1, 0, { rate: 1 }],
        [2, 1, { rate: 1 }],
      ]).htb.deleteClass(1, never),
  ],
])('refused: %s', (message, work) => {
  expect(work).toThrow(RangeError);
  expect(work).toThrow(message);
});
