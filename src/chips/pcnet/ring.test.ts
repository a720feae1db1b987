import { describe, expect, test } from 'vitest';
import { initBlockBytes, writeInitBlock } from './init-block.ts';
import { ReceiveRing, RMD1, type SoftwareStyle, TMD1, TransmitRing } from './ring.ts';

const hex = (words: Iterable<number>): string[] => [...words].map((w) => w.toString(16).padStart(8, '0'));

describe('descriptors are laid out as drawn', () => {
  const layouts: [SoftwareStyle, string[]][] = [
    [0, ['00345678', '0000fa00']],
    [2, ['12345678', '0000fa00', '00000000', '00000000']],
    [3, ['00000000', '0000fa00', '12345678', '00000000']],
  ];
  for (const [style, expected] of layouts) {
    test(`a receive buffer of 1536 bytes in style ${style}`, () => {
      const words = new Uint32Array(64);
      const ring = new ReceiveRing(words, 16, 4, style);
      ring.prepare(1, 0x12345678, 1536);
      const at = 4 + expected.length;
      expect(hex(words.subarray(at, at + expected.length))).toEqual(expected);
      expect(ring.owned(1)).toBe(false);
      ring.give(1);
      expect(ring.owned(1)).toBe(true);
      expect(ring.owned(0)).toBe(false);
      expect(ring.bufferBytes(1)).toBe(1536);
      ring.take(1);
      expect(hex(words.subarray(at, at + expected.length))).toEqual(expected);
    });
  }

  test('a transmit buffer of 60 bytes is STP, ENP and 0xffc4', () => {
    const words = new Uint32Array(16);
    const ring = new TransmitRing(words, 0, 4, 2);
    ring.prepare(0, 0x1000, 60, TMD1.STP | TMD1.ENP);
    ring.give(0);
    expect(hex(words.subarray(0, 4))).toEqual(['00001000', '8300ffc4', '00000000', '00000000']);
  });

  test('4096 bytes are a byte count of zero', () => {
    const words = new Uint32Array(16);
    const ring = new TransmitRing(words, 0, 4, 2);
    ring.prepare(0, 0x1000, 4096, 0);
    expect(words[1]).toBe(0xf000);
    expect(ring.bufferBytes(0)).toBe(4096);
  });
});

test('a receive descriptor as real hardware leaves it is understood', () => {
  // 64 bytes on the wire in a 2048-byte buffer, matched by station address.
  const words = Uint32Array.from([0x00100002, 0x0340f800, 0x00000040, 0]);
  const ring = new ReceiveRing(words, 0, 1, 2);
  expect(ring.owned(0)).toBe(false);
  expect(ring.status(0)).toBe(RMD1.STP | RMD1.ENP | RMD1.PAM);
  expect(ring.messageBytes(0)).toBe(64);
  expect(ring.bufferBytes(0)).toBe(2048);
});

test('the half-words of style 0 hold status and message count where the LANCE has them', () => {
  const half = Uint16Array.from([0x5678, 0x0334, 0xf9ec, 0x0040]);
  const ring = new ReceiveRing(new Uint32Array(half.buffer), 0, 1, 0);
  expect(ring.status(0)).toBe(0x03000000);
  expect(ring.bufferAddress(0)).toBe(0x345678);
  expect(ring.messageBytes(0)).toBe(64);
  expect(ring.bufferBytes(0)).toBe(1556);
});

test('receive counts are in RMD2', () => {
  const ring = new ReceiveRing(Uint32Array.from([0x05030040, 0, 0, 0]), 0, 1, 3);
  expect([ring.collisions(0), ring.runts(0), ring.messageBytes(0)]).toEqual([5, 3, 64]);
});

test('rings that cannot work are refused with what would be right', () => {
  const words = new Uint32Array(64);
  expect(() => new ReceiveRing(words, 8, 1, 2)).toThrow('must be a multiple of 16');
  expect(() => new ReceiveRing(words, 0, 0, 2)).toThrow('must be 1 to 65535');
  expect(() => new ReceiveRing(words, 0, 64, 2)).toThrow('outside memory');
});

describe('the initialization block', () => {
  const block = {
    mode: 0x8180,
    stationAddress: [0x00, 0x0c, 0x29, 0xaa, 0xbb, 0xcc],
    filterLow: 0x33221100,
    filterHigh: 0x77665544,
    receiveRing: 0x00123450,
    receiveCount: 16,
    transmitRing: 0x00abcde0,
    transmitCount: 8,
  };

  test('is seven words in 32-bit style', () => {
    const words = new Uint32Array(8);
    writeInitBlock(words, 0, 2, block);
    expect(initBlockBytes(2)).toBe(28);
    expect(hex(words)).toEqual([
      '30408180',
      'aa290c00',
      '0000ccbb',
      '33221100',
      '77665544',
      '00123450',
      '00abcde0',
      '00000000',
    ]);
  });

  test('is twelve half-words in 16-bit style', () => {
    const words = new Uint32Array(8);
    writeInitBlock(words, 0, 0, block);
    expect(initBlockBytes(0)).toBe(24);
    const halves = [...new Uint16Array(words.buffer)].map((h) => h.toString(16).padStart(4, '0'));
    expect(halves.slice(0, 12)).toEqual(
      '8180 0c00 aa29 ccbb 1100 3322 5544 7766 3450 8012 cde0 60ab'.split(' '),
    );
  });

  test('refuses ring lengths it cannot say', () => {
    const words = new Uint32Array(8);
    expect(() => writeInitBlock(words, 0, 2, { ...block, receiveCount: 12 })).toThrow('power of two');
    expect(() => writeInitBlock(words, 0, 2, { ...block, receiveCount: 1024 })).toThrow('at most 512');
    expect(() => writeInitBlock(words, 0, 0, { ...block, transmitCount: 256 })).toThrow('at most 128');
  });
});
