// What the chip does to memory besides its values: it tells of every byte it writes, for an emulator keeps code compiled
// from them, and it writes nothing where there is no memory.

import { describe, expect, test } from 'vitest';
import { ether, MAC, PcnetBench } from './testing.ts';

const STP = 0x02000000;
const ENP = 0x01000000;
const SINT = 0x0800;

/** Runs `act` and expects every byte that changed in memory to have been told. */
function expectTold(bench: PcnetBench, act: () => void): void {
  const { memory, dma } = bench.host;
  const before = memory.u8.slice();
  const told = new Uint8Array(memory.size);
  dma.onWrite = (address, length) => told.fill(1, address, address + length);
  act();
  dma.onWrite = null;
  let changed = 0;
  for (let i = 0; i < memory.size; i++) {
    if (memory.u8[i] === before[i]) continue;
    changed++;
    if (told[i] === 0) throw new Error(`byte 0x${i.toString(16)} was written and not told`);
  }
  expect(changed).toBeGreaterThan(0);
}

describe.each([0, 2, 3] as const)('style %i: every byte written to memory is told', (style) => {
  test('received frames, with their descriptors', () => {
    const bench = new PcnetBench().start({ style });
    expectTold(bench, () => {
      bench.arrive(ether(MAC, 60));
      bench.arrive(ether(MAC, 1514));
      bench.arrive(ether(MAC, 61), 0x12345678);
    });
  });

  test('a received frame in several buffers, and one that ran out of them', () => {
    const bench = new PcnetBench().start({ style, bufferBytes: 100, receiveCount: 8 });
    expectTold(bench, () => bench.arrive(ether(MAC, 397)));
    expectTold(bench, () => bench.arrive(ether(MAC, 1000)));
  });

  test('descriptors of sent frames, in chains as well, and of those that went wrong', () => {
    const bench = new PcnetBench().start({ style, transmitCount: 8 });
    const frame = ether(MAC, 200);
    bench.fill(0, frame);
    bench.fill(1, frame, STP);
    bench.fill(2, frame, 0);
    bench.fill(3, frame, ENP);
    // Not the start of a frame, then a chain that breaks off.
    bench.fill(4, frame, 0);
    bench.fill(5, frame, STP);
    expectTold(bench, () => bench.demand());
    expect(bench.chip.counters).toMatchObject({ transmitted: 2, skippedDescriptors: 1, txUnderflow: 1 });
  });
});

describe('a hole in memory', () => {
  function withHole(): PcnetBench {
    const bench = new PcnetBench().start({ csr5: 0x0400 });
    // Where a PC has its VGA window; the bench has put nothing there.
    Object.assign(bench.host.dma, { holeStart: 0xa0000, holeEnd: 0x100000 });
    return bench;
  }

  test.each([0x9ff00, 0xa0000, 0xfff00])('takes no received frame: buffer at 0x%s', (address) => {
    const bench = withHole();
    const before = bench.host.memory.u8.slice(0x90000);
    bench.receiveRing.prepare(0, address, 1536);
    bench.receiveRing.give(0);
    bench.arrive(ether(MAC, 1000));
    expect(before.every((byte, i) => byte === bench.host.memory.u8[0x90000 + i])).toBe(true);
    expect(bench.csr(5) & SINT).toBe(SINT);
    expect(bench.chip.counters).toMatchObject({ busError: 1, delivered: 0 });
  });

  test('has no frame to send', () => {
    const bench = withHole();
    bench.transmitRing.prepare(0, 0xb8000, 60, STP | ENP);
    bench.transmitRing.give(0);
    bench.demand();
    expect(bench.medium.sent).toEqual([]);
    expect(bench.chip.counters.txBusError).toBe(1);
    bench.expectSums();
  });

  test('has no descriptors', () => {
    const bench = withHole();
    bench.writeCsr(0, 0x0004);
    bench.writeCsr(24, 0);
    bench.writeCsr(25, 0xb);
    bench.writeCsr(0, 0x0042);
    bench.arrive(ether(MAC, 60));
    expect(bench.chip.counters.busError).toBe(1);
    bench.expectSums();
  });
});
