// io-pkt's command line: `io-pkt-v4-hc [-D] [-i n] [-P prio] [-S] [-t n] [-v] [-d driver [opts]]... [-p protocol [opts]]...`
// Accepted without effect here, because there is nothing for them to act on: -D, -i, pkt_cache, mbuf_cache and the other
// options of -p tcpip but rx_prio, enmap, fastforward and mclbytes.

import { MCLBYTES } from '../mbuf/mbuf.ts';
import { EINVAL, ENOTSUP, ErrnoError } from './errno.ts';
import { parseNumber, parseOptions } from './nic-options.ts';

export interface Settings {
  /** -P, and rx_prio of -p tcpip. */
  priority: number;
  rxPriority: number;
  /** -t: worker threads. */
  threads: number;
  /** Not -S: a fault in a driver ends io-pkt in order. */
  sigsegv: boolean;
  /** -v. */
  verbose: boolean;
  /** enN finds the Ethernet interface attached N-th. */
  enmap: boolean;
  fastforward: boolean;
}

export interface CommandLine {
  settings: Settings;
  drivers: { name: string; options: string | null }[];
  protocols: { name: string; options: string | null }[];
}

export function defaultSettings(cpus: number): Settings {
  return {
    priority: 21,
    rxPriority: 21,
    threads: cpus,
    sigsegv: true,
    verbose: false,
    enmap: true,
    fastforward: false,
  };
}

/** Reads a command line, without the program's name. Throws with what would be right. */
export function parseCommandLine(args: readonly string[], settings: Settings): CommandLine {
  const line: CommandLine = { settings: { ...settings }, drivers: [], protocols: [] };
  let i = 0;
  const value = (option: string): string => {
    const text = args[++i];
    if (text === undefined) throw new ErrnoError(EINVAL, `io-pkt: ${option} wants a value`);
    return text;
  };
  const number = (option: string, min: number, max: number): number => {
    const text = value(option);
    const n = parseNumber(text);
    if (n === null || n < min || n > max)
      throw new ErrnoError(EINVAL, `io-pkt: ${option} ${text}: a number from ${min} to ${max} is wanted`);
    return n;
  };
  const module = (option: string): { name: string; options: string | null } => {
    const name = value(option);
    const next = args[i + 1];
    if (next === undefined || next.startsWith('-')) return { name, options: null };
    i++;
    return { name, options: next };
  };
  for (; i < args.length; i++) {
    const arg = args[i];
    if (arg === '-d') line.drivers.push(module(arg));
    else if (arg === '-p') line.protocols.push(module(arg));
    else if (arg === '-t') line.settings.threads = number(arg, 1, 64);
    else if (arg === '-P') line.settings.priority = number(arg, 1, 255);
    else if (arg === '-i') number(arg, 0, 99);
    else if (arg === '-S') line.settings.sigsegv = false;
    else if (arg === '-v') line.settings.verbose = true;
    else if (arg !== '-D')
      throw new ErrnoError(EINVAL, `io-pkt: unknown option ${arg}: -D -i -P -S -t -v -d -p are known`);
  }
  for (const { name, options } of line.protocols) if (name === 'tcpip') parseTcpip(options, line.settings);
  return line;
}

/** Options of -p tcpip that are accepted and change nothing here. */
const IDLE_OPTIONS = [
  'pkt_cache',
  'mbuf_cache',
  'cache',
  'prefix',
  'forward',
  'rx_prio_pulse',
  'threads_min',
  'threads_max',
  'threads_incr',
  'stacksize',
  'recv_ctxt',
];

/** Takes the options of -p tcpip into the settings. EINVAL on unknown ones. */
export function parseTcpip(options: string | null, settings: Settings): void {
  for (const { key, value } of parseOptions(options)) {
    const number = parseNumber(value);
    if (key === 'rx_prio' && number !== null && number > 0 && number < 256) settings.rxPriority = number;
    else if (key === 'enmap' && (number === 0 || number === 1)) settings.enmap = number === 1;
    else if (key === 'fastforward') settings.fastforward = number !== 0;
    else if (key === 'mclbytes') checkClusters(number);
    else if (!IDLE_OPTIONS.includes(key))
      throw new ErrnoError(
        EINVAL,
        `io-pkt: -p tcpip ${key}${value === null ? '' : `=${value}`} is unknown or wrong`,
      );
  }
}

function checkClusters(bytes: number | null): void {
  if (bytes === null || bytes <= 0 || (bytes & (bytes - 1)) !== 0)
    throw new ErrnoError(EINVAL, 'io-pkt: -p tcpip mclbytes wants a power of two');
  if (bytes !== MCLBYTES)
    throw new ErrnoError(
      ENOTSUP,
      `io-pkt: -p tcpip mclbytes=${bytes}: clusters of this machine have ${MCLBYTES} bytes`,
    );
}
