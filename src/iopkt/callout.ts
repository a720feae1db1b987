// callout(9): one-shot timers whose function runs in stack context. A periodic one arms itself again at the end of its
// function. Ticks are 10 ms (hz = 100); callout_msec is exact.

import { Callout } from '../kernel/callout.ts';
import type { device } from './device.ts';
import { fault } from './fault.ts';
import type { IoPkt } from './manager.ts';
import { current, NOT_IN_HOOK, ruleError, WITH_LOCKS } from './self.ts';

/**
 * Ticks in a second.
 * @public
 */
export const hz = 100;
const NS_PER_TICK = 10_000_000;
const NS_PER_MS = 1_000_000;

/** struct callout. */
export class callout {
  c_func: ((arg: unknown) => void) | null = null;
  c_arg: unknown = null;
  /** Armed or run, and not stopped since (callout_active). */
  c_active = false;
  /** Set just before the function is called, cleared by callout_ack. */
  c_invoking = false;
  /** Device whose driver made it. */
  dev: device | null = null;
  timer: Callout | null = null;
  /** Its time has come, and it waits for stack context. */
  due = false;
  io: IoPkt | null = null;

  /** Disarms it for good. */
  discard(): void {
    this.timer?.stop();
    this.due = false;
    this.io?.callouts.delete(this);
  }
}

/** Once, before anything else. */
export function callout_init(c: callout): void {
  const io = current(WITH_LOCKS, 'callout_init');
  if (c.io !== null && callout_pending(c))
    throw ruleError(io, 'manual', 'callout_init of a callout that is armed');
  c.io = io;
  c.dev = io.contexts.dev;
  c.c_func = null;
  c.c_arg = null;
  c.c_active = false;
  c.c_invoking = false;
  c.timer = new Callout(io.machine, c.dev?.dv_xname ?? io.machine.name, () => expire(io, c));
}

/** Arms it `ticks` from now, in place of what it was armed for. */
export function callout_reset<T>(c: callout, ticks: number, func: (arg: T) => void, arg: T): void {
  setFunction(c, func, arg);
  arm(c, Math.ceil(ticks) * NS_PER_TICK, 'callout_reset');
}

/** The same in milliseconds. */
export function callout_msec<T>(c: callout, msec: number, func: (arg: T) => void, arg: T): void {
  setFunction(c, func, arg);
  arm(c, msec * NS_PER_MS, 'callout_msec');
}

export function callout_setfunc<T>(c: callout, func: (arg: T) => void, arg: T): void {
  setFunction(c, func, arg);
}

/** Arms it with the function it has. */
export function callout_schedule(c: callout, ticks: number): void {
  arm(c, Math.ceil(ticks) * NS_PER_TICK, 'callout_schedule');
}

/** Disarms; harmless when it is not armed. */
export function callout_stop(c: callout): void {
  current(NOT_IN_HOOK, 'callout_stop');
  c.discard();
  c.c_active = false;
}

/** Armed, and its function not called yet. */
export function callout_pending(c: callout): boolean {
  return c.due || c.timer?.pending === true;
}

/** Its function has been called, or is about to be. */
export function callout_expired(c: callout): boolean {
  return !callout_pending(c);
}

export function callout_active(c: callout): boolean {
  return c.c_active;
}

export function callout_deactivate(c: callout): void {
  c.c_active = false;
}

export function callout_invoking(c: callout): boolean {
  return c.c_invoking;
}

export function callout_ack(c: callout): void {
  c.c_invoking = false;
}

function setFunction<T>(c: callout, func: (arg: T) => void, arg: T): void {
  c.c_func = func as (arg: unknown) => void;
  c.c_arg = arg;
}

function arm(c: callout, delayNs: number, what: string): void {
  const io = current(NOT_IN_HOOK, what);
  if (c.timer === null) throw ruleError(io, 'manual', `${what} of a callout without callout_init`);
  if (c.c_func === null)
    throw ruleError(io, 'manual', `${what} of a callout without a function (callout_setfunc)`);
  if (c.dev?.dv_detached === true)
    throw ruleError(io, 'F02', `${what} of a callout of ${c.dev.dv_xname}, which is detached`);
  if (!(delayNs >= 0)) throw ruleError(io, 'manual', `${what}: a time of ${delayNs} ns`);
  c.due = false;
  c.c_active = true;
  c.timer.reset(delayNs);
  io.callouts.add(c);
}

/** The TIMER softirq. */
function expire(io: IoPkt, c: callout): void {
  if (io.dead) return;
  c.due = true;
  if (io.stack.free) io.stack.run('callout', () => invoke(io, c));
  else io.stack.defer(c.dev, 'callout', () => invoke(io, c));
}

function invoke(io: IoPkt, c: callout): void {
  // Stopped, or armed anew, while it waited for stack context.
  if (!c.due) return;
  c.due = false;
  io.callouts.delete(c);
  c.c_invoking = true;
  io.contexts.enter(io.contexts.context, c.dev, 'callout');
  try {
    c.c_func!(c.c_arg);
    io.contexts.checkLocks();
  } catch (error) {
    fault(io, error);
  } finally {
    io.contexts.leave();
  }
  io.settle(c.dev);
}
