// What a broken driver, or a guest with bad intentions, can put in front of the chip. It never throws, never loops and
// never nests; a fault is counted and the unit concerned becomes idle.

import { describe, expect, test } from 'vitest';
import { Random } from '../../kernel/random.ts';
import { CB, CMD, COMMAND, RFD } from './blocks.ts';
import { CONFIG, configBytes, LOOPBACK_BYTE } from './config.ts';
import type { I8255xModel } from './model.ts';
import { MODELS } from './models.ts';
import { CSR, CUC, PORT, RUC } from './sheet.ts';
import { DONE, ether, FLAGS, I8255xBench, MAC, OTHER } from './testing.ts';

const { EL, S, I, SF } = FLAGS;
/** Addresses that nobody answers, or that begin in memory and end outside. */
const NEAR_END = 0xffff8;
const NOWHERE = [0xffffffff, 0xfffffff0, 0x80000000, 0x100000, NEAR_END];
const CUS = 0xc0;
const READY = 0x10;

describe('addresses that nobody answers', () => {
  test('as a list of blocks: the CU is idle again, and PCI shows the master abort', () => {
    for (const at of [0xffffffff, 0x80000000, 0x100000, 0xffffc]) {
      const bench = new I8255xBench().start();
      let aborts = 0;
      bench.host.dma.onMasterAbort = () => aborts++;
      bench.cu(CUC.START, at);
      expect([bench.status & CUS, bench.chip.counters.busFaults, aborts]).toEqual([0, 1, 1]);
      bench.cu(CUC.START, bench.block(0, at));
      expect([bench.status & CUS, bench.chip.counters.busFaults]).toEqual([0, 2]);
      expect(bench.send(ether(OTHER))).toBe(DONE);
      bench.expectSums();
    }
  });

  test('without bus mastering nothing is asked of the bus', () => {
    const bench = new I8255xBench().start();
    let aborts = 0;
    bench.host.dma.onMasterAbort = () => aborts++;
    bench.host.dma.enabled = false;
    bench.cu(CUC.START, 0x2000);
    bench.arrive(ether(MAC));
    bench.cu(CUC.DUMP_STATISTICS);
    bench.port(PORT.SELF_TEST, 0x2000);
    expect([aborts, bench.chip.counters.busFaults, bench.chip.counters.busError]).toEqual([0, 4, 1]);
    bench.expectSums();
  });

  test('as transmit data, TBD array, or a buffer in it', () => {
    for (const nowhere of NOWHERE) {
      const bench = new I8255xBench().start();
      const { dma } = bench.host;
      const array = bench.flexible([ether(OTHER)], EL);
      dma.write32(
        array + CB.TBD_ARRAY,
        nowhere === 0xffffffff || nowhere === NEAR_END ? (nowhere ^ 4) >>> 0 : nowhere,
      );
      bench.cu(CUC.START, array);
      const buffer = bench.flexible([ether(OTHER)], EL);
      dma.write32(dma.read32(buffer + CB.TBD_ARRAY), nowhere);
      bench.cu(CUC.START, buffer);
      expect([bench.word(array), bench.word(buffer)]).toEqual([0, 0]);
      expect(bench.chip.counters.txBusError).toBe(2);
      bench.expectSums();
    }
    const bench = new I8255xBench().start();
    const at = (1 << 20) - 32;
    bench.host.dma.write16(at + CB.COMMAND, CMD.TRANSMIT | EL);
    bench.host.dma.write16(at + CB.BYTE_COUNT, 100);
    bench.cu(CUC.START, at);
    expect(bench.chip.counters.txBusError).toBe(1);
    bench.expectSums();
  });

  test.each([
    ['individual address', CMD.INDIVIDUAL_ADDRESS, 10],
    ['configure', CMD.CONFIGURE, 8],
    ['multicast', CMD.MULTICAST, 8],
    ['microcode', CMD.LOAD_MICROCODE, 64],
    ['dump', CMD.DUMP, 12],
  ] as const)('as the body of %s: no status, CU idle', (_, command, room) => {
    const bench = new I8255xBench();
    const at = (1 << 20) - room;
    bench.host.memory.u8.fill(0xff, at);
    bench.host.dma.write16(at + CB.STATUS, 0);
    bench.host.dma.write16(at + CB.COMMAND, command | EL);
    bench.cu(CUC.START, at);
    expect([bench.word(at), bench.status, bench.chip.counters.busFaults]).toEqual([0, 0, 1]);
  });

  test('as receive descriptor or its data: the RU is idle and the frame is counted', () => {
    const first = new I8255xBench().start();
    first.ru(RUC.ABORT);
    for (const at of NOWHERE) first.ru(RUC.START, at);
    expect([first.status, first.chip.counters.busFaults]).toEqual([0, NOWHERE.length]);
    for (const link of NOWHERE) {
      const bench = new I8255xBench().start();
      bench.host.dma.write32(bench.rfds[0] + RFD.LINK, link);
      bench.arrive(ether(MAC));
      bench.arrive(ether(MAC));
      expect([bench.status, bench.chip.counters.busError]).toEqual([0, 1]);
      bench.expectSums();
    }
    const bench = new I8255xBench().start();
    const at = (1 << 20) - 64;
    bench.host.dma.write16(at + RFD.SIZE, 1500);
    bench.ru(RUC.START, at);
    bench.arrive(ether(MAC, 200));
    expect([bench.status, bench.chip.counters.busError]).toEqual([0, 1]);
    bench.expectSums();
  });

  test('bus mastering taken away between FIFO and medium', () => {
    const bench = new I8255xBench().start();
    bench.medium.slow = true;
    bench.send(ether(OTHER));
    bench.host.dma.enabled = false;
    bench.medium.finish();
    expect(bench.chip.counters.transmitted).toBe(1);
    bench.expectSums();
  });
});

