// A card in a machine of v86 that does not run: what it finds there, an interrupt line, memory and time.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NotingChip, type V86Bench, v86Bench } from '../../../test/vocabulary/v86-bench.ts';
import type { PciIdentity } from '../../bus/host.ts';
import { ClockEvent, SystemClock } from '../../kernel/clock.ts';
import { type AttachedNic, type AttachOptions, attachNic } from './attach.ts';

const BARS: PciIdentity['bars'] = [
  { kind: 'io', size: 32 },
  { kind: 'memory', size: 4096 },
];
const COMMAND = 4;
/** I/O and memory decoding. */
const DECODING = 3;
const MASTER = 4;
const INTX_DISABLE = 0x400;
/** The ISA bridge. */
const BRIDGE = 1;
const PIRQ_ROUTES = 0x60;

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

describe('the interrupt line', () => {
  function routed(card: AttachedNic<NotingChip>, line: number): void {
    bench.writeConfig(BRIDGE, PIRQ_ROUTES + ((card.slot - 1) & 3), 1, line);
  }

  test('follows the chip, the route in the ISA bridge and the command register', () => {
    const card = attach({ irq: 9 });
    const { host } = card.chip;
    expect(card.irq).toBe(9);
    host.setInterrupt(true);
    expect([...bench.lines]).toEqual([9]);
    expect(bench.readConfig(card.slot, 6, 2) & 8).toBe(8);
    routed(card, 10);
    expect([...bench.lines]).toEqual([10]);
    expect(card.irq).toBe(10);
    bench.writeConfig(card.slot, COMMAND, 2, DECODING | INTX_DISABLE);
    expect([...bench.lines]).toEqual([]);
    expect(bench.readConfig(card.slot, 6, 2) & 8).toBe(8);
    bench.writeConfig(card.slot, COMMAND, 2, DECODING);
    expect([...bench.lines]).toEqual([10]);
    host.setInterrupt(false);
    expect([...bench.lines]).toEqual([]);
    expect(bench.readConfig(card.slot, 6, 2) & 8).toBe(0);
    routed(card, 0x80);
    expect(card.irq).toBe(9);
  });

  test('is shared: up while any card on it asserts', () => {
    const cards = [attach(), attach(), attach()];
    for (const card of cards) routed(card, 11);
    cards[0].chip.host.setInterrupt(true);
    cards[2].chip.host.setInterrupt(true);
    cards[0].chip.host.setInterrupt(false);
    expect([...bench.lines]).toEqual([11]);
    cards[2].chip.host.setInterrupt(false);
    expect([...bench.lines]).toEqual([]);
  });

  test("is shared with v86's own cards, which would pull it down for all", () => {
    const card = attach();
    const { pci } = bench.cpu.devices;
    for (let i = 0; i < 4; i++) bench.writeConfig(BRIDGE, PIRQ_ROUTES + i, 1, 11);
    const own = 18 << 3;
    card.chip.host.setInterrupt(true);
    pci.raise_irq(own);
    pci.lower_irq(own);
    expect([...bench.lines]).toEqual([11]);
    pci.raise_irq(own);
    card.chip.host.setInterrupt(false);
    expect([...bench.lines]).toEqual([11]);
    pci.lower_irq(own);
    expect([...bench.lines]).toEqual([]);
  });
});

