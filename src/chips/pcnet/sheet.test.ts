// Against numbers that are not ours: the data sheets' tables, and values seen on real hardware.

import { expect, test } from 'vitest';
import { formatBits } from '../../bus/format-bits.ts';
import { BCR, CHIP_ID, CSR0, CSR4, CSR15, DWIO, logicalAddressHash, WIO } from './sheet.ts';

test('the hash of a multicast address is the position the LANCE data sheets print', () => {
  // "Mapping of Logical Address to Filter Mask": first octet of an address whose other octets are zero.
  const printed = [0x85, 0xa5, 0xe5, 0xc5, 0x45, 0x65, 0x25, 0x05];
  printed.forEach((octet, position) => {
    expect(logicalAddressHash([octet, 0, 0, 0, 0, 0])).toBe(position);
  });
});

test('the hash of the broadcast address is 47', () => {
  // Also printed by Cirrus Logic (CS8900), whose filter hashes alike: 0000 8000 0000 0000h.
  expect(logicalAddressHash([0xff, 0xff, 0xff, 0xff, 0xff, 0xff])).toBe(47);
});

test('the hash is taken at an offset', () => {
  expect(logicalAddressHash([1, 2, 0xa5, 0, 0, 0, 0, 0], 2)).toBe(1);
});

test('the chip ids are those of the parts', () => {
  expect((CHIP_ID.Am79C970A >>> 12) & 0xffff).toBe(0x2621);
  expect((CHIP_ID.Am79C973 >>> 12) & 0xffff).toBe(0x2625);
  // JEDEC: manufacturer 1 is AMD.
  expect((CHIP_ID.Am79C973 >>> 1) & 0x7ff).toBe(1);
});

test('CSR0 of a running chip prints as its bits', () => {
  expect(formatBits(0x01f3, CSR0)).toBe('0x01f3<INIT,STRT,TXON,RXON,IENA,INTR,IDON>');
  expect(formatBits(0x0004, CSR0)).toBe('0x0004<STOP>');
});

test('the reset value of CSR4 is the four masks', () => {
  expect(formatBits(0x0115, CSR4)).toBe('0x0115<JABM,TXSTRTM,RCVCCOM,MFCOM>');
});

test('port selection is a field', () => {
  expect(formatBits(0x8180, CSR15)).toBe('0x8180<PORTSEL=3,PROM>');
});

test('the ports are where the I/O maps put them', () => {
  expect([WIO.RDP, WIO.RAP, WIO.RESET, WIO.BDP]).toEqual([0x10, 0x12, 0x14, 0x16]);
  expect([DWIO.RDP, DWIO.RAP, DWIO.RESET, DWIO.BDP]).toEqual([0x10, 0x14, 0x18, 0x1c]);
  expect([BCR.SWS, BCR.MIIADDR, BCR.MIIMDR]).toEqual([20, 33, 34]);
});
