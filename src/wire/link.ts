// A full-duplex cable with two ends. It has a rate, a delay and a carrier; each direction keeps its frames in order.
//
//        send                                last bit left             last bit arrived
//         │◀── preamble, frame, FCS ──────────▶│◀─── gap ───▶│ next send
//   a ════╪════════════════════════════════════╪═════════════╪═══════
//         │                          transmitted()           │
//   b ════╪════════════════════════════════════╪◀─── delay ──╪──▶│ receive()
//
// At rate 0 sending takes no time: `transmitted` comes during `send`, and `receive` by a clock event `delayNs` later,
// all frames of one instant together.

import { type Clock, ClockEvent } from '../kernel/clock.ts';
import { WireCounters, type WireDevice, type WireReport } from './counters.ts';
import { AT_ONCE, DelayLine } from './delay-line.ts';
import type { Frame, FramePool } from './frame.ts';
import type { FrameSink } from './frame-queue.ts';
import {
  FRAME_OVERHEAD_BYTES,
  INTER_FRAME_GAP_BYTES,
  type Medium,
  type Station,
  TX_NO_CARRIER,
} from './medium.ts';

export interface LinkOptions {
  name: string;
  clock: Clock;
  pool: FramePool;
  /** 0 (the default): sending takes no time. */
  bitsPerSecond?: number;
  delayNs?: number;
}

/** Frames sent in one go at rate 0 before the receiver and everything else due at that instant get their turn. */
const BURST_FRAMES = 256;

/** One direction: from the station at `from` to the station at `to`. */
class Lane implements FrameSink {
  readonly counters = new WireCounters();
  private readonly link: Link;
  private readonly from: LinkEnd;
  private readonly to: LinkEnd;
  private readonly line: DelayLine;
  private readonly lastBit: ClockEvent;
  /** The frame being serialised. */
  private frame: Frame | null = null;
  /** Between `send` and its `transmitted`. */
  private sending = false;
  private telling = false;
  private status = 0;
  /** When the gap behind the last frame ends. */
  private freeAt = 0;
  private lastBitAt = 0;
  /** On the system clock events come late; a station that sends on at once must not lose rate by that. */
  private catchingUp = false;

  constructor(link: Link, from: LinkEnd, to: LinkEnd) {
    this.link = link;
    this.from = from;
    this.to = to;
    this.line = new DelayLine(`${from.name} arrival`, link.clock, this);
    this.lastBit = new ClockEvent(`${from.name} last bit`, () => this.lastBitLeft());
  }

  get inFlight(): number {
    return this.line.length + (this.frame === null ? 0 : 1);
  }

  send(frame: Frame): void {
    if (this.sending) throw new Error(`${this.from.name}: a frame was sent before the last one had left`);
    this.sending = true;
    const { link, counters } = this;
    const { length } = frame;
    counters.frames++;
    counters.bytes += length;
    const lost = !this.from.carrier;
    this.status = lost ? TX_NO_CARRIER : 0;
    if (lost) {
      counters.drop('noCarrier');
      link.pool.put(frame);
    }
    if (link.bitsPerSecond !== 0) {
      if (!lost) this.frame = frame;
      this.serialise(length);
      return;
    }
    if (!lost) this.line.hold(frame, link.delayNs === 0 ? AT_ONCE : link.clock.now() + link.delayNs);
    if (!this.telling) this.tell();
  }

  private serialise(length: number): void {
    const { clock, bitsPerSecond } = this.link;
    const { freeAt } = this;
    const now = this.catchingUp ? freeAt : clock.now();
    const start = Math.max(now, freeAt);
    // Only the times of events are rounded: at 10 Gbit/s a byte takes 0.8 ns, which would add up.
    const nsPerByte = 8e9 / bitsPerSecond;
    const takesNs = (length + FRAME_OVERHEAD_BYTES) * nsPerByte;
    this.freeAt = start + takesNs;
    this.lastBitAt = Math.round(this.freeAt - INTER_FRAME_GAP_BYTES * nsPerByte);
    this.counters.busyNs += takesNs;
    clock.arm(this.lastBit, this.lastBitAt);
  }

  private lastBitLeft(): void {
    const { frame, link } = this;
    this.frame = null;
    if (frame !== null) {
      if (link.delayNs === 0) this.take(frame);
      else this.line.hold(frame, this.lastBitAt + link.delayNs);
    }
    // `take` may have pulled the sender out, or even plugged in another.
    if (!this.sending) return;
    this.catchingUp = link.clock.kind === 'system';
    this.tell();
    this.catchingUp = false;
  }

