// Copying packet bytes without allocating. TypedArray.set needs a view a packet (about 100 bytes of garbage and 50 ns),
// so short and congruent copies go word by word. Both sides are plain typed arrays over the same or other buffers.

/** A block of bytes seen at two widths: PhysicalMemory and wire frames both are. */
export interface Bytes {
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
}

/** Copies `length` bytes; the ranges must lie inside and must not overlap (use copyWithin for that). */
export function copyBytes(from: Bytes, fromAt: number, to: Bytes, toAt: number, length: number): void {
  let i = 0;
  if (((fromAt ^ toAt) & 3) === 0) {
    const head = -toAt & 3;
    const lead = head < length ? head : length;
    for (; i < lead; i++) to.u8[toAt + i] = from.u8[fromAt + i];
    const source = from.u32;
    const target = to.u32;
    const words = (length - i) >> 2;
    const s = (fromAt + i) >> 2;
    const t = (toAt + i) >> 2;
    for (let w = 0; w < words; w++) target[t + w] = source[s + w];
    i += words << 2;
  }
  for (; i < length; i++) to.u8[toAt + i] = from.u8[fromAt + i];
}
