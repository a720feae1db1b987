// Writes pcapng files, after draft-ietf-opsawg-pcapng: one section, interfaces with nanosecond timestamps, enhanced
// packet blocks that say which way a packet went, statistics. A fragment that is cut off by a crash can still be read.
//
//   epb_flags   31        24                 8   5 4   2 1   0
//              +------------+--------------+-----+-----+-----+
//              | link errors| reserved     | FCS | how | dir |   dir: 1 inbound, 2 outbound
//              +------------+--------------+-----+-----+-----+   FCS: its length in bytes

import type { Frame } from '../wire/frame.ts';
import { FRAME_START } from '../wire/frame.ts';
import { ByteChunk } from './byte-chunk.ts';
import { type ByteSink, type CaptureDirection, LINKTYPE_ETHERNET } from './capture.ts';
import { nanosecondsHigh, nanosecondsLow } from './timestamp.ts';

const OPT_END = 0;
const SHB_USERAPPL = 4;
const IF_NAME = 2;
const IF_TSRESOL = 9;
const EPB_FLAGS = 2;
const ISB_IFRECV = 4;
const ISB_IFDROP = 5;
const TWO_32 = 0x100000000;

const DIRECTION_BITS: Readonly<Record<CaptureDirection, number>> = { unknown: 0, inbound: 1, outbound: 2 };
/** An FCS of 4 bytes follows the packet's data. */
const FLAG_FCS_4 = 0x80;
/** The FCS is not the one of the bytes. */
const FLAG_CRC_ERROR = 0x01000000;

export interface PcapngWriterOptions {
  byteOrder?: 'little' | 'big';
  /** Name of the program, for the section header. */
  application?: string;
}

export interface NewInterface {
  name: string;
  linkType?: number;
  /** Longer packets are cut; 0 or not given: no limit. */
  snapLength?: number;
}

/** Writes a pcapng file; call `flush` at the end. */
export class PcapngWriter {
  packets = 0;
  private readonly chunk: ByteChunk;
  private readonly snapLengths: number[] = [];
  private readonly text = new TextEncoder();
  /** The four bytes of an explicit FCS on their way into the chunk. */
  private readonly fcs: Uint8Array = new Uint8Array(4);

  constructor(sink: ByteSink, options: PcapngWriterOptions = {}) {
    this.chunk = new ByteChunk(sink, (options.byteOrder ?? 'little') === 'little');
    const application = this.text.encode(options.application ?? 'softnet');
    const { chunk } = this;
    const length = 28 + this.optionBytes(application.length) + 4;
    chunk.u32(0x0a0d0d0a);
    chunk.u32(length);
    chunk.u32(0x1a2b3c4d);
    chunk.u16(1);
    chunk.u16(0);
    // Section length: not known while it is being written.
    chunk.u32(0xffffffff);
    chunk.u32(0xffffffff);
    this.option(SHB_USERAPPL, application);
    this.end(length);
  }

  /** Describes an interface; returns its id for the packets. */
  addInterface(options: NewInterface): number {
    const { chunk } = this;
    const name = this.text.encode(options.name);
    const snapLength = options.snapLength ?? 0;
    const length = 20 + this.optionBytes(name.length) + this.optionBytes(1) + 4;
    chunk.u32(1);
    chunk.u32(length);
    chunk.u16(options.linkType ?? LINKTYPE_ETHERNET);
    chunk.u16(0);
    chunk.u32(snapLength);
    this.option(IF_NAME, name);
    this.option(IF_TSRESOL, Uint8Array.of(9));
    this.end(length);
    return this.snapLengths.push(snapLength) - 1;
  }

  /** Writes a packet. Borrows `data` for the call. */
  packet(
    interfaceId: number,
    seconds: number,
    nanoseconds: number,
    data: Uint8Array,
    direction: CaptureDirection = 'unknown',
    originalLength: number = data.length,
  ): void {
    const captured = this.cut(interfaceId, data.length);
    const flags = DIRECTION_BITS[direction];
    const length = this.begin(interfaceId, seconds, nanoseconds, captured, originalLength, flags);
    this.chunk.bytes(data, captured);
    this.finish(captured, flags, length);
  }

