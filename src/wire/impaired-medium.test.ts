import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { numbered, numberOf, TestStation } from '../../test/vocabulary/station.ts';
import { SystemClock, VirtualClock } from '../kernel/clock.ts';
import { crc32 } from './crc32.ts';
import { FramePool } from './frame.ts';
import { FrameTap } from './frame-tap.ts';
import { Flap } from './impair/flap.ts';
import type { FlapOptions, ImpairmentOptions } from './impair/options.ts';
import { ImpairedMedium } from './impaired-medium.ts';
import { Link } from './link.ts';
import { frameTimeNs, TX_NO_CARRIER } from './medium.ts';

const RATE = 100_000_000;

interface WireOptions {
  in?: ImpairmentOptions;
  out?: ImpairmentOptions;
  flap?: FlapOptions;
  seed?: number;
  bitsPerSecond?: number;
}

/** A sender at one end of a link; at the other a receiver behind an impaired medium (`in`), or the other way (`out`). */
function wire(options: WireOptions) {
  const { bitsPerSecond = RATE, ...rest } = options;
  const clock = new VirtualClock();
  const pool = new FramePool();
  const link = new Link({ name: 'link', clock, pool, bitsPerSecond });
  const impaired = new ImpairedMedium(link.a, { clock, ...rest });
  const here = new TestStation(impaired, clock);
  const there = new TestStation(link.b, clock);
  const [from, to] = options.out === undefined ? [there, here] : [here, there];
  const counts = () => impaired.report().directions[options.out === undefined ? 'in' : 'out'];
  const run = (frames: number, length = 60) => {
    from.offer(...Array.from({ length: frames }, (_, i) => numbered(i, length)));
    clock.runUntilIdle(3600e9);
    return to.arrivals.map(numberOf);
  };
  return { clock, pool, link, impaired, from, to, run, counts };
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);
const ascending = (numbers: number[]) => [...numbers].sort((a, b) => a - b);
const mean = (numbers: number[]) => numbers.reduce((sum, n) => sum + n, 0) / numbers.length;

/** In both directions: what a station gets, and what it sends. */
const ways = (impairment: ImpairmentOptions): WireOptions[] => [{ in: impairment }, { out: impairment }];

describe('loss', () => {
  it('loses the share it is told to, each frame by itself, at the rate of the medium', () => {
    for (const options of ways({ loss: 0.1 })) {
      const { run, counts, from, clock } = wire(options);
      const numbers = run(20_000);
      expect(numbers.length / 20_000).toBeCloseTo(0.9, 2);
      expect(ascending(numbers)).toEqual(numbers);
      expect(counts().drops).toEqual({ randomLoss: 20_000 - numbers.length });
      // A lost frame takes as long to send as any other.
      expect(from.statuses.length).toBe(20_000);
      expect(clock.now() / (20_000 * frameTimeNs(60, RATE))).toBeCloseTo(1, 3);
    }
  });

  it('of probability 1 loses everything', () => {
    expect(wire({ in: { loss: 1 } }).run(100)).toEqual([]);
  });

  it('in one direction does not touch the other', () => {
    const { run, impaired } = wire({ in: { loss: 0 }, out: undefined });
    expect(run(100)).toEqual(upTo(100));
    expect(impaired.report().directions.out.frames).toBe(0);
  });
});

describe('Gilbert-Elliott loss', () => {
  it('loses the stationary share of the model', () => {
    const probability = fc.double({ min: 0.05, max: 0.95, noNaN: true });
    fc.assert(
      fc.property(probability, probability, probability, probability, (p, r, h, k) => {
        const expected = ((1 - k) * r + (1 - h) * p) / (p + r);
        const { run } = wire({ in: { gilbertElliott: { p, r, h, k } }, bitsPerSecond: 0 });
        expect(Math.abs(1 - run(20_000).length / 20_000 - expected)).toBeLessThan(0.03);
      }),
      { numRuns: 15, seed: 8 },
    );
  });

  it('loses in bursts of 1 / r frames on average', () => {
    const { run } = wire({ in: { gilbertElliott: { p: 0.01, r: 0.25 } } });
    const numbers = run(50_000);
    const bursts = numbers.map((n, i) => n - (i === 0 ? -1 : numbers[i - 1]) - 1).filter((gap) => gap > 0);
    expect(mean(bursts)).toBeGreaterThan(3.6);
    expect(mean(bursts)).toBeLessThan(4.4);
  });

  it('is plain loss with p alone', () => {
    expect(wire({ in: { gilbertElliott: { p: 0.2 } } }).run(20_000).length / 20_000).toBeCloseTo(0.8, 1);
  });
});

