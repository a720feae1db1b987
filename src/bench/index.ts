// `softnet bench`: receive, transmit and forward with small and full frames by each driver, each beside the bare ring and
// pcnet32 measured in the same run, as ratios. Targets, for one thread and 60-byte frames: pcnet32 receives 6 Mpps and 0.35 of
// the bare ring and forwards 3.5 Mpps; the io-pkt drivers receive and forward at 0.85 of pcnet32 or better; at most 1 byte of
// heap a packet. Drivers of io-net run under the shim, each beside the native driver of its card: what the shim costs has no
// target.

import { Worker } from 'node:worker_threads';
import type { Measurement } from './measure.ts';
import { BENCH_DRIVERS, type BenchDriver, NATIVE_OF } from './path.ts';
import type { BenchCase } from './worker.ts';

export interface BenchRow {
  /** `receive 60`: what is done, and the length of the frames. */
  name: string;
  /** Null for the bare ring, which has none. */
  driver: BenchDriver | null;
  /** Million packets a second. */
  mpps: number;
  nsPerPacket: number;
  bytesPerPacket: number;
  /** Packets a second against the bare ring's with frames of the same size. */
  ratioToBareRing: number;
  /** The same against pcnet32's; null where it was not measured. */
  ratioToPcnet32: number | null;
  /** Of an io-net driver under the shim: against the native driver's of the same card. */
  ratioToNative: number | null;
}

export interface BenchOptions {
  /** A shorter run, for a first impression. */
  quick?: boolean;
  /** Told what is measured next. */
  progress?: (what: string) => void;
  /** Drivers under test. Default: all. */
  drivers?: readonly BenchDriver[];
}

const SIZES = [60, 1514];
/** The drivers are measured in turn, so often, and the best of each counts: a machine that is busy for a while slows all of them. */
const TURNS = 3;
const CASES = ['receive', 'transmit', 'forward'];

export async function runBench(options: BenchOptions = {}): Promise<BenchRow[]> {
  const { drivers = BENCH_DRIVERS, progress = () => {} } = options;
  const seconds = options.quick === true ? 0.35 : 2.4;
  const rows: BenchRow[] = [];
  for (const size of SIZES) {
    progress(`bare ring ${size} bytes`);
    const ceiling = await runCase({ name: 'bare ring', size, seconds });
    rows.push(row(`bare ring ${size}`, null, new Map([[null, ceiling]])));
    for (const name of CASES) {
      const measured = new Map<BenchDriver | null, Measurement>([[null, ceiling]]);
      for (let turn = 0; turn < TURNS; turn++)
        for (const driver of drivers) {
          progress(`${name} ${size} bytes, ${driver}`);
          const again = await runCase({ name, size, seconds: seconds / TURNS, driver });
          measured.set(driver, better(measured.get(driver), again));
        }
      for (const driver of drivers) rows.push(row(`${name} ${size}`, driver, measured));
    }
  }
  return rows;
}

function better(one: Measurement | undefined, other: Measurement): Measurement {
  return one === undefined || other.nsPerPacket < one.nsPerPacket ? other : one;
}

function row(
  name: string,
  driver: BenchDriver | null,
  measured: ReadonlyMap<BenchDriver | null, Measurement>,
): BenchRow {
  const { nsPerPacket, bytesPerPacket } = measured.get(driver)!;
  const ratioTo = (other: BenchDriver | null | undefined): number | null => {
    const its = other === undefined ? undefined : measured.get(other);
    return its === undefined ? null : its.nsPerPacket / nsPerPacket;
  };
  return {
    name,
    driver,
    mpps: 1000 / nsPerPacket,
    nsPerPacket,
    bytesPerPacket,
    ratioToBareRing: ratioTo(null)!,
    ratioToPcnet32: ratioTo('pcnet32'),
    ratioToNative: driver === null ? null : ratioTo(NATIVE_OF[driver]),
  };
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
