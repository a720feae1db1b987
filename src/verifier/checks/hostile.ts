// A card that does not tell the truth: lengths, indices and status that it writes are wrong now and then.

import { ErrnoError } from '../../iopkt/errno.ts';
import { Random } from '../../kernel/random.ts';
import { NUMBERS } from '../numbers.ts';
import type { Rig } from '../rig.ts';
import { type Check, Found, judge, NotReached, type Trial } from '../trial.ts';
import { tapInput } from './buffers.ts';

const SECOND = 1_000_000_000;
const RUNS = 2;
/** Of a receive buffer. */
const LONGEST = 2048;

/** What the interfaces say when a driver has believed what it was told. */
const OUTCOMES = ['crash', 'manual', 'P08', 'S05'];

export const HOSTILE_CHECKS: readonly Check[] = [{ rules: ['F06'], bound: 'any', run: lies }];

function lies(trial: Trial): void {
  for (let run = 0; run < RUNS; run++) {
    const rig = trial.working({ guarded: true });
    const { mbufs } = rig.machine;
    const problems: string[] = [];
    mbufs.debug!.report = (problem) => problems.push(problem);
    try {
      livesOn(trial, rig, run);
    } catch (error) {
      if (error instanceof Found || error instanceof NotReached || error instanceof ErrnoError) throw error;
      // Wrong lengths are what comes of it; whatever else has a rule of its own is that.
      if (!OUTCOMES.includes(judge(error).rule)) throw error;
      trial.fail('driver', `with a card that does not tell the truth: ${(error as Error).message}`);
    }
    problems.push(...mbufs.debug!.check());
    trial.expect(
      problems.length === 0,
      'driver',
      () => `with a card that does not tell the truth: ${problems[0]}`,
    );
  }
}

function livesOn(trial: Trial, rig: Rig, run: number): void {
  const { card } = rig;
  let instant = -1;
  let reads = 0;
  card.onAccess = (_register, write) => {
    const now = rig.machine.cpu.now();
    if (now - instant > SECOND / 10) {
      instant = now;
      reads = 0;
    }
    if (!write && ++reads > NUMBERS.stepLimit)
      trial.fail(
        'driver',
        `more than ${NUMBERS.stepLimit} register reads with a card that does not tell the truth`,
      );
  };
  tapInput(rig, ({ length }) =>
    trial.expect(
      length <= LONGEST,
      'if_input',
      `a packet of ${length} bytes was passed up, more than any buffer has`,
    ),
  );
  card.lie(new Random(trial.seed, `verifier/F06/${run}`));
  for (let i = 0; i < 16; i++) {
    rig.deliver(rig.frameIn(60 + 90 * i));
    rig.send(rig.frameOut(60 + 90 * i), i % 2 === 0 ? [] : [14, 20]);
    rig.run(200_000);
  }
  card.lie(null);
  rig.run(10 * SECOND);
  rig.down();
  card.onAccess = null;
}
