// `softnet shape`: two interfaces of this computer's kernel, joined through queueing disciplines of ours, in real time.

import { readFileSync } from 'node:fs';
import { loadLab } from '../lab/load.ts';
import { LabFileError } from '../lab/problem.ts';
import { parseSide, shapeLabText } from '../lab/shape-lab.ts';
import { batchLines } from '../tc/words.ts';
import { EXIT_OK, type Io, UserError } from './io.ts';
import { type RunOptions, runDisk } from './run.ts';

export interface ShapeOptions extends RunOptions {
  /** A file of tc lines. */
  batch?: string;
  /** Prints the lab file in place of running it. */
  print?: boolean;
}

export async function shapeCommand(
  io: Io,
  left: string,
  right: string,
  lines: readonly string[],
  options: ShapeOptions,
): Promise<number> {
  const { batch } = options;
  const file = batch === undefined ? '' : userErrors(() => readFileSync(batch, 'utf8'));
  const tc = [...batchLines(file), ...lines];
  const text = userErrors(() => shapeLabText(parseSide(left), parseSide(right), tc, options.seed ?? 1));
  const spec = userErrors(() => loadLab('shape', text));
  if (options.print === true) {
    io.out(text);
    return EXIT_OK;
  }
  const readFile = (): Uint8Array => new Uint8Array();
  const problemAt = (_: unknown, message: string) => ({ file: 'shape', line: 1, column: 1, message });
  return runDisk(io, 'up', { name: 'shape', spec, readFile, problemAt }, options);
}

function userErrors<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    // Their place is in a file that nobody wrote.
    if (error instanceof LabFileError)
      throw new UserError(error.problems.map(({ message }) => message).join('\n'));
    throw new UserError((error as Error).message);
  }
}
