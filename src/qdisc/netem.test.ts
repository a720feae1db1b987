// What netem does to packets, against the formulas of its models. Seeds are fixed.

import { expect, test } from 'vitest';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { TestEnv } from './contract.ts';
import { Jitter } from './delay-jitter.ts';
import { delayTable } from './delay-tables.ts';
import { Dice } from './dice.ts';
import { Chance, FourStates, GilbertElliott, type LossModel } from './loss-models.ts';
import { Netem } from './netem.ts';
import type { NetemOptions } from './netem-options.ts';

const DRAWS = 400_000;

function dice(seed: number): Dice {
  return new Dice(new TestEnv(seed).random);
}

/** Part lost, correlation of each with the next, and mean length of a run of losses. */
function losses(model: LossModel): { part: number; correlation: number; burst: number } {
  let lost = 0;
  let both = 0;
  let runs = 0;
  let before = false;
  for (let i = 0; i < DRAWS; i++) {
    const now = model.next();
    if (now) lost++;
    if (now && before) both++;
    if (now && !before) runs++;
    before = now;
  }
  const part = lost / DRAWS;
  return { part, correlation: (both / DRAWS - part ** 2) / (part - part ** 2), burst: lost / runs };
}

for (const [p, r] of [
  [0.01, 0],
  [0.1, 0.25],
  [0.3, 0.6],
] as const)
  test(`losses of ${p} with correlation ${r} have both`, () => {
    const { part, correlation, burst } = losses(new Chance(dice(1), p, r));
    // Correlated draws are worth (1 - r) / (1 + r) as many.
    const error = Math.sqrt((p * (1 - p) * (1 + r)) / (1 - r) / DRAWS);
    expect(Math.abs(part - p)).toBeLessThan(4 * error);
    expect(Math.abs(correlation - r)).toBeLessThan(0.02);
    expect(burst).toBeCloseTo(1 / ((1 - r) * (1 - p)), 1);
  });

test('Gilbert-Elliott: loss in the long run, and mean burst', () => {
  const p = 0.02;
  const r = 0.2;
  const simple = losses(new GilbertElliott(dice(2), p, r, 1, 0));
  expect(simple.part).toBeCloseTo(p / (p + r), 2);
  expect(Math.abs(simple.burst - 1 / r)).toBeLessThan(0.25);
  expect(Math.abs(simple.correlation - (1 - p - r))).toBeLessThan(0.01);
  const full = losses(new GilbertElliott(dice(3), p, r, 0.7, 0.01));
  expect(Math.abs(full.part - (0.01 * r + 0.7 * p) / (p + r))).toBeLessThan(0.004);
});

test('four states: loss in the long run, and mean burst', () => {
  const [p13, p31, p32, p23, p14] = [0.02, 0.2, 0.3, 0.4, 0.01];
  const { part, burst } = losses(new FourStates(dice(4), p13, p31, p32, p23, p14));
  // Balance of the chain, with state 1 as unit.
  const w3 = p13 / p31;
  const w2 = (w3 * p32) / p23;
  const lost = w3 + p14;
  expect(Math.abs(part - lost / (1 + w2 + lost))).toBeLessThan(0.004);
  expect(Math.abs(burst - lost / (p13 + w2 * p23 + p14))).toBeLessThan(0.05);
});

for (const distribution of ['uniform', 'normal', 'pareto', 'paretonormal'] as const)
  for (const r of [0, 0.4])
    test(`jitter ${distribution} with correlation ${r}: its distribution and its ranks`, () => {
      const jitter = new Jitter(dice(5), distribution, r);
      const values = Array.from({ length: 40_000 }, () => jitter.values[jitter.draw()]);
      const table = delayTable(distribution);
      const ranks = values.map((each) => lowerBound(table, each) / table.length);
      // Kolmogorov-Smirnov, at 0.1 %; correlated draws are worth fewer, and the table has steps.
      const sorted = Float64Array.from(ranks).sort();
      const distance = sorted.reduce(
        (most, each, i) => Math.max(most, Math.abs(each - i / sorted.length)),
        0,
      );
      const worth = (sorted.length * (1 - r)) / (1 + r);
      expect(distance).toBeLessThan(1.95 / Math.sqrt(worth) + 1 / 4096);
      expect(Math.abs(correlation(ranks) - r)).toBeLessThan(0.025);
    });

