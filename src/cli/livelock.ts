// `softnet livelock`: the table of interrupts against polling.

import { type LivelockPoint, type LivelockReport, livelock } from '../lab/livelock.ts';
import { LabRunError } from '../lab/problem.ts';
import { humanCount, humanShare } from './human.ts';
import { EXIT_OK, type Io, UserError } from './io.ts';
import { Progress } from './progress.ts';
import { open } from './run.ts';
import { table } from './tables.ts';

export async function livelockCommand(
  io: Io,
  file: string,
  options: { for?: number; json?: boolean },
): Promise<number> {
  const progress = new Progress(io);
  try {
    const report = livelock(open(file).spec, { forNs: options.for, progress: (what) => progress.say(what) });
    progress.end();
    io.out(options.json === true ? `${JSON.stringify(report)}\n` : livelockTable(report));
    return EXIT_OK;
  } catch (error) {
    if (error instanceof LabRunError) throw new UserError(error.message);
    throw error;
  }
}

export function livelockTable(report: LivelockReport): string {
  const { lab, capacityPps } = report;
  const head = [
    'load',
    'offered/s',
    'NAPI goodput/s',
    'interrupts/packet',
    'hardirq',
    'no NAPI goodput/s',
    'interrupts/packet',
    'hardirq',
  ];
  const rows = report.rows.map(({ load, offeredPps, polling, interrupts }) => [
    `${Math.round(load * 100)}%`,
    humanCount(offeredPps),
    ...point(polling),
    ...point(interrupts),
  ]);
  const title = `lab ${lab}: minimum-size frames, 100% is ${humanCount(capacityPps)} packets/s`;
  return `${title}\n\n${table(head, [0, 1, 2, 3, 4, 5, 6, 7], rows)}\n`;
}

function point(measured: LivelockPoint): string[] {
  return [
    humanCount(measured.goodputPps),
    measured.interruptsPerPacket.toFixed(3),
    humanShare(measured.hardirqShare),
  ];
}
