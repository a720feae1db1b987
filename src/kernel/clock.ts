// Time. Everything that happens later is a ClockEvent armed on a Clock; nothing else reads the time.
//
// VirtualClock is a discrete-event clock: it jumps from event to event, so that the same seed gives the same run.
// SystemClock follows real time, for labs that touch the outside world. Both keep their events in one binary heap,
// ordered by time and then by the order in which they were armed.
//
// Two kinds of work share the clock. Hardware events (a frame arrives, a timer of a chip expires) fire at their time,
// also in the middle of what a CPU is doing. Activities (what a CPU does: an interrupt, a softirq round, a thread
// until it blocks) run one at a time, the one that has been ready longest first.

import { EventHeap } from './event-heap.ts';
import { ReadyList } from './ready-list.ts';

/** One-shot event: made once, armed as often as wanted. `fire` runs at the time it was armed for. */
export class ClockEvent {
  /** Time in ns it is armed for; meaningless while it is not armed. */
  when = 0;
  /** Place in the heap, -1 when not armed. */
  heapIndex = -1;
  sequence = 0;
  readonly name: string;
  readonly fire: () => void;

  constructor(name: string, fire: () => void) {
    this.name = name;
    this.fire = fire;
  }

  get armed(): boolean {
    return this.heapIndex >= 0;
  }
}

/** What the clock runs between hardware events: a CPU with something to do. */
export interface Activity {
  readonly name: string;
  /** Time in ns since when it has had work. */
  readySince: number;
  /** Set by the clock: waiting for its turn. */
  isReady: boolean;
  run(): void;
}

/** Places in Clock.times. */
export const CLOCK_NOW = 0;
export const CLOCK_NEXT = 1;

export interface Clock {
  readonly kind: 'virtual' | 'system';
  /**
   * On the virtual clock the present time and the time of the next event, in a typed array because a number returned
   * from a function is an allocation above 2^31 (2 s). A CPU that is charged moves the first.
   */
  readonly times: Float64Array;
  /** Nanoseconds since the clock was made; never goes back. */
  now(): number;
  /** Arms (or moves) an event; a time that has passed means as soon as possible. */
  arm(event: ClockEvent, timeNs: number): void;
  /** Arms (or moves) an event for `delayNs` from now. */
  armIn(event: ClockEvent, delayNs: number): void;
  /** Disarms; harmless when not armed. */
  cancel(event: ClockEvent): void;
  /** Puts an activity in line to run; it says so again after running if it has more to do. */
  ready(activity: Activity): void;
  /** Time in ns of the hardware event that comes next; Infinity when none is to fire. */
  nextEventTime(): number;
  /** Fires it, moving the virtual time to it. Called by a CPU that is charged for its work. */
  fireNext(): void;
  /** Moves the virtual time to `timeNs` if it is later than now; does nothing on the system clock. */
  advanceTo(timeNs: number): void;
  /** An activity starts that the clock did not start itself: a call from outside of a run gets a run's time. */
  activityStarts(): void;
  /** The activity has run for very long: it gets no more interrupts, so that it comes to its end. */
  overdue(): boolean;
}

/** Activities at one instant after which time is said to stand still: real labs stay far below. */
const STANDSTILL_LIMIT = 5_000_000;
/**
 * ns after which an activity gets no more hardware events and interrupts, so that it comes to its end: a machine in
 * receive livelock never leaves its activity by itself, and the others wait. Fifty times the softirq limit, so that nothing
 * else is ever cut.
 */
const ACTIVITY_LIMIT_NS = 100_000_000;

/** On the system clock, before an activity that waits gets its turn: a quarter of a small receive ring. */
const EVENTS_IN_A_ROW = 16;

/** Discrete-event time: starts at 0 and moves only when something happens or a CPU is charged. */
export class VirtualClock implements Clock {
  readonly kind = 'virtual';
  readonly times = new Float64Array([0, Infinity]);
  private readonly heap = new EventHeap();
  private readonly waiting = new ReadyList();
  private instant = 0;
  private atInstant = 0;
  /** Time in ns after which the activity under way gets no more interrupts. An array, so that no number is boxed. */
  private readonly stop = new Float64Array([Infinity]);
  private stepping = false;

  now(): number {
    return this.times[CLOCK_NOW];
  }

  arm(event: ClockEvent, timeNs: number): void {
    const now = this.times[CLOCK_NOW];
    const when = Math.max(timeNs, now);
    const later = when >= event.when;
    event.when = when;
    this.place(event, later);
  }

  armIn(event: ClockEvent, delayNs: number): void {
    const now = this.times[CLOCK_NOW];
    const when = delayNs > 0 ? now + delayNs : now;
    const later = when >= event.when;
    event.when = when;
    this.place(event, later);
  }

  cancel(event: ClockEvent): void {
    if (event.heapIndex < 0) return;
    this.heap.remove(event);
    this.noteNext();
  }

  private place(event: ClockEvent, later: boolean): void {
    this.heap.place(event, later);
    this.noteNext();
  }

