// An 8255x on a bench: the chip between a fake host and a fake medium, with command blocks and receive descriptors made
// as a driver would make them, and the sums that must come out.

import { expect } from 'vitest';
import type { DeviceHost } from '../../bus/host.ts';
import type { Medium } from '../../wire/medium.ts';
import { ChipSocket } from '../socket.ts';
import { FakeHost, FakeMedium } from '../testing.ts';
import { CB, CMD, COMMAND, RFD, STATUS } from './blocks.ts';
import { RECEIVE_DROPS, TRANSMIT_ERRORS } from './counters.ts';
import { I8255x, type I8255xModel } from './model.ts';
import { CSR, CUC, CUC_SHIFT, RUC } from './sheet.ts';

export const MAC = [0x00, 0xaa, 0x00, 0xaa, 0xbb, 0xcc];
export const OTHER = [0x00, 0xaa, 0x00, 0x11, 0x22, 0x33];
export const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
export const GROUP = [0x01, 0x00, 0x5e, 0x00, 0x00, 0x01];

const { EL, S, I, SF } = COMMAND;
const { C, OK } = STATUS;
/** Status of a block or descriptor that went well. */
export const DONE = C | OK;

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

/** A pause frame (IEEE 802.3 annex 31B). */
export function pauseFrame(units: number, opcode = 1): Uint8Array {
  const bytes = ether([0x01, 0x80, 0xc2, 0x00, 0x00, 0x01], 60, 0x8808).fill(0, 14);
  bytes.set([opcode >> 8, opcode & 0xff, units >> 8, units & 0xff], 14);
  return bytes;
}

export class I8255xBench {
  readonly host = new FakeHost();
  readonly medium = new FakeMedium();
  readonly model: I8255xModel;
  /** What the chip is plugged into, if it can be exchanged. */
  readonly socket: ChipSocket | null;
  private readonly fixed: I8255x | null;
  /** Addresses of the receive frame descriptors. */
  rfds: number[] = [];

  constructor(model: I8255xModel = 'i82559c', eepromWords = 64, socketed = false, negotiationNs?: number) {
    this.model = model;
    const make = (host: DeviceHost, medium: Medium) =>
      new I8255x(host, medium, { model, mac: MAC, eepromWords, negotiationNs });
    this.socket = socketed ? new ChipSocket(this.host, this.medium, make) : null;
    this.fixed = socketed ? null : make(this.host, this.medium);
  }

  get chip(): I8255x {
    return this.fixed ?? (this.socket!.chip as I8255x);
  }

  // ---- registers

  read(offset: number, width: 1 | 2 | 4): number {
    return (this.socket ?? this.chip).readBar(0, offset, width);
  }

  write(offset: number, width: 1 | 2 | 4, value: number): void {
    (this.socket ?? this.chip).writeBar(0, offset, width, value);
  }

  get status(): number {
    return this.read(CSR.SCB_STATUS, 1);
  }

  get causes(): number {
    return this.read(CSR.SCB_STAT_ACK, 1);
  }

  /** Acknowledges these causes, or all. */
  acknowledge(causes = 0xff): void {
    this.write(CSR.SCB_STAT_ACK, 1, causes);
  }

  /** CU command with its argument. */
  cu(command: number, pointer = 0): void {
    this.write(CSR.SCB_POINTER, 4, pointer);
    this.write(CSR.SCB_COMMAND, 1, command << CUC_SHIFT);
  }

  ru(command: number, pointer = 0): void {
    this.write(CSR.SCB_POINTER, 4, pointer);
    this.write(CSR.SCB_COMMAND, 1, command);
  }

  port(what: number, address = 0): void {
    this.write(CSR.PORT, 4, address | what);
  }

  mdi(opcode: number, phy: number, register: number, data = 0): number {
    const word = ((opcode << 26) | (phy << 21) | (register << 16) | data) >>> 0;
    this.write(CSR.MDI_CONTROL, 4, word);
    return this.read(CSR.MDI_CONTROL, 4);
  }

  /** Moves the EEPROM's pins: `bits` as a string of zeros and ones; what DO said after each clock. */
  clockEeprom(bits: string): string {
    let out = '';
    for (const bit of bits) {
      const pins = 0x02 | (bit === '1' ? 0x04 : 0);
      this.write(CSR.EEPROM_CONTROL, 2, pins);
      this.write(CSR.EEPROM_CONTROL, 2, pins | 0x01);
      out += (this.read(CSR.EEPROM_CONTROL, 2) & 0x08) !== 0 ? '1' : '0';
      this.write(CSR.EEPROM_CONTROL, 2, pins);
    }
    return out;
  }

  endEeprom(): void {
    this.write(CSR.EEPROM_CONTROL, 2, 0);
  }

  /** The link of the PHY comes up. */
  linkUp(): this {
    this.host.wait(3_000_000_000);
    return this;
  }

  // ---- memory

  word(address: number): number {
    return this.host.dma.read16(address);
  }

  /** A command block of `bytes` with command word and link; what follows the link is written by the caller. */
  block(command: number, link = 0xffffffff, bytes = 64): number {
    const { memory, dma } = this.host;
    const at = memory.alloc(bytes, 16);
    dma.write16(at + CB.COMMAND, command);
    dma.write32(at + CB.LINK, link);
    return at;
  }

