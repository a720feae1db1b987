// A CPU: in which context code runs, whether interrupts are enabled, what it costs, and what runs next.
//
//   idle ─► hard interrupt ─► softirqs at its end ─► idle          (an interrupt activity)
//   idle ─► thread until it yields ─► softirqs it raised ─► idle   (a process activity)
//
// Charging moves this CPU's own time; hardware events due by then fire in between, and an interrupt they assert is
// delivered right there. Other CPUs run only between activities: each keeps its own time, so two busy CPUs work side
// by side, and what one does to the other arrives late by at most one activity. A CPU of profile `ideal` takes no time,
// so its activities are events like those of hardware: they run at their time, also inside another CPU's charge.

import { type Activity, CLOCK_NEXT, CLOCK_NOW, type Clock, ClockEvent } from './clock.ts';
import type { IrqLine } from './irq.ts';
import type { SpinLock } from './lock.ts';
import { PendingLines } from './pending-lines.ts';
import type { CpuProfile } from './profile.ts';
import { RunQueue } from './run-queue.ts';
import { MAX_SOFTIRQ_RESTART, MAX_SOFTIRQ_TIME_NS, SOFTIRQ_NAMES } from './softirq.ts';
import { BLOCK, DEFAULT_PRIORITY, RESCHEDULE, Thread, type ThreadBody } from './thread.ts';
import {
  TP_SCHED_SWITCH,
  TP_SOFTIRQ_ENTRY,
  TP_SOFTIRQ_EXIT,
  TP_SOFTIRQ_RAISE,
  TRACE_IDLE,
  type Tracer,
} from './trace.ts';

export const IDLE = 0;
export const PROCESS = 1;
export const SOFTIRQ = 2;
export const HARDIRQ = 3;
export const CONTEXT_NAMES = ['idle', 'process', 'softirq', 'hard interrupt'] as const;

/** What a softirq vector does; one action a vector for all CPUs of a machine. */
export type SoftirqAction = (cpu: Cpu) => void;

export class Cpu implements Activity {
  readonly name: string;
  readonly index: number;
  readonly clock: Clock;
  readonly profile: CpuProfile;
  readonly trace: Tracer;
  readonly traceSource: number;
  readySince = 0;
  isReady = false;
  /** Context of the code that runs now: IDLE, PROCESS, SOFTIRQ or HARDIRQ. */
  context = IDLE;
  /** Inside an activity. */
  running = false;
  /** ns spent in each context, by its number; idle is what is left. */
  readonly timeIn = new Float64Array(4);
  /** Interrupts delivered, softirq rounds, handovers to ksoftirqd, thread switches. */
  interrupts = 0;
  softirqRounds = 0;
  ksoftirqdWakes = 0;
  contextSwitches = 0;
  /** Runs at the start of each activity: the machine notes which of its CPUs is the current one. */
  onEnter: (cpu: Cpu) => void = () => {};
  /** Spin locks held by code on this CPU, in the order they were taken. Maintained by SpinLock. */
  readonly heldLocks: SpinLock[] = [];
  private readonly costed: boolean;
  private readonly measured: boolean;
  /** The next activity of a CPU that takes no time; null when it takes turns with the others. */
  private readonly turn: ClockEvent | null;
  /** This CPU's own time, in a typed array as the clock's is. */
  private readonly local = new Float64Array(1);
  private readonly clockTimes: Float64Array;
  /** Where the time is read: the CPU's own inside an activity, if it is charged; else the clock's. */
  private timeSource: Float64Array;
  private measuredSince = 0;
  private irqDisabled = 0;
  private bhDisabled = 0;
  private servicePriority = -1;
  private softPending = 0;
  private inSoftirq = false;
  private readonly softirqLimit = new Float64Array(1);
  private readonly actions: SoftirqAction[];
  private readonly pending = new PendingLines();
  private readonly threads = new RunQueue();
  private lastThread: Thread | null = null;
  /** Work of another thread than lastThread was the last that ran, and the CPU has not been idle since. */
  private away = false;
  private readonly ksoftirqd: Thread;

