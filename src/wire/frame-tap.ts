// A medium that shows every frame passing to an observer and changes nothing else: the place of a pcap writer.

import type { Clock } from '../kernel/clock.ts';
import { WireCounters, type WireDevice, type WireReport } from './counters.ts';
import type { Frame, FramePool } from './frame.ts';
import type { LinkOffer, Medium, Station } from './medium.ts';

/** Seen from the station: `out` is what it sends. */
export type FrameDirection = 'in' | 'out';

/** Is lent the frame. `timeNs` is when the station began to send it, or when it arrived whole. */
export type FrameObserver = (frame: Frame, timeNs: number, direction: FrameDirection) => void;

export class FrameTap implements Medium, Station, WireDevice {
  private readonly inner: Medium;
  private readonly clock: Clock;
  private readonly observe: FrameObserver;
  private readonly incoming = new WireCounters();
  private readonly outgoing = new WireCounters();
  private station: Station | null = null;

  constructor(inner: Medium, clock: Clock, observe: FrameObserver) {
    this.inner = inner;
    this.clock = clock;
    this.observe = observe;
  }

  get name(): string {
    return this.inner.name;
  }

  get pool(): FramePool {
    return this.inner.pool;
  }

  get carrier(): boolean {
    return this.inner.carrier;
  }

  get bitsPerSecond(): number {
    return this.inner.bitsPerSecond;
  }

  get fullDuplex(): boolean {
    return this.inner.fullDuplex;
  }

  get partner(): LinkOffer | null | undefined {
    return this.inner.partner;
  }

  offer(offer: LinkOffer | null): void {
    this.inner.offer?.(offer);
  }

  attach(station: Station | null): void {
    this.station = station;
    this.inner.attach(station === null ? null : this);
  }

  send(frame: Frame): void {
    this.outgoing.enter(frame.length);
    this.outgoing.delivered++;
    this.observe(frame, this.clock.now(), 'out');
    this.inner.send(frame);
  }

  receive(frame: Frame): void {
    this.incoming.enter(frame.length);
    this.observe(frame, this.clock.now(), 'in');
    if (this.station === null) {
      this.incoming.drop('noReceiver');
      this.pool.put(frame);
    } else {
      this.incoming.delivered++;
      this.station.receive(frame);
    }
  }

  transmitted(status: number): void {
    this.station?.transmitted(status);
  }

  carrierChanged(): void {
    this.station?.carrierChanged();
  }

  report(): WireReport {
    const now = this.clock.now();
    const directions = { in: this.incoming.report(now, 0), out: this.outgoing.report(now, 0) };
    return { name: this.name, kind: 'tap', directions, totals: {} };
  }
}
