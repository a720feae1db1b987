// Threads. Workers, one a CPU, do interrupt work and carry stack context; a driver gets `wtp`, the structure of the thread
// it runs on. A driver should have no threads of its own. If it must, nw_pthread_create makes one that io-pkt can quiesce
// (a tracked one); pthread_create makes one that may not touch mbufs (untracked). Bodies are generators: they yield BLOCK,
// RESCHEDULE or ns to sleep, as all threads here.

import { BLOCK, type Thread, type ThreadBody } from '../kernel/thread.ts';
import type { device } from './device.ts';
import { EAGAIN, EINVAL, EOK } from './errno.ts';
import { fault } from './fault.ts';
import type { IoPkt } from './manager.ts';
import { spend } from './nic-delay.ts';
import { CTX_TRACKED, CTX_UNTRACKED, current, FaultError, IN_STACK, ruleError, WITH_LOCKS } from './self.ts';

/** Threads of drivers in one io-pkt. */
const MAX_THREADS = 64;
/** Virtual time that a thread has to park after its quiesce_callout. */
const QUIESCE_LIMIT_NS = 1_000_000_000;
/** A parking thread that blocks is looked at again after this. */
const QUIESCE_LOOK_NS = 1_000_000;

/** struct nw_work_thread. */
export class nw_work_thread {
  readonly name: string;
  /** Called from another thread: the thread is to call quiesce_block(die) soon. Set by the thread's init function. */
  quiesce_callout: ((arg: unknown, die: number) => void) | null = null;
  quiesce_arg: unknown = null;

  constructor(name: string) {
    this.name = name;
  }
}

/** A thread of a driver. */
export class DriverThread {
  readonly tid: number;
  readonly wtp: nw_work_thread;
  readonly tracked: boolean;
  readonly dev: device | null;
  readonly detached: boolean;
  parked = false;
  finished = false;
  thread: Thread | null = null;
  private readonly io: IoPkt;
  private readonly body: ThreadBody;

  constructor(io: IoPkt, tid: number, wtp: nw_work_thread, tracked: boolean, body: ThreadBody) {
    this.io = io;
    this.tid = tid;
    this.wtp = wtp;
    this.tracked = tracked;
    this.body = body;
    this.dev = io.contexts.dev;
    this.detached = false;
  }

  /** What the machine's scheduler runs. */
  *run(): ThreadBody {
    while (!this.finished) {
      if (this.parked) yield BLOCK;
      else {
        const wait = this.slice();
        if (!this.finished) yield wait;
      }
    }
  }

  /** Runs the body until it yields; returns what it yielded. */
  slice(): number {
    const { io } = this;
    if (io.dead) {
      this.finished = true;
      return BLOCK;
    }
    const before = io.driverThread;
    io.driverThread = this;
    io.contexts.enter(this.tracked ? CTX_TRACKED : CTX_UNTRACKED, this.dev, `thread ${this.wtp.name}`);
    try {
      const result = this.body.next();
      io.contexts.checkLocks();
      if (result.done !== true) return result.value;
      this.finished = true;
    } catch (error) {
      this.finished = true;
      fault(io, error);
    } finally {
      io.contexts.leave();
      io.driverThread = before;
    }
    return BLOCK;
  }

  end(): void {
    this.finished = true;
    this.thread?.kill();
  }
}

/** The structure of the running thread. */
export function WTP(): nw_work_thread {
  return current(WITH_LOCKS, 'WTP').thread;
}

/** Where a created thread's id is put. */
export interface Tid {
  value: number;
}

/**
 * Makes a tracked thread. `init_func` runs first, in the new thread, and must set `wtp.quiesce_callout`. Stack context.
 * EAGAIN when there are too many.
 */
export function nw_pthread_create<T, A>(
  tidp: Tid | null,
  attr: { name?: string; detached?: boolean } | null,
  func: (arg: T) => ThreadBody,
  arg: T,
  _flags: number,
  init_func: ((wtp: nw_work_thread, arg: A) => number) | null,
  init_arg: A,
): number {
  const io = current(IN_STACK, 'nw_pthread_create');
  if (init_func === null)
    throw ruleError(io, 'P20', 'nw_pthread_create: an init function is wanted, to set wtp.quiesce_callout');
  if (attr?.detached === true)
    throw ruleError(
      io,
      'P20',
      'nw_pthread_create: a detached thread could not be collected by nw_pthread_reap',
    );
  if (io.threads.length >= MAX_THREADS) return EAGAIN;
  const made = make(io, attr?.name, func(arg), true);
  quiesce_all();
  try {
    const error = initialise(io, made, init_func, init_arg);
    if (error !== EOK) return error;
  } finally {
    unquiesce_all();
  }
  start(io, made, tidp);
  return EOK;
}

