// Save and restore of the PHY: in every state of its timer, and on a medium that is not what it was.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StateObject } from '../../bus/host.ts';
import { FakeHost, FakeMedium } from '../testing.ts';
import { Phy } from './model.ts';

const IDS = { id1: 0x0022, id2: 0x1550, negotiationNs: 5_000_000 };

function bench(medium = new FakeMedium()) {
  const host = new FakeHost(4096);
  const phy = new Phy(host.clock, medium, IDS);
  let changes = 0;
  phy.onLinkChange = () => {
    changes++;
  };
  medium.attach({ receive() {}, transmitted() {}, carrierChanged: () => phy.carrierChanged() });
  return { host, medium, phy, changes: () => changes };
}

type Act = readonly [what: 'write' | 'read' | 'wait' | 'medium' | 'reset', a: number, b: number];
const histories = fc.array(
  fc.tuple(
    fc.constantFrom<Act[0]>('write', 'write', 'read', 'wait', 'wait', 'medium', 'reset'),
    fc.nat(0xffff),
    fc.nat(0xffff),
  ) as fc.Arbitrary<Act>,
  { maxLength: 40 },
);

function act({ host, medium, phy }: ReturnType<typeof bench>, [what, a, b]: Act): unknown {
  if (what === 'write') return phy.writeRegister(a % 7, b);
  if (what === 'read') return phy.readRegister(a % 8);
  if (what === 'wait') return host.wait(a * 100);
  if (what === 'reset') return phy.reset();
  const bitsPerSecond = [0, 10_000_000, 100_000_000][b % 3];
  return medium.change({ carrier: a % 3 !== 0, bitsPerSecond, fullDuplex: (a & 1) === 0 });
}

test('at any moment of any history, another PHY goes on where this one is', () => {
  let negotiating = 0;
  let resetting = 0;
  fc.assert(
    fc.property(histories, histories, (before, after) => {
      const first = bench();
      for (const one of before) act(first, one);
      const state = first.phy.save();
      if (state.timerNs !== null) negotiating++;
      if (state.resetting) resetting++;
      const { carrier, bitsPerSecond, fullDuplex } = first.medium;
      const second = bench(Object.assign(new FakeMedium(), { carrier, bitsPerSecond, fullDuplex }));
      second.phy.restore(second.phy.check(structuredClone(state)));
      expect(second.phy.save()).toEqual(state);
      const changes = first.changes() - second.changes();
      for (const one of after) expect(act(second, one)).toEqual(act(first, one));
      expect(second.phy.save()).toEqual(first.phy.save());
      expect(first.changes() - second.changes()).toBe(changes);
    }),
    { numRuns: 300, seed: 1 },
  );
  expect(negotiating).toBeGreaterThan(20);
  expect(resetting).toBeGreaterThan(5);
});

test('another rate than it knew is a new cable: the link goes and comes', () => {
  const first = bench();
  first.host.wait(6_000_000);
  const state = first.phy.save();
  const medium = new FakeMedium();
  medium.bitsPerSecond = 10_000_000;
  const second = bench(medium);
  second.phy.restore(second.phy.check(state));
  expect(second.phy.link.up).toBe(false);
  second.host.wait(6_000_000);
  expect(second.phy.link).toEqual({ up: true, bitsPerSecond: 10_000_000, fullDuplex: true });
});

test('what cannot be is refused', () => {
  const { phy } = bench();
  const right = phy.save();
  const message = (change: StateObject): string => {
    try {
      phy.check({ ...right, ...change });
      return 'taken';
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(message({})).toBe('taken');
  expect(message({ id2: 0x1551 })).toContain('id2 is 5457: a whole number from 5456 to 5456');
  expect(message({ control: 0x8000 })).toContain('no bit outside of 0x7d80');
  expect(message({ linkUp: true })).toBe('state of the PHY: a link that is up at 0 bits per second');
  expect(message({ bitsPerSecond: 10_000_000 })).toContain('a link that is down at 10000000');
  expect(message({ resetting: true, timerNs: null })).toContain('a reset that never ends');
  expect(message({ timerNs: -1 })).toContain('null or ns from 0');
  expect(message({ medium: null })).toContain('medium is null: an object is wanted');
  expect(phy.save()).toEqual(right);
});
