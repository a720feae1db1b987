// A port of a shared medium on which one station speaks at a time: CSMA/CD as in IEEE 802.3 clause 4. Two ports make a
// half-duplex link, more of them a hub. A signal reaches every other port `delayNs` after it was sent.
//
//     idle ──send──▶ waiting ──medium free for 96 bits──▶ sending ──last bit──▶ idle, transmitted(0)
//                       ▲                                    │ hears another
//                       └── backoff ◀── jam, 32 bits ◀───────┘ 16 times, or later than 512 bits: given up
//
// Who starts before it can hear the other collides: within `delayNs`, or at the very same instant when that is 0.
// Fragments of collisions are not delivered: a MAC drops what is shorter than 64 bytes. Jabber is not modelled.

import { ClockEvent } from '../kernel/clock.ts';
import { Random } from '../kernel/random.ts';
import type { CollisionDomain } from './collision-domain.ts';
import { type DirectionReport, type DropReason, WireCounters } from './counters.ts';
import { DelayLine } from './delay-line.ts';
import type { Frame, FramePool } from './frame.ts';
import type { FrameSink } from './frame-queue.ts';
import {
  frameTimeNs,
  INTER_FRAME_GAP_BYTES,
  type Medium,
  type Station,
  TX_COLLISIONS,
  TX_DEFERRED,
  TX_LATE_COLLISION,
  TX_NO_CARRIER,
  TX_RETRY,
} from './medium.ts';

const TRIES = 16;
/** The range of the backoff stops doubling after this many collisions. */
const BACKOFF_LIMIT = 10;

const IDLE = 0;
const WAITING = 1;
const SENDING = 2;
const JAMMING = 3;
const BACKOFF = 4;
/** Sending without carrier: the MAC takes its time, but there is no signal. */
const BLIND = 5;
/** All is sent, the station not yet told. */
const LEAVING = 6;

export class CollisionPort implements Medium, FrameSink {
  readonly name: string;
  readonly pool: FramePool;
  readonly fullDuplex = false;
  readonly counters = new WireCounters();
  station: Station | null = null;
  carrier = false;
  /** This port's own cable. */
  whole = true;
  collisions = 0;
  private state = IDLE;
  private readonly domain: CollisionDomain;
  private readonly random: Random;
  private readonly step: ClockEvent;
  private readonly line: DelayLine;
  private frame: Frame | null = null;
  private status = 0;
  private tries = 0;
  /** This port's signal on the medium: the last one, and the end of the one before. */
  private start = -Infinity;
  private end = -Infinity;
  private endBefore = -Infinity;
  /** When this port will hear the signal it collides with. */
  private detectAt = Infinity;
  /** The frame being sent met another. */
  private ruined = false;
  /** The frame due to arrive then met another after it was sent. */
  private ruinedArrival = -Infinity;

  constructor(domain: CollisionDomain, name: string, seed: number) {
    this.domain = domain;
    this.name = name;
    this.pool = domain.pool;
    this.random = new Random(seed, `${name}:backoff`);
    this.step = new ClockEvent(`${name} csma`, () => this.onStep());
    this.line = new DelayLine(`${name} arrival`, domain.clock, this);
  }

  get bitsPerSecond(): number {
    return this.domain.bitsPerSecond;
  }

  attach(station: Station | null): void {
    if (this.station !== null) {
      this.station = null;
      this.lose();
      this.state = IDLE;
      this.domain.clock.cancel(this.step);
    }
    this.station = station;
    this.domain.updateCarrier();
  }

  send(frame: Frame): void {
    if (this.state !== IDLE) throw new Error(`${this.name}: a frame was sent before the last one had left`);
    this.counters.enter(frame.length);
    this.status = 0;
    this.tries = 0;
    if (!this.carrier) {
      this.counters.drop('noCarrier');
      this.turnBlind(this.domain.clock.now() + frameTimeNs(frame.length, this.bitsPerSecond));
      this.pool.put(frame);
      return;
    }
    this.frame = frame;
    this.contend();
  }

  /** When this port's last signal has been heard by all; with `now`, as far as another port has heard of it. */
  heardUntil(now: number): number {
    const { delayNs } = this.domain;
    return (this.start + delayNs < now ? this.end : this.endBefore) + delayNs;
  }

  /** Looks at the medium again: a signal ended earlier than it was going to. */
  look(): void {
    if (this.state === WAITING) this.contend();
  }

  private onStep(): void {
    const now = this.domain.clock.now();
    switch (this.state) {
      case WAITING:
      case BACKOFF:
        this.contend();
        break;
      case SENDING:
        if (this.detectAt < this.end) this.jam(now);
        else this.finish();
        break;
      case JAMMING:
        this.tryAgainLater(now);
        break;
      case BLIND:
        this.done(TX_NO_CARRIER);
        break;
    }
  }

  /** Starts if the medium has been free for the gap, else waits for that. */
  private contend(): void {
    const { clock, gapNs } = this.domain;
    const now = clock.now();
    const mayStart = this.domain.heardUntil(this, now) + gapNs;
    if (mayStart > now && this.tries === 0) this.status |= TX_DEFERRED;
    const at = Math.max(mayStart, this.end + gapNs);
    if (at > now) {
      this.state = WAITING;
      clock.arm(this.step, at);
    } else {
      this.begin(now);
    }
  }

