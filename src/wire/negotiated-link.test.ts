// The cable whose ends negotiate: which wire it becomes, what a change costs, and the sums under any history.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { numbered, TestStation } from '../../test/vocabulary/station.ts';
import { VirtualClock } from '../kernel/clock.ts';
import { totalDrops, unaccounted } from './counters.ts';
import { FramePool } from './frame.ts';
import {
  ALL_MODES,
  type LinkOffer,
  MODE_10,
  MODE_10_FULL,
  MODE_100,
  MODE_100_FULL,
  TX_NO_CARRIER,
} from './medium.ts';
import { NegotiatedLink } from './negotiated-link.ts';

function bench(options: { delayNs?: number; bitsPerSecond?: number } = {}) {
  const clock = new VirtualClock();
  const pool = new FramePool();
  const link = new NegotiatedLink({ name: 'auto', clock, pool, bitsPerSecond: 100_000_000, ...options });
  const a = new TestStation(link.a, clock);
  const b = new TestStation(link.b, clock);
  a.carriers.length = 0;
  return { clock, pool, link, a, b, wait: (ns: number) => clock.run(clock.now() + ns) };
}

const auto = (modes: number, ready = true): LinkOffer => ({ modes, negotiates: true, ready });
const forced = (modes: number): LinkOffer => ({ modes, negotiates: false, ready: true });
const shown = ({ link }: { link: NegotiatedLink }): string =>
  link.agreed === null ? 'none' : `${link.agreed.bitsPerSecond / 1e6}${link.agreed.fullDuplex ? 'FD' : 'HD'}`;

describe('what the ends agree on', () => {
  const cases: [string, LinkOffer, LinkOffer, string][] = [
    ['all they can', auto(ALL_MODES), auto(ALL_MODES), '100FD'],
    ['100 half before 10 full', auto(MODE_100 | MODE_10_FULL), auto(ALL_MODES), '100HD'],
    ['10 full before 10 half', auto(MODE_10 | MODE_10_FULL), auto(ALL_MODES), '10FD'],
    ['nothing in common', auto(MODE_100 | MODE_100_FULL), auto(MODE_10), 'none'],
    ['parallel detection: half duplex, a mismatch', forced(MODE_100_FULL), auto(ALL_MODES), '100HD'],
    ['parallel detection at 10', auto(ALL_MODES), forced(MODE_10), '10HD'],
    ['no half duplex, no parallel detection', auto(MODE_100_FULL), forced(MODE_100), 'none'],
    ['both forced alike', forced(MODE_10_FULL), forced(MODE_10_FULL), '10FD'],
    ['both forced, a mismatch', forced(MODE_100_FULL), forced(MODE_100), '100HD'],
    ['forced to two speeds', forced(MODE_100), forced(MODE_10), 'none'],
    ['one is not ready', auto(ALL_MODES, false), auto(ALL_MODES), 'none'],
  ];
  test.each(cases)('%s', (_, left, right, what) => {
    for (const [x, y] of [
      [left, right],
      [right, left],
    ]) {
      const rig = bench();
      rig.link.a.offer!(x);
      rig.link.b.offer!(y);
      expect(shown(rig)).toBe(what);
      rig.wait(1);
      expect([rig.link.a.carrier, rig.link.b.carrier]).toEqual([what !== 'none', what !== 'none']);
      expect(rig.link.a.partner).toEqual(y);
      rig.a.offer(numbered(0, 60));
      rig.b.offer(numbered(0, 60, 'far'));
      rig.wait(1e9);
      const arrived = what === 'none' ? 0 : 1;
      expect([rig.a.arrivals.length, rig.b.arrivals.length]).toEqual([arrived, arrived]);
    }
  });

  test('ends that do not believe in the same duplex: the report says which of them is in full', () => {
    const { link } = bench();
    const mismatch = (a: LinkOffer, b: LinkOffer): unknown => {
      link.a.offer!(a);
      link.b.offer!(b);
      return link.report().duplexMismatch;
    };
    expect(mismatch(forced(MODE_100_FULL), auto(ALL_MODES))).toEqual({ full: 'a', half: 'b' });
    expect(mismatch(forced(MODE_100), forced(MODE_100_FULL))).toEqual({ full: 'b', half: 'a' });
    expect(mismatch(forced(MODE_100), auto(ALL_MODES))).toBeUndefined();
    expect(mismatch(forced(MODE_10_FULL), auto(ALL_MODES))).toEqual({ full: 'a', half: 'b' });
    expect(mismatch(forced(MODE_10_FULL), forced(MODE_100))).toBeUndefined();
    expect(mismatch(auto(ALL_MODES), auto(ALL_MODES))).toBeUndefined();
  });

  test('a cable of 10 Mbit/s carries nothing better', () => {
    const rig = bench({ bitsPerSecond: 10_000_000 });
    expect(shown(rig)).toBe('10FD');
    expect(rig.link.a.partner).toEqual(auto(MODE_10 | MODE_10_FULL));
    rig.link.b.offer!(forced(MODE_100));
    expect([shown(rig), rig.link.a.partner]).toEqual(['none', null]);
  });

  test('no cable has another rate', () => {
    expect(() => bench({ bitsPerSecond: 1e9 })).toThrow('bitsPerSecond is 1000000000: 10000000 or 100000000');
  });
});

