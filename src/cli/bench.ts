// `softnet bench`: the table of what src/bench measures.

import { type BenchRow, runBench } from '../bench/index.ts';
import { EXIT_OK, type Io } from './io.ts';
import { Progress } from './progress.ts';
import { table } from './tables.ts';

export async function benchCommand(io: Io, options: { json?: boolean; quick?: boolean }): Promise<number> {
  const progress = new Progress(io);
  const rows = await runBench({
    quick: options.quick,
    progress: (what) => progress.say(`measuring ${what}`),
  });
  progress.end();
  io.out(options.json === true ? `${JSON.stringify(rows)}\n` : benchTable(rows));
  return EXIT_OK;
}

function benchTable(rows: readonly BenchRow[]): string {
  const lines = rows.map(({ name, mpps, nsPerPacket, bytesPerPacket, ratioToBareRing }) => [
    name,
    mpps.toFixed(2),
    nsPerPacket.toFixed(1),
    bytesPerPacket.toFixed(2),
    ratioToBareRing.toFixed(2),
  ]);
  return `${table(['what', 'Mpps', 'ns/packet', 'heap bytes/packet', 'of the bare ring'], [1, 2, 3, 4], lines)}\n`;
}
