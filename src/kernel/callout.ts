// Callouts: one-shot timers whose function runs in softirq context on one CPU, after that CPU's timer interrupt.
// A periodic one re-arms itself at the end of its function, as callout(9) wants.

import { ClockEvent } from './clock.ts';
import type { Cpu } from './cpu.ts';
import type { Machine } from './machine.ts';

export class Callout {
  readonly name: string;
  private readonly event: ClockEvent;
  private readonly queue: CalloutQueue;
  private readonly work: () => void;
  /** In the queue of expired ones. */
  private expired = false;

  constructor(machine: Machine, name: string, work: () => void) {
    this.name = name;
    this.work = work;
    this.queue = machine.callouts;
    this.event = new ClockEvent(`callout ${name}`, () => {
      this.expired = true;
      this.queue.expire(this);
    });
  }

  /** callout_reset: arms it `delayNs` from now, in place of any time it was armed for. */
  reset(delayNs: number): void {
    this.expired = false;
    const { clock } = this.queue.cpu;
    clock.arm(this.event, this.queue.cpu.now() + delayNs);
    this.queue.track(this);
  }

  /** callout_stop: true when it was pending. */
  stop(): boolean {
    const was = this.pending;
    this.expired = false;
    this.queue.cpu.clock.cancel(this.event);
    this.queue.untrack(this);
    return was;
  }

  /** Armed, or expired and not run yet. */
  get pending(): boolean {
    return this.expired || this.event.armed;
  }

  /** For the queue: runs the function unless it was stopped or re-armed after it expired. */
  runIfExpired(): void {
    if (!this.expired) return;
    this.expired = false;
    this.queue.untrack(this);
    this.work();
  }
}

export class CalloutQueue {
  readonly cpu: Cpu;
  private readonly interruptCpu: () => void;
  private readonly due: Callout[] = [];
  private readonly armed = new Set<Callout>();

  constructor(cpu: Cpu, interruptCpu: () => void) {
    this.cpu = cpu;
    this.interruptCpu = interruptCpu;
  }

  /** Names of the callouts that are armed: a census for leak checks. */
  census(): string[] {
    return [...this.armed].map((callout) => callout.name);
  }

  track(callout: Callout): void {
    this.armed.add(callout);
  }

  untrack(callout: Callout): void {
    this.armed.delete(callout);
  }

  expire(callout: Callout): void {
    this.due.push(callout);
    this.interruptCpu();
  }

  /** The TIMER softirq. */
  run(): void {
    const count = this.due.length;
    for (let i = 0; i < count; i++) this.due[i].runIfExpired();
    this.due.splice(0, count);
  }
}
