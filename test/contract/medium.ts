// What every medium owes to its stations, run on each implementation: links, hubs, switches, wrappers of all kinds.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { VirtualClock } from '../../src/kernel/clock.ts';
import { unaccounted, type WireDevice } from '../../src/wire/counters.ts';
import type { FramePool } from '../../src/wire/frame.ts';
import { type Medium, TX_NO_CARRIER } from '../../src/wire/medium.ts';
import { type Arrival, numbered, TestStation } from '../vocabulary/station.ts';

/** Two sockets and all that is between them. */
export interface MediumRig {
  clock: VirtualClock;
  pool: FramePool;
  near: Medium;
  far: Medium;
  /** Takes away and gives back the carrier of `near`. */
  setCarrier(up: boolean): void;
  /** Everything that can hold a frame of the pool. */
  devices: WireDevice[];
}

export interface MediumTraits {
  /** Why frames may be lost, changed, doubled or overtaken; left out for a medium that does nothing of the kind. */
  impairs?: string;
  /** Why a station has carrier although nobody is at the other side. */
  alwaysCarrier?: string;
  /** Why frames of this length do not pass. */
  refuses?: (length: number) => string | undefined;
}

const HOSTILE_SIZES = [0, 13, 60, 1514, 1519, 9000];
/** Far beyond anything a test sends. */
const END_NS = 60e9;

