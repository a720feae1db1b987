// Restarting a chip in trouble. What finds the trouble is the interrupt thread or start; if_init is for stack context, so a
// callout carries it there. It waits for a moment: a bus that is dead answers every start with the next error.

import { callout_pending, callout_schedule } from '../../iopkt/callout.ts';
import type { pcn_softc } from './softc.ts';

/** 10 ms. */
const PAUSE_TICKS = 1;

/** Has the chip started afresh (pcn_restart), soon and once. Any context but ISR and hook. */
export function pcn_recover(sc: pcn_softc): void {
  if (!callout_pending(sc.sc_recover_ch)) callout_schedule(sc.sc_recover_ch, PAUSE_TICKS);
}
