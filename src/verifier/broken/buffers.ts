// Drivers that forget that buffers may have more than one owner, and one that forgets that there are other sources.

import { M_DONTWAIT, m_set_rcvif } from '../../iopkt/mbuf.ts';
import { m_copym } from '../../iopkt/mbuf-ops.ts';
import type { xx_softc } from '../../iopkt/testing-softc.ts';
import { M_EXT, MCLBYTES } from '../../mbuf/mbuf.ts';
import { type BrokenDriver, broken } from './broken.ts';
import { losing, receiving } from './traffic.ts';

const SHORTEST = 60;

/** Passes a copy up that shares the cluster's bytes, and leaves the cluster in the ring as if it had copied them. */
function recycling(sc: xx_softc): void {
  const { card } = sc;
  const ifp = sc.sc_ec.ec_if;
  for (let i = 0; i < card.slots && card.rxLength[sc.rxNext] > 0; i++) {
    const slot = sc.rxNext;
    sc.rxNext = (slot + 1) % card.slots;
    const m = sc.rx[slot]!;
    const length = Math.min(card.rxLength[slot], MCLBYTES);
    m.length = m.packetLength = length;
    const up = m_copym(m, 0, length, M_DONTWAIT);
    card.rxLength[slot] = 0;
    if (up === null) {
      ifp.if_ierrors++;
      continue;
    }
    m_set_rcvif(up, ifp);
    ifp.if_ipackets++;
    ifp.if_input(ifp, up);
  }
}

export const BROKEN_BUFFERS: readonly BrokenDriver[] = [
  broken('N11', 'pads short packets where they lie', {
    start: losing((m) => {
      if (m.next === null && m.length < SHORTEST)
        m.pool.memory.u8.fill(0, m.data + m.length, m.data + SHORTEST);
      return false;
    }),
  }),
  broken('B04', 'counts a reference to shared bytes and never takes it back', {
    start: losing((m) => {
      if ((m.flags & M_EXT) !== 0 && m.pool.references[m.storage] > 1) m.pool.references[m.storage]++;
      return false;
    }),
  }),
  broken('B06', 'gives the bytes of a packet to the card again that it has passed up', {
    receive: recycling,
  }),
  broken('N17', 'receives as long as there are frames', {
    receive: receiving((ifp, m) => ifp.if_input(ifp, m), { most: Number.POSITIVE_INFINITY }),
  }),
  broken('F06', 'believes in every length', {
    receive: receiving((ifp, m) => ifp.if_input(ifp, m), { longest: Number.POSITIVE_INFINITY }),
  }),
];
