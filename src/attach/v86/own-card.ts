// v86's own network card (NE2000 or virtio-net) as a station on one of our media, for comparison. What its guest sends
// comes over v86's network bus, what the medium delivers goes to the card there. What the card does with a frame then,
// also that it has no room, it tells nobody.

import { FRAME_START, type Frame, MAX_FRAME_BYTES } from '../../wire/frame.ts';
import { FrameQueue } from '../../wire/frame-queue.ts';
import { type Medium, type Station, TX_LATE_COLLISION, TX_NO_CARRIER, TX_RETRY } from '../../wire/medium.ts';
import { adapterBus, type V86Bus, type V86Emulator } from './emulator.ts';

/** Shortest frame on Ethernet without FCS: v86's cards leave out the pad. */
const MIN_FRAME_BYTES = 60;
const HEADER_BYTES = 14;
/** As the transmit ring of a common card. */
const DEFAULT_QUEUE_FRAMES = 256;

export interface OwnCardOptions {
  /** v86's number of the card. Default 0. */
  id?: number;
  /** Frames that wait while the medium is busy; more are dropped. */
  queueFrames?: number;
}

/** One way: taken = passed + waiting + all drops. */
export interface OwnCardWay {
  taken: number;
  bytes: number;
  passed: number;
  waiting: number;
  drops: Record<string, number>;
}

export class OwnCard implements Station {
  /** From the guest onto the medium: frames = sent + waiting + all drops. */
  readonly fromGuest = {
    frames: 0,
    bytes: 0,
    sent: 0,
    /** Made up to 60 bytes; not a drop. */
    padded: 0,
    dropQueueFull: 0,
    dropNoCarrier: 0,
    dropCollisions: 0,
    dropTooLong: 0,
    dropTooShort: 0,
    dropClosed: 0,
  };
  /** From the medium to the card: frames = handed + all drops. */
  readonly toGuest = { frames: 0, bytes: 0, handed: 0, dropBadFcs: 0, dropRunt: 0, dropClosed: 0 };
  private readonly bus: V86Bus;
  private readonly medium: Medium;
  private readonly name: string;
  private readonly queueFrames: number;
  private readonly queue = new FrameQueue();
  private readonly listener = (bytes: unknown): void => this.take(bytes as Uint8Array);
  private busy = false;
  private inSend = false;
  private closed = false;

  /** Plugs it in, from 'emulator-ready' on. Throws for an emulator that is not there yet or not known. */
  constructor(emulator: V86Emulator, medium: Medium, options: OwnCardOptions = {}) {
    const { id = 0, queueFrames = DEFAULT_QUEUE_FRAMES } = options;
    if (!Number.isInteger(id) || id < 0)
      throw new RangeError(`card ${id}: 0 or a higher whole number would be right`);
    if (!Number.isInteger(queueFrames) || queueFrames < 1)
      throw new RangeError(`queueFrames ${queueFrames}: 1 or more would be right`);
    this.bus = adapterBus(emulator);
    this.medium = medium;
    this.queueFrames = queueFrames;
    this.name = `net${id}`;
    this.bus.register(`${this.name}-send`, this.listener, this);
    medium.attach(this);
  }

  /** Frames that wait for the medium, the one on its way included. */
  get waiting(): number {
    return this.queue.length + (this.busy ? 1 : 0);
  }

  /** Both ways so far: `in` is off the medium. */
  report(): { in: OwnCardWay; out: OwnCardWay } {
    const { frames, bytes, handed, ...lost } = this.toGuest;
    const { frames: sentFrames, bytes: sentBytes, sent, padded: _, ...lostOut } = this.fromGuest;
    return {
      in: { taken: frames, bytes, passed: handed, waiting: 0, drops: lost },
      out: { taken: sentFrames, bytes: sentBytes, passed: sent, waiting: this.waiting, drops: lostOut },
    };
  }

  /** Station. A card's MAC drops what is damaged or too short; v86's have none that would. */
  receive(frame: Frame): void {
    const { toGuest } = this;
    toGuest.frames++;
    toGuest.bytes += frame.length;
    if (this.closed) toGuest.dropClosed++;
    else if (frame.damaged) toGuest.dropBadFcs++;
    else if (frame.length < MIN_FRAME_BYTES) toGuest.dropRunt++;
    else {
      toGuest.handed++;
      // A copy: who else listens on the bus may keep it.
      this.bus.send(`${this.name}-receive`, frame.bytes().slice());
    }
    this.medium.pool.put(frame);
  }

  transmitted(status: number): void {
    const { fromGuest } = this;
    this.busy = false;
    if ((status & TX_NO_CARRIER) !== 0) fromGuest.dropNoCarrier++;
    else if ((status & (TX_RETRY | TX_LATE_COLLISION)) !== 0) fromGuest.dropCollisions++;
    else fromGuest.sent++;
    if (!this.inSend) this.sendNext();
  }

  /** v86's cards have no link state that could be told. */
  carrierChanged(): void {}

  /** Unplugs it. Harmless when repeated. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.bus.unregister(`${this.name}-send`, this.listener);
    this.medium.attach(null);
    const { fromGuest, queue } = this;
    fromGuest.dropClosed += this.waiting;
    this.busy = false;
    queue.clear(this.medium.pool);
  }

  private take(bytes: Uint8Array): void {
    const { fromGuest } = this;
    const { length } = bytes;
    fromGuest.frames++;
    fromGuest.bytes += length;
    if (length < HEADER_BYTES) fromGuest.dropTooShort++;
    else if (length > MAX_FRAME_BYTES) fromGuest.dropTooLong++;
    else if (this.busy && this.queue.length >= this.queueFrames) fromGuest.dropQueueFull++;
    else {
      const padded = Math.max(length, MIN_FRAME_BYTES);
      const frame = this.medium.pool.get(padded);
      frame.u8.set(bytes, FRAME_START);
      if (padded > length) {
        frame.u8.fill(0, FRAME_START + length, FRAME_START + padded);
        fromGuest.padded++;
      }
      this.queue.push(frame);
      if (!this.busy && !this.inSend) this.sendNext();
    }
  }

  private sendNext(): void {
    this.inSend = true;
    while (!this.busy) {
      const frame = this.queue.shift();
      if (frame === null) break;
      this.busy = true;
      this.medium.send(frame);
    }
    this.inSend = false;
  }
}
