import { describe, expect, test } from 'vitest';
import { formatBits } from '../../bus/format-bits.ts';
import { crc32 } from '../../wire/crc32.ts';
import { RMD2 } from './ring.ts';
import { BROADCAST, ether, GROUP_0, MAC, OTHER, PcnetBench } from './testing.ts';

const MISS = 0x1000;
const RINT = 0x0400;

describe('a frame for this station', () => {
  test('of 60 bytes and FCS leaves the descriptor real hardware leaves', () => {
    const bench = new PcnetBench().start({ bufferBytes: 2048 });
    bench.arrive(ether(MAC, 60));
    const at = bench.receiveRing.address >>> 2;
    const { u32 } = bench.host.memory;
    expect(u32[at + 1].toString(16)).toBe('340f800');
    expect(formatBits(u32[at + 2], RMD2)).toBe('0x00000040<MCNT=64>');
    expect(bench.csr(0) & RINT).toBe(RINT);
    expect(bench.received(0, 60)).toEqual(ether(MAC, 60));
  });

  test('is followed by its FCS, low byte first', () => {
    const bench = new PcnetBench().start();
    const frame = ether(MAC, 61);
    bench.arrive(frame);
    const tail = bench.received(0, 65).subarray(61);
    const fcs = crc32(frame, 0, 61);
    expect([...tail]).toEqual([0, 8, 16, 24].map((shift) => (fcs >>> shift) & 0xff));
  });

  test('is written in style 3 with the words the other way round', () => {
    const bench = new PcnetBench().start({ style: 3, bufferBytes: 2048 });
    bench.arrive(ether(MAC, 64));
    const at = bench.receiveRing.address >>> 2;
    expect(bench.host.memory.u32[at]).toBe(68);
    expect(bench.host.memory.u32[at + 1].toString(16)).toBe('340f800');
    expect(bench.received(0, 64)).toEqual(ether(MAC, 64));
  });

  test('is written in style 0 without the match bits', () => {
    const bench = new PcnetBench().start({ style: 0 });
    bench.arrive(ether(MAC, 64));
    const half = bench.receiveRing.address >>> 1;
    const { u16 } = bench.host.memory;
    expect(u16[half + 1] >>> 8).toBe(0x03);
    expect(u16[half + 2]).toBe(0xfa00);
    expect(u16[half + 3]).toBe(68);
    expect(bench.received(0, 64)).toEqual(ether(MAC, 64));
  });

  test('is handed over in ring order, again and again', () => {
    const bench = new PcnetBench().start({ receiveCount: 4 });
    for (let i = 0; i < 100; i++) {
      const frame = ether(MAC, 60 + i);
      bench.arrive(frame);
      expect(bench.receiveRing.messageBytes(i & 3)).toBe(64 + i);
      expect(bench.received(i & 3, 60 + i)).toEqual(frame);
      bench.receiveRing.give(i & 3);
    }
    bench.expectSums();
  });
});

describe('address matching', () => {
  const PAM = 0x00400000;
  const LAFM = 0x00200000;
  const BAM = 0x00100000;
  const MATCHES = PAM | LAFM | BAM;
  const cases: [
    string,
    number[],
    { mode?: number; filterLow?: number; filterHigh?: number },
    number | null,
  ][] = [
    ['the station address', MAC, {}, PAM],
    ['another station', OTHER, {}, null],
    ['another station, promiscuous', OTHER, { mode: 0x8000 }, 0],
    ['the station address with DRCVPA', MAC, { mode: 0x2000 }, null],
    ['the station address with DRCVPA and PROM', MAC, { mode: 0xa000 }, 0],
    ['broadcast', BROADCAST, {}, BAM],
    ['broadcast with DRCVBC', BROADCAST, { mode: 0x4000 }, null],
    ['broadcast with DRCVBC, bit 47 of the filter', BROADCAST, { mode: 0x4000, filterHigh: 0x8000 }, LAFM],
    ['broadcast with bit 47 of the filter', BROADCAST, { filterHigh: 0x8000 }, BAM],
    ['a group that is not in the filter', GROUP_0, {}, null],
    ['a group whose bit is set', GROUP_0, { filterLow: 1 }, LAFM],
    [
      'a group when only the other bits are set',
      GROUP_0,
      { filterLow: 0xfffffffe, filterHigh: 0xffffffff },
      null,
    ],
    ['a group, promiscuous', GROUP_0, { mode: 0x8000 }, 0],
  ];
  for (const [name, destination, options, expected] of cases) {
    test(`${name}: ${expected === null ? 'filtered' : 'received'}`, () => {
      const bench = new PcnetBench().start(options);
      bench.arrive(ether(destination));
      if (expected === null) {
        expect(bench.chip.counters.filtered).toBe(1);
        expect(bench.receiveRing.owned(0)).toBe(true);
      } else {
        expect(bench.receiveRing.owned(0)).toBe(false);
        expect(bench.receiveRing.status(0) & MATCHES).toBe(expected);
      }
      bench.expectSums();
    });
  }
});