  /** Writes a frame of the wire, with its FCS when that is an explicit one, marked when it is wrong. Borrows it for the call. */
  frame(
    interfaceId: number,
    seconds: number,
    nanoseconds: number,
    frame: Frame,
    direction: CaptureDirection,
  ): void {
    const kept = this.cut(interfaceId, frame.length);
    const withFcs =
      frame.fcsExplicit && kept === frame.length && this.cut(interfaceId, kept + 4) === kept + 4;
    const extra = withFcs ? 4 : 0;
    const flags =
      DIRECTION_BITS[direction] | (withFcs ? FLAG_FCS_4 : 0) | (frame.damaged ? FLAG_CRC_ERROR : 0);
    const length = this.begin(interfaceId, seconds, nanoseconds, kept + extra, frame.length + extra, flags);
    this.chunk.copy(frame, FRAME_START, kept);
    if (withFcs) {
      const { fcs } = this;
      for (let i = 0; i < 4; i++) fcs[i] = frame.fcs >>> (8 * i);
      this.chunk.bytes(fcs, 4);
    }
    this.finish(kept + extra, flags, length);
  }

  /** Says how many packets the interface took and how many did not get into the file. */
  statistics(
    interfaceId: number,
    seconds: number,
    nanoseconds: number,
    received: number,
    dropped: number,
  ): void {
    this.known(interfaceId);
    const { chunk } = this;
    const length = 24 + 2 * this.optionBytes(8) + 4;
    chunk.u32(5);
    chunk.u32(length);
    chunk.u32(interfaceId);
    chunk.u32(nanosecondsHigh(seconds, nanoseconds));
    chunk.u32(nanosecondsLow(seconds, nanoseconds));
    this.count(ISB_IFRECV, received);
    this.count(ISB_IFDROP, dropped);
    this.end(length);
  }

  /** Hands all bytes so far to the sink. */
  flush(): void {
    this.chunk.flush();
  }

  private known(interfaceId: number): number {
    const snapLength = this.snapLengths[interfaceId];
    if (snapLength === undefined)
      throw new RangeError(`interface ${interfaceId} was not added to the capture`);
    return snapLength;
  }

  private cut(interfaceId: number, length: number): number {
    const snapLength = this.known(interfaceId);
    return snapLength !== 0 && length > snapLength ? snapLength : length;
  }

  /** Writes an enhanced packet block up to the data; returns the block's length. */
  private begin(
    interfaceId: number,
    seconds: number,
    nanoseconds: number,
    captured: number,
    originalLength: number,
    flags: number,
  ): number {
    const { chunk } = this;
    const length = 32 + ((captured + 3) & ~3) + (flags === 0 ? 0 : 12);
    chunk.u32(6);
    chunk.u32(length);
    chunk.u32(interfaceId);
    chunk.u32(nanosecondsHigh(seconds, nanoseconds));
    chunk.u32(nanosecondsLow(seconds, nanoseconds));
    chunk.u32(captured);
    chunk.u32(originalLength);
    return length;
  }

  private finish(captured: number, flags: number, length: number): void {
    const { chunk } = this;
    chunk.zeros(-captured & 3);
    if (flags !== 0) {
      chunk.u16(EPB_FLAGS);
      chunk.u16(4);
      chunk.u32(flags);
      chunk.u32(OPT_END);
    }
    chunk.u32(length);
    this.packets++;
  }

  private optionBytes(length: number): number {
    return 4 + ((length + 3) & ~3);
  }

  private option(code: number, value: Uint8Array): void {
    this.chunk.u16(code);
    this.chunk.u16(value.length);
    this.chunk.bytes(value, value.length);
    this.chunk.zeros(-value.length & 3);
  }

  /** A 64-bit count, most significant word where the byte order has it. */
  private count(code: number, value: number): void {
    this.chunk.u16(code);
    this.chunk.u16(8);
    this.chunk.u64(Math.floor(value / TWO_32), value % TWO_32);
  }

  private end(length: number): void {
    this.chunk.u32(OPT_END);
    this.chunk.u32(length);
  }
}