  private begin(now: number): void {
    const { domain } = this;
    const length = (this.frame as Frame).length;
    this.state = SENDING;
    this.endBefore = this.end;
    this.start = now;
    this.end = now + frameTimeNs(length - INTER_FRAME_GAP_BYTES, domain.bitsPerSecond);
    this.detectAt = Infinity;
    this.ruined = false;
    for (const other of domain.ports) if (other !== this) other.meet(this, now);
    domain.clock.arm(this.step, Math.min(this.end, this.detectAt));
  }

  /** `newcomer` starts at `now`. If our signal is still on its way to it, it could not hear it: both are ruined. */
  private meet(newcomer: CollisionPort, now: number): void {
    const { clock, delayNs } = this.domain;
    if (this.end + delayNs <= now) return;
    newcomer.ruined = true;
    newcomer.detectAt = Math.min(newcomer.detectAt, this.start + delayNs);
    if (this.state === SENDING) {
      this.ruined = true;
      this.detectAt = Math.min(this.detectAt, now + delayNs);
      if (this.detectAt < this.end) clock.arm(this.step, this.detectAt);
    } else if (this.state !== JAMMING) {
      this.ruinedArrival = this.end + delayNs;
    }
  }

  private jam(now: number): void {
    const { domain } = this;
    if (this.detectAt - this.start > domain.slotNs) this.status |= TX_LATE_COLLISION;
    this.collisions++;
    this.state = JAMMING;
    this.end = Math.max(now, this.start + domain.preambleNs) + domain.jamNs;
    domain.clock.arm(this.step, this.end);
    domain.lookAgain();
  }

  private tryAgainLater(now: number): void {
    this.occupied();
    this.tries++;
    if ((this.status & TX_LATE_COLLISION) !== 0) {
      this.giveUp('lateCollision', 0);
    } else if (this.tries === TRIES) {
      this.giveUp('excessiveCollisions', TX_RETRY);
    } else {
      this.state = BACKOFF;
      const slots = this.random.below(2 ** Math.min(this.tries, BACKOFF_LIMIT));
      this.domain.clock.arm(this.step, now + slots * this.domain.slotNs);
    }
  }

  private giveUp(reason: DropReason, status: number): void {
    this.pool.put(this.frame as Frame);
    this.frame = null;
    this.counters.drop(reason);
    this.done(status);
  }

  private finish(): void {
    const frame = this.frame as Frame;
    const { delayNs } = this.domain;
    this.frame = null;
    this.occupied();
    this.state = LEAVING;
    if (this.ruined) this.ruinedArrival = this.end + delayNs;
    if (delayNs === 0) {
      frame.time = this.end;
      this.take(frame);
    } else {
      this.line.hold(frame, this.end + delayNs);
    }
    // A receiver may have pulled the sender out.
    if (this.state === LEAVING) this.done(0);
  }

  private done(status: number): void {
    this.state = IDLE;
    this.station?.transmitted(status | this.status | Math.min(this.tries, TX_COLLISIONS));
  }

  /** The signal has arrived everywhere: a copy for each who listens, the frame itself for the last of them. */
  take(frame: Frame): void {
    const { counters, pool } = this;
    let last: CollisionPort | null = null;
    if (frame.time !== this.ruinedArrival) {
      for (const port of this.domain.ports) {
        if (port === this || port.station === null || !port.whole) continue;
        if (last !== null) {
          counters.copies++;
          last.hand(pool.copy(frame), counters);
        }
        last = port;
      }
    }
    if (last === null) {
      counters.drop(frame.time === this.ruinedArrival ? 'collision' : 'noReceiver');
      pool.put(frame);
    } else {
      last.hand(frame, counters);
    }
  }

  private hand(frame: Frame, counters: WireCounters): void {
    if (this.station === null) {
      // Pulled out by somebody who got a copy.
      counters.drop('noReceiver');
      this.pool.put(frame);
    } else {
      counters.delivered++;
      this.station.receive(frame);
    }
  }

  /** The carrier went or the station was pulled out: its frame is lost, its signal ends. */
  lose(): void {
    const { frame } = this;
    if (frame === null) return;
    const now = this.domain.clock.now();
    const speaking = this.state === SENDING || this.state === JAMMING;
    this.frame = null;
    this.pool.put(frame);
    this.counters.drop('carrierLost');
    this.turnBlind(this.state === SENDING ? this.end : now);
    if (!speaking) return;
    this.end = now;
    this.occupied();
    this.domain.lookAgain();
  }

  private turnBlind(untilNs: number): void {
    this.state = BLIND;
    this.domain.clock.arm(this.step, untilNs);
  }

  private occupied(): void {
    this.counters.busyNs += this.end - this.start + this.domain.gapNs;
  }

  report(nowNs: number): DirectionReport {
    return this.counters.report(nowNs, this.line.length + (this.frame === null ? 0 : 1));
  }
}
