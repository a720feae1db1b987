// Drivers that treat packets wrongly.

import { ETHERCAP_VLAN_MTU, IFF_RUNNING } from '../../iopkt/flags.ts';
import type { ifnet } from '../../iopkt/ifnet.ts';
import { IFQ_DEQUEUE, IFQ_POLL } from '../../iopkt/ifq.ts';
import { NW_SIGLOCK_P, NW_SIGUNLOCK_P } from '../../iopkt/locks.ts';
import { M_DONTWAIT, MT_DATA, m_freem, m_getcl_wtp, m_set_rcvif, mbuf_phys } from '../../iopkt/mbuf.ts';
import { XX } from '../../iopkt/testing-driver.ts';
import type { xx_softc } from '../../iopkt/testing-softc.ts';
import type { nw_work_thread } from '../../iopkt/threads.ts';
import { M_PKTHDR, type Mbuf, MCLBYTES } from '../../mbuf/mbuf.ts';
import { type BrokenDriver, broken } from './broken.ts';

const LONG = 1400;
const MANY = 4;
const FULL = 1514;
const FCS = 4;

type Receive = (sc: xx_softc, wtp: nw_work_thread) => void;

/** The receive function, whose way to hand a packet up is another; at most `most` packets at a time: as many as its ring has, none longer than `longest`. */
export function receiving(
  handUp: (ifp: ifnet, m: Mbuf, sc: xx_softc, wtp: nw_work_thread) => void,
  { most = 32, longest = MCLBYTES }: { most?: number; longest?: number } = {},
): Receive {
  return (sc, wtp) => {
    const { card } = sc;
    const ifp = sc.sc_ec.ec_if;
    for (let i = 0; i < most && card.rxLength[sc.rxNext] > 0; i++) {
      const length = card.rxLength[sc.rxNext];
      const slot = sc.rxNext;
      sc.rxNext = (slot + 1) % card.slots;
      const fresh = m_getcl_wtp(M_DONTWAIT, MT_DATA, M_PKTHDR, wtp);
      if (fresh === null || length > longest) {
        m_freem(fresh);
        ifp.if_ierrors++;
        card.rxLength[slot] = 0;
        continue;
      }
      const m = sc.rx[slot]!;
      sc.rx[slot] = fresh;
      card.rxAddress[slot] = mbuf_phys(fresh);
      card.rxLength[slot] = 0;
      m.length = m.packetLength = length;
      m_set_rcvif(m, ifp);
      ifp.if_ipackets++;
      handUp(ifp, m, sc, wtp);
    }
  };
}

/** Passes up first and looks for a new buffer then. */
function hasty(sc: xx_softc, wtp: nw_work_thread): void {
  const { card } = sc;
  const ifp = sc.sc_ec.ec_if;
  for (let i = 0; i < card.slots && card.rxLength[sc.rxNext] > 0; i++) {
    const length = card.rxLength[sc.rxNext];
    const slot = sc.rxNext;
    const m = sc.rx[slot]!;
    sc.rxNext = (slot + 1) % card.slots;
    if (length > MCLBYTES) {
      ifp.if_ierrors++;
      card.rxLength[slot] = 0;
      continue;
    }
    m.length = m.packetLength = length;
    m_set_rcvif(m, ifp);
    ifp.if_ipackets++;
    ifp.if_input(ifp, m);
    const fresh = m_getcl_wtp(M_DONTWAIT, MT_DATA, M_PKTHDR, wtp);
    sc.rx[slot] = fresh;
    // Empty: the card has nowhere to put a frame.
    card.rxLength[slot] = fresh === null ? -1 : 0;
    if (fresh !== null) card.rxAddress[slot] = mbuf_phys(fresh);
  }
}

/** start, before which packets of some kind are freed and nobody is told. */
export function losing(which: (m: Mbuf) => boolean): (ifp: ifnet) => void {
  return (ifp) => {
    if ((ifp.if_flags_tx & IFF_RUNNING) !== 0) {
      for (let m = IFQ_POLL(ifp.if_snd); m !== null && which(m); m = IFQ_POLL(ifp.if_snd))
        m_freem(IFQ_DEQUEUE(ifp.if_snd));
    }
    XX.start(ifp);
  };
}

function pieces(packet: Mbuf): number {
  let count = 0;
  for (let m: Mbuf | null = packet; m !== null; m = m.next) if (m.length > 0) count++;
  return count;
}

export const BROKEN_TRAFFIC: readonly BrokenDriver[] = [
  broken('N15', 'says that it takes VLAN tags, and refuses what is longer than 1514', {
    attach(sc, options) {
      sc.sc_ec.ec_capabilities |= ETHERCAP_VLAN_MTU;
      return XX.attach(sc, options);
    },
    receive: receiving((ifp, m) => {
      if (m.length <= FULL) {
        ifp.if_input(ifp, m);
        return;
      }
      ifp.if_ierrors++;
      m_freem(m);
    }),
  }),
  broken('B01', 'frees the head of a packet in pieces, and forgets the rest', {
    process(sc, wtp) {
      for (let slot = 0; slot < sc.card.slots; slot++) {
        const m = sc.tx[slot];
        if (m !== null && sc.card.txLength[slot] === 0) m.next = null;
      }
      return XX.process(sc, wtp);
    },
  }),
  broken('B07', 'frees long packets and counts them nowhere', {
    start: losing((m) => m.packetLength > LONG),
  }),
  broken('F09', 'counts received packets twice', {
    receive(sc, wtp) {
      const ifp = sc.sc_ec.ec_if;
      const before = ifp.if_ipackets;
      XX.receive(sc, wtp);
      ifp.if_ipackets += ifp.if_ipackets - before;
    },
  }),
  broken('P05', 'start forgets the mutex when it does not run', {
    start(ifp) {
      if ((ifp.if_flags_tx & IFF_RUNNING) !== 0) XX.start(ifp);
    },
  }),
  broken('P06', 'frees packets of many pieces and counts them nowhere', {
    start: losing((m) => pieces(m) > MANY),
  }),
  broken('P07', 'passes a buffer up before it has another one', { receive: hasty }),
  broken('P08', 'leaves the FCS in the length', {
    receive: receiving((ifp, m) => {
      m.length = m.packetLength += FCS;
      ifp.if_input(ifp, m);
    }),
  }),
  broken('P09', 'looks at the length of a packet that it has passed up', {
    receive: receiving((ifp, m, sc) => {
      ifp.if_input(ifp, m);
      if (m.packetLength > FULL) sc.stats.rx_failed_allocs++;
    }),
  }),
  broken('P10', 'passes packets up with if_snd_ex held', {
    receive: receiving((ifp, m, sc, wtp) => {
      NW_SIGLOCK_P(ifp.if_snd_ex!, sc.iopkt, wtp);
      ifp.if_input(ifp, m);
      NW_SIGUNLOCK_P(ifp.if_snd_ex!, sc.iopkt, wtp);
    }),
  }),
];
