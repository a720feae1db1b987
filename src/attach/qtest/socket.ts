// The qtest connection: register accesses as lines of text, one answer each, awaited on the spot as a processor awaits the
// bus. After QEMU's documentation ("QTest", "QTest Protocol").
//
//   us      inw 0x1010               QEMU    OK 0x0000000000000004
//   us      writel 0xe0000000 0x4    QEMU    OK
//                                    QEMU    IRQ raise 10      by itself, between the answers
//
// Nothing here allocates: lines are made and taken apart as bytes, in two buffers that stay.

import type { Width } from '../../bus/host.ts';
import { type Linux, MSG_DONTWAIT, MSG_NOSIGNAL, SO_RCVTIMEO, SOL_SOCKET } from '../../ports/linux.ts';

/** Longer than any line: a command has at most two numbers, an answer one. */
const OUT_BYTES = 128;
const IN_BYTES = 8192;
const LINE_FEED = 10;
const SPACE = 32;
const [CHAR_0, CHAR_9, CHAR_A, CHAR_X] = [48, 57, 97, 120];
const [CAPITAL_I, CAPITAL_O, SMALL_R] = [73, 79, 114];
/** Where `raise` or `lower` begins in `IRQ raise 10`, and the number. */
const IRQ_VERB = 4;
const IRQ_NUMBER = 10;
/** Where the digits begin in `OK 0x0004`. */
const ANSWER_DIGITS = 5;
/** A wait looks at the time this often: the socket's SO_RCVTIMEO. */
const SLICE_US = 100_000;

const letters = (text: string): Uint8Array => new TextEncoder().encode(text);
type ByWidth = Readonly<Record<Width, Uint8Array>>;
const IN: ByWidth = { 1: letters('inb'), 2: letters('inw'), 4: letters('inl') };
const OUT: ByWidth = { 1: letters('outb'), 2: letters('outw'), 4: letters('outl') };
const READ: ByWidth = { 1: letters('readb'), 2: letters('readw'), 4: letters('readl') };
const WRITE: ByWidth = { 1: letters('writeb'), 2: letters('writew'), 4: letters('writel') };

/** What `fill` found. */
const FILLED = 1;
const NOTHING = 0;
const LOST = -1;

export interface QtestEvents {
  /** A pin of the interrupt controller rose or fell. Only to be noted: an answer may be on its way. */
  pin(number: number, high: boolean): void;
  /** An answer is in and pins may have moved: now interrupts may be delivered, and accesses made from there. */
  settle(): void;
  /** QEMU does not answer or makes no sense; told once. From now on reads give ones. */
  lost(why: string): void;
}

export class QtestSocket {
  /** Nobody answers any more. */
  dead = false;
  /** Commands answered so far. */
  commands = 0;
  private readonly linux: Linux;
  private readonly fd: number;
  private readonly timeoutMs: number;
  private readonly events: QtestEvents;
  private readonly out = new Uint8Array(OUT_BYTES);
  private readonly outAddress: number;
  private readonly in = new Uint8Array(IN_BYTES);
  private readonly inAddress: number;
  /** Bytes of the line in `out`. */
  private length = 0;
  /** Unread bytes in `in`. */
  private start = 0;
  private end = 0;
  /** Value of the last answer, unsigned 32 bits; an array, so that no number is boxed. */
  private readonly value = new Float64Array(1);
  private moved = false;

  /** `fd` stays the caller's to close, once nothing is asked here any more. */
  constructor(linux: Linux, fd: number, timeoutMs: number, events: QtestEvents) {
    this.linux = linux;
    this.fd = fd;
    this.timeoutMs = timeoutMs;
    this.events = events;
    this.outAddress = linux.addressOf(this.out);
    this.inAddress = linux.addressOf(this.in);
    setReceiveTimeout(linux, fd, SLICE_US);
  }

  inPort(port: number, width: Width): number {
    this.put(IN[width], port);
    return this.exchange() ? this.masked(width) : ones(width);
  }

  outPort(port: number, width: Width, value: number): void {
    this.put(OUT[width], port, value);
    this.exchange();
  }

  readMemory(address: number, width: Width): number {
    this.put(READ[width], address);
    return this.exchange() ? this.masked(width) : ones(width);
  }

  writeMemory(address: number, width: Width, value: number): void {
    this.put(WRITE[width], address, value);
    this.exchange();
  }

  /** From now on QEMU tells when an input of the I/O APIC changes. False when it is gone. */
  interceptInterrupts(): boolean {
    this.begin(letters('irq_intercept_in ioapic'));
    return this.exchange();
  }

  /** Takes in what waits, without waiting and without delivering it. */
  absorb(): void {
    if (this.dead) return;
    // Bounded by what a socket's buffer holds, many times over.
    for (let i = 0; i < 1000; i++) {
      const found = this.fill(MSG_DONTWAIT);
      if (found !== FILLED) return;
      if (this.lines()) this.lose('it answered a question that nobody asked');
    }
  }

  /** Says that QEMU is gone; told to the owner once. */
  lose(why: string): void {
    if (this.dead) return;
    this.dead = true;
    this.events.lost(why);
  }

  /** Nothing is asked from now on, and nobody is told. */
  close(): void {
    this.dead = true;
  }

  // ---- a command

  private begin(name: Uint8Array): void {
    this.out.set(name);
    this.length = name.length;
  }

  private put(name: Uint8Array, first: number, second = -1): void {
    this.begin(name);
    this.hex(first);
    if (second >= 0) this.hex(second);
  }

