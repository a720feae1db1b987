import { describe, expect, test } from 'vitest';
import { formatBits } from '../../bus/format-bits.ts';
import { TX_DEFERRED, TX_LATE_COLLISION, TX_NO_CARRIER, TX_RETRY } from '../../wire/medium.ts';
import { CB, CMD, COMMAND } from './blocks.ts';
import { CONFIG, configBytes, LOOPBACK_BYTE } from './config.ts';
import { CSR, CUC, MDI_WRITE, PORT, STAT_ACK, STATISTIC } from './sheet.ts';
import { DONE, ether, FLAGS, I8255xBench, MAC, OTHER, pauseFrame } from './testing.ts';

const { EL, S, I } = FLAGS;
const UNDERRUN = 0x1000;

describe('frames', () => {
  test('simplified mode: the frame is behind the block', () => {
    const bench = new I8255xBench().start();
    const frame = ether(OTHER, 1514);
    expect(bench.send(frame, EL | I)).toBe(DONE);
    expect(bench.medium.sent).toEqual([{ bytes: frame, fcs: null }]);
    expect(formatBits(bench.causes, STAT_ACK)).toBe('0xa0<CNA,CX>');
    expect(bench.statistics()[STATISTIC.TX_GOOD]).toBe(1);
    bench.expectSums();
  });

  test.each([false, true])('flexible mode: pieces by TBDs (extended TxCB: %s)', (extended) => {
    const bench = new I8255xBench('i82558b').start();
    bench.configure(configBytes([], extended ? [CONFIG.STANDARD_TCB] : []));
    for (const cuts of [[200], [14, 200], [6, 14, 200], [1, 2, 3, 4, 5, 100, 200]]) {
      const frame = ether(OTHER, 200);
      const pieces = cuts.map((end, i) => frame.slice(cuts[i - 1] ?? 0, end));
      const at = bench.flexible(pieces, EL, extended);
      bench.cu(CUC.START, at);
      expect(bench.word(at)).toBe(DONE);
      expect(bench.medium.sent.pop()?.bytes).toEqual(frame);
    }
    bench.expectSums();
  });

  test('immediate data and TBDs together', () => {
    const bench = new I8255xBench('i82557b').start();
    const frame = ether(OTHER, 100);
    const at = bench.flexible([frame.slice(14)], EL);
    bench.host.dma.write16(at + CB.BYTE_COUNT, 0x8000 | 14);
    bench.host.memory.u8.set(frame.slice(0, 14), at + CB.DATA);
    bench.cu(CUC.START, at);
    expect(bench.medium.sent[0].bytes).toEqual(frame);
  });

  test('an extended TxCB with EL in its first TBD has no second', () => {
    const bench = new I8255xBench('i82559c').start();
    bench.configure(configBytes([], [CONFIG.STANDARD_TCB]));
    const at = bench.flexible([ether(OTHER, 80), new Uint8Array(50)], EL, true);
    bench.host.dma.write16(at + CB.DATA + 6, 1);
    bench.cu(CUC.START, at);
    expect(bench.medium.sent[0].bytes.length).toBe(80);
  });

  test('an 82557 knows no extended TxCB', () => {
    const bench = new I8255xBench('i82557c').start();
    bench.configure(configBytes([], [CONFIG.STANDARD_TCB]));
    const at = bench.flexible([ether(OTHER, 80)], EL);
    bench.cu(CUC.START, at);
    expect(bench.medium.sent[0].bytes).toEqual(ether(OTHER, 80));
  });

  test('dynamic TBDs end with EL, and a null pointer is an underrun', () => {
    const bench = new I8255xBench('i82559c').start();
    bench.configure(configBytes([CONFIG.DYNAMIC_TBD]));
    const at = bench.flexible([ether(OTHER, 70), new Uint8Array(30)], EL);
    bench.host.memory.u8[at + CB.TBD_NUMBER] = 0xff;
    const array = bench.host.dma.read32(at + CB.TBD_ARRAY);
    bench.host.dma.write16(array + 8 + 6, 1);
    bench.cu(CUC.START, at);
    expect([bench.word(at), bench.medium.sent[0].bytes.length]).toEqual([DONE, 100]);
    bench.host.dma.write16(array + 8 + 6, 0);
    bench.cu(CUC.START, at);
    expect([bench.word(at), bench.medium.sent.length]).toEqual([DONE | UNDERRUN, 1]);
    expect(bench.chip.counters.txUnderrun).toBe(1);
    expect(bench.statistics()[STATISTIC.TX_UNDERRUNS]).toBe(1);
    bench.expectSums();
  });

  test('short frames are padded with zeros, or not', () => {
    const bench = new I8255xBench().start();
    bench.send(ether(OTHER, 20));
    const [padded] = bench.medium.sent;
    expect(padded.bytes).toEqual(new Uint8Array([...ether(OTHER, 20), ...new Uint8Array(40)]));
    bench.configure(configBytes([], [CONFIG.PADDING]));
    bench.send(ether(OTHER, 20));
    expect(bench.medium.sent[1].bytes.length).toBe(20);
  });

  test('without NSAI the chip puts its address in', () => {
    const bench = new I8255xBench().start();
    bench.configure(configBytes([], [CONFIG.NSAI]));
    bench.send(ether(OTHER, 64));
    expect(Array.from(bench.medium.sent[0].bytes.slice(6, 12))).toEqual(MAC);
    bench.send(ether(OTHER, 64), EL | COMMAND.NC);
    expect(Array.from(bench.medium.sent[1].bytes.slice(6, 12))).toEqual(OTHER);
  });

  test('NC: the last four bytes are the FCS', () => {
    const bench = new I8255xBench().start();
    bench.send(Uint8Array.of(...ether(OTHER, 60), 0x11, 0x22, 0x33, 0x44), EL | COMMAND.NC);
    expect(bench.medium.sent).toEqual([{ bytes: ether(OTHER, 60), fcs: 0x44332211 }]);
  });
});

