// What every chip model behind a PCI function owes to its bus, its driver and whoever saves it, run on each model.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChipState, PciChip, Width } from '../../src/bus/host.ts';
import { PciConfig } from '../../src/bus/pci-config.ts';
import { fromText, toText } from '../../src/chips/socket.ts';
import type { FakeHost, FakeMedium } from '../../src/chips/testing.ts';

/** A chip just after power on, between a host and a medium with carrier. */
export interface ChipRig {
  chip: PciChip;
  host: FakeHost;
  medium: FakeMedium;
}

export interface ChipTraits {
  /** Fields of the state that RST# leaves as they are, counters among them, each with the reason. */
  keptByReset: Readonly<Record<string, string>>;
  /** Does what a driver does, so that a history is more than noise; `a` and `b` (16 bits each) say what. */
  stir?: (rig: ChipRig, a: number, b: number) => void;
  /** Another chip, whose states are not this one's. */
  stranger: () => PciChip;
}

const MILLISECOND = 1_000_000;
/** Everything a reset sets going is over: a negotiation takes 1.65 s. */
const SETTLED_NS = 5_000_000_000;

type Act = readonly [
  what: 'read' | 'write' | 'stir' | 'arrive' | 'wait' | 'carrier' | 'rate' | 'master',
  a: number,
  b: number,
  value: number,
];

const histories = fc.array(
  fc.tuple(
    fc.constantFrom<Act[0]>(
      'read',
      'write',
      'write',
      'stir',
      'stir',
      'stir',
      'arrive',
      'wait',
      'carrier',
      'rate',
      'master',
    ),
    fc.nat(0xffff),
    fc.nat(0xffff),
    fc.integer({ min: 0, max: 0xffffffff }),
  ) as fc.Arbitrary<Act>,
  { maxLength: 60 },
);

