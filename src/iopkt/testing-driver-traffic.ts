// The driver of testing-driver.ts, the part that moves packets: start, interrupt, receive.

import { M_PKTHDR, type Mbuf } from '../mbuf/mbuf.ts';
import { IFF_OACTIVE, IFF_RUNNING } from './flags.ts';
import type { ifnet } from './ifnet.ts';
import { IFQ_DEQUEUE } from './ifq.ts';
import { InterruptMask, InterruptUnmask, interrupt_queue, type sigevent } from './interrupt.ts';
import { NW_SIGLOCK_P, NW_SIGUNLOCK_P } from './locks.ts';
import {
  CACHE_INVAL,
  M_DONTWAIT,
  MCLBYTES,
  MT_DATA,
  m_freem,
  m_getcl_wtp,
  m_set_rcvif,
  mbuf_phys,
} from './mbuf.ts';
import { m_dup } from './mbuf-ops.ts';
import { MDI_MonitorPhy } from './mdi.ts';
import { CAUSE_LINK, CAUSE_RX, CAUSE_TX, GONE, TX_LAST } from './testing-card.ts';
import type { xx_softc } from './testing-softc.ts';
import type { nw_work_thread } from './threads.ts';

const MAX_FRAGMENTS = 4;
/** Free slots that start leaves: a packet of the most fragments always fits. */
const TX_RESERVE = MAX_FRAGMENTS;
// ---- transmit

export function xx_start(ifp: ifnet): void {
  const sc = ifp.if_softc as xx_softc;
  const { card, iopkt } = sc;
  const wtp = iopkt.thread;
  if ((ifp.if_flags_tx & IFF_RUNNING) === 0) {
    NW_SIGUNLOCK_P(ifp.if_snd_ex!, iopkt, wtp);
    return;
  }
  ifp.if_flags_tx |= IFF_OACTIVE;
  let sent = false;
  for (;;) {
    if (sc.txFree <= TX_RESERVE) xx_reap(sc);
    // OACTIVE stays: the transmit interrupt goes on from here.
    if (sc.txFree <= TX_RESERVE) break;
    const m = IFQ_DEQUEUE(ifp.if_snd);
    if (m === null) {
      ifp.if_flags_tx &= ~IFF_OACTIVE;
      break;
    }
    xx_encapsulate(sc, m);
    sent = true;
  }
  if (sent) card.kick();
  NW_SIGUNLOCK_P(ifp.if_snd_ex!, iopkt, wtp);
}

function xx_encapsulate(sc: xx_softc, packet: Mbuf): void {
  const { card } = sc;
  let m = packet;
  if (fragments(m) > MAX_FRAGMENTS) {
    const flat = m_dup(m, 0, m.packetLength, M_DONTWAIT);
    m_freem(m);
    if (flat === null || fragments(flat) > MAX_FRAGMENTS) {
      m_freem(flat);
      sc.sc_ec.ec_if.if_oerrors++;
      sc.stats.tx_failed_allocs++;
      return;
    }
    m = flat;
  }
  const first = sc.txNext;
  let firstLength = 0;
  let slot = first;
  let left = fragments(m);
  for (let part: Mbuf | null = m; part !== null; part = part.next) {
    if (part.length === 0) continue;
    slot = sc.txNext;
    card.txAddress[slot] = mbuf_phys(part);
    const length = part.length | (--left === 0 ? TX_LAST : 0);
    // The first one last: from there on the packet is the card's.
    if (slot === first) firstLength = length;
    else card.txLength[slot] = length;
    sc.txNext = (slot + 1) % sc.card.slots;
    sc.txFree--;
  }
  sc.tx[slot] = m;
  card.txLength[first] = firstLength;
}

function fragments(m: Mbuf): number {
  let count = 0;
  for (let part: Mbuf | null = m; part !== null; part = part.next) if (part.length > 0) count++;
  return count;
}

/** if_snd_ex held. */
export function xx_reap(sc: xx_softc): void {
  while (sc.txFree < sc.card.slots && sc.card.txLength[sc.txOldest] === 0) {
    const m = sc.tx[sc.txOldest];
    if (m !== null) {
      sc.tx[sc.txOldest] = null;
      m_freem(m);
      sc.sc_ec.ec_if.if_opackets++;
    }
    sc.txOldest = (sc.txOldest + 1) % sc.card.slots;
    sc.txFree++;
  }
}

// ---- interrupt

export function xx_isr(sc: xx_softc, iid: number): sigevent | null {
  if (sc.kermask) {
    sc.iid = iid;
    InterruptMask(sc.card.irq, iid);
    return interrupt_queue(sc.iopkt, sc.inter);
  }
  if (sc.inter.on_list === 0 && sc.card.peekCause() === 0) return null;
  sc.card.writeMask(true);
  return interrupt_queue(sc.iopkt, sc.inter);
}

export function xx_enable(sc: xx_softc): number {
  if (sc.kermask) InterruptUnmask(sc.card.irq, sc.iid);
  else sc.card.writeMask(false);
  return 1;
}

export function xx_process_interrupt(sc: xx_softc, wtp: nw_work_thread): number {
  const ifp = sc.sc_ec.ec_if;
  // As often as causes keep coming, with an end.
  for (let i = 0; i < sc.card.slots; i++) {
    const cause = sc.card.readCause();
    if (cause === 0 || cause === GONE) return 1;
    if ((cause & CAUSE_RX) !== 0) sc.fn.receive(sc, wtp);
    if ((cause & CAUSE_TX) !== 0) {
      NW_SIGLOCK_P(ifp.if_snd_ex!, sc.iopkt, wtp);
      xx_reap(sc);
      // It gives the lock back.
      sc.fn.start(ifp);
    }
    if ((cause & CAUSE_LINK) !== 0 && sc.mdi.value !== null) MDI_MonitorPhy(sc.mdi.value);
  }
  return 0;
}

// ---- receive

export function xx_receive(sc: xx_softc, wtp: nw_work_thread): void {
  const { card } = sc;
  const ifp = sc.sc_ec.ec_if;
  // Once around the ring: what comes meanwhile asks again, and others have their turn.
  for (let i = 0; i < card.slots && card.rxLength[sc.rxNext] > 0; i++) {
    const slot = sc.rxNext;
    const length = card.rxLength[slot];
    const m = sc.rx[slot]!;
    sc.rxNext = (slot + 1) % sc.card.slots;
    const fresh = m_getcl_wtp(M_DONTWAIT, MT_DATA, M_PKTHDR, wtp);
    if (fresh === null || length > MCLBYTES) {
      ifp.if_ierrors++;
      sc.stats.rx_failed_allocs++;
      card.rxLength[slot] = 0;
      m_freem(fresh);
      continue;
    }
    CACHE_INVAL(null, m.data, mbuf_phys(m), length);
    sc.rx[slot] = fresh;
    card.rxAddress[slot] = mbuf_phys(fresh);
    card.rxLength[slot] = 0;
    m.length = m.packetLength = length;
    m_set_rcvif(m, ifp);
    ifp.if_ipackets++;
    ifp.if_input(ifp, m);
  }
}
