// The cable of one QEMU NIC: what QEMU sends goes onto a medium, what the medium delivers goes to QEMU. Between us and
// QEMU is a socket pair whose datagrams are frames without FCS (QEMU's `-netdev dgram`).
//
// What QEMU's cards leave out is made up for here: they send frames of any length, which a MAC pads to 60 bytes, and take
// any frame, where a MAC drops damaged ones and runts.

import { copyBytes } from '../../kernel/copy.ts';
import { type Linux, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_TRUNC } from '../../ports/linux.ts';
import { FRAME_START, Frame, MAX_FRAME_BYTES } from '../../wire/frame.ts';
import { FrameQueue } from '../../wire/frame-queue.ts';
import { type Medium, type Station, TX_LATE_COLLISION, TX_NO_CARRIER, TX_RETRY } from '../../wire/medium.ts';

/** Shortest frame on Ethernet without FCS. */
const MIN_FRAME_BYTES = 60;
const HEADER_BYTES = 14;
/** Either way, as the transmit ring of a common card. */
const QUEUE_FRAMES = 256;
/** Reads in a row that a signal may break off. */
const READ_TRIES = 10;

/** From QEMU onto the medium. frames = sent + all drops + waiting. */
export interface FromQemu {
  frames: number;
  bytes: number;
  sent: number;
  /** For the medium, the one on its way included. */
  waiting: number;
  /** Made up to 60 bytes; not a drop. */
  padded: number;
  dropQueueFull: number;
  dropNoCarrier: number;
  dropCollisions: number;
  /** Longer than any frame of ours. */
  dropTooLong: number;
  /** Less than a header. */
  dropTooShort: number;
  /** Reads that failed; no frame came of them. */
  readErrors: number;
}

/** From the medium to QEMU. frames = written + all drops + waiting. */
export interface ToQemu {
  frames: number;
  bytes: number;
  written: number;
  /** For QEMU to take them. */
  waiting: number;
  dropBadFcs: number;
  dropRunt: number;
  /** QEMU takes none and the queue is full: its card has no buffers. */
  dropQueueFull: number;
  /** QEMU went, or was never there. */
  dropGone: number;
  dropOther: number;
}

/** Frames of one NIC so far. Counts add up at any time. */
export interface QemuNicReport {
  readonly fromQemu: Readonly<FromQemu>;
  readonly toQemu: Readonly<ToQemu>;
}

export class QemuStation implements Station {
  private readonly from: FromQemu = {
    frames: 0,
    bytes: 0,
    sent: 0,
    waiting: 0,
    padded: 0,
    dropQueueFull: 0,
    dropNoCarrier: 0,
    dropCollisions: 0,
    dropTooLong: 0,
    dropTooShort: 0,
    readErrors: 0,
  };
  private readonly to: ToQemu = {
    frames: 0,
    bytes: 0,
    written: 0,
    waiting: 0,
    dropBadFcs: 0,
    dropRunt: 0,
    dropQueueFull: 0,
    dropGone: 0,
    dropOther: 0,
  };
  private readonly linux: Linux;
  private readonly medium: Medium;
  private readonly setCable: (up: boolean) => void;
  /** Frames are read into this one: only then is it known how long they are. */
  private readonly landing = new Frame(MAX_FRAME_BYTES);
  private readonly landingAddress: number;
  /** Where the bytes of a pool's frames are; holding the frames keeps the addresses good. */
  private readonly addresses = new Map<Frame, number>();
  private readonly outward = new FrameQueue();
  private readonly inward = new FrameQueue();
  private fd: number;
  private plugged = false;
  /** What QEMU's card has been told; it begins with a link. */
  private cableUp = true;
  private busy = false;
  private inSend = false;

  /** `setCable` tells QEMU's card whether it has a link. The descriptor stays the caller's. */
  constructor(linux: Linux, fd: number, medium: Medium, setCable: (up: boolean) => void) {
    this.linux = linux;
    this.fd = fd;
    this.medium = medium;
    this.setCable = setCable;
    this.landingAddress = linux.addressOf(this.landing.u8) + FRAME_START;
  }

  /** Puts the cable into the medium, or takes it out. */
  plug(plugged: boolean): void {
    if (this.fd < 0 || plugged === this.plugged) return;
    this.plugged = plugged;
    this.medium.attach(plugged ? this : null);
    if (!plugged) this.abandonOutward();
    this.carrierChanged();
  }

  /** QEMU is gone: the cable falls out, what waits is dropped. Harmless when repeated. */
  close(): void {
    if (this.fd < 0) return;
    this.fd = -1;
    if (this.plugged) this.medium.attach(null);
    this.plugged = false;
    this.abandonOutward();
    this.to.dropGone += this.inward.clear(this.medium.pool);
    this.addresses.clear();
  }

  report(): QemuNicReport {
    const fromWaiting = this.outward.length + (this.busy ? 1 : 0);
    return {
      fromQemu: { ...this.from, waiting: fromWaiting },
      toQemu: { ...this.to, waiting: this.inward.length },
    };
  }

