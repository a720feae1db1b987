// The process that io-net drivers run in. In C its memory, threads and channels are simply there; several machines live in
// one process here, so whoever carries drivers (the shim) says at every entry into driver code whose they are, and puts the
// old one back afterwards. What it has to do for them is `System`.

import type { PciDevice } from '../bus/pci.ts';
import type { Machine } from '../kernel/machine.ts';
import type { ThreadBody } from '../kernel/thread.ts';
import type { Channel, pthread_mutex_t } from './neutrino.ts';

/** What the carrier of drivers does for one of them (one loaded file). */
export interface System {
  readonly machine: Machine;
  /** By chid. */
  readonly channels: (Channel | null)[];
  /** Mutexes held, in the order they were taken. */
  readonly held: pthread_mutex_t[];
  /** Makes a thread; returns its id, -1: too many. */
  spawn(name: string, body: ThreadBody): number;
  wake(tid: number): void;
  /** Ends a thread where it stands. False: no such thread. */
  cancel(tid: number): boolean;
  /** Runs a thread until it has ended. False: no such thread, or it does not end. */
  join(tid: number): boolean;
  /** Id of the running thread; 0: none of the driver's. */
  self(): number;
  /** Masks the line at each interrupt and calls `deliver`. Returns an iid, -1: no such line. */
  attachInterrupt(irq: number, deliver: () => void): number;
  detachInterrupt(iid: number): number;
  maskInterrupt(irq: number, iid: number): number;
  unmaskInterrupt(irq: number, iid: number): number;
  delay(msec: number): void;
  /** The `index`-th PCI device with these numbers that nobody has. */
  attachPci(vendor: number, device: number, index: number): PciDevice | null;
  detachPci(pci: PciDevice): void;
  /** A driver has broken a rule: throws. */
  mistake(rule: string, message: string): never;
}

/** Set by whoever fails, read by whoever called: errno of C. */
export const errno = { value: 0 };

let current: System | null = null;

/** From here driver code of `system` runs. Returns what `leaveProcess` wants. */
export function enterProcess(system: System): System | null {
  const before = current;
  current = system;
  return before;
}

export function leaveProcess(before: System | null): void {
  current = before;
}

/** Whose driver runs. Throws outside of driver code. */
export function process(what: string): System {
  if (current === null) throw new Error(`${what}: only a driver that io-net has called may`);
  return current;
}
