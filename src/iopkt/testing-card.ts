// A made-up network card for tests of the driver interface: two rings of slots with addresses in the machine's memory, a
// cause and a mask register, an interrupt line, a PHY that is only registers. No chip of this world.

import { ClockEvent } from '../kernel/clock.ts';
import type { Machine } from '../kernel/machine.ts';

export const CAUSE_RX = 1;
export const CAUSE_TX = 2;
export const CAUSE_LINK = 4;

export const RX_SLOTS = 16;
export const TX_SLOTS = 16;
/** What its registers read when the card has been pulled out. */
export const GONE = -1;
/** Last fragment of a frame. */
export const TX_LAST = 0x10000;

// Registers, for who watches accesses.
const REG_CAUSE = 0;
const REG_MASK = 1;
const REG_RUN = 2;
const REG_KICK = 3;
const REG_PHY = 16;

const NOTHING = new Uint8Array(0);

export interface CardOptions {
  irq?: number;
  /** ns until a frame has left; 0: at once. */
  frameNs?: number;
  mac?: Uint8Array;
  /** Of each ring. */
  slots?: number;
}

export class TestCard {
  readonly machine: Machine;
  readonly irq: number;
  readonly mac: Uint8Array;
  readonly slots: number;
  /** Receive slots: address of the buffer, and the length of the frame in it, 0 while the slot is the card's. */
  readonly rxAddress: Int32Array;
  readonly rxLength: Int32Array;
  /** Transmit slots: address and length of a fragment, with TX_LAST; 0 while the slot is the driver's. */
  readonly txAddress: Int32Array;
  readonly txLength: Int32Array;
  running = false;
  promiscuous = false;
  readonly filter: string[] = [];
  /** Frames that left, and those for which there was no slot. */
  sent = 0;
  missed = 0;
  readonly frames: Uint8Array[] = [];
  keepFrames = true;
  /** Called with each frame that leaves. */
  onSend: ((bytes: Uint8Array) => void) | null = null;
  /** Called when it has read a fragment to send. */
  onRead: ((address: number, length: number) => void) | null = null;
  /** What it says of a received frame's length; null: the truth. Never 0: the slot would stay the card's. */
  tell: ((length: number) => number) | null = null;
  /** Register accesses, as a sign of life after a shutdown. */
  accesses = 0;
  /** Called before each access takes effect; registers are REG_CAUSE, ... and REG_PHY + n. */
  onAccess: ((register: number, write: boolean) => void) | null = null;
  /** Out of its slot: reads give all ones, writes go nowhere, and so do frames. */
  pulled = false;
  readonly phy = new Uint16Array(32);
  private cause = 0;
  private masked = true;
  private driven = false;
  private cable = true;
  private rxNext = 0;
  private txNext = 0;
  private readonly frameNs: number;
  private readonly wire: ClockEvent;
  private readonly line: { setLevel(asserted: boolean): void };

  constructor(machine: Machine, options: CardOptions = {}) {
    this.machine = machine;
    this.irq = options.irq ?? 9;
    this.mac = options.mac ?? Uint8Array.of(2, 0, 0, 0, 0, 1);
    this.frameNs = options.frameNs ?? 0;
    const { slots = RX_SLOTS } = options;
    this.slots = slots;
    this.rxAddress = new Int32Array(slots);
    this.rxLength = new Int32Array(slots).fill(-1);
    this.txAddress = new Int32Array(slots);
    this.txLength = new Int32Array(slots);
    this.line = machine.irq.line(this.irq);
    this.wire = new ClockEvent('test card', () => this.transmitOne());
    // 10 and 100 Mb/s, negotiation done, link up.
    this.phy.set([0x1000, 0x782d, 0x1234, 0x5678, 0x01e1, 0x41e1]);
  }

  // ---- registers

  /** Reading clears it. */
  readCause(): number {
    this.touch(REG_CAUSE, false);
    if (this.pulled) return GONE;
    const { cause } = this;
    this.cause = 0;
    this.drive();
    return cause;
  }

  peekCause(): number {
    this.touch(REG_CAUSE, false);
    return this.pulled ? GONE : this.cause;
  }

  writeMask(masked: boolean): void {
    this.touch(REG_MASK, true);
    if (this.pulled) return;
    this.masked = masked;
    this.drive();
  }

