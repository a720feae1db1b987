// v86's save_state and restore_state with cards of ours in the machine.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NotingChip, type V86Bench, v86Bench } from '../../../test/vocabulary/v86-bench.ts';
import { Pcnet, type PcnetVariant } from '../../chips/pcnet/model.ts';
import { FakeMedium } from '../../chips/testing.ts';
import { SystemClock } from '../../kernel/clock.ts';
import { type AttachedNic, attachNic } from './attach.ts';
import { decodeState, encodeState } from './state.ts';

const MAC = [0x02, 0, 0, 0, 0, 1];
const COMMAND = 4;
const BAR0 = 0x10;
const BAR1 = 0x14;
const DECODING = 3;
const MASTER = 4;
const BRIDGE = 1;
const PIRQ_ROUTES = 0x60;
/** v86's own device in slot 18. */
const VGA = 18 << 3;
/** CSR0: IDON, INTR, IENA, INIT. */
const INITIALIZED = 0x01c1;

let nowMs = 0;
let clock: SystemClock;
const benches: V86Bench[] = [];

beforeEach(() => {
  nowMs = 0;
  clock = new SystemClock(() => nowMs);
});
afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.emulator.destroy();
});

async function machine(): Promise<V86Bench> {
  const bench = await v86Bench();
  benches.push(bench);
  return bench;
}

function plug(bench: V86Bench, slot: number, variant: PcnetVariant = 'Am79C970A'): AttachedNic<Pcnet> {
  const make = (host: ConstructorParameters<typeof Pcnet>[0]) =>
    new Pcnet(host, new FakeMedium(), { variant, mac: MAC });
  return attachNic(bench.emulator, make, { clock, slot, log: () => {} });
}

/** Registers of a PCnet in WIO mode, by its ports. */
function csr(bench: V86Bench, card: AttachedNic<Pcnet>, register: number, value?: number): number {
  bench.out(card.ioBase + 0x12, 2, register);
  if (value !== undefined) bench.out(card.ioBase + 0x10, 2, value);
  return bench.in(card.ioBase + 0x10, 2);
}

/** A driver's INIT with an interrupt for it, from ports that the guest has chosen, and a block at 0x2000. */
function initialize(bench: V86Bench, card: AttachedNic<Pcnet>): void {
  for (let i = 0; i < 4; i++) bench.writeConfig(BRIDGE, PIRQ_ROUTES + i, 1, 10);
  bench.writeConfig(card.slot, BAR0, 4, 0xd000);
  bench.writeConfig(card.slot, BAR1, 4, 0xf0002000);
  bench.writeConfig(card.slot, COMMAND, 2, DECODING | MASTER);
  for (let i = 0; i < 24; i += 4) bench.store(0x2000 + i, 4, 0);
  bench.store(0x2004, 4, 0x44332211);
  csr(bench, card, 1, 0x2000);
  csr(bench, card, 2, 0);
  csr(bench, card, 0, 0x0041);
  expect(csr(bench, card, 0)).toBe(INITIALIZED);
  expect([...bench.lines]).toEqual([10]);
}

