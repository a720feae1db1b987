// `softnet up` and `softnet sim`: one lab, run in real or in virtual time, and its report.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { SystemClock, VirtualClock } from '../kernel/clock.ts';
import { Tracer } from '../kernel/trace.ts';
import { Lab, type LabOptions } from '../lab/lab.ts';
import { LabFileError, LabRunError } from '../lab/problem.ts';
import { type LabReport, reportLab } from '../lab/report.ts';
import { runVirtual } from '../lab/run-virtual.ts';
import { ControlServer } from '../lab/server/control.ts';
import { controlFolder } from '../lab/server/control-folder.ts';
import { type LabOnDisk, openLab } from '../lab/server/files.ts';
import { runLive } from '../lab/server/live.ts';
import { LinkCaptures, TraceFile } from '../lab/server/outputs.ts';
import { PortError } from '../ports/linux.ts';
import { humanTime } from './human.ts';
import { EXIT_INTERRUPTED, EXIT_LAB_FAILED, EXIT_OK, type Io, UserError } from './io.ts';
import { Progress } from './progress.ts';
import { reportTables } from './tables.ts';

export interface RunOptions {
  /** ns of traffic. */
  for?: number;
  seed?: number;
  json?: boolean;
  pcap?: string;
  trace?: string;
  /** A guest whose serial line this terminal is to be; true: the only one. */
  console?: string | true;
}

/** Something in softnet itself broke during a run; says how to see it again. */
export class BrokenRunError extends Error {
  readonly repeat: string;

  constructor(cause: unknown, repeat: string) {
    super(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause), { cause });
    this.repeat = repeat;
  }
}

/** Runs a lab until its time is over or Ctrl-C; prints the report. Returns the exit code. */
export async function runLab(io: Io, mode: 'up' | 'sim', file: string, options: RunOptions): Promise<number> {
  if (options.console !== undefined && options.json === true)
    throw new UserError('--console and --json both want standard output: one of them would be right');
  return runDisk(io, mode, open(file), options);
}

/** The same for a lab that has been read. */
export async function runDisk(
  io: Io,
  mode: 'up' | 'sim',
  disk: LabOnDisk,
  options: RunOptions,
): Promise<number> {
  if (options.seed !== undefined) disk.spec.seed = options.seed;
  const interrupts = new Interrupts(io);
  const run = new Run(io, mode, disk, options, interrupts);
  try {
    const report = await run.go();
    io.out(options.json === true ? `${JSON.stringify(report)}\n` : reportTables(report));
    return verdict(report);
  } catch (error) {
    // The last bytes of a capture or trace are written when it is closed.
    throw error instanceof LabRunError ? new UserError(error.message) : error;
  } finally {
    interrupts.close();
  }
}

/** Opens a lab file; what is wrong with it is the user's to mend. */
export function open(file: string): LabOnDisk {
  return userErrors(() => openLab(file));
}

function userErrors<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof LabFileError) {
      const count = error.problems.length;
      throw new UserError(`${error.message}\n${count === 1 ? '1 mistake' : `${count} mistakes`}`);
    }
    if (error instanceof LabRunError || error instanceof PortError) throw new UserError(error.message);
    throw error;
  }
}

/** 0 when every flow got something through, nothing vanished, no QEMU was lost and no driver faulted. */
function verdict(report: LabReport): number {
  const failed = report.flows.some(
    ({ sent, received, lost, trouble }) =>
      (sent > 0 && received === 0 && lost > 0) || (sent === 0 && trouble !== undefined),
  );
  const lost = Object.values(report.hosts).some(({ boardLost }) => boardLost === true);
  const faulted = Object.values(report.hosts).some(({ fault }) => fault !== null);
  return failed || lost || faulted || report.conservation.vanished.length > 0 ? EXIT_LAB_FAILED : EXIT_OK;
}

