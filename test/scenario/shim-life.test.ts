// Lives of an interface that has an io-net driver under the shim, each made from a seed: whatever people, cables and protocols do to
// it and in which order, every counter adds up, nothing is left behind, no rule is broken, and it works.

import { expect, test } from 'vitest';
import { IopktLife, type LifeSubjects } from '../vocabulary/iopkt-life.ts';
import { live } from '../vocabulary/iopkt-life-sums.ts';

const SUBJECTS: LifeSubjects = [
  ['devn', 'Am79C970A'],
  ['devn', 'Am79C973'],
  ['devn', 'i82557b'],
  ['devn', 'i82558b'],
  ['devn', 'i82559er'],
  ['devn', 'i82550'],
  ['devn', 'i82551'],
];
const LIVES = 300;
const IN_ONE_TEST = 50;
/** A seed to repeat by itself, and how many and from where for a campaign. */
const ONLY = process.env.SOFTNET_SHIM_SEED;
const [FROM, COUNT] = (process.env.SOFTNET_SHIM_CAMPAIGN ?? `1,${LIVES}`).split(',').map(Number);
const seeds = ONLY === undefined ? Array.from({ length: COUNT }, (_, i) => FROM + i) : [Number(ONLY)];

const groups = Array.from({ length: Math.ceil(seeds.length / IN_ONE_TEST) }, (_, i) =>
  seeds.slice(i * IN_ONE_TEST, (i + 1) * IN_ONE_TEST),
);

test.each(groups.map((group) => [group[0], group.at(-1)!, group] as const))(
  'lives %i to %i: every counter adds up',
  { timeout: 120_000 },
  (_from, _to, group) => {
    const failed: Error[] = [];
    for (const seed of group) {
      try {
        const again = `seed ${seed}: SOFTNET_SHIM_SEED=${seed} npx vitest run test/scenario/shim-life.test.ts`;
        live(new IopktLife(seed, SUBJECTS), again);
      } catch (error) {
        failed.push(error as Error);
      }
    }
    expect(failed.map(({ message }) => message).join('\n\n')).toBe('');
  },
);
