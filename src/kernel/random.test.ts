import { expect, test } from 'vitest';
import { Random } from './random.ts';

// Computed by a separate program from the published definition of sfc32 (a += b + counter; b ^= b >>> 9; c += c << 3;
// c = rotl(c, 21) + output) with the seeding that random.ts documents: fifteen rounds are thrown away.
const VECTORS: [number, string, number[]][] = [
  [0, '', [0x96cd9377, 0x4d4ececf, 0x9b314d50, 0xae13bdba]],
  [1, '', [0x86677158, 0xfb0effd9, 0xe8a448e1, 0xdc72dbcd]],
  [7, 'wire', [0x50e35c70, 0x9c16b4cc, 0x3493ea0a, 0x097c92db]],
  [2 ** 32 + 5, 'lab/loss', [0xc22c7c7e, 0x8ac40b15, 0x22a58f6f, 0x9905b06c]],
  [2 ** 53 - 1, 'x', [0x2be38b1a, 0x76f4ff89, 0xe99eeda6, 0x901c33c0]],
];

for (const [seed, stream, numbers] of VECTORS) {
  test(`seed ${seed}, stream "${stream}" gives the numbers of sfc32`, () => {
    const random = new Random(seed, stream);
    expect(numbers.map(() => random.next32())).toEqual(numbers);
  });
}

test('streams of one seed differ, and drawing from one does not shift another', () => {
  const a = new Random(1, 'a');
  const b = new Random(1, 'b');
  const alone = new Random(1, 'b').next32();
  for (let i = 0; i < 10; i++) a.next32();
  expect(b.next32()).toBe(alone);
  expect(new Random(1, 'a').next32()).not.toBe(alone);
});

test('fractions, limits and probabilities keep what they promise', () => {
  const random = new Random(3);
  let hits = 0;
  let sum = 0;
  let squares = 0;
  const n = 20_000;
  for (let i = 0; i < n; i++) {
    const f = random.float();
    expect(f >= 0 && f < 1).toBe(true);
    expect(random.below(6)).toBeLessThan(6);
    if (random.chance(0.25)) hits++;
    const x = random.normal();
    sum += x;
    squares += x * x;
  }
  expect(hits / n).toBeCloseTo(0.25, 1);
  expect(sum / n).toBeCloseTo(0, 1);
  expect(squares / n).toBeCloseTo(1, 1);
  expect(random.chance(0)).toBe(false);
  expect(random.chance(1)).toBe(true);
});