/** Ctrl-C once ends the run with its report, twice ends it at once. */
class Interrupts {
  readonly controller = new AbortController();
  readonly close: () => void;

  constructor(io: Io) {
    this.close = io.onInterrupt(() => {
      if (this.controller.signal.aborted) process.exit(EXIT_INTERRUPTED);
      this.controller.abort();
    });
  }
}

const SIM_DEFAULT_NS = 1_000_000_000;
/** Virtual time between two looks at the real one. */
const SLICE_NS = 1_000_000;
const TURN_MS = 50;
/** Ctrl-], as telnet has it. */
const CONTROL_BRACKET = 0x1d;

class Run {
  private readonly io: Io;
  private readonly mode: 'up' | 'sim';
  private readonly disk: LabOnDisk;
  private readonly options: RunOptions;
  private readonly interrupts: Interrupts;
  private readonly signal: AbortSignal;
  private readonly progress: Progress;

  constructor(io: Io, mode: 'up' | 'sim', disk: LabOnDisk, options: RunOptions, interrupts: Interrupts) {
    this.io = io;
    this.mode = mode;
    this.disk = disk;
    this.options = options;
    this.interrupts = interrupts;
    this.signal = interrupts.controller.signal;
    this.progress = new Progress(io);
  }

  async go(): Promise<LabReport> {
    const { io, mode, options } = this;
    const clock = mode === 'up' ? new SystemClock(() => performance.now()) : new VirtualClock();
    const tracer = new Tracer(options.trace === undefined ? 1024 : undefined);
    const epochSeconds = mode === 'up' ? Date.now() / 1000 : 0;
    const captures =
      options.pcap === undefined ? null : userErrors(() => new LinkCaptures(options.pcap!, epochSeconds));
    const trace =
      options.trace === undefined ? null : userErrors(() => new TraceFile(options.trace!, tracer));
    const labOptions: LabOptions = {
      clock,
      readFile: this.disk.readFile,
      trace: tracer,
      observe: captures?.observe,
      log: (message) => {
        if (isWarning(message)) io.err(`${message}\n`);
      },
    };
    let lab: Lab | null = null;
    try {
      if (mode === 'up') await addOutside(labOptions, this.disk);
      lab = userErrors(() => new Lab(this.disk.spec, labOptions));
      await (mode === 'up' ? this.live(lab) : this.virtual(lab));
      this.progress.end();
      return reportLab(lab);
    } catch (error) {
      this.progress.end();
      if (error instanceof UserError) throw error;
      if (error instanceof LabRunError) throw new UserError(error.message);
      throw new BrokenRunError(error, this.repeatCommand());
    } finally {
      lab?.close();
      trace?.close();
      captures?.close();
    }
  }

  private async live(lab: Lab): Promise<void> {
    const { for: forNs, console: guest } = this.options;
    const leave = guest === undefined ? null : this.joinConsole(lab, guest);
    if (leave === null && forNs === undefined && this.options.json !== true)
      this.io.err('running; Ctrl-C ends it with the report\n');
    let control: ControlServer | null = null;
    try {
      control = await ControlServer.open(controlFolder, lab, (message) => this.io.err(`${message}\n`));
      if (leave === null && control !== null && this.io.errIsTerminal && this.options.json !== true)
        this.io.err(`${whatToTry(lab)}\n`);
      await runLive(lab, {
        forNs,
        signal: this.signal,
        progress: this.liveProgress(lab, forNs, leave !== null),
        control,
      });
    } finally {
      control?.close();
      leave?.();
    }
  }

