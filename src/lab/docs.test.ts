// The examples in docs/lab-file.md are right: each is read as a part of a lab file.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadLab } from './load.ts';
import { LabFileError } from './problem.ts';
import {
  guestSchema,
  hostSchema,
  hubSchema,
  linkSchema,
  portSchema,
  switchSchema,
  TOP_KEYS,
  trafficSchema,
} from './schema.ts';

const TEXT = readFileSync(new URL('../../docs/lab-file.md', import.meta.url), 'utf8');
const EXAMPLES = [...TEXT.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1]);
/** Names that stand in other examples. */
const ELSEWHERE = /there is no host|there are no hosts|nothing is plugged into|whom is /;

test.each(EXAMPLES)('example %#', (example) => {
  const isImpairment = example.startsWith('rateLimit:');
  const text = isImpairment
    ? `links:\n  w:\n    between: [a, b]\n    impair:\n      both:\n${example.replaceAll(/^/gm, '        ')}`
    : example;
  let problems: string[] = [];
  try {
    loadLab('example.yaml', text);
  } catch (error) {
    if (!(error instanceof LabFileError)) throw error;
    problems = error.problems.map((problem) => problem.message);
  }
  expect(problems.filter((message) => !ELSEWHERE.test(message))).toEqual([]);
});

test('every key of the schema has an example', () => {
  const shapes = [
    hostSchema,
    guestSchema,
    linkSchema,
    switchSchema,
    hubSchema,
    ...portSchema.options,
    ...trafficSchema.options,
  ];
  const keys = new Set([...TOP_KEYS, ...shapes.flatMap((schema) => Object.keys(schema.shape))]);
  const missing = [...keys].filter(
    (key) => !EXAMPLES.some((example) => new RegExp(`\\b${key}:`).test(example)),
  );
  expect(missing).toEqual([]);
});
