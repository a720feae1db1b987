// What the technote "Porting an io-net driver to io-pkt" says of drivers under the shim and native ones, on the virtual clock with
// the cost table of docs/costs.md: nothing here is tuned, and a claim that did not hold would fail.

import { describe, expect, test } from 'vitest';
import { treeDriver } from '../../src/compare/drivers.ts';
import { measureLoad } from '../../src/compare/figures.ts';
import { conclude, FULL_MBPS, SHARE_APART } from '../../src/compare/sensitivity.ts';
import { AHEAD, crossovers, measurePair, type Pair } from '../../src/compare/sweep.ts';
import { LOW_POWER, withCost, X86_DESKTOP } from '../../src/kernel/profile.ts';

const PAIRS: Pair[] = [
  { old: treeDriver('devn-pcnet'), next: treeDriver('pcn'), chip: 'am79c973', seed: 1 },
  { old: treeDriver('devn-speedo'), next: treeDriver('speedo'), chip: 'i82559er', seed: 1 },
];

describe.each(PAIRS.map((pair) => [pair.old.name, pair.next.name, pair] as const))(
  '%s and %s',
  (_old, _next, pair) => {
    test('a fast processor, 100 Mbit/s, long frames: the same through, and the CPU hard to tell apart', () => {
      const { fast } = conclude(pair);
      expect(Math.min(fast.oldMbps, fast.nextMbps)).toBeGreaterThan(FULL_MBPS);
      expect(fast.nextMbps / fast.oldMbps).toBeCloseTo(1, 2);
      expect(Math.abs(fast.oldCpu - fast.nextCpu)).toBeLessThan(SHARE_APART);
      // The technote's PC copied much more slowly than today's.
      const then = measurePair(pair, withCost(X86_DESKTOP, 'copyByte', 20), 100e6, 1514);
      expect(then.ratio).toBeCloseTo(1, 2);
      expect(then.old.cpuShare - then.next.cpuShare).toBeLessThan(SHARE_APART);
    });

    test('a slow one, 1000 Mbit/s, short frames: the native driver is ahead', () => {
      const { slow } = conclude(pair);
      expect(slow.ratio).toBeGreaterThan(AHEAD);
      expect(slow.ahead).toBe(true);
    });

    test('the ways part where the slow processor has no time left, and nowhere on the fast one', () => {
      const sizes = [60, 1514];
      const [fastShort, fastLong, slowShort, slowLong] = crossovers(pair, { sizes });
      expect([fastShort.ratio, fastLong.ratio]).toEqual([1, 1]);
      for (const { frameBytes, old, ratio } of [slowShort, slowLong]) {
        expect(ratio).toBeGreaterThan(AHEAD);
        // What 100 Mbit/s carry is still the same for both with long frames.
        if (frameBytes === 1514) expect(old).toBeGreaterThan(8127);
        // What 1000 Mbit/s carry is too much for the old one.
        expect(old).toBeLessThan(1e9 / ((frameBytes + 24) * 8));
      }
    });

    test('each burst that is received costs a thread switch under the shim, and none natively', () => {
      for (const profile of [X86_DESKTOP, LOW_POWER]) {
        const load = {
          profile,
          chip: pair.chip,
          workload: 'receive',
          frameBytes: 60,
          bitsPerSecond: 100e6,
        } as const;
        const old = measureLoad({ ...load, driver: pair.old, framesPerSecond: 1000 });
        const next = measureLoad({ ...load, driver: pair.next, framesPerSecond: 1000 });
        expect(old.switchesPerInterrupt).toBeGreaterThanOrEqual(1);
        expect(next.contextSwitches).toBe(0);
      }
    });
  },
);