describe('bus mastering', () => {
  test('needs the bit in the command register; without it an access is a master abort', () => {
    const { slot, chip } = attach();
    const { dma } = chip.host;
    dma.write32(0x2000, 1);
    expect([dma.masterAborts, bench.load(0x2000, 4)]).toEqual([1, 0]);
    bench.writeConfig(slot, COMMAND, 2, DECODING | MASTER);
    dma.write32(0x2000, 0x12345678);
    expect(bench.load(0x2000, 4)).toBe(0x12345678);
    bench.store(0x2002, 2, 0xbeef);
    expect(dma.read32(0x2000)).toBe(0xbeef5678);
    bench.writeConfig(slot, COMMAND, 2, DECODING);
    expect(dma.read16(0x2000)).toBe(0xffff);
    expect(dma.masterAborts).toBe(2);
    // Nobody was asked.
    expect(bench.readConfig(slot, 6, 2) & 0x2000).toBe(0);
  });

  test('finds no memory in the VGA window, the ROMs and past the end: a master abort, which the guest sees', () => {
    const { slot, chip } = attach();
    const { dma } = chip.host;
    bench.writeConfig(slot, COMMAND, 2, DECODING | MASTER);
    bench.cpu.write8(0x9fffe, 0x11);
    const end = dma.memory.size;
    for (const address of [0x9fffe, 0xa0000, 0xb8000, 0xc0000, 0xffffe, end - 2, end, 0xfffffffe])
      dma.write32(address, 0x55555555);
    expect(dma.masterAborts).toBe(8);
    expect(bench.cpu.read8(0x9fffe)).toBe(0x11);
    expect(bench.readConfig(slot, 6, 2) & 0x2000).toBe(0x2000);
    bench.writeConfig(slot, 6, 2, 0x2000);
    expect(bench.readConfig(slot, 6, 2) & 0x2000).toBe(0);
    dma.write32(0x9fffc, 1);
    dma.write32(0x100000, 1);
    dma.write32(end - 4, 1);
    expect(dma.masterAborts).toBe(8);
  });

  test('tells v86 what was written, so that no code compiled from it stays', () => {
    const { slot, chip } = attach();
    const { dma } = chip.host;
    bench.writeConfig(slot, COMMAND, 2, DECODING | MASTER);
    const block = chip.host.dma.memory;
    dma.write16(0x3000, 1);
    dma.write32(0x3ffe, 1);
    dma.writeBlock(0x4000, { u8: block.u8, u16: block.u16, u32: block.u32, views: block.views }, 0x100, 64);
    dma.wrote(0x5000, 0);
    expect(bench.dirty).toEqual([
      [0x3000, 0x3002],
      [0x3ffe, 0x4002],
      [0x4000, 0x4040],
    ]);
  });

  test('goes on when the memory of v86 has grown, which cuts off every view of it', () => {
    const { slot, chip } = attach();
    const { dma } = chip.host;
    bench.writeConfig(slot, COMMAND, 2, DECODING | MASTER);
    const { memory } = dma;
    dma.write32(0x2000, 1);
    const old = memory.u32;
    bench.cpu.wasm_memory.grow(1);
    expect(old.length).toBe(0);
    expect(memory.views.get(0x2000, 128)).toBe(null);
    expect([memory.u8[0x2000], memory.u16[0x1000], memory.u32[0x800]]).toEqual([1, 1, 1]);
    bench.cpu.wasm_memory.grow(1);
    dma.write32(0x2000, 2);
    expect(bench.load(0x2000, 4)).toBe(2);
  });
});

describe('time', () => {
  test('what has come due runs before a read and after a write, and no more than that', () => {
    const { chip, ioBase } = attach();
    const fired: string[] = [];
    const soon = new ClockEvent('soon', () => fired.push(`soon, ${chip.accesses.length} accesses`));
    const late = new ClockEvent('late', () => fired.push('late'));
    clock.armIn(soon, 1_000_000);
    clock.armIn(late, 2_000_000);
    bench.in(ioBase, 4);
    expect(fired).toEqual([]);
    nowMs = 1.5;
    bench.in(ioBase, 4);
    expect(fired).toEqual(['soon, 1 accesses']);
    clock.armIn(soon, 0);
    bench.out(ioBase, 4, 0);
    expect(fired).toEqual(['soon, 1 accesses', 'soon, 3 accesses']);
  });

  test('an event that always comes again does not keep the guest', () => {
    const { ioBase } = attach();
    let fired = 0;
    const again = new ClockEvent('again', () => {
      fired++;
      clock.armIn(again, 0);
    });
    clock.armIn(again, 0);
    bench.in(ioBase, 1);
    expect(fired).toBeGreaterThan(0);
    expect(fired).toBeLessThan(10_000);
  });

  test('nothing is thrown into the guest: a fault is logged once and counted, reads give ones', () => {
    const card = attach();
    card.chip.onAccess = () => {
      throw new Error('a fault of the chip');
    };
    for (let i = 0; i < 3; i++) {
      expect(bench.in(card.ioBase, 2)).toBe(0xffff);
      bench.out(card.ioBase, 4, 1);
    }
    expect(bench.load(card.memoryBase, 4)).toBe(0xffffffff);
    expect(card.faults).toBe(7);
    expect(log.every((line) => line.includes('fault, kept from the guest: Error: a fault of the chip'))).toBe(
      true,
    );
  });
});
