// pcapng files, read, after draft-ietf-opsawg-pcapng: several sections and interfaces, both byte orders, every
// timestamp resolution. Packets come from Enhanced, Simple and the obsolete Packet Blocks; what other blocks say is
// skipped, except interface statistics. pcapng-writer.ts writes them.
//
//     0            4                 8                                    length - 4    length
//     +------------+-----------------+------------------------------------+--------------+
//     | block type | total length    | body, padded to 32 bits, options   | total length |
//     +------------+-----------------+------------------------------------+--------------+
//                                      option: code 16 | length 16 | value, padded to 32 bits
//
// A Simple Packet Block has no time: its record gets that of the packet before it.

import {
  type Capture,
  type CaptureDirection,
  CaptureError,
  type CaptureInterface,
  type CaptureRecord,
} from './capture.ts';
import { forEachOption, type OptionVisitor } from './pcapng-options.ts';
import { resolutionFault, TickConverter } from './timestamp.ts';

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** Type, length and length again. */
const MIN_BLOCK_BYTES = 12;
const BILLION = 1_000_000_000;
const TWO_32 = 0x100000000;
/** Bits 0-1 of epb_flags. */
const DIRECTIONS: readonly CaptureDirection[] = ['unknown', 'inbound', 'outbound', 'unknown'];

export function isPcapng(bytes: Uint8Array): boolean {
  return bytes[0] === 0x0a && bytes[1] === 0x0d && bytes[2] === 0x0d && bytes[3] === 0x0a;
}

interface InterfaceState {
  readonly about: CaptureInterface;
  readonly ticks: TickConverter;
}

/** A pcapng file in memory; keeps `bytes` and gives views of them. */
export class PcapngCapture implements Capture {
  readonly format = 'pcapng';
  interfaces: readonly CaptureInterface[] = [];
  private readonly bytes: Uint8Array;

  /** Throws CaptureError when the first section header is wrong. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    if (!isPcapng(bytes)) {
      throw new CaptureError(0, 'not a section header block', 'a pcapng starts with 0a 0d 0d 0a');
    }
    new PcapngReader(bytes).block();
  }

  *[Symbol.iterator](): Generator<CaptureRecord, void, undefined> {
    const reader = new PcapngReader(this.bytes);
    this.interfaces = reader.all;
    while (!reader.ended) {
      const record = reader.block();
      if (record !== null) yield record;
    }
  }
}

/** One pass over a file, block by block. */
class PcapngReader {
  /** Interfaces of all sections. */
  readonly all: CaptureInterface[] = [];
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private at = 0;
  private little = false;
  /** Interfaces of this section, by their id in it. */
  private section: InterfaceState[] = [];
  private started = false;
  private firstSeconds = 0;
  private firstNanoseconds = 0;
  private seconds = 0;
  private nanoseconds = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get ended(): boolean {
    return this.at >= this.bytes.length;
  }

  /** Reads the next block; gives a record when it held a packet. Throws CaptureError. */
  block(): CaptureRecord | null {
    const start = this.at;
    const left = this.bytes.length - start;
    if (left < MIN_BLOCK_BYTES) {
      throw new CaptureError(
        start,
        `the file ends in a block, ${left} bytes of it`,
        'the shortest block has 12',
      );
    }
    const type = this.view.getUint32(start, this.little);
    if (type === SECTION_HEADER) this.byteOrder(start);
    const end = this.blockEnd(start, left);
    this.at = end + 4;
    const body = start + 8;
    switch (type) {
      case SECTION_HEADER:
        this.sectionHeader(body, end);
        return null;
      case INTERFACE_DESCRIPTION:
        this.interfaceDescription(body, end);
        return null;
      case INTERFACE_STATISTICS:
        this.interfaceStatistics(body, end);
        return null;
      case ENHANCED_PACKET:
        return this.packet(body, end, this.view.getUint32(this.need(body, end, 20), this.little));
      case OBSOLETE_PACKET:
        // The id has 16 bits here, a drop count follows; the rest lies as in the enhanced block.
        return this.packet(body, end, this.view.getUint16(this.need(body, end, 20), this.little));
      case SIMPLE_PACKET:
        return this.simplePacket(body, end);
      default:
        return null;
    }
  }

  /** Where the second total length stands; all of the body is before it and inside the file. */
  private blockEnd(start: number, left: number): number {
    const length = this.view.getUint32(start + 4, this.little);
    if (length % 4 !== 0 || length < MIN_BLOCK_BYTES) {
      throw new CaptureError(
        start + 4,
        `a block length of ${length}`,
        'a multiple of 4 from 12 up would be right',
      );
    }
    if (length > left) {
      throw new CaptureError(
        start + 4,
        `a block length of ${length}`,
        `the file ends ${left} bytes after the block starts`,
      );
    }
    const end = start + length - 4;
    const again = this.view.getUint32(end, this.little);
    if (again !== length) {
      throw new CaptureError(
        end,
        `the second length of a block is ${again}`,
        `${length}, as the first, would be right`,
      );
    }
    return end;
  }

  private need(body: number, end: number, count: number): number {
    if (end - body >= count) return body;
    throw new CaptureError(body, `a block body of ${end - body} bytes`, `this kind has at least ${count}`);
  }

  private byteOrder(start: number): void {
    const big = this.view.getUint32(start + 8, false);
    const little = this.view.getUint32(start + 8, true);
    if (big !== BYTE_ORDER_MAGIC && little !== BYTE_ORDER_MAGIC) {
      throw new CaptureError(
        start + 8,
        `a byte-order magic of ${big.toString(16)}`,
        '1a2b3c4d in either order would be right',
      );
    }
    this.little = little === BYTE_ORDER_MAGIC;
  }

