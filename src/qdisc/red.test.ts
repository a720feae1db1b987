import { expect, test } from 'vitest';
import { internetChecksum } from '../net/checksum.ts';
import { TestEnv } from './contract.ts';
import { Red } from './red.ts';
import type { RedOptions } from './red-options.ts';

const BYTES = 1000;
const OPTIONS = { limit: 400_000, min: 30_000, max: 90_000, avpkt: 1000, burst: 55, probability: 0.04 };
/** Flow 0 of TestEnv is IPv4 and ECN-capable, flow 4 is not. */
const ECT = 0;
const NOT_ECT = 4;

const never = (): void => expect.unreachable();

/** A queue held at so many bytes: what comes and is kept pushes one out. */
class Held {
  readonly env: TestEnv;
  readonly qdisc: Red;
  readonly flow: number;
  private readonly packet: Uint8Array;

  constructor(options: RedOptions, bytes: number, flow = NOT_ECT, seed = 1) {
    this.env = new TestEnv(seed);
    this.flow = flow;
    const m = this.env.packet(flow, BYTES);
    this.packet = this.env.u8.slice(m.data, m.data + BYTES);
    this.env.pool.freem(m);
    // Filled with marking out of the way.
    this.qdisc = new Red(this.env, { ...options, min: 3.9e6, max: 4e6, limit: 4e6, burst: 5000 });
    while (this.qdisc.backlog < bytes) this.offer();
    this.qdisc.change(options);
  }

  /** Returns whether the packet was dropped. */
  offer(): boolean {
    const { env, qdisc } = this;
    const m = env.pool.getcl();
    if (m === null) throw new Error('the test ran out of buffers');
    env.u8.set(this.packet, m.data);
    m.length = m.packetLength = BYTES;
    let dropped = false;
    qdisc.enqueue(m, (gone) => {
      dropped = true;
      env.pool.freem(gone);
    });
    return dropped;
  }

  step(): boolean {
    const dropped = this.offer();
    if (!dropped) this.env.pool.freem(this.qdisc.dequeue(never)!);
    return dropped;
  }

  settle(): this {
    for (let i = 0; i < 5000; i++) this.step();
    return this;
  }
}

test('the average follows a queue that stands as its moving average does: avg = q + (avg0 - q) (1 - w)^n', () => {
  const it = new Held(OPTIONS, 20_000);
  const w = it.qdisc.averageWeight;
  const start = it.qdisc.averageQueue;
  expect(start).toBeLessThan(1000);
  for (let n = 1; n <= 400; n++) {
    it.step();
    expect(it.qdisc.averageQueue).toBeCloseTo(20_000 + (start - 20_000) * (1 - w) ** n, 3);
  }
  expect(it.qdisc.averageQueue).toBeGreaterThan(19_000);
  expect(it.qdisc.stats.drops).toBe(0);
});

test('idle time counts as so many small packets that the link could have sent', () => {
  const it = new Held({ ...OPTIONS, bandwidth: 1e6 }, 20_000).settle();
  while (it.qdisc.length > 0) it.env.pool.freem(it.qdisc.dequeue(never)!);
  const before = it.qdisc.averageQueue;
  it.env.time[0] += 25e6; // 25 packets of 1000 bytes at 1 MB/s
  it.offer();
  expect(it.qdisc.averageQueue).toBeCloseTo(before * (1 - it.qdisc.averageWeight) ** 25, 6);
});

test('the weight is the greatest power of two that lets a burst by: equation 3, and the same measured', () => {
  const env = new TestEnv(1);
  expect(new Red(env, OPTIONS).averageWeight).toBe(1 / 32);
  expect(new Red(env, { ...OPTIONS, burst: 30 }).averageWeight).toBe(1 / 2);
  for (const [burst, min] of [
    [20, 5000],
    [55, 30_000],
    [200, 40_000],
    [1000, 100_000],
  ]) {
    const options = { ...OPTIONS, min, max: 300_000, burst, avpkt: BYTES };
    const w = new Red(env, options).averageWeight;
    /** The average that packet `burst` + 1 would find, in packets. */
    const after = (weight: number): number => {
      let average = 0;
      for (let q = 1; q <= burst; q++) average += weight * (q - average);
      return average;
    };
    const held = new Held(options, 0);
    let dropped = 0;
    for (let i = 0; i <= Math.min(burst, 390); i++) dropped += held.offer() ? 1 : 0;
    expect(dropped).toBe(0);
    if (burst <= 390) expect(held.qdisc.averageQueue / BYTES).toBeCloseTo(after(w), 9);
    expect(after(w) * BYTES).toBeLessThan(min);
    expect(after(2 * w) * BYTES).toBeGreaterThan(min * 0.95);
  }
});

for (const [bytes, pb] of [
  [45_000, 0.01],
  [60_000, 0.02],
]) {
  test(`between min and max, p_b = ${pb}: gaps between drops are even from 1 to 1 / p_b, the rate is 2 p_b / (1 + p_b)`, () => {
    const it = new Held(OPTIONS, bytes).settle();
    expect(it.qdisc.averageQueue).toBeCloseTo(bytes, 0);
    // An average a hair below makes a gap of 1 / p_b + 1 possible, with next to no chance.
    const most = Math.round(1 / pb);
    const gaps = new Int32Array(most + 2);
    while (!it.step());
    let drops = 0;
    let packets = 0;
    for (let gap = 1; drops < 200 * most; gap++) {
      packets++;
      if (!it.step()) continue;
      gaps[Math.min(gap, most + 1)]++;
      drops++;
      gap = 0;
    }
    const expected = drops / most;
    let chiSquare = 0;
    for (let gap = 1; gap <= most; gap++) chiSquare += (gaps[gap] - expected) ** 2 / expected;
    expect(gaps[most + 1]).toBe(0);
    // Mean most - 1, variance 2 (most - 1): 3.3 standard deviations.
    expect(chiSquare).toBeLessThan(most - 1 + 3.3 * Math.sqrt(2 * (most - 1)));
    expect(Math.abs(drops / packets / ((2 * pb) / (1 + pb)) - 1)).toBeLessThan(0.02);
    const { early, pdrop, marked } = it.qdisc.xstats();
    expect([early, pdrop, marked]).toEqual([it.qdisc.stats.drops, 0, 0]);
  });
}

