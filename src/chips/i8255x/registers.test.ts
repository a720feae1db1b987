import { describe, expect, test } from 'vitest';
import { formatBits } from '../../bus/format-bits.ts';
import { PciConfig } from '../../bus/pci-config.ts';
import { FakeHost, FakeMedium } from '../testing.ts';
import { CONFIG, configBytes } from './config.ts';
import { I8255x, type I8255xModel } from './model.ts';
import { MODELS } from './models.ts';
import { CSR, CUC, MDI_READ, MDI_WRITE, PORT, RUC, SCB_CONTROL, STAT_ACK, STATISTIC } from './sheet.ts';
import { DONE, ether, FLAGS, I8255xBench, MAC, OTHER } from './testing.ts';

const ALL = Object.keys(MODELS) as I8255xModel[];

describe('identity', () => {
  test('an 82557B looks in configuration space as one in a real machine did', () => {
    const { chip } = new I8255xBench('i82557b');
    const config = new PciConfig(chip.identity);
    // Command apart: 86 80 29 12 .. .. 80 02 02 00 00 02, no capabilities, pin A, 08 38.
    expect(config.read(0, 4)).toBe(0x12298086);
    expect(config.read(6, 2)).toBe(0x0280);
    expect(config.read(8, 4)).toBe(0x02000002);
    expect(config.read(0x34, 1)).toBe(0);
    expect(config.read(0x3d, 1)).toBe(1);
    expect(config.read(0x3e, 2)).toBe(0x3808);
    expect(chip.identity.bars).toEqual([
      { kind: 'memory', size: 4096 },
      { kind: 'io', size: 32 },
      { kind: 'memory', size: 1 << 20 },
    ]);
  });

  test.each([
    ['i82557a', 0x1229, 0x01, 32],
    ['i82558b', 0x1229, 0x05, 32],
    ['i82559c', 0x1229, 0x08, 64],
    ['i82559er', 0x1209, 0x09, 64],
    ['i82551', 0x1209, 0x0f, 64],
    ['i82801', 0x2449, 0x03, 64],
  ] as const)('%s is device %i, revision %i', (model, device, revision, ioBytes) => {
    const { identity } = new I8255xBench(model).chip;
    expect([identity.vendorId, identity.deviceId, identity.revision]).toEqual([0x8086, device, revision]);
    expect(identity.bars[1]).toEqual({ kind: 'io', size: ioBytes });
  });

  test('options that cannot be are refused with what would be right', () => {
    const make = (options: object) => () =>
      new I8255x(new FakeHost(), new FakeMedium(), { model: 'i82557b', mac: MAC, ...options } as never);
    expect(make({ model: 'i82556' })).toThrow(/"i82556": one of i82557a, /);
    expect(make({ mac: [1, 2, 3] })).toThrow(/6 would be right/);
    expect(make({ eepromWords: 256 })).toThrow(/64 would be right/);
    expect(make({ eepromWords: 256, model: 'i82559c' })).not.toThrow();
  });
});

describe('access', () => {
  test.each(ALL)('%s: nothing has happened after reset, and both windows show the same', (model) => {
    const { chip, host } = new I8255xBench(model);
    for (const bar of [0, 1]) {
      expect(chip.readBar(bar, 0, 4)).toBe(0);
      expect(chip.readBar(bar, CSR.MDI_CONTROL, 4)).toBe(0x10000000);
    }
    expect(host.line).toBe(false);
  });

  test('the general pointer can be written in pieces of any width', () => {
    const bench = new I8255xBench();
    bench.write(4, 4, 0x12345678);
    bench.write(5, 1, 0xab);
    bench.write(6, 2, 0xcdef);
    expect(bench.read(4, 4)).toBe(0xcdefab78);
    expect(bench.read(6, 1)).toBe(0xef);
  });

  test('where no register is, reads give ones, writes do nothing, and it is said', () => {
    const bench = new I8255xBench('i82557b');
    for (const [offset, width] of [
      [0x20, 4],
      [0x1e, 4],
      [0xffc, 4],
      [-1, 1],
    ] as const) {
      expect(bench.read(offset, width)).toBe(width === 4 ? 0xffffffff : 0xff);
      bench.write(offset, width, 0);
    }
    expect(bench.host.warnings.length).toBe(8);
    // Flash that is not there.
    expect(bench.chip.readBar(2, 0x1000, 4)).toBe(0xffffffff);
    expect(bench.host.warnings.length).toBe(8);
  });

  test('the command byte is accepted at once', () => {
    const bench = new I8255xBench();
    bench.write(CSR.SCB_COMMAND, 1, 0x40);
    expect(bench.read(CSR.SCB_COMMAND, 1)).toBe(0);
  });
});

