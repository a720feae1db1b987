#!/usr/bin/env node
// The command line: `softnet up`, `sim`, the tools for a lab that runs, `check`, `livelock`, `bench`.

import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { CommanderError } from 'commander';
import { EXIT_BROKEN, EXIT_OK, EXIT_USER_ERROR, type Io, processIo, UserError } from './io.ts';
import { makeProgram } from './program.ts';
import { BrokenRunError } from './run.ts';

/** Runs a command line (without node and script); returns the exit code. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  let code = EXIT_OK;
  const program = makeProgram(io, (given) => {
    code = given;
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    // Commander has said it already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USER_ERROR;
    if (error instanceof UserError) {
      io.err(`${error.message}\n`);
      return EXIT_USER_ERROR;
    }
    if (error instanceof BrokenRunError)
      io.err(`softnet broke: ${error.message}\nto see it again: ${error.repeat}\n`);
    else
      io.err(`softnet broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return EXIT_BROKEN;
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that goes away early (softnet ... | head) is no fault.
    if (error.code === 'EPIPE') process.exit(EXIT_OK);
    process.stderr.write(`standard output cannot be written: ${error.message}\n`);
    process.exit(EXIT_USER_ERROR);
  });
  // A packet's way is many short functions: with V8's usual budget half of them stay calls, a third of the time.
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=6000');
  setFlagsFromString('--max-inlined-bytecode-size=600');
  process.exitCode = await main(process.argv.slice(2), processIo());
}
