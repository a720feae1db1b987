// A machine on a virtual clock, and the little that tests of the kernel and the device layer say about it.

import { VirtualClock } from '../../src/kernel/clock.ts';
import type { Cpu } from '../../src/kernel/cpu.ts';
import { Machine, type MachineOptions } from '../../src/kernel/machine.ts';
import { type CpuProfile, IDEAL } from '../../src/kernel/profile.ts';

/** A profile in which nothing costs anything but what is named. */
export function costing(costs: Partial<CpuProfile>): CpuProfile {
  return { ...IDEAL, name: 'test', ...costs };
}

export interface OneMachine {
  clock: VirtualClock;
  machine: Machine;
  cpu: Cpu;
  log: string[];
  /** Runs for `ns` more. */
  run(ns: number): void;
}

export function oneMachine(options: Partial<MachineOptions> = {}): OneMachine {
  const clock = options.clock instanceof VirtualClock ? options.clock : new VirtualClock();
  const log: string[] = [];
  const machine = new Machine({
    mbufs: 1024,
    clusters: 512,
    log: (line) => void log.push(line),
    ...options,
    clock,
  });
  return { clock, machine, cpu: machine.cpus[0], log, run: (ns) => void clock.run(clock.now() + ns) };
}
