// Both drivers over frame sizes, link rates and processors, offered what the wire takes: who gets how much through, and what it
// costs. And where the ways part.

import { type CpuProfile, LOW_POWER, X86_DESKTOP } from '../kernel/profile.ts';
import { frameTimeNs } from '../wire/medium.ts';
import type { ComparedDriver } from './drivers.ts';
import { type Figures, measureLoad, type Workload } from './figures.ts';

const MS = 1_000_000;
/** RFC 2544, section 9.1, Ethernet: 64 to 1518 bytes with FCS. */
export const SWEEP_SIZES = [60, 124, 252, 508, 1020, 1276, 1514];
export const SWEEP_RATES = [10e6, 100e6, 1000e6];
export const SWEEP_PROFILES: readonly CpuProfile[] = [X86_DESKTOP, LOW_POWER];
const FASTEST = 1000e6;
/** A driver is ahead when it gets so much more through. */
export const AHEAD = 1.05;

export interface Pair {
  old: ComparedDriver;
  next: ComparedDriver;
  chip: string;
  seed: number;
}

export interface SweepPoint {
  profile: string;
  bitsPerSecond: number;
  frameBytes: number;
  old: Figures;
  next: Figures;
  /** Frames through, new to old. */
  ratio: number;
  /** CPU time a frame, new to old. */
  cpuRatio: number;
}

/**
 * Where the ways part: up to what the old driver takes without loss nobody sees a difference in what gets through. RFC 2544,
 * section 26.1.
 */
export interface Crossover {
  profile: string;
  frameBytes: number;
  /** Frames a second without loss, at most; of what 1000 Mbit/s carry. */
  old: number;
  next: number;
  ratio: number;
}

export interface SweepOptions {
  workload?: Workload;
  sizes?: readonly number[];
  rates?: readonly number[];
  profiles?: readonly CpuProfile[];
  progress?: (what: string) => void;
}

export function measurePair(
  pair: Pair,
  profile: CpuProfile,
  bitsPerSecond: number,
  frameBytes: number,
  workload: Workload = 'receive',
  windowNs = 40 * MS,
): SweepPoint {
  const { chip, seed } = pair;
  const load = { chip, seed, profile, bitsPerSecond, frameBytes, workload, windowNs };
  const old = measureLoad({ ...load, driver: pair.old });
  const next = measureLoad({ ...load, driver: pair.next });
  return {
    profile: profile.name,
    bitsPerSecond,
    frameBytes,
    old,
    next,
    ratio: next.through / old.through,
    cpuRatio: next.cpuNs / old.cpuNs,
  };
}

export function sweep(pair: Pair, options: SweepOptions = {}): SweepPoint[] {
  const { sizes = SWEEP_SIZES, rates = SWEEP_RATES, profiles = SWEEP_PROFILES } = options;
  const points: SweepPoint[] = [];
  for (const profile of profiles)
    for (const rate of rates)
      for (const size of sizes) {
        options.progress?.(`${profile.name}, ${rate / 1e6} Mbit/s, ${size} bytes`);
        // At a low rate a longer look, so that there are some hundred frames.
        const windowNs = rate < 100e6 ? 200 * MS : 40 * MS;
        points.push(measurePair(pair, profile, rate, size, options.workload, windowNs));
      }
  return points;
}

/** The most that a driver takes without losing a frame, within 2%. Frames a second. */
function lossFree(
  pair: Pair,
  driver: ComparedDriver,
  profile: CpuProfile,
  frameBytes: number,
  workload: Workload,
): number {
  const lossless = (framesPerSecond: number): boolean => {
    const load = { driver, profile, frameBytes, workload, framesPerSecond, windowNs: 60 * MS };
    return measureLoad({ ...load, chip: pair.chip, seed: pair.seed, bitsPerSecond: FASTEST }).lost === 0;
  };
  let high = 1e9 / frameTimeNs(frameBytes, FASTEST);
  if (lossless(high)) return high;
  let low = 0;
  while (high - low > high / 50) {
    const middle = (low + high) / 2;
    if (lossless(middle)) low = middle;
    else high = middle;
  }
  return low;
}

export function crossovers(pair: Pair, options: SweepOptions = {}): Crossover[] {
  const { sizes = SWEEP_SIZES, profiles = SWEEP_PROFILES, workload = 'receive' } = options;
  return profiles.flatMap((profile) =>
    sizes.map((frameBytes) => {
      options.progress?.(`loss-free rate, ${profile.name}, ${frameBytes} bytes`);
      const old = lossFree(pair, pair.old, profile, frameBytes, workload);
      const next = lossFree(pair, pair.next, profile, frameBytes, workload);
      return { profile: profile.name, frameBytes, old, next, ratio: old === 0 ? Infinity : next / old };
    }),
  );
}
