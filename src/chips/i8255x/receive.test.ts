import { describe, expect, test } from 'vitest';
import { formatBits } from '../../bus/format-bits.ts';
import { crc32 } from '../../wire/crc32.ts';
import { COMMAND, RFD, RFD_STATUS } from './blocks.ts';
import { CONFIG, configBytes } from './config.ts';
import type { I8255xModel } from './model.ts';
import { CSR, CUC, RUC, STAT_ACK, STATISTIC } from './sheet.ts';
import { BROADCAST, DONE, ether, FLAGS, GROUP, I8255xBench, MAC, OTHER } from './testing.ts';

const { EL, S } = FLAGS;
const IDLE = 0;
const SUSPENDED = 0x04;
const NO_RESOURCES = 0x08;
const READY = 0x10;
const TYPE = RFD_STATUS.TYPE;
const EOF_F = 0xc000;
const { RX_GOOD, RX_CRC_ERRORS, RX_RESOURCE_ERRORS, RX_SHORT } = STATISTIC;

const status = (bench: I8255xBench, index = 0): string => formatBits(bench.rfdStatus(index), RFD_STATUS);

describe('a frame', () => {
  test('is stored behind its descriptor, with count, status and FR', () => {
    const bench = new I8255xBench().start();
    bench.arrive(ether(MAC, 300));
    expect(status(bench)).toBe('0xa020<TYPE,OK,C>');
    expect(bench.rfdCount(0)).toBe(EOF_F | 300);
    expect(bench.received(0, 304)).toEqual(new Uint8Array([...ether(MAC, 300), 0, 0, 0, 0]));
    expect(formatBits(bench.causes, STAT_ACK)).toBe('0x40<FR>');
    expect([bench.status, bench.host.line]).toEqual([READY, true]);
    expect(bench.statistics()[RX_GOOD]).toBe(1);
    bench.expectSums();
  });

  test('with a length instead of a type has no TYPE', () => {
    const bench = new I8255xBench().start();
    bench.arrive(ether(MAC, 60, 46));
    expect(status(bench)).toBe('0xa000<OK,C>');
  });

  test('with its FCS, when that is wanted', () => {
    const bench = new I8255xBench().start();
    bench.configure(configBytes([CONFIG.TRANSFER_CRC]));
    const frame = ether(MAC, 100);
    bench.arrive(frame);
    expect(bench.rfdCount(0)).toBe(EOF_F | 104);
    const fcs = crc32(frame, 0, 100);
    const bytes = [0, 8, 16, 24].map((shift) => (fcs >>> shift) & 0xff);
    expect(Array.from(bench.received(0, 104).slice(100))).toEqual(bytes);
  });

  test('without the pad of a short 802.3 frame, when that is stripped', () => {
    const bench = new I8255xBench().start();
    bench.configure(configBytes([CONFIG.STRIPPING]));
    bench.arrive(ether(MAC, 60, 10));
    bench.arrive(ether(MAC, 60, 0x0800));
    expect([bench.rfdCount(0), bench.rfdCount(1)]).toEqual([EOF_F | 24, EOF_F | 60]);
  });

  test('links count from the RU base', () => {
    const bench = new I8255xBench().linkUp();
    bench.setAddress();
    bench.makeRfds(2);
    bench.ru(RUC.LOAD_BASE, 0xff000000);
    bench.host.dma.write32(bench.rfds[0] + RFD.LINK, bench.rfds[1] + 0x1000000);
    bench.ru(RUC.START, bench.rfds[0] + 0x1000000);
    bench.arrive(ether(MAC));
    bench.arrive(ether(MAC));
    expect([bench.rfdStatus(0), bench.rfdStatus(1)]).toEqual([DONE | TYPE, DONE | TYPE]);
  });
});

