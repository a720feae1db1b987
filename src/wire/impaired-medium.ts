// A medium with something wrong with it: wraps any medium and impairs what its station gets (`in`) and sends (`out`).
//
//   station ──send──▶ out chain ──▶ pending ──▶ inner medium        `pending` waits while the inner medium is busy with
//           ◀─receive── in chain ◀───────────── inner medium        a frame that was delayed, or a copy
//
// On a cable with two ends, wrap both and use `in` of each: a frame is then impaired after the cable, and collisions
// and the like are reported as they are. `out` serves where the other end cannot be wrapped, as at a hub: a frame that
// goes on at once is reported as the medium reports it, any other as sent after the time it would have taken.

import { type Clock, ClockEvent } from '../kernel/clock.ts';
import { WireCounters, type WireDevice, type WireReport } from './counters.ts';
import type { Frame, FramePool } from './frame.ts';
import { FrameQueue } from './frame-queue.ts';
import { Chain } from './impair/chain.ts';
import { Flap } from './impair/flap.ts';
import type { FlapOptions, ImpairmentOptions } from './impair/options.ts';
import { frameTimeNs, type LinkOffer, type Medium, type Station, TX_NO_CARRIER } from './medium.ts';

export interface ImpairedMediumOptions {
  clock: Clock;
  seed?: number;
  /** What happens to frames on their way to the station, and to those from it. */
  in?: ImpairmentOptions;
  out?: ImpairmentOptions;
  /** Of this end: the station is pulled out and plugged in again, which the other end sees as well. */
  flap?: FlapOptions;
}

/** Frames that may wait for the inner medium: more than any delay makes, so that only copies can fill it. */
const PENDING_FRAMES = 10_000;

/** Whose frame the inner medium has. */
const FREE = 0;
const FROM_STATION = 1;
const FROM_PENDING = 2;

export class ImpairedMedium implements Medium, Station, WireDevice {
  readonly inner: Medium;
  private readonly clock: Clock;
  private readonly incoming = new WireCounters();
  private readonly outgoing = new WireCounters();
  private readonly inChain: Chain;
  private readonly outChain: Chain;
  private readonly flap: Flap | null;
  private readonly pending = new FrameQueue();
  private station: Station | null = null;
  /** What the station's PHY offers; undefined when it never said. */
  private offered: LinkOffer | null | undefined = undefined;
  private up = true;
  private innerHas = FREE;
  /** During `send` into the chain: did the frame go straight on, and was it reported at once? */
  private entering = false;
  private wentOn = false;
  private earlyStatus = -1;
  /** Reports a frame as sent when the medium does not. */
  private readonly pace: ClockEvent;
  private paceStatus = 0;
  /** When the gap behind the station's last frame ends, were it alone on the medium. */
  private freeAt = 0;
  private catchingUp = false;

  constructor(inner: Medium, options: ImpairedMediumOptions) {
    const { clock, seed = 1, flap } = options;
    const { pool, name } = inner;
    this.inner = inner;
    this.clock = clock;
    const incoming = { name: `${name}:in`, clock, pool, seed, counters: this.incoming };
    const outgoing = { name: `${name}:out`, clock, pool, seed, counters: this.outgoing };
    this.inChain = new Chain(incoming, options.in ?? {}, { take: (frame) => this.arrive(frame) });
    this.outChain = new Chain(outgoing, options.out ?? {}, { take: (frame) => this.depart(frame) });
    this.pace = new ClockEvent(`${name} pace`, () => this.paceOver());
    this.flap = flap === undefined ? null : new Flap(name, clock, flap, this);
  }

  get name(): string {
    return this.inner.name;
  }

  get pool(): FramePool {
    return this.inner.pool;
  }

  get carrier(): boolean {
    return this.up && this.inner.carrier;
  }

  get bitsPerSecond(): number {
    return this.inner.bitsPerSecond;
  }

  get fullDuplex(): boolean {
    return this.inner.fullDuplex;
  }

  get partner(): LinkOffer | null | undefined {
    const { partner } = this.inner;
    return this.up || partner === undefined ? partner : null;
  }

  offer(offer: LinkOffer | null): void {
    this.offered = offer;
    if (this.up) this.inner.offer?.(offer);
  }

  attach(station: Station | null): void {
    this.dropHeld();
    this.clock.cancel(this.pace);
    this.innerHas = FREE;
    if (this.station !== null) this.offered = undefined;
    this.station = station;
    if (this.up) this.inner.attach(station === null ? null : this);
  }

