// The results of scenarios as rows for a table: a scenario a row, a subject a column, and what there is to say below.

import type { ScenarioResult } from './run.ts';

export interface ScenarioTable {
  /** `scenario`, then the subjects' names, in the order of their first result. */
  readonly head: string[];
  readonly rows: string[][];
  /** A line for each result that is not a plain pass, failures first. */
  readonly notes: string[];
  readonly passed: number;
  readonly differing: number;
  readonly failed: number;
}

export function scenarioTable(results: readonly ScenarioResult[]): ScenarioTable {
  const subjects = [...new Set(results.map(({ subject }) => subject))];
  const scenarios = [...new Set(results.map(({ scenario }) => scenario))];
  const rows = scenarios.map((scenario) => [
    scenario,
    ...subjects.map((subject) => {
      const result = results.find((each) => each.scenario === scenario && each.subject === subject);
      return result === undefined ? '-' : result.outcome;
    }),
  ]);
  const failures = results.filter(({ outcome }) => outcome === 'fail');
  const differing = results.filter(({ outcome }) => outcome === 'differs');
  return {
    head: ['scenario', ...subjects],
    rows,
    notes: [
      ...failures.map((result) => note(result, `fails (seed ${result.seed})`)),
      ...differing.map((result) => note(result, 'differs')),
    ],
    passed: results.length - failures.length - differing.length,
    differing: differing.length,
    failed: failures.length,
  };
}

function note({ subject, scenario, detail }: ScenarioResult, how: string): string {
  return `${subject}, ${scenario}: ${how}: ${detail}`;
}
