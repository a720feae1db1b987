import { describe, expect, test } from 'vitest';
import { CSR, PORT, RUC } from './sheet.ts';
import { DONE, ether, I8255xBench, MAC } from './testing.ts';

const binary = (value: number, bits: number): string => value.toString(2).padStart(bits, '0');

/** A read as drivers do it; the word and what DO said at start bit, opcode and address. */
function readWord(bench: I8255xBench, address: number, bits = 6): { word: number; head: string } {
  const head = bench.clockEeprom(`110${binary(address, bits)}`);
  const word = Number.parseInt(bench.clockEeprom('0'.repeat(16)), 2);
  bench.endEeprom();
  return { word, head };
}

function command(bench: I8255xBench, bits: string): void {
  bench.clockEeprom(bits);
  bench.endEeprom();
}

const ENABLE = '10011';
const DISABLE = '10000';

describe('reading', () => {
  test('DO is high until the last address bit, by which drivers learn the size', () => {
    expect(readWord(new I8255xBench('i82557b'), 0).head).toBe('111111110');
    // A driver that tries eight address bits on 64 words sees the zero too early.
    const bench = new I8255xBench('i82557b');
    expect(bench.clockEeprom('11000000000').indexOf('0')).toBe(8);
    bench.endEeprom();
    expect(readWord(new I8255xBench('i82559c', 256), 0, 8).head).toBe('11111111110');
  });

  test.each([
    ['i82557b', 64],
    ['i82559c', 64],
    ['i82559c', 256],
    ['i82550', 256],
  ] as const)('%s with %i words: the address, and the sum of all is 0xbaba', (model, words) => {
    const bench = new I8255xBench(model, words);
    const bits = words === 256 ? 8 : 6;
    const content = Array.from({ length: words }, (_, i) => readWord(bench, i, bits).word);
    expect(content.slice(0, 3)).toEqual([0xaa00, 0xaa00, 0xccbb]);
    expect(content.reduce((sum, word) => (sum + word) & 0xffff)).toBe(0xbaba);
    expect(content[6] & 0xff).toBe(1);
  });

  test('a read goes on with the next word, and begins again after the last', () => {
    const bench = new I8255xBench('i82557b');
    bench.clockEeprom('110111111');
    const bits = bench.clockEeprom('0'.repeat(16 * 65 + 16));
    bench.endEeprom();
    expect(bits.slice(16, 32)).toBe(binary(0xaa00, 16));
    expect(bits.slice(16 * 65)).toBe(bits.slice(16, 32));
  });

  test('without chip select, or without a start bit, nothing is taken', () => {
    const bench = new I8255xBench();
    bench.write(CSR.EEPROM_CONTROL, 1, 0x05);
    bench.write(CSR.EEPROM_CONTROL, 1, 0x04);
    expect(readWord(bench, 0).word).toBe(0xaa00);
    expect(bench.clockEeprom('0000')).toBe('1111');
    expect(bench.clockEeprom('110000001')).toBe('111111110');
  });

  test('pins read back, DO does not take what is written to it', () => {
    const bench = new I8255xBench();
    bench.write(CSR.EEPROM_CONTROL, 2, 0xff07);
    expect(bench.read(CSR.EEPROM_CONTROL, 2)).toBe(0x0f);
    bench.write(CSR.EEPROM_CONTROL, 2, 0);
    expect(bench.read(CSR.EEPROM_CONTROL, 2)).toBe(0x08);
  });
});

describe('writing', () => {
  const write = (address: number, word: number): string => `101${binary(address, 6)}${binary(word, 16)}`;

  test('needs to be enabled first', () => {
    const bench = new I8255xBench('i82557b');
    command(bench, write(0x20, 0x1234));
    expect(readWord(bench, 0x20).word).toBe(0);
    command(bench, `${ENABLE}0000`);
    command(bench, write(0x20, 0x1234));
    expect(readWord(bench, 0x20).word).toBe(0x1234);
    command(bench, `${DISABLE}0000`);
    command(bench, write(0x20, 0x5678));
    expect(readWord(bench, 0x20).word).toBe(0x1234);
  });

  test('a word that is not whole is not written', () => {
    const bench = new I8255xBench('i82557b');
    command(bench, `${ENABLE}0000`);
    command(bench, write(0x20, 0xffff).slice(0, -1));
    expect(readWord(bench, 0x20).word).toBe(0);
  });

  test('erase, erase all and write all', () => {
    const bench = new I8255xBench('i82557b');
    command(bench, `${ENABLE}0000`);
    command(bench, `111${binary(0x06, 6)}`);
    expect(readWord(bench, 0x06).word).toBe(0xffff);
    command(bench, `100010000${binary(0x4711, 16)}`);
    expect([0, 31, 63].map((i) => readWord(bench, i).word)).toEqual([0x4711, 0x4711, 0x4711]);
    command(bench, '100100000');
    expect([0, 31, 63].map((i) => readWord(bench, i).word)).toEqual([0xffff, 0xffff, 0xffff]);
  });

  test('another address in it is the chip’s after the next reset', () => {
    const bench = new I8255xBench('i82559c').linkUp();
    command(bench, `${ENABLE}0000`);
    command(bench, write(2, 0x0201));
    const other = [...MAC.slice(0, 4), 0x01, 0x02];
    bench.port(PORT.SOFTWARE_RESET);
    bench.makeRfds().ru(RUC.START, bench.rfds[0]);
    bench.arrive(ether(MAC));
    bench.arrive(ether(other));
    expect(bench.chip.counters.filtered).toBe(1);
    expect(bench.rfdStatus(0)).toBe(DONE | 0x20);
  });
});