test('tables: mean 0 and deviation 1; the normal is a normal', () => {
  for (const distribution of ['normal', 'pareto', 'paretonormal'] as const) {
    const table = delayTable(distribution);
    const mean = table.reduce((a, b) => a + b, 0) / table.length;
    expect(mean).toBeCloseTo(0, 9);
    expect(table.reduce((a, b) => a + b * b, 0) / table.length).toBeCloseTo(1, 9);
  }
  const normal = delayTable('normal');
  // Quantiles of the standard normal: Abramowitz and Stegun, table 26.5.
  expect(normal[Math.round(0.975 * 4096)]).toBeCloseTo(1.96, 1);
  expect(normal[Math.round(0.8413 * 4096)]).toBeCloseTo(1, 2);
});

test('a constant delay keeps the order, and is exact; jitter may reorder', () => {
  const constant = send({ delayNs: 3e6 }, 500, 1000);
  expect(constant.map((each) => each.serial)).toEqual(constant.map((_, i) => i));
  expect(constant.every((each) => each.waited === 3e6)).toBe(true);
  const jittered = send({ delayNs: 3e6, jitterNs: 1e6 }, 500, 1000);
  const late = jittered.filter((each, i) => i > 0 && each.serial < jittered[i - 1].serial).length;
  expect(late).toBeGreaterThan(100);
  const waits = jittered.map((each) => each.waited);
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(2e6);
  expect(Math.max(...waits)).toBeLessThanOrEqual(4e6);
});

test('reorder 100 % gap 5: every fifth goes at once', () => {
  const sent = send({ delayNs: 10e6, reorder: 1, gap: 5 }, 100, 1000);
  const atOnce = sent.filter((each) => each.waited === 0).map((each) => each.serial);
  expect(atOnce).toEqual(Array.from({ length: 20 }, (_, i) => 5 * i + 4));
});

test('a rate is kept exactly, with overhead and cells; delay is added to it', () => {
  const sent = send({ rate: 1e6, delayNs: 5e6 }, 100, 0);
  expect(sent.map((each) => each.waited)).toEqual(sent.map((_, i) => 5e6 + (i + 1) * 1e6));
  // 1000 + 20 bytes are 22 cells of 48, each with 5 more: 1166 bytes.
  const cells = send({ rate: 1e6, packetOverhead: 20, cellSize: 48, cellOverhead: 5 }, 100, 0);
  expect(cells.map((each) => each.waited)).toEqual(cells.map((_, i) => (i + 1) * 1.166e6));
});

test('delay never lowers the throughput below min(rate, window / round trip)', () => {
  for (const delayNs of [1e5, 2e6, 10e6, 50e6]) {
    const env = new TestEnv(6);
    const qdisc = new Netem(env, { delayNs, rate: 1e6 });
    const from = env.time[0];
    const window = 10;
    for (let i = 0; i < window; i++) qdisc.enqueue(env.packet(0, 1000), never);
    let sent = 0;
    while (env.time[0] - from < 2e9) {
      const m = qdisc.dequeue(never);
      if (m === null) {
        env.time[0] = qdisc.nextTimeNs;
        continue;
      }
      sent++;
      // Its answer comes at once: the next enters.
      qdisc.enqueue(m, never);
    }
    const roundTrip = delayNs / 1e9 + 0.001;
    expect(sent / 2).toBeGreaterThan(0.99 * Math.min(1000, window / roundTrip) - window / 2);
    expect(sent / 2).toBeLessThanOrEqual(1001);
  }
});

test('slots let packets out together', () => {
  const slot = { gap: { minNs: 10e6, maxNs: 10e6 }, packets: 4, bytes: 0 };
  const sent = send({ slot }, 100, 100_000);
  const times = new Map<number, number>();
  for (const { at } of sent) times.set(at, (times.get(at) ?? 0) + 1);
  expect([...times.values()]).toEqual(new Array(25).fill(4));
  const moments = [...times.keys()];
  expect(moments.slice(1).every((at, i) => at - moments[i] === 10e6)).toBe(true);
});

