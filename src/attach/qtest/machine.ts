// A board of QEMU whose NICs are driven by our drivers: registers through the qtest socket, rings and buffers in memory
// that both map, interrupts as lines of text, frames by socket pairs, cables by QMP. Written from QEMU's documentation;
// seen with QEMU 7.2.
//
//   driver ── PciFunction ──► qtest socket ──► QEMU's card ──► socket pair ──► QemuStation ── Medium
//      └───── PhysicalMemory (one mapping) ──────┘ DMA
//
// Only NICs that are PCI functions with INTx; MSI would need a processor that takes it.
// process.ts starts and ends QEMU, socket.ts speaks qtest, function.ts is PCI, interrupts.ts INTx, station.ts the frames.

import type { PciFunction } from '../../bus/pci.ts';
import { PCI_INTERRUPT_PIN, PCI_VENDOR_ID } from '../../bus/pci-config.ts';
import type { IrqLine } from '../../kernel/irq.ts';
import type { PhysicalMemory } from '../../kernel/memory.ts';
import { type Linux, loadLinux } from '../../ports/linux.ts';
import { AttachError } from './error.ts';
import { ConfigSpace, QemuFunction } from './function.ts';
import { InterruptPins } from './interrupts.ts';
import { sharedMemory } from './memory.ts';
import { modelAdvice } from './models.ts';
import { Monitor } from './monitor.ts';
import { checkOptions, MIB, type QemuMachineOptions, type QemuNicOptions } from './options.ts';
import { endQemu, lastWords, netdevName, type QemuProcess, startQemu, trimLastWords } from './process.ts';
import { QtestSocket } from './socket.ts';
import { type QemuNicReport, QemuStation } from './station.ts';
import { Sleeper } from './wake.ts';

export { AttachError } from './error.ts';
export type { QemuMachineOptions, QemuNicOptions } from './options.ts';
export type { QemuNicReport } from './station.ts';

const ANSWER_TIMEOUT_MS = 10_000;
/** The PIIX3's slot. */
const ISA_BRIDGE = 1;
/** Mode register of the 8254, and counter 0 in mode 0: from then on it waits for a count that never comes. */
const PIT_MODE = 0x43;
const PIT_SILENT = 0x30;
const NOBODY = 0xffff;
/** Polls between two looks at how much QEMU has written. */
const TRIM_EVERY = 4096;

interface Nic {
  readonly options: QemuNicOptions;
  readonly function: QemuFunction;
  readonly station: QemuStation;
}

export class QemuMachine {
  /** QEMU's memory, good also after its end. For `new Machine({ memory })`. */
  readonly memory: PhysicalMemory;
  readonly pid: number;
  private readonly linux: Linux;
  private readonly process: QemuProcess;
  private readonly qtest: QtestSocket;
  private readonly monitor!: Monitor;
  private readonly sleeper!: Sleeper;
  private readonly pins = new InterruptPins();
  private readonly nics: Nic[] = [];
  private readonly log: (message: string) => void;
  private closed = false;
  private started = false;
  /** Whose turn it is to be polled first. */
  private turn = 0;
  private polls = 0;
  private told = 0;

  /** Starts QEMU and waits until it answers, about 0.3 s. Throws AttachError with what would help, and leaves nothing. */
  constructor(options: QemuMachineOptions) {
    checkOptions(options);
    this.log = options.log ?? (() => {});
    const timeoutMs = options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS;
    this.linux = linuxCalls();
    const ramBytes = Math.ceil(options.memoryBytes / MIB) * MIB;
    this.process = startQemu(this.linux, options, ramBytes);
    const { process: qemu, pins } = this;
    this.pid = qemu.pid;
    let failure = '';
    this.qtest = new QtestSocket(this.linux, qemu.qtest, timeoutMs, {
      pin: (number, high) => pins.note(number, high),
      settle: () => pins.settle(),
      lost: (why) => {
        if (this.started) this.lost(why);
        else failure = why;
      },
    });
    const { qtest } = this;
    try {
      this.memory = sharedMemory(this.linux, qemu.ram, ramBytes);
      if (!qtest.interceptInterrupts()) throw new AttachError(`QEMU did not start: ${failure}`);
      this.monitor = new Monitor(this.linux, qemu.monitor, timeoutMs, () => qtest.absorb());
      qtest.outPort(PIT_MODE, 1, PIT_SILENT);
      this.findNics(options.nics);
      if (qtest.dead) throw new AttachError(`QEMU did not start: ${failure}`);
      this.sleeper = new Sleeper(this.linux, [...qemu.frames, qemu.qtest]);
    } catch (error) {
      qtest.close();
      const words = lastWords(qemu);
      endQemu(qemu);
      throw explain(error as Error, words, qemu.program);
    }
    this.started = true;
    qemu.child.on('exit', (code, signal) => qtest.lose(`it ended with ${signal ?? `status ${code}`}`));
    for (const { station } of this.nics) station.plug(true);
  }

  /** QEMU is gone, by itself or by `close`: registers read all ones, frames are dropped and counted. */
  get dead(): boolean {
    return this.qtest.dead;
  }