describe('the FIFO', () => {
  test('a block is done when its frame is in the FIFO, not when it has left', () => {
    const bench = new I8255xBench().start();
    bench.medium.slow = true;
    expect([bench.send(ether(OTHER, 1514)), bench.send(ether(OTHER, 1514))]).toEqual([DONE, DONE]);
    expect(bench.medium.sent.length).toBe(1);
    expect(bench.statistics()[STATISTIC.TX_GOOD]).toBe(0);
    expect(bench.send(ether(OTHER, 1514))).toBe(0);
    expect(bench.chip.counters.waiting).toBe(2);
    for (let i = 0; i < 3; i++) bench.medium.finish();
    expect(bench.statistics()[STATISTIC.TX_GOOD]).toBe(3);
    bench.expectSums();
  });

  test('holds two frames at most when told so', () => {
    const bench = new I8255xBench().start();
    bench.configure(configBytes([CONFIG.TWO_FRAMES]));
    bench.medium.slow = true;
    const done = [1, 2, 3].map(() => bench.send(ether(OTHER)));
    expect(done).toEqual([DONE, DONE, 0]);
    for (let i = 0; i < 3; i++) bench.medium.finish();
    bench.expectSums();
  });

  test('a frame longer than the FIFO goes through it alone', () => {
    const bench = new I8255xBench().start();
    bench.send(ether(OTHER, 9000));
    expect(bench.medium.sent[0].bytes.length).toBe(9000);
  });

  test('a hundred blocks leave in order, whether the medium takes time or not', () => {
    for (const slow of [false, true]) {
      const bench = new I8255xBench().start();
      bench.medium.slow = slow;
      let link = 0xffffffff;
      const blocks: number[] = [];
      for (let i = 99; i >= 0; i--) {
        link = bench.simplified(ether(OTHER, 60 + i), i === 99 ? EL : 0, link);
        blocks.push(link);
      }
      bench.cu(CUC.START, link);
      for (let i = 0; slow && i < 100; i++) bench.medium.finish();
      expect(bench.medium.sent.map((sent) => sent.bytes.length)).toEqual(
        Array.from({ length: 100 }, (_, i) => 60 + i),
      );
      expect(blocks.every((at) => bench.word(at) === DONE)).toBe(true);
      bench.expectSums();
    }
  });
});

