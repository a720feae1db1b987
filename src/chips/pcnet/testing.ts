// A PCnet on a bench: the chip between a fake host and a fake medium, with rings set up as a driver would, and the sums
// that must come out.

import { expect } from 'vitest';
import type { DeviceHost } from '../../bus/host.ts';
import type { Medium } from '../../wire/medium.ts';
import { ChipSocket } from '../socket.ts';
import { FakeHost, FakeMedium } from '../testing.ts';
import { RECEIVE_DROPS, TRANSMIT_ERRORS } from './counters.ts';
import { writeInitBlock } from './init-block.ts';
import { Pcnet, type PcnetVariant } from './model.ts';
import { descriptorBytes, ReceiveRing, type SoftwareStyle, TransmitRing } from './ring.ts';

export const MAC = [0x00, 0x0c, 0x29, 0xaa, 0xbb, 0xcc];
export const OTHER = [0x00, 0x0c, 0x29, 0x11, 0x22, 0x33];
export const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/** The hash of this multicast address is 0: see sheet.test.ts. */
export const GROUP_0 = [0x85, 0, 0, 0, 0, 0];

const STP_ENP = 0x03000000;

/** A frame of `length` bytes (without FCS) with a pattern behind the addresses. */
export function ether(destination: readonly number[], length = 60, type = 0x0800): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, i) => (i * 7 + 3) & 0xff);
  bytes.set(destination.slice(0, length));
  bytes.set(OTHER.slice(0, Math.max(0, length - 6)), Math.min(6, length));
  if (length >= 14) {
    bytes[12] = type >> 8;
    bytes[13] = type & 0xff;
  }
  return bytes;
}

export interface StartOptions {
  style?: SoftwareStyle;
  mode?: number;
  receiveCount?: number;
  transmitCount?: number;
  bufferBytes?: number;
  filterLow?: number;
  filterHigh?: number;
  csr3?: number;
  csr4?: number;
  csr5?: number;
}

export class PcnetBench {
  readonly host = new FakeHost();
  readonly medium = new FakeMedium();
  readonly variant: PcnetVariant;
  /** What the chip is plugged into, if it can be exchanged. */
  readonly socket: ChipSocket | null;
  private readonly fixed: Pcnet | null;
  receiveRing!: ReceiveRing;
  transmitRing!: TransmitRing;
  receiveBuffers: number[] = [];

  /** `socketed`: the chip can be exchanged. `negotiationNs`: the PHY's own default when left out. */
  constructor(variant: PcnetVariant = 'Am79C970A', socketed = false, negotiationNs?: number) {
    this.variant = variant;
    const make = (host: DeviceHost, medium: Medium) =>
      new Pcnet(host, medium, { variant, mac: MAC, negotiationNs });
    this.socket = socketed ? new ChipSocket(this.host, this.medium, make) : null;
    this.fixed = socketed ? null : make(this.host, this.medium);
  }

  get chip(): Pcnet {
    return this.fixed ?? (this.socket!.chip as Pcnet);
  }

  csr(register: number): number {
    this.chip.writeBar(0, 0x12, 2, register);
    return this.chip.readBar(0, 0x10, 2);
  }

  writeCsr(register: number, value: number): void {
    this.chip.writeBar(0, 0x12, 2, register);
    this.chip.writeBar(0, 0x10, 2, value);
  }

  bcr(register: number): number {
    this.chip.writeBar(0, 0x12, 2, register);
    return this.chip.readBar(0, 0x16, 2);
  }

  writeBcr(register: number, value: number): void {
    this.chip.writeBar(0, 0x12, 2, register);
    this.chip.writeBar(0, 0x16, 2, value);
  }

  phy(register: number): number {
    this.writeBcr(33, (30 << 5) | register);
    return this.bcr(34);
  }

  writePhy(register: number, value: number): void {
    this.writeBcr(33, (30 << 5) | register);
    this.writeBcr(34, value);
  }

  /** The link of an Am79C973 comes up. */
  linkUp(): this {
    this.host.wait(3_000_000_000);
    return this;
  }

  /** Rings, buffers, initialization block, INIT and STRT with interrupts enabled; IDON is acknowledged. */
  start(options: StartOptions = {}): this {
    const { style = 2, receiveCount = 8, transmitCount = 8, bufferBytes = 1536 } = options;
    const { memory } = this.host;
    const size = descriptorBytes(style);
    const receiveRing = memory.alloc(receiveCount * size, 16);
    const transmitRing = memory.alloc(transmitCount * size, 16);
    const block = memory.alloc(32, 16);
    this.receiveRing = new ReceiveRing(memory.u32, receiveRing, receiveCount, style);
    this.transmitRing = new TransmitRing(memory.u32, transmitRing, transmitCount, style);
    this.receiveBuffers = [];
    for (let i = 0; i < receiveCount; i++) {
      const address = memory.alloc(bufferBytes + 8, 16) + 2;
      this.receiveBuffers.push(address);
      this.receiveRing.prepare(i, address, bufferBytes);
      this.receiveRing.give(i);
    }
    writeInitBlock(memory.u32, block, style, {
      mode: options.mode ?? 0,
      stationAddress: MAC,
      filterLow: options.filterLow ?? 0,
      filterHigh: options.filterHigh ?? 0,
      receiveRing,
      receiveCount,
      transmitRing,
      transmitCount,
    });
    this.writeCsr(58, style);
    this.writeCsr(1, block & 0xffff);
    this.writeCsr(2, block >>> 16);
    this.writeCsr(3, options.csr3 ?? 0);
    this.writeCsr(4, options.csr4 ?? 0x0115);
    this.writeCsr(5, options.csr5 ?? 0);
    this.writeCsr(0, 0x0001);
    this.writeCsr(0, 0x0142);
    return this;
  }

  /** Puts bytes in a transmit descriptor; the frame starts and ends there unless `flags` says otherwise. */
  fill(index: number, bytes: Uint8Array, flags = STP_ENP): void {
    const { memory } = this.host;
    const address = memory.alloc(bytes.length + 8, 16) + 2;
    memory.u8.set(bytes, address);
    this.transmitRing.prepare(index, address, bytes.length, flags);
    this.transmitRing.give(index);
  }

  /** TDMD. */
  demand(): void {
    this.writeCsr(0, 0x0048);
  }

  send(index: number, bytes: Uint8Array, flags = STP_ENP): void {
    this.fill(index, bytes, flags);
    this.demand();
  }

  arrive(bytes: Uint8Array, fcs?: number): void {
    this.medium.arrive(bytes, fcs);
  }

  /** Bytes in a receive buffer. */
  received(index: number, length: number): Uint8Array {
    const at = this.receiveBuffers[index];
    return this.host.memory.u8.slice(at, at + length);
  }

  /** Nothing vanished: frames in and out are all accounted for, and every frame went back to its pool. */
  expectSums(sending = 0): void {
    const { counters } = this.chip;
    let drops = 0;
    for (const reason of RECEIVE_DROPS) drops += counters[reason];
    expect(counters.received + counters.looped).toBe(counters.delivered + drops);
    let errors = 0;
    for (const reason of TRANSMIT_ERRORS) errors += counters[reason];
    expect(counters.taken).toBe(counters.transmitted + errors + sending);
    expect(this.medium.pool.inUse).toBe(0);
  }
}
