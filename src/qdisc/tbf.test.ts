import { expect, test } from 'vitest';
import { Random } from '../kernel/random.ts';
import { TestEnv } from './contract.ts';
import { type Bfifo, Pfifo } from './fifo.ts';
import { PLAIN_WIRE, type WireSize, wireBytes } from './packet-size.ts';
import { Tbf, type TbfOptions } from './tbf.ts';

const free = (env: TestEnv) => (m: Parameters<typeof env.pool.freem>[0]) => env.pool.freem(m);

/**
 * Offers bursts of random packets at random times for `seconds`, and takes out whatever may go. Returns the bytes sent, and
 * for each `rate` the most that any interval had above rate * t: what a bucket of that rate must have held.
 */
function send(options: TbfOptions, seconds: number, load: number, rates: number[], seed: number) {
  const env = new TestEnv(seed);
  const dice = new Random(seed, 'arrivals');
  const drop = free(env);
  const qdisc = new Tbf(env, options);
  const start = env.time[0];
  const lowest = rates.map(() => 0);
  const excess = rates.map(() => 0);
  let sent = 0;
  let arrival = start;
  while (env.time[0] < start + seconds * 1e9) {
    if (arrival <= env.time[0]) {
      let bytes = 0;
      for (let i = 1 + dice.below(20); i > 0; i--) {
        const size = 60 + dice.below(1455);
        bytes += size;
        qdisc.enqueue(env.packet(0, size), drop);
      }
      arrival += Math.ceil((bytes / (options.rate * load)) * 1e9 * 2 * dice.float());
    }
    for (let m = qdisc.dequeue(drop); m !== null; m = qdisc.dequeue(drop)) {
      const t = (env.time[0] - start) / 1e9;
      // An interval that begins just before a packet with the least balance behind it is the fullest.
      rates.forEach((rate, i) => {
        lowest[i] = Math.min(lowest[i], sent - rate * t);
        excess[i] = Math.max(excess[i], sent + m.packetLength - rate * t - lowest[i]);
      });
      sent += m.packetLength;
      drop(m);
    }
    const next = qdisc.length > 0 ? Math.min(arrival, qdisc.nextTimeNs) : arrival;
    env.time[0] = Math.max(next, env.time[0]);
  }
  return { sent, excess, seconds: (env.time[0] - start) / 1e9, qdisc };
}

test('no interval has more than burst + rate * t; the bucket is used to the full', () => {
  for (let seed = 1; seed <= 6; seed++) {
    const { excess } = send({ rate: 1e6, burst: 10_000, limit: 60_000 }, 5, 0.9, [1e6], seed);
    expect(excess[0]).toBeLessThanOrEqual(10_000 + 0.001);
    expect(excess[0]).toBeGreaterThan(10_000 - 1514);
  }
});

test('with a peakrate, no interval has more than mtu + peakrate * t either', () => {
  for (let seed = 1; seed <= 6; seed++) {
    const options = { rate: 1e6, burst: 10_000, limit: 60_000, peakrate: 2e6, mtu: 1600 };
    const { excess } = send(options, 5, 0.9, [1e6, 2e6], seed);
    expect(excess[0]).toBeLessThanOrEqual(10_000 + 0.001);
    expect(excess[1]).toBeLessThanOrEqual(1600 + 0.001);
    expect(excess[1]).toBeGreaterThan(1500);
  }
});

for (const rate of [12_500, 1e6, 125e6]) {
  test(`overloaded, it reaches its rate of ${rate} bytes a second within 1%`, () => {
    const seconds = Math.max(0.02, 2e6 / rate);
    const { sent, seconds: took, qdisc } = send({ rate, burst: 5000, limit: 50_000 }, seconds, 3, [rate], 7);
    expect(Math.abs((sent - 5000) / (rate * took) - 1)).toBeLessThan(0.01);
    expect(qdisc.stats.drops).toBeGreaterThan(0);
    expect(qdisc.stats.overlimits).toBeGreaterThan(0);
  });
}

test('latency: as many bytes wait as the buckets let through in that time', () => {
  const env = new TestEnv(1);
  const limitOf = (options: TbfOptions): number => {
    const [{ leaf }] = new Tbf(env, options).classes();
    return (leaf as Bfifo).options.limit;
  };
  expect(limitOf({ rate: 1e6, burst: 5000, latencyNs: 50e6 })).toBe(55_000);
  expect(limitOf({ rate: 1e6, burst: 50_000, latencyNs: 10e6, peakrate: 2e6, mtu: 1600 })).toBe(21_600);
});