  /** Executes one block with these bytes behind the link; its status word. */
  run(command: number, body: ArrayLike<number> = [], flags: number = EL): number {
    const at = this.block(command | flags, 0xffffffff, 16 + body.length);
    this.host.memory.u8.set(Array.from(body), at + CB.ADDRESS);
    this.cu(CUC.START, at);
    return this.word(at + CB.STATUS);
  }

  setAddress(address: readonly number[] = MAC): number {
    return this.run(CMD.INDIVIDUAL_ADDRESS, address);
  }

  configure(bytes: Uint8Array): number {
    return this.run(CMD.CONFIGURE, bytes);
  }

  multicast(...addresses: (readonly number[])[]): number {
    const list = addresses.flat();
    return this.run(CMD.MULTICAST, [list.length & 0xff, list.length >> 8, ...list]);
  }

  /** A TxCB in simplified mode: the frame is behind it. */
  simplified(bytes: Uint8Array, flags: number, link = 0xffffffff): number {
    const { memory, dma } = this.host;
    const at = this.block(CMD.TRANSMIT | flags, link, CB.DATA + bytes.length + 4);
    dma.write32(at + CB.TBD_ARRAY, 0xffffffff);
    dma.write16(at + CB.BYTE_COUNT, 0x8000 | bytes.length);
    memory.u8[at + CB.THRESHOLD] = 1;
    memory.u8.set(bytes, at + CB.DATA);
    return at;
  }

  /** A TxCB in flexible mode with these pieces; the first two inside when it is extended. */
  flexible(pieces: Uint8Array[], flags: number, extended = false, link = 0xffffffff): number {
    const { memory, dma } = this.host;
    const at = this.block(CMD.TRANSMIT | SF | flags, link, 32);
    const array = memory.alloc(8 * Math.max(pieces.length, 1) + 8, 4);
    dma.write32(at + CB.TBD_ARRAY, array);
    memory.u8[at + CB.THRESHOLD] = 1;
    memory.u8[at + CB.TBD_NUMBER] = pieces.length;
    pieces.forEach((piece, i) => {
      const inner = extended && i < 2;
      const tbd = inner ? at + CB.DATA + 8 * i : array + 8 * (extended ? i - 2 : i);
      const address = memory.alloc(piece.length + 8, 16) + 2;
      memory.u8.set(piece, address);
      dma.write32(tbd, address);
      dma.write32(tbd + 4, piece.length);
    });
    return at;
  }

  /** Sends a frame alone; the status word of its block. */
  send(bytes: Uint8Array, flags: number = EL): number {
    const at = this.simplified(bytes, flags);
    this.cu(CUC.START, at);
    return this.word(at + CB.STATUS);
  }

  /** A ring of descriptors with `space` bytes each; the last one has `last` in its command word. */
  makeRfds(count = 4, space = 1536, last: number = COMMAND.EL): this {
    const { memory, dma } = this.host;
    this.rfds = Array.from({ length: count }, () => memory.alloc(RFD.EXTENDED_DATA + space + 32, 16));
    this.rfds.forEach((at, i) => {
      dma.write16(at + RFD.COMMAND, i === count - 1 ? last : 0);
      dma.write32(at + RFD.LINK, this.rfds[(i + 1) % count]);
      dma.write16(at + RFD.SIZE, space);
    });
    return this;
  }

  /** Link up, an address, descriptors, and the RU ready; interrupts so far are acknowledged. */
  start(count = 4, space = 1536, last: number = COMMAND.EL): this {
    this.linkUp();
    this.setAddress();
    this.makeRfds(count, space, last);
    this.ru(RUC.START, this.rfds[0]);
    this.acknowledge();
    return this;
  }

  arrive(bytes: Uint8Array, fcs?: number): void {
    this.medium.arrive(bytes, fcs);
  }

  rfdStatus(index: number): number {
    return this.word(this.rfds[index] + RFD.STATUS);
  }

  /** Actual count with EOF and F. */
  rfdCount(index: number): number {
    return this.word(this.rfds[index] + RFD.ACTUAL_COUNT);
  }

  received(index: number, length: number): Uint8Array {
    const at = this.rfds[index] + RFD.DATA;
    return this.host.memory.u8.slice(at, at + length);
  }

  /** The statistics as the chip dumps them, completion word included, and how many words those are. */
  statistics(command: number = CUC.DUMP_STATISTICS): number[] {
    const { memory } = this.host;
    const at = memory.alloc(128, 16);
    this.cu(CUC.LOAD_DUMP_ADDRESS, at);
    this.cu(command);
    const words = Array.from(memory.u32.subarray(at >> 2, (at >> 2) + 32));
    const end = words.findIndex((word) => word === 0xa005 || word === 0xa007);
    return words.slice(0, end + 1);
  }

  /** Nothing vanished: frames in and out are all accounted for, and every frame went back to its pool. */
  expectSums(inFifo = 0): void {
    const { counters } = this.chip;
    let drops = 0;
    for (const reason of RECEIVE_DROPS) drops += counters[reason];
    expect(counters.received + counters.looped, 'received').toBe(counters.delivered + drops);
    let errors = 0;
    for (const reason of TRANSMIT_ERRORS) errors += counters[reason];
    expect(counters.taken, 'sent').toBe(counters.transmitted + errors + counters.waiting);
    // The fake medium gives a frame back when it is sent, and keeps only count.
    expect(this.medium.pool.inUse, 'frames').toBe(inFifo);
  }
}

export const FLAGS: Record<'EL' | 'S' | 'I' | 'SF', number> = { EL, S, I, SF };