export function chipContract(name: string, make: () => ChipRig, traits: ChipTraits): void {
  const widths: readonly Width[] = [1, 2, 4];

  /** Does it; what was read, if anything was. */
  function act(rig: ChipRig, [what, a, b, value]: Act): number | null {
    const { chip, host, medium } = rig;
    const bar = a % chip.identity.bars.length;
    const width = widths[(a >>> 3) % 3];
    const offset = b % chip.identity.bars[bar].size;
    switch (what) {
      case 'read':
        return chip.readBar(bar, offset, width);
      case 'write':
        chip.writeBar(bar, offset, width, width === 4 ? value : value & (2 ** (8 * width) - 1));
        return null;
      case 'stir':
        traits.stir?.(rig, a, b);
        return null;
      case 'arrive':
        medium.arrive(
          Uint8Array.from({ length: b % 1600 }, (_, i) => (a + i * value) & 0xff),
          a % 4 === 0 ? value : undefined,
        );
        return null;
      case 'wait':
        host.wait(b * 30);
        return null;
      case 'carrier':
        medium.change({ carrier: a % 3 !== 0 });
        return null;
      case 'rate':
        medium.change({ bitsPerSecond: [0, 10_000_000, 100_000_000][a % 3], fullDuplex: b % 2 === 0 });
        return null;
      case 'master':
        host.dma.enabled = a % 4 !== 0;
        return null;
    }
  }

  function lived(history: readonly Act[]): ChipRig {
    const rig = make();
    for (const one of history) act(rig, one);
    return rig;
  }

  /** A rig like this one around a chip that has not lived: same time, memory and medium. */
  function twin({ host, medium }: ChipRig): ChipRig {
    const rig = make();
    const { carrier, bitsPerSecond, fullDuplex } = medium;
    rig.medium.change({ carrier, bitsPerSecond, fullDuplex });
    rig.host.clock.run(host.clock.now());
    rig.host.memory.u8.set(host.memory.u8);
    rig.host.dma.enabled = host.dma.enabled;
    return rig;
  }

  describe(`${name}: the contract of a chip`, () => {
    it('has an identity that a configuration space can show', () => {
      const { identity } = make().chip;
      expect(() => new PciConfig(identity)).not.toThrow();
      expect(identity.vendorId).toBeGreaterThan(0);
      expect(identity.vendorId).toBeLessThan(0xffff);
      expect(identity.deviceId).toBeLessThanOrEqual(0xffff);
      expect(identity.revision).toBeLessThanOrEqual(0xff);
      expect(identity.classCode >>> 16, 'a network controller').toBe(0x02);
      expect(identity.classCode).toBeLessThanOrEqual(0xffffff);
      expect([0, 1, 2, 3, 4]).toContain(identity.interruptPin);
      expect(identity.bars.length).toBeGreaterThan(0);
    });

    it('answers every read with a number of its width, at every offset, also past the end', () => {
      const { chip } = make();
      chip.identity.bars.forEach(({ size }, bar) => {
        // Every offset of a small BAR; of a large one both ends.
        for (let at = 0; at < Math.min(size + 8, 0x4000); at++) {
          for (const width of widths) {
            for (const offset of [at, size + 8 - at]) {
              const value = chip.readBar(bar, offset, width);
              const fits = Number.isInteger(value) && value >= 0 && value < 2 ** (8 * width);
              expect(fits, `${width} bytes at ${offset} of bar ${bar}: ${value}`).toBe(true);
            }
          }
        }
      });
    });

    it('never throws, whatever is done to it', () => {
      fc.assert(
        fc.property(histories, (history) => {
          const rig = lived(history);
          for (const one of history) {
            const value = act(rig, one);
            if (value !== null) expect(Number.isInteger(value) && value >= 0, `${one}: ${value}`).toBe(true);
          }
          expect(rig.medium.pool.inUse).toBe(0);
        }),
        { numRuns: 150, seed: 1 },
      );
    });

    it('is after a reset as it was after power on, and a second one changes nothing', () => {
      fc.assert(
        fc.property(histories, (history) => {
          const rig = lived(history);
          const { chip, host } = rig;
          chip.reset();
          expect(host.line).toBe(false);
          const once = chip.save();
          chip.reset();
          expect(chip.save()).toEqual(once);
          const fresh = twin(rig);
          fresh.chip.reset();
          expect(without(once, traits.keptByReset)).toEqual(without(fresh.chip.save(), traits.keptByReset));
        }),
        { numRuns: 150, seed: 2 },
      );
    });

    it('rests after a reset: no interrupt, no timer but for its link', () => {
      fc.assert(
        fc.property(histories, (history) => {
          const { chip, host, medium } = lived(history);
          medium.change({ carrier: false });
          chip.reset();
          expect(host.clock.nextEventTime()).toBe(Infinity);
          medium.change({ carrier: true });
          const { rises } = host;
          host.wait(SETTLED_NS);
          expect(host.clock.nextEventTime()).toBe(Infinity);
          expect([host.line, host.rises]).toEqual([false, rises]);
        }),
        { numRuns: 100, seed: 3 },
      );
    });

    it('gives a state of plain data that shares nothing with it', () => {
      fc.assert(
        fc.property(histories, (history) => {
          const { chip } = lived(history);
          const state = chip.save();
          const text = toText(state);
          expect(structuredClone(state)).toEqual(state);
          expect(fromText(text)).toEqual(state);
          scramble(state);
          expect(toText(chip.save())).toBe(text);
        }),
        { numRuns: 100, seed: 4 },
      );
    });

    it('takes up a state so that it cannot be told from the chip that gave it', () => {
      fc.assert(
        fc.property(histories, histories, (before, after) => {
          const first = lived(before);
          const second = twin(first);
          const state = first.chip.save();
          const kept = toText(state);
          second.chip.restore(state);
          // What it took is its own.
          expect(toText(state)).toBe(kept);
          scramble(state);
          expect(toText(second.chip.save())).toBe(kept);
          expect(second.host.line).toBe(first.host.line);
          for (const one of after) expect(act(second, one), `${one}`).toEqual(act(first, one));
          first.host.wait(MILLISECOND);
          second.host.wait(MILLISECOND);
          expect(second.chip.save()).toEqual(first.chip.save());
          expect(Buffer.compare(second.host.memory.u8, first.host.memory.u8), 'memory').toBe(0);
        }),
        { numRuns: 150, seed: 5 },
      );
    });

    it('goes back in time', () => {
      fc.assert(
        fc.property(histories, histories, (before, after) => {
          const { chip, host, medium } = lived(before);
          const state = chip.save();
          const { carrier, bitsPerSecond, fullDuplex } = medium;
          for (const one of after) act({ chip, host, medium }, one);
          medium.change({ carrier, bitsPerSecond, fullDuplex });
          chip.restore(state);
          expect(chip.save()).toEqual(state);
        }),
        { numRuns: 100, seed: 6 },
      );
    });

    it('refuses a state that is not one of its own, and is as before', () => {
      fc.assert(
        fc.property(histories, (history) => {
          const { chip } = lived(history);
          const right = chip.save();
          const text = toText(right);
          const wrong: unknown[] = [
            null,
            undefined,
            'state',
            [],
            {},
            traits.stranger().save(),
            { ...right, chip: `${right.chip}x` },
            { ...right, version: right.version + 1 },
            { ...right, notOfThisWorld: 0 },
          ];
          for (const field of Object.keys(right)) {
            const { [field]: _, ...rest } = right;
            wrong.push(rest, { ...right, [field]: 'odd' }, { ...right, [field]: Number.NaN });
          }
          wrong.forEach((state, i) => {
            expect(() => chip.restore(state as ChipState), `wrong state ${i}`).toThrow(/state|medium/);
            expect(toText(chip.save())).toBe(text);
          });
        }),
        { numRuns: 20, seed: 7 },
      );
    });
  });
}

/** Changes everything in a state that can be changed in place. */
function scramble(state: object): void {
  for (const value of Object.values(state)) {
    if (typeof value !== 'object' || value === null) continue;
    if (ArrayBuffer.isView(value)) (value as Uint8Array).fill(0xa5);
    else scramble(value);
  }
  for (const field of Object.keys(state)) delete (state as Record<string, unknown>)[field];
}

function without(state: ChipState, fields: Readonly<Record<string, string>>): object {
  return Object.fromEntries(Object.entries(state).filter(([field]) => fields[field] === undefined));
}
