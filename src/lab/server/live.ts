// A run in real time. The loop runs what is due on the clock and takes in what waits outside, then rests: asleep in the event
// loop while there are milliseconds to spare, in short naps when the next event is near, so that it neither burns a CPU
// while idle nor adds latency that counts.

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { SystemClock } from '../../kernel/clock.ts';
import type { Pumped } from '../hosts.ts';
import type { Lab } from '../lab.ts';
import { DRAIN_LIMIT_NS, SETTLE_LIMIT_NS } from '../run-virtual.ts';
import type { Control } from './control.ts';

export interface LiveOptions {
  /** Time of traffic; without it until `signal`, or until all traffic has ended by itself. */
  forNs?: number;
  /** Ends the traffic; what is under way still arrives. */
  signal: AbortSignal;
  /** Called now and then with the ns of traffic so far; -1: the links are not up yet. */
  progress?: (elapsedNs: number) => void;
  /** Where requests from other processes come in. */
  control?: Control | null;
}

/** Frames taken in from a port before the clock gets its turn. */
const PORT_BATCH = 256;
/** Beside a guest, whose driver empties its ring only in its own turn: half of a small receive ring. */
const GUEST_BATCH = 16;
/** Timers of the event loop are late by up to 1 ms: what is nearer than this is waited for in naps. */
const NEAR_NS = 2_000_000;
const TIMER_SLACK_NS = 1_000_000;
/** Longest sleep, after which somebody looks whether the run is over. */
const LONGEST_SLEEP_NS = 100_000_000;
/** A nap's overhead, and its length while a frame may come from outside. */
const NAP_SLACK_NS = 60_000;
const NAP_WITH_PORTS_NS = 50_000;
/** Beside a guest: while something has happened as lately as this, the next thing is waited for without sleep. */
const BUSY_NS = 5_000_000;
/** What a QEMU or a guest holds cannot be seen: when nothing has come for so long, nothing is on its way. */
const STILL_NS = 50_000_000;
const PROGRESS_NS = 500_000_000;

export async function runLive(lab: Lab, options: LiveOptions): Promise<void> {
  const { forNs = Infinity, signal, progress = () => {}, control = null } = options;
  const { clock } = lab;
  const loop: Loop = { lab, control, sleeper: new Sleeper() };
  control?.whenWaiting(() => loop.sleeper.wake());
  lab.bringUp();
  let told = clock.now();
  const tell = (elapsedNs: number): void => {
    if (clock.now() - told < PROGRESS_NS) return;
    told = clock.now();
    progress(elapsedNs);
  };
  await pump(loop, clock.now() + SETTLE_LIMIT_NS, () => {
    tell(-1);
    return lab.linksUp || signal.aborted;
  });
  lab.startTraffic();
  const start = clock.now();
  await pump(loop, start + forNs, () => {
    tell(clock.now() - start);
    return signal.aborted || lab.trafficEnded;
  });
  lab.stopTraffic();
  const stillNs = lab.guests.length > 0 || lab.hosts.some((host) => host.board !== null) ? STILL_NS : 0;
  let stillSince = clock.now();
  await pump(loop, stillSince + DRAIN_LIMIT_NS, () => {
    if (!lab.quiet) stillSince = clock.now();
    return lab.quiet && clock.now() - stillSince >= stillNs;
  });
  lab.close();
  lab.finish();
}

interface Loop {
  readonly lab: Lab;
  readonly control: Control | null;
  readonly sleeper: Sleeper;
}

/** Runs the lab until `endNs`, or until `isOver`. */
async function pump({ lab, control, sleeper }: Loop, endNs: number, isOver: () => boolean): Promise<void> {
  const clock = lab.clock as SystemClock;
  const { pumped } = lab;
  const batch = lab.guests.length === 0 ? PORT_BATCH : GUEST_BATCH;
  let busyUntil = 0;
  while (!isOver()) {
    let waitNs = clock.poll();
    for (const each of pumped) if (each.poll(batch) > 0) waitNs = 0;
    // One, so that the lab has its turn between two.
    if (control?.serve() === true) waitNs = 0;
    const now = clock.now();
    const leftNs = endNs - now;
    if (leftNs <= 0) return;
    if (lab.guests.length === 0) await rest(pumped, sleeper, Math.min(waitNs, leftNs));
    else {
      if (waitNs < BUSY_NS) busyUntil = now + BUSY_NS;
      // A guest runs in this thread, in turns of its own: no naps here.
      if (now < busyUntil) await nextTurn();
      else await sleep(1);
    }
  }
}

/** A sleep that can be ended early. */
class Sleeper {
  private end: () => void = () => {};

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.end = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  wake(): void {
    this.end();
  }
}

const napCell = new Int32Array(new SharedArrayBuffer(4));

async function rest(pumped: readonly Pumped[], sleeper: Sleeper, waitNs: number): Promise<void> {
  if (waitNs >= NEAR_NS) {
    const sleepMs = Math.floor(Math.min(waitNs - TIMER_SLACK_NS, LONGEST_SLEEP_NS) / 1e6);
    await Promise.race([sleeper.sleep(sleepMs), ...pumped.map((each) => each.waitReadable(sleepMs))]);
    sleeper.wake();
    for (const each of pumped) each.cancelWait();
    return;
  }
  const napNs = Math.min(waitNs - NAP_SLACK_NS, pumped.length === 0 ? NEAR_NS : NAP_WITH_PORTS_NS);
  // Blocks the thread, for less than a timer could tell.
  if (napNs > 0) Atomics.wait(napCell, 0, 0, napNs / 1e6);
  // Signals and other events get their turn.
  await nextTurn();
}