describe('a change', () => {
  test('loses what is under way both ways, tells the senders, and the wire serves on at its new rate', () => {
    const rig = bench({ delayNs: 20_000 });
    const { link, a, b, pool } = rig;
    a.offer(...Array.from({ length: 6 }, (_, i) => numbered(i, 1514)));
    b.offer(...Array.from({ length: 6 }, (_, i) => numbered(i, 1514, 'far')));
    rig.wait(250_000);
    const arrived = [a.arrivals.length, b.arrivals.length];
    link.a.offer!(auto(MODE_10));
    const { 'a>b': out } = link.report().directions;
    expect(out.drops).toEqual({ carrierLost: out.frames - out.delivered });
    expect(out.drops.carrierLost).toBeGreaterThanOrEqual(2);
    expect(pool.inUse).toBe(0);
    rig.wait(1e9);
    expect([a.statuses.length, b.statuses.length]).toEqual([6, 6]);
    expect(a.statuses.filter((status) => (status & TX_NO_CARRIER) !== 0).length).toBe(1);
    expect(a.arrivals.length).toBeGreaterThan(arrived[0]);
    expect(b.arrivals.length).toBeGreaterThan(arrived[1]);
    expect(shown(rig)).toBe('10HD');
    expect([a.carriers, b.carriers]).toEqual([[true], [true]]);
  });

  test('the other end hears of it after the call, once', () => {
    const { link, b, wait } = bench();
    link.a.offer!(null);
    expect(b.carriers).toEqual([]);
    wait(1);
    expect(b.carriers).toEqual([false]);
    link.a.offer!(auto(ALL_MODES, false));
    link.a.offer!(auto(ALL_MODES));
    link.a.offer!(auto(ALL_MODES));
    wait(1);
    expect(b.carriers).toEqual([false, true]);
    expect(link.report().totals.changes).toBe(2);
  });

  test('what an end offered is forgotten when it is pulled out', () => {
    const { link, b, wait } = bench();
    link.a.offer!(forced(MODE_10));
    wait(1);
    link.a.attach(null);
    expect([link.b.carrier, link.b.partner]).toEqual([false, null]);
    expect(b.carriers).toEqual([true, false]);
  });
});

type Step =
  | { kind: 'send'; from: 'a' | 'b'; size: number; waitNs: number }
  | { kind: 'offer'; from: 'a' | 'b'; offer: LinkOffer | null; waitNs: number }
  | { kind: 'cut' | 'swap'; from: 'a' | 'b'; waitNs: number };

test('1,000 random histories: every frame is delivered, under way or counted, and every sender told', () => {
  const from = fc.constantFrom<'a' | 'b'>('a', 'b');
  const waitNs = fc.constantFrom(0, 0, 500, 5_120, 51_200, 130_000, 2_000_000);
  const offer: fc.Arbitrary<LinkOffer | null> = fc.oneof(
    fc.constant(null),
    fc.record({ modes: fc.nat(15), negotiates: fc.constant(true), ready: fc.boolean() }),
    fc.constantFrom(...[MODE_10, MODE_10_FULL, MODE_100, MODE_100_FULL].map(forced)),
    fc.constantFrom(auto(ALL_MODES), auto(MODE_10), auto(MODE_100)),
  );
  const send = fc.record({ kind: fc.constant('send' as const), from, size: fc.nat(1514), waitNs });
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 6, arbitrary: send },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('offer' as const), from, offer, waitNs }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constantFrom('cut' as const, 'swap' as const), from, waitNs }),
    },
  );
  const seen = { delivered: 0, dropped: 0, changes: 0, collisions: 0 };
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 20, maxLength: 80 }),
      fc.constantFrom(0, 2_500, 300_000),
      (steps, delayNs) => {
        const rig = bench({ delayNs });
        const { link, pool, clock } = rig;
        const stations = { a: rig.a, b: rig.b };
        const retired: TestStation[] = [];
        let whole = true;
        const check = () => {
          const { directions } = link.report();
          const ways = [directions['a>b'], directions['b>a']];
          expect(ways.map(unaccounted)).toEqual([0, 0]);
          expect(pool.inUse).toBe(ways[0].inFlight + ways[1].inFlight);
          const came = (side: 'a' | 'b') =>
            stations[side].arrivals.length +
            retired.reduce((sum, each) => sum + (each.medium === link[side] ? each.arrivals.length : 0), 0);
          expect([came('b'), came('a')]).toEqual(ways.map(({ delivered }) => delivered));
          return ways;
        };
        for (const one of steps) {
          if (one.kind === 'send') stations[one.from].offer(numbered(0, one.size));
          else if (one.kind === 'offer') link[one.from].offer!(one.offer);
          else if (one.kind === 'cut') {
            whole = !whole;
            link.setCarrier(whole);
          } else {
            retired.push(stations[one.from]);
            stations[one.from] = new TestStation(link[one.from], clock);
          }
          rig.wait(one.waitNs);
          check();
        }
        rig.clock.runUntilIdle(clock.now() + 60e9);
        for (const way of check()) {
          seen.delivered += way.delivered;
          seen.dropped += totalDrops(way);
        }
        const { totals } = link.report();
        seen.changes += totals.changes;
        seen.collisions += totals.collisionsA + totals.collisionsB;
        expect(pool.inUse).toBe(0);
        for (const station of Object.values(stations)) expect(station.statuses.length).toBe(station.sent);
      },
    ),
    { numRuns: 1000, seed: 1 },
  );
  expect(seen.delivered).toBeGreaterThan(3000);
  expect(seen.dropped).toBeGreaterThan(1000);
  expect(seen.changes).toBeGreaterThan(2000);
  expect(seen.collisions).toBeGreaterThan(100);
}, 60_000);
