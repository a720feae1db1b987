// The commands, their options and their help.

import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { BENCH_DRIVERS } from '../bench/path.ts';
import { parseSpan } from '../lab/units.ts';
import { SCENARIO_DRIVERS } from '../scenario/drivers.ts';
import { SUBJECT_NAMES } from '../scenario/subjects.ts';
import { type BenchCommandOptions, benchCommand } from './bench.ts';
import { checkCommand } from './check.ts';
import { type CompareCommandOptions, compareCommand } from './compare.ts';
import type { Io } from './io.ts';
import { livelockCommand } from './livelock.ts';
import { type RunOptions, runLab } from './run.ts';
import { type ScenarioOptions, scenariosCommand } from './scenarios.ts';
import { type ShapeOptions, shapeCommand } from './shape.ts';
import { addTools } from './tools.ts';
import { type VerifyCommandOptions, verifyCommand } from './verify.ts';

/** The commands over `io`; each sets the exit code by `exit`. */
export function makeProgram(io: Io, exit: (code: number) => void): Command {
  const program = new Command('softnet');
  program
    .description('The network device layer as software you can run, watch and break.')
    .version(version())
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) })
    .exitOverride()
    .showHelpAfterError('(--help says more)');

  const addRun = (mode: 'up' | 'sim', command: Command): Command =>
    command
      .option('--seed <n>', "seed of all chance, in place of the file's", wholeNumber)
      .option('--json', 'print one JSON object instead of tables')
      .option('--pcap <dir>', 'write a pcapng file for each link into this folder')
      .option('--trace <file>', 'write a trace: .txt or .log is text, anything else opens in ui.perfetto.dev')
      .action(async (file: string, options: RunOptions) => exit(await runLab(io, mode, file, options)));

  addRun(
    'up',
    program
      .command('up')
      .summary('run a lab in real time')
      .description('Runs a lab in real time, until its time is over or Ctrl-C, and prints what happened.')
      .argument('[file]', 'lab file, or the name of one that comes with softnet', 'default')
      .option('--for <time>', 'how long, like 5s; without it until Ctrl-C', time)
      .option('--console [guest]', "make this terminal a guest's serial line; Ctrl-] ends the lab"),
  ).addHelpText(
    'after',
    examples(
      'softnet up --for 5s',
      'softnet up tap            # as root: the kernel pings a lab host',
      'softnet up linux-guest --console',
      'softnet up my.yaml --json --for 1min --pcap captures',
    ),
  );

  addRun(
    'sim',
    program
      .command('sim')
      .summary('run a lab in virtual time')
      .description('Runs a lab in virtual time: the same seed gives the same run, byte for byte.')
      .argument('<file>', 'lab file, or the name of one that comes with softnet')
      .option('--for <time>', 'how much virtual time of traffic, like 2s (default: 1s)', time),
  ).addHelpText(
    'after',
    examples(
      'softnet sim default --for 2s --seed 7',
      'softnet sim lossy --trace trace.json   # open it in ui.perfetto.dev',
      'softnet sim router --trace trace.txt --json',
    ),
  );

  program
    .command('shape')
    .summary('join two interfaces of this computer through queueing disciplines')
    .description(
      "Makes two interfaces (TAP) in this computer's kernel and passes on whatever enters one to the other, through queueing disciplines where it leaves: what goes out by RIGHT waits in the discipline of RIGHT. Needs root or CAP_NET_ADMIN.",
    )
    .argument('<left>', 'NAME[@NAMESPACE][=ADDRESS/PREFIX]')
    .argument('<right>', 'the same for the other side')
    .argument('[tc...]', 'lines of tc(8), each one argument; their devices are the two names')
    .option('-b, --batch <file>', 'lines of tc(8) from a file, before those')
    .option('--for <time>', 'how long, like 5s; without it until Ctrl-C', time)
    .option('--seed <n>', 'seed of all chance (default: 1)', wholeNumber)
    .option('--json', 'print one JSON object instead of tables')
    .option('--pcap <dir>', 'write a pcapng file for each side into this folder')
    .option('--print', 'print the lab file in place of running it, to build on')
    .action(async (left: string, right: string, tc: string[], options: ShapeOptions) =>
      exit(await shapeCommand(io, left, right, tc, options)),
    )
    .addHelpText(
      'after',
      examples(
        'softnet shape left right "qdisc add dev right root tbf rate 10mbit burst 16kb latency 50ms"',
        'softnet shape a@one=10.0.0.1/24 b@two=10.0.0.2/24 "qdisc add dev b root netem delay 20ms loss 1%"',
        'softnet tc -s qdisc show dev b      # from another terminal, while it runs',
        'softnet shape left right -b tree.tc --print > my.yaml',
      ),
    );

  addTools(program, io, exit);

  program
    .command('check')
    .summary('say what is wrong with lab files')
    .description('Reads lab files and says what is wrong with them, where, and what would be right.')
    .argument('<files...>', 'lab files')
    .option('--json', 'print one JSON object')
    .action(async (files: string[], options: { json?: boolean }) =>
      exit(await checkCommand(io, files, options)),
    )
    .addHelpText('after', examples('softnet check my.yaml', 'softnet check --json labs/*.yaml'));

  program
    .command('scenarios')
    .summary("the same driver tests on our models and on QEMU's card")
    .description(
      "Runs a driver through the same scenarios on our card models and on QEMU's cards, and prints a table.",
    )
    .addOption(new Option('--driver <name>', 'which driver (default: pcnet32)').choices(SCENARIO_DRIVERS))
    .option(
      '--on <cards>',
      `cards, by commas (default: ${SUBJECT_NAMES.join(',')}; speedo has others, such as i82559er, qemu:i82559er)`,
    )
    .option('--only <scenarios>', 'scenarios by name, by commas (default: all)')
    .option('--seed <n>', 'seed of all chance (default: 1)', wholeNumber)
    .option('--json', 'print a JSON array')
    .action(async (options: ScenarioOptions) => exit(await scenariosCommand(io, options)))
    .addHelpText(
      'after',
      examples(
        'softnet scenarios',
        'softnet scenarios --on pcnet --json',
        'softnet scenarios --driver speedo --on i82557b,qemu:i82557b',
        'softnet scenarios --only bring-up',
      ),
    );

  program
    .command('verify')
    .summary('check drivers against the rules for drivers')
    .description(
      'Checks one driver, or all of the tree, against the rules for drivers, with adversaries, and prints what it breaks.',
    )
    .argument(
      '[driver]',
      'speedo, pcn, pcnet32, devn-speedo, devn-pcnet, ..., or a file: its default export makes a driver for a card',
    )
    .option('--chip <chip>', 'on this chip only')
    .option('--rule <id>', 'this rule only, like P05')
    .option('--seed <n>', 'seed of all chance (default: 1)', wholeNumber)
    .option('--json', 'print one JSON object')
    .action(async (driver: string | undefined, options: VerifyCommandOptions) =>
      exit(await verifyCommand(io, driver, options)),
    )
    .addHelpText(
      'after',
      examples(
        'softnet verify',
        'softnet verify speedo --chip i82559er',
        'softnet verify pcn --rule P07 --seed 3',
        'softnet verify devn-pcnet',
        'softnet verify ./my-driver.mjs --json',
      ),
    );

  program
    .command('compare')
    .summary('two drivers for one card through the same traffic')
    .description(
      'Runs two drivers for one card through the same scenarios and the same traffic: what differs on the wire, and what each costs.',
    )
    .argument('<old>', `one driver: ${SCENARIO_DRIVERS.join(', ')}, or a file`)
    .argument('<new>', 'the other')
    .option('--chip <chip>', 'the card (default: i82559er or am79c973)')
    .option('--frames <n>', 'frames through the wire comparison (default: 100000)', wholeNumber)
    .option('--seed <n>', 'seed of all chance (default: 1)', wholeNumber)
    .option('--no-sweep', 'without frame sizes, link rates and processors')
    .option('--no-rules', 'without the rules for drivers')
    .option('--sensitivity', 'the conclusions with each cost halved and doubled')
    .option('--wall', 'also real time on this machine, in a table of its own')
    .option('--plots <folder>', 'write pictures (SVG)')
    .option('--quick', 'less of everything, for a first impression')
    .option('--json', 'print one JSON object')
    .action(async (old: string, next: string, options: CompareCommandOptions) =>
      exit(await compareCommand(io, old, next, options)),
    )
    .addHelpText(
      'after',
      examples(
        'softnet compare devn-speedo speedo',
        'softnet compare devn-pcnet pcn --chip am79c970a --quick',
        'softnet compare devn-speedo speedo --sensitivity --plots plots',
        'softnet compare pcnet32 pcn --json',
        'softnet compare devn-pcnet ./my-driver.mjs',
      ),
    );

  program
    .command('livelock')
    .summary('interrupts against polling under overload')
    .description(
      'Feeds a host at 10% to 400% of what it can do, with NAPI and with an interrupt for every packet.',
    )
    .argument('[file]', 'lab file with a generator port', 'livelock')
    .option('--for <time>', 'virtual time at each load (default: 300ms)', time)
    .option('--json', 'print one JSON object')
    .action(async (file: string, options: { for?: number; json?: boolean }) =>
      exit(await livelockCommand(io, file, options)),
    )
    .addHelpText('after', examples('softnet livelock', 'softnet livelock --json --for 1s'));

  program
    .command('bench')
    .summary('measure packets per second')
    .description('Measures receive, transmit and forward, each beside a bare ring in the same run.')
    .option('--json', 'print a JSON array')
    .option('--quick', 'a shorter run, for a first impression')
    .addOption(new Option('--driver <name>', 'only this driver').choices(BENCH_DRIVERS))
    .option(
      '--qdiscs',
      'queueing disciplines instead: ns a packet, and against the number of flows and classes',
    )
    .option('--plot <file>', 'with --qdiscs: an SVG of the latter')
    .action(async (options: BenchCommandOptions) => exit(await benchCommand(io, options)))
    .addHelpText('after', examples('softnet bench', 'node --expose-gc dist/cli/main.js bench --json'));

  program.addHelpText(
    'after',
    examples('softnet up --for 5s', 'softnet sim lossy --for 2s --seed 7', 'softnet check my.yaml'),
  );
  return program;
}

function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

function time(text: string): number {
  try {
    return parseSpan(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`"${text}": a whole number, 0 or more, would be right`);
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
