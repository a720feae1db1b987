// Sending. Data sheets AMD 19436 and 21510, "Transmit Operation", "Transmit Descriptor Table Entry".

import { TMD1, TMD2 } from '../../chips/pcnet/ring.ts';
import { CSR0 } from '../../chips/pcnet/sheet.ts';
import { IFF_OACTIVE, IFF_RUNNING } from '../../iopkt/flags.ts';
import type { ifnet } from '../../iopkt/ifnet.ts';
import { IFQ_DEQUEUE } from '../../iopkt/ifq.ts';
import { NW_SIGUNLOCK_P } from '../../iopkt/locks.ts';
import { CACHE_FLUSH, M_DONTWAIT, m_freem, mbuf_phys } from '../../iopkt/mbuf.ts';
import { M_COPYALL, m_dup } from '../../iopkt/mbuf-ops.ts';
import type { Mbuf } from '../../mbuf/mbuf.ts';
import { pcn_recover } from './recover.ts';
import { type pcn_softc, softcOf } from './softc.ts';

const { ERR, MORE, ONE, STP, ENP } = TMD1;
const { BUFF, UFLO, LCOL, LCAR, RTRY, TRC } = TMD2;
const { TDMD, IENA } = CSR0;

/** Tries after which the chip gives up. */
const ATTEMPTS = 16;
/** Seconds until the watchdog looks: the longest a full ring of long frames takes at 10 Mb/s is 0.6 s. */
const TX_TIMEOUT = 5;

/** if_start: if_snd_ex is held, and given back on every path. */
export function pcn_start(ifp: ifnet): void {
  const sc = softcOf(ifp);
  const { sc_iopkt } = sc;
  const mutex = ifp.if_snd_ex!;
  if ((ifp.if_flags_tx & IFF_RUNNING) === 0 || sc.sc_lost) {
    NW_SIGUNLOCK_P(mutex, sc_iopkt, sc_iopkt.thread);
    return;
  }
  ifp.if_flags_tx |= IFF_OACTIVE;
  let sent = false;
  for (;;) {
    if (sc.sc_txfree < sc.sc_txsegs) pcn_txreap(sc);
    if (sc.sc_txfree < sc.sc_txsegs) {
      // OACTIVE stays: each frame that leaves interrupts, and that goes on from here.
      sc.sc_ev.tx_ring_full++;
      break;
    }
    const m = IFQ_DEQUEUE(ifp.if_snd);
    if (m === null) {
      ifp.if_flags_tx &= ~IFF_OACTIVE;
      break;
    }
    if (encapsulate(sc, m)) sent = true;
  }
  if (sent) {
    sc.sc_regs.writeCsr0(TDMD | IENA);
    ifp.if_timer = TX_TIMEOUT;
  }
  NW_SIGUNLOCK_P(mutex, sc_iopkt, sc_iopkt.thread);
}

function fragments(packet: Mbuf): number {
  let count = 0;
  for (let m: Mbuf | null = packet; m !== null; m = m.next) if (m.length > 0) count++;
  return count;
}

/** Takes a packet into the ring, where there is room for it. False: it could not be sent, and is counted. */
function encapsulate(sc: pcn_softc, packet: Mbuf): boolean {
  let m = packet;
  let left = fragments(m);
  if (left > sc.sc_txsegs || left === 0) {
    const flat = flatten(sc, m);
    if (flat === null) return false;
    m = flat;
    left = fragments(m);
  }
  const { sc_txring: ring } = sc;
  const mask = ring.count - 1;
  const first = sc.sc_txnext;
  let index = first;
  let last = first;
  sc.sc_txfree -= left;
  for (let part: Mbuf | null = m; part !== null; part = part.next) {
    const { length } = part;
    if (length === 0) continue;
    left--;
    const address = mbuf_phys(part);
    CACHE_FLUSH(null, address, address, length);
    ring.prepare(index, address, length, (index === first ? STP : 0) | (left === 0 ? ENP : 0));
    // The chip stops at the first descriptor, which is still ours.
    if (index !== first) ring.give(index);
    last = index;
    index = (index + 1) & mask;
  }
  sc.sc_txmbuf[last] = m;
  sc.sc_txnext = index;
  // From here the controller owns the packet.
  ring.give(first);
  return true;
}

