// The far end of the card's cable: a station without a chip, which sends what it is told to and keeps what arrives.

import type { Frame } from '../wire/frame.ts';
import { FrameQueue } from '../wire/frame-queue.ts';
import { type Medium, type Station, TX_NO_CARRIER } from '../wire/medium.ts';

/** Frames kept for a scenario to look at: more than any of them leaves lying. */
const KEPT_FRAMES = 8192;

export class FarEnd implements Station {
  /** Frames that arrived, oldest first, without FCS. At most KEPT_FRAMES: the rest is only counted. */
  readonly received: Uint8Array[] = [];
  /** Is lent each frame instead, when set. */
  onFrame: ((bytes: Uint8Array) => void) | null = null;
  /** Frames that arrived, those of them that were not kept, and those that arrived damaged (counted, not kept). */
  frames = 0;
  bytes = 0;
  unkept = 0;
  damaged = 0;
  /** Frames that left, and those that could not because there was no carrier. */
  sent = 0;
  lost = 0;
  private readonly medium: Medium;
  private readonly waiting = new FrameQueue();
  private sending = false;

  constructor(medium: Medium) {
    this.medium = medium;
    medium.attach(this);
  }

  /** Somebody is at the other end. */
  get carrier(): boolean {
    return this.medium.carrier;
  }

  /** Frames that wait for their turn. */
  get queued(): number {
    return this.waiting.length;
  }

  /** Sends these bytes, FCS to be added by the wire, behind whatever waits. Throws on what is longer than any wire takes. */
  send(bytes: Uint8Array): void {
    this.waiting.push(this.medium.pool.from(bytes));
    this.next();
  }

  /** Forgets what has arrived. */
  clear(): void {
    this.received.length = 0;
  }

  receive(frame: Frame): void {
    this.frames++;
    this.bytes += frame.length;
    if (frame.damaged) this.damaged++;
    else if (this.onFrame !== null) this.onFrame(frame.bytes());
    else if (this.received.length < KEPT_FRAMES) this.received.push(frame.bytes().slice());
    else this.unkept++;
    this.medium.pool.put(frame);
  }

  transmitted(status: number): void {
    this.sending = false;
    if ((status & TX_NO_CARRIER) !== 0) this.lost++;
    else this.sent++;
    this.next();
  }

  carrierChanged(): void {}

  /** A loop, since `transmitted` may come during `send`. */
  private next(): void {
    while (!this.sending) {
      const frame = this.waiting.shift();
      if (frame === null) return;
      this.sending = true;
      this.medium.send(frame);
    }
  }
}
