// A card in a machine of v86 that does not run: what its processor and its devices see of each other.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NotingChip, type V86Bench, v86Bench } from '../../../test/vocabulary/v86-bench.ts';
import type { PciIdentity, Width } from '../../bus/host.ts';
import { PciConfig } from '../../bus/pci-config.ts';
import { SystemClock } from '../../kernel/clock.ts';
import { type AttachedNic, type AttachOptions, attachNic } from './attach.ts';

const BARS: PciIdentity['bars'] = [
  { kind: 'io', size: 32 },
  { kind: 'memory', size: 4096 },
];
const WIDTHS: Width[] = [1, 2, 4];
const COMMAND = 4;
const BAR0 = 0x10;
const BAR1 = 0x14;
/** I/O and memory decoding. */
const DECODING = 3;
const MASTER = 4;

let bench: V86Bench;
let nowMs = 0;
let clock: SystemClock;
let log: string[];

beforeEach(async () => {
  nowMs = 0;
  clock = new SystemClock(() => nowMs);
  log = [];
  bench = await v86Bench();
});
afterEach(() => bench.emulator.destroy());

function attach(options: Partial<AttachOptions> = {}, bars = BARS): AttachedNic<NotingChip> {
  return attachNic(bench.emulator, (host) => new NotingChip(host, bars), {
    clock,
    log: (message) => log.push(message),
    ...options,
  });
}

describe('configuration space', () => {
  test('is what the chip says of itself, with its bases, its line and decoding, as firmware leaves it', () => {
    const { chip, slot, irq, ioBase, memoryBase } = attach();
    const expected = new PciConfig(chip.identity);
    expected.write(BAR0, 4, ioBase);
    expected.write(BAR1, 4, memoryBase);
    expected.write(0x3c, 1, irq);
    expected.write(COMMAND, 2, DECODING);
    for (let offset = 0; offset < 256; offset += 4)
      expect(bench.readConfig(slot, offset, 4), `offset ${offset}`).toBe(expected.read(offset, 4));
    expect(bench.readConfig(slot, 0x0a, 2)).toBe(0x0200);
    expect(bench.readConfig(slot, 0x3d, 1)).toBe(1);
  });

  test('what is read only stays, and a base of ones shows the size', () => {
    const { slot, ioBase, memoryBase } = attach();
    for (const offset of [0, 8, 0x0c, 0x2c, 0x34]) {
      const before = bench.readConfig(slot, offset, 4);
      bench.writeConfig(slot, offset, 4, 0xffffffff);
      const writable = offset === 0x0c ? 0x0000ffff : 0;
      expect(bench.readConfig(slot, offset, 4)).toBe((before | writable) >>> 0);
    }
    bench.writeConfig(slot, BAR0, 4, 0xffffffff);
    bench.writeConfig(slot, BAR1, 4, 0xffffffff);
    expect(bench.readConfig(slot, BAR0, 4)).toBe(0xffffffe1);
    expect(bench.readConfig(slot, BAR1, 4)).toBe(0xfffff000);
    bench.writeConfig(slot, BAR0, 4, ioBase);
    bench.writeConfig(slot, BAR1, 4, memoryBase);
    expect(bench.readConfig(slot, BAR0, 4)).toBe(ioBase | 1);
    expect(bench.readConfig(slot, BAR1, 4)).toBe(memoryBase);
  });

  test('is written by bytes and half-words as well, and answers at once without a new address', () => {
    const { slot } = attach();
    bench.writeConfig(slot, COMMAND, 1, 7);
    bench.writeConfig(slot, COMMAND + 1, 1, 4);
    expect(bench.readConfig(slot, COMMAND, 2)).toBe(0x0407);
    bench.writeConfig(slot, COMMAND, 2, 0x0003);
    expect(bench.in(0xcfc, 2)).toBe(0x0003);
  });

  test('a write to a slot without a card does nothing, by any width', () => {
    attach();
    for (const width of WIDTHS) expect(() => bench.writeConfig(22, 4, width, 1)).not.toThrow();
    expect(bench.readConfig(22, 0, 4)).toBe(0xffffffff);
  });
});