  private sectionHeader(body: number, end: number): void {
    this.need(body, end, 16);
    const major = this.view.getUint16(body + 4, this.little);
    const minor = this.view.getUint16(body + 6, this.little);
    // 1.2 was written by some and means 1.0 (section 4.1).
    if (major !== 1 || (minor !== 0 && minor !== 2)) {
      throw new CaptureError(body + 4, `pcapng version ${major}.${minor}`, 'version 1.0 would be right');
    }
    this.section = [];
  }

  private interfaceDescription(body: number, end: number): void {
    this.need(body, end, 8);
    let name = '';
    let tsresol = 6;
    let offsetSeconds = 0;
    let fcsLength = 0;
    this.options(body + 8, end, (code, at, length) => {
      if (code === 2) name = new TextDecoder().decode(this.bytes.subarray(at, at + length));
      else if (code === 9 && length === 1) {
        tsresol = this.bytes[at];
        const fault = resolutionFault(tsresol);
        if (fault !== null) throw new CaptureError(at, `an if_tsresol of 0x${tsresol.toString(16)}`, fault);
      } else if (code === 13 && length === 1) fcsLength = this.bytes[at];
      else if (code === 14 && length === 8) offsetSeconds = this.signed64(at);
    });
    const ticks = new TickConverter(tsresol, offsetSeconds);
    const about: CaptureInterface = {
      id: this.all.length,
      name,
      linkType: this.view.getUint16(body, this.little),
      snapLength: this.view.getUint32(body + 4, this.little),
      resolution: ticks.text,
      fcsLength,
    };
    this.all.push(about);
    this.section.push({ about, ticks });
  }

  private interfaceStatistics(body: number, end: number): void {
    const id = this.view.getUint32(this.need(body, end, 12), this.little);
    const { about } = this.interfaceAt(id, body);
    this.options(body + 12, end, (code, at, length) => {
      if (length !== 8) return;
      if (code === 4) about.received = this.unsigned64(at);
      else if (code === 5) about.dropped = this.unsigned64(at);
    });
  }

  private packet(body: number, end: number, id: number): CaptureRecord {
    const { about, ticks } = this.interfaceAt(id, body);
    const captured = this.view.getUint32(body + 12, this.little);
    this.checkCaptured(body + 12, captured, end - body - 20, about.snapLength);
    ticks.convert(this.view.getUint32(body + 4, this.little), this.view.getUint32(body + 8, this.little));
    this.seconds = ticks.seconds;
    this.nanoseconds = ticks.nanoseconds;
    let flags = 0;
    const options = body + 20 + ((captured + 3) & ~3);
    this.options(options, end, (code, at, length) => {
      if (code === 2 && length === 4) flags = this.view.getUint32(at, this.little);
    });
    const record = this.record(about, body + 20, captured, this.view.getUint32(body + 16, this.little));
    record.direction = DIRECTIONS[flags & 3];
    const fcsLength = (flags >> 5) & 0xf || about.fcsLength;
    record.fcsLength = fcsLength <= captured ? fcsLength : 0;
    return record;
  }

  private simplePacket(body: number, end: number): CaptureRecord {
    const original = this.view.getUint32(this.need(body, end, 4), this.little);
    const { about } = this.interfaceAt(0, body);
    const captured = about.snapLength === 0 ? original : Math.min(original, about.snapLength);
    this.checkCaptured(body, captured, end - body - 4, about.snapLength);
    const record = this.record(about, body + 4, captured, original);
    record.fcsLength = about.fcsLength <= captured ? about.fcsLength : 0;
    return record;
  }

  private checkCaptured(at: number, captured: number, room: number, snapLength: number): void {
    if (captured > room) {
      throw new CaptureError(at, `a captured length of ${captured} bytes`, `the block has room for ${room}`);
    }
    if (snapLength !== 0 && captured > snapLength) {
      throw new CaptureError(
        at,
        `a captured length of ${captured} bytes`,
        `at most the snap length of its interface, ${snapLength}, would be right`,
      );
    }
  }

  private interfaceAt(id: number, at: number): InterfaceState {
    const found = this.section[id];
    if (found !== undefined) return found;
    const { length } = this.section;
    const expected =
      length === 0
        ? 'an interface description block must come first'
        : `interfaces 0 to ${length - 1} are described`;
    throw new CaptureError(at, `interface ${id} is not described in this section`, expected);
  }

  private record(about: CaptureInterface, at: number, captured: number, original: number): CaptureRecord {
    if (!this.started) {
      this.started = true;
      this.firstSeconds = this.seconds;
      this.firstNanoseconds = this.nanoseconds;
    }
    return {
      timeNs: (this.seconds - this.firstSeconds) * BILLION + (this.nanoseconds - this.firstNanoseconds),
      seconds: this.seconds,
      nanoseconds: this.nanoseconds,
      capturedLength: captured,
      originalLength: original,
      interfaceId: about.id,
      linkType: about.linkType,
      direction: 'unknown',
      fcsLength: 0,
      data: this.bytes.subarray(at, at + captured),
    };
  }

  private options(at: number, end: number, visit: OptionVisitor): void {
    forEachOption(this.view, at, end, this.little, visit);
  }

  private unsigned64(at: number): number {
    const low = this.view.getUint32(this.little ? at : at + 4, this.little);
    return this.view.getUint32(this.little ? at + 4 : at, this.little) * TWO_32 + low;
  }

  private signed64(at: number): number {
    const low = this.view.getUint32(this.little ? at : at + 4, this.little);
    return this.view.getInt32(this.little ? at + 4 : at, this.little) * TWO_32 + low;
  }
}
