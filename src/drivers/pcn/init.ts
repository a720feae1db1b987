// if_init, if_stop, the watchdog and the shutdown hook. Data sheets AMD 19436 and 21510, "Initialization": set-up registers
// while stopped, INIT, IDON, STRT.

import { writeInitBlock } from '../../chips/pcnet/init-block.ts';
import { BCR, BCR4, BCR9, BCR18, CSR, CSR0, CSR3, CSR4 } from '../../chips/pcnet/sheet.ts';
import { callout_stop } from '../../iopkt/callout.ts';
import { EIO, ENOBUFS, EOK } from '../../iopkt/errno.ts';
import { IFF_OACTIVE, IFF_RUNNING } from '../../iopkt/flags.ts';
import type { ifnet } from '../../iopkt/ifnet.ts';
import { IFQ_IS_EMPTY } from '../../iopkt/ifq.ts';
import { InterruptAttach, InterruptDetach } from '../../iopkt/interrupt.ts';
import { NW_SIGLOCK, NW_SIGUNLOCK } from '../../iopkt/locks.ts';
import { M_DONTWAIT, MT_DATA, m_freem, m_getcl } from '../../iopkt/mbuf.ts';
import { WTP } from '../../iopkt/threads.ts';
import { M_PKTHDR } from '../../mbuf/mbuf.ts';
import { pcn_wanted_filter } from './filter.ts';
import { pcn_isr, pcn_rxintr, recycle } from './intr.ts';
import { pcn_media_apply } from './media.ts';
import { GONE } from './registers.ts';
import { PCN_RXOFFSET, PCN_SWSTYLE, type pcn_softc, softcOf } from './softc.ts';
import { pcn_start, pcn_txdrain, pcn_txreap } from './start.ts';
import { pcn_arm_tick, pcn_count_missed, pcn_fail_transmit, pcn_link } from './tick.ts';

/** Of the causes in CSR0, IDON is waited for. */
const CSR3_SETTING = CSR3.IDONM;
/** Short frames are padded by the chip; no cause of CSR4 interrupts. */
const CSR4_SETTING = CSR4.APAD_XMT | CSR4.MFCOM | CSR4.RCVCCOM | CSR4.TXSTRTM | CSR4.JABM;
/** Reads of CSR0 that IDON is waited for: the block is read in a few microseconds, a read takes about one. */
const INIT_READS = 1000;

/** Comes again and again: starts the chip afresh. EIO: it does not answer; ENOBUFS: too few buffers for the ring. */
export function pcn_init(ifp: ifnet): number {
  const sc = softcOf(ifp);
  if (sc.sc_dying) return EOK;
  pcn_stop(ifp, 0);
  if (!fillReceiveRing(sc)) return giveUp(sc, ENOBUFS);
  clearTransmitRing(sc);
  if (!startChip(sc)) return giveUp(sc, EIO);
  if (sc.sc_iid === -1) sc.sc_iid = InterruptAttach(sc.sc_irq, pcn_isr, sc, 0, 0);
  if (sc.sc_iid === -1) return giveUp(sc, EIO);
  sc.sc_lost = false;
  sc.sc_running = true;
  // From here the controller owns the rings and may interrupt.
  sc.sc_regs.writeCsr0(CSR0.STRT | CSR0.IDON | CSR0.IENA);
  const { sc_iopkt } = sc;
  NW_SIGLOCK(ifp.if_snd_ex!, sc_iopkt);
  ifp.if_flags_tx |= IFF_RUNNING;
  ifp.if_flags_tx &= ~IFF_OACTIVE;
  ifp.if_flags |= IFF_RUNNING;
  ifp.if_flags &= ~IFF_OACTIVE;
  // What waited meanwhile; start gives the mutex back.
  if (IFQ_IS_EMPTY(ifp.if_snd)) NW_SIGUNLOCK(ifp.if_snd_ex!, sc_iopkt);
  else pcn_start(ifp);
  pcn_media_apply(sc);
  pcn_link(sc);
  pcn_arm_tick(sc);
  return EOK;
}

/** The chip stays halted; a card that was lost is looked for further on. */
function giveUp(sc: pcn_softc, error: number): number {
  sc.sc_regs.halt();
  if (sc.sc_lost) pcn_arm_tick(sc);
  return error;
}