describe('corruption', () => {
  it('leaves the receiver bytes that do not fit their FCS, and flips exactly the bits it is told to', () => {
    for (const bits of [1, 2, 3]) {
      const { run, to, counts } = wire({ in: { corruption: { probability: 0.5, bits } } });
      run(500, 64);
      const bad = to.arrivals.filter((arrival) => arrival.fcs !== undefined);
      expect(bad.length).toBe(counts().impairments.corrupted);
      expect(bad.length).toBeGreaterThan(200);
      for (const [i, { bytes, fcs }] of to.arrivals.entries()) {
        const original = numbered(i, 64);
        if (fcs === undefined) {
          expect(bytes).toEqual(original);
          continue;
        }
        expect(fcs).not.toBe(crc32(bytes, 0, bytes.length));
        let flips = ones(fcs ^ crc32(original, 0, original.length));
        for (let at = 0; at < bytes.length; at++) flips += ones(bytes[at] ^ original[at]);
        expect(flips).toBe(bits);
      }
    }
  });

  it('finds bits to flip in a frame without bytes', () => {
    const { from, clock, to } = wire({ in: { corruption: { probability: 1, bits: 32 } } });
    from.offer(new Uint8Array(0));
    clock.runUntilIdle(1e9);
    expect(to.arrivals[0].fcs).toBe(0xffffffff);
  });
});

function ones(word: number): number {
  let count = 0;
  for (let rest = word >>> 0; rest !== 0; rest >>>= 1) count += rest & 1;
  return count;
}

describe('duplication', () => {
  it('delivers the share it is told to twice, the copy right behind the original', () => {
    for (const options of ways({ duplication: 0.2 })) {
      const { run, counts, pool } = wire(options);
      const numbers = run(5_000);
      expect(ascending(numbers)).toEqual(numbers);
      expect([...new Set(numbers)]).toEqual(upTo(5_000));
      expect((numbers.length - 5_000) / 5_000).toBeCloseTo(0.2, 1);
      expect(counts().impairments).toEqual({ duplicated: numbers.length - 5_000 });
      expect(counts().copies).toBe(numbers.length - 5_000);
      expect(pool.inUse).toBe(0);
    }
  });
});

/** For each number, in the order of arrival: how many greater ones came before it. */
function overtakings(numbers: number[]): { n: number; later: number }[] {
  return numbers.map((n, at) => ({ n, later: numbers.slice(0, at).filter((m) => m > n).length }));
}

describe('reordering', () => {
  it('lets a held frame be overtaken by as many as it is told to', () => {
    const { run, counts } = wire({ in: { reordering: { probability: 0.05, gapFrames: 3 } } });
    const numbers = run(2_000);
    expect(ascending(numbers)).toEqual(upTo(2_000));
    const held = overtakings(numbers)
      .map(({ later }) => later)
      .filter((later) => later > 0);
    expect(new Set(held)).toEqual(new Set([3]));
    expect(held.length).toBe(counts().impairments.reordered);
    expect(held.length).toBeGreaterThan(60);
  });

  it('counts anew after the carrier went with frames held', () => {
    const { clock, link, from, to } = wire({ in: { reordering: { probability: 0.2, gapFrames: 5 } } });
    for (let round = 0; round < 20; round++) {
      to.arrivals.length = 0;
      from.offer(...upTo(100).map((i) => numbered(i, 60)));
      clock.run(clock.now() + 400_000);
      for (const { n, later } of overtakings(to.arrivals.map(numberOf))) {
        if (later > 0) expect(later, `frame ${n} of round ${round}`).toBeGreaterThanOrEqual(5);
      }
      link.setCarrier(false);
      clock.runUntilIdle(clock.now() + 1e9);
      link.setCarrier(true);
    }
  });

  it('lets a frame go after the delay though nobody overtakes it, and does not call that reordered', () => {
    const { run, to, counts } = wire({ in: { reordering: { probability: 1, delayNs: 5_000_000 } } });
    run(1);
    expect(to.arrivals[0].timeNs).toBe(5_760 + 5_000_000);
    expect(counts().impairments).toEqual({});
  });
});

