// One case of the bench in an isolate of its own, so that no case spoils V8's type feedback for the next.

import { parentPort, workerData } from 'node:worker_threads';
import { type BareRing, bareRing } from './bare-ring.ts';
import { measure } from './measure.ts';
import { BATCH, BenchHost } from './path.ts';

/** What the worker is told, and its answer is a Measurement. */
export interface BenchCase {
  name: string;
  /** Bytes of a frame, without FCS. */
  size: number;
  seconds: number;
}

const STEPS: Record<string, (size: number) => () => void> = {
  'bare ring': (size) => {
    const ring: BareRing = bareRing(size);
    return () => ring.run(1);
  },
  receive: (size) => {
    const host = new BenchHost();
    host.countPackets();
    host.prepareFrames(size);
    return () => host.receiveBatch(size);
  },
  transmit: (size) => {
    const host = new BenchHost();
    return () => host.transmitBatch(size);
  },
  forward: (size) => {
    const host = new BenchHost();
    host.forwardPackets();
    host.prepareFrames(size);
    return () => host.receiveBatch(size);
  },
};

const { name, size, seconds } = workerData as BenchCase;
parentPort?.postMessage(measure(BATCH, seconds, STEPS[name](size)));
