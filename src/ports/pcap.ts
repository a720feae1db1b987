// Classic pcap files, read and written, after draft-ietf-opsawg-pcap: both byte orders, micro- and nanoseconds.
//
//   file header, 24 bytes                              record header, 16 bytes, then the packet, not padded
//   0   magic a1b2c3d4 (us) or a1b23c4d (ns)           0   seconds since 1970
//   4   major 2 | minor 4, 16 bits each                4   micro- or nanoseconds
//   8   reserved, twice                                8   captured length
//   16  snap length                                    12  original length
//   20  FCS len (4 bits) R P | reserved | link type (16 bits): with P set, FCS len counts 16-bit words of FCS
//
// Left out: versions before 2.4 and the "modified" formats with longer record headers.

import type { Frame } from '../wire/frame.ts';
import { FRAME_START } from '../wire/frame.ts';
import { ByteChunk } from './byte-chunk.ts';
import {
  type ByteSink,
  type Capture,
  CaptureError,
  type CaptureInterface,
  type CaptureRecord,
  LINKTYPE_ETHERNET,
} from './capture.ts';

const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
/** P bit of the link type word: the FCS length is given. */
const FCS_PRESENT = 0x04000000;
/** What tcpdump writes for "all of the packet". */
const DEFAULT_SNAP_LENGTH = 262_144;
const BILLION = 1_000_000_000;

function magicAt(bytes: Uint8Array, littleEndian: boolean): number {
  if (bytes.length < 4) return 0;
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, littleEndian);
}

export function isPcap(bytes: Uint8Array): boolean {
  const big = magicAt(bytes, false);
  const little = magicAt(bytes, true);
  return [big, little].some((magic) => magic === MAGIC_MICROSECONDS || magic === MAGIC_NANOSECONDS);
}

/** A pcap file in memory; keeps `bytes` and gives views of them. */
export class PcapCapture implements Capture {
  readonly format = 'pcap';
  readonly interfaces: readonly CaptureInterface[];
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly little: boolean;
  private readonly nanoseconds: boolean;

  /** Throws CaptureError when the file header is wrong. */
  constructor(bytes: Uint8Array) {
    if (!isPcap(bytes)) throw new CaptureError(0, 'not a pcap magic', 'a1b2c3d4 or a1b23c4d would be right');
    if (bytes.length < FILE_HEADER_BYTES) {
      throw new CaptureError(
        bytes.length,
        'the file ends in its header',
        `${FILE_HEADER_BYTES} bytes would be right`,
      );
    }
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const big = this.view.getUint32(0, false);
    this.little = big !== MAGIC_MICROSECONDS && big !== MAGIC_NANOSECONDS;
    this.nanoseconds = this.view.getUint32(0, this.little) === MAGIC_NANOSECONDS;
    const major = this.view.getUint16(4, this.little);
    const minor = this.view.getUint16(6, this.little);
    if (major !== 2 || minor !== 4) {
      throw new CaptureError(4, `pcap version ${major}.${minor}`, 'version 2.4 would be right');
    }
    const link = this.view.getUint32(20, this.little);
    this.interfaces = [
      {
        id: 0,
        name: '',
        linkType: link & 0xffff,
        snapLength: this.view.getUint32(16, this.little),
        resolution: this.nanoseconds ? '1e-9 s' : '1e-6 s',
        fcsLength: (link & FCS_PRESENT) !== 0 ? (link >>> 28) * 2 : 0,
      },
    ];
  }

