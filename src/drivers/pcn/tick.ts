// Once a second: the link, the chip's counters, and whether the card is there at all. Data sheets AMD 19436, "BCR4"; 21510,
// "MII Management".

import { BCR, BCR4, BCR9, CSR, CSR0 } from '../../chips/pcnet/sheet.ts';
import { callout_msec } from '../../iopkt/callout.ts';
import { EOK } from '../../iopkt/errno.ts';
import { LINK_STATE_DOWN, LINK_STATE_UP } from '../../iopkt/flags.ts';
import { if_link_state_change } from '../../iopkt/ifnet.ts';
import { IFQ_IS_EMPTY } from '../../iopkt/ifq.ts';
import { NW_SIGLOCK, NW_SIGUNLOCK } from '../../iopkt/locks.ts';
import { MDI_MonitorPhy } from '../../iopkt/mdi.ts';
import { GONE } from './registers.ts';
import type { pcn_softc } from './softc.ts';
import { pcn_start, pcn_txdrain, pcn_txreap } from './start.ts';

const TICK_MS = 1000;

export function pcn_arm_tick(sc: pcn_softc): void {
  callout_msec(sc.sc_tick_ch, TICK_MS, pcn_tick, sc);
}

/** The callout. */
function pcn_tick(sc: pcn_softc): void {
  if (sc.sc_dying) return;
  const ifp = sc.sc_ethercom.ec_if;
  if (sc.sc_lost) {
    // It arms the callout, whether the card is back or not.
    ifp.if_init!(ifp);
    return;
  }
  const csr0 = sc.sc_regs.readCsr0();
  if (csr0 === GONE || (csr0 & CSR0.STOP) !== 0) {
    // Stopped by itself: a master abort does that. Once more, then.
    if (csr0 !== GONE && ifp.if_init!(ifp) === EOK) return;
    pcn_lose(sc);
    return;
  }
  pcn_count_missed(sc);
  pcn_link(sc);
  NW_SIGLOCK(ifp.if_snd_ex!, sc.sc_iopkt);
  pcn_txreap(sc);
  if (IFQ_IS_EMPTY(ifp.if_snd)) NW_SIGUNLOCK(ifp.if_snd_ex!, sc.sc_iopkt);
  else pcn_start(ifp);
  pcn_arm_tick(sc);
}

/** The callout of pcn_recover. */
export function pcn_restart(sc: pcn_softc): void {
  const ifp = sc.sc_ethercom.ec_if;
  if (sc.sc_dying || !sc.sc_running) return;
  sc.sc_ev.restarts++;
  pcn_fail_transmit(sc);
  if (ifp.if_init!(ifp) !== EOK) pcn_lose(sc);
}

/** Halts the chip: what it has sent counts as that, the rest has failed. Stack context. */
export function pcn_fail_transmit(sc: pcn_softc): void {
  const mutex = sc.sc_ethercom.ec_if.if_snd_ex!;
  NW_SIGLOCK(mutex, sc.sc_iopkt);
  sc.sc_regs.halt();
  pcn_txreap(sc);
  pcn_txdrain(sc, true);
  NW_SIGUNLOCK(mutex, sc.sc_iopkt);
}

/** Adds what the chip counted as missed since the last time (CSR112). */
export function pcn_count_missed(sc: pcn_softc): void {
  const count = sc.sc_regs.readCsr(CSR.MFC);
  // All ones: gone, or a coincidence that the next reading makes good.
  if (count === GONE) return;
  const missed = (count - sc.sc_missed) & 0xffff;
  sc.sc_missed = count;
  sc.sc_ev.rx_missed_frames += missed;
  sc.sc_ethercom.ec_if.if_ierrors += missed;
}

/** Nobody answers. What was to be sent has failed; the tick looks whether the card comes back. Stack context. */
function pcn_lose(sc: pcn_softc): void {
  const ifp = sc.sc_ethercom.ec_if;
  if (!sc.sc_lost) sc.sc_iopkt.machine.log(`${ifp.if_xname}: the card does not answer`);
  sc.sc_lost = true;
  pcn_fail_transmit(sc);
  ifp.if_stop!(ifp, 0);
  sc.sc_rate = 0;
  // Whatever comes back is fresh from reset.
  sc.sc_media_set = -1;
  if_link_state_change(ifp, LINK_STATE_DOWN);
  pcn_arm_tick(sc);
}

/** Looks at the link and tells io-pkt what is new. Stack context. */
export function pcn_link(sc: pcn_softc): void {
  if (sc.sc_fast) {
    // It calls pcn_link_is.
    if (sc.sc_mdi.value !== null) MDI_MonitorPhy(sc.sc_mdi.value);
    return;
  }
  const led = sc.sc_regs.readBcr(BCR.LNKST);
  const up = led !== GONE && (led & BCR4.LEDOUT) !== 0;
  const fdx = (sc.sc_regs.readBcr(BCR.FDC) & BCR9.FDEN) !== 0;
  pcn_link_is(sc, up ? 10_000_000 : 0, fdx);
}

/** `rate` in bit/s; 0: the link is down. */
export function pcn_link_is(sc: pcn_softc, rate: number, fdx: boolean): void {
  const ifp = sc.sc_ethercom.ec_if;
  sc.sc_rate = rate;
  sc.sc_fdx = fdx;
  if_link_state_change(ifp, rate > 0 ? LINK_STATE_UP : LINK_STATE_DOWN);
  if (rate === 0 || IFQ_IS_EMPTY(ifp.if_snd)) return;
  NW_SIGLOCK(ifp.if_snd_ex!, sc.sc_iopkt);
  pcn_start(ifp);
}
