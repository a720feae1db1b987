// A machine: memory, packet buffers, CPUs, interrupt controller, callouts, in one place. Buses and devices are plugged
// into it (src/bus), network devices are registered with its device layer (src/net).

import { MbufPool } from '../mbuf/pool.ts';
import { CalloutQueue } from './callout.ts';
import type { Clock } from './clock.ts';
import { Cpu, type SoftirqAction } from './cpu.ts';
import { InterruptController, IrqLine } from './irq.ts';
import { PhysicalMemory } from './memory.ts';
import { type CpuProfile, IDEAL } from './profile.ts';
import { Random } from './random.ts';
import { TIMER_SOFTIRQ } from './softirq.ts';
import { TP_TIMER_EXPIRE, Tracer } from './trace.ts';

export interface MachineOptions {
  name?: string;
  clock: Clock;
  /** Seed of the run; the machine draws from streams named after itself. */
  seed?: number;
  profile?: CpuProfile;
  cpus?: number;
  /** Physical memory in bytes, or one that somebody else shares. */
  memory?: number | PhysicalMemory;
  /** Packet buffers and 2 KiB clusters. */
  mbufs?: number;
  clusters?: number;
  /** Poison, red zones and leak reports for packet buffers. */
  debugMbufs?: boolean;
  trace?: Tracer;
  /** Where warnings to people go. */
  log?: (message: string) => void;
}

/** Interrupt lines of the controller: an I/O APIC has 24. */
const IRQ_LINES = 24;

export class Machine {
  readonly name: string;
  readonly clock: Clock;
  readonly seed: number;
  readonly memory: PhysicalMemory;
  readonly mbufs: MbufPool;
  readonly cpus: Cpu[] = [];
  readonly irq: InterruptController;
  readonly callouts: CalloutQueue;
  readonly trace: Tracer;
  /** The CPU whose activity runs now, or ran last. */
  cpu: Cpu;
  private readonly softirqActions: SoftirqAction[] = [];
  private listener: ((message: string) => void) | null = null;
  private readonly writeLog: (message: string) => void;

  constructor(options: MachineOptions) {
    this.name = options.name ?? 'machine';
    this.clock = options.clock;
    this.seed = options.seed ?? 1;
    this.trace = options.trace ?? new Tracer(1024);
    this.writeLog = options.log ?? (() => {});
    const mbufs = options.mbufs ?? 4096;
    const clusters = options.clusters ?? 2048;
    // Room for the buffers (red zones included), the rings of a few cards, and what drivers allocate.
    const wanted = mbufs * 320 + clusters * 2112 + 0x200000;
    const { memory = wanted } = options;
    this.memory = typeof memory === 'number' ? new PhysicalMemory(memory) : memory;
    this.mbufs = new MbufPool(this.memory, { mbufs, clusters, debug: options.debugMbufs ?? false });
    const profile = options.profile ?? IDEAL;
    for (let i = 0; i < (options.cpus ?? 1); i++) {
      const cpu = new Cpu(`${this.name}/cpu${i}`, i, this.clock, profile, this.trace, this.softirqActions);
      cpu.onEnter = (entered) => {
        this.cpu = entered;
      };
      this.cpus.push(cpu);
    }
    this.cpu = this.cpus[0];
    this.irq = new InterruptController(IRQ_LINES, this.cpu, (message) => this.log(message));
    this.callouts = this.makeCallouts();
  }

  /** Sets what a softirq vector does. */
  openSoftirq(vector: number, action: SoftirqAction): void {
    this.softirqActions[vector] = action;
  }

  /** Runs `work` in process context on the first CPU, as a system call would. */
  process<T>(work: () => T): T {
    return this.cpus[0].process(work);
  }

  /** A stream of random numbers of this machine's own. */
  random(stream: string): Random {
    return new Random(this.seed, `${this.name}/${stream}`);
  }

  log(message: string): void {
    this.listener?.(message);
    this.writeLog(`${this.name}: ${message}`);
  }

  /** Runs `work`; what is logged meanwhile goes to `said` too. */
  overhear<T>(said: string[], work: () => T): T {
    const before = this.listener;
    this.listener = (message) => {
      said.push(message);
      before?.(message);
    };
    try {
      return work();
    } finally {
      this.listener = before;
    }
  }

  /** The local timer: an interrupt line of the first CPU's own, whose handler leaves the work to the TIMER softirq. */
  private makeCallouts(): CalloutQueue {
    const line = new IrqLine(IRQ_LINES, this.cpu, (message) => this.log(message));
    const queue = new CalloutQueue(this.cpu, () => line.pulse());
    line.addAction('timer', (cpu) => {
      if (this.trace.on) this.trace.emit(TP_TIMER_EXPIRE, cpu.now(), cpu.traceSource);
      cpu.raiseSoftirq(TIMER_SOFTIRQ);
      return true;
    });
    this.openSoftirq(TIMER_SOFTIRQ, () => queue.run());
    return queue;
  }
}