describe('how frames leave', () => {
  const outcome = (status: number, clear: (typeof CONFIG)[keyof typeof CONFIG][] = []) => {
    const bench = new I8255xBench('i82557b').start();
    bench.configure(configBytes([], clear));
    bench.medium.endings.push(status);
    expect(bench.send(ether(OTHER))).toBe(DONE);
    bench.expectSums();
    return { statistics: bench.statistics(), counters: bench.chip.counters };
  };
  const {
    TX_GOOD,
    TX_DEFERRED: DEFERRED,
    TX_SINGLE_COLLISION,
    TX_MULTIPLE_COLLISIONS,
    TX_TOTAL_COLLISIONS,
    TX_MAX_COLLISIONS,
    TX_LATE_COLLISIONS,
    TX_LOST_CRS,
  } = STATISTIC;

  test('collisions and deferral are in the statistics', () => {
    const one = outcome(1 | TX_DEFERRED).statistics;
    expect([one[TX_GOOD], one[TX_SINGLE_COLLISION], one[TX_TOTAL_COLLISIONS], one[DEFERRED]]).toEqual([
      1, 1, 1, 1,
    ]);
    const many = outcome(5).statistics;
    expect([many[TX_GOOD], many[TX_MULTIPLE_COLLISIONS], many[TX_TOTAL_COLLISIONS]]).toEqual([1, 1, 5]);
  });

  test('frames that were given up', () => {
    const retry = outcome(TX_RETRY | 15);
    expect([retry.statistics[TX_GOOD], retry.statistics[TX_MAX_COLLISIONS]]).toEqual([0, 1]);
    expect([retry.statistics[TX_TOTAL_COLLISIONS], retry.counters.txRetry]).toEqual([16, 1]);
    const late = outcome(TX_LATE_COLLISION | 1);
    expect([late.statistics[TX_LATE_COLLISIONS], late.counters.txLateCollision]).toEqual([1, 1]);
  });

  test('a lost carrier is noticed in half duplex only', () => {
    const half = outcome(TX_NO_CARRIER, [CONFIG.FDX_PIN]);
    expect([half.statistics[TX_GOOD], half.statistics[TX_LOST_CRS]]).toEqual([0, 1]);
    const full = outcome(TX_NO_CARRIER);
    expect([full.statistics[TX_GOOD], full.statistics[TX_LOST_CRS]]).toEqual([1, 0]);
    expect([half.counters.txNoCarrier, full.counters.txNoCarrier]).toEqual([1, 1]);
  });

  test('without a link nothing reaches the medium', () => {
    const bench = new I8255xBench();
    bench.send(ether(OTHER));
    expect([bench.medium.sent.length, bench.chip.counters.txNoCarrier]).toEqual([0, 1]);
    bench.expectSums();
  });

  test('TNO tells of a failure on the 82557 and 82558; later its bit means something else', () => {
    for (const [model, causes] of [
      ['i82557b', 0xa0],
      ['i82558a', 0xa0],
      ['i82559a', 0x20],
    ] as const) {
      const bench = new I8255xBench(model).start();
      bench.configure(configBytes([CONFIG.TNO_OR_TCO]));
      bench.acknowledge();
      bench.medium.endings.push(TX_RETRY | 15);
      bench.send(ether(OTHER));
      expect(bench.causes, model).toBe(causes);
    }
  });
});

describe('loopback', () => {
  const looped = (value: number, prepare: (bench: I8255xBench) => void = () => {}): I8255xBench => {
    const bench = new I8255xBench().start();
    const bytes = configBytes([]);
    bytes[LOOPBACK_BYTE] |= value << 6;
    bench.configure(bytes);
    prepare(bench);
    bench.send(ether(MAC, 100));
    return bench;
  };

  test.each([1, 2])('inside the chip (%i): the frame comes back and nothing leaves or enters', (value) => {
    const bench = looped(value);
    expect(bench.rfdStatus(0)).toBe(DONE | 0x20);
    expect(bench.received(0, 100)).toEqual(ether(MAC, 100));
    bench.arrive(ether(MAC));
    expect([bench.medium.sent.length, bench.chip.counters.loopbackMode]).toEqual([0, 1]);
    bench.expectSums();
  });

  test('through the PHY, when that loops', () => {
    const bench = looped(3, (b) => b.mdi(MDI_WRITE, 1, 0, 0x6100));
    expect([bench.rfdStatus(0), bench.medium.sent.length]).toEqual([DONE | 0x20, 0]);
    const open = looped(3);
    expect([open.rfdStatus(0), open.medium.sent.length]).toEqual([0, 1]);
    open.expectSums();
  });
});