describe('lists without an end', () => {
  test('a block that links to itself takes its share of time and no more', () => {
    for (const command of [CMD.NOP, CMD.NOP | I, CMD.CONFIGURE, CMD.DIAGNOSE]) {
      const bench = new I8255xBench();
      const at = bench.block(command);
      bench.host.dma.write32(at + CB.LINK, at);
      bench.cu(CUC.START, at);
      expect(bench.status & CUS).toBe(0x80);
      const { commands } = bench.chip.counters;
      expect(commands).toBe(128);
      bench.host.wait(1_000_000);
      expect(bench.chip.counters.commands).toBe(2048 - (2048 % 128));
      bench.host.dma.write16(at + CB.COMMAND, EL);
      bench.host.wait(100_000);
      expect(bench.status & CUS).toBe(0);
    }
  });

  test('one that sends for ever keeps the cable busy, not the machine', () => {
    const bench = new I8255xBench().start();
    const at = bench.simplified(ether(OTHER), 0);
    bench.host.dma.write32(at + CB.LINK, at);
    bench.cu(CUC.START, at);
    bench.host.wait(1_000_000);
    expect(bench.host.clock.now()).toBe(3_001_000_000);
    expect(bench.medium.sent.length).toBe(2048);
    bench.port(PORT.SELECTIVE_RESET);
    bench.host.wait(1_000_000);
    expect(bench.medium.sent.length).toBe(2048);
    bench.expectSums();
  });

  test('a loopback that gives itself everything back cannot stop the clock', () => {
    const bench = new I8255xBench().start(2);
    const bytes = configBytes([CONFIG.PROMISCUOUS]);
    bytes[LOOPBACK_BYTE] |= 1 << 6;
    bench.configure(bytes);
    const at = bench.simplified(ether(MAC), I);
    bench.host.dma.write32(at + CB.LINK, at);
    let handled = 0;
    bench.host.onInterrupt = () => {
      handled++;
      bench.acknowledge();
      if ((bench.status & 0x3c) !== READY) bench.ru(RUC.START, bench.rfds[0]);
      bench.cu(CUC.START, at);
      bench.cu(CUC.RESUME);
    };
    bench.cu(CUC.START, at);
    expect(handled).toBeLessThan(1000);
    bench.host.wait(1_000_000);
    expect(handled).toBeLessThan(20_000);
    expect(bench.chip.counters.looped).toBeGreaterThan(1000);
    bench.expectSums();
  });

  test('a resume from every interrupt goes on for as long as the driver likes, and ends with it', () => {
    const bench = new I8255xBench();
    const at = bench.block(S | I);
    bench.host.dma.write32(at + CB.LINK, at);
    let inside = false;
    let calls = 0;
    // As a processor does it: not again while the handler runs, and again while the line is up.
    bench.host.onInterrupt = () => {
      if (inside) return;
      inside = true;
      while (bench.host.line) {
        bench.acknowledge();
        if (calls++ < 10_000) bench.cu(CUC.STATIC_RESUME);
      }
      inside = false;
    };
    bench.cu(CUC.START, at);
    expect([calls, bench.status, bench.chip.counters.commands]).toEqual([10_001, 0x40, 10_001]);
  });

  test('a ring of one descriptor that links to itself', () => {
    const bench = new I8255xBench().start(1, 1536, 0);
    for (let i = 0; i < 100; i++) bench.arrive(ether(MAC));
    expect(bench.chip.counters.delivered).toBe(100);
    bench.expectSums();
  });
});

