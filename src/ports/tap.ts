// A TAP interface of Linux as a station: what the kernel sends out of it goes onto a medium, what the medium delivers
// arrives in the kernel. After the kernel's networking/tuntap documentation, with IFF_TAP | IFF_NO_PI: a read or write is
// one Ethernet frame without FCS.
//
// Frames are read straight into pool slots by non-blocking reads, as many as the caller of `poll` allows. There is no
// event-loop turn and no allocation per frame. An idle loop sleeps in `waitReadable`, which waits in libuv's epoll.

import { closeSync } from 'node:fs';
import { FRAME_START, type Frame, MAX_FRAME_BYTES } from '../wire/frame.ts';
import { FrameQueue } from '../wire/frame-queue.ts';
import { type Medium, type Station, TX_LATE_COLLISION, TX_NO_CARRIER, TX_RETRY } from '../wire/medium.ts';
import { inNamespace, type Linux, loadLinux, PortError } from './linux.ts';
import { openTap, type TapSettings } from './tap-open.ts';

const TUNSETCARRIER = 0x400454e2;

/** Shortest frame on Ethernet without FCS: a card pads to it, the kernel leaves that to the card. */
const MIN_FRAME_BYTES = 60;
const HEADER_BYTES = 14;
/** Header with a VLAN tag on top of the MTU, and one more, so that a full frame does not look cut. */
const READ_EXTRA_BYTES = 19;
const DEFAULT_MTU = 1500;
/** As the transmit ring of a common card. */
const DEFAULT_QUEUE_FRAMES = 256;

export interface TapOptions extends TapSettings {
  medium: Medium;
  /** Network namespace to put it in, as made by `ip netns add`; the process's own when not given. */
  namespace?: string;
  /** Frames that wait while the medium is busy; more are dropped. */
  queueFrames?: number;
}

/** From the kernel onto the medium. frames = sent + all drops + waiting + one on its way. */
export interface FromKernel {
  frames: number;
  bytes: number;
  sent: number;
  /** Made up to 60 bytes; not a drop. */
  padded: number;
  dropQueueFull: number;
  dropNoCarrier: number;
  dropCollisions: number;
  /** Longer than the slot it was read into. */
  dropTooLong: number;
  dropTooShort: number;
  /** Reads that failed; no frame came of them. */
  readErrors: number;
}

/** From the medium into the kernel. frames = written + all drops. */
export interface ToKernel {
  frames: number;
  bytes: number;
  written: number;
  dropBadFcs: number;
  /** EAGAIN, ENOBUFS, ENOMEM: the kernel has no room. */
  dropNoRoom: number;
  /** EIO: the interface is down. */
  dropDown: number;
  /** The kernel took less than the frame. */
  dropShortWrite: number;
  dropOther: number;
}

export class Tap implements Station {
  /** As the kernel has it. */
  readonly name: string;
  readonly fromKernel: FromKernel = {
    frames: 0,
    bytes: 0,
    sent: 0,
    padded: 0,
    dropQueueFull: 0,
    dropNoCarrier: 0,
    dropCollisions: 0,
    dropTooLong: 0,
    dropTooShort: 0,
    readErrors: 0,
  };
  readonly toKernel: ToKernel = {
    frames: 0,
    bytes: 0,
    written: 0,
    dropBadFcs: 0,
    dropNoRoom: 0,
    dropDown: 0,
    dropShortWrite: 0,
    dropOther: 0,
  };
  /** Name of the last system error, for people. */
  lastError = '';
  private readonly linux: Linux;
  private readonly medium: Medium;
  private readonly queueFrames: number;
  private readonly queue = new FrameQueue();
  /** Where the bytes of a pool's frames are; holding the frames keeps the addresses good. */
  private readonly addresses = new Map<Frame, number>();
  private readonly watch: PollHandle;
  private fd: number;
  private readBytes: number;
  private busy = false;
  private inSend = false;
  private sleeper: { wake: (readable: boolean) => void; done: Promise<boolean> } | null = null;

