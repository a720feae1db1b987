// Every scenario on both of our models, on the virtual clock; on a costed processor interrupts come in the middle of things.

import { describe, expect, test } from 'vitest';
import { X86_DESKTOP } from '../kernel/profile.ts';
import { DRIVER_SCENARIOS } from './driver/all.ts';
import { modelSubject } from './model-subject.ts';
import { runScenarios, type ScenarioResult } from './run.ts';
import { subjectNamed } from './subjects.ts';

const noTime = (): number => {
  throw new Error('a model asked for real time');
};
const NAMES = DRIVER_SCENARIOS.map((scenario) => scenario.name);

describe.each(['pcnet', 'am79c970a'])('%s', (name) => {
  test.each(NAMES)('passes "%s"', async (scenario) => {
    const [result] = await runScenarios(subjectNamed(name, noTime), { names: [scenario] });
    expect(result, result.detail).toMatchObject({ scenario, subject: name, outcome: 'pass', detail: '' });
    expect(result.registerReads).toBeGreaterThan(10);
    expect(result.registerWrites).toBeGreaterThan(20);
  });

  test('does the same again with the same seed, and other frames with another', async () => {
    const names = ['pieces', 'receive ring full', 'counters'];
    const run = (seed: number): Promise<ScenarioResult[]> =>
      runScenarios(subjectNamed(name, noTime), { names, seed });
    const first = await run(7);
    expect(await run(7)).toEqual(first);
    const other = await run(8);
    expect(other.map(({ outcome }) => outcome)).toEqual(['pass', 'pass', 'pass']);
    expect(other[2].ms).not.toBe(first[2].ms);
  });
});

describe('an Am79C970A in a machine whose processor takes its time', () => {
  const open = modelSubject('costed', 'Am79C970A', X86_DESKTOP);

  test.each(NAMES)('passes "%s"', async (scenario) => {
    const [result] = await runScenarios(open, { names: [scenario] });
    expect(result.outcome, result.detail).toBe('pass');
  });
});

test('scenarios have names of their own and say what they are about', () => {
  expect(new Set(NAMES).size).toBe(NAMES.length);
  for (const { description } of DRIVER_SCENARIOS) expect(description.length).toBeGreaterThan(20);
});

test('the long run is as long as it says', async () => {
  const [result] = await runScenarios(subjectNamed('pcnet', noTime), { names: ['long run'] });
  expect(result.frames).toBe(100_000);
});
