// What a guest with bad intentions can do to a card through its registers, its configuration space and its memory.
// Nothing is thrown into it, nothing hangs, and every frame is accounted for.

import { afterEach, describe, expect, test } from 'vitest';
import { type V86Bench, v86Bench } from '../../../test/vocabulary/v86-bench.ts';
import type { Width } from '../../bus/host.ts';
import { RECEIVE_DROPS, TRANSMIT_ERRORS } from '../../chips/pcnet/counters.ts';
import { Pcnet, type PcnetVariant } from '../../chips/pcnet/model.ts';
import { FakeMedium } from '../../chips/testing.ts';
import { SystemClock } from '../../kernel/clock.ts';
import { Random } from '../../kernel/random.ts';
import { attachNic } from './attach.ts';

const WIDTHS: Width[] = [1, 2, 4];
const SLOT = 3;
const COMMAND = 4;
const STEPS = 5_000;
/** Where the guest's rings and blocks are, when they are somewhere. */
const ARENA = 0x200000;
const ARENA_BYTES = 0x4000;

let bench: V86Bench | null = null;
afterEach(async () => {
  await bench?.emulator.destroy();
  bench = null;
});

describe.each(['Am79C970A', 'Am79C973'] as PcnetVariant[])('%s', (variant) => {
  test.each([1, 2, 3, 4, 5, 6])('any access of any width with any value, seed %i', async (seed) => {
    bench = await v86Bench();
    const random = new Random(seed);
    let nowMs = 0;
    const clock = new SystemClock(() => nowMs);
    const medium = new FakeMedium();
    medium.carrier = true;
    const log: string[] = [];
    const card = attachNic(
      bench.emulator,
      (host) => new Pcnet(host, medium, { variant, mac: [2, 0, 0, 0, 0, 1], negotiationNs: 1_000 }),
      { clock, slot: SLOT, log: (message) => log.push(message) },
    );
    for (let step = 0; step < STEPS; step++) {
      act(bench, random, card.ioBase, card.memoryBase);
      // WIO again, and base addresses as at first.
      if (random.chance(0.005)) bench.cpu.reboot_internal();
      if (random.below(4) === 0) medium.arrive(randomBytes(random, random.below(1600)));
      if (random.below(8) === 0) nowMs += random.below(3);
      if (random.below(100) === 0) clock.poll(100);
    }
    expect(log.filter((message) => message.includes('fault'))).toEqual([]);
    expect(card.faults).toBe(0);
    const { counters } = card.chip;
    const sum = (names: readonly (keyof typeof counters)[]) =>
      names.reduce((total, name) => total + counters[name], 0);
    expect(counters.received + counters.looped).toBe(counters.delivered + sum(RECEIVE_DROPS));
    expect(counters.taken).toBe(counters.transmitted + sum(TRANSMIT_ERRORS));
    expect(medium.pool.inUse).toBe(0);
    // It was not all in vain.
    expect(Math.min(counters.delivered, counters.transmitted, counters.busFaults)).toBeGreaterThan(0);
    // The card comes back from whatever that was.
    bench.cpu.reboot_internal();
    expect(bench.in(card.ioBase, 4)).toBe(0x00000002);
  });
});

/** One thing a guest does. */
function act(guest: V86Bench, random: Random, ioBase: number, memoryBase: number): void {
  const width = WIDTHS[random.below(3)];
  const value = random.next32() % 2 ** (8 * width);
  const offset = random.below(34);
  switch (random.below(12)) {
    case 0:
      guest.in(ioBase + offset, width);
      return;
    case 1:
      guest.out(ioBase + offset, width, value);
      return;
    case 2:
      guest.load(memoryBase + offset, width);
      return;
    case 3:
      guest.store(memoryBase + offset, width, value);
      return;
    case 4:
      guest.writeConfig(SLOT, random.below(64) * 4, width, value);
      // Back to where it can be reached.
      guest.writeConfig(SLOT, 0x10, 4, 0xe000);
      guest.writeConfig(SLOT, 0x14, 4, 0xfd000000);
      guest.writeConfig(SLOT, COMMAND, 2, random.below(8) === 0 ? 3 : 7);
      return;
    case 5:
    case 6:
      // Half a ring of descriptors, right or wrong, the card's or not.
      for (let i = 0; i < ARENA_BYTES / 8; i++)
        guest.store(ARENA + random.below(ARENA_BYTES / 4) * 4, 4, descriptorWord(random));
      return;
    case 7:
      // A ring or a block somewhere: in the arena, in a hole, past the end.
      setAddress(guest, ioBase, random, [1, 24, 30][random.below(3)]);
      return;
    case 8:
      csr(guest, ioBase, [3, 4, 5, 15, 58, 76, 78, 124][random.below(8)], random.below(0x10000));
      return;
    default:
      csr(guest, ioBase, 0, [1, 3, 4, 0x42, 0x42, 0x48, 0x4a, 0x7f40][random.below(8)]);
  }
}

/** An address, flags with a byte count, or anything. */
function descriptorWord(random: Random): number {
  switch (random.below(3)) {
    case 0:
      return 0x83000000 + random.below(0x10000);
    case 1:
      return ARENA + ARENA_BYTES + random.below(0x10000);
    default:
      return random.next32();
  }
}

function setAddress(guest: V86Bench, ioBase: number, random: Random, register: number): void {
  const places = [0x9fff0, 0xa0000, 0xfff8, 0xfffff0, 0xffffffe0, random.next32()];
  const address = random.chance(0.7)
    ? ARENA + random.below(ARENA_BYTES)
    : places[random.below(places.length)];
  csr(guest, ioBase, 0, 4);
  csr(guest, ioBase, register, address & 0xffff);
  csr(guest, ioBase, register + 1, address >>> 16);
}

function csr(guest: V86Bench, ioBase: number, register: number, value: number): void {
  guest.out(ioBase + 0x12, 2, register);
  guest.out(ioBase + 0x10, 2, value);
}

function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i < 6 ? 0xff : random.below(256)));
}
