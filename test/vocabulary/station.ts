// A station for tests of the wire: sends what it is told to, one frame at a time, and notes what happens to it.

import type { Clock } from '../../src/kernel/clock.ts';
import { FRAME_START, type Frame } from '../../src/wire/frame.ts';
import type { Medium, Station } from '../../src/wire/medium.ts';

export interface Arrival {
  timeNs: number;
  bytes: Uint8Array;
  /** Undefined when the right one is implied. */
  fcs: number | undefined;
}

export class TestStation implements Station {
  readonly medium: Medium;
  readonly arrivals: Arrival[] = [];
  readonly statuses: number[] = [];
  /** What `medium.carrier` was each time the station was told to look. */
  readonly carriers: boolean[] = [];
  sent = 0;
  /** Deepest nesting of `send` in itself. */
  deepest = 0;
  /** `receive` was called out of this station's own `send`. */
  answeredInsideSend = false;
  /** Called with each arrival, to send an answer, say. */
  onReceive: () => void = () => {};
  private readonly clock: Clock;
  private readonly backlog: Uint8Array[] = [];
  private depth = 0;
  private busy = false;
  private inside = false;

  constructor(medium: Medium, clock: Clock) {
    this.medium = medium;
    this.clock = clock;
    medium.attach(this);
  }

  /** Sends these one after the other, as fast as the medium takes them. */
  offer(...frames: Uint8Array[]): void {
    for (const frame of frames) this.backlog.push(frame);
    if (!this.busy) this.next();
  }

  private next(): void {
    const bytes = this.backlog.shift();
    if (bytes === undefined) return;
    const frame = this.medium.pool.get(bytes.length);
    frame.u8.set(bytes, FRAME_START);
    this.busy = true;
    this.sent++;
    this.depth++;
    this.deepest = Math.max(this.deepest, this.depth);
    const outer = this.inside;
    this.inside = true;
    this.medium.send(frame);
    this.inside = outer;
    this.depth--;
  }

  receive(frame: Frame): void {
    if (this.inside) this.answeredInsideSend = true;
    this.arrivals.push({
      timeNs: this.clock.now(),
      bytes: frame.bytes().slice(),
      fcs: frame.fcsExplicit ? frame.fcs : undefined,
    });
    this.medium.pool.put(frame);
    this.onReceive();
  }

  transmitted(status: number): void {
    this.statuses.push(status);
    this.busy = false;
    this.next();
  }

  carrierChanged(): void {
    this.carriers.push(this.medium.carrier);
  }
}

const NEAR = [0x02, 0, 0, 0, 0, 0x0a];
const FAR = [0x02, 0, 0, 0, 0, 0x0b];

/** A frame of `length` bytes with addresses, a number that tells it from others, and bytes that follow from it. */
export function numbered(number: number, length: number, from: 'near' | 'far' = 'near'): Uint8Array {
  const header = from === 'near' ? [...FAR, ...NEAR, 0x88, 0xb5] : [...NEAR, ...FAR, 0x88, 0xb5];
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++)
    bytes[i] = i < 14 ? header[i] : (number * 31 + i * 7 + (number >>> 8)) & 0xff;
  if (length >= 18) new DataView(bytes.buffer).setUint32(14, number);
  return bytes;
}

/** The number in a frame made by `numbered`. */
export function numberOf(arrival: Arrival): number {
  return new DataView(arrival.bytes.buffer, arrival.bytes.byteOffset).getUint32(14);
}
