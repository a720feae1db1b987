import { describe, expect, test } from 'vitest';
import { formatAddress, isMartian, isMulticast, maskOf, parseAddress, parseNetwork } from './address.ts';

describe('an IPv4 address', () => {
  test('is a number from 0 to 2^32 - 1', () => {
    expect(parseAddress('10.0.0.1')).toBe(0x0a000001);
    expect(parseAddress('255.255.255.255')).toBe(0xffffffff);
    expect(parseAddress('192.168.1.200')).toBe(0xc0a801c8);
  });

  test('prints the same from 32 bits with and without sign', () => {
    expect(formatAddress(0xc0a801c8)).toBe('192.168.1.200');
    expect(formatAddress(0xc0a801c8 | 0)).toBe('192.168.1.200');
  });

  test.each([
    ['10.0.0.256', '256 must be a number from 0 to 255'],
    ['10.0.0', 'four numbers with dots between'],
    ['10.0.0.1.2', 'four numbers with dots between'],
    ['10.0.0.x', '"x" must be a number from 0 to 255, in decimal'],
    ['10.0.0.01', '"01" must be a number from 0 to 255, without leading zeros'],
    ['10.0.0.-1', '"-1" must be a number'],
    ['', 'four numbers'],
  ])('%j is refused with what would be right', (text, message) => {
    expect(() => parseAddress(text)).toThrow(message);
  });

  test.each([
    ['10.0.0.256/24', '256 must be a number from 0 to 255'],
    ['10.0.0.1', '10.0.0.1/24, say, is wanted'],
    ['10.0.0.1/33', 'the prefix length "33" must be a number from 0 to 32, like 10.0.0.1/24'],
    ['10.0.0.1/', 'the prefix length ""'],
    ['10.0.0.1/024', 'the prefix length "024"'],
  ])('%j is no network', (text, message) => {
    expect(() => parseNetwork(text)).toThrow(message);
  });

  test('has a mask for each prefix, 0 and 32 included', () => {
    expect(parseNetwork('10.1.2.3/0').prefix).toBe(0);
    expect(maskOf(0)).toBe(0);
    expect(maskOf(32)).toBe(-1);
    expect(maskOf(24) >>> 0).toBe(0xffffff00);
    expect(maskOf(1) >>> 0).toBe(0x80000000);
  });

  test('is a group from 224 to 239, with the sign bit set or not', () => {
    for (const form of [0xe0000001, 0xe0000001 | 0, 0xefffffff]) expect(isMulticast(form)).toBe(true);
    for (const form of [0xdfffffff, 0xf0000000 | 0, 0x0a000001]) expect(isMulticast(form)).toBe(false);
  });

  test('may not be a source when it is 0/8, 127/8, a group, reserved or broadcast', () => {
    const texts = ['0.0.0.0', '127.0.0.1', '224.0.0.5', '240.0.0.1', '255.255.255.255'];
    for (const text of texts) expect(isMartian(parseAddress(text) | 0), text).toBe(true);
    for (const text of ['10.0.0.1', '223.255.255.255'])
      expect(isMartian(parseAddress(text) | 0), text).toBe(false);
  });
});
