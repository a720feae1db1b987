// What the chip does to memory besides its values: it tells of every byte it writes, for an emulator keeps code compiled
// from them, and it writes nothing where there is no memory.

import { describe, expect, test } from 'vitest';
import { CB, CMD, COMMAND, RFD } from './blocks.ts';
import { CONFIG, type ConfigBit, configBytes } from './config.ts';
import { CUC, DUMP_BYTES, PORT, RUC } from './sheet.ts';
import { ether, I8255xBench, MAC } from './testing.ts';

const { EL } = COMMAND;

/** Runs `act` and expects every byte that changed in memory to have been told, after it had changed. */
function expectTold(bench: I8255xBench, act: () => void): void {
  const { memory, dma } = bench.host;
  const before = memory.u8.slice();
  const told = before.slice();
  dma.onWrite = (address, length) => told.set(memory.u8.subarray(address, address + length), address);
  act();
  dma.onWrite = null;
  let changed = 0;
  for (let i = 0; i < memory.size; i++) {
    if (memory.u8[i] !== before[i]) changed++;
    if (memory.u8[i] !== told[i]) throw new Error(`byte 0x${i.toString(16)} was written and not told`);
  }
  expect(changed).toBeGreaterThan(0);
}

/** A chip configured with these bits, its memory filled so that zeros it writes show. */
function started(model: 'i82557b' | 'i82559c' | 'i82550', set: ConfigBit[], space?: number): I8255xBench {
  const bench = new I8255xBench(model).start(8, space);
  bench.configure(configBytes(set));
  for (const at of bench.rfds)
    bench.host.memory.u8.fill(0xee, at + RFD.DATA, at + RFD.EXTENDED_DATA + (space ?? 1536));
  return bench;
}

const tagged = ether(MAC, 200, 0x8100);

describe('every byte written to memory is told', () => {
  test.each([
    ['plain', 'i82557b', []],
    ['with FCS and checksum', 'i82559c', [CONFIG.TRANSFER_CRC, CONFIG.RX_CHECKSUM]],
    ['in extended descriptors', 'i82550', [CONFIG.EXTENDED_RFD]],
    ['without their tags', 'i82550', [CONFIG.EXTENDED_RFD, CONFIG.VLAN_STRIP, CONFIG.TRANSFER_CRC]],
  ] as const)('received frames, %s', (_, model, bits) => {
    const bench = started(model, [...bits]);
    expectTold(bench, () => {
      for (const length of [60, 61, 1514]) bench.arrive(ether(MAC, length));
      bench.arrive(tagged);
    });
    expect(bench.chip.counters.delivered).toBe(4);
  });

  test('frames that are cut, in the data and in what follows them', () => {
    const bench = started('i82559c', [CONFIG.TRANSFER_CRC, CONFIG.RX_CHECKSUM], 101);
    expectTold(bench, () => {
      for (const length of [95, 97, 99, 101, 300]) bench.arrive(ether(MAC, length));
    });
    expect(bench.chip.counters).toMatchObject({ delivered: 1, truncated: 4 });
  });

  test('self-test, dumps and statistics', () => {
    const bench = started('i82559c', []);
    const { memory } = bench.host;
    const at = memory.alloc(1024, 16);
    memory.u8.fill(0xee, at, at + 1024);
    bench.cu(CUC.LOAD_DUMP_ADDRESS, at + DUMP_BYTES);
    expectTold(bench, () => bench.cu(CUC.DUMP_STATISTICS));
    expectTold(bench, () => bench.port(PORT.DUMP, at));
    expect(memory.u8.indexOf(0xee, at)).toBeGreaterThanOrEqual(at + DUMP_BYTES);
    memory.u8.fill(0xee, at, at + 1024);
    const block = bench.block(CMD.DUMP | EL);
    bench.host.dma.write32(block + CB.ADDRESS, at);
    expectTold(bench, () => bench.cu(CUC.START, block));
    memory.u8.fill(0xee, at, at + 1024);
    expectTold(bench, () => bench.port(PORT.SELF_TEST, at));
  });

  test('the status of command blocks, of sent frames and of those that went wrong', () => {
    const bench = started('i82559c', []);
    const simple = bench.simplified(ether(MAC, 200), EL);
    expectTold(bench, () => bench.cu(CUC.START, simple));
    const chain = bench.flexible([ether(MAC, 100), ether(MAC, 50)], EL);
    expectTold(bench, () => bench.cu(CUC.START, chain));
    const empty = bench.flexible([], EL);
    expectTold(bench, () => bench.cu(CUC.START, empty));
    expect(bench.chip.counters).toMatchObject({ transmitted: 2, txUnderrun: 1 });
  });
});

describe('a hole in memory', () => {
  /** Where a PC has its VGA window and its ROMs. */
  const HOLE = { holeStart: 0xa0000, holeEnd: 0x100000 };

  function withHole(): { bench: I8255xBench; expectUntouched(): void } {
    const bench = new I8255xBench().start();
    Object.assign(bench.host.dma, HOLE);
    const { u8 } = bench.host.memory;
    u8.fill(0xee, HOLE.holeStart, HOLE.holeEnd);
    const before = u8.slice(HOLE.holeStart, HOLE.holeEnd);
    const expectUntouched = () =>
      expect(Buffer.compare(before, u8.subarray(HOLE.holeStart, HOLE.holeEnd))).toBe(0);
    return { bench, expectUntouched };
  }

  test('takes no received frame, nor the end of one', () => {
    const { bench, expectUntouched } = withHole();
    const { dma } = bench.host;
    const at = HOLE.holeStart - 0x100;
    dma.write32(at, 0);
    dma.write32(at + RFD.LINK, at);
    dma.write32(at + RFD.ACTUAL_COUNT, 1536 << 16);
    bench.ru(RUC.ABORT);
    bench.ru(RUC.START, at);
    bench.arrive(ether(MAC, 1000));
    expectUntouched();
    expect(bench.chip.counters).toMatchObject({ busError: 1, delivered: 0 });
    bench.expectSums();
  });

  test('has no frame to send and no command block', () => {
    const { bench, expectUntouched } = withHole();
    const at = bench.flexible([ether(MAC, 100)], EL);
    bench.host.dma.write32(bench.host.dma.read32(at + CB.TBD_ARRAY), 0xb8000);
    bench.cu(CUC.START, at);
    bench.cu(CUC.START, 0xc0000);
    expect(bench.medium.sent).toEqual([]);
    expect(bench.chip.counters).toMatchObject({ txBusError: 1, busFaults: 2 });
    expectUntouched();
    bench.expectSums();
  });

  test.each([0x9fe00, 0xa0000, 0xfff00])('takes no dump: at %i', (at) => {
    const { bench, expectUntouched } = withHole();
    bench.port(PORT.DUMP, at);
    bench.cu(CUC.LOAD_DUMP_ADDRESS, at === 0x9fe00 ? 0x9fff0 : at);
    bench.cu(CUC.DUMP_STATISTICS);
    expect(bench.chip.counters.busFaults).toBe(2);
    expectUntouched();
  });
});
