import fc from 'fast-check';
import { expect, test } from 'vitest';
import { asBytes, type Bytes, copyBytes } from './copy.ts';

function block(length: number, seed: number): Bytes {
  return asBytes(Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 0xff).buffer);
}

test('copies exactly the bytes asked for, whatever the alignment of both sides', () => {
  fc.assert(
    fc.property(fc.nat(70), fc.nat(70), fc.nat(180), (fromAt, toAt, length) => {
      const from = block(256, 1);
      const to = block(256, 77);
      const oracle = to.u8.slice();
      oracle.set(from.u8.subarray(fromAt, fromAt + length), toAt);
      // Three times, since a range that is asked for again may be copied in another way.
      for (let i = 0; i < 3; i++) {
        to.u8.fill(77, toAt, toAt + length);
        copyBytes(from, fromAt, to, toAt, length);
        expect(to.u8).toEqual(oracle);
      }
    }),
  );
});

test('reaches the last byte of a block whose length is no multiple of four', () => {
  const from = block(63, 5);
  const to = block(63, 9);
  copyBytes(from, 0, to, 0, 63);
  expect(to.u8).toEqual(from.u8);
});

test('copies within one block, long and short', () => {
  for (const length of [20, 90, 97, 120]) {
    const one = block(256, 3);
    const oracle = one.u8.slice();
    oracle.copyWithin(130, 1, 1 + length);
    copyBytes(one, 1, one, 130, length);
    expect(one.u8).toEqual(oracle);
  }
});
