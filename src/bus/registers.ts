// Registers as a driver sees them: a window (a BAR, or a range of a platform device) with reads and writes of three
// widths. Every access is charged, is a point where an interrupt may come, and can be traced.

import type { Machine } from '../kernel/machine.ts';
import { TP_REGISTER_READ, TP_REGISTER_WRITE } from '../kernel/trace.ts';
import type { Width } from './host.ts';

/** Whoever answers the accesses: a chip model in this process, or a chip somewhere else. */
export interface RegisterBackend {
  readBar(bar: number, offset: number, width: Width): number;
  writeBar(bar: number, offset: number, width: Width, value: number): void;
}

export class Registers {
  private readonly machine: Machine;
  private readonly backend: RegisterBackend;
  private readonly bar: number;
  private readonly traceName: number;
  /** Accesses so far, for tests and reports. */
  reads = 0;
  writes = 0;

  /** `bar`: which of the backend's windows this is; devices that have but one call it 0. */
  constructor(machine: Machine, backend: RegisterBackend, bar: number, name: string) {
    this.machine = machine;
    this.backend = backend;
    this.bar = bar;
    this.traceName = machine.trace.addName(name);
  }

  read8(offset: number): number {
    return this.read(offset, 1);
  }

  read16(offset: number): number {
    return this.read(offset, 2);
  }

  read32(offset: number): number {
    return this.read(offset, 4);
  }

  write8(offset: number, value: number): void {
    this.write(offset, 1, value & 0xff);
  }

  write16(offset: number, value: number): void {
    this.write(offset, 2, value & 0xffff);
  }

  write32(offset: number, value: number): void {
    this.write(offset, 4, value >>> 0);
  }

  private read(offset: number, width: Width): number {
    const { cpu, trace } = this.machine;
    this.reads++;
    cpu.charge(cpu.profile.registerRead);
    const value = this.backend.readBar(this.bar, offset, width);
    if (trace.on) trace.emit(TP_REGISTER_READ, cpu.now(), cpu.traceSource, this.traceName, offset, value);
    return value;
  }

  private write(offset: number, width: Width, value: number): void {
    const { cpu, trace } = this.machine;
    this.writes++;
    cpu.charge(cpu.profile.registerWrite);
    if (trace.on) trace.emit(TP_REGISTER_WRITE, cpu.now(), cpu.traceSource, this.traceName, offset, value);
    this.backend.writeBar(this.bar, offset, width, value);
  }
}
