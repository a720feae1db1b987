// Mutexes. A plain one (NW_EX_LK) leaves interrupt work free to start on its owner's thread; the signal forms (NW_SIGLOCK)
// hold it off until the last is given back, and are for data that process_interrupt or start() want too. if_snd_ex is
// always taken by a signal form.
// Nobody waits here: code runs to its end, so a mutex that is taken already is a dead-lock, and so is one that interrupt
// work could want from its owner; both are found the first time, also when the collision did not happen.

import type { ifnet } from './ifnet.ts';
import type { IoPkt } from './manager.ts';
import { CTX_INTERRUPT, CTX_START, current, IN_STACK, ruleError, WITH_LOCKS } from './self.ts';
import type { nw_work_thread } from './threads.ts';

export class nw_mutex {
  readonly name: string;
  owner: nw_work_thread | null = null;
  /** Taken by a signal form. Written by this file only. */
  signal = false;
  /** The interface whose if_snd_ex this is. */
  ifp: ifnet | null = null;
  /** Taken by the interrupt side; taken elsewhere with interrupt work free to come. */
  wantedByInterrupts = false;
  openToInterrupts = false;
  /** Mutexes that were held when this one was taken. */
  readonly takenAfter = new Set<nw_mutex>();

  constructor(name: string) {
    this.name = name;
  }
}

/** A mutex of a driver's own. */
export function nw_mutex_init(name: string): nw_mutex {
  return new nw_mutex(name);
}

/** Takes a mutex; as the owner of if_snd_ex in start() gives it back, as in the technote. */
export function NW_EX_LK(mutex: nw_mutex, iopkt: IoPkt): void {
  const io = current(WITH_LOCKS, 'NW_EX_LK');
  checkIoPkt(io, iopkt, 'NW_EX_LK');
  if (mutex.ifp === null) {
    take(io, mutex, false);
    return;
  }
  if (mutex.owner === io.thread && io.contexts.context === CTX_START) release(io, mutex);
  else throw ruleError(io, 'L01', `NW_EX_LK of ${mutex.name}: if_snd_ex is taken by NW_SIGLOCK`);
}

export function NW_EX_UNLK(mutex: nw_mutex, iopkt: IoPkt): void {
  const io = current(WITH_LOCKS, 'NW_EX_UNLK');
  checkIoPkt(io, iopkt, 'NW_EX_UNLK');
  if (mutex.signal && mutex.ifp === null)
    throw ruleError(io, 'L01', `${mutex.name} was taken by NW_SIGLOCK: NW_SIGUNLOCK gives it back`);
  release(io, mutex);
}

export function NW_SIGLOCK(mutex: nw_mutex, iopkt: IoPkt): void {
  const io = current(WITH_LOCKS, 'NW_SIGLOCK');
  checkIoPkt(io, iopkt, 'NW_SIGLOCK');
  take(io, mutex, true);
}

export function NW_SIGUNLOCK(mutex: nw_mutex, iopkt: IoPkt): void {
  const io = current(WITH_LOCKS, 'NW_SIGUNLOCK');
  checkIoPkt(io, iopkt, 'NW_SIGUNLOCK');
  checkSignal(io, mutex);
  release(io, mutex);
}

/** NW_SIGLOCK for callers that know their thread: `wtp` is the running one's (WTP()). */
export function NW_SIGLOCK_P(mutex: nw_mutex, iopkt: IoPkt, wtp: nw_work_thread): void {
  const io = current(WITH_LOCKS, 'NW_SIGLOCK_P');
  checkIoPkt(io, iopkt, 'NW_SIGLOCK_P');
  if (wtp !== io.thread) refuseThread(io, wtp, 'NW_SIGLOCK_P');
  take(io, mutex, true);
}

export function NW_SIGUNLOCK_P(mutex: nw_mutex, iopkt: IoPkt, wtp: nw_work_thread): void {
  const io = current(WITH_LOCKS, 'NW_SIGUNLOCK_P');
  checkIoPkt(io, iopkt, 'NW_SIGUNLOCK_P');
  if (wtp !== io.thread) refuseThread(io, wtp, 'NW_SIGUNLOCK_P');
  checkSignal(io, mutex);
  release(io, mutex);
}

function checkSignal(io: IoPkt, mutex: nw_mutex): void {
  if (!mutex.signal && mutex.owner !== null)
    throw ruleError(io, 'L01', `${mutex.name} was taken by NW_EX_LK: NW_EX_UNLK gives it back`);
}

function checkIoPkt(io: IoPkt, given: IoPkt, what: string): void {
  if (io !== given)
    throw ruleError(
      io,
      'manual',
      `${what}: the second argument is iopkt_selfp, the io-pkt of ${io.machine.name}`,
    );
}

