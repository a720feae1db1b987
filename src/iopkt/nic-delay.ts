// Waiting in stack context. On the real thing nic_delay puts a pseudo-thread to sleep and the stack goes on with others;
// here the stack waits with its caller. Time passes: a CPU with costs is charged, one without lets the clock run.

import type { IoPkt } from './manager.ts';
import { current, IN_STACK } from './self.ts';

/** Clock events in one delay: far more than a lab has in a second, so that a storm ends in a message. */
const MAX_EVENTS = 10_000_000;

/** Waits `msec` milliseconds. Stack context. */
export function nic_delay(msec: number): void {
  const io = current(IN_STACK, 'nic_delay');
  if (!(msec >= 0 && msec <= 60_000)) throw new RangeError(`nic_delay of ${msec} ms: 0 to 60000 is possible`);
  spend(io, msec * 1_000_000);
}

/** Lets `ns` pass; what is due meanwhile happens. */
export function spend(io: IoPkt, ns: number): void {
  const { cpu, clock } = io.machine;
  const costed = clock.kind === 'virtual' && cpu.profile.name !== 'ideal';
  if (costed) {
    cpu.charge(ns);
    return;
  }
  const end = clock.now() + ns;
  const { kind } = clock;
  for (let events = 0; events < MAX_EVENTS; ) {
    const due = kind === 'system' ? Math.min(end, clock.now()) : end;
    if (clock.nextEventTime() <= due) {
      clock.fireNext();
      events++;
    } else if (kind === 'virtual') {
      clock.advanceTo(end);
      return;
    } else if (clock.now() >= end) return;
  }
  throw new Error(`a delay of ${ns} ns does not end: ${MAX_EVENTS} events and more`);
}
