// The buffer between a capture writer and its sink: records are put together in one chunk of memory that is handed on
// when it is full. Nothing is allocated per record, one view per chunk.
//
// The chunk starts at byte 2 of its memory. Blocks of pcapng are multiples of four, so packet data then lies as a
// frame's bytes do (wire/frame.ts) and is copied word by word.

import { asBytes, type Bytes, copyBytes } from '../kernel/copy.ts';
import type { ByteSink } from './capture.ts';

const START = 2;
/** 64 KiB: some forty full frames a system call, and it stays in the cache. */
const CHUNK_BYTES = 0x10000;
/** How this machine lays out the words of a Uint32Array. */
const LITTLE_ENDIAN_HOST = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

export class ByteChunk {
  private readonly sink: ByteSink;
  private readonly little: boolean;
  private readonly memory: Bytes;
  private readonly view: DataView;
  private at = START;

  constructor(sink: ByteSink, littleEndian: boolean) {
    this.sink = sink;
    this.little = littleEndian;
    const u8 = new Uint8Array(CHUNK_BYTES);
    this.memory = asBytes(u8.buffer);
    this.view = new DataView(u8.buffer);
  }

  /** Hands on what is there. */
  flush(): void {
    if (this.at === START) return;
    const bytes = this.memory.u8.subarray(START, this.at);
    this.at = START;
    this.sink.write(bytes);
  }

  u16(value: number): void {
    if (this.at + 2 > CHUNK_BYTES) this.flush();
    this.view.setUint16(this.at, value, this.little);
    this.at += 2;
  }

  u32(value: number): void {
    if (this.at + 4 > CHUNK_BYTES) this.flush();
    this.view.setUint32(this.at, value, this.little);
    this.at += 4;
  }

  /** A 64-bit number given as two words; the byte order says which comes first. */
  u64(high: number, low: number): void {
    this.u32(this.little ? low : high);
    this.u32(this.little ? high : low);
  }

  /** `count` bytes of zero; few. */
  zeros(count: number): void {
    if (this.at + count > CHUNK_BYTES) this.flush();
    for (let i = 0; i < count; i++) this.memory.u8[this.at++] = 0;
  }

  /** The first `length` bytes of an array. */
  bytes(data: Uint8Array, length: number): void {
    if (this.at + length > CHUNK_BYTES) this.flush();
    if (length > CHUNK_BYTES - START) {
      this.sink.write(data.subarray(0, length));
      return;
    }
    this.memory.u8.set(length === data.length ? data : data.subarray(0, length), this.at);
    this.at += length;
  }

  /** `length` bytes from somewhere in a block of memory, without making a view. At most a chunk. */
  copy(from: Bytes, fromAt: number, length: number): void {
    if (this.at + length > CHUNK_BYTES) this.flush();
    if (((fromAt ^ this.at) & 3) === 0) copyBytes(from, fromAt, this.memory, this.at, length);
    else this.copyShifted(from, fromAt, length);
    this.at += length;
  }

  /** Records of pcap are not padded: words of the source go to addresses that are no multiple of four. */
  private copyShifted(from: Bytes, fromAt: number, length: number): void {
    const { view, at } = this;
    const { u8, u32 } = from;
    const head = Math.min(-fromAt & 3, length);
    const words = (length - head) >> 2;
    const source = (fromAt + head) >> 2;
    for (let i = 0; i < head; i++) view.setUint8(at + i, u8[fromAt + i]);
    const to = at + head;
    for (let i = 0; i < words; i++) view.setUint32(to + 4 * i, u32[source + i], LITTLE_ENDIAN_HOST);
    for (let i = head + 4 * words; i < length; i++) view.setUint8(at + i, u8[fromAt + i]);
  }
}