test.each([PORT.SOFTWARE_RESET, PORT.SELECTIVE_RESET])(
  'a reset (%i) from the handler of a looped frame ends the list in the middle of its block',
  (what) => {
    const bench = new I8255xBench().start();
    const bytes = configBytes([]);
    bytes[LOOPBACK_BYTE] |= 1 << 6;
    bench.configure(bytes);
    const next = bench.block(EL);
    const at = bench.simplified(ether(MAC), 0, next);
    bench.acknowledge();
    bench.host.onInterrupt = () => bench.port(what);
    bench.cu(CUC.START, at);
    expect([bench.word(at), bench.word(next), bench.status, bench.causes]).toEqual([0, 0, 0, 0]);
    expect(bench.chip.counters).toMatchObject({ txAborted: 1, delivered: 1, waiting: 0 });
    bench.expectSums();
  },
);

describe('counts out of range', () => {
  test('a frame longer than the wire takes', () => {
    const bench = new I8255xBench().start();
    const at = bench.flexible([new Uint8Array(16000), new Uint8Array(16000)], EL);
    bench.cu(CUC.START, at);
    expect([bench.word(at), bench.chip.counters.txOversize]).toEqual([0x8000, 1]);
    bench.expectSums();
  });

  test('a frame of nothing', () => {
    const bench = new I8255xBench().start();
    expect(bench.send(new Uint8Array(0))).toBe(DONE | 0x1000);
    const at = bench.flexible([], EL);
    bench.cu(CUC.START, at);
    expect([bench.word(at), bench.medium.sent.length]).toEqual([DONE | 0x1000, 0]);
    bench.expectSums();
  });

  test('a byte count of 16383, and 255 TBDs of it', () => {
    const bench = new I8255xBench().start();
    const { dma, memory } = bench.host;
    const at = bench.block(CMD.TRANSMIT | SF | EL, 0xffffffff, 32);
    const array = memory.alloc(8 * 256, 16);
    dma.write32(at + CB.TBD_ARRAY, array);
    memory.u8[at + CB.TBD_NUMBER] = 255;
    for (let i = 0; i < 256; i++) {
      dma.write32(array + 8 * i, 0x1000);
      dma.write32(array + 8 * i + 4, 0xfffe3fff);
    }
    bench.cu(CUC.START, at);
    expect(bench.chip.counters.txOversize).toBe(1);
    bench.expectSums();
  });

  test('an FCS of the sender’s own in a frame shorter than one', () => {
    const bench = new I8255xBench().start();
    bench.send(Uint8Array.of(0x42), EL | COMMAND.NC);
    expect(bench.medium.sent).toEqual([{ bytes: new Uint8Array(0), fcs: 0x42 }]);
    bench.expectSums();
  });

  test('a multicast count beyond memory, and a configure count beyond the chip', () => {
    const bench = new I8255xBench();
    const at = bench.block(CMD.MULTICAST | EL);
    bench.host.dma.write16(at + CB.MULTICAST_COUNT, 0xffff);
    bench.cu(CUC.START, at);
    expect(bench.word(at)).toBe(DONE);
    const bytes = new Uint8Array(64).fill(0xff);
    expect(bench.configure(bytes)).toBe(DONE);
  });

  test('descriptors and blocks on top of each other', () => {
    const bench = new I8255xBench().start(2);
    bench.configure(configBytes([CONFIG.PROMISCUOUS]));
    bench.host.dma.write32(bench.rfds[0] + RFD.LINK, bench.rfds[0] + 8);
    bench.ru(RUC.START, bench.rfds[0]);
    bench.cu(CUC.START, bench.rfds[0]);
    for (let i = 0; i < 20; i++) {
      bench.arrive(ether(MAC, 300));
      bench.cu(CUC.START, bench.rfds[0] + 4 * i);
    }
    bench.host.wait(1_000_000);
    bench.expectSums();
  });
});