describe('chaining', () => {
  test('a frame goes through as many buffers as it needs, STP in the first and ENP in the last', () => {
    const bench = new PcnetBench().start({ bufferBytes: 64 });
    const frame = ether(MAC, 150);
    bench.arrive(frame);
    // 154 bytes with FCS: 64, 64 and 26.
    expect([0, 1, 2, 3].map((i) => bench.receiveRing.owned(i))).toEqual([false, false, false, true]);
    expect([0, 1, 2].map((i) => bench.receiveRing.status(i) & 0x03000000)).toEqual([
      0x02000000, 0, 0x01000000,
    ]);
    expect(bench.receiveRing.messageBytes(2)).toBe(154);
    expect(bench.received(0, 64)).toEqual(frame.slice(0, 64));
    expect(bench.received(2, 22)).toEqual(frame.slice(128));
    bench.arrive(ether(MAC, 60));
    expect(bench.receiveRing.messageBytes(3)).toBe(64);
    bench.expectSums();
  });

  test('the FCS may straddle two buffers', () => {
    const bench = new PcnetBench().start({ bufferBytes: 64 });
    const frame = ether(MAC, 62);
    bench.arrive(frame);
    const fcs = crc32(frame, 0, 62);
    expect([...bench.received(0, 64).subarray(62), ...bench.received(1, 2)]).toEqual(
      [0, 8, 16, 24].map((shift) => (fcs >>> shift) & 0xff),
    );
  });

  test('a frame that finds no next descriptor ends with BUFF and is counted', () => {
    const bench = new PcnetBench().start({ bufferBytes: 64, receiveCount: 4 });
    bench.receiveRing.take(2);
    bench.arrive(ether(MAC, 200));
    expect(bench.receiveRing.status(0) & 0x47000000).toBe(0x02000000);
    // ERR and BUFF, no ENP.
    expect(bench.receiveRing.status(1) & 0x47000000).toBe(0x44000000);
    expect(bench.receiveRing.owned(1)).toBe(false);
    expect(bench.chip.counters.bufferError).toBe(1);
    bench.expectSums();
  });

  test('a frame longer than the whole ring ends with BUFF too', () => {
    const bench = new PcnetBench().start({ bufferBytes: 64, receiveCount: 2 });
    bench.arrive(ether(MAC, 1000));
    expect(bench.chip.counters.bufferError).toBe(1);
    const single = new PcnetBench().start({ bufferBytes: 64, receiveCount: 1 });
    single.arrive(ether(MAC, 1000));
    expect(single.chip.counters.bufferError).toBe(1);
    expect(single.receiveRing.status(0) & 0x47000000).toBe(0x46000000);
  });
});

