// What a broken driver, or a guest with bad intentions, can put in front of the chip. It never throws and never loops;
// a fault is counted and shown as the data sheets say.

import { describe, expect, test } from 'vitest';
import { Random } from '../../kernel/random.ts';
import { ether, MAC, OTHER, PcnetBench } from './testing.ts';

const SINT = 0x0800;

/** Starts with the registers alone. */
function direct(bench: PcnetBench, receiveRing: number, transmitRing: number, lengths: number): void {
  bench.writeCsr(58, 2);
  bench.writeCsr(24, receiveRing & 0xffff);
  bench.writeCsr(25, receiveRing >>> 16);
  bench.writeCsr(30, transmitRing & 0xffff);
  bench.writeCsr(31, transmitRing >>> 16);
  bench.writeCsr(76, lengths);
  bench.writeCsr(78, lengths);
  bench.writeCsr(0, 0x0042);
}

describe('addresses that nobody answers', () => {
  test('an initialization block outside memory is a master abort: SINT, and the chip stays stopped', () => {
    const bench = new PcnetBench();
    bench.writeCsr(58, 2);
    bench.writeCsr(1, 0xfff0);
    bench.writeCsr(2, 0xffff);
    bench.writeCsr(5, 0x0400);
    bench.writeCsr(0, 0x0043);
    expect(bench.csr(0)).toBe(0x0084);
    expect(bench.csr(5) & SINT).toBe(SINT);
    expect(bench.host.dma.masterAborts).toBe(1);
  });

  test('PCI status shows the master abort, but not a request that was never granted', () => {
    const bench = new PcnetBench();
    let aborts = 0;
    bench.host.dma.onMasterAbort = () => aborts++;
    bench.writeCsr(2, 0xffff);
    bench.host.dma.enabled = false;
    bench.writeCsr(0, 0x0001);
    expect(aborts).toBe(0);
    bench.writeCsr(0, 0x0004);
    bench.host.dma.enabled = true;
    bench.writeCsr(0, 0x0001);
    expect(aborts).toBe(1);
  });

  test('a block that begins in memory and ends outside is one too', () => {
    const bench = new PcnetBench();
    const address = bench.host.memory.size - 8;
    bench.writeCsr(58, 2);
    bench.writeCsr(1, address & 0xffff);
    bench.writeCsr(2, address >>> 16);
    bench.writeCsr(0, 0x0001);
    expect(bench.csr(0)).toBe(0x0004);
  });

  test('rings outside memory', () => {
    const bench = new PcnetBench();
    direct(bench, 0x80000000, 0xfffffff0, 0xfff0);
    expect(bench.csr(0)).toBe(0x0004);
    expect(bench.csr(5) & SINT).toBe(SINT);
    direct(bench, 0x80000000, 0x2000, 0xfff0);
    bench.arrive(ether(MAC));
    expect(bench.chip.counters.busError).toBe(1);
    bench.arrive(ether(MAC));
    expect(bench.chip.counters.rxOff).toBe(1);
    bench.expectSums();
  });

  test('a receive buffer outside memory', () => {
    for (const address of [0xffffffff, 0x7fffffff, (1 << 20) - 63]) {
      const bench = new PcnetBench().start();
      bench.receiveRing.prepare(0, address, 1500);
      bench.receiveRing.give(0);
      bench.arrive(ether(MAC));
      expect(bench.chip.counters.busError).toBe(1);
      expect(bench.csr(0)).toBe(0x0004);
      bench.expectSums();
    }
  });

  test('the second buffer of a chain outside memory, on either side', () => {
    const bench = new PcnetBench().start({ bufferBytes: 64 });
    bench.receiveRing.prepare(1, 0xfffffff0, 64);
    bench.receiveRing.give(1);
    bench.arrive(ether(MAC, 200));
    expect(bench.chip.counters.busError).toBe(1);
    bench.start();
    bench.fill(0, ether(OTHER), 0x02000000);
    bench.transmitRing.prepare(1, 0xfffffff0, 64, 0x01000000);
    bench.transmitRing.give(1);
    bench.demand();
    expect(bench.chip.counters.txBusError).toBe(1);
    bench.expectSums();
  });

  test('a transmit buffer outside memory', () => {
    const bench = new PcnetBench().start();
    bench.transmitRing.prepare(0, 0xfffff000, 64, 0x03000000);
    bench.transmitRing.give(0);
    bench.demand();
    expect(bench.chip.counters.txBusError).toBe(1);
    expect(bench.medium.sent.length).toBe(0);
    bench.expectSums();
  });

  test('bus mastering taken away while a frame is under way', () => {
    const bench = new PcnetBench().start();
    bench.medium.slow = true;
    bench.send(0, ether(OTHER));
    bench.host.dma.enabled = false;
    bench.medium.finish();
    bench.arrive(ether(MAC));
    expect(bench.csr(0) & 0x0800).toBe(0x0800);
    expect(bench.chip.counters).toMatchObject({ txBusError: 1, busError: 1 });
    bench.expectSums();
  });
});