describe('I/O ports', () => {
  test('every width at every offset reaches the chip, past the end by bytes', () => {
    const { chip, ioBase } = attach();
    for (const width of WIDTHS) {
      for (let offset = 0; offset < 32; offset++) {
        const value = (0x89abcdef >>> 0) % 2 ** (8 * width);
        chip.accesses.length = 0;
        bench.out(ioBase + offset, width, value);
        const inside = Math.min(width, 32 - offset);
        if (inside === width) expect(chip.accesses).toEqual([['write', 0, offset, width, value]]);
        else {
          expect(chip.accesses).toEqual(
            Array.from({ length: inside }, (_, i) => ['write', 0, offset + i, 1, (value >>> (8 * i)) & 0xff]),
          );
        }
        const ones = 2 ** (8 * width) - 2 ** (8 * inside);
        expect(bench.in(ioBase + offset, width)).toBe((value % 2 ** (8 * inside)) + ones);
      }
    }
    expect(log).toEqual([]);
  });

  test('move with the base address, and only while the command register lets them decode', () => {
    const { chip, slot, ioBase } = attach();
    chip.registers[0][4] = 0x5a;
    expect(bench.in(ioBase + 4, 1)).toBe(0x5a);
    bench.writeConfig(slot, BAR0, 4, 0xd400);
    expect(bench.in(ioBase + 4, 1)).toBe(0xff);
    expect(bench.in(0xd404, 1)).toBe(0x5a);
    bench.writeConfig(slot, COMMAND, 2, 0);
    expect(bench.in(0xd404, 1)).toBe(0xff);
    bench.out(0xd404, 1, 1);
    expect(chip.registers[0][4]).toBe(0x5a);
    bench.writeConfig(slot, COMMAND, 2, 1);
    expect(bench.in(0xd404, 1)).toBe(0x5a);
    // Where no port is.
    bench.writeConfig(slot, BAR0, 4, 0x12345600);
    expect(bench.in(0xd404, 1)).toBe(0xff);
    expect(bench.in(0x5604, 1)).toBe(0xff);
  });

  test('two cards exchange their ports, one step after the other', () => {
    const one = attach();
    const other = attach();
    one.chip.registers[0][0] = 1;
    other.chip.registers[0][0] = 2;
    const [first, second] = [one.ioBase, other.ioBase];
    bench.writeConfig(one.slot, BAR0, 4, second);
    expect(log).toEqual([
      `pci ${one.slot}: its ports at 0x${second.toString(16)} are another device's: it waits for them`,
    ]);
    expect(bench.in(second, 1)).toBe(2);
    bench.writeConfig(other.slot, BAR0, 4, first);
    expect([bench.in(first, 1), bench.in(second, 1)]).toEqual([2, 1]);
  });

  test("do not take the ports of v86's own devices, nor does a move of theirs take ours for good", async () => {
    await bench.emulator.destroy();
    bench = await v86Bench({ netDevice: 'ne2k' });
    const { slot, chip } = attach();
    chip.registers[0].fill(0x77);
    const own = 0x300;
    const before = bench.in(own, 1);
    bench.writeConfig(slot, BAR0, 4, own);
    expect(bench.in(own, 1)).toBe(before);
    // v86 writes its card's ports over ours, and empties them when it goes on.
    bench.writeConfig(slot, BAR0, 4, 0xd000);
    bench.writeConfig(5, BAR0, 4, 0xd000);
    bench.writeConfig(5, BAR0, 4, 0xd800);
    expect(bench.in(0xd000, 1)).toBe(0x77);
    expect(bench.in(0xd800, 1)).toBe(before);
  });
});

