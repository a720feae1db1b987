// `softnet compare`: two drivers for one card through the same scenarios and the same traffic. What differs on the wire, what each
// costs, where the ways part, and how much of that hangs on the cost table.

import { X86_DESKTOP } from '../kernel/profile.ts';
import { DRIVER_SCENARIOS } from '../scenario/driver/all.ts';
import { modelSubject } from '../scenario/model-subject.ts';
import { runScenarios } from '../scenario/run.ts';
import { verify } from '../verifier/run.ts';
import { subjectsNamed } from '../verifier/subjects.ts';
import { type ComparedDriver, comparedChip, modelOf } from './drivers.ts';
import { type Figures, measureLoad, WORKLOADS } from './figures.ts';
import { type Conclusions, conclude, type SensitivityRow, sensitivity } from './sensitivity.ts';
import { type Crossover, crossovers, type Pair, type SweepPoint, sweep } from './sweep.ts';
import { driveWire, type WireResult } from './wire.ts';

/** What `--quick` leaves of a sweep. */
const QUICK_SIZES = [60, 508, 1514];
const QUICK_RATES = [100e6, 1000e6];
/** Frames a second at which the figures are taken: few enough that neither driver has to lose any. */
const FIGURES_PPS = 2000;

export interface CompareOptions {
  chip?: string | null;
  /** Frames through the wire comparison. Default 100,000. */
  frames?: number;
  seed?: number;
  /** Parts that take long. Default true, false, true. */
  sweep?: boolean;
  sensitivity?: boolean;
  rules?: boolean;
  /** Fewer scenarios' frames, sizes and rates: a first impression. */
  quick?: boolean;
  progress?: (what: string) => void;
}

export interface ScenarioPair {
  scenario: string;
  /** Outcome and, unless it passed, why; `-`: it makes no sense for this driver. */
  old: string;
  next: string;
}

export interface Comparison {
  old: string;
  next: string;
  chip: string;
  seed: number;
  scenarios: ScenarioPair[];
  wire: { old: WireResult; next: WireResult; identical: boolean };
  /** Both drivers, each workload, frames of 60 and 1514 bytes at a load that both carry, x86-desktop, 100 Mbit/s. */
  figures: { old: Figures; next: Figures }[];
  /** Ids of the rules each breaks; null: not looked at, or by a driver that is not of the tree. */
  rules: { old: string[] | null; next: string[] | null } | null;
  sweep: SweepPoint[] | null;
  crossovers: Crossover[] | null;
  conclusions: Conclusions;
  sensitivity: SensitivityRow[] | null;
}

/** Throws RangeError when the two drive no such card. */
export async function compareDrivers(
  old: ComparedDriver,
  next: ComparedDriver,
  options: CompareOptions = {},
): Promise<Comparison> {
  const { seed = 1, quick = false, progress = () => {} } = options;
  if ((options.frames ?? 1) < 1) throw new RangeError('frames 0: 1 or more would be right');
  const chip = comparedChip(old, next, options.chip ?? null);
  const pair: Pair = { old, next, chip, seed };
  const scenarios = await compareScenarios(pair, quick, progress);
  const wire = compareWire(pair, options.frames ?? (quick ? 2_000 : 100_000), progress);
  const figures = compareFigures(pair, progress);
  const rules =
    options.rules === false
      ? null
      : { old: brokenRules(old, chip, seed, progress), next: brokenRules(next, chip, seed, progress) };
  const swept = { progress, ...(quick ? { sizes: QUICK_SIZES, rates: QUICK_RATES } : {}) };
  const points = options.sweep === false ? null : sweep(pair, swept);
  progress('conclusions');
  const conclusions = conclude(pair);
  return {
    ...{ old: old.name, next: next.name, chip, seed },
    scenarios,
    wire,
    figures,
    rules,
    sweep: points,
    crossovers: points === null ? null : crossovers(pair, swept),
    conclusions,
    sensitivity: options.sensitivity === true ? sensitivity(pair, conclusions, progress) : null,
  };
}

/** Nothing that both are to do went another way. */
export function agrees({ scenarios, wire }: Comparison): boolean {
  return (
    wire.identical && !scenarios.some(({ old, next }) => old.startsWith('fail') || next.startsWith('fail'))
  );
}

async function compareScenarios(
  { old, next, chip, seed }: Pair,
  quick: boolean,
  progress: (what: string) => void,
): Promise<ScenarioPair[]> {
  const run = async (driver: ComparedDriver, scenario: string): Promise<string> => {
    if (!driver.scenarios(chip).includes(scenario) || (quick && scenario === 'long run')) return '-';
    progress(`${scenario}, ${driver.name}`);
    const [result] = await runScenarios(modelSubject(chip, modelOf(chip)), {
      names: [scenario],
      seed,
      makeDriver: driver.makeDriver,
    });
    return result.outcome === 'fail' ? `fail: ${result.detail}` : result.outcome;
  };
  const pairs: ScenarioPair[] = [];
  for (const { name } of DRIVER_SCENARIOS) {
    const row = { scenario: name, old: await run(old, name), next: await run(next, name) };
    if (row.old !== '-' || row.next !== '-') pairs.push(row);
  }
  return pairs;
}

function compareWire(pair: Pair, frames: number, progress: (what: string) => void): Comparison['wire'] {
  const drive = (driver: ComparedDriver): WireResult =>
    driveWire({
      driver,
      chip: pair.chip,
      frames,
      seed: pair.seed,
      progress: (done) => progress(`wire, ${driver.name}: ${done} of ${frames}`),
    });
  const old = drive(pair.old);
  const next = drive(pair.next);
  const same = (side: 'out' | 'up'): boolean =>
    old[side].difference === '' && next[side].difference === '' && old[side].hash === next[side].hash;
  return { old, next, identical: same('out') && same('up') };
}

function compareFigures(pair: Pair, progress: (what: string) => void): Comparison['figures'] {
  return WORKLOADS.flatMap((workload) =>
    [60, 1514].map((frameBytes) => {
      progress(`${workload} ${frameBytes} bytes`);
      const measure = (driver: ComparedDriver): Figures =>
        measureLoad({
          driver,
          chip: pair.chip,
          seed: pair.seed,
          profile: X86_DESKTOP,
          workload,
          frameBytes,
          bitsPerSecond: 100e6,
          framesPerSecond: FIGURES_PPS,
        });
      return { old: measure(pair.old), next: measure(pair.next) };
    }),
  );
}

function brokenRules(
  driver: ComparedDriver,
  chip: string,
  seed: number,
  progress: (what: string) => void,
): string[] | null {
  if (!driver.known) return null;
  const subjects = subjectsNamed(driver.name, null);
  // The verifier has a few chips of each family: another one will do.
  const subject = subjects.find((each) => each.chip.toLowerCase() === chip) ?? subjects[0];
  const { findings } = verify(subject, {
    seed,
    onCheck: (_, rule) => progress(`rules, ${driver.name}: ${rule}`),
  });
  return findings.map(({ rule }) => rule);
}
