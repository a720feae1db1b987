// NAPI: from one interrupt a packet to polling under load, and back. The driver's interrupt handler masks its device
// and schedules; the NET_RX softirq polls until there is less than a full weight of work; then the driver unmasks.

import type { Softnet } from './softnet.ts';

/** NAPI_POLL_WEIGHT: packets a device may receive in one poll. */
export const NAPI_POLL_WEIGHT = 64;

/** Receives at most `budget` packets (0: only completes transmissions); returns how many; calls complete() when fewer. */
export type NapiPoll = (budget: number) => number;

export class Napi {
  readonly name: string;
  readonly weight: number;
  readonly poll: NapiPoll;
  /** On a CPU's poll list, or being polled. */
  scheduled = false;
  /** Scheduled again while it was scheduled: it must be polled once more. */
  missed = false;
  /** complete() was called in this poll. Maintained by this class and Softnet. */
  completed = false;
  polls = 0;
  /** Packets the polls returned. */
  work = 0;
  /** Polls that used their whole weight. */
  fullPolls = 0;
  readonly traceName: number;
  private readonly softnet: Softnet;
  private disableCount = 1;

  constructor(softnet: Softnet, name: string, poll: NapiPoll, weight = NAPI_POLL_WEIGHT) {
    this.softnet = softnet;
    this.name = name;
    this.poll = poll;
    this.weight = weight;
    this.traceName = softnet.machine.trace.addName(name);
  }

  /** napi_enable. Instances start disabled. */
  enable(): void {
    if (this.disableCount === 0) throw new Error(`napi ${this.name}: enabled twice (rule N06)`);
    this.disableCount = 0;
  }

  /** napi_disable: process context. No poll runs after it returns. */
  disable(): void {
    this.softnet.machine.cpu.mightSleep(`disable of napi ${this.name}`);
    if (this.disableCount > 0) throw new Error(`napi ${this.name}: disabled twice (rule N06)`);
    this.disableCount = 1;
    this.softnet.forget(this);
  }

  get enabled(): boolean {
    return this.disableCount === 0;
  }

  /** napi_schedule_prep: true when the caller must mask its device and call `schedule`. */
  schedulePrep(): boolean {
    if (this.disableCount > 0) return false;
    if (this.scheduled) {
      this.missed = true;
      return false;
    }
    this.scheduled = true;
    return true;
  }

  /** __napi_schedule, after schedulePrep said true. */
  schedule(): void {
    this.softnet.addToPollList(this);
  }

  /**
   * napi_complete: polling is over; the caller unmasks its device. False when it was scheduled again meanwhile: it goes
   * to the end of the list, to be polled once more, and the device stays masked.
   */
  complete(): boolean {
    this.completed = true;
    if (!this.scheduled) return false; // disabled during the poll
    if (this.missed) {
      this.missed = false;
      this.schedule();
      return false;
    }
    this.scheduled = false;
    return true;
  }
}
