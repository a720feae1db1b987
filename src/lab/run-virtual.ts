// A run on the virtual clock, in slices, so that whoever drives it can show progress or end it in between.

import type { VirtualClock } from '../kernel/clock.ts';
import type { Lab } from './lab.ts';

/** Negotiation takes 1.65 s, and a driver looks at its link every quarter of a second. */
export const SETTLE_LIMIT_NS = 10_000_000_000;
/** What is under way after this is lost: far above any delay on a wire. */
export const DRAIN_LIMIT_NS = 1_000_000_000;

const SETTLE_STEP_NS = 1_000_000;
const DRAIN_STEP_NS = 1_000_000;

/**
 * Runs a lab for `forNs` of traffic; yields the share that is done after each slice of `sliceNs`. Sending true into it
 * ends the traffic early; what is under way still arrives.
 */
export function* runVirtual(
  lab: Lab,
  forNs: number,
  sliceNs: number,
): Generator<number, void, boolean | undefined> {
  const clock = lab.clock as VirtualClock;
  lab.bringUp();
  const settleEnd = clock.now() + SETTLE_LIMIT_NS;
  // Links that never come up are the lab's own affair: its traffic runs all the same.
  while (!lab.linksUp && clock.now() < settleEnd) clock.run(clock.now() + SETTLE_STEP_NS);
  lab.startTraffic();
  const start = clock.now();
  const end = start + forNs;
  for (let next = start; next < end && !lab.trafficEnded; ) {
    next = Math.min(end, next + sliceNs);
    clock.run(next);
    if ((yield (next - start) / forNs) === true) break;
  }
  lab.stopTraffic(forNs);
  const drainEnd = clock.now() + DRAIN_LIMIT_NS;
  while (!lab.quiet && clock.now() < drainEnd) clock.run(clock.now() + DRAIN_STEP_NS);
  lab.finish();
}