describe('the receive unit', () => {
  test('has no resources after the descriptor with EL: RNR, and frames are counted until a start', () => {
    const bench = new I8255xBench().start(2);
    bench.arrive(ether(MAC));
    bench.arrive(ether(MAC));
    expect(formatBits(bench.causes, STAT_ACK)).toBe('0x50<RNR,FR>');
    expect(bench.status).toBe(NO_RESOURCES);
    expect(bench.rfdStatus(1)).toBe(DONE | TYPE);
    bench.arrive(ether(MAC));
    expect(bench.statistics()[RX_RESOURCE_ERRORS]).toBe(1);
    bench.ru(RUC.RESUME);
    expect(bench.status).toBe(NO_RESOURCES);
    bench.ru(RUC.START, bench.rfds[0]);
    expect(bench.status).toBe(READY);
    bench.arrive(ether(MAC));
    expect(bench.chip.counters).toMatchObject({ delivered: 3, noResources: 1 });
    bench.expectSums();
  });

  test('is suspended after one with S, and resumes with the next', () => {
    const bench = new I8255xBench().start(3, 1536, S);
    for (let i = 0; i < 4; i++) bench.arrive(ether(MAC));
    expect(bench.status).toBe(SUSPENDED);
    expect(formatBits(bench.causes, STAT_ACK)).toBe('0x50<RNR,FR>');
    expect(bench.statistics()[RX_RESOURCE_ERRORS]).toBe(0);
    bench.host.dma.write16(bench.rfds[0], 0);
    bench.ru(RUC.RESUME);
    bench.arrive(ether(MAC));
    expect([bench.status, bench.rfdStatus(0)]).toEqual([READY, DONE | TYPE]);
    expect(bench.chip.counters).toMatchObject({ delivered: 4, suspended: 1 });
    bench.expectSums();
  });

  test('is idle after abort, with RNR if it was ready', () => {
    const bench = new I8255xBench().start();
    bench.ru(RUC.ABORT);
    expect([bench.status, bench.causes]).toEqual([IDLE, STAT_ACK.RNR]);
    bench.acknowledge();
    bench.ru(RUC.ABORT);
    bench.arrive(ether(MAC));
    expect([bench.causes, bench.chip.counters.idle]).toEqual([0, 1]);
    bench.expectSums();
  });

  test('leaves an empty descriptor with EL alone: drivers guard the end of their ring with one', () => {
    const bench = new I8255xBench().start(3);
    const guard = bench.rfds[1];
    bench.host.dma.write16(guard + RFD.COMMAND, EL);
    bench.host.dma.write16(guard + RFD.SIZE, 0);
    bench.arrive(ether(MAC));
    expect(bench.status).toBe(READY);
    bench.arrive(ether(MAC));
    expect([bench.status, bench.rfdStatus(1), bench.rfdCount(1)]).toEqual([NO_RESOURCES, 0, 0]);
    expect(formatBits(bench.causes, STAT_ACK)).toBe('0x50<RNR,FR>');
    expect(bench.statistics()[RX_RESOURCE_ERRORS]).toBe(1);
    bench.expectSums();
  });

  test('a guard that is taken away in time is a descriptor like any other', () => {
    const bench = new I8255xBench().start(3);
    const guard = bench.rfds[1];
    bench.host.dma.write16(guard + RFD.COMMAND, EL);
    bench.host.dma.write16(guard + RFD.SIZE, 0);
    bench.arrive(ether(MAC));
    bench.host.dma.write16(guard + RFD.COMMAND, 0);
    bench.host.dma.write16(guard + RFD.SIZE, 1536);
    bench.arrive(ether(MAC));
    expect([bench.status, bench.rfdStatus(1)]).toEqual([READY, DONE | TYPE]);
  });

  test('a frame longer than its space is cut: no OK, and bit 9', () => {
    const bench = new I8255xBench().start(4, 128);
    bench.arrive(ether(MAC, 300));
    expect(status(bench)).toBe('0x8220<TYPE,NO_SPACE,C>');
    expect(bench.rfdCount(0)).toBe(EOF_F | 128);
    expect(bench.received(0, 136)).toEqual(
      new Uint8Array([...ether(MAC, 300).slice(0, 128), ...new Uint8Array(8)]),
    );
    expect(bench.chip.counters.truncated).toBe(1);
    bench.expectSums();
  });

  test('header descriptors have their header in front of the space', () => {
    const bench = new I8255xBench().linkUp();
    bench.setAddress();
    bench.makeRfds(2, 200);
    bench.host.dma.write16(bench.rfds[0] + RFD.COMMAND, 0x0010);
    bench.ru(RUC.LOAD_HDS, 64);
    bench.ru(RUC.START, bench.rfds[0]);
    bench.arrive(ether(MAC, 250));
    expect([bench.rfdStatus(0), bench.rfdCount(0)]).toEqual([DONE | TYPE, EOF_F | 186]);
    expect(bench.received(0, 250)).toEqual(ether(MAC, 250));
  });

  test('early receive interrupts come for frames that tell their length', () => {
    const bench = new I8255xBench('i82558b').start();
    bench.write(CSR.EARLY_RECEIVE, 1, 8);
    bench.arrive(ether(MAC, 200));
    expect(bench.causes).toBe(STAT_ACK.FR);
    bench.arrive(ether(MAC, 200, 186));
    expect(bench.causes).toBe(STAT_ACK.FR | STAT_ACK.ER);
  });
});