  constructor(
    name: string,
    index: number,
    clock: Clock,
    profile: CpuProfile,
    trace: Tracer,
    actions: SoftirqAction[],
  ) {
    this.name = name;
    this.index = index;
    this.clock = clock;
    this.clockTimes = clock.times;
    this.timeSource = clock.times;
    this.profile = profile;
    this.trace = trace;
    this.traceSource = trace.addSource(name);
    this.actions = actions;
    this.costed = clock.kind === 'virtual' && profile.name !== 'ideal';
    this.measured = clock.kind === 'system';
    this.turn = this.costed || this.measured ? null : new ClockEvent(name, () => this.takeTurn());
    this.ksoftirqd = this.spawn(`ksoftirqd/${index}`, this.ksoftirqdBody());
    this.ksoftirqd.runnable = false;
  }

  /** This CPU's time in ns: ahead of or behind the clock's by at most one activity. */
  now(): number {
    // Short enough to be inlined wherever it is called, so that the number is not boxed.
    return this.measured ? this.clock.now() : this.timeSource[0];
  }

  /** Writes this CPU's time into `to[index]`: on the path of a packet, where `now` may not be inlined. */
  stamp(to: Float64Array, index: number): void {
    to[index] = this.measured ? this.clock.now() : this.timeSource[0];
  }

  /** Whether this CPU's time is `times[index]` or later. */
  reached(times: Float64Array, index: number): boolean {
    return (this.measured ? this.clock.now() : this.timeSource[0]) >= times[index];
  }

  /** Charges `ns` of work in the present context. Hardware events and interrupts may come in between. */
  charge(ns: number): void {
    if (!this.costed || ns === 0) return;
    if (!this.running) throw new Error(`${this.name}: work outside of process(), a thread or an interrupt`);
    this.timeIn[this.context] += ns;
    const { local, clockTimes } = this;
    const target = local[0] + ns;
    if (clockTimes[CLOCK_NEXT] <= target) {
      this.chargeAcrossEvents(ns);
      return;
    }
    local[0] = target;
    if (target > clockTimes[CLOCK_NOW]) clockTimes[CLOCK_NOW] = target;
  }

  private chargeAcrossEvents(ns: number): void {
    const { clock, local, clockTimes } = this;
    let left = ns;
    for (let due = clockTimes[CLOCK_NEXT]; due <= local[0] + left; due = clockTimes[CLOCK_NEXT]) {
      if (due > local[0]) {
        left -= due - local[0];
        local[0] = due;
      }
      // The time that an interrupt takes now comes on top of what is left of this charge.
      clock.fireNext();
    }
    local[0] += left;
    if (local[0] > clockTimes[CLOCK_NOW]) clockTimes[CLOCK_NOW] = local[0];
  }

  // ---- interrupts

  /** A line asks for delivery: at once when this CPU's interrupts are enabled, else when they are again. */
  interrupt(line: IrqLine): void {
    if (this.running && this.acceptsInterrupts() && line.priority > this.servicePriority) {
      this.deliver(line);
      this.afterInterrupts();
      return;
    }
    this.pending.add(line);
    if (!this.running) this.makeReady();
  }

  /** local_irq_disable: nests. */
  irqDisable(): void {
    this.irqDisabled++;
  }

  /** local_irq_enable: what came meanwhile is delivered before this returns. */
  irqEnable(): void {
    if (this.irqDisabled === 0) throw new Error(`${this.name}: interrupts enabled more often than disabled`);
    if (--this.irqDisabled > 0 || this.pending.count === 0) return;
    this.deliverPending();
    this.afterInterrupts();
  }

  get interruptsEnabled(): boolean {
    return this.irqDisabled === 0;
  }

  private acceptsInterrupts(): boolean {
    return this.irqDisabled === 0 && !this.clock.overdue();
  }

  /** Delivers what waits and may nest here, highest priority first. A loop, not a recursion: a storm has no end. */
  private deliverPending(): void {
    while (this.pending.count > 0 && this.acceptsInterrupts()) {
      const line = this.pending.takeAbove(this.servicePriority);
      if (line === null) return;
      if (line.wanted()) this.deliver(line);
    }
  }

  private deliver(line: IrqLine): void {
    const before = this.context;
    const priority = this.servicePriority;
    this.servicePriority = line.priority;
    this.switchContext(HARDIRQ);
    this.interrupts++;
    this.charge(this.profile.interruptEntry);
    line.service(this);
    this.charge(this.profile.interruptExit);
    this.switchContext(before);
    this.servicePriority = priority;
    // A level that is still held asks again, in turn with the others.
    if (line.wanted() && !line.queued) this.pending.add(line);
  }