describe('interrupts', () => {
  const { M, SI } = SCB_CONTROL;

  test('SI raises SWI, M keeps the line down, the acknowledgment clears', () => {
    const bench = new I8255xBench();
    bench.write(CSR.SCB_CONTROL, 1, SI | M);
    expect(formatBits(bench.causes, STAT_ACK)).toBe('0x04<SWI>');
    expect(bench.read(CSR.SCB_CONTROL, 1)).toBe(M);
    expect(bench.host.line).toBe(false);
    bench.write(CSR.SCB_CONTROL, 1, 0);
    expect(bench.host.line).toBe(true);
    bench.acknowledge(0xfb);
    expect(bench.host.line).toBe(true);
    bench.acknowledge(0x04);
    expect([bench.host.line, bench.causes]).toEqual([false, 0]);
  });

  test('a command and the mask in one write: the mask counts already', () => {
    const bench = new I8255xBench();
    const block = bench.block(FLAGS.EL | FLAGS.I);
    bench.write(CSR.SCB_POINTER, 4, block);
    bench.write(CSR.SCB_COMMAND, 2, 0x0110);
    expect(formatBits(bench.causes, STAT_ACK)).toBe('0xa0<CNA,CX>');
    expect(bench.host.rises).toBe(0);
  });

  test.each([
    ['CX', 0x80],
    ['CNA', 0x20],
  ] as const)('from the 82558 on %s has a mask of its own', (_, mask) => {
    const bench = new I8255xBench('i82558b');
    bench.write(CSR.SCB_CONTROL, 1, 0xa0 & ~mask);
    bench.cu(CUC.START, bench.block(FLAGS.EL | FLAGS.I));
    expect(bench.host.line).toBe(true);
    bench.write(CSR.SCB_CONTROL, 1, 0xa0);
    expect([bench.host.line, bench.causes]).toEqual([false, 0xa0]);
  });

  test('the 82557 has none', () => {
    const bench = new I8255xBench('i82557c');
    bench.write(CSR.SCB_CONTROL, 1, 0xfc);
    expect(bench.read(CSR.SCB_CONTROL, 1)).toBe(0);
    bench.cu(CUC.START, bench.block(FLAGS.EL | FLAGS.I));
    expect(bench.host.line).toBe(true);
  });

  test('ER and FCP are masked two bits above where they are', () => {
    const bench = new I8255xBench().linkUp();
    bench.write(CSR.SCB_CONTROL, 1, SCB_CONTROL.FCP_MASK);
    const pause = ether([0x01, 0x80, 0xc2, 0, 0, 1], 60, 0x8808).fill(0, 14);
    pause[15] = 1;
    bench.arrive(pause);
    expect(formatBits(bench.causes, STAT_ACK)).toBe('0x01<FCP>');
    expect(bench.host.line).toBe(false);
    bench.write(CSR.SCB_CONTROL, 1, SCB_CONTROL.ER_MASK);
    expect(bench.host.line).toBe(true);
  });
});