describe('what cannot be received', () => {
  test('no descriptor: MISS, CSR112 and an interrupt', () => {
    const bench = new PcnetBench().start({ receiveCount: 2 });
    for (let i = 0; i < 5; i++) bench.arrive(ether(MAC));
    expect(bench.csr(0) & MISS).toBe(MISS);
    expect(bench.csr(0) & 0x8000).toBe(0x8000);
    expect(bench.csr(112)).toBe(3);
    expect(bench.chip.counters.missed).toBe(3);
    bench.expectSums();
  });

  test('the missed frame counter says when it wraps', () => {
    const bench = new PcnetBench().start({ receiveCount: 1, csr3: 0x1400, csr4: 0x0015 });
    bench.arrive(ether(MAC));
    for (let i = 0; i < 65535; i++) bench.arrive(ether(MAC));
    expect(bench.csr(112)).toBe(0xffff);
    expect(bench.host.line).toBe(false);
    bench.arrive(ether(MAC));
    expect(bench.csr(112)).toBe(0);
    expect(bench.csr(4) & 0x0200).toBe(0x0200);
    // Although MISS, which is masked, has been set all the time.
    expect(bench.host.line).toBe(true);
  });

  test('the receiver is off before STRT and after STOP', () => {
    const bench = new PcnetBench();
    bench.arrive(ether(MAC));
    bench.start();
    bench.writeCsr(0, 0x0004);
    bench.arrive(ether(MAC));
    expect(bench.chip.counters.rxOff).toBe(2);
    bench.expectSums();
  });

  test('runts are dropped in half duplex and counted for the next frame', () => {
    const bench = new PcnetBench().start();
    bench.arrive(ether(MAC, 30));
    bench.arrive(ether(OTHER, 30));
    bench.arrive(ether(MAC, 40), 0x12345678);
    expect(bench.chip.counters.runt).toBe(3);
    bench.arrive(ether(MAC));
    expect(bench.receiveRing.runts(0)).toBe(1);
    expect(bench.receiveRing.collisions(0)).toBe(1);
    expect(bench.csr(114)).toBe(1);
    bench.receiveRing.give(0);
    bench.arrive(ether(MAC));
    expect(bench.receiveRing.runts(1)).toBe(0);
    bench.expectSums();
  });

  test('runts are received with RPA, and in full duplex unless FDRPAD', () => {
    const test_ = new PcnetBench().start({ csr4: 0x8115 });
    test_.writeCsr(124, 0x0008);
    test_.arrive(ether(MAC, 20));
    expect(test_.receiveRing.messageBytes(0)).toBe(24);

    const full = new PcnetBench();
    full.writeBcr(9, 0x0001);
    full.start();
    full.arrive(ether(MAC, 13));
    expect(full.receiveRing.messageBytes(0)).toBe(17);
    full.writeBcr(9, 0x0005);
    full.arrive(ether(MAC, 13));
    expect(full.chip.counters.runt).toBe(1);
  });

  test('a bad FCS sets CRC and ERR, and the frame is there to look at', () => {
    const bench = new PcnetBench().start();
    const frame = ether(MAC, 100);
    bench.arrive(frame, 0xdeadbeef);
    expect(bench.receiveRing.status(0)).toBe(0x4b400000);
    expect([...bench.received(0, 104).subarray(100)]).toEqual([0xef, 0xbe, 0xad, 0xde]);
    bench.arrive(frame, crc32(frame, 0, 100));
    expect(bench.receiveRing.status(1)).toBe(0x03400000);
    expect(bench.chip.counters.crcErrors).toBe(1);
    bench.expectSums();
  });
});

describe('pad stripping', () => {
  test('takes pad and FCS off an 802.3 frame with a length below 46', () => {
    const bench = new PcnetBench().start({ csr4: 0x0515 });
    bench.arrive(ether(MAC, 60, 10));
    expect(bench.receiveRing.messageBytes(0)).toBe(24);
    expect(bench.received(0, 28).subarray(24)).toEqual(new Uint8Array(4));
  });

  test('leaves frames with a type or a longer length alone', () => {
    const bench = new PcnetBench().start({ csr4: 0x0515 });
    bench.arrive(ether(MAC, 60, 0x0800));
    bench.arrive(ether(MAC, 60, 46));
    expect([0, 1].map((i) => bench.receiveRing.messageBytes(i))).toEqual([64, 64]);
  });
});

test('frames of all lengths, 0 to 9000 bytes, are delivered or dropped with a reason', () => {
  for (const style of [0, 2, 3] as const) {
    const bench = new PcnetBench().start({ style, receiveCount: 16 });
    for (const length of [0, 1, 5, 6, 13, 14, 59, 60, 1514, 1515, 1519, 4000, 9000]) {
      bench.arrive(ether(MAC, length));
      for (let i = 0; i < 16; i++) if (!bench.receiveRing.owned(i)) bench.receiveRing.give(i);
    }
    expect(bench.chip.counters).toMatchObject({ runt: 7, delivered: 6, giants: 4 });
    bench.expectSums();
  }
});

test('a Magic Packet is heard in its mode, other frames are dropped', () => {
  const bench = new PcnetBench().start({ csr5: 0x000e });
  bench.arrive(ether(MAC, 200));
  expect(bench.host.line).toBe(false);
  const magic = ether(MAC, 200);
  magic.fill(0xff, 20, 26);
  for (let i = 0; i < 16; i++) magic.set(MAC, 26 + 6 * i);
  bench.arrive(magic);
  expect(bench.host.line).toBe(true);
  expect(bench.csr(5) & 0x0010).toBe(0x0010);
  expect(bench.chip.counters.magicPacketMode).toBe(2);
  bench.expectSums();
});
