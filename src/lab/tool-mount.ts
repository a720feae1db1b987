// mount as QNX has it, for drivers: `mount -T io-pkt [-v] [-o options] driver`.

import { EINVAL, ErrnoError } from '../iopkt/errno.ts';

export interface MountArguments {
  /** `speedo`, `devnp-speedo.so`, `/lib/dll/devnp-speedo.so`. */
  driver: string;
  /** Joined by commas as the driver gets them; null: none. */
  options: string | null;
  /** -v: says which interfaces came. */
  verbose: boolean;
}

const USAGE = 'mount -T io-pkt [-v] [-o options] driver would be right';
/** What io-pkt serves: its drivers are none of the file systems that -t is for. */
const TYPE = 'io-pkt';

/** Throws ErrnoError with what is wrong. */
export function parseMount(args: readonly string[]): MountArguments {
  const options: string[] = [];
  const drivers: string[] = [];
  let type: string | null = null;
  let verbose = false;
  for (let i = 0; i < args.length; i++) {
    const word = args[i];
    const letter = /^-[Tto]/.exec(word)?.[0];
    if (letter !== undefined) {
      const value = word.length > 2 ? word.slice(2) : args[++i];
      if (value === undefined) throw wrong(`${letter} wants a value; ${USAGE}`);
      if (letter === '-o') options.push(value);
      else type = value;
    } else if (word === '-v') verbose = true;
    else if (word.startsWith('-')) throw wrong(`${word} is unknown; ${USAGE}`);
    else drivers.push(word);
  }
  if (type === null) throw wrong(`of what type? ${USAGE}`);
  if (type !== TYPE) throw wrong(`type ${type} is served by nobody; ${USAGE}`);
  if (drivers.length !== 1)
    throw wrong(drivers.length === 0 ? `which driver? ${USAGE}` : `one driver at a time; ${USAGE}`);
  return { driver: drivers[0], options: options.length === 0 ? null : options.join(','), verbose };
}

function wrong(what: string): ErrnoError {
  return new ErrnoError(EINVAL, `mount: ${what}`);
}
