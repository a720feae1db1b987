// `softnet bench --qdiscs`: what a packet costs each discipline, in and out, beside a bare linked list in the same run; and what
// becomes of that with 10 to 100,000 flows or classes. Targets: pfifo_fast 40 ns, fq_codel 150 ns, htb of 100 classes 300 ns; at
// most 1 byte of heap a packet.

import { Worker } from 'node:worker_threads';
import type { Measurement } from './measure.ts';
import { BARE_LIST, QDISC_CASES } from './qdisc-cases.ts';
import type { QdiscBenchCase } from './qdisc-worker.ts';

export interface QdiscBenchRow {
  name: string;
  /** Flows or classes that have packets. */
  flows: number;
  /** Packets that wait meanwhile. */
  depth: number;
  /** Enqueue and dequeue of one packet. */
  nsPerPacket: number;
  /** Heap. */
  bytesPerPacket: number;
  /** Against the bare list's of the same depth. */
  ratioToBareList: number;
  /** Ns; null: none. */
  target: number | null;
}

export interface QdiscBenchOptions {
  /** A shorter run, for a first impression. */
  quick?: boolean;
  /** Told what is measured next. */
  progress?: (what: string) => void;
}

const TARGETS: Readonly<Record<string, number>> = { pfifo_fast: 40, fq_codel: 150, htb: 300 };
/** Packets that wait in a queue that is busy. */
const DEPTH = 100;
const FLOWS = 100;
const SWEPT = ['drr', 'htb', 'sfq', 'fq', 'fq_codel'];
const SWEEP = [10, 100, 1000, 10_000, 100_000];
/** What there can be at most: numbers of classes, queues with packets. */
const MOST_FLOWS: Readonly<Record<string, number>> = {
  drr: 65_534,
  htb: 65_534,
  sfq: 65_000,
  fq_codel: 65_536,
};

/** Every discipline at a common depth, with 100 flows or classes where it tells them apart. */
export async function benchQdiscs(options: QdiscBenchOptions = {}): Promise<QdiscBenchRow[]> {
  const rows: QdiscBenchRow[] = [];
  const list = await run(BARE_LIST, 1, DEPTH, options);
  for (const name of [BARE_LIST, ...QDISC_CASES])
    rows.push(
      row(name, FLOWS, DEPTH, name === BARE_LIST ? list : await run(name, FLOWS, DEPTH, options), list),
    );
  return rows;
}

/** Those with flows or classes, from 10 to 100,000 or as many as there can be; a packet of each waits. */
export async function sweepQdiscs(options: QdiscBenchOptions = {}): Promise<QdiscBenchRow[]> {
  const rows: QdiscBenchRow[] = [];
  for (const wanted of SWEEP) {
    const list = await run(BARE_LIST, 1, wanted, options);
    rows.push(row(BARE_LIST, wanted, wanted, list, list));
    for (const name of SWEPT) {
      const flows = Math.min(wanted, MOST_FLOWS[name] ?? wanted);
      rows.push(row(name, flows, flows, await run(name, flows, flows, options), list));
    }
  }
  return rows;
}

function row(name: string, flows: number, depth: number, its: Measurement, list: Measurement): QdiscBenchRow {
  const target = flows === FLOWS ? (TARGETS[name] ?? null) : null;
  return { name, flows, depth, ...its, ratioToBareList: its.nsPerPacket / list.nsPerPacket, target };
}

function run(name: string, flows: number, depth: number, options: QdiscBenchOptions): Promise<Measurement> {
  options.progress?.(`${name}, ${flows} flows`);
  const workerData: QdiscBenchCase = { name, flows, depth, seconds: options.quick === true ? 0.2 : 1 };
  return new Promise((resolve, reject) => {
    // The worker stands beside this file, compiled or not.
    const url = new URL(import.meta.url.replace(/qdisc-bench(\.[jt]s)$/, 'qdisc-worker$1'));
    const worker = new Worker(url, { workerData });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`${name}: the worker ended with ${code}`)));
  });
}