describe('delay', () => {
  it('adds its base to every frame and takes nothing from the throughput', () => {
    for (const options of ways({ delay: { baseNs: 50_000_000 } })) {
      const { run, to } = wire(options);
      expect(run(1_000)).toEqual(upTo(1_000));
      expect(to.arrivals[0].timeNs).toBe(5_760 + 50_000_000);
      expect((to.arrivals[999].timeNs - to.arrivals[0].timeNs) / 999).toBe(frameTimeNs(60, RATE));
    }
  });

  it('jitters uniformly within its width, or normally by its deviation', () => {
    for (const [distribution, deviation] of [
      ['uniform', 1 / Math.sqrt(3)],
      ['normal', 1],
    ] as const) {
      const delay = { baseNs: 10_000_000, jitterNs: 1_000_000, distribution, keepOrder: false };
      const { run, to } = wire({ in: { delay } });
      run(5_000);
      const delays = to.arrivals.map(
        (a) => a.timeNs - (numberOf(a) * frameTimeNs(60, RATE) + 5_760) - 10_000_000,
      );
      expect(Math.abs(mean(delays))).toBeLessThan(50_000);
      expect(Math.sqrt(mean(delays.map((d) => d * d))) / 1_000_000).toBeCloseTo(deviation, 1);
      if (distribution === 'uniform')
        expect(Math.max(...delays.map(Math.abs))).toBeLessThanOrEqual(1_000_000);
    }
  });

  it('keeps the order unless told not to, and the throughput either way', () => {
    const jitter = { baseNs: 5_000_000, jitterNs: 5_000_000 };
    const wires: [WireOptions, boolean][] = [
      ...ways({ delay: jitter }).map((options): [WireOptions, boolean] => [options, true]),
      ...ways({ delay: { ...jitter, keepOrder: false } }).map((options): [WireOptions, boolean] => [
        options,
        false,
      ]),
    ];
    for (const [options, ordered] of wires) {
      const { run, clock } = wire(options);
      const numbers = run(3_000);
      expect(ascending(numbers)).toEqual(upTo(3_000));
      expect(numbers.every((n, i) => n === i)).toBe(ordered);
      expect(clock.now()).toBeLessThan(3_000 * frameTimeNs(60, RATE) + 10_100_000);
    }
  });

  it('does not cost the sender rate when a system clock fires late', () => {
    let milliseconds = 0;
    const clock = new SystemClock(() => milliseconds);
    const link = new Link({ name: 'link', clock, pool: new FramePool(), bitsPerSecond: RATE });
    const here = new TestStation(
      new ImpairedMedium(link.a, { clock, out: { delay: { baseNs: 2e6 } } }),
      clock,
    );
    const there = new TestStation(link.b, clock);
    here.offer(...upTo(20_000).map((i) => numbered(i, 60)));
    for (; milliseconds < 100; milliseconds++) clock.poll();
    expect(there.arrivals.length).toBeGreaterThan(0.9 * 14_880);
  });
});

describe('a rate limit', () => {
  it('lets its rate pass and drops what does not fit into its queue', () => {
    const { run, to, counts } = wire({ in: { rateLimit: { bitsPerSecond: 1_000_000, queueFrames: 10 } } });
    const numbers = run(1_000, 125); // a frame of 125 bytes takes 1 ms
    expect(ascending(numbers)).toEqual(numbers);
    const times = to.arrivals.map((arrival) => arrival.timeNs);
    expect(new Set(times.slice(1).map((time, i) => time - times[i]))).toEqual(new Set([1_000_000]));
    expect(counts().drops).toEqual({ rateLimit: 1_000 - numbers.length });
    expect(counts().delivered).toBe(numbers.length);
  });

  it('lets a burst pass after a pause', () => {
    const { run, to } = wire({
      in: { rateLimit: { bitsPerSecond: 1_000_000, burstBytes: 500 } },
      bitsPerSecond: 0,
    });
    run(8, 125);
    expect(to.arrivals.map((arrival) => arrival.timeNs / 1e6)).toEqual([0, 0, 0, 0, 0, 1, 2, 3]);
  });
});