function refuseThread(io: IoPkt, wtp: nw_work_thread, what: string): never {
  throw ruleError(io, 'manual', `${what}: wtp is of ${wtp.name}, the running thread is ${io.thread.name}`);
}

/** For the framework too: takes a mutex. Throws what would be a dead-lock. */
export function take(io: IoPkt, mutex: nw_mutex, signal: boolean): void {
  const { cpu } = io.machine;
  if (mutex.owner !== null) refuse(io, mutex);
  if (signal) cpu.bhDisable();
  cpu.charge(cpu.profile.lock);
  const { context } = io.contexts;
  if (context === CTX_INTERRUPT || context === CTX_START) mutex.wantedByInterrupts = true;
  else if (!signal && io.signalLocks === 0) mutex.openToInterrupts = true;
  if (mutex.wantedByInterrupts && mutex.openToInterrupts) {
    if (signal) cpu.bhEnable();
    throw ruleError(
      io,
      'L01',
      `mutex ${mutex.name} is taken by process_interrupt or start(), and elsewhere without NW_SIGLOCK: dead-lock`,
    );
  }
  checkOrder(io, mutex, signal);
  mutex.owner = io.thread;
  mutex.signal = signal;
  if (signal) io.signalLocks++;
  io.held.push(mutex);
  mutex.ifp?.sendQueue.beginPull();
}

function checkOrder(io: IoPkt, mutex: nw_mutex, signal: boolean): void {
  const { held } = io;
  for (let i = 0; i < held.length; i++) {
    const other = held[i];
    if (!other.takenAfter.has(mutex)) {
      mutex.takenAfter.add(other);
      continue;
    }
    if (signal) io.machine.cpu.bhEnable();
    throw ruleError(io, 'L02', `mutexes ${other.name} and ${mutex.name} are taken in both orders: dead-lock`);
  }
}

function refuse(io: IoPkt, mutex: nw_mutex): never {
  const { owner, name } = mutex;
  if (owner === io.thread && io.contexts.context === CTX_INTERRUPT && !mutex.signal)
    throw ruleError(
      io,
      'L01',
      `mutex ${name} is held by the thread that does this interrupt work: dead-lock`,
    );
  if (owner === io.thread)
    throw ruleError(io, 'L03', `mutex ${name} is taken again by ${owner?.name}, its owner: dead-lock`);
  throw ruleError(io, 'L04', `mutex ${name}: ${owner?.name} has gone to wait with it`);
}

/** For the framework too: gives a mutex back. */
export function release(io: IoPkt, mutex: nw_mutex): void {
  if (mutex.owner !== io.thread) {
    const who = mutex.owner === null ? 'nobody holds' : `${mutex.owner.name} holds`;
    throw ruleError(io, 'manual', `mutex ${mutex.name} is given back by ${io.thread.name}; ${who} it`);
  }
  const { signal } = mutex;
  mutex.ifp?.syncQueue();
  mutex.owner = null;
  mutex.signal = false;
  const { held } = io;
  let at = held.length - 1;
  while (held[at] !== mutex) at--;
  for (; at < held.length - 1; at++) held[at] = held[at + 1];
  held.pop();
  if (!signal) return;
  io.signalLocks--;
  io.machine.cpu.bhEnable();
}

/** After a fault: everything that is held, the last taken first. */
export function releaseAll(io: IoPkt): void {
  while (io.held.length > 0) {
    const mutex = io.held.pop()!;
    mutex.owner = null;
    if (!mutex.signal) continue;
    mutex.signal = false;
    io.signalLocks--;
    io.machine.cpu.bhEnable();
  }
}

/** A mutex among the users of stack context only. */
export class nic_mutex {
  readonly name: string;
  locked = false;

  constructor(name: string) {
    this.name = name;
  }
}

export function nic_mutex_init(name: string): nic_mutex {
  return new nic_mutex(name);
}

/** Really waiting would stop the whole stack, and only the holder could end the wait: taken twice is a dead-lock. */
export function nic_mutex_lock(mutex: nic_mutex): void {
  const io = current(IN_STACK, 'nic_mutex_lock');
  if (mutex.locked) throw ruleError(io, 'L03', `nic_mutex ${mutex.name} is taken a second time: dead-lock`);
  mutex.locked = true;
}

/** True: taken. */
export function nic_mutex_trylock(mutex: nic_mutex): boolean {
  current(IN_STACK, 'nic_mutex_trylock');
  if (mutex.locked) return false;
  mutex.locked = true;
  return true;
}

export function nic_mutex_unlock(mutex: nic_mutex): void {
  const io = current(IN_STACK, 'nic_mutex_unlock');
  if (!mutex.locked)
    throw ruleError(io, 'manual', `nic_mutex ${mutex.name} is given back, and nobody holds it`);
  mutex.locked = false;
}