  /** Makes the interface, sets it up and plugs it into the medium. Throws PortError and leaves nothing behind. */
  constructor(options: TapOptions) {
    const { medium, namespace } = options;
    this.linux = loadLinux();
    this.medium = medium;
    this.queueFrames = options.queueFrames ?? DEFAULT_QUEUE_FRAMES;
    this.readBytes = (options.mtu ?? DEFAULT_MTU) + READ_EXTRA_BYTES;
    if (this.readBytes > MAX_FRAME_BYTES) {
      throw new PortError(`MTU ${options.mtu}: at most ${MAX_FRAME_BYTES - READ_EXTRA_BYTES} would be right`);
    }
    const open = () => openTap(this.linux, options);
    const { fd, name } = namespace === undefined ? open() : inNamespace(this.linux, namespace, open);
    this.fd = fd;
    this.name = name;
    try {
      this.watch = this.linux.koffi.node.poll(fd, { readable: true }, () => this.wake(true));
      this.watch.stop();
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    medium.attach(this);
    this.carrierChanged();
  }

  /** Frames waiting for the medium, the one on its way included. */
  get waiting(): number {
    return this.queue.length + (this.busy ? 1 : 0);
  }

  /**
   * Moves at most `maxFrames` from the kernel towards the medium; returns how many it found. Fewer than asked for
   * means that the kernel has no more.
   */
  poll(maxFrames: number): number {
    const { linux, fromKernel } = this;
    const { pool } = this.medium;
    let count = 0;
    while (count < maxFrames && this.fd >= 0) {
      const frame = pool.get(this.readBytes);
      const { capacity } = frame;
      const length = linux.read(this.fd, this.address(frame), capacity);
      if (length < 0) {
        pool.put(frame);
        if (this.readFailed()) continue;
        break;
      }
      count++;
      fromKernel.frames++;
      fromKernel.bytes += length;
      if (length < HEADER_BYTES) {
        fromKernel.dropTooShort++;
        pool.put(frame);
      } else if (length >= capacity) {
        // Perhaps cut: somebody raised the MTU behind our back. From now on there is room for the longest.
        fromKernel.dropTooLong++;
        this.readBytes = MAX_FRAME_BYTES;
        pool.put(frame);
      } else {
        frame.length = length < MIN_FRAME_BYTES ? this.pad(frame, length) : length;
        this.enqueue(frame);
      }
    }
    return count;
  }

  /**
   * Waits until the kernel has a frame (true), the time is over or the wait is cancelled (false). One wait at a time: a
   * second call joins the first. Costs nothing while it waits.
   */
  waitReadable(timeoutMs: number): Promise<boolean> {
    if (this.sleeper !== null) return this.sleeper.done;
    if (this.fd < 0) return Promise.resolve(false);
    let wake: (readable: boolean) => void = () => {};
    const timer = setTimeout(() => this.wake(false), timeoutMs);
    const done = new Promise<boolean>((resolve) => {
      wake = (readable) => {
        clearTimeout(timer);
        resolve(readable);
      };
    });
    this.sleeper = { wake, done };
    this.watch.start({ readable: true }, () => this.wake(true));
    return done;
  }

  /** Ends a wait early: it gives false. */
  cancelWait(): void {
    this.wake(false);
  }

  receive(frame: Frame): void {
    const { toKernel } = this;
    const { length } = frame;
    toKernel.frames++;
    toKernel.bytes += length;
    if (frame.damaged) toKernel.dropBadFcs++;
    else if (this.fd < 0) toKernel.dropDown++;
    else {
      const written = this.linux.write(this.fd, this.address(frame), length);
      if (written === length) toKernel.written++;
      else if (written >= 0) toKernel.dropShortWrite++;
      else this.writeFailed();
    }
    this.medium.pool.put(frame);
  }

  transmitted(status: number): void {
    const { fromKernel } = this;
    this.busy = false;
    if ((status & TX_NO_CARRIER) !== 0) fromKernel.dropNoCarrier++;
    else if ((status & (TX_RETRY | TX_LATE_COLLISION)) !== 0) fromKernel.dropCollisions++;
    else fromKernel.sent++;
    if (!this.inSend) this.sendNext();
  }

  /** Passes the cable's state on: `ip link` shows NO-CARRIER while it is unplugged. */
  carrierChanged(): void {
    if (this.fd < 0) return;
    const on = new Uint8Array(Int32Array.of(this.medium.carrier ? 1 : 0).buffer);
    // Kernels before 5.0 do not know the request and keep the carrier on.
    this.linux.ioctl(this.fd, TUNSETCARRIER, on);
  }

  /** Unplugs it and takes the interface away (unless it was made persistent by others). Harmless when repeated. */
  close(): void {
    if (this.fd < 0) return;
    this.wake(false);
    this.watch.close();
    closeSync(this.fd);
    this.fd = -1;
    this.medium.attach(null);
    this.queue.clear(this.medium.pool);
    this.addresses.clear();
  }

  private address(frame: Frame): number {
    let address = this.addresses.get(frame);
    if (address === undefined) {
      address = this.linux.addressOf(frame.u8) + FRAME_START;
      this.addresses.set(frame, address);
    }
    return address;
  }

  private pad(frame: Frame, length: number): number {
    frame.u8.fill(0, FRAME_START + length, FRAME_START + MIN_FRAME_BYTES);
    this.fromKernel.padded++;
    return MIN_FRAME_BYTES;
  }

  private enqueue(frame: Frame): void {
    if (this.busy && this.queue.length >= this.queueFrames) {
      this.fromKernel.dropQueueFull++;
      this.medium.pool.put(frame);
      return;
    }
    this.queue.push(frame);
    if (!this.busy && !this.inSend) this.sendNext();
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

  /** True when the read is worth another try. */
  private readFailed(): boolean {
    const name = this.linux.errorName(this.linux.errno());
    if (name === 'EAGAIN') return false;
    if (name === 'EINTR') return true;
    this.lastError = name;
    this.fromKernel.readErrors++;
    return false;
  }

  private writeFailed(): void {
    const { toKernel } = this;
    const name = this.linux.errorName(this.linux.errno());
    this.lastError = name;
    if (name === 'EAGAIN' || name === 'ENOBUFS' || name === 'ENOMEM') toKernel.dropNoRoom++;
    else if (name === 'EIO') toKernel.dropDown++;
    else toKernel.dropOther++;
  }

  private wake(readable: boolean): void {
    const { sleeper } = this;
    if (sleeper === null) return;
    this.sleeper = null;
    this.watch.stop();
    sleeper.wake(readable);
  }
}

/** koffi's watch on a descriptor in libuv's loop. */
type PollHandle = ReturnType<Linux['koffi']['node']['poll']>;