describe('registers in memory', () => {
  test('loads and stores of the processor reach the chip; v86 splits what it loads into bytes', () => {
    const { chip, memoryBase } = attach();
    bench.store(memoryBase + 0x10, 4, 0x89abcdef);
    bench.store(memoryBase + 0x20, 2, 0x4321);
    bench.store(memoryBase + 0xfff, 1, 0x99);
    expect(chip.accesses).toEqual([
      ['write', 1, 0x10, 4, 0x89abcdef],
      ['write', 1, 0x20, 2, 0x4321],
      ['write', 1, 0xfff, 1, 0x99],
    ]);
    chip.accesses.length = 0;
    expect(bench.load(memoryBase + 0x10, 4)).toBe(0x89abcdef);
    expect(bench.load(memoryBase + 0x20, 2)).toBe(0x4321);
    expect(chip.accesses).toEqual([
      ['read', 1, 0x10, 4, 0x89abcdef],
      ['read', 1, 0x20, 1, 0x21],
      ['read', 1, 0x21, 1, 0x43],
    ]);
  });

  test('share a block of v86 with other cards, move, and leave the block as it was', () => {
    const one = attach();
    const other = attach();
    expect(other.memoryBase >>> 17).toBe(one.memoryBase >>> 17);
    one.chip.registers[1][0] = 1;
    other.chip.registers[1][0] = 2;
    expect([bench.load(one.memoryBase, 1), bench.load(other.memoryBase, 1)]).toEqual([1, 2]);
    expect(bench.load(other.memoryBase + 4096, 4)).toBe(0xffffffff);
    const first = one.memoryBase;
    bench.writeConfig(one.slot, BAR1, 4, 0xf0003000);
    expect(bench.load(first, 1)).toBe(0xff);
    expect(bench.load(0xf0003000, 1)).toBe(1);
    expect(bench.load(other.memoryBase, 1)).toBe(2);
    one.detach();
    other.detach();
    const reads = bench.cpu.memory_map_read8;
    expect(reads[0xf0003000 >>> 17]).toBe(reads[0xf8000000 >>> 17]);
    expect(reads[first >>> 17]).toBe(reads[0xf8000000 >>> 17]);
  });

  test('larger than a block of v86 are there from end to end', () => {
    const { chip, memoryBase } = attach({}, [{ kind: 'memory', size: 1 << 20 }]);
    bench.store(memoryBase + (1 << 20) - 4, 4, 0x01020304);
    expect(chip.accesses).toEqual([['write', 0, (1 << 20) - 4, 4, 0x01020304]]);
  });

  test('placed over the memory of the guest do not decode, which is told once', () => {
    const { slot, chip } = attach();
    for (let i = 0; i < 2; i++) bench.writeConfig(slot, BAR1, 4, 0x100000);
    bench.store(0x100000, 4, 5);
    expect(chip.accesses).toEqual([]);
    expect(log).toEqual([`pci ${slot}: its registers at 0x100000 lie in memory`]);
  });
});

