import { expect, test } from 'vitest';
import { formatBits } from './format-bits.ts';

const STATUS = { ERR: 0x8000, RINT: 0x0400, INTR: 0x0080, PORTSEL: 0x0018, INIT: 0x0001 };

test('bits are named, lowest first', () => {
  expect(formatBits(0x0480, STATUS)).toBe('0x0480<INTR,RINT>');
  expect(formatBits(0x8001, STATUS)).toBe('0x8001<INIT,ERR>');
});

test('nothing set has no names', () => {
  expect(formatBits(0, STATUS)).toBe('0x0000<>');
});

test('a field shows its value', () => {
  expect(formatBits(0x0010, STATUS)).toBe('0x0010<PORTSEL=2>');
});

test('what has no name is shown in hex', () => {
  expect(formatBits(0x0202, STATUS)).toBe('0x0202<0x202>');
});

test('a word with its top bit set is not negative', () => {
  expect(formatBits(0x80000000, { OWN: 0x80000000 })).toBe('0x80000000<OWN>');
  expect(formatBits(0x80000000 | 0, { OWN: 0x80000000 })).toBe('0x80000000<OWN>');
});

test('the width follows the table', () => {
  expect(formatBits(4, { A: 0x04, B: 0x80 })).toBe('0x04<A>');
});
