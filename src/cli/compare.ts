// `softnet compare`: two drivers for one card, as tables, as JSON, as pictures.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runBench } from '../bench/index.ts';
import { BENCH_DRIVERS, type BenchDriver } from '../bench/path.ts';
import { agrees, type Comparison, compareDrivers } from '../compare/compare.ts';
import { type ComparedDriver, ownDriver, treeDriver } from '../compare/drivers.ts';
import type { DriverModule } from '../iopkt/entry.ts';
import { benchTable } from './bench.ts';
import { comparisonText } from './compare-tables.ts';
import { EXIT_LAB_FAILED, EXIT_OK, type Io, UserError } from './io.ts';
import { Progress } from './progress.ts';

export interface CompareCommandOptions {
  chip?: string;
  frames?: number;
  seed?: number;
  sweep?: boolean;
  sensitivity?: boolean;
  rules?: boolean;
  wall?: boolean;
  plots?: string;
  quick?: boolean;
  json?: boolean;
}

export async function compareCommand(
  io: Io,
  old: string,
  next: string,
  options: CompareCommandOptions,
): Promise<number> {
  const progress = new Progress(io);
  let comparison: Comparison;
  try {
    const drivers = [await driverOf(old), await driverOf(next)] as const;
    comparison = await compareDrivers(...drivers, { ...options, progress: (what) => progress.say(what) });
  } catch (error) {
    if (error instanceof RangeError) throw new UserError(error.message);
    throw error;
  } finally {
    progress.end();
  }
  // Real time is another thing than what a cost table says: never in one table, nor in one object.
  const wall = options.wall === true ? await wallClock(io, [comparison.old, comparison.next], options) : null;
  if (options.plots !== undefined) await writePlots(io, options.plots, comparison);
  if (options.json === true) io.out(`${JSON.stringify({ virtual: comparison, wall })}\n`);
  else {
    io.out(comparisonText(comparison));
    if (wall !== null) io.out(`\nwall clock, this machine, this run\n${benchTable(wall)}`);
  }
  return agrees(comparison) ? EXIT_OK : EXIT_LAB_FAILED;
}

/** One of the tree by its name, or a file whose default export is what a driver's file exports. */
async function driverOf(name: string): Promise<ComparedDriver> {
  if (!/[/\\.]/.test(name)) return treeDriver(name);
  let module: Partial<DriverModule> | undefined;
  try {
    module = ((await import(pathToFileURL(name).href)) as { default?: Partial<DriverModule> }).default;
  } catch (error) {
    throw new UserError(`${name}: ${(error as Error).message}`);
  }
  if (module?.iopkt_drvr_entry === undefined && module?.io_net_dll_entry === undefined)
    throw new UserError(`${name}: its default export is to have iopkt_drvr_entry or io_net_dll_entry`);
  return ownDriver(basename(name), module as DriverModule);
}

async function wallClock(io: Io, names: readonly string[], { quick }: CompareCommandOptions) {
  const progress = new Progress(io);
  const drivers = names.filter((name): name is BenchDriver => BENCH_DRIVERS.includes(name as BenchDriver));
  try {
    return await runBench({ quick, drivers, progress: (what) => progress.say(`measuring ${what}`) });
  } finally {
    progress.end();
  }
}

async function writePlots(io: Io, folder: string, comparison: Comparison): Promise<void> {
  const { plotComparison } = await import('../compare/plots.ts');
  const pictures = await plotComparison(comparison);
  try {
    if (!existsSync(folder)) mkdirSync(folder);
    for (const { name, svg } of pictures) writeFileSync(join(folder, name), svg);
  } catch (error) {
    throw new UserError(`${folder}: ${(error as Error).message}`);
  }
  io.err(`${pictures.length} pictures in ${folder}\n`);
}
