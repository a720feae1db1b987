// Drivers whose interrupt side is broken.

import { IFF_OACTIVE, LINK_STATE_DOWN, LINK_STATE_UP } from '../../iopkt/flags.ts';
import { if_link_state_change } from '../../iopkt/ifnet.ts';
import { InterruptDetach, InterruptMask, interrupt_queue } from '../../iopkt/interrupt.ts';
import { NW_SIGLOCK, NW_SIGUNLOCK } from '../../iopkt/locks.ts';
import { M_DONTWAIT, MT_DATA, m_freem, m_getcl } from '../../iopkt/mbuf.ts';
import { MDI_MonitorPhy } from '../../iopkt/mdi.ts';
import { CAUSE_LINK, CAUSE_RX, CAUSE_TX, GONE } from '../../iopkt/testing-card.ts';
import { XX } from '../../iopkt/testing-driver.ts';
import { xx_reap } from '../../iopkt/testing-driver-traffic.ts';
import type { xx_softc } from '../../iopkt/testing-softc.ts';
import type { nw_work_thread } from '../../iopkt/threads.ts';
import { M_PKTHDR } from '../../mbuf/mbuf.ts';
import { type BrokenDriver, broken, perCard } from './broken.ts';

/** Interrupts that I05's driver lets pass before it masks for the first time: above what is a storm. */
const STORM = 1100;
const LINK_BIT = 4;

const passed = perCard(() => ({ count: 0 }));
const lastLink = perCard(() => ({ up: true }));

/** process_interrupt with another way to treat transmissions. */
function processing(transmitted: (sc: xx_softc) => void): (sc: xx_softc, wtp: nw_work_thread) => number {
  return (sc, wtp) => {
    for (let i = 0; i < sc.card.slots; i++) {
      const cause = sc.card.readCause();
      if (cause === 0 || cause === GONE) return 1;
      if ((cause & CAUSE_RX) !== 0) sc.fn.receive(sc, wtp);
      if ((cause & CAUSE_TX) !== 0) transmitted(sc);
      if ((cause & CAUSE_LINK) !== 0) MDI_MonitorPhy(sc.mdi.value!);
    }
    return 0;
  };
}

function locked(sc: xx_softc, work: () => void): void {
  const mutex = sc.sc_ec.ec_if.if_snd_ex!;
  NW_SIGLOCK(mutex, sc.iopkt);
  work();
  NW_SIGUNLOCK(mutex, sc.iopkt);
}

export const BROKEN_INTERRUPT: readonly BrokenDriver[] = [
  broken('I01', 'stop keeps the handler; only detach gives it back', {
    stop(ifp, disable) {
      const sc = ifp.if_softc as xx_softc;
      const { iid } = sc;
      sc.iid = -1;
      XX.stop(ifp, disable);
      sc.iid = iid;
    },
    detach(sc, flags) {
      const error = XX.detach(sc, flags);
      if (sc.iid !== -1) InterruptDetach(sc.iid);
      return error;
    },
  }),
  broken('I03', 'the ISR claims every interrupt on the line', {
    isr(sc) {
      sc.card.writeMask(true);
      return interrupt_queue(sc.iopkt, sc.inter);
    },
  }),
  broken('I04', 'causes are cleared, unseen, before the card is unmasked', {
    enable(sc) {
      sc.card.readCause();
      return XX.enable(sc);
    },
  }),
  broken('I05', 'the ISR silences the card only from its 1100th call on', {
    isr(sc) {
      if (sc.inter.on_list === 0 && sc.card.peekCause() === 0) return null;
      if (++passed(sc).count > STORM) sc.card.writeMask(true);
      return interrupt_queue(sc.iopkt, sc.inter);
    },
  }),
  broken('I06', 'the card is unmasked at the start of process_interrupt', {
    process(sc, wtp) {
      sc.card.writeMask(false);
      return XX.process(sc, wtp);
    },
  }),
  broken('N09', 'packets are taken back only when the ring is full', {
    process: processing((sc) => {
      const ifp = sc.sc_ec.ec_if;
      if ((ifp.if_flags_tx & IFF_OACTIVE) === 0) return;
      NW_SIGLOCK(ifp.if_snd_ex!, sc.iopkt);
      xx_reap(sc);
      sc.fn.start(ifp);
    }),
    monitor(sc) {
      // The same without a look at the ring.
      const { txFree } = sc;
      sc.txFree = sc.card.slots;
      XX.monitor(sc);
      sc.txFree = txFree;
    },
  }),
  broken('N10', 'packets are taken back after a full ring, and start is not called again', {
    process: processing((sc) => locked(sc, () => xx_reap(sc))),
  }),
  broken('N14', 'the ISR takes a buffer', {
    isr(sc, iid) {
      m_freem(m_getcl(M_DONTWAIT, MT_DATA, M_PKTHDR));
      return XX.isr(sc, iid);
    },
  }),
  broken('F03', 'causes are served until none is left, also when they are all ones', {
    process(sc, wtp) {
      let rounds = 0;
      for (let cause = sc.card.readCause(); cause !== 0; cause = sc.card.readCause()) {
        if ((cause & CAUSE_RX) !== 0) sc.fn.receive(sc, wtp);
        if ((cause & CAUSE_TX) !== 0) {
          NW_SIGLOCK(sc.sc_ec.ec_if.if_snd_ex!, sc.iopkt);
          xx_reap(sc);
          sc.fn.start(sc.sc_ec.ec_if);
        }
        if ((cause & CAUSE_LINK) !== 0) MDI_MonitorPhy(sc.mdi.value!);
        // With an end, as long as the card is there.
        if (cause !== GONE && ++rounds === sc.card.slots) return 0;
      }
      return 1;
    },
  }),
  broken('F05', 'when the link goes with frames in the ring the card is halted for good', {
    process(sc, wtp) {
      const { card } = sc;
      const done = XX.process(sc, wtp);
      if ((card.phy[1] & LINK_BIT) === 0 && sc.txFree < card.slots) card.writeRun(false);
      return done;
    },
  }),
  broken('P11', 'process_interrupt returns what is neither 0 nor 1', {
    process: (sc, wtp) => 2 * XX.process(sc, wtp),
  }),
  broken(
    'P12',
    'the ISR masks by the iid it is given, and does not keep it',
    {
      isr(sc, iid) {
        InterruptMask(sc.card.irq, iid);
        return interrupt_queue(sc.iopkt, sc.inter);
      },
    },
    ['kermask'],
  ),
  broken('P13', 'the ISR takes it that the card is masked because its entry is listed', {
    isr(sc) {
      if (sc.inter.on_list === 0) {
        if (sc.card.peekCause() === 0) return null;
        sc.card.writeMask(true);
      }
      return interrupt_queue(sc.iopkt, sc.inter);
    },
  }),
  broken('P15', 'that the link is up is told three times over', {
    process(sc, wtp) {
      const done = XX.process(sc, wtp);
      const state = lastLink(sc);
      const up = (sc.card.phy[1] & LINK_BIT) !== 0;
      if (up && !state.up) {
        if_link_state_change(sc.sc_ec.ec_if, LINK_STATE_DOWN);
        if_link_state_change(sc.sc_ec.ec_if, LINK_STATE_UP);
      }
      state.up = up;
      return done;
    },
  }),
  broken('crash', 'process_interrupt uses a pointer that is null', {
    process(sc, wtp) {
      const nothing = null as unknown as { length: number };
      return nothing.length + XX.process(sc, wtp);
    },
  }),
];