  /** Pulls the station out of the inner medium, or plugs it in again. */
  setCarrier(up: boolean): void {
    if (up === this.up) return;
    this.up = up;
    if (up) {
      // First: nobody is to see a station that offers everything.
      if (this.offered !== undefined) this.inner.offer?.(this.offered);
      if (this.station !== null) this.inner.attach(this);
    } else {
      this.dropHeld();
      if (this.innerHas === FROM_STATION) this.reportAt(0, TX_NO_CARRIER);
      this.innerHas = FREE;
      this.inner.attach(null);
    }
    this.station?.carrierChanged();
  }

  /** Ends the flapping, for a clock that is to come to rest. */
  stopFlap(): void {
    this.flap?.stop();
  }

  send(frame: Frame): void {
    const { outgoing, inner } = this;
    if (this.pace.armed || this.innerHas === FROM_STATION) {
      throw new Error(`${this.name}: a frame was sent before the last one had left`);
    }
    const takesNs = frameTimeNs(frame.length, inner.bitsPerSecond);
    outgoing.enter(frame.length);
    if (this.carrier && !this.outChain.isEmpty) {
      this.takeTime(takesNs);
      this.entering = true;
      this.wentOn = false;
      this.earlyStatus = -1;
      this.outChain.take(frame);
      this.entering = false;
      if (!this.wentOn) this.reportAt(this.freeAt, 0);
      else if (this.earlyStatus >= 0) this.reportAt(0, this.earlyStatus);
    } else if (this.up && this.innerHas === FREE) {
      outgoing.delivered++;
      this.innerHas = FROM_STATION;
      inner.send(frame);
    } else {
      outgoing.drop('noCarrier');
      this.pool.put(frame);
      this.takeTime(takesNs);
      this.reportAt(this.freeAt, TX_NO_CARRIER);
    }
  }

  /** Out of the chain: to the inner medium, or in line for it. */
  private depart(frame: Frame): void {
    if (this.innerHas !== FREE) {
      if (this.pending.length < PENDING_FRAMES) {
        this.pending.push(frame);
      } else {
        this.outgoing.drop('queueFull');
        this.pool.put(frame);
      }
      return;
    }
    this.outgoing.delivered++;
    const own = this.entering && !this.wentOn;
    if (own) this.wentOn = true;
    this.innerHas = own ? FROM_STATION : FROM_PENDING;
    this.inner.send(frame);
  }

  transmitted(status: number): void {
    const whose = this.innerHas;
    this.innerHas = FREE;
    const waiting = this.pending.shift();
    if (waiting !== null) this.depart(waiting);
    if (whose !== FROM_STATION) return;
    if (this.entering) this.earlyStatus = status;
    else this.station?.transmitted(status);
  }

  private takeTime(takesNs: number): void {
    // On the system clock events come late; a station that sends on at once must not lose rate by that.
    const now = this.catchingUp ? 0 : this.clock.now();
    this.freeAt = Math.max(now, this.freeAt) + takesNs;
  }

  private reportAt(timeNs: number, status: number): void {
    this.paceStatus = status;
    this.clock.arm(this.pace, timeNs);
  }

  private paceOver(): void {
    this.catchingUp = this.clock.kind === 'system';
    this.station?.transmitted(this.paceStatus);
    this.catchingUp = false;
  }

  receive(frame: Frame): void {
    this.incoming.enter(frame.length);
    this.inChain.take(frame);
  }

  /** Out of the chain, to the station. */
  private arrive(frame: Frame): void {
    if (this.station === null) {
      this.incoming.drop('noReceiver');
      this.pool.put(frame);
    } else {
      this.incoming.delivered++;
      this.station.receive(frame);
    }
  }

  carrierChanged(): void {
    if (!this.inner.carrier) this.dropHeld();
    this.station?.carrierChanged();
  }

  private dropHeld(): void {
    this.inChain.clear();
    this.outChain.clear();
    for (let lost = this.pending.clear(this.pool); lost > 0; lost--) this.outgoing.drop('carrierLost');
  }

  report(): WireReport {
    const now = this.clock.now();
    return {
      name: this.name,
      kind: 'impaired',
      directions: {
        in: this.incoming.report(now, this.inChain.inFlight),
        out: this.outgoing.report(now, this.outChain.inFlight + this.pending.length),
      },
      totals: this.flap === null ? {} : { flaps: this.flap.count },
    };
  }
}
