// `softnet scenarios`: the same driver scenarios on our models and on QEMU's cards, as a table.

import { AttachError } from '../attach/qtest/error.ts';
import type { MakeDriver } from '../scenario/bench.ts';
import { driverNamed, type ScenarioDriverName } from '../scenario/drivers.ts';
import { chosen, runScenarios, type ScenarioResult } from '../scenario/run.ts';
import type { OpenSubject } from '../scenario/subject.ts';
import { subjectNamed } from '../scenario/subjects.ts';
import { scenarioTable } from '../scenario/table.ts';
import { EXIT_LAB_FAILED, EXIT_OK, type Io, UserError } from './io.ts';
import { Progress } from './progress.ts';
import { table } from './tables.ts';

export interface ScenarioOptions {
  /** Default pcnet32. */
  driver?: ScenarioDriverName;
  on?: string;
  only?: string;
  seed?: number;
  json?: boolean;
}

export async function scenariosCommand(io: Io, options: ScenarioOptions): Promise<number> {
  const only = list(options.only);
  const results: ScenarioResult[] = [];
  const progress = new Progress(io);
  try {
    const runs = plan(io, options, only);
    const count = runs.reduce((sum, { scenarios }) => sum + scenarios.length, 0);
    for (const { name, open, makeDriver, scenarios } of runs) {
      await runScenarios(open, {
        names: scenarios,
        seed: options.seed,
        makeDriver,
        onStart: (scenario) => progress.say(`${results.length + 1} of ${count}: ${scenario.name} on ${name}`),
        onResult: (result) => results.push(result),
      });
    }
  } catch (error) {
    if (error instanceof RangeError || error instanceof AttachError) throw new UserError(error.message);
    throw error;
  } finally {
    progress.end();
  }
  io.out(options.json === true ? `${JSON.stringify(results)}\n` : humanTable(results, options.driver));
  return results.some((result) => result.outcome === 'fail') ? EXIT_LAB_FAILED : EXIT_OK;
}

interface CardRun {
  name: string;
  open: OpenSubject;
  makeDriver: MakeDriver | undefined;
  /** Names of those that make sense on this card. */
  scenarios: string[];
}

/** Throws RangeError on a name there is none of, and when nothing is left to run. */
function plan(io: Io, options: ScenarioOptions, only: readonly string[] | undefined): CardRun[] {
  const driver = options.driver ?? 'pcnet32';
  const { subjects, makeDriver, scenarios } = driverNamed(driver);
  const wanted = chosen(only);
  const runs = (list(options.on) ?? subjects).map((name) => {
    const open = subjectNamed(name, () => io.now());
    const sensible = scenarios(name);
    const names = wanted.filter((scenario) => sensible.includes(scenario)).map((each) => each.name);
    return { name, open, makeDriver, scenarios: names };
  });
  if (runs.every((run) => run.scenarios.length === 0)) {
    const left = scenarios(runs[0].name).map((scenario) => scenario.name);
    throw new RangeError(`none of these makes sense for ${driver} there; those that do: ${left.join(', ')}`);
  }
  return runs;
}

function humanTable(results: readonly ScenarioResult[], driver: string | undefined): string {
  const chosenDriver = driver === undefined ? '' : `--driver ${driver} `;
  const { head, rows, notes, passed, differing, failed } = scenarioTable(results);
  const repeat = results
    .filter((result) => result.outcome === 'fail')
    .map(
      ({ subject, scenario, seed }) =>
        `to see it again: softnet scenarios ${chosenDriver}--on ${subject} --only "${scenario}" --seed ${seed}`,
    );
  const frames = results.reduce((sum, result) => sum + result.frames, 0);
  return [
    table(head, [], rows),
    '',
    ...notes.map((note) => `  ${note}`),
    ...repeat.map((line) => `  ${line}`),
    `${passed} passed, ${differing} differ for a known reason, ${failed} failed; ${frames} frames`,
    '',
  ].join('\n');
}

function list(text: string | undefined): string[] | undefined {
  return text?.split(',').map((name) => name.trim());
}