  /** Leaving the last hard interrupt: those that waited for it, then softirqs. */
  private afterInterrupts(): void {
    if (this.context === HARDIRQ) return;
    this.deliverPending();
    this.runSoftirqs();
  }

  // ---- softirqs

  /** Marks a vector; it runs when the last hard interrupt is left, or bottom halves are enabled again. */
  raiseSoftirq(vector: number): void {
    if (this.trace.on) this.trace.emit(TP_SOFTIRQ_RAISE, this.now(), this.traceSource, vector);
    this.softPending |= 1 << vector;
    if (!this.running) this.makeReady();
  }

  /** local_bh_disable: nests. */
  bhDisable(): void {
    this.bhDisabled++;
  }

  /** local_bh_enable: runs what was raised meanwhile. */
  bhEnable(): void {
    if (this.bhDisabled === 0)
      throw new Error(`${this.name}: bottom halves enabled more often than disabled`);
    if (--this.bhDisabled === 0 && this.softPending !== 0) this.runSoftirqs();
  }

  /** Softirqs may be running below this code, or are held off by it. */
  get bhHeld(): boolean {
    return this.bhDisabled > 0 || this.inSoftirq || this.context === HARDIRQ;
  }

  private runSoftirqs(): void {
    if (this.softPending === 0 || this.bhDisabled > 0 || this.irqDisabled > 0) return;
    if (this.inSoftirq || this.context === HARDIRQ) return;
    // Once ksoftirqd has taken over, interrupts leave softirqs to it, so that processes get their share.
    if (this.ksoftirqd.runnable) return;
    this.softirqLoop();
  }

  private softirqLoop(): void {
    const before = this.context;
    this.inSoftirq = true;
    this.switchContext(SOFTIRQ);
    this.charge(this.profile.softirqEntry);
    const { softirqLimit } = this;
    this.stamp(softirqLimit, 0);
    softirqLimit[0] += MAX_SOFTIRQ_TIME_NS;
    let rounds = MAX_SOFTIRQ_RESTART;
    while (this.softPending !== 0 && rounds > 0 && !this.reached(softirqLimit, 0)) {
      const pending = this.softPending;
      this.softPending = 0;
      this.softirqRounds++;
      rounds--;
      for (let vector = 0; vector < SOFTIRQ_NAMES.length; vector++) {
        if ((pending & (1 << vector)) === 0) continue;
        if (this.trace.on) this.trace.emit(TP_SOFTIRQ_ENTRY, this.now(), this.traceSource, vector);
        this.actions[vector]?.(this);
        if (this.trace.on) this.trace.emit(TP_SOFTIRQ_EXIT, this.now(), this.traceSource, vector);
      }
    }
    this.switchContext(before);
    this.inSoftirq = false;
    if (this.softPending !== 0 && !this.ksoftirqd.runnable) {
      this.ksoftirqdWakes++;
      this.ksoftirqd.wake();
    }
  }

  private *ksoftirqdBody(): ThreadBody {
    for (;;) {
      while (this.softPending !== 0) {
        this.softirqLoop();
        yield RESCHEDULE;
      }
      yield BLOCK;
    }
  }

  // ---- threads and process context

  /** Starts a thread; `body` is a generator that yields BLOCK, RESCHEDULE or ns to sleep. */
  spawn(name: string, body: ThreadBody, priority = DEFAULT_PRIORITY): Thread {
    const thread = new Thread(this, name, priority, body, this.trace.addName(name));
    this.threads.add(thread);
    if (!this.running) this.makeReady();
    return thread;
  }

  /** A thread of this CPU became runnable. */
  threadReady(): void {
    if (!this.running) this.makeReady();
  }

  /** Runs `work` in process context now, as a system call would, and the softirqs it raises. Not from an interrupt. */
  process<T>(work: () => T): T {
    if (this.running) {
      if (this.context !== PROCESS)
        throw new Error(`${this.name}: process work called in ${CONTEXT_NAMES[this.context]} context`);
      return work();
    }
    this.clock.activityStarts();
    this.enter(this.clock.now());
    this.afterInterrupts();
    this.switchContext(PROCESS);
    let done = false;
    try {
      this.charge(this.profile.systemCall);
      const result = work();
      done = true;
      return result;
    } finally {
      if (!done) this.unwind();
      this.runSoftirqs();
      this.leave();
    }
  }

