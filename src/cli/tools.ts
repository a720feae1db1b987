// `softnet mount`, `ifconfig`, `nicinfo`, `netstat`: the QNX tools against a lab that runs in another process, and `softnet labs`,
// which lists those. What is not one of our own options reaches the tool as it stands.

import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { askLab, ControlClientError } from '../lab/server/control-client.ts';
import {
  ControlFolderError,
  controlFolder,
  type LabSocket,
  runningLabs,
} from '../lab/server/control-folder.ts';
import type { toolHosts } from '../lab/tools.ts';
import { numberedLines, splitLine } from '../tc/words.ts';
import { EXIT_OK, type Io, UserError } from './io.ts';
import { table } from './tables.ts';

export interface ToolOptions {
  /** Name or process of the lab; without it the only one. */
  lab?: string;
  host?: string;
  json?: boolean;
}

/** What a lab answers to `lab`. */
interface LabInfo {
  name: string;
  hosts: ReturnType<typeof toolHosts>;
}

const HOW_TO_START = 'softnet up FILE, in another terminal, starts one';

/** Runs a tool on a lab that runs; prints what it says. Returns the exit code. */
export async function toolCommand(
  io: Io,
  tool: string,
  args: readonly string[],
  options: ToolOptions,
): Promise<number> {
  return userErrors(async () => {
    const lab = chooseLab(await runningLabs(controlFolder()), options.lab);
    const ask = (words: readonly string[]) => askTool(io, lab, [tool, ...words], options);
    const batch = tool === 'tc' ? batchOf(args) : null;
    if (batch === null) await ask(args);
    else await runBatch(io, batch, ask);
    return EXIT_OK;
  });
}

async function askTool(io: Io, lab: LabSocket, argv: string[], options: ToolOptions): Promise<void> {
  const answer = await askLab(lab.path, { host: options.host ?? null, argv });
  if (!answer.ok) {
    const { error, errno } = answer;
    if (options.json === true) io.out(`${JSON.stringify({ error, errno })}\n`);
    throw new UserError(error);
  }
  if (options.json === true) io.out(`${JSON.stringify(answer.json ?? null)}\n`);
  else if (answer.text !== '') io.out(`${answer.text}\n`);
}

/** `tc -batch FILE`, with -force to go on after a line that was refused. */
interface Batch {
  file: string;
  force: boolean;
}

function batchOf(args: readonly string[]): Batch | null {
  const at = args.findIndex((word) => word === '-b' || word === '-batch' || word === '--batch');
  if (at < 0) return null;
  const file = args[at + 1];
  if (file === undefined) throw new UserError('-batch wants a file of tc lines: softnet tc -batch tree.tc');
  return { file, force: args.includes('-force') };
}

async function runBatch(
  io: Io,
  { file, force }: Batch,
  ask: (words: readonly string[]) => Promise<void>,
): Promise<void> {
  let failed = 0;
  for (const { line, number } of numberedLines(readText(file))) {
    try {
      const words = splitLine(line);
      await ask(words[0] === 'tc' ? words.slice(1) : words);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const message = `${file}:${number}: ${error.message}`;
      if (!force) throw new UserError(message);
      io.err(`${message}\n`);
      failed++;
    }
  }
  if (failed > 0) throw new UserError(`${file}: ${failed} of its lines were refused`);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError((error as Error).message);
  }
}

export async function labsCommand(io: Io, options: { json?: boolean }): Promise<number> {
  return userErrors(async () => {
    const labs = await Promise.all((await runningLabs(controlFolder())).map(describe));
    if (options.json === true) io.out(`${JSON.stringify(labs)}\n`);
    else if (labs.length === 0) io.out(`no lab runs: ${HOW_TO_START}\n`);
    else {
      const rows = labs.flatMap(({ name, pid, hosts }) =>
        hosts.map(({ name: host, stack, interfaces }) => [
          name,
          String(pid),
          host,
          stack,
          interfaces.join(' ') || '-',
        ]),
      );
      io.out(`${table(['lab', 'pid', 'host', 'stack', 'interfaces'], [1], rows)}\n`);
    }
    return EXIT_OK;
  });
}

/** A lab that ends just now, or hangs, is listed without hosts. */
async function describe({ path, name, pid }: LabSocket): Promise<LabInfo & { pid: number }> {
  try {
    const answer = await askLab(path, { host: null, argv: ['lab'] });
    if (answer.ok) return { ...(answer.json as LabInfo), pid };
  } catch (error) {
    if (!(error instanceof ControlClientError)) throw error;
  }
  return { name, pid, hosts: [{ name: 'does not answer', stack: 'core', interfaces: [] }] };
}

