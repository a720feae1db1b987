// v86's network bus as a medium: a card of ours speaks through whatever adapter the emulator has, be it a WebSocket relay,
// `fetch` or wisp, as v86's own card would. Frames are on the bus as bytes without FCS, under the events `net0-send` (from
// the guest) and `net0-receive`; `net0-mac` tells adapters the guest's address.

import { FRAME_START, type Frame, type FramePool, MAX_FRAME_BYTES } from '../../wire/frame.ts';
import { FrameQueue } from '../../wire/frame-queue.ts';
import type { Medium, Station } from '../../wire/medium.ts';
import { internals, type V86Bus, type V86Emulator } from './emulator.ts';

/** Shortest frame on Ethernet without FCS; adapters leave out the pad. */
const MIN_FRAME_BYTES = 60;
const HEADER_BYTES = 14;
/** Answers that come while a frame is being sent, and have to wait for its end. */
const QUEUE_FRAMES = 256;

export interface BusMediumOptions {
  /** Number of the network, as the adapter has it. Default 0. */
  id?: number;
}

/** frames = passed + all drops + waiting, both ways. */
export interface BusMediumCounters {
  fromCard: { frames: number; bytes: number; passed: number; dropBadFcs: number };
  toCard: {
    frames: number;
    bytes: number;
    passed: number;
    /** Made up to 60 bytes; not a drop. */
    padded: number;
    dropNotAFrame: number;
    dropTooShort: number;
    dropTooLong: number;
    dropQueueFull: number;
    dropUnplugged: number;
  };
}

export interface BusMedium extends Medium {
  readonly counters: BusMediumCounters;
  /** Frames for the card that wait. */
  readonly waiting: number;
  /** Leaves the bus. Harmless when repeated. */
  close(): void;
}

/** The medium of a card in an emulator whose `net_device` is `{ type: 'none', relay_url: ... }`. From 'emulator-ready' on. */
export function busMedium(emulator: V86Emulator, pool: FramePool, options: BusMediumOptions = {}): BusMedium {
  const { id = 0 } = options;
  if (!Number.isInteger(id) || id < 0)
    throw new RangeError(`network ${id}: 0 or a higher whole number would be right`);
  return new NetBus(internals(emulator).bus, pool, id);
}

class NetBus implements BusMedium {
  readonly name: string;
  readonly pool: FramePool;
  readonly carrier = true;
  readonly bitsPerSecond = 0;
  readonly fullDuplex = true;
  readonly counters: BusMediumCounters = {
    fromCard: { frames: 0, bytes: 0, passed: 0, dropBadFcs: 0 },
    toCard: {
      frames: 0,
      bytes: 0,
      passed: 0,
      padded: 0,
      dropNotAFrame: 0,
      dropTooShort: 0,
      dropTooLong: 0,
      dropQueueFull: 0,
      dropUnplugged: 0,
    },
  };
  private readonly bus: V86Bus;
  private readonly queue = new FrameQueue();
  private readonly listener = (bytes: unknown): void => this.take(bytes);
  private station: Station | null = null;
  private sending = false;
  private address = '';

  constructor(bus: V86Bus, pool: FramePool, id: number) {
    this.bus = bus;
    this.pool = pool;
    this.name = `net${id}`;
    bus.register(`${this.name}-receive`, this.listener, this);
  }

  get waiting(): number {
    return this.queue.length;
  }

  attach(station: Station | null): void {
    this.station = station;
    if (station === null) this.deliverWaiting();
    else station.carrierChanged();
  }

  send(frame: Frame): void {
    const { fromCard } = this.counters;
    fromCard.frames++;
    fromCard.bytes += frame.length;
    const nested = this.sending;
    this.sending = true;
    if (frame.damaged) fromCard.dropBadFcs++;
    else {
      fromCard.passed++;
      this.tellAddress(frame);
      // A copy, for adapters keep it until their socket is open.
      this.bus.send(`${this.name}-send`, frame.bytes().slice());
    }
    this.pool.put(frame);
    this.station?.transmitted(0);
    if (nested) return;
    this.sending = false;
    this.deliverWaiting();
  }

  close(): void {
    this.bus.unregister(`${this.name}-receive`, this.listener);
    this.station = null;
    this.deliverWaiting();
  }

  /** Adapters that play the other side of the network (`fetch`, wisp) want to know for whom to make frames. */
  private tellAddress({ u8 }: Frame): void {
    if ((u8[FRAME_START + 6] & 1) !== 0) return;
    let address = '';
    for (let i = 6; i < 12; i++)
      address += (i === 6 ? '' : ':') + u8[FRAME_START + i].toString(16).padStart(2, '0');
    if (address === this.address) return;
    this.address = address;
    this.bus.send(`${this.name}-mac`, address);
  }

  private take(bytes: unknown): void {
    const { toCard } = this.counters;
    toCard.frames++;
    if (!(bytes instanceof Uint8Array)) {
      toCard.dropNotAFrame++;
      return;
    }
    const { length } = bytes;
    toCard.bytes += length;
    if (length < HEADER_BYTES) toCard.dropTooShort++;
    else if (length > MAX_FRAME_BYTES) toCard.dropTooLong++;
    else if (this.station === null) toCard.dropUnplugged++;
    else if (this.queue.length >= QUEUE_FRAMES) toCard.dropQueueFull++;
    else {
      this.queue.push(this.frameOf(bytes));
      if (!this.sending) this.deliverWaiting();
    }
  }

  private frameOf(bytes: Uint8Array): Frame {
    if (bytes.length >= MIN_FRAME_BYTES) return this.pool.from(bytes);
    const frame = this.pool.get(MIN_FRAME_BYTES);
    frame.u8.set(bytes, FRAME_START);
    frame.u8.fill(0, FRAME_START + bytes.length, FRAME_START + MIN_FRAME_BYTES);
    this.counters.toCard.padded++;
    return frame;
  }

  private deliverWaiting(): void {
    const { toCard } = this.counters;
    for (let frame = this.queue.shift(); frame !== null; frame = this.queue.shift()) {
      if (this.station === null) {
        toCard.dropUnplugged++;
        this.pool.put(frame);
      } else {
        toCard.passed++;
        this.station.receive(frame);
      }
    }
  }
}
