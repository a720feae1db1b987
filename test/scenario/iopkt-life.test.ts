// A thousand lives of an interface, each made from a seed: whatever people, cables and protocols do to it and in which order, every
// counter adds up, nothing is left behind, and it works.

import { expect, test } from 'vitest';
import { IopktLife } from '../vocabulary/iopkt-life.ts';
import { live } from '../vocabulary/iopkt-life-sums.ts';

const LIVES = 1000;
const IN_ONE_TEST = 50;
/** A seed to repeat by itself, and how many and from where for a campaign. */
const ONLY = process.env.SOFTNET_IOPKT_SEED;
const [FROM, COUNT] = (process.env.SOFTNET_IOPKT_CAMPAIGN ?? `1,${LIVES}`).split(',').map(Number);
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
        const again = `seed ${seed}: SOFTNET_IOPKT_SEED=${seed} npx vitest run test/scenario/iopkt-life.test.ts`;
        live(new IopktLife(seed), again);
      } catch (error) {
        failed.push(error as Error);
      }
    }
    expect(failed.map(({ message }) => message).join('\n\n')).toBe('');
  },
);
