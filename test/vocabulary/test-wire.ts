// A medium with a test at the far end: keeps what the station sends, delivers what the test wants to arrive, and does on
// request what real cables do: no carrier, collisions, a transmission that never ends, damaged frames.

import { type Clock, ClockEvent } from '../../src/kernel/clock.ts';
import { type Frame, FramePool } from '../../src/wire/frame.ts';
import { frameTimeNs, type Medium, type Station } from '../../src/wire/medium.ts';

export class TestWire implements Medium {
  readonly name = 'test wire';
  readonly pool = new FramePool();
  bitsPerSecond: number;
  fullDuplex = true;
  carrier = true;
  /** Frames the station sent, oldest first, and how many there were at all. */
  readonly frames: Uint8Array[] = [];
  sent = 0;
  /** Frames are kept in `frames`. */
  keep = true;
  /** How the next transmissions end (TX_ bits of medium.ts), oldest first; then they end well. */
  readonly outcomes: number[] = [];
  /** Transmissions begin and never end. */
  stuck = false;
  /** Called with each frame the station sent. */
  onFrame: ((bytes: Uint8Array) => void) | null = null;
  private readonly clock: Clock;
  private station: Station | null = null;
  private sending: Frame | null = null;
  private readonly lastBit: ClockEvent;
  private readonly arrivals: Uint8Array[] = [];
  private streamGapNs: number | undefined;
  private readonly arrival: ClockEvent;

  constructor(clock: Clock, bitsPerSecond = 0) {
    this.clock = clock;
    this.bitsPerSecond = bitsPerSecond;
    this.lastBit = new ClockEvent('test wire last bit', () => this.left());
    this.arrival = new ClockEvent('test wire arrival', () => this.arrive());
  }

  // ---- the medium

  attach(station: Station | null): void {
    this.station = station;
  }

  send(frame: Frame): void {
    if (this.sending !== null) throw new Error('a frame was sent before the last one had left');
    this.sending = frame;
    if (this.stuck) return;
    if (this.bitsPerSecond === 0) this.left();
    else this.clock.arm(this.lastBit, this.clock.now() + frameTimeNs(frame.length, this.bitsPerSecond));
  }

  private left(): void {
    const { sending: frame } = this;
    if (frame === null) return;
    this.sending = null;
    const status = this.outcomes.shift() ?? 0;
    // The low five bits are not errors.
    if ((status & ~0x1f) === 0) {
      this.sent++;
      if (this.keep || this.onFrame !== null) {
        const bytes = frame.bytes().slice();
        if (this.keep) this.frames.push(bytes);
        this.onFrame?.(bytes);
      }
    }
    this.pool.put(frame);
    this.station?.transmitted(status);
  }

  // ---- the test

  /** These arrive now, all at once. */
  deliver(...frames: Uint8Array[]): void {
    for (const bytes of frames) this.station?.receive(this.pool.from(bytes));
  }

  /** The same frame arrives `count` times now; leaves no garbage. */
  deliverMany(bytes: Uint8Array, count: number): void {
    for (let i = 0; i < count; i++) this.station?.receive(this.pool.from(bytes));
  }

  /** This one arrives now, with a wrong FCS. */
  deliverDamaged(bytes: Uint8Array): void {
    const frame = this.pool.from(bytes);
    frame.fcsExplicit = true;
    frame.fcs = 0x12345678;
    this.station?.receive(frame);
  }

  /** These arrive one after the other, `gapNs` apart, or as fast as the wire's rate allows. */
  stream(frames: Uint8Array[], gapNs?: number): void {
    this.arrivals.push(...frames);
    this.streamGapNs = gapNs;
    if (!this.arrival.armed) this.clock.arm(this.arrival, this.clock.now());
  }

  private arrive(): void {
    const next = this.arrivals.shift();
    if (next === undefined) return;
    const gapNs = this.streamGapNs ?? frameTimeNs(next.length, this.bitsPerSecond);
    if (this.arrivals.length > 0) this.clock.arm(this.arrival, this.clock.now() + gapNs);
    this.deliver(next);
  }

  /** The transmission that hangs ends after all. */
  release(): void {
    this.stuck = false;
    this.left();
  }

  setCarrier(up: boolean): void {
    if (up === this.carrier) return;
    this.carrier = up;
    this.station?.carrierChanged();
  }

  setRate(bitsPerSecond: number, fullDuplex = true): void {
    this.bitsPerSecond = bitsPerSecond;
    this.fullDuplex = fullDuplex;
    this.station?.carrierChanged();
  }
}