  writeRun(on: boolean): void {
    this.touch(REG_RUN, true);
    if (this.pulled) return;
    this.running = on;
    if (!on) this.halt();
  }

  private halt(): void {
    this.running = false;
    this.rxNext = 0;
    this.txNext = 0;
    this.cause = 0;
    this.machine.clock.cancel(this.wire);
    this.txLength.fill(0);
    this.rxLength.fill(-1);
    this.drive();
  }

  kick(): void {
    this.touch(REG_KICK, true);
    this.transmitAll();
  }

  private transmitAll(): void {
    if (this.pulled) return;
    if (this.frameNs > 0) {
      if (!this.wire.armed && this.txLength[this.txNext] !== 0)
        this.machine.clock.armIn(this.wire, this.frameNs);
      return;
    }
    for (let i = 0; i < this.slots && this.txLength[this.txNext] !== 0; i++) this.transmitOne();
  }

  readPhy(register: number): number {
    this.touch(REG_PHY + register, false);
    return this.pulled ? 0xffff : this.phy[register];
  }

  writePhy(register: number, value: number): void {
    this.touch(REG_PHY + register, true);
    if (this.pulled) return;
    // Reset and restart of negotiation clear themselves.
    this.phy[register] = register === 0 ? value & ~0x8200 : value;
    if (register === 0) this.showLink();
  }

  // ---- the outside

  /** A frame arrives. */
  arrive(bytes: Uint8Array): void {
    const { rxNext } = this;
    if (!this.running || this.pulled || this.rxLength[rxNext] !== 0) {
      this.missed++;
      return;
    }
    const { u8 } = this.machine.memory;
    const at = this.rxAddress[rxNext];
    for (let i = 0; i < bytes.length; i++) u8[at + i] = bytes[i];
    this.rxLength[rxNext] = this.tell === null ? bytes.length : this.tell(bytes.length);
    this.rxNext = (rxNext + 1) % this.slots;
    this.raise(CAUSE_RX);
  }

  /** The cable is plugged in or pulled out. */
  setLink(up: boolean): void {
    this.cable = up;
    this.showLink();
    this.raise(CAUSE_LINK);
  }

  /** Link and end of negotiation, which a PHY that is powered down has not got. */
  private showLink(): void {
    const up = this.cable && (this.phy[0] & 0x0800) === 0;
    if (up === ((this.phy[1] & 0x24) !== 0)) return;
    this.phy[1] = up ? this.phy[1] | 0x24 : this.phy[1] & ~0x24;
    this.raise(CAUSE_LINK);
  }

  /** Somebody pulls it out; put back it is as after a reset. */
  pull(): void {
    this.pulled = true;
    this.masked = true;
    this.halt();
  }

  private transmitOne(): void {
    if (!this.running || this.txLength[this.txNext] === 0) return;
    let last = false;
    let frame = NOTHING;
    for (let i = 0; i < this.slots && !last; i++) {
      const slot = this.txNext;
      const length = this.txLength[slot];
      if (length === 0) break;
      last = (length & TX_LAST) !== 0;
      this.onRead?.(this.txAddress[slot], length & 0xffff);
      if (this.keepFrames) {
        const at = this.txAddress[slot];
        const joined = new Uint8Array(frame.length + (length & 0xffff));
        joined.set(frame);
        joined.set(this.machine.memory.u8.subarray(at, at + (length & 0xffff)), frame.length);
        frame = joined;
      }
      this.txLength[slot] = 0;
      this.txNext = (slot + 1) % this.slots;
    }
    this.sent++;
    if (this.keepFrames) {
      this.frames.push(frame);
      this.onSend?.(frame);
    }
    if (this.frameNs > 0 && this.txLength[this.txNext] !== 0)
      this.machine.clock.armIn(this.wire, this.frameNs);
    this.raise(CAUSE_TX);
  }

  private raise(cause: number): void {
    this.cause |= cause;
    this.drive();
  }

  private drive(): void {
    const drive = !this.masked && this.cause !== 0 && this.running;
    if (drive === this.driven) return;
    this.driven = drive;
    this.line.setLevel(drive);
  }

  private touch(register: number, write: boolean): void {
    this.accesses++;
    this.onAccess?.(register, write);
    const { cpu } = this.machine;
    if (cpu.running) cpu.charge(write ? cpu.profile.registerWrite : cpu.profile.registerRead);
  }
}
