// Interrupts and receiving. Data sheets AMD 19436 and 21510, "Interrupts", CSR0, "Receive Descriptors".
//
// The ISR masks the line and touches no register: selecting one would move RAP away under code that it interrupted. How no
// event is lost: causes are acknowledged first and the rings looked at then; what comes after that sets its cause again, and
// the level is still there when the line is unmasked.

import { RMD1 } from '../../chips/pcnet/ring.ts';
import { CSR0, CSR0_CAUSES } from '../../chips/pcnet/sheet.ts';
import type { ifnet } from '../../iopkt/ifnet.ts';
import { InterruptMask, InterruptUnmask, interrupt_queue, type sigevent } from '../../iopkt/interrupt.ts';
import { NW_SIGLOCK_P } from '../../iopkt/locks.ts';
import { CACHE_INVAL, M_DONTWAIT, MT_DATA, m_getcl_wtp, m_set_rcvif } from '../../iopkt/mbuf.ts';
import type { nw_work_thread } from '../../iopkt/threads.ts';
import { M_PKTHDR } from '../../mbuf/mbuf.ts';
import { ETH_FCS_LEN, ETH_FRAME_LEN, ETH_HLEN } from '../../net/ether.ts';
import { pcn_recover } from './recover.ts';
import { GONE } from './registers.ts';
import { PCN_RXBYTES, PCN_RXOFFSET, type pcn_softc } from './softc.ts';
import { pcn_start, pcn_txreap } from './start.ts';

const { ERR, FRAM, OFLO, CRC, STP, ENP } = RMD1;
const WHOLE = (STP | ENP) >>> 0;
const VERDICT = (ERR | STP | ENP) >>> 0;
const { MERR, RINT, TINT, INTR, IENA } = CSR0;

/** Rounds of one turn: then the others that wait for the interrupt thread are served. */
const ROUNDS = 4;
const LONGEST = PCN_RXBYTES - ETH_FCS_LEN;
const ETH_P_8021Q = 0x8100;

/** The ISR. An interrupt may come before InterruptAttach has returned, so the iid is kept here too. */
export function pcn_isr(sc: pcn_softc, iid: number): sigevent | null {
  sc.sc_iid = iid;
  InterruptMask(sc.sc_irq, iid);
  return interrupt_queue(sc.sc_iopkt, sc.sc_inter);
}

export function pcn_enable(sc: pcn_softc): number {
  // Masks went with the interrupt, when it was detached meanwhile.
  if (sc.sc_iid !== -1) InterruptUnmask(sc.sc_irq, sc.sc_iid);
  return 1;
}

/** process_interrupt: 1 when nothing is left, 0 to come again behind the others. */
export function pcn_intr(sc: pcn_softc, wtp: nw_work_thread): number {
  const ifp = sc.sc_ethercom.ec_if;
  const { sc_regs } = sc;
  for (let round = 0; round < ROUNDS; round++) {
    if (!sc.sc_running) {
      // Not ours; or a card that was away, was never halted therefore, and is back: it would ask for ever.
      sc_regs.silence();
      return 1;
    }
    const csr0 = sc_regs.readCsr0();
    if ((csr0 & INTR) === 0 || csr0 === GONE) return 1;
    sc_regs.writeCsr0((csr0 & CSR0_CAUSES) | IENA);
    if ((csr0 & RINT) !== 0) pcn_rxintr(sc, wtp);
    if ((csr0 & TINT) !== 0) txintr(sc, ifp, wtp);
    // Nothing to do for the others: BABL has left, and frames missed are counted from CSR112 by the tick.
    if ((csr0 & MERR) !== 0) {
      sc.sc_ev.bus_errors++;
      pcn_recover(sc);
      return 1;
    }
  }
  return 0;
}

function txintr(sc: pcn_softc, ifp: ifnet, wtp: nw_work_thread): void {
  NW_SIGLOCK_P(ifp.if_snd_ex!, sc.sc_iopkt, wtp);
  pcn_txreap(sc);
  // It gives the mutex back.
  pcn_start(ifp);
}

