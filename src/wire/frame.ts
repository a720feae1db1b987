// A frame on the wire, and the pool it comes from. Frames are objects with permanent storage that are passed along by
// reference and given back, never copied between links and never garbage.
//
//   byte   0   2            8            14                                  2 + length
//          +---+------------+------------+--------------------------------------+
//          |pad| dst 6      | src 6      | type/length, payload ...             |   FCS: see `fcs`
//          +---+------------+------------+--------------------------------------+
//
// The 2 bytes of pad put what follows the 14-byte Ethernet header on a word boundary, as NET_IP_ALIGN does in a
// driver's receive buffers: both sides of the copy in and out of a machine's memory are then congruent.
//
// The FCS is not stored behind the bytes. A good one is implied and computed only by who needs its four bytes; a frame
// that was damaged, or was sent with an FCS of the sender's own, carries it in `fcs`.

import { type Bytes, ViewCache } from '../kernel/copy.ts';
import { crc32Words } from './crc32.ts';

/** Where the destination address starts in `u8`. */
export const FRAME_START = 2;
/** Longest ordinary frame a pool slot holds; longer ones (jumbo) come from slots of MAX_FRAME_BYTES. */
const SLOT_BYTES = 2048 - FRAME_START;
/** Longest frame at all: a 9000-byte MTU with room to spare. Longer ones are refused by whoever makes frames. */
export const MAX_FRAME_BYTES = 16384 - FRAME_START;

export class Frame implements Bytes {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly views: ViewCache;
  /** Bytes it can hold, without FCS. */
  readonly capacity: number;
  /** Bytes of the frame without FCS. */
  length = 0;
  /** True: `fcs` is what is on the wire, good or bad. False: it is the right one for the bytes. */
  fcsExplicit = false;
  /** FCS as a number whose low byte goes first on the wire; valid when fcsExplicit. */
  fcs = 0;
  private rightFcs = 0;
  private rightFcsKnown = false;
  /** For queues of whoever holds the frame. */
  next: Frame | null = null;
  /** Time in ns it was sent or is due, for whoever holds it. */
  time = 0;
  /** In the pool. */
  free = false;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.u8 = new Uint8Array(capacity + FRAME_START);
    this.u16 = new Uint16Array(this.u8.buffer);
    this.u32 = new Uint32Array(this.u8.buffer, 0, this.u8.length >> 2);
    this.views = new ViewCache(this.u8, 1);
  }

  /** The right FCS for the bytes as an int32; computed at most once a frame. */
  goodFcs(): number {
    if (!this.rightFcsKnown) this.setGoodFcs(crc32Words(this, FRAME_START, this.length));
    return this.rightFcs;
  }

  /** Says what the right FCS is, by who has computed it: a sender's MAC, for one. */
  setGoodFcs(fcs: number): void {
    this.rightFcs = fcs;
    this.rightFcsKnown = true;
  }

  /** To be called by who changes bytes of a frame that others have seen. */
  bytesChanged(): void {
    this.rightFcsKnown = false;
  }

  /** Takes over another frame's FCS, and what is known of it. */
  copyFcs(from: Frame): void {
    this.fcsExplicit = from.fcsExplicit;
    this.fcs = from.fcs;
    this.rightFcs = from.rightFcs;
    this.rightFcsKnown = from.rightFcsKnown;
  }

  /** Its FCS is wrong. */
  get damaged(): boolean {
    return this.fcsExplicit && (this.fcs | 0) !== this.goodFcs();
  }

  /** A view of the bytes for people, tests and files; allocates. */
  bytes(): Uint8Array {
    return this.u8.subarray(FRAME_START, FRAME_START + this.length);
  }
}

/** Frames of one lab. Grows on demand, so that a long wire is never a reason to lose a frame; never shrinks. */
export class FramePool {
  private small: Frame | null = null;
  private large: Frame | null = null;
  /** Frames taken and not given back. */
  inUse = 0;

  /** Gives a frame with room for `length` bytes; throws above MAX_FRAME_BYTES. */
  get(length: number): Frame {
    this.inUse++;
    const big = length > SLOT_BYTES;
    if (length > MAX_FRAME_BYTES)
      throw new RangeError(`a frame of ${length} bytes: at most ${MAX_FRAME_BYTES}`);
    const frame = big ? this.large : this.small;
    if (frame === null) {
      const made = new Frame(big ? MAX_FRAME_BYTES : SLOT_BYTES);
      made.length = length;
      return made;
    }
    if (big) this.large = frame.next;
    else this.small = frame.next;
    frame.next = null;
    frame.free = false;
    frame.fcsExplicit = false;
    frame.bytesChanged();
    frame.length = length;
    return frame;
  }

  /** Takes a frame back. Throws when it is given back twice. */
  put(frame: Frame): void {
    if (frame.free) throw new Error('a frame was given back to its pool twice');
    frame.free = true;
    this.inUse--;
    if (frame.capacity > SLOT_BYTES) {
      frame.next = this.large;
      this.large = frame;
    } else {
      frame.next = this.small;
      this.small = frame;
    }
  }

  /** A frame with these bytes. */
  from(bytes: Uint8Array): Frame {
    const frame = this.get(bytes.length);
    frame.u8.set(bytes, FRAME_START);
    return frame;
  }

  /** A second frame with the same bytes and FCS. */
  copy(frame: Frame): Frame {
    const twin = this.get(frame.length);
    twin.u8.set(frame.u8.subarray(0, FRAME_START + frame.length));
    twin.copyFcs(frame);
    return twin;
  }
}