describe('addresses', () => {
  const seen = (bits: (typeof CONFIG)[keyof typeof CONFIG][], destination: readonly number[]): string => {
    const bench = new I8255xBench().start();
    bench.configure(configBytes(bits));
    bench.arrive(ether(destination));
    bench.expectSums();
    return bench.chip.counters.filtered === 1 ? 'filtered' : status(bench).replace('TYPE,', '');
  };

  test.each([
    [[], MAC, '0xa020<OK,C>'],
    [[], BROADCAST, '0xa022<NO_IA_MATCH,OK,C>'],
    [[], OTHER, 'filtered'],
    [[], GROUP, 'filtered'],
    [[CONFIG.BROADCAST_DISABLE], BROADCAST, 'filtered'],
    [[CONFIG.MULTICAST_ALL], GROUP, '0xa022<NO_IA_MATCH,OK,C>'],
    [[CONFIG.MULTICAST_ALL, CONFIG.BROADCAST_DISABLE], BROADCAST, 'filtered'],
    [[CONFIG.PROMISCUOUS], OTHER, '0xa026<NO_IA_MATCH,NO_ADDRESS_MATCH,OK,C>'],
    [[CONFIG.PROMISCUOUS], MAC, '0xa020<OK,C>'],
    [[CONFIG.PROMISCUOUS, CONFIG.BROADCAST_DISABLE], BROADCAST, '0xa026<NO_IA_MATCH,NO_ADDRESS_MATCH,OK,C>'],
  ] as const)('with %o, to %o: %s', (bits, destination, expected) => {
    expect(seen([...bits], destination)).toBe(expected);
  });

  test('multiple individual addresses go through the hash table', () => {
    const bench = new I8255xBench().start();
    bench.multicast(OTHER);
    bench.arrive(ether(OTHER));
    bench.configure(configBytes([CONFIG.MULTI_IA]));
    bench.arrive(ether(OTHER));
    expect([bench.chip.counters.filtered, bench.chip.counters.delivered]).toEqual([1, 1]);
  });

  test('the U/L bit can be left out from the 82558 on', () => {
    const local = [MAC[0] | 2, ...MAC.slice(1)];
    const delivered = (model: I8255xModel): number => {
      const bench = new I8255xBench(model).start();
      bench.configure(configBytes([CONFIG.IGNORE_UL]));
      bench.arrive(ether(local));
      return bench.chip.counters.delivered;
    };
    expect([delivered('i82557c'), delivered('i82558a')]).toEqual([0, 1]);
  });
});

describe('bad frames', () => {
  test('a wrong FCS is counted, and stored only in the mode that saves', () => {
    const bench = new I8255xBench().start();
    bench.arrive(ether(MAC), 1);
    expect([bench.rfdStatus(0), bench.chip.counters.crcError]).toEqual([0, 1]);
    bench.configure(configBytes([CONFIG.SAVE_BAD]));
    bench.arrive(ether(MAC), 1);
    expect(status(bench)).toBe('0x8820<TYPE,CRC,C>');
    expect(bench.statistics().slice(RX_GOOD, RX_GOOD + 2)).toEqual([0, 2]);
    expect(bench.chip.counters.savedCrcErrors).toBe(1);
    bench.expectSums();
  });

  test('whatever state the RU is in', () => {
    const bench = new I8255xBench().linkUp();
    bench.setAddress();
    bench.arrive(ether(MAC), 1);
    bench.arrive(ether(MAC, 40));
    expect([bench.statistics()[RX_CRC_ERRORS], bench.statistics()[RX_SHORT]]).toEqual([1, 1]);
    bench.expectSums();
  });

  test('short frames are dropped, or stored with an error; their FCS is not looked at', () => {
    const bench = new I8255xBench().start();
    bench.arrive(ether(MAC, 59));
    bench.configure(configBytes([], [CONFIG.DISCARD_SHORT]));
    bench.arrive(ether(MAC, 59), 1);
    expect(status(bench)).toBe('0x80a0<TYPE,SHORT,C>');
    bench.arrive(ether(MAC, 5));
    const statistics = bench.statistics();
    expect([statistics[RX_SHORT], statistics[RX_CRC_ERRORS], statistics[RX_GOOD]]).toEqual([2, 0, 0]);
    expect(bench.chip.counters).toMatchObject({ runt: 1, savedShort: 1, filtered: 1 });
    bench.expectSums();
  });

  test('long frames are good only from the 82558 on, when they are allowed', () => {
    const long = (model: I8255xModel, bits: (typeof CONFIG)[keyof typeof CONFIG][]): string => {
      const bench = new I8255xBench(model).start(4, 2000);
      bench.configure(configBytes(bits));
      bench.arrive(ether(MAC, 1515));
      bench.expectSums();
      return status(bench);
    };
    expect(long('i82559c', [])).toBe('0x0000<>');
    expect(long('i82559c', [CONFIG.LONG_OK])).toBe('0xa020<TYPE,OK,C>');
    expect(long('i82557b', [CONFIG.LONG_OK])).toBe('0x0000<>');
    expect(long('i82557b', [CONFIG.SAVE_BAD])).toBe('0x8020<TYPE,C>');
  });

  test('without a link nothing is received', () => {
    const bench = new I8255xBench().start();
    bench.medium.change({ carrier: false });
    bench.arrive(ether(MAC));
    expect(bench.chip.counters.linkDown).toBe(1);
    bench.expectSums();
  });
});

