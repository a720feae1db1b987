// One case of the bench in an isolate of its own, so that no case spoils V8's type feedback for the next.

import { parentPort, workerData } from 'node:worker_threads';
import { type BareRing, bareRing } from './bare-ring.ts';
import { measure } from './measure.ts';
import { BATCH, type BenchDriver, BenchHost } from './path.ts';

/** What the worker is told, and its answer is a Measurement. */
export interface BenchCase {
  name: string;
  /** Bytes of a frame, without FCS. */
  size: number;
  seconds: number;
  /** Default pcnet32. */
  driver?: BenchDriver;
}

const STEPS: Record<string, (size: number, driver?: BenchDriver) => () => void> = {
  'bare ring': (size) => {
    const ring: BareRing = bareRing(size);
    return () => ring.run(1);
  },
  receive: (size, driver) => {
    const host = new BenchHost(driver);
    host.countPackets();
    host.prepareFrames(size);
    return () => host.receiveBatch(size);
  },
  transmit: (size, driver) => {
    const host = new BenchHost(driver);
    return () => host.transmitBatch(size);
  },
  forward: (size, driver) => {
    const host = new BenchHost(driver);
    host.forwardPackets();
    host.prepareFrames(size);
    return () => host.receiveBatch(size);
  },
};

const { name, size, seconds, driver } = workerData as BenchCase;
parentPort?.postMessage(measure(BATCH, seconds, STEPS[name](size, driver)));
