// Copying packet bytes without allocating. TypedArray.set is the fastest way for long ranges, but wants a view of the
// source, and a view a packet is garbage. So short copies go word by word, and long ones use views that are kept: a
// buffer is copied from at the same place and length again and again.

/** A block of bytes seen at three widths: PhysicalMemory and wire frames both are. */
export interface Bytes {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly views: ViewCache;
}

/** A buffer of its own as Bytes. */
export function asBytes(buffer: ArrayBuffer): Bytes {
  const u8 = new Uint8Array(buffer);
  return {
    u8,
    u16: new Uint16Array(buffer, 0, buffer.byteLength >> 1),
    u32: new Uint32Array(buffer, 0, buffer.byteLength >> 2),
    views: new ViewCache(u8, 1),
  };
}

/** Up to here words are faster than a call to `set`: measured, 96 to 128 bytes. */
const WORDS_UP_TO = 96;

/** Views of ranges that are asked for more than once in a row. */
export class ViewCache {
  private readonly u8: Uint8Array;
  private readonly mask: number;
  private readonly starts: Int32Array;
  private readonly lengths: Int32Array;
  private readonly views: (Uint8Array | null)[];

  /** `slots`: a power of two, one for each 64 bytes of buffers that are in use at one time. */
  constructor(u8: Uint8Array, slots: number) {
    this.u8 = u8;
    this.mask = slots - 1;
    this.starts = new Int32Array(slots).fill(-1);
    this.lengths = new Int32Array(slots);
    this.views = new Array<Uint8Array | null>(slots).fill(null);
  }

  /** The range as a view, or null when it was not what was asked for last time: then a view is not worth its making. */
  get(start: number, length: number): Uint8Array | null {
    const slot = (start >>> 6) & this.mask;
    if (this.starts[slot] !== start || this.lengths[slot] !== length) {
      this.starts[slot] = start;
      this.lengths[slot] = length;
      this.views[slot] = null;
      return null;
    }
    const view = this.views[slot];
    if (view !== null) return view;
    const made = this.u8.subarray(start, start + length);
    this.views[slot] = made;
    return made;
  }
}

/** Copies `length` bytes; the ranges must lie inside. They must not overlap. */
export function copyBytes(from: Bytes, fromAt: number, to: Bytes, toAt: number, length: number): void {
  if (length > WORDS_UP_TO) {
    if (from.u8 === to.u8) {
      to.u8.copyWithin(toAt, fromAt, fromAt + length);
      return;
    }
    const view = from.views.get(fromAt, length);
    if (view !== null) {
      to.u8.set(view, toAt);
      return;
    }
  }
  copyWords(from, fromAt, to, toAt, length);
}

/** Both sides at the same place within a word, as packets here are: half a word, words, half a word, a byte. */
function copyWords(from: Bytes, fromAt: number, to: Bytes, toAt: number, length: number): void {
  let f = fromAt;
  let t = toAt;
  let left = length;
  if (((f ^ t) & 3) === 0 && (f & 1) === 0) {
    if ((f & 2) !== 0 && left >= 2) {
      to.u16[t >> 1] = from.u16[f >> 1];
      f += 2;
      t += 2;
      left -= 2;
    }
    const source = from.u32;
    const target = to.u32;
    let s = f >> 2;
    let d = t >> 2;
    const end = s + (left >> 2);
    for (const last = end - 4; s <= last; s += 4, d += 4) {
      target[d] = source[s];
      target[d + 1] = source[s + 1];
      target[d + 2] = source[s + 2];
      target[d + 3] = source[s + 3];
    }
    for (; s < end; s++, d++) target[d] = source[s];
    const words = left & ~3;
    f += words;
    t += words;
    left -= words;
    if (left >= 2) {
      to.u16[t >> 1] = from.u16[f >> 1];
      f += 2;
      t += 2;
      left -= 2;
    }
  }
  for (let i = 0; i < left; i++) to.u8[t + i] = from.u8[f + i];
}