test('loss, duplicates and the limit are counted, and ecn marks instead', () => {
  const env = new TestEnv(7);
  const loss = { model: 'random', probability: 1 } as const;
  const ecn = new Netem(env, { loss, ecn: true });
  let dropped = 0;
  const drop = (m: Mbuf): void => {
    dropped++;
    env.pool.freem(m);
  };
  // Flow 0 is ECN-capable, flow 1 is not.
  ecn.enqueue(env.packet(0, 100), drop);
  ecn.enqueue(env.packet(1, 100), drop);
  expect([ecn.length, dropped, ecn.stats.drops, ecn.xstats().marked, ecn.xstats().lost]).toEqual([
    1, 1, 1, 1, 1,
  ]);
  const twice = new Netem(env, { duplicate: 1, limit: 3 });
  for (let i = 0; i < 2; i++) twice.enqueue(env.packet(0, 100), drop);
  expect([twice.length, twice.stats.drops, env.copies]).toEqual([3, 1, 2]);
});

test('corruption flips one bit, and not in storage that others read', () => {
  const env = new TestEnv(8);
  const qdisc = new Netem(env, { corrupt: 1 });
  for (let i = 0; i < 50; i++) {
    const m = env.packet(0, 700);
    const other = env.pool.copym(m, 0, 700)!;
    const before = env.pool.toBytes(m);
    qdisc.enqueue(m, never);
    const after = env.pool.toBytes(qdisc.dequeue(never)!);
    const bits = after.reduce((sum, byte, at) => sum + bitsOf(byte ^ before[at]), 0);
    expect(bits).toBe(1);
    expect(env.pool.toBytes(other)).toEqual(before);
    env.pool.freem(m);
    env.pool.freem(other);
  }
});

test('the same seed gives the same losses whatever the machine drew', () => {
  const options = { loss: { model: 'random', probability: 0.3 }, seed: 5 } as const;
  const lost = (seed: number): number[] => send(options, 200, 1000, seed).map((each) => each.serial);
  expect(lost(1)).toEqual(lost(2));
  expect(lost(1).length).toBeLessThan(200);
});

test('options that make no sense are refused', () => {
  const env = new TestEnv(9);
  const wrong: [Partial<NetemOptions>, string][] = [
    [{ limit: 0 }, 'limit 0'],
    [{ delayNs: -1 }, 'delay -1: ns, 0 or more'],
    [{ corrupt: 2 }, 'corrupt 2: a probability'],
    [{ gap: 5 }, 'a reorder probability wanted'],
    [{ reorder: 0.5 }, 'a delay wanted'],
    [{ ecn: true }, 'a loss to mark for wanted'],
    [{ loss: { model: 'state', p13: 0.6, p31: 1, p32: 0, p23: 1, p14: 0.6 } }, 'p13 + p14'],
  ];
  for (const [options, message] of wrong) expect(() => new Netem(env, options)).toThrow(message);
});

function never(): never {
  throw new Error('a packet was dropped');
}

/** Sends packets of 1000 bytes, one each `everyNs`; tells when each came out. */
function send(options: Partial<NetemOptions>, count: number, everyNs: number, seed = 1) {
  const env = new TestEnv(seed);
  const qdisc = new Netem(env, options);
  const sent: { serial: number; at: number; waited: number }[] = [];
  const from = env.time[0];
  const free = (m: Mbuf): void => env.pool.freem(m);
  const take = (): void => {
    for (let m = qdisc.dequeue(free); m !== null; m = qdisc.dequeue(free)) {
      const at = env.time[0];
      sent.push({ serial: m.mark, at, waited: at - from - m.mark * everyNs });
      free(m);
    }
  };
  for (let i = 0; i < count; i++) {
    const comes = from + i * everyNs;
    while (qdisc.length > 0 && qdisc.nextTimeNs < comes) {
      env.time[0] = qdisc.nextTimeNs;
      take();
    }
    env.time[0] = comes;
    const m = env.packet(0, 1000);
    m.mark = i;
    qdisc.enqueue(m, free);
    take();
  }
  while (qdisc.length > 0) {
    env.time[0] = qdisc.nextTimeNs;
    take();
  }
  return sent;
}

function lowerBound(table: Float64Array, value: number): number {
  let low = 0;
  let high = table.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (table[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Of each with the next. */
function correlation(values: readonly number[]): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0);
  return values.slice(1).reduce((sum, each, i) => sum + (each - mean) * (values[i] - mean), 0) / variance;
}

function bitsOf(byte: number): number {
  return byte.toString(2).replaceAll('0', '').length;
}
