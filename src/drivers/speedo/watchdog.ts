// if_watchdog: nothing has left for seconds.

import type { ifnet } from '../../iopkt/ifnet.ts';
import { NW_SIGLOCK, NW_SIGUNLOCK } from '../../iopkt/locks.ts';
import { speedo_reset } from './hardware.ts';
import { speedoOf } from './softc.ts';
import { speedo_last_stats } from './statistics.ts';
import { speedo_transmit_complete, speedo_transmit_drain } from './transmit.ts';

/** What is in the ring has failed, and the card is started afresh. Stack context. */
export function speedo_watchdog(ifp: ifnet): void {
  const sc = speedoOf(ifp);
  NW_SIGLOCK(ifp.if_snd_ex!, sc.iopkt);
  speedo_transmit_complete(sc);
  const idle = sc.tx_free === sc.tx_count;
  if (!idle) {
    speedo_last_stats(sc);
    speedo_reset(sc);
    speedo_transmit_complete(sc);
    speedo_transmit_drain(sc, true);
  }
  NW_SIGUNLOCK(ifp.if_snd_ex!, sc.iopkt);
  if (idle) return;
  sc.events.tx_timeouts++;
  sc.iopkt.machine.log(`${ifp.if_xname}: transmit hangs, and is started afresh`);
  ifp.if_init!(ifp);
}