describe('what the later chips add', () => {
  test('82559: the checksum behind the frame (6.4.3.5, example 2)', () => {
    const bench = new I8255xBench('i82559c').start();
    bench.configure(configBytes([CONFIG.RX_CHECKSUM], [CONFIG.DISCARD_SHORT]));
    const payload = [0xf1, 0xf5, 0x54, 0x79, 0xe7, 0x9e, 0xf5];
    bench.arrive(Uint8Array.of(...MAC, ...OTHER, 0x08, 0x00, ...payload));
    expect(bench.rfdCount(0)).toBe(EOF_F | 23);
    expect(Array.from(bench.received(0, 23).slice(21))).toEqual([0x23, 0x0f]);
    const old = new I8255xBench('i82558b').start();
    old.configure(configBytes([CONFIG.RX_CHECKSUM]));
    old.arrive(ether(MAC));
    expect(old.rfdCount(0)).toBe(EOF_F | 60);
  });

  test('82550: extended descriptors take the VLAN tag', () => {
    for (const strip of [false, true]) {
      const bench = new I8255xBench('i82550').start();
      const bytes = new Uint8Array(32);
      bytes.set(configBytes([CONFIG.EXTENDED_RFD]));
      bytes[0] = 32;
      bytes[22] = strip ? CONFIG.VLAN_STRIP.bit : 0;
      bench.configure(bytes);
      const frame = ether(MAC, 104, 0x8100);
      frame.set([0x20, 0x2a], 14);
      bench.arrive(frame);
      const at = bench.rfds[0];
      const { u8 } = bench.host.memory;
      const expected = strip ? [...frame.slice(0, 12), ...frame.slice(16)] : [...frame];
      expect(status(bench)).toBe('0xb020<TYPE,VLAN,OK,C>');
      expect(bench.rfdCount(0)).toBe(EOF_F | expected.length);
      expect(Array.from(u8.slice(at + 16, at + 32))).toEqual([0x20, 0x2a, ...new Array(14).fill(0)]);
      expect(Array.from(u8.slice(at + 32, at + 32 + expected.length))).toEqual(expected);
      bench.expectSums();
    }
  });

  test('flexible descriptors are taken as simplified ones, and it is said', () => {
    const bench = new I8255xBench().start();
    bench.host.dma.write16(bench.rfds[0] + RFD.COMMAND, COMMAND.SF);
    bench.arrive(ether(MAC));
    expect([bench.rfdStatus(0), bench.host.warnings.length]).toEqual([DONE | TYPE, 1]);
  });
});

test('an interrupt handler may refill and start the RU in the middle of it all', () => {
  const bench = new I8255xBench().start(2);
  bench.host.onInterrupt = () => {
    bench.acknowledge();
    for (const at of bench.rfds) bench.host.dma.write16(at + RFD.STATUS, 0);
    if ((bench.status & 0x3c) !== READY) bench.ru(RUC.START, bench.rfds[0]);
  };
  for (let i = 0; i < 20; i++) bench.arrive(ether(MAC));
  expect(bench.chip.counters.delivered).toBe(20);
  bench.cu(CUC.NOP);
  bench.expectSums();
});