/** Halts the chip and takes back what it had to send. What it had received goes up. Harmless when it is stopped. */
export function pcn_stop(ifp: ifnet, disable: number): void {
  const sc = softcOf(ifp);
  const { sc_iopkt } = sc;
  callout_stop(sc.sc_tick_ch);
  callout_stop(sc.sc_recover_ch);
  const wasRunning = sc.sc_running;
  if (wasRunning) pcn_count_missed(sc);
  sc.sc_running = false;
  sc.sc_regs.halt();
  NW_SIGLOCK(ifp.if_snd_ex!, sc_iopkt);
  if (wasRunning) pcn_txreap(sc);
  pcn_txdrain(sc, false);
  ifp.if_flags_tx &= ~(IFF_RUNNING | IFF_OACTIVE);
  NW_SIGUNLOCK(ifp.if_snd_ex!, sc_iopkt);
  ifp.if_flags &= ~(IFF_RUNNING | IFF_OACTIVE);
  ifp.if_timer = 0;
  // Also when we are in there already: a protocol may have us stopped while it is handed a packet.
  pcn_rxintr(sc, WTP());
  if (disable === 0) return;
  sc.sc_lost = false;
  if (sc.sc_iid !== -1) InterruptDetach(sc.sc_iid);
  sc.sc_iid = -1;
  for (let i = 0; i < sc.sc_rxmbuf.length; i++) {
    m_freem(sc.sc_rxmbuf[i]);
    sc.sc_rxmbuf[i] = null;
  }
}

/** A buffer for every descriptor, those that have one keep it; false: there were too few. */
function fillReceiveRing(sc: pcn_softc): boolean {
  const { sc_rxmbuf } = sc;
  for (let i = 0; i < sc_rxmbuf.length; i++) {
    if (sc_rxmbuf[i] === null) {
      const m = m_getcl(M_DONTWAIT, MT_DATA, M_PKTHDR);
      if (m === null) return false;
      m.data += PCN_RXOFFSET;
      sc_rxmbuf[i] = m;
    }
    recycle(sc, i);
  }
  sc.sc_rxnext = 0;
  sc.sc_rxinframe = false;
  return true;
}

function clearTransmitRing(sc: pcn_softc): void {
  const { sc_txring } = sc;
  for (let i = 0; i < sc_txring.count; i++) sc_txring.clear(i);
  sc.sc_txnext = 0;
  sc.sc_txdirty = 0;
  sc.sc_txfree = sc_txring.count;
  sc.sc_txerrors = 0;
}

/** Resets the chip, sets it up and has it read the initialization block. False: it does not answer. */
function startChip(sc: pcn_softc): boolean {
  const { sc_regs: regs } = sc;
  const ifp = sc.sc_ethercom.ec_if;
  if (!regs.reset()) return false;
  sc.sc_missed = 0;
  regs.writeBcr(BCR.SWS, PCN_SWSTYLE);
  regs.writeBcr(BCR.BSBC, regs.readBcr(BCR.BSBC) | BCR18.BREADE | BCR18.BWRITE);
  if (sc.sc_fast) regs.writeBcr(BCR.FDC, BCR9.FDRPAD);
  // The link is read from LED0, and S_RESET leaves it as whoever had the card before us set it.
  else regs.writeBcr(BCR.LNKST, (regs.readBcr(BCR.LNKST) & BCR4.LEDPOL) | BCR4.PSE | BCR4.LNKSE);
  regs.writeCsr(3, CSR3_SETTING);
  regs.writeCsr(4, CSR4_SETTING);
  pcn_wanted_filter(sc);
  writeInitBlock(sc.sc_iopkt.machine.memory.u32, sc.sc_initblock, PCN_SWSTYLE, {
    mode: sc.sc_mode,
    stationAddress: ifp.if_sadl,
    filterLow: sc.sc_filterlow,
    filterHigh: sc.sc_filterhigh,
    receiveRing: sc.sc_rxring.address,
    receiveCount: sc.sc_rxring.count,
    transmitRing: sc.sc_txring.address,
    transmitCount: sc.sc_txring.count,
  });
  regs.writeCsr(CSR.IADR_LOW, sc.sc_initblock & 0xffff);
  regs.writeCsr(CSR.IADR_HIGH, sc.sc_initblock >>> 16);
  regs.writeCsr0(CSR0.INIT);
  for (let i = 0; i < INIT_READS; i++) {
    const csr0 = regs.readCsr0();
    if (csr0 === GONE || (csr0 & CSR0.MERR) !== 0) return false;
    if ((csr0 & CSR0.IDON) !== 0) return true;
  }
  return false;
}

/** Nothing has left for seconds: what is in the ring has failed, and the chip is started afresh. */
export function pcn_watchdog(ifp: ifnet): void {
  const sc = softcOf(ifp);
  NW_SIGLOCK(ifp.if_snd_ex!, sc.sc_iopkt);
  pcn_txreap(sc);
  const idle = sc.sc_txfree === sc.sc_txring.count;
  NW_SIGUNLOCK(ifp.if_snd_ex!, sc.sc_iopkt);
  if (idle) return;
  pcn_fail_transmit(sc);
  sc.sc_ev.tx_timeouts++;
  sc.sc_iopkt.machine.log(`${ifp.if_xname}: device timeout`);
  pcn_init(ifp);
}

/** Shutdown hook: DMA and interrupts end. No buffers, no mutexes. */
export function pcn_shutdown(sc: pcn_softc): void {
  sc.sc_running = false;
  sc.sc_regs.halt();
}