describe('flow control', () => {
  const XON = 1;
  const XOFF = 2;

  test('a pause frame stops the transmitter for its time, and says so', () => {
    const bench = new I8255xBench('i82558b').start();
    bench.arrive(pauseFrame(1000));
    expect(formatBits(bench.causes, STAT_ACK)).toBe('0x01<FCP>');
    expect(bench.read(CSR.FLOW_COMMAND, 1)).toBe(4);
    expect(bench.send(ether(OTHER))).toBe(DONE);
    // 1000 units of 512 bit times at 100 Mb/s.
    bench.host.wait(5_119_000);
    expect(bench.medium.sent.length).toBe(0);
    bench.host.wait(2_000);
    expect([bench.medium.sent.length, bench.read(CSR.FLOW_COMMAND, 1)]).toEqual([1, 0]);
    const { FC_RX_PAUSE } = STATISTIC;
    bench.configure(configBytes([], [CONFIG.STANDARD_STATISTICS]));
    expect(bench.statistics()[FC_RX_PAUSE]).toBe(1);
    bench.expectSums();
  });

  test('a pause of 0 lets it go on', () => {
    const bench = new I8255xBench().start();
    bench.arrive(pauseFrame(0xffff));
    bench.send(ether(OTHER));
    bench.arrive(pauseFrame(0));
    expect(bench.medium.sent.length).toBe(1);
  });

  test('the frames are stored or kept; other opcodes are counted', () => {
    const bench = new I8255xBench().start();
    bench.configure(configBytes([CONFIG.REJECT_FC], [CONFIG.STANDARD_STATISTICS]));
    bench.arrive(pauseFrame(1));
    bench.arrive(pauseFrame(1, 2));
    expect(bench.chip.counters.flowControl).toBe(2);
    expect(bench.statistics()[STATISTIC.FC_RX_UNSUPPORTED]).toBe(1);
    bench.configure(configBytes([CONFIG.MULTICAST_ALL]));
    bench.arrive(pauseFrame(1));
    expect(bench.chip.counters.delivered).toBe(1);
    bench.expectSums();
  });

  test('disabled, damaged, or on an 82557: a frame like any other', () => {
    const off = new I8255xBench().start();
    off.configure(configBytes([CONFIG.FC_DISABLE]));
    off.arrive(pauseFrame(1000));
    const damaged = new I8255xBench().start();
    damaged.medium.arrive(pauseFrame(1000), 1);
    const old = new I8255xBench('i82557c').start();
    old.arrive(pauseFrame(1000));
    for (const bench of [off, damaged, old]) {
      bench.send(ether(OTHER));
      expect([bench.medium.sent.length, bench.chip.counters.filtered]).toEqual([1, 1]);
    }
  });

  test('XOFF and XON send pause frames', () => {
    const bench = new I8255xBench().start();
    bench.write(CSR.FLOW_COMMAND, 1, XOFF);
    bench.write(CSR.FLOW_COMMAND, 1, XON);
    const [off, on] = bench.medium.sent.map((sent) => Array.from(sent.bytes.slice(0, 18)));
    const head = [0x01, 0x80, 0xc2, 0, 0, 1, ...MAC, 0x88, 0x08, 0, 1];
    expect(off).toEqual([...head, 0x40, 0x00]);
    expect(on).toEqual([...head, 0, 0]);
    bench.expectSums();
  });

  test('a reset ends the pause', () => {
    const bench = new I8255xBench().start();
    bench.arrive(pauseFrame(0xffff));
    bench.send(ether(OTHER));
    bench.port(PORT.SELECTIVE_RESET);
    bench.send(ether(OTHER, 99));
    expect(bench.medium.sent.map((sent) => sent.bytes.length)).toEqual([99]);
    bench.expectSums();
  });
});

test('a driver sends from its interrupt handler: no frame is lost and nothing nests', () => {
  const bench = new I8255xBench().start();
  const ring = [0, 1, 2, 3].map(() => bench.simplified(ether(OTHER, 100), S | I));
  for (let i = 0; i < 4; i++) bench.host.dma.write32(ring[i] + CB.LINK, ring[(i + 1) % 4]);
  let last = 0;
  let sent = 1;
  bench.host.onInterrupt = () => {
    bench.acknowledge();
    if (sent >= 50) return;
    sent++;
    bench.host.dma.write16(ring[last] + CB.COMMAND, CMD.TRANSMIT | I);
    last = (last + 1) % 4;
    bench.host.dma.write16(ring[last] + CB.COMMAND, CMD.TRANSMIT | S | I);
    bench.cu(CUC.RESUME);
  };
  bench.cu(CUC.START, ring[0]);
  bench.host.wait(1_000_000);
  expect([bench.medium.sent.length, bench.chip.counters.transmitted]).toEqual([50, 50]);
  bench.expectSums();
});