/** Makes an untracked thread: it may not have mbufs. */
export function pthread_create<T>(
  tidp: Tid | null,
  attr: { name?: string } | null,
  func: (arg: T) => ThreadBody,
  arg: T,
): number {
  const io = current(WITH_LOCKS, 'pthread_create');
  if (io.threads.length >= MAX_THREADS) return EAGAIN;
  start(io, make(io, attr?.name, func(arg), false), tidp);
  return EOK;
}

function make(io: IoPkt, name: string | undefined, body: ThreadBody, tracked: boolean): DriverThread {
  const tid = io.nextTid++;
  return new DriverThread(io, tid, new nw_work_thread(name ?? `thread ${tid}`), tracked, body);
}

function initialise<A>(
  io: IoPkt,
  made: DriverThread,
  init_func: (wtp: nw_work_thread, arg: A) => number,
  init_arg: A,
): number {
  const { wtp } = made;
  const before = io.driverThread;
  io.driverThread = made;
  io.contexts.enter(CTX_TRACKED, made.dev, `init of thread ${wtp.name}`);
  try {
    const error = init_func(wtp, init_arg);
    if (error === EOK && wtp.quiesce_callout === null)
      throw ruleError(io, 'P20', `thread ${wtp.name}: its init function did not set wtp.quiesce_callout`);
    return error;
  } finally {
    io.contexts.leave();
    io.driverThread = before;
  }
}

function start(io: IoPkt, made: DriverThread, tidp: Tid | null): void {
  io.threads.push(made);
  if (tidp !== null) tidp.value = made.tid;
  made.thread = io.machine.cpu.spawn(made.wtp.name, made.run());
}

/** The scheduler's thread behind an id, to be woken when it blocks; null when there is none. */
export function nw_thread_of(tid: number): Thread | null {
  return current(WITH_LOCKS | 1, 'nw_thread_of').threads.find((thread) => thread.tid === tid)?.thread ?? null;
}

/** Collects a thread that has ended. EINVAL: no such thread; EAGAIN: it still runs. Stack context. */
export function nw_pthread_reap(tid: number): number {
  const { threads } = current(IN_STACK, 'nw_pthread_reap');
  const at = threads.findIndex((thread) => thread.tid === tid);
  if (at < 0) return EINVAL;
  if (!threads[at].finished) return EAGAIN;
  threads.splice(at, 1);
  return EOK;
}

/** The driver's thread parks until it is let go (`yield* quiesce_block(die)`); with `die` it ends there. */
export function* quiesce_block(die: number): ThreadBody {
  const io = current(1 << CTX_TRACKED, 'quiesce_block');
  const self = io.driverThread!;
  if (die !== 0) {
    self.finished = true;
    yield BLOCK;
    return;
  }
  self.parked = true;
  while (self.parked) yield BLOCK;
}

/** Parks every tracked thread and holds off interrupt work; nests. Stack context. Throws on a thread that does not park. */
export function quiesce_all(): void {
  const io = current(IN_STACK, 'quiesce_all');
  if (io.quiesced++ > 0) return;
  for (const thread of io.threads) {
    if (!thread.tracked || thread.finished || thread.parked) continue;
    park(io, thread, 0);
  }
}

/** Lets them go on. */
export function unquiesce_all(): void {
  const io = current(IN_STACK, 'unquiesce_all');
  if (io.quiesced === 0) throw ruleError(io, 'manual', 'unquiesce_all without quiesce_all');
  if (--io.quiesced > 0) return;
  for (const thread of io.threads) {
    if (!thread.parked) continue;
    thread.parked = false;
    thread.thread?.wake();
  }
  io.interrupts.resume();
}

/** Asks a tracked thread to end, and waits for it. Stack context. */
export function endThread(io: IoPkt, thread: DriverThread): void {
  if (thread.tracked && !thread.finished) park(io, thread, 1);
  thread.end();
}

/** Calls the thread's quiesce_callout and runs it, and virtual time, until it is parked or has ended. */
function park(io: IoPkt, thread: DriverThread, die: number): void {
  const { wtp } = thread;
  thread.parked = false;
  io.call(thread.dev, 'quiesce_callout', () => wtp.quiesce_callout?.(wtp.quiesce_arg, die));
  let left = QUIESCE_LIMIT_NS;
  while (!thread.parked && !thread.finished) {
    const wait = thread.slice();
    if (thread.parked || thread.finished) return;
    const ns = wait > 0 ? Math.min(wait, left) : QUIESCE_LOOK_NS;
    spend(io, ns);
    left -= ns;
    if (io.dead) throw new FaultError(io.deadText());
    if (left <= 0)
      throw ruleError(
        io,
        'P20',
        `thread ${wtp.name} did not call quiesce_block within 1 s of its quiesce_callout`,
      );
  }
}
