// CRC-32 of IEEE 802.3 (clause 3.2.9), the frame check sequence: reflected polynomial 0xedb88320, preset and final
// inversion of all ones. Slicing by eight: eight table look-ups for two words instead of eight dependent ones.

/** table[256 * k + b]: what byte b does to the CRC when k more bytes follow it. */
const table = new Uint32Array(8 * 256);
for (let b = 0; b < 256; b++) {
  let crc = b;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  table[b] = crc;
}
for (let i = 256; i < table.length; i++) table[i] = (table[i - 256] >>> 8) ^ table[table[i - 256] & 0xff];

/**
 * CRC of `length` bytes from `start`, as an unsigned number whose low byte goes first on the wire. The empty CRC is 0.
 * `crc` continues an earlier one.
 */
export function crc32(u8: Uint8Array, start: number, length: number, crc = 0): number {
  let c = ~crc;
  let i = start;
  const end = start + length;
  for (const last = end - 8; i <= last; i += 8) {
    c ^= u8[i] | (u8[i + 1] << 8) | (u8[i + 2] << 16) | (u8[i + 3] << 24);
    c =
      table[1792 + (c & 0xff)] ^
      table[1536 + ((c >>> 8) & 0xff)] ^
      table[1280 + ((c >>> 16) & 0xff)] ^
      table[1024 + (c >>> 24)] ^
      table[768 + u8[i + 4]] ^
      table[512 + u8[i + 5]] ^
      table[256 + u8[i + 6]] ^
      table[u8[i + 7]];
  }
  for (; i < end; i++) c = (c >>> 8) ^ table[(c ^ u8[i]) & 0xff];
  return ~c >>> 0;
}