/** One copy with few pieces in place of too many. Takes `packet`; null: no buffer, or nothing in it. */
function flatten(sc: pcn_softc, packet: Mbuf): Mbuf | null {
  const { sc_ev } = sc;
  const flat = packet.packetLength > 0 ? m_dup(packet, 0, M_COPYALL, M_DONTWAIT) : null;
  m_freem(packet);
  if (flat !== null && fragments(flat) <= sc.sc_txsegs) {
    sc_ev.tx_linearised++;
    return flat;
  }
  m_freem(flat);
  sc.sc_ethercom.ec_if.if_oerrors++;
  sc_ev.tx_linearise_failures++;
  return null;
}

/** Takes back what the chip is done with. if_snd_ex held. */
export function pcn_txreap(sc: pcn_softc): void {
  const { sc_txring: ring, sc_txmbuf } = sc;
  const { dma } = sc.sc_pci;
  const ifp = sc.sc_ethercom.ec_if;
  const { count } = ring;
  while (sc.sc_txfree < count) {
    const index = sc.sc_txdirty;
    dma.syncForCpu(ring.address, 4);
    if (ring.owned(index)) break;
    const status = ring.status(index);
    if ((status & (ERR | MORE | ONE)) !== 0) noteStatus(sc, index, status);
    const m = sc_txmbuf[index];
    sc.sc_txdirty = (index + 1) & (count - 1);
    sc.sc_txfree++;
    if (m === null) continue;
    sc_txmbuf[index] = null;
    m_freem(m);
    if (sc.sc_txerrors === 0) ifp.if_opackets++;
    else {
      ifp.if_oerrors++;
      countErrors(sc);
    }
  }
  if (sc.sc_txfree === count) ifp.if_timer = 0;
}

/** Errors and collisions of a packet may be spread over its descriptors. */
function noteStatus(sc: pcn_softc, index: number, status: number): void {
  const ifp = sc.sc_ethercom.ec_if;
  const errors = sc.sc_txring.errors(index);
  if ((status & ONE) !== 0) ifp.if_collisions++;
  if ((status & MORE) !== 0) ifp.if_collisions += errors & TRC;
  if ((status & ERR) === 0) return;
  // ERR alone is an error without a name.
  sc.sc_txerrors |= (errors & ~TRC) | 1;
  if ((errors & (UFLO | BUFF)) === 0) return;
  // It has turned the transmitter off ("CSR3", DXSUFLO), and the rest of the packet never comes back.
  sc.sc_ev.tx_underflows++;
  pcn_recover(sc);
}

/** Counts the errors of the packet at hand by kind and forgets them. */
function countErrors(sc: pcn_softc): void {
  const { sc_ev, sc_txerrors: errors } = sc;
  sc.sc_txerrors = 0;
  if ((errors & RTRY) !== 0) {
    sc_ev.tx_retry_errors++;
    sc.sc_ethercom.ec_if.if_collisions += ATTEMPTS;
  }
  if ((errors & LCAR) !== 0) sc_ev.tx_carrier_errors++;
  if ((errors & LCOL) !== 0) sc_ev.tx_late_collisions++;
}

/**
 * Frees what is still in the ring of a halted chip: as failed, or uncounted, which io-pkt books as dropped by a reset.
 * if_snd_ex held.
 */
export function pcn_txdrain(sc: pcn_softc, failed: boolean): void {
  const { sc_txmbuf } = sc;
  for (let i = 0; i < sc_txmbuf.length; i++) {
    const m = sc_txmbuf[i];
    if (m === null) continue;
    sc_txmbuf[i] = null;
    m_freem(m);
    if (failed) sc.sc_ethercom.ec_if.if_oerrors++;
  }
}