/** Passes up what the chip has given back: at most once around the ring. Stack context after the chip was halted, too. */
export function pcn_rxintr(sc: pcn_softc, wtp: nw_work_thread): void {
  const { sc_rxring: ring } = sc;
  const { dma } = sc.sc_pci;
  const mask = ring.count - 1;
  for (let i = 0; i <= mask; i++) {
    const index = sc.sc_rxnext;
    dma.syncForCpu(ring.address, 16);
    // A protocol may have stopped us, for good, from within if_input.
    if (sc.sc_rxmbuf[index] === null || ring.owned(index)) return;
    let status = ring.status(index);
    const next = (index + 1) & mask;
    // A frame begins here and does not end here: until the chip is done with the next one too it is not whole.
    if ((status & VERDICT) >>> 0 === STP) {
      if (ring.owned(next)) return;
      status = ring.status(index);
    }
    sc.sc_rxnext = next;
    if ((status & VERDICT) >>> 0 === WHOLE) receive(sc, index, wtp);
    else {
      refuse(sc, status);
      recycle(sc, index);
    }
  }
}

function receive(sc: pcn_softc, index: number, wtp: nw_work_thread): void {
  const { sc_rxring: ring, sc_ev } = sc;
  const ifp = sc.sc_ethercom.ec_if;
  const m = sc.sc_rxmbuf[index]!;
  const length = ring.messageBytes(index) - ETH_FCS_LEN;
  sc.sc_rxinframe = false;
  CACHE_INVAL(null, m.data, m.data, length);
  if (length < ETH_HLEN || (length > ETH_FRAME_LEN && !isTagged(sc, m.data, length))) {
    sc_ev.rx_length_errors++;
    ifp.if_ierrors++;
    recycle(sc, index);
    return;
  }
  const fresh = m_getcl_wtp(M_DONTWAIT, MT_DATA, M_PKTHDR, wtp);
  if (fresh === null) {
    sc_ev.rx_no_buffer++;
    ifp.if_ierrors++;
    recycle(sc, index);
    return;
  }
  fresh.data += PCN_RXOFFSET;
  sc.sc_rxmbuf[index] = fresh;
  recycle(sc, index);
  m.length = length;
  m.packetLength = length;
  m_set_rcvif(m, ifp);
  ifp.if_ipackets++;
  ifp.if_input(ifp, m);
}

/** A VLAN tag makes four bytes more of the longest frame. */
function isTagged(sc: pcn_softc, at: number, length: number): boolean {
  if (length > LONGEST) return false;
  const { u8 } = sc.sc_iopkt.machine.memory;
  return ((u8[at + 12] << 8) | u8[at + 13]) === ETH_P_8021Q;
}

/** Gives the descriptor, with the buffer that belongs to it, to the chip. */
export function recycle(sc: pcn_softc, index: number): void {
  const { sc_rxring: ring } = sc;
  ring.prepare(index, sc.sc_rxmbuf[index]!.data, PCN_RXBYTES);
  ring.give(index);
}

/** Counts a descriptor that holds no good frame. A frame over several descriptors counts once, at its first. */
function refuse(sc: pcn_softc, status: number): void {
  const { sc_ev } = sc;
  const starts = (status & STP) !== 0;
  const counted = sc.sc_rxinframe && !starts;
  sc.sc_rxinframe = (status & (ENP | ERR)) === 0;
  if (counted) return;
  sc.sc_ethercom.ec_if.if_ierrors++;
  if ((status & ERR) === 0) sc_ev.rx_length_errors++;
  if ((status & CRC) !== 0) sc_ev.rx_crc_errors++;
  if ((status & FRAM) !== 0) sc_ev.rx_frame_errors++;
  if ((status & OFLO) !== 0) sc_ev.rx_fifo_errors++;
}