export function mediumContract(name: string, make: () => MediumRig, traits: MediumTraits = {}): void {
  const { impairs, alwaysCarrier } = traits;
  const passes = (length: number) => traits.refuses?.(length) === undefined;
  const faithful = impairs === undefined ? it : it.skip;
  const why = impairs === undefined ? '' : ` (${impairs})`;

  function plugged() {
    const rig = make();
    const near = new TestStation(rig.near, rig.clock);
    const far = new TestStation(rig.far, rig.clock);
    const idle = () => rig.clock.runUntilIdle(rig.clock.now() + END_NS);
    return { ...rig, near, far, idle };
  }

  function expectAllAccountedFor(rig: { pool: FramePool; devices: WireDevice[] }) {
    let inFlight = 0;
    for (const device of rig.devices) {
      const report = device.report();
      for (const [direction, counts] of Object.entries(report.directions)) {
        expect(unaccounted(counts), `${report.name} ${direction}: ${JSON.stringify(counts)}`).toBe(0);
        inFlight += counts.inFlight;
      }
    }
    expect(rig.pool.inUse, 'frames out of the pool are those in flight').toBe(inFlight);
  }

  describe(name, () => {
    faithful(`delivers frames of every size intact and in order${why}`, () => {
      const { near, far, idle } = plugged();
      const sizes = [...HOSTILE_SIZES, ...HOSTILE_SIZES.toReversed()];
      near.offer(...sizes.map((size, i) => numbered(i, size)));
      idle();
      far.offer(...sizes.map((size, i) => numbered(i, size, 'far')));
      idle();
      const expected = (from: 'near' | 'far') =>
        sizes.map((size, i) => numbered(i, size, from)).filter((bytes) => passes(bytes.length));
      expect(far.arrivals.map((a) => a.bytes)).toEqual(expected('near'));
      expect(near.arrivals.map((a) => a.bytes)).toEqual(expected('far'));
      expect([...near.arrivals, ...far.arrivals].every((a) => a.fcs === undefined)).toBe(true);
    });

    it('says once of every frame that it has left', () => {
      const { near, far, idle } = plugged();
      for (let i = 0; i < 50; i++) near.offer(numbered(i, HOSTILE_SIZES[i % 6]));
      for (let i = 0; i < 30; i++) far.offer(numbered(i, 60, 'far'));
      idle();
      expect([near.sent, near.statuses.length]).toEqual([50, 50]);
      expect([far.sent, far.statuses.length]).toEqual([30, 30]);
      expect([...near.statuses, ...far.statuses].every((status) => (status & TX_NO_CARRIER) === 0)).toBe(
        true,
      );
    });

    it('calls nobody deeper and deeper when a station sends on at once and the other answers at once', () => {
      const { near, far, idle } = plugged();
      let answers = 0;
      far.onReceive = () => far.offer(numbered(answers++, 60, 'far'));
      near.offer(...Array.from({ length: 2000 }, (_, i) => numbered(i, 60)));
      idle();
      expect(near.sent).toBe(2000);
      expect(near.deepest).toBeLessThanOrEqual(2);
      expect(far.deepest).toBeLessThanOrEqual(2);
      expect([near.answeredInsideSend, far.answeredInsideSend]).toEqual([false, false]);
    });

    it.skipIf(alwaysCarrier !== undefined)(
      `has carrier while somebody is at the other side${alwaysCarrier === undefined ? '' : ` (${alwaysCarrier})`}`,
      () => {
        const rig = make();
        const near = new TestStation(rig.near, rig.clock);
        expect(rig.near.carrier).toBe(false);
        const far = new TestStation(rig.far, rig.clock);
        expect([rig.near.carrier, rig.far.carrier]).toEqual([true, true]);
        rig.far.attach(null);
        expect(near.carriers).toEqual([true, false]);
        expect(far.carriers).toEqual([]);
      },
    );

    it('tells the station when the carrier goes and comes', () => {
      const { near, setCarrier, idle } = plugged();
      near.carriers.length = 0; // the other one was plugged in later
      setCarrier(false);
      setCarrier(false);
      expect(near.medium.carrier).toBe(false);
      setCarrier(true);
      idle();
      expect(near.carriers).toEqual([false, true]);
      expect(near.medium.carrier).toBe(true);
    });

    it('reports a frame sent without carrier, and drops it', () => {
      const { near, far, setCarrier, idle, pool, devices } = plugged();
      setCarrier(false);
      near.offer(numbered(0, 60), numbered(1, 9000));
      idle();
      expect(near.statuses).toEqual([TX_NO_CARRIER, TX_NO_CARRIER]);
      expect(far.arrivals).toEqual([]);
      expectAllAccountedFor({ pool, devices });
      expect(pool.inUse).toBe(0);
    });

    it('loses what is under way when the carrier goes, and works again when it comes back', () => {
      const { near, far, setCarrier, idle, clock, pool, devices } = plugged();
      near.offer(...Array.from({ length: 8 }, (_, i) => numbered(i, 1514)));
      far.offer(...Array.from({ length: 8 }, (_, i) => numbered(i, 1514, 'far')));
      clock.run(clock.now() + 3_000_000);
      setCarrier(false);
      expectAllAccountedFor({ pool, devices });
      const before = far.arrivals.length;
      const nearBefore = near.arrivals.length;
      idle();
      expect(near.arrivals.length).toBe(nearBefore);
      expect(far.arrivals.length).toBe(before);
      expect(near.statuses.length).toBe(8);
      expect(pool.inUse).toBe(0);
      setCarrier(true);
      near.offer(...Array.from({ length: 40 }, (_, i) => numbered(i, 60)));
      idle();
      expect(near.statuses.length).toBe(48);
      expect(far.arrivals.length).toBeGreaterThan(before);
      expectAllAccountedFor({ pool, devices });
    });

    it('calls a station no more after it was pulled out, and serves the next one', () => {
      const { near, far, idle, clock, pool, devices } = plugged();
      near.offer(...Array.from({ length: 20 }, (_, i) => numbered(i, 1514)));
      far.offer(...Array.from({ length: 20 }, (_, i) => numbered(i, 1514, 'far')));
      clock.run(clock.now() + 4_000_000);
      near.medium.attach(null);
      const seen = [near.statuses.length, near.arrivals.length, near.carriers.length];
      idle();
      expect([near.statuses.length, near.arrivals.length, near.carriers.length]).toEqual(seen);
      expectAllAccountedFor({ pool, devices });
      expect(pool.inUse).toBe(0);
      const next = new TestStation(near.medium, clock);
      next.offer(...Array.from({ length: 10 }, (_, i) => numbered(i, 60)));
      idle();
      expect(next.statuses.length).toBe(10);
      expect(pool.inUse).toBe(0);
    });

    it('tells a station nothing of the frames of the one that was plugged in before', () => {
      const { near, idle, clock, pool } = plugged();
      near.offer(...Array.from({ length: 20 }, (_, i) => numbered(i, 1514)));
      const sent = near.statuses.length;
      const next = new TestStation(near.medium, clock);
      expect(next.statuses).toEqual([]);
      next.offer(...Array.from({ length: 10 }, (_, i) => numbered(i, 60)));
      idle();
      expect([near.statuses.length, next.sent, next.statuses.length]).toEqual([sent, 10, 10]);
      expect(pool.inUse).toBe(0);
    });

    it('refuses a frame sent before the last one has left', () => {
      const { near, pool } = plugged();
      if (near.medium.bitsPerSecond === 0) return; // it has always left
      near.offer(numbered(0, 60));
      const second = pool.from(numbered(1, 60));
      expect(() => near.medium.send(second)).toThrow('before the last one had left');
    });

    type Step = { from: 'near' | 'far' | 'cable'; size: number; waitNs: number };
    const steps = fc.array(
      fc.record({
        from: fc.constantFrom<Step['from']>('near', 'far', 'near', 'far', 'near', 'far', 'cable'),
        size: fc.constantFrom(...HOSTILE_SIZES, 14, 42, 64, 1518),
        waitNs: fc.constantFrom(0, 0, 0, 500, 51_200, 1_000_000, 30_000_000),
      }),
      { maxLength: 60 },
    );

    function play(script: readonly Step[]): Arrival[] {
      const rig = plugged();
      const { near, far, clock, idle } = rig;
      let up = true;
      script.forEach(({ from, size, waitNs }, i) => {
        if (from === 'cable') {
          up = !up;
          rig.setCarrier(up);
        } else {
          rig[from].offer(numbered(i, size, from));
        }
        clock.run(clock.now() + waitNs);
        expectAllAccountedFor(rig);
      });
      idle();
      expectAllAccountedFor(rig);
      expect(rig.pool.inUse).toBe(0);
      expect([near.statuses.length, far.statuses.length]).toEqual([near.sent, far.sent]);
      return [...near.arrivals, ...far.arrivals];
    }

    it('accounts for every frame at every moment, whatever is sent and cut', () => {
      fc.assert(
        fc.property(steps, (script) => {
          play(script);
        }),
        { numRuns: 40, seed: 1 },
      );
    });

    it('does the same again with the same seed', () => {
      fc.assert(
        fc.property(steps, (script) => {
          expect(play(script)).toEqual(play(script));
        }),
        { numRuns: 10, seed: 2 },
      );
    });
  });
}