  /** Work threw, perhaps in an interrupt or with interrupts disabled: process context as it was at the start. */
  private unwind(): void {
    this.irqDisabled = 0;
    this.bhDisabled = 0;
    this.servicePriority = -1;
    this.inSoftirq = false;
    this.switchContext(PROCESS);
    for (let i = this.heldLocks.length - 1; i >= 0; i--) this.heldLocks[i].unlock(this);
  }

  /** Throws unless the present context may sleep. */
  mightSleep(what: string): void {
    if (this.context === HARDIRQ || this.context === SOFTIRQ || this.irqDisabled > 0 || this.bhDisabled > 0) {
      throw new Error(`${this.name}: ${what} may sleep, called in ${CONTEXT_NAMES[this.context]} context`);
    }
  }

  /** One activity: pending interrupts, or softirqs, or a thread until it yields. For the clock only. */
  run(): void {
    this.enter(this.readySince);
    if (this.pending.count > 0) this.afterInterrupts();
    else if (this.softPending !== 0 && !this.ksoftirqd.runnable) this.runSoftirqs();
    else this.runThread();
    this.leave();
  }

  private runThread(): void {
    const thread = this.threads.next();
    if (thread === null) return;
    this.switchContext(PROCESS);
    if (this.trace.on) this.trace.emit(TP_SCHED_SWITCH, this.now(), this.traceSource, thread.traceName);
    if (thread !== this.lastThread || this.away) {
      this.lastThread = thread;
      this.away = false;
      this.contextSwitches++;
      this.charge(this.profile.contextSwitch);
    }
    thread.step();
    if (this.trace.on) this.trace.emit(TP_SCHED_SWITCH, this.now(), this.traceSource, TRACE_IDLE);
    this.runSoftirqs();
  }

  /** What runs now, as a softirq, is a thread's on the real thing: the switch to it is charged, and the one back if a thread is next. */
  switchAway(): void {
    this.away = true;
    this.contextSwitches++;
    this.charge(this.profile.contextSwitch);
  }

  private enter(sinceNs: number): void {
    if (sinceNs > this.local[0]) this.local[0] = sinceNs;
    this.running = true;
    if (this.costed) this.timeSource = this.local;
    this.onEnter(this);
    if (this.measured) this.measuredSince = this.clock.now();
  }

  private leave(): void {
    this.checkNothingHeld();
    this.deliverPending();
    this.switchContext(IDLE);
    this.running = false;
    this.timeSource = this.clockTimes;
    // What is left has been there: the next activity begins where this one ends, wherever the clock is.
    if (this.hasWork()) this.makeReady(this.local);
    else this.away = false;
  }

  /** An idle CPU with interrupts off hangs; a thread that waits with a lock makes others hang (rule L04). */
  private checkNothingHeld(): void {
    if (this.irqDisabled === 0 && this.bhDisabled === 0 && this.heldLocks.length === 0) return;
    const what =
      this.heldLocks.length > 0
        ? `lock ${this.heldLocks[0].name} held`
        : this.irqDisabled > 0
          ? 'interrupts disabled'
          : 'bottom halves disabled';
    throw new Error(`${this.name}: activity ends with ${what} (rule L04)`);
  }

  private hasWork(): boolean {
    return this.pending.count > 0 || this.softPending !== 0 || this.threads.wanted();
  }

  /** `since[0]`: when the work came, for a CPU that is charged for it. */
  private makeReady(since = this.clockTimes): void {
    if (this.turn !== null) {
      if (!this.turn.armed) this.clock.armIn(this.turn, 0);
      return;
    }
    if (this.isReady) return;
    this.readySince = this.costed ? since[0] : this.clock.now();
    this.clock.ready(this);
  }

  private takeTurn(): void {
    // When this CPU is inside an activity, its end looks for more work.
    if (!this.running) this.run();
  }

  private switchContext(context: number): void {
    if (this.measured) {
      const now = this.clock.now();
      this.timeIn[this.context] += now - this.measuredSince;
      this.measuredSince = now;
    }
    this.context = context;
  }
}