  /** Frames wait for QEMU to take them. */
  get blocked(): boolean {
    return this.inward.length > 0;
  }

  /** Takes at most `limit` frames from QEMU; says how many. Fewer means that it has no more. */
  poll(limit: number): number {
    if (this.inward.length > 0) this.flush();
    let count = 0;
    while (count < limit && this.fd >= 0) {
      const length = this.read();
      if (length < 0) break;
      count++;
      this.take(length);
    }
    return count;
  }

  // ---- the station

  receive(frame: Frame): void {
    const { to, inward } = this;
    const { pool } = this.medium;
    to.frames++;
    to.bytes += frame.length;
    if (this.fd < 0) to.dropGone++;
    else if (frame.damaged) to.dropBadFcs++;
    else if (frame.length < MIN_FRAME_BYTES) to.dropRunt++;
    else {
      if (inward.length > 0) this.flush();
      if (inward.length < QUEUE_FRAMES) {
        inward.push(frame);
        if (inward.length === 1) this.flush();
        return;
      }
      to.dropQueueFull++;
    }
    pool.put(frame);
  }

  transmitted(status: number): void {
    const { from } = this;
    this.busy = false;
    if ((status & TX_NO_CARRIER) !== 0) from.dropNoCarrier++;
    else if ((status & (TX_RETRY | TX_LATE_COLLISION)) !== 0) from.dropCollisions++;
    else from.sent++;
    if (!this.inSend) this.sendNext();
  }

  carrierChanged(): void {
    const up = this.plugged && this.medium.carrier;
    if (this.fd < 0 || up === this.cableUp) return;
    this.cableUp = up;
    this.setCable(up);
  }

  // ---- towards QEMU

  /** Gives QEMU what it takes now. */
  private flush(): void {
    const { inward, linux } = this;
    const { pool } = this.medium;
    for (let frame = inward.head; frame !== null; frame = inward.head) {
      const sent = linux.send(this.fd, this.address(frame), frame.length, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent === frame.length) this.to.written++;
      else {
        const name = linux.errorName(linux.errno());
        // Full, or a signal came: it stays the first.
        if (name === 'EAGAIN' || name === 'ENOBUFS' || name === 'ENOMEM' || name === 'EINTR') return;
        if (name === 'ECONNREFUSED' || name === 'ECONNRESET' || name === 'EPIPE') this.to.dropGone++;
        else this.to.dropOther++;
      }
      inward.shift();
      pool.put(frame);
    }
  }

  private address(frame: Frame): number {
    let address = this.addresses.get(frame);
    if (address === undefined) {
      address = this.linux.addressOf(frame.u8) + FRAME_START;
      this.addresses.set(frame, address);
    }
    return address;
  }

  // ---- from QEMU

  /** Length of the frame that is now in `landing`, -1 when there is none. */
  private read(): number {
    const { linux } = this;
    for (let i = 0; i < READ_TRIES; i++) {
      const length = linux.recv(this.fd, this.landingAddress, MAX_FRAME_BYTES, MSG_DONTWAIT | MSG_TRUNC);
      if (length >= 0) return length;
      const name = linux.errorName(linux.errno());
      if (name === 'EINTR') continue;
      // The end of QEMU shows on the other connection too, with what it had to say.
      if (name !== 'EAGAIN' && name !== 'ECONNRESET') this.from.readErrors++;
      break;
    }
    return -1;
  }

  private take(length: number): void {
    const { from, outward, landing } = this;
    from.frames++;
    from.bytes += length;
    if (length > MAX_FRAME_BYTES) from.dropTooLong++;
    else if (length < HEADER_BYTES) from.dropTooShort++;
    else if (!this.plugged) from.dropNoCarrier++;
    else if (outward.length >= QUEUE_FRAMES) from.dropQueueFull++;
    else {
      const short = length < MIN_FRAME_BYTES;
      if (short) {
        landing.u8.fill(0, FRAME_START + length, FRAME_START + MIN_FRAME_BYTES);
        from.padded++;
      }
      const frame = this.medium.pool.get(short ? MIN_FRAME_BYTES : length);
      copyBytes(landing, FRAME_START, frame, FRAME_START, frame.length);
      outward.push(frame);
      if (!this.busy && !this.inSend) this.sendNext();
    }
  }

  private sendNext(): void {
    this.inSend = true;
    while (!this.busy && this.plugged) {
      const frame = this.outward.shift();
      if (frame === null) break;
      this.busy = true;
      this.medium.send(frame);
    }
    this.inSend = false;
  }

  /** The cable is out: nobody will say any more how the transmission under way ended. */
  private abandonOutward(): void {
    if (this.busy) this.from.dropNoCarrier++;
    this.busy = false;
    this.from.dropNoCarrier += this.outward.clear(this.medium.pool);
  }
}
