// For tests of wrong use: runs a piece of code in one of the contexts of a driver, and says which rule it broke. io-pkt runs
// without a handler (-S), so that the exception comes out of the run.

import { IoPktError } from './self.ts';
import { host, type TestHost, type TestHostOptions } from './testing.ts';
import { XX } from './testing-driver.ts';
import type { DriverFunctions, xx_softc } from './testing-softc.ts';

/** The rule and the message of what `work` throws. */
export function broken(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof IoPktError) return `${error.rule}: ${error.message}`;
    throw error;
  }
  return 'nothing is wrong';
}

/** A mounted host whose driver is changed. */
export function mounted(fn: Partial<DriverFunctions> = {}, more: TestHostOptions = {}): TestHost {
  const it = host({ ...more, fn });
  it.io.mount('xx');
  return it;
}

/** Runs `work` in the driver's interrupt thread, as if it were part of process_interrupt. */
export function inInterrupt(work: (sc: xx_softc) => void): string {
  const it = mounted({
    process(sc, wtp) {
      work(sc);
      return XX.process(sc, wtp);
    },
  });
  it.up();
  return broken(() => {
    it.card.arrive(it.packet(1));
    it.run(1000);
  });
}

/** The same in the ISR, in a callout (stack context), in if_start, in the shutdown hook. */
export function inIsr(work: (sc: xx_softc) => void): string {
  const it = mounted({
    isr(sc, iid) {
      work(sc);
      return XX.isr(sc, iid);
    },
  });
  it.up();
  return broken(() => {
    it.card.arrive(it.packet(1));
    it.run(1000);
  });
}

export function inCallout(work: (sc: xx_softc) => void): string {
  const it = mounted({ monitor: (sc) => work(sc) });
  it.up();
  return broken(() => it.run(3_000_000_000));
}

export function inStart(work: (sc: xx_softc) => void): string {
  const it = mounted({
    start(ifp) {
      work(ifp.if_softc as xx_softc);
      XX.start(ifp);
    },
  });
  it.up();
  return broken(() => it.send(1));
}

export function inHook(work: (sc: xx_softc) => void): string {
  const it = mounted({ shutdown: (sc) => work(sc) });
  const [result] = it.io.stop();
  return result.ok ? 'nothing is wrong' : result.message;
}