function chooseLab(labs: readonly LabSocket[], wanted: string | undefined): LabSocket {
  const listed = labs.map(({ name, pid }) => `${name} (${pid})`).join(', ');
  if (labs.length === 0) throw new UserError(`no lab runs: ${HOW_TO_START}`);
  const byPid = labs.filter(({ pid }) => String(pid) === wanted);
  const found =
    wanted === undefined ? labs : byPid.length > 0 ? byPid : labs.filter(({ name }) => name === wanted);
  if (found.length === 0) throw new UserError(`no lab "${wanted}" runs; these do: ${listed}`);
  if (found.length > 1)
    throw new UserError(`which of the labs? --lab NAME or --lab PID says; these run: ${listed}`);
  return found[0];
}

async function userErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ControlClientError || error instanceof ControlFolderError)
      throw new UserError(error.message);
    throw error;
  }
}

interface ToolHelp {
  name: string;
  summary: string;
  /** Whose tool it is; QNX's unless told. */
  of?: string;
  /** As the tool's own usage has it. */
  usage: string;
  examples: string[];
}

const TOOLS: readonly ToolHelp[] = [
  {
    name: 'mount',
    summary: 'load an io-pkt driver in a running lab',
    usage: '-T io-pkt [-v] [-o options] driver',
    examples: [
      'softnet mount -T io-pkt speedo',
      'softnet mount -T io-pkt -o lan=3 devnp-speedo.so',
      'softnet mount -H alice -T io-pkt -o speed=100,duplex=1 /lib/dll/devnp-pcn.so',
    ],
  },
  {
    name: 'ifconfig',
    summary: 'show and change interfaces of a running lab',
    usage: '[-amvz] [-l] [interface [words]]',
    examples: [
      'softnet ifconfig                                # all; -v: with counters, -m: with media',
      'softnet ifconfig fxp0 10.0.0.5/24               # alias adds one, -alias takes it away',
      'softnet ifconfig fxp0 media 100baseTX mediaopt full-duplex',
      'softnet ifconfig fxp0 mtu 1400 promisc',
      'softnet ifconfig --host alice fxp0 destroy',
    ],
  },
  {
    name: 'nicinfo',
    summary: 'what drivers of a running lab say about their cards',
    usage: '[-s] [-v] [interface ...]',
    examples: [
      'softnet nicinfo',
      'softnet nicinfo -s fxp0      # counters only',
      'softnet nicinfo --json en0',
    ],
  },
  {
    name: 'netstat',
    summary: 'interfaces and packet buffers of a running lab',
    usage: '-i [-b] [-n] [-I interface] | -m',
    examples: ['softnet netstat -i', 'softnet netstat -I fxp0 -b', 'softnet netstat -m --json'],
  },
  {
    name: 'tc',
    summary: 'queueing disciplines, classes and filters of a running lab',
    of: "Linux's",
    usage:
      '[-s] [-d] [-j] [-p] {qdisc | class | filter} {add | change | replace | del | show} dev DEVICE ...',
    examples: [
      'softnet tc -s qdisc show',
      'softnet tc qdisc add dev eth0 root handle 1: htb default 30',
      'softnet tc class add dev eth0 parent 1: classid 1:30 htb rate 10mbit',
      'softnet tc qdisc replace dev eth0 root netem help      # the words of a kind',
      'softnet tc -batch tree.tc                              # -force: on after a line that was refused',
    ],
  },
];

/** Adds these commands to the program. */
export function addTools(program: Command, io: Io, exit: (code: number) => void): void {
  for (const { name, summary, of = "QNX's", usage, examples } of TOOLS) {
    program
      .command(name)
      .summary(summary)
      .description(`${summary[0].toUpperCase()}${summary.slice(1)}, as ${of} ${name} does: ${name} ${usage}`)
      .usage(`[--lab NAME|PID] [--host NAME] [--json] ${usage}`)
      .argument('[words...]', `what ${name} takes`)
      .option('--lab <lab>', 'name or process of the lab, when several run')
      .option('-H, --host <host>', 'host of the lab, when several have io-pkt')
      .option('--json', 'print JSON')
      .allowUnknownOption()
      .action(async (words: string[], options: ToolOptions) =>
        exit(await toolCommand(io, name, words, options)),
      )
      .addHelpText('after', help(examples));
  }
  program
    .command('umount', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .action(() => {
      throw new UserError('drivers are not unmounted: softnet ifconfig INTERFACE destroy would be right');
    });
  program
    .command('labs')
    .summary('list the labs that run')
    .description('Lists the labs of this user that run in real time, with their hosts and interfaces.')
    .option('--json', 'print a JSON array')
    .action(async (options: { json?: boolean }) => exit(await labsCommand(io, options)))
    .addHelpText('after', help(['softnet labs', 'softnet labs --json']));
}

function help(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
