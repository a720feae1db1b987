// Faults in driver code, as a lab file orders them: at its time the next call of an entry point throws, which is what a bad
// pointer is on the real thing (SIGSEGV).

import type { ifnet } from '../iopkt/ifnet.ts';
import type { IoPkt } from '../iopkt/manager.ts';
import type { IoPktNic } from './iopkt-host.ts';
import type { HostSpec } from './spec.ts';

type Fault = HostSpec['faults'][number];

export function injectFaults(io: IoPkt, spec: HostSpec, nics: readonly IoPktNic[]): void {
  for (const fault of spec.faults) {
    const nic = nics.find((each) => fault.nic === undefined || each.spec.name === fault.nic);
    const ifp = nic?.ifp ?? null;
    if (ifp !== null) inject(io, ifp, fault);
  }
}

/** Wraps the entry point of one interface's driver. */
function inject(io: IoPkt, ifp: ifnet, { in: entry, at }: Fault): void {
  const { clock } = io.machine;
  const from = clock.now() + at;
  const faulty = <Args extends unknown[], Result>(work: (...args: Args) => Result) => {
    return (...args: Args): Result => {
      if (clock.now() >= from) throw new Error(`the lab file wants a fault in ${entry}`);
      return work(...args);
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