  /** ` 0x`, and the 32-bit number in eight digits. */
  private hex(value: number): void {
    const { out } = this;
    let at = this.length;
    out[at++] = SPACE;
    out[at++] = CHAR_0;
    out[at++] = CHAR_X;
    for (let shift = 28; shift >= 0; shift -= 4) {
      const digit = (value >>> shift) & 15;
      out[at++] = digit < 10 ? CHAR_0 + digit : CHAR_A - 10 + digit;
    }
    this.length = at;
  }

  /** Sends the line in `out` and waits for its answer; false when QEMU is gone. */
  private exchange(): boolean {
    if (this.dead) return false;
    this.out[this.length++] = LINE_FEED;
    if (!this.transmit()) return false;
    let deadline = 0;
    while (!this.lines()) {
      const found = this.fill(0);
      if (found === LOST) return false;
      if (found === FILLED) continue;
      const now = performance.now();
      if (deadline === 0) deadline = now + this.timeoutMs;
      else if (now > deadline) {
        this.lose(`it has not answered for ${this.timeoutMs / 1000} s`);
        return false;
      }
    }
    this.commands++;
    if (this.moved) {
      this.moved = false;
      // Handlers that run now make accesses of their own: the value has to be out of their way.
      const value = this.value[0];
      this.events.settle();
      this.value[0] = value;
    }
    return true;
  }

  private transmit(): boolean {
    const { linux } = this;
    // The buffer is empty whenever nothing is asked, so a line goes in whole and at once; a signal may come in between.
    for (let i = 0; i < 100; i++) {
      const sent = linux.send(this.fd, this.outAddress, this.length, MSG_NOSIGNAL);
      if (sent === this.length) return true;
      if (sent >= 0) break;
      const name = linux.errorName(linux.errno());
      if (name === 'EINTR') continue;
      this.lose(name === 'EPIPE' || name === 'ECONNRESET' ? 'it ended' : `its socket says ${name}`);
      return false;
    }
    this.lose('its socket does not take a line');
    return false;
  }

  private masked(width: Width): number {
    const value = this.value[0];
    if (width === 4) return value;
    return value & (width === 1 ? 0xff : 0xffff);
  }

  // ---- what comes

  private fill(flags: number): number {
    const { linux } = this;
    // Who was told that QEMU is lost may have closed the socket.
    if (this.dead) return LOST;
    if (this.start > 0) {
      this.in.copyWithin(0, this.start, this.end);
      this.end -= this.start;
      this.start = 0;
    }
    if (this.end === IN_BYTES) {
      this.lose(`it said something of more than ${IN_BYTES} bytes`);
      return LOST;
    }
    const got = linux.recv(this.fd, this.inAddress + this.end, IN_BYTES - this.end, flags);
    if (got > 0) {
      this.end += got;
      return FILLED;
    }
    if (got < 0) {
      const name = linux.errorName(linux.errno());
      if (name === 'EAGAIN' || name === 'EINTR') return NOTHING;
      if (name !== 'ECONNRESET') {
        this.lose(`its socket says ${name}`);
        return LOST;
      }
    }
    this.lose('it ended');
    return LOST;
  }

  /**
   * Takes all whole lines, also those behind an answer: nobody would come back for an interrupt there, since the socket has
   * nothing more. True when one of them was the answer, whose number is then in `value`.
   */
  private lines(): boolean {
    const { in: bytes } = this;
    let answered = false;
    while (!this.dead) {
      const stop = bytes.indexOf(LINE_FEED, this.start);
      if (stop < 0 || stop >= this.end) return answered;
      const from = this.start;
      this.start = stop + 1;
      if (bytes[from] === CAPITAL_I) this.interrupt(from, stop);
      else if (bytes[from] !== CAPITAL_O) {
        this.lose(`it said "${new TextDecoder().decode(bytes.subarray(from, stop))}"`);
      } else if (answered) this.lose('it answered twice');
      else {
        this.answer(from, stop);
        answered = true;
      }
    }
    return false;
  }

  private interrupt(from: number, stop: number): void {
    let number = 0;
    for (let i = from + IRQ_NUMBER; i < stop; i++) {
      const digit = this.in[i];
      if (digit >= CHAR_0 && digit <= CHAR_9) number = number * 10 + digit - CHAR_0;
    }
    this.moved = true;
    this.events.pin(number, this.in[from + IRQ_VERB] === SMALL_R);
  }

  /** `OK`, or `OK 0x` and digits, of which 32 bits count. */
  private answer(from: number, stop: number): void {
    let value = 0;
    for (let i = Math.max(from + ANSWER_DIGITS, stop - 8); i < stop; i++) {
      const letter = this.in[i];
      value = (value << 4) | (letter <= CHAR_9 ? letter - CHAR_0 : letter - CHAR_A + 10);
    }
    this.value[0] = value >>> 0;
  }
}

function ones(width: Width): number {
  return width === 4 ? 0xffffffff : width === 2 ? 0xffff : 0xff;
}

/** A `recv` on this socket comes back after `microseconds` at the latest, with EAGAIN when nothing came. */
export function setReceiveTimeout(linux: Linux, fd: number, microseconds: number): void {
  // struct timeval: two longs.
  const timeval = new Uint8Array(16);
  const view = new DataView(timeval.buffer);
  view.setBigInt64(0, BigInt(Math.floor(microseconds / 1e6)), true);
  view.setBigInt64(8, BigInt(microseconds % 1e6), true);
  if (linux.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeval, timeval.length) !== 0) {
    throw new Error(`SO_RCVTIMEO: ${linux.errorName(linux.errno())}`);
  }
}
