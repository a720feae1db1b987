// One discipline in an isolate of its own, so that none spoils V8's type feedback for the next.

import { parentPort, workerData } from 'node:worker_threads';
import { measure } from './measure.ts';
import { BATCH, qdiscStep } from './qdisc-cases.ts';

/** What the worker is told, and its answer is a Measurement. */
export interface QdiscBenchCase {
  name: string;
  flows: number;
  depth: number;
  seconds: number;
}

const { name, flows, depth, seconds } = workerData as QdiscBenchCase;
parentPort?.postMessage(measure(BATCH, seconds, qdiscStep(name, flows, depth)));
