// Stack context: the one place of io-pkt where attach, init, ioctl and callouts run, one at a time. Here it is entered
// from process context (a command, a mount) or from the TIMER softirq (callouts, work that others left). What comes while
// it is taken waits in a queue until whoever has it leaves.
// Left out: pseudo-threads that block. A client's request runs to its end.

import { Callout } from '../kernel/callout.ts';
import { HARDIRQ } from '../kernel/cpu.ts';
import type { device } from './device.ts';
import { ErrnoError } from './errno.ts';
import type { IoPkt } from './manager.ts';
import { CTX_STACK, current, FaultError, NOT_IN_HOOK } from './self.ts';

/** Entries of the queue in one round, so that a callout which queues itself again does not keep others out for ever. */
const STACK_ROUND = 64;

interface Deferred {
  run: (() => void) | null;
  readonly dev: device | null;
}

export class StackContext {
  private readonly io: IoPkt;
  private depth = 0;
  private readonly queue: Deferred[] = [];
  private readonly kick: Callout;

  constructor(io: IoPkt) {
    this.io = io;
    this.kick = new Callout(io.machine, 'io-pkt stack context', () => this.work());
  }

  /** Whether work may start right here: nobody has stack context, or the caller has. */
  get free(): boolean {
    const { io } = this;
    if (io.machine.cpu.context === HARDIRQ) return false;
    return this.depth === 0 || io.contexts.directlyInStack;
  }

  /** Runs framework code in stack context, which must be free. Throws what it throws. */
  run<T>(what: string, work: () => T): T {
    const { contexts, driverThread } = this.io;
    contexts.enter(CTX_STACK, contexts.dev, what);
    this.io.driverThread = null;
    this.depth++;
    try {
      return work();
    } finally {
      this.depth--;
      this.io.driverThread = driverThread;
      contexts.leave();
      if (this.depth === 0) this.leave();
    }
  }

  /** Now if stack context is free, else as soon as it is. */
  runOrDefer(dev: device | null, what: string, work: () => void): void {
    if (this.free) this.run(what, work);
    else this.defer(dev, what, work);
  }

  /** As soon as stack context is free. Any context. */
  defer(dev: device | null, what: string, work: () => void): void {
    this.queue.push({ run: () => this.run(what, work), dev });
    if (this.depth === 0) this.kick.reset(0);
  }

  /** Forgets what waits for a device that is going away. */
  discard(dev: device): void {
    for (const entry of this.queue) if (entry.dev === dev) entry.run = null;
  }

  /** Forgets everything: io-pkt is dead or has stopped. */
  clear(): void {
    this.queue.length = 0;
    this.kick.stop();
  }

  get waiting(): number {
    return this.queue.length;
  }

  private leave(): void {
    if (this.queue.length > 0) this.work();
  }

  private work(): void {
    // Taken: whoever has it does this when he leaves.
    if (this.depth > 0) return;
    const { queue, io } = this;
    // Held here, so that the entries do not start a round each.
    this.depth++;
    try {
      for (let i = 0; i < STACK_ROUND && queue.length > 0 && !io.dead; i++) runOne(io, queue.shift());
    } finally {
      this.depth--;
    }
    if (queue.length > 0) this.kick.reset(0);
  }
}

function runOne(io: IoPkt, entry: Deferred | undefined): void {
  try {
    entry?.run?.();
  } catch (error) {
    // Nobody waits for this call: a refusal is logged, a fault has been.
    if (error instanceof ErrnoError) io.machine.log(error.message);
    else if (!(error instanceof FaultError)) throw error;
  }
}

/** Runs `func(arg)` in stack context soon; forgotten when `dev` is detached before. Any context but a hook. */
export function runInStackContext<T>(func: (arg: T) => void, arg: T, dev: device | null): void {
  const io = current(NOT_IN_HOOK, 'runInStackContext');
  io.stack.defer(dev, 'runInStackContext', () => io.call(dev, 'runInStackContext', () => func(arg)));
}
