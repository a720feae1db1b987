import { describe, expect, test } from 'vitest';
import { parsePace, parseRate, parseShare, parseSize, parseSpan, parseTime } from './units.ts';

describe('quantities', () => {
  test.each([
    ['100Mbit', 100e6],
    ['1Gbit', 1e9],
    ['2.5 Gbit/s', 2.5e9],
    ['64kbps', 64e3],
    ['unlimited', 0],
  ])('%s is a rate', (text, rate) => {
    expect(parseRate(text)).toBe(rate);
  });

  test.each([
    ['10ms', 10e6],
    ['2us', 2000],
    ['2µs', 2000],
    ['1.5 s', 1.5e9],
    ['1min', 60e9],
    [0, 0],
  ])('%s is a time', (text, time) => {
    expect(parseTime(text)).toBe(time);
  });

  test.each([
    ['1%', 0.01],
    ['0.5 %', 0.005],
    [0.25, 0.25],
    [0, 0],
  ])('%s is a share', (text, share) => {
    expect(parseShare(text)).toBe(share);
  });

  test('a pace is frames or bits a second, or flat out', () => {
    expect(parsePace('20kpps')).toEqual({ framesPerSecond: 20_000 });
    expect(parsePace('10Mbit')).toEqual({ bitsPerSecond: 10e6 });
    expect(parsePace('flat-out')).toBe('flat-out');
  });

  test('a size is in bytes', () => {
    expect(parseSize('64KiB')).toBe(65_536);
    expect(parseSize(1500)).toBe(1500);
  });

  test.each([
    [
      () => parseRate('100'),
      '"100" is not a rate: a number and bit, kbit, Mbit or Gbit, like 100Mbit, or unlimited, would be right',
    ],
    [() => parseRate('0Mbit'), '"0Mbit" is not a rate'],
    [() => parseTime(5), '5 is not a time: a number and ns, us, ms, s or min, like 10ms, would be right'],
    [() => parseSpan('0s'), '"0s" is no time: more than 0 would be right, like 10ms'],
    [() => parseShare('101%'), '"101%" is not a share: 0% to 100%, or 0 to 1, would be right, like 1%'],
    [() => parseShare(-0.1), '-0.1 is not a share'],
    [() => parsePace('fast'), '"fast" is not a pace'],
    [() => parseSize(-1), '-1 is not a size'],
  ])('a wrong one is told what would be right (%#)', (parse, message) => {
    expect(parse).toThrow(message);
  });
});