describe('rings that make no sense', () => {
  test('length codes above the longest are the longest', () => {
    const bench = new PcnetBench();
    const { memory } = bench.host;
    const block = memory.alloc(32, 16);
    memory.u32[block >>> 2] = 0xf0f00000;
    bench.writeCsr(58, 2);
    bench.writeCsr(1, block & 0xffff);
    bench.writeCsr(2, block >>> 16);
    bench.writeCsr(0, 0x0001);
    expect([bench.csr(76), bench.csr(78)]).toEqual([0xfe00, 0xfe00]);
  });

  test('a length register of 0 is 65536 descriptors and ends in a fault, not in a hang', () => {
    const bench = new PcnetBench();
    direct(bench, 0x1000, 0x1000, 0);
    bench.arrive(ether(MAC));
    expect(bench.chip.counters.missed).toBe(1);
    // Every word is a one: owned, in a chain without an end, until memory ends.
    bench.host.memory.u32.fill(0x82000000 | 0xffff, 0x1000 >> 2);
    bench.demand();
    expect(bench.csr(5) & SINT).toBe(SINT);
    bench.expectSums();
  });

  test('a ring of one descriptor without ENP is an underflow', () => {
    const bench = new PcnetBench().start({ transmitCount: 1 });
    bench.send(0, ether(OTHER), 0x02000000);
    expect(bench.chip.counters.txUnderflow).toBe(1);
    bench.expectSums();
  });

  test('a chain without an end is an underflow once around', () => {
    const bench = new PcnetBench().start({ transmitCount: 8 });
    for (let i = 0; i < 8; i++) bench.fill(i, ether(OTHER), 0x02000000);
    bench.demand();
    expect(bench.chip.counters.txUnderflow).toBe(1);
    for (let i = 0; i < 8; i++) expect(bench.transmitRing.owned(i)).toBe(false);
    bench.expectSums();
  });

  test('a frame longer than the wire takes is dropped and babbles', () => {
    const bench = new PcnetBench().start({ transmitCount: 8 });
    for (let i = 0; i < 6; i++)
      bench.fill(i, new Uint8Array(4096), i === 0 ? 0x02000000 : i === 5 ? 0x01000000 : 0);
    bench.demand();
    expect(bench.chip.counters.txOversize).toBe(1);
    expect(bench.csr(0) & 0x4000).toBe(0x4000);
    bench.expectSums();
  });

  test('a byte count of 0 is 4096 bytes', () => {
    const bench = new PcnetBench().start();
    bench.fill(0, new Uint8Array(4096));
    bench.demand();
    expect(bench.medium.sent[0].bytes.length).toBe(4096);
    bench.expectSums();
  });

  test('a frame of one byte whose FCS is its own', () => {
    const bench = new PcnetBench().start({ mode: 0x0008 });
    bench.send(0, Uint8Array.of(0x42));
    expect(bench.medium.sent).toEqual([{ bytes: new Uint8Array(0), fcs: 0x42 }]);
    bench.expectSums();
  });

  test('descriptors and buffers on top of each other', () => {
    const bench = new PcnetBench().start();
    for (let i = 0; i < 8; i++) {
      bench.receiveRing.prepare(i, bench.receiveRing.address, 1536);
      bench.receiveRing.give(i);
    }
    for (let i = 0; i < 20; i++) bench.arrive(ether(MAC, 300));
    bench.expectSums();
  });
});

test('a driver that refills from its interrupt handler cannot keep the chip in one call for ever', () => {
  const bench = new PcnetBench().start({ mode: 0x0044, transmitCount: 4, csr4: 0x1115 });
  let refills = 0;
  bench.host.onInterrupt = () => {
    // The line stays up as long as there is a cause: a handler runs until it is down.
    if (refills < 1000) refills++;
    bench.writeCsr(0, 0x7f48);
    for (let i = 0; i < 4; i++) if (!bench.transmitRing.owned(i)) bench.transmitRing.give(i);
    for (let i = 0; i < 8; i++) if (!bench.receiveRing.owned(i)) bench.receiveRing.give(i);
  };
  for (let i = 0; i < 4; i++) bench.fill(i, ether(MAC));
  bench.demand();
  expect(refills).toBeGreaterThan(0);
  expect(refills).toBeLessThan(100);
  bench.expectSums();
});

