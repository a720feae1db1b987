// `softnet bench`: the table of what src/bench measures.

import { writeFileSync } from 'node:fs';
import { type BenchRow, runBench } from '../bench/index.ts';
import type { BenchDriver } from '../bench/path.ts';
import { benchQdiscs, type QdiscBenchRow, sweepQdiscs } from '../bench/qdisc-bench.ts';
import { plotQdiscs } from '../bench/qdisc-plot.ts';
import { EXIT_OK, type Io } from './io.ts';
import { Progress } from './progress.ts';
import { table } from './tables.ts';

export interface BenchCommandOptions {
  json?: boolean;
  quick?: boolean;
  driver?: BenchDriver;
  /** Queueing disciplines instead of drivers; and a file for the picture of their costs. */
  qdiscs?: boolean;
  plot?: string;
}

export async function benchCommand(io: Io, options: BenchCommandOptions): Promise<number> {
  const progress = new Progress(io);
  if (options.qdiscs === true || options.plot !== undefined)
    return await benchQdiscCommand(io, options, progress);
  const rows = await runBench({
    quick: options.quick,
    drivers: options.driver === undefined ? undefined : [options.driver],
    progress: (what) => progress.say(`measuring ${what}`),
  });
  progress.end();
  io.out(options.json === true ? `${JSON.stringify(rows)}\n` : benchTable(rows));
  return EXIT_OK;
}

async function benchQdiscCommand(io: Io, options: BenchCommandOptions, progress: Progress): Promise<number> {
  const { quick, plot, json } = options;
  const how = { quick, progress: (what: string) => progress.say(`measuring ${what}`) };
  const costs = await benchQdiscs(how);
  const sweep = await sweepQdiscs(how);
  progress.end();
  if (plot !== undefined) writeFileSync(plot, await plotQdiscs(sweep));
  if (json === true) io.out(`${JSON.stringify({ costs, sweep })}\n`);
  else io.out(`${qdiscTable(costs)}\nagainst flows and classes\n${qdiscTable(sweep)}`);
  return EXIT_OK;
}

function qdiscTable(rows: readonly QdiscBenchRow[]): string {
  const head = [
    'discipline',
    'flows',
    'waiting',
    'ns/packet',
    'target',
    'heap bytes/packet',
    'to the bare list',
  ];
  const lines = rows.map((row) => [
    row.name,
    `${row.flows}`,
    `${row.depth}`,
    row.nsPerPacket.toFixed(1),
    row.target === null ? '' : `${row.target}`,
    row.bytesPerPacket.toFixed(2),
    row.ratioToBareList.toFixed(1),
  ]);
  return `${table(head, [1, 2, 3, 4, 5, 6], lines)}\n`;
}

/** Also a table of `softnet compare`. */
export function benchTable(rows: readonly BenchRow[]): string {
  const lines = rows.map((row) => [
    row.name,
    row.driver ?? '',
    row.mpps.toFixed(2),
    row.nsPerPacket.toFixed(1),
    row.bytesPerPacket.toFixed(2),
    row.ratioToBareRing.toFixed(2),
    row.ratioToPcnet32?.toFixed(2) ?? '',
    row.ratioToNative?.toFixed(2) ?? '',
  ]);
  const head = [
    'what',
    'driver',
    'Mpps',
    'ns/packet',
    'heap bytes/packet',
    'of the bare ring',
    'of pcnet32',
    'of native',
  ];
  return `${table(head, [2, 3, 4, 5, 6, 7], lines)}\n`;
}
