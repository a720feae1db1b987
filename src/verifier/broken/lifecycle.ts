// Drivers whose attach, init, stop or detach is broken.

import { callout, callout_init, callout_msec, callout_stop } from '../../iopkt/callout.ts';
import { ENXIO, EOK } from '../../iopkt/errno.ts';
import { ether_ifattach } from '../../iopkt/ether.ts';
import { IFF_RUNNING } from '../../iopkt/flags.ts';
import { shutdownhook_disestablish, shutdownhook_establish } from '../../iopkt/hooks.ts';
import { if_attach } from '../../iopkt/ifnet.ts';
import { NW_SIGLOCK, NW_SIGUNLOCK } from '../../iopkt/locks.ts';
import { XX } from '../../iopkt/testing-driver.ts';
import type { xx_softc } from '../../iopkt/testing-softc.ts';
import { pthread_create } from '../../iopkt/threads.ts';
import { type BrokenDriver, broken, perCard } from './broken.ts';

/** Reads of F07's driver: above what is polling, below what is an endless loop. */
const READS = 20_000;
const FAR_AWAY_MS = 1_000_000;

/** Whether attach is over: until then N13's init says that all is well. */
const attached = perCard(() => ({ done: false }));
const more = perCard<callout[]>(() => []);

export const BROKEN_LIFECYCLE: readonly BrokenDriver[] = [
  broken('N12', 'the card is halted by stop, and runs on', {
    stop(ifp, disable) {
      XX.stop(ifp, disable);
      if (disable === 0) return;
      const { card } = ifp.if_softc as xx_softc;
      card.running = true;
      card.rxLength.fill(0);
    },
  }),
  broken('N13', 'becomes an interface before it is ready', {
    attach(sc, options) {
      attached(sc).done = false;
      const error = XX.attach(sc, options);
      attached(sc).done = true;
      return error;
    },
    init(ifp) {
      const sc = ifp.if_softc as xx_softc;
      if (attached(sc).done) return XX.init(ifp);
      NW_SIGLOCK(ifp.if_snd_ex!, sc.iopkt);
      ifp.if_flags_tx |= IFF_RUNNING;
      NW_SIGUNLOCK(ifp.if_snd_ex!, sc.iopkt);
      ifp.if_flags |= IFF_RUNNING;
      return EOK;
    },
  }),
  broken('N16', 'a card without an address becomes an interface', {
    attach(sc, options) {
      const error = XX.attach(sc, options);
      if (error !== ENXIO) return error;
      const ifp = sc.sc_ec.ec_if;
      ifp.if_xname = sc.dv_xname;
      ifp.if_softc = sc;
      ifp.if_init = XX.init;
      ifp.if_stop = XX.stop;
      ifp.if_start = XX.start;
      ifp.if_ioctl = XX.ioctl;
      if_attach(ifp);
      ether_ifattach(ifp, sc.card.mac);
      return EOK;
    },
  }),
  broken('F01', 'an attach that fails leaves its shutdown hook', {
    attach(sc, options) {
      const hook = shutdownhook_establish(XX.shutdown, sc);
      const error = XX.attach(sc, options);
      if (error === EOK) shutdownhook_disestablish(hook);
      return error;
    },
  }),
  broken('F02', 'detach leaves its shutdown hook', {
    detach(sc, flags) {
      sc.hook = null;
      return XX.detach(sc, flags);
    },
  }),
  broken('F07', 'init waits by reading a register', {
    init(ifp) {
      const sc = ifp.if_softc as xx_softc;
      for (let i = 0; i < READS && !sc.dying; i++) sc.card.peekCause();
      return XX.init(ifp);
    },
  }),
  broken('P01', 'each init arms a callout of its own', {
    init(ifp) {
      const sc = ifp.if_softc as xx_softc;
      const error = XX.init(ifp);
      if (error !== EOK || sc.dying) return error;
      const another = new callout();
      more(sc).push(another);
      callout_init(another);
      callout_msec(another, FAR_AWAY_MS, () => {}, null);
      return error;
    },
    stop(ifp, disable) {
      XX.stop(ifp, disable);
      if (disable !== 0) for (const each of more(ifp.if_softc as xx_softc)) callout_stop(each);
    },
  }),
  broken('P02', 'init does not ask whether it is being detached', {
    init(ifp) {
      const sc = ifp.if_softc as xx_softc;
      sc.dying = false;
      return XX.init(ifp);
    },
  }),
  broken('P03', 'stop gives the shutdown hook back', {
    stop(ifp, disable) {
      const sc = ifp.if_softc as xx_softc;
      XX.stop(ifp, disable);
      if (disable !== 0 && sc.hook !== null) shutdownhook_disestablish(sc.hook);
    },
  }),
  broken('P04', 'init sets RUNNING in one word', {
    init(ifp) {
      const error = XX.init(ifp);
      ifp.if_flags &= ~IFF_RUNNING;
      return error;
    },
  }),
  broken('P14', 'the monitor does not arm its callout again', {
    monitor(sc) {
      XX.monitor(sc);
      callout_stop(sc.mii_callout);
    },
  }),
  broken('P19', 'the shutdown hook does nothing', { shutdown() {} }),
  broken('P20', 'attach makes a thread that is not tracked', {
    attach(sc, options) {
      const error = XX.attach(sc, options);
      if (error === EOK) pthread_create(null, { name: 'receive' }, sleeper, sc);
      return error;
    },
  }),
  broken('manual', 'attach calls if_attach twice', {
    attach(sc, options) {
      const error = XX.attach(sc, options);
      if (error === EOK) if_attach(sc.sc_ec.ec_if);
      return error;
    },
  }),
];

function* sleeper(sc: xx_softc): Generator<number, void, void> {
  while (!sc.dying) yield 1_000_000_000;
}
