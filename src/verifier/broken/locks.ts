// Drivers that use mutexes wrongly.

import { IFQ_POLL } from '../../iopkt/ifq.ts';
import {
  NW_EX_LK,
  NW_EX_UNLK,
  NW_SIGLOCK,
  NW_SIGUNLOCK,
  type nw_mutex,
  nw_mutex_init,
} from '../../iopkt/locks.ts';
import { XX } from '../../iopkt/testing-driver.ts';
import type { xx_softc } from '../../iopkt/testing-softc.ts';
import { type BrokenDriver, broken, perCard } from './broken.ts';

const mutexes = perCard(() => ({ first: nw_mutex_init('first'), second: nw_mutex_init('second') }));

function both(sc: xx_softc, outer: nw_mutex, inner: nw_mutex): void {
  NW_SIGLOCK(outer, sc.iopkt);
  NW_SIGLOCK(inner, sc.iopkt);
  NW_SIGUNLOCK(inner, sc.iopkt);
  NW_SIGUNLOCK(outer, sc.iopkt);
}

export const BROKEN_LOCKS: readonly BrokenDriver[] = [
  broken('L01', 'the monitor takes a mutex of process_interrupt without holding interrupts off', {
    process(sc, wtp) {
      const { first } = mutexes(sc);
      NW_EX_LK(first, sc.iopkt);
      NW_EX_UNLK(first, sc.iopkt);
      return XX.process(sc, wtp);
    },
    monitor(sc) {
      const { first } = mutexes(sc);
      NW_EX_LK(first, sc.iopkt);
      NW_EX_UNLK(first, sc.iopkt);
      XX.monitor(sc);
    },
  }),
  broken('L02', 'process_interrupt and the monitor take two mutexes in both orders', {
    process(sc, wtp) {
      const { first, second } = mutexes(sc);
      both(sc, first, second);
      return XX.process(sc, wtp);
    },
    monitor(sc) {
      const { first, second } = mutexes(sc);
      both(sc, second, first);
      XX.monitor(sc);
    },
  }),
  broken('L03', 'the monitor takes a mutex that it has', {
    monitor(sc) {
      const { first } = mutexes(sc);
      both(sc, first, first);
      XX.monitor(sc);
    },
  }),
  broken('L04', 'process_interrupt returns with a mutex', {
    process(sc, wtp) {
      NW_SIGLOCK(mutexes(sc).first, sc.iopkt);
      return XX.process(sc, wtp);
    },
  }),
  broken('L05', 'process_interrupt looks into if_snd without its mutex', {
    process(sc, wtp) {
      IFQ_POLL(sc.sc_ec.ec_if.if_snd);
      return XX.process(sc, wtp);
    },
  }),
];