  /** Calls `transmitted`, again and not deeper when the station sends its next frame from there. */
  private tell(): void {
    this.telling = true;
    for (let told = 0; this.sending; told++) {
      if (told === BURST_FRAMES) {
        this.link.clock.arm(this.lastBit, 0);
        break;
      }
      this.sending = false;
      const { station } = this.from;
      if (station !== null) station.transmitted(this.status);
      if (this.link.bitsPerSecond !== 0) break;
    }
    this.telling = false;
  }

  /** A frame arrives. */
  take(frame: Frame): void {
    const { station } = this.to;
    const { counters } = this;
    if (station === null) {
      counters.drop('carrierLost');
      this.link.pool.put(frame);
      return;
    }
    counters.delivered++;
    station.receive(frame);
  }

  /** The carrier went: what is under way is lost, and the sender will be told so. */
  cut(): void {
    const { frame } = this;
    if (frame !== null) {
      this.frame = null;
      this.status = TX_NO_CARRIER;
      this.counters.drop('carrierLost');
      this.link.pool.put(frame);
    }
    for (let lost = this.line.clear(this.link.pool); lost > 0; lost--) this.counters.drop('carrierLost');
  }

  /** The sender was pulled out: nobody waits for `transmitted` any more. */
  abandon(): void {
    this.sending = false;
    this.link.clock.cancel(this.lastBit);
  }
}

class LinkEnd implements Medium {
  readonly name: string;
  readonly pool: FramePool;
  readonly fullDuplex = true;
  /** Whoever is plugged in here. */
  station: Station | null = null;
  carrier = false;
  /** The direction that starts here. */
  lane!: Lane;
  private readonly link: Link;

  constructor(link: Link, name: string) {
    this.link = link;
    this.name = name;
    this.pool = link.pool;
  }

  get bitsPerSecond(): number {
    return this.link.bitsPerSecond;
  }

  attach(station: Station | null): void {
    if (this.station !== null) {
      this.station = null;
      this.lane.abandon();
      this.link.updateCarrier();
    }
    this.station = station;
    this.link.updateCarrier();
  }

  send(frame: Frame): void {
    this.lane.send(frame);
  }
}

export class Link implements WireDevice {
  readonly name: string;
  readonly clock: Clock;
  readonly pool: FramePool;
  readonly delayNs: number;
  bitsPerSecond: number;
  private readonly ends: readonly [LinkEnd, LinkEnd];
  private whole = true;

  constructor(options: LinkOptions) {
    const { name, clock, pool, bitsPerSecond = 0, delayNs = 0 } = options;
    this.name = name;
    this.clock = clock;
    this.pool = pool;
    this.bitsPerSecond = atLeastZero(name, 'bitsPerSecond', bitsPerSecond);
    this.delayNs = atLeastZero(name, 'delayNs', delayNs);
    const a = new LinkEnd(this, `${name}.a`);
    const b = new LinkEnd(this, `${name}.b`);
    a.lane = new Lane(this, a, b);
    b.lane = new Lane(this, b, a);
    this.ends = [a, b];
  }

  get a(): Medium {
    return this.ends[0];
  }

  get b(): Medium {
    return this.ends[1];
  }

  /** Mends or cuts the cable. What is under way when it is cut is lost. */
  setCarrier(up: boolean): void {
    this.whole = up;
    this.updateCarrier();
  }

  /** As after a new negotiation; holds for frames sent from now on. */
  setRate(bitsPerSecond: number): void {
    this.bitsPerSecond = atLeastZero(this.name, 'bitsPerSecond', bitsPerSecond);
    for (const end of this.ends) end.station?.carrierChanged();
  }

  /** Works out both carriers anew and tells the stations whose carrier changed. */
  updateCarrier(): void {
    const [a, b] = this.ends;
    const hadA = a.carrier;
    const hadB = b.carrier;
    a.carrier = this.whole && b.station !== null;
    b.carrier = this.whole && a.station !== null;
    if ((hadA && !a.carrier) || (hadB && !b.carrier)) {
      a.lane.cut();
      b.lane.cut();
    }
    // One of them may change the carrier again from its callback, and is then told again.
    if (a.carrier !== hadA) a.station?.carrierChanged();
    if (b.carrier !== hadB) b.station?.carrierChanged();
  }

  report(): WireReport {
    const now = this.clock.now();
    const [a, b] = this.ends;
    return {
      name: this.name,
      kind: 'link',
      directions: {
        'a>b': a.lane.counters.report(now, a.lane.inFlight),
        'b>a': b.lane.counters.report(now, b.lane.inFlight),
      },
      totals: {},
    };
  }
}

function atLeastZero(name: string, what: string, value: number): number {
  if (!(value >= 0 && value < Infinity)) throw new RangeError(`${name}: ${what} is ${value}: 0 or more`);
  return value;
}
