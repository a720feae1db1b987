import { expect, test } from 'vitest';
import { Random } from '../../kernel/random.ts';
import { TestEnv } from '../testing-env.ts';
import { ACT_OK, ACT_SHOT } from './action.ts';
import { POLICE_DEFAULTS, Police, type PoliceOptions } from './police.ts';

const SECOND = 1_000_000_000;

interface Run {
  police: Police;
  /** Of the packets that conformed: when, and bytes. */
  times: number[];
  sizes: number[];
  seconds: number;
}

/** 3000 packets of 64 to 1513 bytes at about `load` of the rate, with pauses in which the bucket fills when `pauses`. */
function offer(
  options: Partial<PoliceOptions> & { rate: number; burst: number },
  load: number,
  pauses: boolean,
): Run {
  const env = new TestEnv(1);
  const dice = new Random(7, 'arrivals');
  const police = new Police(env, { ...POLICE_DEFAULTS, ...options });
  const run: Run = { police, times: [], sizes: [], seconds: 0 };
  const start = env.time[0];
  const gapNs = Math.round((2 * 788 * SECOND) / options.rate / load);
  const fullNs = Math.round((options.burst / options.rate) * SECOND);
  for (let i = 0; i < 3000; i++) {
    env.time[0] += dice.below(gapNs) + (pauses && dice.chance(0.02) ? dice.below(2 * fullNs) : 0);
    const bytes = 64 + dice.below(1450);
    const m = env.packet(0, bytes, 0);
    if (police.act(m) === ACT_OK) {
      run.times.push(env.time[0]);
      run.sizes.push(bytes);
    }
    env.pool.freem(m);
  }
  run.seconds = (env.time[0] - start) / SECOND;
  return run;
}

/** The most bytes beyond `burst + rate * t` in any interval that begins and ends with a packet. */
function mostBeyond({ times, sizes }: Run, rate: number, burst: number): number {
  let worst = -Infinity;
  for (let i = 0; i < times.length; i++) {
    let sum = 0;
    for (let j = i; j < times.length; j++) {
      sum += sizes[j];
      worst = Math.max(worst, sum - burst - (rate * (times[j] - times[i])) / SECOND);
    }
  }
  return worst;
}

test('no interval has more than burst + rate * t, some come within 2 bytes of it, and at twice the rate 98% of it is used', () => {
  const rate = 125_000;
  const burst = 10_000;
  const paused = offer({ rate, burst }, 1.5, true);
  const beyond = mostBeyond(paused, rate, burst);
  expect(beyond).toBeLessThan(0.001);
  expect(beyond).toBeGreaterThan(-2);
  const busy = offer({ rate, burst }, 2, false);
  const used = (busy.sizes.reduce((sum, size) => sum + size, 0) - burst) / (rate * busy.seconds);
  expect(used).toBeGreaterThan(0.98);
  expect(used).toBeLessThan(1);
});

test('peakrate: nor more than mtu + peakrate * t, beside the other', () => {
  const run = offer({ rate: 125_000, burst: 100_000, peakrate: 250_000, mtu: 1600 }, 4, true);
  expect(mostBeyond(run, 125_000, 100_000)).toBeLessThan(0.001);
  const beyond = mostBeyond(run, 250_000, 1600);
  expect(beyond).toBeLessThan(0.001);
  expect(beyond).toBeGreaterThan(-2);
});

test('what is over the rate is counted as such, dropped or not; longer packets than the mtu always are', () => {
  const env = new TestEnv(1);
  const m = env.packet(0, 1000, 0);
  const drops = new Police(env, { ...POLICE_DEFAULTS, rate: 1000, burst: 1500 });
  expect([drops.act(m), drops.act(m), drops.stats]).toEqual([
    ACT_OK,
    ACT_SHOT,
    { packets: 2, bytes: 2000, drops: 1, overlimits: 1 },
  ]);
  const passes = new Police(env, { ...POLICE_DEFAULTS, rate: 1e6, burst: 5000, mtu: 999, exceed: ACT_OK });
  expect([passes.act(m), passes.stats]).toEqual([
    ACT_OK,
    { packets: 1, bytes: 1000, drops: 0, overlimits: 1 },
  ]);
  expect(() => new Police(env, { ...POLICE_DEFAULTS, rate: 0, burst: 1 })).toThrow('above 0, wanted');
});
