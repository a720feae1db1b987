// `softnet bench`: receive, transmit and forward with small and full frames, each beside the bare ring measured in the
// same run, as a ratio. Targets, for one thread and 60-byte frames: receive 6 Mpps and 0.35 of the bare ring, forward
// 3.5 Mpps, at most 1 byte of heap a packet.

import { Worker } from 'node:worker_threads';
import type { Measurement } from './measure.ts';
import type { BenchDriver } from './path.ts';
import type { BenchCase } from './worker.ts';

export interface BenchRow {
  name: string;
  /** Million packets a second. */
  mpps: number;
  nsPerPacket: number;
  bytesPerPacket: number;
  /** Packets a second against the bare ring's with frames of the same size. */
  ratioToBareRing: number;
}

export interface BenchOptions {
  /** A shorter run, for a first impression. */
  quick?: boolean;
  /** Told what is measured next. */
  progress?: (what: string) => void;
  /** Driver under test. Default pcnet32. */
  driver?: BenchDriver;
}

const SIZES = [60, 1514];
/** The first is the ceiling of the others. */
const CASES = ['bare ring', 'receive', 'transmit', 'forward'];

export async function runBench(options: BenchOptions = {}): Promise<BenchRow[]> {
  const seconds = options.quick === true ? 0.35 : 2.4;
  const rows: BenchRow[] = [];
  for (const size of SIZES) {
    let ceiling = 0;
    for (const name of CASES) {
      options.progress?.(`${name} ${size} bytes`);
      const { nsPerPacket, bytesPerPacket } = await runCase({ name, size, seconds, driver: options.driver });
      if (ceiling === 0) ceiling = nsPerPacket;
      rows.push({
        name: `${name} ${size}`,
        mpps: 1000 / nsPerPacket,
        nsPerPacket,
        bytesPerPacket,
        ratioToBareRing: ceiling / nsPerPacket,
      });
    }
  }
  return rows;
}

function runCase(workerData: BenchCase): Promise<Measurement> {
  return new Promise((resolve, reject) => {
    // The worker stands beside this file, compiled or not.
    const worker = new Worker(new URL(import.meta.url.replace(/index(\.[jt]s)$/, 'worker$1')), {
      workerData,
    });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`${workerData.name}: the worker ended with ${code}`)));
  });
}
