// Threads: generators with a priority. A thread runs until it yields; what it yields says what it waits for.

import { ClockEvent } from './clock.ts';
import type { Cpu } from './cpu.ts';

/** Yield this to wait until somebody calls `wake`. */
export const BLOCK = -1;
/** Yield this to let others of the same priority run. Any number above 0 sleeps that many ns. */
export const RESCHEDULE = 0;

/** What a thread runs: it yields BLOCK, RESCHEDULE, or the ns to sleep. */
export type ThreadBody = Generator<number, void, void>;

/** Default priority, QNX's; higher runs first. */
export const DEFAULT_PRIORITY = 10;

export class Thread {
  readonly name: string;
  readonly priority: number;
  readonly traceName: number;
  /** Wants to run. */
  runnable = true;
  finished = false;
  private wakePending = false;
  private inside = false;
  private readonly cpu: Cpu;
  private readonly body: ThreadBody;
  private readonly alarm: ClockEvent;

  /** Use `cpu.spawn`. */
  constructor(cpu: Cpu, name: string, priority: number, body: ThreadBody, traceName: number) {
    this.cpu = cpu;
    this.name = name;
    this.priority = priority;
    this.body = body;
    this.traceName = traceName;
    this.alarm = new ClockEvent(`${name} sleep`, () => this.wake());
  }

  /** Makes a blocked or sleeping thread runnable; remembered when it is about to block. */
  wake(): void {
    if (this.finished) return;
    if (this.inside) {
      this.wakePending = true;
      return;
    }
    if (this.runnable) return;
    this.cpu.clock.cancel(this.alarm);
    this.runnable = true;
    this.cpu.threadReady();
  }

  /** Runs it until it yields. For the Cpu only. */
  step(): void {
    this.inside = true;
    this.wakePending = false;
    let result: IteratorResult<number, void>;
    try {
      result = this.body.next();
    } catch (error) {
      this.end();
      throw error;
    } finally {
      this.inside = false;
    }
    if (result.done === true || this.finished) {
      this.end();
      return;
    }
    const wait = result.value;
    if (wait === RESCHEDULE || this.wakePending) return;
    this.runnable = false;
    if (wait > 0) this.cpu.clock.arm(this.alarm, this.cpu.now() + wait);
  }

  /** Ends it where it stands. */
  kill(): void {
    this.finished = true;
    if (!this.inside) this.end();
  }

  private end(): void {
    this.cpu.clock.cancel(this.alarm);
    this.finished = true;
    this.runnable = false;
    this.body.return();
  }
}
