// Interrupts. A driver gives io-pkt an interrupt entry for each source and attaches an ISR of its own. The ISR silences the
// source (by InterruptMask, or by the card's mask register) and returns interrupt_queue(); io-pkt's interrupt thread then
// calls func(arg, wtp), process_interrupt, and when that returns 1 calls enable(arg). Here the interrupt thread is a NAPI
// instance of the device layer, so sources take turns with everything else that receives.
//
//   line ─► isr(area, iid) ─► interrupt_queue ─► [NET_RX] func ─► 1: on_list = 0, enable      0: again, behind the others

import type { IrqAction } from '../kernel/irq.ts';
import { NAPI_POLL_WEIGHT, Napi } from '../net/napi.ts';
import type { device } from './device.ts';
import { EINVAL, EOK } from './errno.ts';
import { fault } from './fault.ts';
import type { IoPkt } from './manager.ts';
import { CTX_INTERRUPT, current, IN_STACK, NOT_IN_HOOK, ruleError } from './self.ts';
import type { nw_work_thread } from './threads.ts';

export { InterruptAttach, InterruptDetach, InterruptMask, InterruptUnmask } from './interrupt-attach.ts';

/** Priority of an entry: io-pkt's own choice (rx_prio). */
export const IRUPT_PRIO_DEFAULT = -1;

/** Answers "again" at one instant after which there is no end to be hoped for. */
const AGAIN_LIMIT = 100_000;

/** What an ISR returns to have the interrupt thread woken. */
export interface sigevent {
  readonly name: string;
}

/** struct _iopkt_inter. */
export class _iopkt_inter<T = unknown> {
  /** process_interrupt: 1 when all is done, 0 to be called again after the others. */
  func: ((arg: T, wtp: nw_work_thread) => number) | null = null;
  /** Lets the source interrupt again. */
  enable: ((arg: T) => number) | null = null;
  arg: T = null as T;
  /** Queued, or being processed. Read by ISRs, written by io-pkt. */
  on_list = 0;
  /** Times it was queued while it was listed. */
  spurious = 0;
  /** io-pkt's side of it; null when it is not registered. */
  source: Source | null = null;
}

/** A registered entry. */
export class Source {
  readonly inter: _iopkt_inter<unknown>;
  readonly dev: device | null;
  readonly napi: Napi;
  readonly priority: number;
  readonly event: sigevent;
  /** It came while threads are quiesced. */
  waiting = false;
  /** Calls of func, and those that returned 0. */
  calls = 0;
  again = 0;
  /** Of those the last in a row at one instant, and that instant. */
  idle = 0;
  readonly instant = new Float64Array(2);

  constructor(io: IoPkt, inter: _iopkt_inter<unknown>, priority: number) {
    const name = io.contexts.dev?.dv_xname ?? io.machine.name;
    this.inter = inter;
    this.dev = io.contexts.dev;
    this.priority = priority;
    this.event = { name: `${name} interrupt` };
    this.napi = new Napi(io.layer.softnet, name, () => process(io, this));
    this.napi.enable();
  }
}

/** An attached ISR. */
export interface Handler {
  readonly iid: number;
  readonly irq: number;
  readonly dev: device | null;
  readonly action: IrqAction;
  masks: number;
  attached: boolean;
}

export class Interrupts {
  readonly sources: Source[] = [];
  readonly handlers: Handler[] = [];
  /** Masks and queuings so far: whether an ISR did anything. */
  actions = 0;
  /** Event that the running ISR has to return. */
  owed: sigevent | null = null;
  nextIid = 0;
  private readonly io: IoPkt;

  constructor(io: IoPkt) {
    this.io = io;
  }

  /** Threads may run again: what came meanwhile is processed. */
  resume(): void {
    for (const source of this.sources) {
      if (!source.waiting) continue;
      source.waiting = false;
      if (source.napi.schedulePrep()) source.napi.schedule();
    }
  }

  removeSource(source: Source): void {
    const at = this.sources.indexOf(source);
    if (at < 0) return;
    this.sources.splice(at, 1);
    source.inter.source = null;
    source.inter.on_list = 0;
    if (source.napi.enabled) source.napi.disable();
  }

  detach(handler: Handler): void {
    const { irq } = this.io.machine;
    const line = irq.line(handler.irq);
    // From here its ISR is not called, also when the line is in service just now and cannot be freed.
    handler.attached = false;
    const at = this.handlers.indexOf(handler);
    if (at >= 0) this.handlers.splice(at, 1);
    if (!line.inService) irq.free(handler.irq, handler.action);
    // Those that share the line must not wait for it.
    for (; handler.masks > 0; handler.masks--) line.enable();
  }

  discard(dev: device): void {
    for (const handler of [...this.handlers]) if (handler.dev === dev) this.detach(handler);
    for (const source of [...this.sources]) if (source.dev === dev) this.removeSource(source);
  }

