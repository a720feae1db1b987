// For guests without a lab around them: somebody has to poll the clock while the guest sleeps or computes.

import type { SystemClock } from '../../kernel/clock.ts';

/** Steps at a time, so that the guest and the page get their turn. */
const STEPS = 1_000;
/** What a guest starts between two polls, and does not look at itself, waits at most as long. */
const LONGEST_SLEEP_MS = 1;

/**
 * Polls a clock from now on. `schedule` runs a function after some ms, at least 0, without blocking: `setTimeout` will
 * do, also in a page. Returns what ends it. What the polled events throw goes to who called them: the event loop.
 */
export function startPolling(
  clock: SystemClock,
  schedule: (run: () => void, delayMs: number) => void,
): () => void {
  let stopped = false;
  const run = (): void => {
    if (stopped) return;
    const untilNextNs = clock.poll(STEPS);
    schedule(run, Math.min(untilNextNs / 1e6, LONGEST_SLEEP_MS));
  };
  run();
  return () => {
    stopped = true;
  };
}