test('random registers, blocks, descriptors and frames: nothing thrown, nothing lost', () => {
  const random = new Random(1);
  const word = (): number => random.next32() >>> 0;
  const models = Object.keys(MODELS) as I8255xModel[];
  for (let round = 0; round < 44; round++) {
    const bench = new I8255xBench(models[round % models.length]);
    if (round & 2) bench.start(4, 128);
    bench.makeRfds(4, 128, round & 1 ? EL : 0);
    const blocks = Array.from({ length: 8 }, () => bench.block(0, 0, 64));
    const area = blocks[0];
    const near = (): number => (word() % 4 !== 0 ? area + (word() % 1024) : word());
    for (let step = 0; step < 200; step++) {
      switch (word() % 10) {
        case 0: {
          const width = [1, 2, 4][word() % 3] as 1 | 2 | 4;
          bench.write((word() % 70) - 2, width, word());
          break;
        }
        case 1: {
          const width = [1, 2, 4][word() % 3] as 1 | 2 | 4;
          const value = bench.read((word() % 70) - 2, width);
          expect(value >= 0 && value < 2 ** (8 * width)).toBe(true);
          break;
        }
        case 2:
          bench.host.dma.write32(area + 4 * (word() % 128), word() & 1 ? near() : word());
          break;
        case 3:
          bench.host.dma.write32(bench.rfds[word() % 4] + 4 * (word() % 4), word() & 1 ? near() : word());
          break;
        case 4: {
          const at = blocks[word() % 8];
          bench.host.dma.write16(at + CB.COMMAND, (word() % 8) | (word() & 0xe008));
          bench.host.dma.write32(at + CB.LINK, blocks[word() % 8]);
          bench.host.dma.write32(at + CB.TBD_ARRAY, word() & 1 ? near() : 0xffffffff);
          bench.host.dma.write16(at + CB.BYTE_COUNT, word() % 100);
          bench.cu(CUC.START, at);
          break;
        }
        case 5:
          bench.write(CSR.SCB_COMMAND, 1, word());
          break;
        case 6:
          bench.ru([RUC.START, RUC.RESUME, RUC.ABORT][word() % 3], bench.rfds[word() % 4]);
          break;
        case 7:
          bench.host.wait(word() % 3_000_000);
          if (word() % 8 === 0) bench.medium.change({ carrier: (word() & 1) !== 0 });
          break;
        case 8:
          if (word() % 6 === 0) bench.port(word() % 4, word() & 1 ? area : word());
          else bench.acknowledge(word());
          break;
        default:
          bench.arrive(ether(MAC, word() % 1600), word() & 1 ? word() : undefined);
      }
    }
    bench.expectSums(bench.chip.counters.waiting);
    bench.host.wait(1_000_000);
    bench.port(PORT.SOFTWARE_RESET);
    bench.expectSums();
  }
});