/** Part of the packets that is dropped, 20,000 of them, by a queue held there. */
function dropRate(options: RedOptions, bytes: number, flow = NOT_ECT): { rate: number; held: Held } {
  const held = new Held(options, bytes, flow);
  for (let i = 0; i < 5000; i++) held.step();
  let drops = 0;
  for (let i = 0; i < 20_000; i++) if (held.step()) drops++;
  return { rate: drops / 20_000, held };
}

test('below min nothing is dropped, from max on everything; gentle lets the rest climb to 1 at twice max', () => {
  expect(dropRate(OPTIONS, 29_000).rate).toBe(0);
  expect(dropRate(OPTIONS, 91_000).rate).toBe(1);
  const gentle = { ...OPTIONS, gentle: true };
  expect(dropRate(gentle, 181_000).rate).toBe(1);
  // At 1.1 max p_b = 0.04 + 0.96 / 10 = 0.136, and gaps of 1 to 7 with 0.136 each, 8 with the remaining 0.048: 4.192 on average.
  expect(Math.abs(dropRate(gentle, 99_000).rate * 4.192 - 1)).toBeLessThan(0.03);
});

test('limit: no byte more, whatever the average', () => {
  const it = new Held({ ...OPTIONS, limit: 90_500 }, 0);
  while (it.offer() === false);
  expect(it.qdisc.backlog).toBeGreaterThan(80_000);
  const wide = new Held({ ...OPTIONS, max: 90_000, limit: 90_500, burst: 300 }, 0);
  for (let i = 0; i < 100; i++) wide.offer();
  expect([wide.qdisc.backlog, wide.qdisc.xstats().pdrop, wide.qdisc.xstats().early]).toEqual([90_000, 10, 0]);
});

test('ecn marks in place of drops, with a right checksum; harddrop drops above max; nodrop keeps the incapable', () => {
  const ecn = { ...OPTIONS, ecn: true };
  const { rate, held } = dropRate(ecn, 60_000, ECT);
  expect(rate).toBe(0);
  expect(held.qdisc.xstats().marked).toBeGreaterThan(25_000 * 0.035);
  expect(held.qdisc.xstats().marked).toBe(held.qdisc.stats.overlimits);
  expect(dropRate(ecn, 60_000).rate).toBeGreaterThan(0.035);
  expect(dropRate(ecn, 95_000, ECT).rate).toBe(0);
  expect(dropRate({ ...ecn, harddrop: true }, 95_000, ECT).rate).toBe(1);
  expect(dropRate({ ...ecn, harddrop: true }, 60_000, ECT).rate).toBe(0);
  expect(dropRate({ ...ecn, nodrop: true }, 60_000).rate).toBe(0);

  const all = new Held(ecn, 95_000, ECT).settle();
  const { env } = all;
  const m = env.packet(ECT, BYTES);
  const ip = m.data + 14;
  const sum = internetChecksum(env.u8, ip, 20);
  env.u8[ip + 10] = 0;
  env.u8[ip + 11] = 0;
  const right = internetChecksum(env.u8, ip, 20);
  env.u8[ip + 10] = right >> 8;
  env.u8[ip + 11] = right & 255;
  expect([sum === 0, internetChecksum(env.u8, ip, 20)]).toEqual([false, 0]);
  all.qdisc.enqueue(m, () => expect.unreachable());
  expect([env.u8[ip + 1] & 3, internetChecksum(env.u8, ip, 20)]).toEqual([3, 0]);
});

test('defaults: max limit / 4, min max / 3, the burst of the man page; options not given follow', () => {
  const qdisc = new Red(new TestEnv(1), { limit: 360_000 });
  expect(qdisc.options).toMatchObject({ max: 90_000, min: 30_000, burst: 50, probability: 0.02 });
  qdisc.change({ limit: 720_000 });
  expect(qdisc.options).toMatchObject({ max: 180_000, min: 60_000, burst: 100 });
});

test('wrong options say what would be right, and change nothing', () => {
  const qdisc = new Red(new TestEnv(1), OPTIONS);
  const before = [qdisc.options, qdisc.averageWeight];
  const wrong: [Partial<RedOptions>, string][] = [
    [{ limit: 0 }, 'from 1 to'],
    [{ min: 0 }, 'above 0'],
    [{ max: 30_000 }, 'more bytes than min'],
    [{ max: 500_000 }, 'no more bytes than limit'],
    [{ avpkt: 0 }, '1 or more'],
    [{ burst: 29 }, 'at least min / avpkt'],
    [{ burst: 1e12 }, 'fewer packets'],
    [{ probability: 1.5 }, 'up to 1'],
    [{ bandwidth: 0 }, 'bytes a second'],
    [{ nodrop: true }, 'with ecn only'],
  ];
  for (const [options, message] of wrong) expect(() => qdisc.change(options)).toThrow(message);
  expect([qdisc.options, qdisc.averageWeight]).toEqual(before);
});
