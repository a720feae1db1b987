import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PciIdentity, Width } from './host.ts';
import { PciConfig } from './pci-config.ts';

const IDENTITY: PciIdentity = {
  vendorId: 0x1022,
  deviceId: 0x2000,
  revision: 0x16,
  classCode: 0x020000,
  subsystemVendorId: 0x1234,
  subsystemId: 0x5678,
  interruptPin: 1,
  minGrant: 6,
  maxLatency: 255,
  bars: [
    { kind: 'io', size: 32 },
    { kind: 'memory', size: 0x20000 },
  ],
  capabilities: [{ id: 1, body: Uint8Array.from([2, 0, 0, 0, 0, 0]) }],
};

/** Bits that software may set, byte by byte; everything else is read-only. */
const WRITABLE = new Uint8Array(256);
WRITABLE.set([0x47, 0x05], 0x04);
WRITABLE.set([0xff, 0xff], 0x0c);
WRITABLE.set([0xe0, 0xff, 0xff, 0xff, 0x00, 0x00, 0xfe, 0xff], 0x10);
WRITABLE[0x3c] = 0xff;

const accesses = fc.array(
  fc.tuple(
    fc.oneof(fc.nat(255), fc.integer({ min: 0, max: 0x40 })),
    fc.constantFrom<Width>(1, 2, 4),
    fc.integer({ min: 0, max: 0xffffffff }),
  ),
  { maxLength: 60 },
);

test('whatever is written in whatever width, only writable bits change', () => {
  fc.assert(
    fc.property(accesses, (writes) => {
      const config = new PciConfig(IDENTITY);
      const oracle = config.bytes.slice();
      for (const [offset, width, value] of writes) {
        config.write(offset, width, value);
        for (let i = 0; i < width && offset + i < 256; i++) {
          const mask = WRITABLE[offset + i];
          oracle[offset + i] = (oracle[offset + i] & ~mask) | ((value >>> (8 * i)) & mask);
        }
        expect(config.bytes).toEqual(oracle);
      }
    }),
  );
});

test('reads of every width see the same bytes; past the end there are ones', () => {
  const config = new PciConfig(IDENTITY);
  for (let offset = 0; offset < 258; offset++) {
    const bytes = [0, 1, 2, 3].map((i) => (offset + i < 256 ? config.bytes[offset + i] : 0xff));
    expect(config.read(offset, 1)).toBe(bytes[0]);
    expect(config.read(offset, 2)).toBe(bytes[0] + bytes[1] * 256);
    expect(config.read(offset, 4)).toBe(bytes.reduceRight((sum, byte) => sum * 256 + byte));
  }
});

test('status has the medium DEVSEL timing, and the fast back-to-back bit of those that can', () => {
  expect(new PciConfig(IDENTITY).read(6, 2)).toBe(0x0210);
  expect(new PciConfig({ ...IDENTITY, fastBackToBack: true }).read(6, 2)).toBe(0x0290);
});

test('status bits are cleared by writing ones to them, and only the error bits', () => {
  const config = new PciConfig(IDENTITY);
  config.setStatus(0xf908, true);
  config.write(6, 2, 0x2000);
  expect(config.read(6, 2)).toBe(0xf908 - 0x2000 + 0x0210);
  config.write(6, 2, 0xffff);
  expect(config.read(6, 2)).toBe(0x0218);
});

test('the command register is reported after each change, also of one byte', () => {
  const config = new PciConfig(IDENTITY);
  const seen: number[] = [];
  config.onCommand = (command) => seen.push(command);
  config.write(4, 1, 0xff);
  config.write(5, 1, 0xff);
  expect(seen).toEqual([0x47, 0x547]);
});

test('a base address is programmed in parts as well as in one', () => {
  const config = new PciConfig(IDENTITY);
  config.write(0x14, 2, 0xffff);
  config.write(0x16, 2, 0xe002);
  expect(config.barBase(1)).toBe(0xe0020000);
  config.write(0x10, 4, 0x1037);
  expect(config.barBase(0)).toBe(0x1020);
  expect(config.read(0x10, 4)).toBe(0x1021);
});