  /** Register and configuration accesses so far: round trips to QEMU. */
  get accesses(): number {
    return this.qtest.commands;
  }

  /** For `PciBus.plugFunction(slot, qemu.function(slot))`: the NIC in a slot, which drives the line it is given. */
  function(slot: number): (line: IrqLine) => PciFunction {
    const { function: pciFunction } = this.nic(slot);
    return (line) => {
      const pin = pciFunction.readConfig(PCI_INTERRUPT_PIN, 1);
      if (pin >= 1 && pin <= 4) this.pins.connect(slot, pin, line);
      return pciFunction;
    };
  }

  /**
   * Takes in the interrupts and at most `limit` frames that wait; says how many of both. The NICs take turns. Never waits.
   * To be called outside of what a CPU does: from the loop that polls the clock.
   */
  poll(limit: number): number {
    const { nics, qtest } = this;
    if (qtest.dead) return 0;
    qtest.absorb();
    this.pins.settle();
    let frames = 0;
    for (let i = 0; i < nics.length && frames < limit; i++) {
      frames += nics[(this.turn + i) % nics.length].station.poll(limit - frames);
    }
    this.turn = (this.turn + 1) % Math.max(nics.length, 1);
    if (++this.polls % TRIM_EVERY === 0 && !qtest.dead) trimLastWords(this.process);
    const interrupts = this.pins.changes - this.told;
    this.told = this.pins.changes;
    return frames + interrupts;
  }

  /**
   * Waits until QEMU has a frame or an interrupt, or takes frames again (true), the time is over or the wait is cancelled
   * (false). One wait at a time: a second call joins the first.
   */
  waitReadable(timeoutMs: number): Promise<boolean> {
    return this.sleeper.wait(timeoutMs, (i) => i < this.nics.length && this.nics[i].station.blocked);
  }

  /** Ends a wait early: it gives false. */
  cancelWait(): void {
    this.sleeper.wake(false);
  }

  /** Pulls the cable out of the NIC in a slot, or plugs it in: both ends see it. */
  setLink(slot: number, up: boolean): void {
    this.nic(slot).station.plug(up);
  }

  /** Frames of the NIC in a slot so far. */
  report(slot: number): QemuNicReport {
    return this.nic(slot).station.report();
  }

  /** Ends QEMU. Its cards are then as pulled out. Harmless when repeated. */
  close(): void {
    this.qtest.close();
    this.leave();
  }

  private nic(slot: number): Nic {
    const nic = this.nics.find((one) => one.options.slot === slot);
    if (nic !== undefined) return nic;
    const slots = this.nics.map((one) => one.options.slot).join(', ');
    throw new AttachError(`no NIC of QEMU's is in slot ${slot}; there are: ${slots}`);
  }

  /** What firmware would do, and a look whether everyone is there. */
  private findNics(nics: readonly QemuNicOptions[]): void {
    const { qtest, linux, process: qemu } = this;
    const config = new ConfigSpace(qtest);
    this.pins.route((offset, width, value) => config.write(ISA_BRIDGE, offset, width, value));
    nics.forEach((options, i) => {
      const { slot, model, medium } = options;
      if (config.read(slot, PCI_VENDOR_ID, 2) === NOBODY && !qtest.dead) {
        throw new AttachError(`${model}: QEMU has nothing in PCI slot ${slot}`);
      }
      const setCable = (up: boolean): void => this.setCable(slot, up);
      const station = new QemuStation(linux, qemu.frames[i], medium, setCable);
      this.nics.push({ options, function: new QemuFunction(qtest, config, slot), station });
    });
  }

  private setCable(slot: number, up: boolean): void {
    if (this.qtest.dead) return;
    try {
      this.monitor.setLink(netdevName(slot), up);
    } catch (error) {
      this.qtest.lose((error as Error).message);
    }
  }

  /** It ended, hangs or makes no sense. */
  private lost(why: string): void {
    if (this.closed) return;
    const words = lastWords(this.process);
    this.log(`QEMU (pid ${this.pid}) is lost: ${why}${words === '' ? '' : `; its last words: ${words}`}`);
    this.leave();
  }

  private leave(): void {
    if (this.closed) return;
    this.closed = true;
    this.sleeper.close();
    this.monitor.close();
    for (const { station } of this.nics) station.close();
    endQemu(this.process);
    // Last: handlers of other cards on the lines may run.
    this.pins.release();
  }
}

function linuxCalls(): Linux {
  try {
    return loadLinux();
  } catch (error) {
    throw new AttachError((error as Error).message);
  }
}

/** Puts QEMU's words to an error while starting, and what would help. */
function explain(error: Error, words: string, program: string): AttachError {
  const unknown = /'([^']*)' is not a valid device model name/.exec(words);
  if (unknown !== null) {
    return new AttachError(`QEMU has no NIC "${unknown[1]}": ${modelAdvice(program, unknown[1])}`);
  }
  return new AttachError(words === '' ? error.message : `${error.message}; its words: ${words}`);
}
