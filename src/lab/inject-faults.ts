// Faults in driver code, as a lab file orders them: at its time the next call of an entry point throws, which is what a bad
// pointer is on the real thing (SIGSEGV).

import type { ifnet } from '../iopkt/ifnet.ts';
import type { IoPkt } from '../iopkt/manager.ts';
import { ClockEvent } from '../kernel/clock.ts';
import type { IoPktNic } from './iopkt-host.ts';
import type { HostSpec } from './spec.ts';

type Fault = HostSpec['faults'][number];

/**
 * Each fault is armed once the NIC has an interface: at the start, or when its time has come, for whatever interface there is then;
 * else for the next one.
 */
export class Faults {
  private readonly io: IoPkt;
  private readonly waiting: { nic: IoPktNic; fault: Fault; event: ClockEvent }[];

  constructor(io: IoPkt, spec: HostSpec, nics: readonly IoPktNic[]) {
    this.io = io;
    const { clock } = io.machine;
    this.waiting = spec.faults.flatMap((fault) => {
      const nic = nics.find((each) => fault.nic === undefined || each.spec.name === fault.nic);
      if (nic === undefined) return [];
      const entry = { nic, fault, event: new ClockEvent(`fault in ${fault.in}`, () => this.arm(entry)) };
      if (fault.at === 0 && nic.ifp !== null) inject(io, nic.ifp, fault);
      else clock.arm(entry.event, clock.now() + fault.at);
      return fault.at === 0 && nic.ifp !== null ? [] : [entry];
    });
  }

  /** A NIC has an interface again. Its driver has not finished attaching it. */
  adopted(nic: IoPktNic): void {
    const { clock } = this.io.machine;
    for (const entry of this.waiting)
      if (entry.nic === nic && !entry.event.armed) clock.armIn(entry.event, 0);
  }

  private arm(entry: Faults['waiting'][number]): void {
    const { ifp } = entry.nic;
    if (ifp === null) return;
    this.waiting.splice(this.waiting.indexOf(entry), 1);
    inject(this.io, ifp, entry.fault);
  }
}

/** Wraps the entry point of one interface's driver: its next call throws. */
function inject(io: IoPkt, ifp: ifnet, { in: entry }: Fault): void {
  const faulty = <Args extends unknown[], Result>(_work: (...args: Args) => Result) => {
    return (..._args: Args): Result => {
      throw new Error(`the lab file wants a fault in ${entry}`);
    };
  };
  switch (entry) {
    case 'init':
      ifp.if_init = faulty(ifp.if_init!);
      break;
    case 'stop':
      ifp.if_stop = faulty(ifp.if_stop!);
      break;
    case 'start':
      ifp.if_start = faulty(ifp.if_start!);
      break;
    case 'ioctl':
      ifp.if_ioctl = faulty(ifp.if_ioctl!);
      break;
    case 'process_interrupt':
      for (const { inter, dev } of io.interrupts.sources)
        if (dev === ifp.if_dev) inter.func = faulty(inter.func!);
      break;
    case 'hook':
      for (const hook of io.hooks) if (hook.dev === ifp.if_dev) hook.func = faulty(hook.func);
  }
}