describe("v86's state", () => {
  test('carries a card into a fresh machine: registers, places, bus mastering and the line', async () => {
    const first = await machine();
    initialize(first, plug(first, 3));
    const state = await first.emulator.save_state();

    const second = await machine();
    const card = plug(second, 3);
    await second.emulator.restore_state(state);
    expect([card.ioBase, card.memoryBase, card.irq]).toEqual([0xd000, 0xf0002000, 10]);
    expect(csr(second, card, 0)).toBe(INITIALIZED);
    expect(csr(second, card, 13)).toBe(0x2211);
    expect(second.load(0xf0002000, 4)).toBe(0x00000002);
    expect(second.readConfig(3, COMMAND, 2)).toBe(DECODING | MASTER);
    expect(second.in(0xe000, 2)).toBe(0xffff);
    // The controller's input is up: acknowledging takes it down, and the next cause up again.
    csr(second, card, 0, 0x0140);
    expect([...second.lines]).toEqual([]);
    csr(second, card, 0, 0x0004);
    csr(second, card, 0, 0x0041);
    expect([...second.lines]).toEqual([10]);
    expect(card.chip.counters.busFaults).toBe(0);
  });

  test('takes a card in the same machine back to what it was', async () => {
    const bench = await machine();
    const card = plug(bench, 3);
    initialize(bench, card);
    const state = await bench.emulator.save_state();
    csr(bench, card, 0, 0x0004);
    bench.writeConfig(3, BAR0, 4, 0xd800);
    bench.writeConfig(3, COMMAND, 2, 1);
    bench.store(0x2004, 4, 0);
    expect([...bench.lines]).toEqual([]);
    await bench.emulator.restore_state(state);
    expect(card.ioBase).toBe(0xd000);
    expect(csr(bench, card, 0)).toBe(INITIALIZED);
    expect(bench.load(0x2004, 4)).toBe(0x44332211);
    expect(bench.in(0xd812, 2)).toBe(0xffff);
  });

  test('of a card on a line with others keeps who asserts it', async () => {
    const first = await machine();
    const cards = [plug(first, 3), plug(first, 7)];
    initialize(first, cards[0]);
    const { pci } = first.cpu.devices;
    pci.raise_irq(VGA);
    const state = await first.emulator.save_state();
    const second = await machine();
    const again = [plug(second, 3), plug(second, 7)];
    second.lines.add(10);
    await second.emulator.restore_state(state);
    csr(second, again[0], 0, 0x0004);
    expect([...second.lines]).toEqual([10]);
    second.cpu.devices.pci.lower_irq(VGA);
    expect([...second.lines]).toEqual([]);
  });

  test('is refused by a machine with other cards, which stays as it is', async () => {
    const saved = await machine();
    plug(saved, 3);
    saved.store(0x2000, 4, 1);
    const state = await saved.emulator.save_state();
    const none = await (await machine()).emulator.save_state();

    const bench = await machine();
    const card = plug(bench, 4);
    initialize(bench, card);
    bench.store(0x2000, 4, 2);
    const refusal =
      'the state is of an emulator with Am79C970A in slot 3, this one has Am79C970A in slot 4: attach the same cards to the same slots';
    await expect(bench.emulator.restore_state(state)).rejects.toThrow(refusal);
    await expect(bench.emulator.restore_state(none)).rejects.toThrow(
      'with no cards of ours, this one has Am79C970A',
    );
    expect(bench.load(0x2000, 4)).toBe(2);
    expect(csr(bench, card, 0)).toBe(INITIALIZED);
    plug(bench, 3, 'Am79C973');
    card.detach();
    await expect(bench.emulator.restore_state(state)).rejects.toThrow('this one has Am79C973 in slot 3');
  });

  test('is refused whole when one card refuses its part, and no card has changed', async () => {
    const first = await machine();
    const saved = [plug(first, 3), plug(first, 4)];
    initialize(first, saved[0]);
    const getState = first.cpu.get_state.bind(first.cpu);
    first.cpu.get_state = () =>
      getState().map((part) => {
        if (typeof part !== 'string') return part;
        const board = decodeState([part])!;
        const { chip } = board.nics[1].state as { chip: { rap: number } };
        chip.rap = 4711;
        return encodeState(board);
      });
    const state = await first.emulator.save_state();

    const second = await machine();
    const cards = [plug(second, 3), plug(second, 4)];
    second.store(0x2000, 4, 7);
    const before = cards.map((card) => card.save());
    await expect(second.emulator.restore_state(state)).rejects.toThrow(
      'rap is 4711: a whole number from 0 to 255 is wanted',
    );
    expect(second.load(0x2000, 4)).toBe(7);
    expect(cards.map((card) => card.save())).toEqual(before);
    expect(cards.map((card) => card.ioBase)).toEqual([0xe000, 0xe020]);
  });

  test('gives the guest its time stamp counter back, however often it is taken up', async () => {
    const bench = await machine();
    plug(bench, 3);
    const { cpu } = bench;
    const seconds = () => {
      cpu.store_current_tsc();
      return (cpu.current_tsc[0] + cpu.current_tsc[1] * 2 ** 32) / 1e9;
    };
    // Far from the age of this process, and of any other.
    cpu.set_tsc(0, 0x100000);
    const before = seconds();
    const state = await bench.emulator.save_state();
    for (let i = 0; i < 3; i++) {
      await bench.emulator.restore_state(state);
      expect(seconds() - before).toBeGreaterThanOrEqual(0);
      expect(seconds() - before).toBeLessThan(1_000);
    }
  });

  test('without cards of ours is as v86 makes it', async () => {
    const plain = await machine();
    const length = plain.cpu.get_state().length;
    const card = plug(plain, 3);
    expect(plain.cpu.get_state().length).toBe(length + 1);
    card.detach();
    expect(plain.cpu.get_state().length).toBe(length);
    await plain.emulator.restore_state(await plain.emulator.save_state());
  });
});

describe('a single card', () => {
  test('is saved and taken up on its own, line included', async () => {
    const bench = await machine();
    const card = plug(bench, 3);
    initialize(bench, card);
    const state = card.save();
    csr(bench, card, 0, 0x0004);
    card.restore(structuredClone(state));
    expect([...bench.lines]).toEqual([10]);
    expect(csr(bench, card, 0)).toBe(INITIALIZED);
    expect(() => card.restore({})).toThrow('config is missing');
    expect(() => card.restore(null)).toThrow('an object is wanted');
    const noting = attachNic(bench.emulator, (host) => new NotingChip(host, []), { clock, slot: 4 });
    expect(() => card.restore(noting.save())).toThrow('configuration space of another device');
  });
});

describe('the text of a state', () => {
  const nic = {
    slot: 3,
    state: { a: [1, null, 'x', { b: Uint16Array.of(1, 65535) }], c: new Uint8Array(0) },
  };

  test('gives back what went in, typed arrays as such, and is found among the rest', () => {
    const text = encodeState({ lines: [[24, 11]], nics: [nic] });
    expect(decodeState([1, null, new Uint8Array(3), 'else', text, []])).toEqual({
      lines: [[24, 11]],
      nics: [nic],
    });
    expect(decodeState([1, 'else'])).toBe(null);
  });

  test.each([
    ['softnet {', 'is not whole'],
    ['softnet {}', 'is of version undefined: 1 is wanted'],
    ['softnet {"version":1}', 'lines and nics are wanted'],
    ['softnet {"version":1,"lines":[[1]],"nics":[]}', 'lines and nics are wanted'],
    ['softnet {"version":1,"lines":[],"nics":[{"slot":1}]}', 'lines and nics are wanted'],
    [
      `softnet {"version":1,"lines":[],"nics":[{"slot":1,"state":${'['.repeat(99)}${']'.repeat(99)}}]}`,
      'too deep',
    ],
  ])('%s: %s', (text, message) => {
    expect(() => decodeState([text])).toThrow(message);
  });
});