describe('MDI', () => {
  test('reads and writes the PHY at address 1; READY is there at once', () => {
    const bench = new I8255xBench();
    expect(bench.mdi(MDI_READ, 1, 2)).toBe(0x182202a8);
    expect(bench.causes).toBe(0);
    expect(bench.mdi(MDI_READ, 1, 3) & 0xffff).toBe(0x0154);
    bench.mdi(MDI_WRITE, 1, 4, 0x0061);
    expect(bench.mdi(MDI_READ, 1, 4) & 0xffff).toBe(0x0061);
  });

  test('nobody is at the other addresses', () => {
    const bench = new I8255xBench();
    for (const phy of [0, 2, 31]) expect(bench.mdi(MDI_READ, phy, 1) & 0xffff).toBe(0xffff);
    bench.mdi(MDI_WRITE, 0, 0, 0x0800);
    expect(bench.chip.phy.silent).toBe(false);
  });

  // Linux' e100 sets a speed like that: the link stayed at 100 Mb/s while our PHY was still in its reset.
  test('a PHY that was reset takes the very next write: a speed forced behind a reset is forced', () => {
    const bench = new I8255xBench().linkUp();
    bench.mdi(MDI_WRITE, 1, 0, 0x8000);
    const control = bench.mdi(MDI_READ, 1, 0) & 0xffff;
    expect(control).toBe(0x3100);
    bench.mdi(MDI_WRITE, 1, 0, control & ~0x3100);
    expect(bench.mdi(MDI_READ, 1, 0) & 0xffff).toBe(0);
    bench.host.wait(3_000_000_000);
    expect(bench.chip.phy.link).toEqual({ up: true, bitsPerSecond: 10_000_000, fullDuplex: false });
  });

  test('IE asks for an interrupt; words act with their upper half', () => {
    const bench = new I8255xBench();
    bench.write(CSR.MDI_CONTROL, 2, 0);
    expect(bench.read(CSR.MDI_CONTROL, 4) & 0xffff).toBe(0);
    bench.write(CSR.MDI_CONTROL + 2, 2, 0x2000 | 0x0821);
    expect(formatBits(bench.causes, STAT_ACK)).toBe('0x08<MDI>');
    expect(bench.read(CSR.MDI_CONTROL, 4)).toBe(0x38217849);
  });
});

describe('status of the link', () => {
  test('is in the general status byte from the 82559 on', () => {
    const bench = new I8255xBench('i82559c');
    expect(bench.read(CSR.GENERAL_STATUS, 1)).toBe(0);
    bench.linkUp();
    expect(bench.read(CSR.GENERAL_STATUS, 1)).toBe(7);
    expect(new I8255xBench('i82558b').linkUp().read(CSR.GENERAL_STATUS, 1)).toBe(0);
  });
});