test('TXDPOLL does not strand frames that were refilled while the chip was sending', () => {
  // TINT is masked: the handler runs for RINT only, in the middle of sending, where TDMD finds the chip busy.
  const bench = new PcnetBench().start({ mode: 0x0044, transmitCount: 4, csr3: 0x0200, csr4: 0x1115 });
  let refills = 0;
  bench.host.onInterrupt = () => {
    bench.writeCsr(0, 0x7f48);
    for (let i = 0; i < 8; i++) if (!bench.receiveRing.owned(i)) bench.receiveRing.give(i);
    for (let i = 0; i < 4; i++)
      if (!bench.transmitRing.owned(i) && refills++ < 30) bench.transmitRing.give(i);
  };
  for (let i = 0; i < 4; i++) bench.fill(i, ether(MAC));
  bench.demand();
  bench.host.wait(1_000_000);
  for (let i = 0; i < 4; i++) expect(bench.transmitRing.owned(i)).toBe(false);
  expect(bench.chip.counters.looped).toBeGreaterThan(30);
  bench.expectSums();
});

test('a loopback whose frames give all descriptors back cannot stop the clock', () => {
  const bench = new PcnetBench().start({ mode: 0x0044, transmitCount: 2, receiveCount: 2, bufferBytes: 256 });
  const { u8, u32 } = bench.host.memory;
  // One page with both rings, and frames that are its image: each arrives on top of it.
  const page = 0x8000;
  const image = 0x9000;
  const receive = (page + 32) >>> 2;
  const transmit = receive + 8;
  bench.writeCsr(0, 0x0004);
  for (const [register, value] of [
    [24, page + 32],
    [25, 0],
    [30, page + 64],
    [31, 0],
    [12, 0],
    [13, 0],
    [14, 0],
    [15, 0x8044],
  ])
    bench.writeCsr(register, value);
  for (let i = 0; i < 2; i++) {
    u32.set([page, 0x8000f000 | (4096 - 256), 0, 0], receive + 4 * i);
    u32.set([image, 0x8300f000 | (4096 - 128), 0, 0], transmit + 4 * i);
  }
  u8.copyWithin(image, page, page + 128);
  bench.writeCsr(0, 0x0002);
  bench.host.wait(1_000_000);
  expect(bench.host.clock.now()).toBe(1_000_000);
  expect(bench.chip.counters.looped).toBeGreaterThan(1000);
  expect(bench.chip.counters.looped).toBeLessThan(10_000);
  bench.expectSums();
});

test("a polling interval of one clock does not take the machine's whole time", () => {
  const bench = new PcnetBench();
  bench.writeCsr(47, 0xffff);
  bench.start();
  let polls = 0;
  const { clock } = bench.host;
  const fireNext = clock.fireNext.bind(clock);
  clock.fireNext = () => {
    polls++;
    fireNext();
  };
  bench.host.wait(1_000_000);
  expect(polls).toBe(1000);
});

test('random registers, descriptors and frames: nothing thrown, nothing lost', () => {
  const random = new Random(1);
  const word = (): number => random.next32() >>> 0;
  for (let round = 0; round < 60; round++) {
    const bench = new PcnetBench(round & 1 ? 'Am79C973' : 'Am79C970A');
    if (round & 2) bench.linkUp();
    bench.start({ style: ([0, 2, 3] as const)[round % 3], bufferBytes: 128 });
    for (let step = 0; step < 200; step++) {
      switch (word() % 8) {
        case 0:
          bench.writeCsr(word() % 128, word() & 0xffff);
          break;
        case 1:
          bench.writeBcr(word() % 48, word() & 0xffff);
          break;
        case 2:
          bench.host.memory.u32[(bench.transmitRing.address >>> 2) + (word() % 32)] = word();
          break;
        case 3:
          bench.host.memory.u32[(bench.receiveRing.address >>> 2) + (word() % 32)] = word();
          break;
        case 4:
          bench.demand();
          break;
        case 5:
          bench.writeCsr(0, [0x0004, 0x0003, 0x0042][word() % 3]);
          break;
        case 6:
          bench.host.wait(word() % 3_000_000);
          break;
        default:
          bench.arrive(ether(MAC, word() % 1600), word() & 1 ? word() : undefined);
      }
    }
    bench.expectSums();
  }
});
