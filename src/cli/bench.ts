// `softnet bench`: the table of what src/bench measures.

import { type BenchRow, runBench } from '../bench/index.ts';
import type { BenchDriver } from '../bench/path.ts';
import { EXIT_OK, type Io } from './io.ts';
import { Progress } from './progress.ts';
import { table } from './tables.ts';

export interface BenchCommandOptions {
  json?: boolean;
  quick?: boolean;
  driver?: BenchDriver;
}

export async function benchCommand(io: Io, options: BenchCommandOptions): Promise<number> {
  const progress = new Progress(io);
  const rows = await runBench({
    quick: options.quick,
    drivers: options.driver === undefined ? undefined : [options.driver],
    progress: (what) => progress.say(`measuring ${what}`),
  });
  progress.end();
  io.out(options.json === true ? `${JSON.stringify(rows)}\n` : benchTable(rows));
  return EXIT_OK;
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