describe('PORT', () => {
  test('self-test writes a signature and no failure, and leaves the chip reset', () => {
    const bench = new I8255xBench().start();
    const at = bench.host.memory.alloc(16, 16);
    bench.host.dma.write32(at + 4, 0xffffffff);
    bench.write(CSR.SCB_CONTROL, 1, 1);
    bench.port(PORT.SELF_TEST, at);
    expect(bench.host.dma.read32(at)).toBe(0x04f4518b);
    expect(bench.host.dma.read32(at + 4)).toBe(0);
    expect(bench.read(0, 4)).toBe(0);
  });

  test('a software reset brings the defaults back and gives up what is under way', () => {
    const bench = new I8255xBench().start();
    bench.medium.slow = true;
    bench.configure(configBytes([CONFIG.PROMISCUOUS]));
    for (let i = 0; i < 3; i++) bench.send(ether(OTHER));
    expect(bench.chip.counters.waiting).toBe(3);
    bench.port(PORT.SOFTWARE_RESET);
    expect([bench.status, bench.causes, bench.chip.counters.txAborted]).toEqual([0, 0, 3]);
    bench.expectSums();
    // The cable is still busy with the first one.
    bench.setAddress();
    bench.send(ether(OTHER, 70));
    expect(bench.medium.sent.length).toBe(1);
    bench.medium.finish();
    expect(bench.medium.sent.length).toBe(2);
    bench.medium.finish();
    bench.arrive(ether(OTHER));
    expect(bench.chip.counters.filtered).toBe(1);
    bench.expectSums();
  });

  test('a selective reset keeps configuration and address', () => {
    const bench = new I8255xBench('i82557b').start();
    bench.port(PORT.SELECTIVE_RESET);
    expect(bench.status).toBe(0);
    bench.makeRfds().ru(RUC.START, bench.rfds[0]);
    bench.arrive(ether(MAC));
    expect(bench.rfdStatus(0)).toBe(DONE | 0x20);
    bench.port(PORT.SOFTWARE_RESET);
    bench.makeRfds().ru(RUC.START, bench.rfds[0]);
    bench.arrive(ether(MAC));
    // An 82557 has no address until it is given one.
    expect(bench.chip.counters.filtered).toBe(1);
  });

  test('from the 82558 on the address of the EEPROM counts before any driver came', () => {
    const bench = new I8255xBench('i82558a').linkUp().makeRfds();
    bench.ru(RUC.START, bench.rfds[0]);
    bench.arrive(ether(MAC));
    expect(bench.rfdStatus(0)).toBe(DONE | 0x20);
  });

  test('byte by byte, the last one acts', () => {
    const bench = new I8255xBench().start();
    const { memory } = bench.host;
    const at = memory.alloc(600, 16);
    const word = at | PORT.DUMP;
    for (let i = 0; i < 4; i++) {
      expect(memory.u8[at]).toBe(0);
      bench.write(CSR.PORT + i, 1, (word >>> (8 * i)) & 0xff);
    }
    expect(Array.from(memory.u8.subarray(at, at + 4))).toEqual([22, 8, 0, 0]);
    expect(Array.from(memory.u8.subarray(at + 32, at + 38))).toEqual(MAC);
    bench.port(9, at);
    expect(bench.chip.counters.ignoredScbCommands).toBe(1);
  });
});

describe('statistics', () => {
  test.each([
    ['i82557c', [], 16],
    ['i82558b', [], 16],
    ['i82559c', [], 16],
    ['i82557c', [CONFIG.STANDARD_STATISTICS], 16],
    ['i82558b', [CONFIG.STANDARD_STATISTICS], 19],
    ['i82559c', [CONFIG.STANDARD_STATISTICS], 19],
  ] as const)('%s with extended statistics %o dumps %i of them', (model, clear, count) => {
    const bench = new I8255xBench(model);
    bench.configure(configBytes([], clear));
    expect(bench.statistics()).toEqual([...new Array(count).fill(0), 0xa005]);
  });

  test('the 82559 adds the TCO word when it is told to', () => {
    for (const clear of [[], [CONFIG.STANDARD_STATISTICS]]) {
      const bench = new I8255xBench('i82559er');
      bench.configure(configBytes([CONFIG.TNO_OR_TCO], clear));
      expect(bench.statistics()).toEqual([...new Array(20).fill(0), 0xa005]);
    }
  });

  test('dump and reset starts again from zero', () => {
    const bench = new I8255xBench().start();
    bench.send(ether(OTHER));
    bench.arrive(ether(MAC));
    bench.arrive(ether(MAC));
    const before = bench.statistics(CUC.DUMP_RESET_STATISTICS);
    expect([before[STATISTIC.TX_GOOD], before[STATISTIC.RX_GOOD], before.at(-1)]).toEqual([1, 2, 0xa007]);
    expect(bench.statistics()).toEqual([...new Array(16).fill(0), 0xa005]);
  });

  test('a dump that nobody can read is a fault, and nothing is lost', () => {
    const bench = new I8255xBench().start();
    bench.send(ether(OTHER));
    bench.cu(CUC.LOAD_DUMP_ADDRESS, 0xfffffff0);
    bench.cu(CUC.DUMP_RESET_STATISTICS);
    expect(bench.chip.counters.busFaults).toBe(1);
    expect(bench.host.dma.masterAborts).toBe(1);
    expect(bench.statistics()[STATISTIC.TX_GOOD]).toBe(1);
  });
});