  /** Makes this terminal a guest's; Ctrl-] ends the run. The returned function gives it back. */
  private joinConsole(lab: Lab, name: string | true): () => void {
    const names = lab.guests.map((guest) => guest.spec.name);
    const guest = lab.guests.find(({ spec }) => (name === true ? names.length === 1 : spec.name === name));
    if (guest === undefined) {
      const right = names.map((each) => `--console ${each}`).join(' or ');
      throw new UserError(right === '' ? 'this lab has no guest, so no console' : `${right} would be right`);
    }
    this.io.err(`the console of ${guest.spec.name}; Ctrl-] ends the lab\n`);
    const silence = guest.listen((text) => this.io.out(text));
    const deafen = this.io.onInput((bytes) => {
      if (bytes.includes(CONTROL_BRACKET)) this.interrupts.controller.abort();
      else guest.type(bytes);
    });
    return () => {
      silence();
      deafen();
      this.io.out('\n');
    };
  }

  private liveProgress(lab: Lab, forNs: number | undefined, silent: boolean): (elapsedNs: number) => void {
    if (silent) return () => {};
    return (elapsedNs) => {
      if (elapsedNs < 0) this.progress.say('waiting for the links to come up');
      else
        this.progress.say(
          `${humanTime(elapsedNs)}${forNs === undefined ? '' : ` of ${humanTime(forNs)}`}${sums(lab)}`,
        );
    };
  }

  private async virtual(lab: Lab): Promise<void> {
    const forNs = this.options.for ?? SIM_DEFAULT_NS;
    const run = runVirtual(lab, forNs, SLICE_NS);
    let turn = this.io.now();
    for (let step = run.next(); step.done !== true; step = run.next(this.signal.aborted)) {
      if (this.io.now() - turn < TURN_MS) continue;
      // Ctrl-C gets a chance.
      await nextTurn();
      turn = this.io.now();
      this.progress.say(`${Math.floor(step.value * 100)}% of ${humanTime(forNs)}${sums(lab)}`);
    }
  }

  /** The one command that does the same again. */
  private repeatCommand(): string {
    const { name, spec } = this.disk;
    const forNs = this.options.for ?? (this.mode === 'sim' ? SIM_DEFAULT_NS : undefined);
    const time = forNs === undefined ? '' : ` --for ${forNs}ns`;
    return `softnet ${this.mode} ${name} --seed ${spec.seed}${time}`;
  }
}

/** The commands for another terminal. */
function whatToTry({ hosts }: Lab): string {
  const iopkt = hosts.filter(({ io }) => io !== null);
  const [first] = iopkt.length > 0 ? iopkt : hosts;
  const one = (iopkt.length > 0 ? iopkt : hosts).length === 1;
  const where = first === undefined || one ? '' : ` --host ${first.spec.name}`;
  const tools = iopkt.length > 0 ? ['ifconfig', 'nicinfo', 'netstat -i'] : ['ifconfig', 'netstat -i'];
  const lines = tools.map((tool) => tool.replace(/^\w+/, (name) => `softnet ${name}${where}`));
  return `from another terminal: softnet labs, ${lines.join(', ')}`;
}

/** What a lab in real time needs beside itself: each loaded only where it is wanted. */
async function addOutside(options: LabOptions, { spec, readFile }: LabOnDisk): Promise<void> {
  if (spec.ports.some((port) => port.kind === 'tap')) {
    options.openTap = (await import('../lab/server/taps.ts')).openTap;
  }
  if (spec.hosts.some((host) => host.nics.some((nic) => nic.chip.startsWith('qemu:')))) {
    options.openBoard = (await import('../lab/server/boards.ts')).openBoard;
  }
  if (spec.guests.length > 0) {
    const { prepareGuests } = await import('../lab/server/guests.ts');
    options.openGuest = await prepareGuests(spec.guests, readFile);
  }
}

/** `, 400 of 400 packets`. */
function sums(lab: Lab): string {
  let sent = 0;
  let received = 0;
  for (const flow of lab.flows) {
    const report = flow.report();
    sent += report.sent;
    received += report.received;
  }
  return `, ${received} of ${sent} packets arrived`;
}

/** A driver says of each card what it is: that is no warning. */
function isWarning(message: string): boolean {
  return !/: [a-z]+\d+: (Am79C97|Intel 82)\w+ at /.test(message);
}
