import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PhysicalMemory } from './memory.ts';

test('allocations are zeroed, aligned, apart from each other, and never at address 0', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.nat(9)), { maxLength: 40 }),
      (requests) => {
        const memory = new PhysicalMemory(1 << 20);
        const blocks: [number, number][] = [];
        for (const [size, power] of requests) {
          const at = memory.alloc(size, 1 << power);
          expect(at % (1 << power)).toBe(0);
          expect(at).toBeGreaterThanOrEqual(4096);
          expect(memory.u8.subarray(at, at + size).every((byte) => byte === 0)).toBe(true);
          for (const [other, length] of blocks) expect(at + size <= other || other + length <= at).toBe(true);
          blocks.push([at, size]);
          memory.u8.fill(0xaa, at, at + size);
        }
        expect(memory.blocks).toBe(requests.length);
        for (const [at] of blocks) memory.free(at);
        expect(memory.blocks).toBe(0);
      },
    ),
  );
});

test('a freed block of the same size is used again, zeroed, if its alignment is good enough', () => {
  const memory = new PhysicalMemory(1 << 16);
  memory.alloc(16);
  const first = memory.alloc(100, 16);
  memory.u8[first] = 1;
  memory.free(first);
  expect(memory.alloc(100, 4096)).not.toBe(first);
  const again = memory.alloc(100, 16);
  expect(again).toBe(first);
  expect(memory.u8[again]).toBe(0);
});

test('full memory, a double free and a size that is none are errors that say so', () => {
  const memory = new PhysicalMemory(8192);
  expect(() => memory.alloc(5000)).toThrow(/out of physical memory: 5000 bytes/);
  const at = memory.alloc(64);
  memory.free(at);
  expect(() => memory.free(at)).toThrow(/not allocated/);
  for (const size of [0, -4, 1.5, Number.NaN]) expect(() => memory.alloc(size)).toThrow(RangeError);
});

test('bytes, half-words and words are the same memory, also in a buffer that somebody shares', () => {
  const memory = new PhysicalMemory(new ArrayBuffer(8195));
  expect(memory.size).toBe(8192);
  memory.u32[1] = 0x11223344;
  expect([memory.u8[4], memory.u16[2]]).toEqual([0x44, 0x3344]);
});