test('a packet longer than the bucket is dropped at once, one that a smaller bucket strands is dropped later', () => {
  const env = new TestEnv(1);
  const qdisc = new Tbf(env, { rate: 1e6, burst: 1000, limit: 9000 });
  let dropped = 0;
  const drop = (): void => void dropped++;
  qdisc.enqueue(env.packet(0, 1001), drop);
  qdisc.enqueue(env.packet(0, 1000), drop);
  expect([dropped, qdisc.length]).toEqual([1, 1]);
  qdisc.change({ burst: 500 });
  expect(qdisc.dequeue(drop)).toBe(null);
  expect([dropped, qdisc.stats.drops, qdisc.length]).toEqual([2, 2, 0]);
});

test('mpu, overhead and ATM cells: a packet costs what it is on the wire', () => {
  const wire = (bytes: number, options: Partial<WireSize>) => wireBytes(bytes, { ...PLAIN_WIRE, ...options });
  expect([wire(60, {}), wire(60, { mpu: 64 }), wire(60, { mpu: 64, overhead: 5 })]).toEqual([60, 64, 65]);
  // I.361: 48 bytes of payload in each 53.
  expect([47, 48, 49, 1500].map((bytes) => wire(bytes, { linklayer: 'adsl' }))).toEqual([
    53,
    53,
    106,
    32 * 53,
  ]);
  expect(wire(40, { overhead: 10, linklayer: 'atm' })).toBe(106);
  const env = new TestEnv(1);
  const qdisc = new Tbf(env, { rate: 106_000, burst: 1060, limit: 90_000, overhead: 10, linklayer: 'atm' });
  for (let i = 0; i < 100; i++) qdisc.enqueue(env.packet(0, 50), free(env));
  const start = env.time[0];
  for (let i = 0; i < 100; i++) {
    let m = qdisc.dequeue(free(env));
    if (m === null) {
      env.time[0] = qdisc.nextTimeNs;
      m = qdisc.dequeue(free(env));
    }
    free(env)(m!);
  }
  // 60 bytes in two cells: a thousand packets a second behind the ten of the burst.
  expect(env.time[0] - start).toBeCloseTo(90e6, -3);
});

test('a grafted leaf has its own limit, and keeps it when the options change', () => {
  const env = new TestEnv(1);
  const qdisc = new Tbf(env, { rate: 1e6, burst: 1000, limit: 9000 });
  const leaf = new Pfifo(env, { limit: 2 });
  expect(qdisc.graft(1, leaf, free(env)).kind).toBe('bfifo');
  qdisc.change({ limit: 100_000 });
  for (let i = 0; i < 5; i++) qdisc.enqueue(env.packet(0, 500), free(env));
  expect([qdisc.length, qdisc.stats.drops, leaf.options.limit]).toEqual([2, 3, 2]);
  const [only] = qdisc.classes();
  expect([only.minor, only.parent, only.leaf === leaf, only.length, only.backlog]).toEqual([
    1,
    0,
    true,
    2,
    1000,
  ]);
  expect(() => qdisc.graft(2, leaf, free(env))).toThrow('one class only');
});

test('wrong options say what would be right', () => {
  const env = new TestEnv(1);
  const good = { rate: 1e6, burst: 2000, limit: 9000 };
  const wrong: [Partial<TbfOptions>, string][] = [
    [{ rate: 0 }, 'above 0'],
    [{ burst: Number.NaN }, 'the longest packet'],
    [{ mpu: 70_000 }, 'mpu 70000: bytes from 0'],
    [{ linklayer: 'token-ring' as never }, 'ethernet, atm or adsl'],
    [{ limit: undefined }, 'limit (bytes) or latency wanted'],
    [{ latencyNs: 5 }, 'not both'],
    [{ limit: -1 }, 'from 0 to 2^32 - 1'],
    [{ peakrate: 2e6 }, 'peakrate and mtu go together'],
    [{ peakrate: 1e6, mtu: 1600 }, 'more than the rate'],
  ];
  for (const [options, message] of wrong)
    expect(() => new Tbf(env, { ...good, ...options })).toThrow(message);
});
