import { expect, test } from 'vitest';
import { crc32, crc32Words } from './crc32.ts';

const text = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0));

test('the check value of CRC-32 is 0xcbf43926', () => {
  expect(crc32(text('123456789'), 0, 9)).toBe(0xcbf43926);
});

test('well-known sums', () => {
  expect(crc32(text(''), 0, 0)).toBe(0);
  expect(crc32(text('a'), 0, 1)).toBe(0xe8b7be43);
  expect(crc32(text('The quick brown fox jumps over the lazy dog'), 0, 43)).toBe(0x414fa339);
});

test('a sum can be continued', () => {
  const bytes = text('The quick brown fox jumps over the lazy dog');
  expect(crc32(bytes, 20, 23, crc32(bytes, 0, 20))).toBe(0x414fa339);
});

test('a frame followed by its FCS always leaves the same residue', () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, i) => (i * 31) & 0xff);
  const fcs = crc32(bytes, 0, 96);
  for (let i = 0; i < 4; i++) bytes[96 + i] = fcs >>> (8 * i);
  expect(crc32(bytes, 0, 100)).toBe(0x2144df1c);
});

test('word by word gives the same at every start and length', () => {
  const u8 = Uint8Array.from({ length: 128 }, (_, i) => (i * i * 13 + 5) & 0xff);
  const bytes = { u8, u32: new Uint32Array(u8.buffer) };
  for (let start = 0; start < 9; start++) {
    for (let length = 0; length < 70; length++) {
      expect(crc32Words(bytes, start, length) >>> 0, `${start}+${length}`).toBe(crc32(u8, start, length));
    }
  }
});