describe('coming and going', () => {
  test('the reset button resets the chip, takes the line down and the bus away, and places it as at first', () => {
    const { chip, slot, ioBase } = attach({ ioBase: 0xe440 });
    bench.writeConfig(slot, BAR0, 4, 0xd000);
    bench.writeConfig(slot, COMMAND, 2, DECODING | MASTER);
    chip.host.setInterrupt(true);
    bench.cpu.reboot_internal();
    expect(chip.resets).toBe(1);
    expect([...bench.lines]).toEqual([]);
    expect(chip.host.dma.enabled).toBe(false);
    expect(ioBase).toBe(0xe440);
    expect(bench.readConfig(slot, BAR0, 4)).toBe(0xe441);
    expect(bench.in(0xd000, 1)).toBe(0xff);
    chip.registers[0][0] = 3;
    expect(bench.in(0xe440, 1)).toBe(3);
  });

  test('a card that is taken out leaves nothing, and its slot is free', () => {
    const card = attach({ slot: 9 });
    const { ioBase, memoryBase } = card;
    card.chip.host.setInterrupt(true);
    card.detach();
    card.detach();
    expect([...bench.lines]).toEqual([]);
    expect(bench.readConfig(9, 0, 4)).toBe(0xffffffff);
    expect(bench.in(ioBase, 4)).toBe(0xffffffff);
    expect(bench.load(memoryBase, 4)).toBe(0xffffffff);
    const next = attach({ slot: 9 });
    expect([next.ioBase, next.memoryBase]).toEqual([ioBase, memoryBase]);
    card.detach();
    expect(bench.readConfig(9, 0, 4)).toBe(0x56781234);
  });

  test('cards find free slots, ports and memory beside the devices of v86', async () => {
    await bench.emulator.destroy();
    bench = await v86Bench({ netDevice: 'ne2k' });
    const cards = Array.from({ length: 20 }, () => attach());
    expect(cards.slice(0, 4).map(({ slot }) => slot)).toEqual([3, 4, 6, 7]);
    expect(new Set(cards.map(({ slot }) => slot)).size).toBe(20);
    cards.forEach(({ chip }, i) => {
      chip.registers[0].fill(i + 1);
      chip.registers[1].fill(i + 101);
    });
    expect(cards.map(({ ioBase }) => bench.in(ioBase + 31, 1))).toEqual(cards.map((_, i) => i + 1));
    expect(cards.map(({ memoryBase }) => bench.load(memoryBase + 4095, 1))).toEqual(
      cards.map((_, i) => i + 101),
    );
  });

  test.each([
    [{ slot: 0 }, 'PCI slot 0: 1 to 31 would be right'],
    [{ slot: 2.5 }, 'PCI slot 2.5: 1 to 31 would be right'],
    [{ slot: 1 }, 'PCI slot 1 is taken: 3 is free'],
    [{ irq: 16 }, 'irq 16: 3 to 15 would be right'],
    [{ ioBase: 0xe001 }, 'ioBase 0xe001: a multiple of 32 from 0x100 to 0xffe0 would be right'],
    [{ ioBase: 0x10000 }, 'ioBase 0x10000: a multiple of 32 from 0x100 to 0xffe0 would be right'],
    [{ ioBase: 0xce0 }, 'ioBase 0xce0: ports there are taken, 0xe000 is free'],
    [
      { memoryBase: 0x100000 },
      'memoryBase 0x100000: a multiple of 4096 from 0x1000000 to 0xfebff000 would be right',
    ],
    [
      { memoryBase: 0xfd000800 },
      'memoryBase 0xfd000800: a multiple of 4096 from 0x1000000 to 0xfebff000 would be right',
    ],
  ])('options %o: %s', (options, message) => {
    expect(() => attach(options)).toThrow(message);
    expect(bench.readConfig(3, 0, 4)).toBe(0xffffffff);
  });

  test('two cards at one memory base are refused, with what is free', () => {
    const { memoryBase } = attach();
    expect(() => attach({ memoryBase })).toThrow(
      "memoryBase 0xfd000000 is another card's: 0xfd001000 is free",
    );
  });
});

describe('an emulator that is not as known', () => {
  const options = () => ({ clock });
  const make = (host: never) => new NotingChip(host, BARS);

  test('is not ready', () => {
    const message =
      "the emulator has no machine yet: construct it with autostart: false and wait for 'emulator-ready'";
    expect(() => attachNic({ add_listener() {} }, make as never, options())).toThrow(message);
    expect(() => attachNic({ v86: { cpu: {} }, add_listener() {} }, make as never, options())).toThrow(
      message,
    );
  });

  test('is of another version: what is missing is named', () => {
    const { cpu } = bench;
    const other = Object.create(cpu, { jit_dirty_cache: { value: undefined }, mem8: { value: 5 } });
    expect(() => attachNic({ v86: { cpu: other }, add_listener() {} }, make as never, options())).toThrow(
      'this version of v86 has no cpu.mem8, cpu.jit_dirty_cache: version 0.5.462 is known to work',
    );
  });
});
