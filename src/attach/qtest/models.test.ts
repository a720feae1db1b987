// QEMU's cards as our bus sees them: identity, BARs, and registers whose values their manuals give.

import { afterEach, describe, expect, it } from 'vitest';
import { Board, closeBoards, hasQemu } from '../../../test/vocabulary/qemu.ts';
import type { Registers } from '../../bus/registers.ts';

afterEach(closeBoards);

/** EEPROM pins of the 8255x (open source software developer manual, 6.3.4), register 0Eh. */
const EEPROM = 0x0e;
const [EESK, EECS, EEDI, EEDO] = [1, 2, 4, 8];

/** A word out of a 64-word Microwire EEPROM: start bit, read opcode 10b, six address bits, then 16 bits come. */
function eepromWord(registers: Registers, address: number): number {
  const clock = (bit: number): number => {
    const pins = EECS | (bit !== 0 ? EEDI : 0);
    registers.write16(EEPROM, pins);
    registers.write16(EEPROM, pins | EESK);
    const out = registers.read16(EEPROM) & EEDO;
    registers.write16(EEPROM, pins);
    return out === 0 ? 0 : 1;
  };
  registers.write16(EEPROM, EECS);
  const command = (0b110 << 6) | address;
  for (let i = 8; i >= 0; i--) clock((command >> i) & 1);
  let word = 0;
  for (let i = 0; i < 16; i++) word = (word << 1) | clock(0);
  registers.write16(EEPROM, 0);
  return word;
}

/** EERD of the 8254x and 82574: START, then DONE and the word. */
function eerdWord(registers: Registers, address: number, addressShift: number, done: number): number {
  registers.write32(0x14, (address << addressShift) | 1);
  for (let i = 0; i < 1000; i++) {
    const value = registers.read32(0x14);
    if ((value & done) !== 0) return value >>> 16;
  }
  throw new Error('EERD is never done');
}

const macWords = (slot: number): number[] => [0x0002, 0x0000, (slot << 8) | 0x01];

describe.skipIf(!hasQemu)("QEMU's cards on our bus", () => {
  it('show who they are, and their BARs are where the bus put them, each size a multiple of itself', () => {
    const board = new Board({ nics: ['pcnet', 'i82559er', 'i82557b', 'e1000', 'e1000e', 'i82551'] });
    const who = board.nics.map(({ options, pci }) => ({
      model: options.model,
      id: `${pci.vendorId.toString(16)}:${pci.deviceId.toString(16)}`,
      classCode: pci.classCode.toString(16),
      bars: [0, 1, 2, 3].map((bar) => pci.barAddress(bar)?.kind ?? '-').join(' '),
      irq: pci.irq,
    }));
    expect(who).toEqual([
      { model: 'pcnet', id: '1022:2000', classCode: '20000', bars: 'io memory - -', irq: 5 },
      { model: 'i82559er', id: '8086:1209', classCode: '20000', bars: 'memory io memory -', irq: 9 },
      { model: 'i82557b', id: '8086:1229', classCode: '20000', bars: 'memory io memory -', irq: 10 },
      { model: 'e1000', id: '8086:100e', classCode: '20000', bars: 'memory io - -', irq: 11 },
      { model: 'e1000e', id: '8086:10d3', classCode: '20000', bars: 'memory memory io memory', irq: 5 },
      { model: 'i82551', id: '8086:1209', classCode: '20000', bars: 'memory io memory -', irq: 9 },
    ]);
    const places = board.nics.flatMap(({ pci }) => [0, 1, 2, 3].map((bar) => pci.barAddress(bar)));
    const taken = places.filter((place) => place !== null).map((place) => `${place.kind} ${place.address}`);
    expect(new Set(taken).size).toBe(taken.length);
    expect(board.log).toEqual([]);
  });

  it('e1000: STATUS and the EEPROM by EERD, in a memory BAR above 2 GiB', async () => {
    const board = new Board({ nics: ['e1000', 'e1000e'] });
    const [e1000, e1000e] = board.nics.map(({ pci }) => pci.registers(0));
    // Decoding is off: nobody answers.
    expect(e1000.read32(8)).toBe(0xffffffff);
    for (const { pci } of board.nics) pci.enable();
    expect(board.nics[0].pci.barAddress(0)!.address).toBeGreaterThan(0x80000000);
    // STATUS: FD, LU, 1000 Mb/s (8254x software developer manual, 13.4.2), once it has negotiated.
    await board.until(() => (e1000.read32(8) & 0xc3) === 0x83, 'link up');
    const words = Array.from({ length: 0x40 }, (_, i) => eerdWord(e1000, i, 8, 0x10));
    expect(words.slice(0, 3)).toEqual(macWords(3));
    // "The sum of words 00h to 3Fh is BABAh."
    expect(words.reduce((sum, word) => sum + word, 0) & 0xffff).toBe(0xbaba);
    // 82574: DONE is bit 1, the address begins at bit 2.
    expect([0, 1, 2].map((i) => eerdWord(e1000e, i, 2, 2))).toEqual(macWords(4));
    // A register that keeps what is written: RAL(0), all 32 bits.
    e1000.write32(0x5400, 0xfedcba98);
    expect(e1000.read32(0x5400)).toBe(0xfedcba98);
  });

  it('i82559er: SCB and EEPROM, the same by memory and by I/O, at every width', () => {
    const board = new Board({ nics: ['i82559er'] });
    const [{ pci }] = board.nics;
    pci.enable();
    const memory = pci.registers(0);
    const io = pci.registers(1);
    // PORT: software reset. Then CU and RU are idle (SCB status, 6.3.1).
    io.write32(8, 0);
    expect([memory.read16(0), io.read16(0)]).toEqual([0, 0]);
    // SCB general pointer keeps what is written.
    memory.write32(4, 0x89abcdef);
    expect(io.read32(4)).toBe(0x89abcdef);
    expect([io.read16(6), io.read8(5), memory.read8(7)]).toEqual([0x89ab, 0xcd, 0x89]);
    const words = Array.from({ length: 0x40 }, (_, i) => eepromWord(i < 32 ? memory : io, i));
    expect(words.slice(0, 3)).toEqual(macWords(3));
    expect(words.reduce((sum, word) => sum + word, 0) & 0xffff).toBe(0xbaba);
  });

  it('nothing outside of a BAR, of configuration space or of a decoded window reaches another card', () => {
    const board = new Board({ nics: ['pcnet', 'pcnet'] });
    const [first, second] = board.nics.map(({ pci }) => pci);
    for (const pci of [first, second]) pci.enable();
    const registers = first.registers(0);
    // The window has 32 bytes; the other card's follows.
    expect(second.barAddress(0)!.address - first.barAddress(0)!.address).toBe(32);
    expect([registers.read16(32), registers.read32(-4), registers.read8(30 + 32)]).toEqual([
      0xffff, 0xffffffff, 0xff,
    ]);
    expect(registers.read16(0)).toBe(0x0002);
    expect(first.registers(3).read32(0)).toBe(0xffffffff);
    expect([first.readConfig(254, 4), first.readConfig(256, 1)]).toEqual([0xffffffff, 0xff]);
    // Across a double word, in bytes: vendor's upper byte, device.
    expect(first.readConfig(1, 2)).toBe(0x0010);
    expect(first.readConfig(3, 2)).toBe(0x20 | ((first.readConfig(4, 1) & 0xff) << 8));
    first.disable();
    expect([registers.read16(0), second.registers(0).read16(0)]).toEqual([0xffff, 0x0002]);
  });
});
