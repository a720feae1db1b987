import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blank } from '../../test/vocabulary/dhcp-lab.ts';
import {
  addressOption,
  buildDhcp,
  bytesOf,
  DHCPDISCOVER,
  type DhcpMessage,
  parseDhcp,
  secondsOption,
  textOf,
} from './dhcp-packet.ts';

const hex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

function built(fields: Partial<DhcpMessage>): Uint8Array {
  const into = new Uint8Array(1400);
  return into.slice(0, buildDhcp({ ...blank(), ...fields }, into));
}

function parsed(bytes: Uint8Array): DhcpMessage {
  const message = parseDhcp(bytes, bytes.length);
  if (typeof message === 'string') throw new Error(message);
  return message;
}

describe('a DHCP message', () => {
  test('has its fields where RFC 2131 draws them', () => {
    const bytes = built({
      op: 2,
      hops: 3,
      xid: 0xdeadbeef,
      secs: 0x0102,
      flags: 0x8000,
      ciaddr: 0x0a000001,
      yiaddr: 0x0a000002,
      siaddr: 0x0a000003,
      giaddr: -2,
      sname: 'S',
      file: 'F',
      type: 5,
      options: new Map([[51, hex('00000e10')]]),
    });
    const expected = new Uint8Array(300);
    expected.set(hex('02010603deadbeef010280000a0000010a0000020a000003fffffffe020000000901'));
    expected[44] = 'S'.charCodeAt(0);
    expected[108] = 'F'.charCodeAt(0);
    expected.set(hex('63825363350105330400000e10ff'), 236);
    expect(bytes).toEqual(expected);
  });

  test('is read as it was written', () => {
    const u32 = fc.nat(0xffffffff);
    const address = u32.map((value) => value | 0);
    const code = fc.integer({ min: 100, max: 254 });
    const message = fc.record({
      xid: u32,
      secs: fc.nat(0xffff),
      flags: fc.nat(0xffff),
      ciaddr: address,
      yiaddr: address,
      siaddr: address,
      giaddr: address,
      chaddr: fc.uint8Array({ minLength: 1, maxLength: 16 }),
      sname: fc.stringMatching(/^[ -~]{0,63}$/),
      file: fc.stringMatching(/^[ -~]{0,127}$/),
      options: fc
        .array(fc.tuple(code, fc.uint8Array({ maxLength: 300 })), { maxLength: 3 })
        .map((pairs) => new Map([[53, Uint8Array.of(DHCPDISCOVER)], ...pairs])),
    });
    fc.assert(
      fc.property(message, (fields) => {
        const whole = { ...blank(), type: DHCPDISCOVER, ...fields };
        expect(parsed(built(whole))).toEqual(whole);
      }),
    );
  });

  test('may have options in file and sname too, and one option in pieces over all three', () => {
    const bytes = built({ type: DHCPDISCOVER });
    bytes.set([52, 1, 3, 15, 2, 0x61, 0x62, 255], 243);
    bytes.set([15, 1, 0x63, 0, 0, 12, 1, 0x68, 255, 15, 1, 0x78], 108);
    bytes.set([15, 2, 0x64, 0x65, 255], 44);
    const { options, sname, file } = parsed(bytes);
    expect(textOf(options.get(15) ?? new Uint8Array(0))).toBe('abcde');
    expect(textOf(options.get(12) ?? new Uint8Array(0))).toBe('h');
    expect([sname, file]).toEqual(['', '']);
    // One of the fields only.
    bytes[245] = 1;
    expect(parsed(bytes)).toMatchObject({ file: '', sname: '\x0f\x02de\xff' });
    bytes[245] = 2;
    expect(textOf(parsed(bytes).options.get(15) ?? new Uint8Array(0))).toBe('abde');
  });

  test('without an end is read to its end; options that are not there are nothing', () => {
    const bytes = built({ type: DHCPDISCOVER }).subarray(0, 243);
    const { type, options } = parsed(bytes);
    expect([type, addressOption(options, 50), secondsOption(options, 51)]).toEqual([DHCPDISCOVER, 0, null]);
  });

  test('refuses to be written where it does not fit', () => {
    expect(() => buildDhcp(blank(), new Uint8Array(299))).toThrow('300 are wanted');
    const options = new Map([[100, new Uint8Array(58)]]);
    expect(() => buildDhcp({ ...blank(), options }, new Uint8Array(300))).toThrow('option 100 of 58 bytes');
    options.set(100, new Uint8Array(57));
    expect(buildDhcp({ ...blank(), options }, new Uint8Array(300))).toBe(300);
    expect(() => built({ file: 'f'.repeat(128) })).toThrow('longer than 127 bytes');
    expect(() => built({ chaddr: new Uint8Array(17) })).toThrow('16 fit');
    expect(() => bytesOf('a\0b')).toThrow('Latin letters');
  });
});