describe('a flapping cable', () => {
  const flap = { firstDownNs: 1_000_000, downNs: 500_000, upNs: 2_000_000, times: 2 };

  it('takes the carrier from both ends and gives it back, by its schedule', () => {
    const { clock, from, to, impaired } = wire({ in: {}, flap });
    const seen: number[] = [];
    to.carrierChanged = () => seen.push(clock.now());
    clock.runUntilIdle(1e9);
    expect(seen.map((time) => time / 1e6)).toEqual([1, 1.5, 3.5, 4]);
    expect(from.carriers).toEqual([false, true, false, true]);
    expect(impaired.report().totals).toEqual({ flaps: 2 });
  });

  it('loses what is under way and what is sent meanwhile', () => {
    const { run, from, pool } = wire({ in: {}, flap });
    const numbers = run(1_000);
    const lost = from.statuses.filter((status) => status === TX_NO_CARRIER).length;
    expect(lost).toBeGreaterThan(140); // 1 ms at 6.72 us a frame
    expect(numbers.length).toBe(1_000 - lost);
    expect(pool.inUse).toBe(0);
  });

  it('can be stopped', () => {
    const { clock, impaired } = wire({ flap: { ...flap, times: undefined } });
    clock.run(1_200_000);
    impaired.stopFlap();
    expect(clock.runUntilIdle(1e12)).toBe(1_200_000);
    expect(impaired.carrier).toBe(false);
  });

  it('can be put on a link itself', () => {
    const { clock, link, from } = wire({});
    const loose = new Flap('link', clock, flap, link);
    clock.runUntilIdle(1e9);
    expect(from.carriers).toEqual([false, true, false, true]);
    expect(loose.count).toBe(2);
  });
});

describe('impairments', () => {
  it('do the same with the same seed, and something else with another', () => {
    const all: ImpairmentOptions = {
      loss: 0.1,
      corruption: { probability: 0.1 },
      duplication: 0.1,
      reordering: { probability: 0.1 },
      delay: { baseNs: 1_000_000, jitterNs: 500_000, keepOrder: false },
    };
    const trace = (seed: number) => {
      const { run, to } = wire({ in: all, seed });
      run(300);
      return to.arrivals;
    };
    expect(trace(1)).toEqual(trace(1));
    expect(trace(1)).not.toEqual(trace(2));
  });

  it('have chances of their own: adding one does not change which frames another hits', () => {
    const lostBy = (options: ImpairmentOptions) => {
      const numbers = new Set(wire({ in: options }).run(500));
      return upTo(500).filter((n) => !numbers.has(n));
    };
    const more: ImpairmentOptions = { duplication: 0.3, reordering: { probability: 0.2 } };
    expect(lostBy({ loss: 0.1, ...more })).toEqual(lostBy({ loss: 0.1 }));
  });

  it('can be wrapped around one another', () => {
    const { clock, link, pool } = wire({});
    const inner = new ImpairedMedium(link.a, { clock, in: { duplication: 1 } });
    const outer = new TestStation(new ImpairedMedium(inner, { clock, in: { duplication: 1 } }), clock);
    const sender = new TestStation(link.b, clock);
    sender.offer(numbered(1, 60));
    clock.runUntilIdle(1e9);
    expect(outer.arrivals.length).toBe(4);
    expect(pool.inUse).toBe(0);
  });

  it('say what is wrong with their options', () => {
    const wrong: [ImpairmentOptions, string][] = [
      [{ loss: 5 }, 'link.a:in: loss is 5: a probability, 0 to 1'],
      [{ gilbertElliott: { p: -1 } }, 'link.a:in: gilbertElliott.p is -1: a probability, 0 to 1'],
      [{ corruption: { probability: 1, bits: 40 } }, 'link.a:in: corruption.bits is 40: at most 32'],
      [{ delay: { baseNs: Number.NaN } }, 'link.a:in: delay.baseNs is NaN: 0 or more'],
      [{ rateLimit: { bitsPerSecond: 0 } }, 'link.a:in: rateLimit.bitsPerSecond is 0: 1 or more'],
    ];
    for (const [options, message] of wrong) expect(() => wire({ in: options })).toThrow(message);
    const flap = { firstDownNs: 0, downNs: 0, upNs: 1 };
    expect(() => wire({ flap })).toThrow('link.a: flap.downNs is 0: 1 or more');
  });
});

describe('a frame tap', () => {
  it('shows every frame of both directions with its time and changes nothing', () => {
    const { clock, link, from } = wire({});
    const seen: string[] = [];
    const tap = new FrameTap(link.a, clock, (frame, timeNs, direction) => {
      seen.push(`${timeNs} ${direction} ${frame.length}`);
    });
    const station = new TestStation(tap, clock);
    station.offer(numbered(0, 60), numbered(1, 61));
    from.offer(numbered(0, 1514, 'far'));
    clock.runUntilIdle(1e9);
    expect(seen).toEqual(['0 out 60', '5760 out 61', '122080 in 1514']);
    expect(tap.report().directions).toMatchObject({
      in: { frames: 1, bytes: 1514 },
      out: { frames: 2, bytes: 121 },
    });
  });
});
