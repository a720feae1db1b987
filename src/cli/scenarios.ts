// `softnet scenarios`: the same driver scenarios on our models and on QEMU's card, as a table.

import { AttachError } from '../attach/qtest/error.ts';
import { chosen, runScenarios, type ScenarioResult } from '../scenario/run.ts';
import { SUBJECT_NAMES, subjectNamed } from '../scenario/subjects.ts';
import { scenarioTable } from '../scenario/table.ts';
import { EXIT_LAB_FAILED, EXIT_OK, type Io, UserError } from './io.ts';
import { Progress } from './progress.ts';
import { table } from './tables.ts';

export interface ScenarioOptions {
  on?: string;
  only?: string;
  seed?: number;
  json?: boolean;
}

export async function scenariosCommand(io: Io, options: ScenarioOptions): Promise<number> {
  const names = list(options.on) ?? [...SUBJECT_NAMES];
  const only = list(options.only);
  const results: ScenarioResult[] = [];
  const progress = new Progress(io);
  try {
    const subjects = names.map((name) => ({ name, open: subjectNamed(name, () => io.now()) }));
    const count = chosen(only).length * names.length;
    for (const { name, open } of subjects) {
      await runScenarios(open, {
        names: only,
        seed: options.seed,
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
  io.out(options.json === true ? `${JSON.stringify(results)}\n` : humanTable(results));
  return results.some((result) => result.outcome === 'fail') ? EXIT_LAB_FAILED : EXIT_OK;
}

function humanTable(results: readonly ScenarioResult[]): string {
  const { head, rows, notes, passed, differing, failed } = scenarioTable(results);
  const repeat = results
    .filter((result) => result.outcome === 'fail')
    .map(
      ({ subject, scenario, seed }) =>
        `to see it again: softnet scenarios --on ${subject} --only "${scenario}" --seed ${seed}`,
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