  private noteNext(): void {
    const first = this.heap.first();
    // A store a branch: one value out of two ways would be boxed.
    if (first === null || first.when > this.stop[0]) this.times[CLOCK_NEXT] = Infinity;
    else this.times[CLOCK_NEXT] = first.when;
  }

  private limitActivity(): void {
    this.stop[0] = this.times[CLOCK_NOW] + ACTIVITY_LIMIT_NS;
    this.noteNext();
  }

  private endActivity(): void {
    this.stop[0] = Infinity;
    this.noteNext();
  }

  ready(activity: Activity): void {
    this.waiting.add(activity);
  }

  nextEventTime(): number {
    return this.times[CLOCK_NEXT];
  }

  activityStarts(): void {
    if (!this.stepping) this.limitActivity();
  }

  overdue(): boolean {
    return this.times[CLOCK_NOW] > this.stop[0];
  }

  fireNext(): void {
    const event = this.heap.first();
    if (event === null) return;
    this.heap.remove(event);
    this.noteNext();
    if (event.when > this.times[CLOCK_NOW]) this.times[CLOCK_NOW] = event.when;
    this.stillMoving(event.name);
    event.fire();
  }

  advanceTo(timeNs: number): void {
    if (timeNs > this.times[CLOCK_NOW]) this.times[CLOCK_NOW] = timeNs;
  }

  /** Runs what is to be done up to `untilNs`; returns the time reached: later when an activity ran past it. */
  run(untilNs: number): number {
    this.steps(untilNs);
    this.advanceTo(untilNs);
    return this.now();
  }

  /** Runs until nothing more is armed or waiting, or `limitNs` is reached; returns the time reached. */
  runUntilIdle(limitNs: number): number {
    this.steps(limitNs);
    return this.now();
  }

  private steps(untilNs: number): void {
    this.endActivity();
    this.stepping = true;
    try {
      while (this.step(untilNs));
    } finally {
      this.stepping = false;
      this.endActivity();
    }
  }

  /** One activity or event that is due by `untilNs`; false when there is none. */
  private step(untilNs: number): boolean {
    const { waiting } = this;
    if (waiting.count > 0) {
      const activity = waiting.longest();
      // A busy CPU must not carry the run past its end for ever.
      if (activity.readySince > untilNs) return false;
      waiting.take(activity);
      this.stillMoving(activity.name);
      this.limitActivity();
      activity.run();
      this.endActivity();
      return true;
    }
    if (this.heap.first() === null || this.times[CLOCK_NEXT] > untilNs) return false;
    this.fireNext();
    return true;
  }

  private stillMoving(name: string): void {
    const now = this.times[CLOCK_NOW];
    if (now !== this.instant) {
      this.instant = now;
      this.atInstant = 0;
    } else if (++this.atInstant > STANDSTILL_LIMIT) {
      throw new Error(
        `time stands still at ${now} ns: ${STANDSTILL_LIMIT} steps at one instant, the last "${name}"`,
      );
    }
  }
}

/** Real time. Whoever owns the lab calls `poll` in a loop; nothing is charged. */
export class SystemClock implements Clock {
  readonly kind = 'system';
  readonly times = new Float64Array(2);
  private readonly source: () => number;
  private readonly start: number;
  private readonly heap = new EventHeap();
  private readonly waiting = new ReadyList();

  /** `source` gives milliseconds with fractions and never goes back: `performance.now`. */
  constructor(source: () => number) {
    this.source = source;
    this.start = source();
  }

  now(): number {
    return Math.round((this.source() - this.start) * 1e6);
  }

  arm(event: ClockEvent, timeNs: number): void {
    this.heap.arm(event, timeNs);
  }

  armIn(event: ClockEvent, delayNs: number): void {
    this.heap.arm(event, this.now() + delayNs);
  }

  cancel(event: ClockEvent): void {
    this.heap.remove(event);
  }

  ready(activity: Activity): void {
    this.waiting.add(activity);
  }

  nextEventTime(): number {
    const first = this.heap.first();
    return first === null ? Infinity : first.when;
  }

  fireNext(): void {
    const event = this.heap.first();
    if (event === null) return;
    this.heap.remove(event);
    event.fire();
  }

  advanceTo(_timeNs: number): void {}

  activityStarts(): void {}

  overdue(): boolean {
    return false;
  }

  /**
   * Runs what is due now, at most `limit` steps so that the caller can look after its file descriptors; returns the ns
   * until the next event (0: more is due already, Infinity: nothing is armed). Events that are due go before
   * activities: a thread that never blocks must not keep the hardware waiting. Up to a point: when this process was held
   * up and hundreds of frames are due at once, ksoftirqd has to get at the ring before it is full.
   */
  poll(limit = 10_000): number {
    let now = this.now();
    let events = 0;
    for (let steps = 0; steps < limit; steps++) {
      const due = this.nextEventTime();
      if (due <= now && (events < EVENTS_IN_A_ROW || this.waiting.count === 0)) {
        events++;
        this.fireNext();
      } else if (this.waiting.count > 0) {
        const activity = this.waiting.longest();
        this.waiting.take(activity);
        activity.run();
        events = 0;
        now = this.now();
      } else {
        now = this.now();
        if (due > now) return due - now;
      }
    }
    return 0;
  }
}