  /** io-pkt is dead, its interrupts are the system's again. */
  clear(): void {
    for (const handler of [...this.handlers]) this.detach(handler);
  }

  /** ISRs that a device has attached. */
  countOf(dev: device | null): number {
    let count = 0;
    for (const handler of this.handlers) if (handler.dev === dev) count++;
    return count;
  }

  find(iid: number): Handler | null {
    for (let i = 0; i < this.handlers.length; i++) if (this.handlers[i].iid === iid) return this.handlers[i];
    return null;
  }
}

/**
 * Registers an entry, once for each source. `priority`: IRUPT_PRIO_DEFAULT or what the user wants. EINVAL: it has no func or
 * enable, or is registered. Stack context.
 */
export function interrupt_entry_init<T>(
  inter: _iopkt_inter<T>,
  flags: number,
  _reserved: null,
  priority: number,
): number {
  const io = current(IN_STACK, 'interrupt_entry_init');
  if (flags !== 0)
    throw ruleError(io, 'manual', `interrupt_entry_init with flags ${flags}: 0 is the only value`);
  if (inter.func === null || inter.enable === null || inter.source !== null) return EINVAL;
  const general = inter as unknown as _iopkt_inter<unknown>;
  general.source = new Source(
    io,
    general,
    priority === IRUPT_PRIO_DEFAULT ? io.settings.rxPriority : priority,
  );
  io.interrupts.sources.push(general.source);
  return EOK;
}

/** Takes an entry back; no func runs after it returns. EINVAL: it is not registered. Stack context. */
export function interrupt_entry_remove<T>(inter: _iopkt_inter<T>, _reserved: null): number {
  const io = current(IN_STACK, 'interrupt_entry_remove');
  if (inter.source === null) return EINVAL;
  io.interrupts.removeSource(inter.source);
  return EOK;
}

/** Has the entry processed. An ISR returns what this returns: the event, or null when the entry is listed already. */
export function interrupt_queue<T>(iopkt: IoPkt, inter: _iopkt_inter<T>): sigevent | null {
  const io = current(NOT_IN_HOOK, 'interrupt_queue');
  if (io !== iopkt) throw ruleError(io, 'manual', 'interrupt_queue: the first argument is iopkt_selfp');
  const { source } = inter;
  if (source === null)
    throw ruleError(io, 'F02', 'interrupt_queue of an entry that is not registered (interrupt_entry_init)');
  const { interrupts } = io;
  interrupts.actions++;
  if (inter.on_list !== 0) {
    inter.spurious++;
    return null;
  }
  inter.on_list = 1;
  interrupts.owed = source.event;
  if (source.napi.schedulePrep()) source.napi.schedule();
  return source.event;
}

/** One turn of the interrupt thread at a source; a NapiPoll. */
function process(io: IoPkt, source: Source): number {
  const { contexts } = io;
  const { inter, napi, dev } = source;
  if (io.dead || io.quiesced > 0) {
    source.waiting = true;
    napi.complete();
    return 0;
  }
  const before = io.inputs;
  const { driverThread } = io;
  io.driverThread = null;
  source.calls++;
  contexts.enter(CTX_INTERRUPT, dev, 'process_interrupt');
  try {
    const done = inter.func!(inter.arg, io.thread);
    contexts.checkLocks();
    // A fault further in, in another driver: the hooks have masked this one, and nothing may undo that.
    if (io.dead) {
      napi.complete();
      return 0;
    }
    if (done === 0) {
      source.again++;
      checkProgress(io, source);
      return napi.enabled ? NAPI_POLL_WEIGHT : 0;
    }
    source.idle = 0;
    if (done !== 1)
      throw ruleError(io, 'P11', `process_interrupt returned ${done}: 1 is done, 0 is call me again`);
    // Before enable: a shared interrupt may come in between and must be queued.
    inter.on_list = 0;
    napi.complete();
    inter.enable!(inter.arg);
    contexts.checkLocks();
  } catch (error) {
    napi.complete();
    fault(io, error);
  } finally {
    contexts.leave();
    io.driverThread = driverThread;
  }
  const work = io.inputs - before;
  return work < NAPI_POLL_WEIGHT ? work : NAPI_POLL_WEIGHT - 1;
}

/** A CPU without costs would call such a driver for ever. */
function checkProgress(io: IoPkt, source: Source): void {
  const { instant } = source;
  io.machine.cpu.stamp(instant, 0);
  if (instant[0] !== instant[1]) source.idle = 0;
  instant[1] = instant[0];
  if (++source.idle > AGAIN_LIMIT)
    throw ruleError(
      io,
      'P11',
      `process_interrupt returned 0 ${AGAIN_LIMIT} times at one instant: it never ends`,
    );
}
