// Whole labs as a seed makes them: nothing vanishes in any, and each can be repeated byte for byte.

import { expect, test } from 'vitest';
import { captureFile } from '../vocabulary/capture-files.ts';
import { runLab } from '../vocabulary/labs.ts';
import { randomLab } from '../vocabulary/random-lab.ts';
import { numbered } from '../vocabulary/station.ts';

const FOR_NS = 200_000_000;
const LABS = 60;
/** A seed to repeat by itself. */
const ONLY = process.env.SOFTNET_LAB_SEED;

/** What a replay in a random lab plays: frames of every length that matters. */
const LENGTHS = captureFile(
  'pcapng',
  [0, 13, 14, 60, 1514, 1519, 9000].map((length, i) => numbered(i, length)),
);

const seeds = ONLY === undefined ? Array.from({ length: LABS }, (_, i) => i + 1) : [Number(ONLY)];

test.each(seeds)('random lab %i: nothing vanishes, and the same seed gives the same report', (seed) => {
  const text = randomLab(seed);
  const repeat = `seed ${seed}; SOFTNET_LAB_SEED=${seed} npx vitest run test/scenario/hostile-lab.test.ts\n${text}`;
  const run = (): string => {
    const { report, lab } = runLab(text, FOR_NS, () => LENGTHS);
    expect(report.conservation.vanished, repeat).toEqual([]);
    expect(report.conservation.accounted, repeat).toBeGreaterThan(0);
    for (const host of lab.hosts) host.shutDown();
    return JSON.stringify(report);
  };
  let first = '';
  expect(() => {
    first = run();
  }, repeat).not.toThrow();
  expect(run(), repeat).toBe(first);
});