  *[Symbol.iterator](): Generator<CaptureRecord, void, undefined> {
    const { bytes, view, little } = this;
    const { linkType, snapLength, fcsLength } = this.interfaces[0];
    let first = true;
    let firstSeconds = 0;
    let firstNanoseconds = 0;
    for (let at = FILE_HEADER_BYTES; at < bytes.length; ) {
      const capturedLength = this.checkedLength(at, snapLength);
      const fraction = view.getUint32(at + 4, little) * (this.nanoseconds ? 1 : 1000);
      // A fraction of a second or more is a fault of the writer that leaves no doubt: it is carried.
      const seconds = view.getUint32(at, little) + Math.floor(fraction / BILLION);
      const nanoseconds = fraction % BILLION;
      if (first) {
        first = false;
        firstSeconds = seconds;
        firstNanoseconds = nanoseconds;
      }
      const dataAt = at + RECORD_HEADER_BYTES;
      yield {
        timeNs: (seconds - firstSeconds) * BILLION + (nanoseconds - firstNanoseconds),
        seconds,
        nanoseconds,
        capturedLength,
        originalLength: view.getUint32(at + 12, little),
        interfaceId: 0,
        linkType,
        direction: 'unknown',
        fcsLength: fcsLength <= capturedLength ? fcsLength : 0,
        data: bytes.subarray(dataAt, dataAt + capturedLength),
      };
      at = dataAt + capturedLength;
    }
  }

  private checkedLength(at: number, snapLength: number): number {
    const left = this.bytes.length - at;
    if (left < RECORD_HEADER_BYTES) {
      throw new CaptureError(at, `the file ends in a record header, ${left} bytes of it`, 'it has 16');
    }
    const length = this.view.getUint32(at + 8, this.little);
    if (snapLength !== 0 && length > snapLength) {
      throw new CaptureError(
        at + 8,
        `a captured length of ${length} bytes`,
        `at most the snap length, ${snapLength}, would be right`,
      );
    }
    if (length > left - RECORD_HEADER_BYTES) {
      throw new CaptureError(
        at + 8,
        `a captured length of ${length} bytes`,
        `the file ends after ${left - RECORD_HEADER_BYTES} more`,
      );
    }
    return length;
  }
}

export interface PcapWriterOptions {
  byteOrder?: 'little' | 'big';
  resolution?: 'us' | 'ns';
  /** Longer packets are cut; 262144 when not given. */
  snapLength?: number;
  linkType?: number;
}

/** Writes a pcap file; call `flush` at the end. */
export class PcapWriter {
  packets = 0;
  private readonly chunk: ByteChunk;
  private readonly nanoseconds: boolean;
  private readonly snapLength: number;

  constructor(sink: ByteSink, options: PcapWriterOptions = {}) {
    const { byteOrder = 'little', resolution = 'ns', linkType = LINKTYPE_ETHERNET } = options;
    this.snapLength = options.snapLength ?? DEFAULT_SNAP_LENGTH;
    this.nanoseconds = resolution === 'ns';
    this.chunk = new ByteChunk(sink, byteOrder === 'little');
    const { chunk } = this;
    chunk.u32(this.nanoseconds ? MAGIC_NANOSECONDS : MAGIC_MICROSECONDS);
    chunk.u16(2);
    chunk.u16(4);
    chunk.u32(0);
    chunk.u32(0);
    chunk.u32(this.snapLength);
    chunk.u32(linkType);
  }

  /** Writes a packet; `originalLength` is what it had on the wire. Borrows `data` for the call. */
  packet(seconds: number, nanoseconds: number, data: Uint8Array, originalLength = data.length): void {
    this.chunk.bytes(data, this.header(seconds, nanoseconds, data.length, originalLength));
  }

  /** Writes a frame of the wire; borrows it for the call. */
  frame(seconds: number, nanoseconds: number, frame: Frame): void {
    this.chunk.copy(frame, FRAME_START, this.header(seconds, nanoseconds, frame.length, frame.length));
  }

  /** Hands all bytes so far to the sink. */
  flush(): void {
    this.chunk.flush();
  }

  private header(seconds: number, nanoseconds: number, length: number, originalLength: number): number {
    const { chunk, snapLength } = this;
    const captured = snapLength !== 0 && length > snapLength ? snapLength : length;
    chunk.u32(seconds);
    chunk.u32(this.nanoseconds ? nanoseconds : Math.floor(nanoseconds / 1000));
    chunk.u32(captured);
    chunk.u32(originalLength);
    this.packets++;
    return captured;
  }
}
