// Runs scenarios, each on a subject of its own, and says how they went.

import { Bench, type MakeDriver } from './bench.ts';
import { Checks, type KnownDifference } from './checks.ts';
import { DIFFERENCES } from './differences.ts';
import { DRIVER_SCENARIOS } from './driver/all.ts';
import type { Scenario } from './scenario.ts';
import type { OpenSubject, Subject } from './subject.ts';

export interface ScenarioResult {
  scenario: string;
  subject: string;
  /** `differs`: other than the data sheet, in ways the table of differences explains. */
  outcome: 'pass' | 'differs' | 'fail';
  /** What failed, or why it differs; empty when it passed. */
  detail: string;
  /** Frames on the wire, both ways. */
  frames: number;
  registerReads: number;
  registerWrites: number;
  seed: number;
  /** On the subject's own clock: virtual for a model. */
  ms: number;
}

export interface RunOptions {
  /** Scenarios by name, in their own order; all when left out. */
  names?: readonly string[];
  seed?: number;
  onStart?: (scenario: Scenario) => void;
  onResult?: (result: ScenarioResult) => void;
  /** Instead of the driver and the table of differences, for tests. */
  makeDriver?: MakeDriver;
  differences?: readonly KnownDifference[];
}

/** Runs scenarios on subjects that `open` makes, one after the other. Throws on a name that there is none of. */
export async function runScenarios(open: OpenSubject, options: RunOptions = {}): Promise<ScenarioResult[]> {
  const results: ScenarioResult[] = [];
  for (const scenario of chosen(options.names)) {
    options.onStart?.(scenario);
    const result = await runScenario(open, scenario, options);
    results.push(result);
    options.onResult?.(result);
  }
  return results;
}

/** Scenarios by name. Throws with the names there are. */
export function chosen(names?: readonly string[]): readonly Scenario[] {
  if (names === undefined) return DRIVER_SCENARIOS;
  for (const name of names) {
    if (DRIVER_SCENARIOS.some((scenario) => scenario.name === name)) continue;
    const known = DRIVER_SCENARIOS.map((scenario) => scenario.name).join(', ');
    throw new RangeError(`no scenario is called "${name}"; there are: ${known}`);
  }
  return DRIVER_SCENARIOS.filter((scenario) => names.includes(scenario.name));
}

export async function runScenario(
  open: OpenSubject,
  scenario: Scenario,
  options: RunOptions = {},
): Promise<ScenarioResult> {
  const { seed = 1, differences = DIFFERENCES } = options;
  const subject = await open({ seed, debugMbufs: scenario.debugMbufs });
  const known = differences.filter(
    (difference) => difference.scenario === scenario.name && difference.subject === subject.name,
  );
  const check = new Checks(known);
  const start = subject.machine.clock.now();
  let fault = '';
  try {
    const bench = new Bench(subject, check, seed, scenario.name, options.makeDriver);
    await scenario.run(bench);
    check.end();
    if (check.made === 0) fault = 'nothing was checked';
  } catch (error) {
    fault = (error as Error).message;
  }
  const ms = (subject.machine.clock.now() - start) / 1e6;
  subject.close();
  return result(scenario, subject, check, fault, seed, ms);
}

function result(
  scenario: Scenario,
  subject: Subject,
  check: Checks,
  fault: string,
  seed: number,
  ms: number,
): ScenarioResult {
  const reasons = explanations([...check.shown]);
  return {
    scenario: scenario.name,
    subject: subject.name,
    outcome: fault !== '' ? 'fail' : reasons.length > 0 ? 'differs' : 'pass',
    detail: fault !== '' ? fault : reasons.join(' '),
    frames: subject.far.sent + subject.far.frames,
    registerReads: subject.accesses.reads,
    registerWrites: subject.accesses.writes,
    seed,
    ms: Math.round(ms * 1000) / 1000,
  };
}

/** A sentence for each reason, with the checks that it explains. */
function explanations(shown: readonly KnownDifference[]): string[] {
  return [...new Set(shown.map(({ reason }) => reason))].map((reason) => {
    const checks = shown.filter((row) => row.reason === reason).map(({ what }) => `"${what}"`);
    return `${checks.join(' and ')} ${checks.length === 1 ? 'does' : 'do'} not hold. ${reason}`;
  });
}
