import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { numbered, numberOf, TestStation } from '../../test/vocabulary/station.ts';
import { ClockEvent, VirtualClock } from '../kernel/clock.ts';
import { FramePool } from './frame.ts';
import { HalfDuplexLink } from './half-duplex.ts';
import { Hub } from './hub.ts';
import { TX_COLLISIONS, TX_DEFERRED, TX_LATE_COLLISION, TX_NO_CARRIER, TX_RETRY } from './medium.ts';

// At 10 Mbit/s.
const FRAME_NS = 57_600; // 60 bytes with preamble and FCS
const GAP_NS = 9_600;

function hubOf(ports: number, delayNs = 0, seed = 1) {
  const clock = new VirtualClock();
  const pool = new FramePool();
  const hub = new Hub({ name: 'hub', clock, pool, ports, delayNs, seed });
  const stations = hub.ports.map((port) => new TestStation(port, clock));
  const at = (timeNs: number, action: () => void) => clock.arm(new ClockEvent('test', action), timeNs);
  return { clock, pool, hub, stations, at };
}

const burst = (count: number, length = 60) => Array.from({ length: count }, (_, i) => numbered(i, length));

describe('a shared medium', () => {
  it('carries a frame to everybody else', () => {
    const { clock, stations, hub } = hubOf(4, 1_000);
    stations[1].offer(numbered(5, 60));
    clock.runUntilIdle(1e9);
    expect(stations.map((station) => station.arrivals.map(numberOf))).toEqual([[5], [], [5], [5]]);
    expect(stations[0].arrivals[0].timeNs).toBe(FRAME_NS + 1_000);
    expect(hub.report().directions.port2).toMatchObject({ frames: 1, copies: 2, delivered: 3, drops: {} });
  });

  it('lets a station wait that hears another, and says so', () => {
    const { clock, stations, at } = hubOf(3, 1_000);
    const [a, b, c] = stations;
    a.offer(numbered(1, 60));
    at(20_000, () => b.offer(numbered(2, 60)));
    clock.runUntilIdle(1e9);
    expect([a.statuses, b.statuses]).toEqual([[0], [TX_DEFERRED]]);
    // b hears the end of a's frame 1 us after it was sent, and waits for the gap from there on.
    expect(c.arrivals.map((arrival) => arrival.timeNs)).toEqual([
      FRAME_NS + 1_000,
      FRAME_NS + 1_000 + GAP_NS + FRAME_NS + 1_000,
    ]);
  });

  it('lets those collide who start before they can hear each other, and both get through later', () => {
    const { clock, stations, at, hub } = hubOf(3, 5_000);
    const [a, b, c] = stations;
    a.offer(numbered(1, 60));
    at(4_000, () => b.offer(numbered(2, 60)));
    clock.runUntilIdle(1e9);
    expect(a.statuses[0] & TX_COLLISIONS).toBeGreaterThan(0);
    expect(b.statuses[0] & TX_COLLISIONS).toBeGreaterThan(0);
    expect(c.arrivals.map(numberOf).sort()).toEqual([1, 2]);
    expect(hub.report().totals.collisions).toBeGreaterThanOrEqual(2);
  });

  it('lets those collide who start at the same instant, even without delay', () => {
    const { clock, stations } = hubOf(3);
    const [a, b, c] = stations;
    a.offer(numbered(1, 60));
    b.offer(numbered(2, 60));
    clock.runUntilIdle(1e9);
    expect([...a.statuses, ...b.statuses].every((status) => (status & TX_COLLISIONS) > 0)).toBe(true);
    expect(c.arrivals.length).toBe(2);
  });

  it('lets a waiting station have the medium when a collision cuts the frame it waits for short', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => {
      const { clock, stations, at } = hubOf(3, 5_000, seed);
      const [a, b, c] = stations;
      a.offer(numbered(1, 1514));
      at(4_000, () => b.offer(numbered(2, 1514)));
      at(8_000, () => c.offer(numbered(3, 60)));
      clock.runUntilIdle(1e9);
      return a.arrivals.find((arrival) => numberOf(arrival) === 3)!.timeNs;
    });
    // The first frame would have taken 1.2 ms.
    expect(Math.min(...waits)).toBeLessThan(100_000);
  });

  it('draws no slot or one after the first collision, each half of the time', () => {
    const jamEnd = 6_400 + 3_200; // the preamble is sent to its end, then 32 bits of jam
    let resolved = 0;
    for (let seed = 0; seed < 200; seed++) {
      const { clock, stations } = hubOf(3, 0, seed);
      const [a, b, c] = stations;
      a.offer(numbered(1, 60));
      b.offer(numbered(2, 60));
      clock.runUntilIdle(1e9);
      if ((a.statuses[0] & TX_COLLISIONS) > 1) continue;
      resolved++;
      // Who drew no slot starts after the gap; the other, due a slot later, hears it and waits.
      const starts = c.arrivals.map((arrival) => arrival.timeNs - FRAME_NS);
      expect(starts).toEqual([jamEnd + GAP_NS, jamEnd + GAP_NS + FRAME_NS + GAP_NS]);
    }
    expect(resolved).toBeGreaterThan(70);
    expect(resolved).toBeLessThan(130);
  });

  it('gives a frame up after 16 tries when far too many want to speak', () => {
    const { clock, stations, hub, pool } = hubOf(400);
    stations.forEach((station, i) => {
      station.offer(numbered(i, 1514));
    });
    clock.runUntilIdle(60e9);
    const failed = stations.filter((station) => (station.statuses[0] & TX_RETRY) !== 0);
    expect(failed.length).toBeGreaterThan(10);
    expect(failed.every((station) => (station.statuses[0] & TX_COLLISIONS) === 15)).toBe(true);
    const drops = Object.values(hub.report().directions).map((port) => port.drops.excessiveCollisions ?? 0);
    expect(drops.filter((count) => count === 1).length).toBe(failed.length);
    expect(pool.inUse).toBe(0);
  });

  it('gives a frame up at a collision after the slot time: the cable is too long', () => {
    const { clock, stations, at, hub } = hubOf(2, 40_000);
    const [a, b] = stations;
    a.offer(numbered(1, 1514));
    at(39_000, () => b.offer(numbered(2, 60)));
    clock.runUntilIdle(1e9);
    expect(a.statuses).toEqual([TX_LATE_COLLISION | 1]);
    expect(hub.report().directions.port1.drops).toEqual({ lateCollision: 1 });
    expect(b.statuses[0] & TX_LATE_COLLISION).toBe(0);
    expect(a.arrivals.map(numberOf)).toEqual([2]);
  });

  it('loses a frame without a word when its sender was done before the collision reached it', () => {
    // In the second case a is even done before b starts.
    for (const [delayNs, startNs] of [
      [40_000, 39_000],
      [70_000, 65_000],
    ]) {
      const { clock, stations, at, hub } = hubOf(3, delayNs);
      const [a, b, c] = stations;
      a.offer(numbered(1, 60));
      at(startNs, () => b.offer(numbered(2, 60)));
      clock.runUntilIdle(1e9);
      expect(a.statuses).toEqual([0]);
      expect(hub.report().directions.port1.drops).toEqual({ collision: 1 });
      expect(b.statuses[0] & TX_COLLISIONS).toBe(1);
      expect(c.arrivals.map(numberOf)).toEqual([2]);
    }
  });

  it('shares the medium among greedy stations and wastes little of it', () => {
    const { clock, stations, pool } = hubOf(4, 500, 11);
    for (const station of stations) station.offer(...burst(2000, 1000));
    clock.run(1e9);
    // 10 Mbit/s carries 1220 frames of 1000 bytes a second.
    const share = stations.map((station) => station.statuses.filter((s) => (s & TX_RETRY) === 0).length);
    const total = share.reduce((sum, count) => sum + count, 0);
    expect(total).toBeGreaterThan(0.8 * 1220);
    expect(total).toBeLessThanOrEqual(1220);
    expect(Math.min(...share)).toBeGreaterThan(0);
    expect(pool.inUse).toBeLessThanOrEqual(5);
  });

  it('never delivers two frames that overlapped, and delivers every frame it says was sent', () => {
    const sends = fc.array(
      fc.record({ port: fc.nat(3), atNs: fc.nat(400_000), size: fc.constantFrom(60, 64, 300, 1514) }),
      { minLength: 1, maxLength: 25 },
    );
    fc.assert(
      fc.property(sends, fc.constantFrom(0, 100, 2_500, 12_000), fc.nat(1000), (script, delayNs, seed) => {
        const { clock, stations, at, pool } = hubOf(5, delayNs, seed);
        script.forEach(({ port, atNs, size }, i) => {
          at(atNs, () => stations[port].offer(numbered(i, size)));
        });
        clock.runUntilIdle(60e9);
        expect(pool.inUse).toBe(0);
        const { arrivals } = stations[4];
        for (let i = 1; i < arrivals.length; i++) {
          const startNs = arrivals[i].timeNs - (arrivals[i].bytes.length + 12) * 800;
          expect(startNs).toBeGreaterThanOrEqual(arrivals[i - 1].timeNs);
        }
        const bad = TX_RETRY | TX_LATE_COLLISION | TX_NO_CARRIER;
        const sent = stations.flatMap((station) => station.statuses).filter((status) => (status & bad) === 0);
        expect(arrivals.length).toBe(sent.length);
      }),
      { numRuns: 200, seed: 4 },
    );
  });

  it('says that half duplex needs a rate', () => {
    const options = { name: 'half', clock: new VirtualClock(), pool: new FramePool(), bitsPerSecond: 0 };
    expect(() => new HalfDuplexLink(options)).toThrow('half: bitsPerSecond is 0: half duplex needs a rate');
  });

  it('counts collisions by end', () => {
    const clock = new VirtualClock();
    const link = new HalfDuplexLink({
      name: 'half',
      clock,
      pool: new FramePool(),
      bitsPerSecond: 100_000_000,
    });
    const a = new TestStation(link.a, clock);
    const b = new TestStation(link.b, clock);
    expect([link.a.fullDuplex, link.a.carrier]).toEqual([false, true]);
    a.offer(numbered(1, 60));
    b.offer(numbered(2, 60, 'far'));
    clock.runUntilIdle(1e9);
    const { totals } = link.report();
    expect(totals.collisionsA).toBeGreaterThan(0);
    expect(totals.collisionsB).toBe(totals.collisionsA);
  });
});

describe('a hub', () => {
  it('takes the carrier from all ports when it is switched off, and from one when its cable is cut', () => {
    const { hub, stations } = hubOf(3);
    hub.setCarrier(1, false);
    expect(hub.ports.map((port) => port.carrier)).toEqual([true, false, true]);
    hub.setPower(false);
    expect(hub.ports.map((port) => port.carrier)).toEqual([false, false, false]);
    hub.setPower(true);
    expect(stations.map((station) => station.carriers)).toEqual([[false, true], [false], [false, true]]);
  });

  it('drops what nobody listens to', () => {
    const { clock, hub, stations } = hubOf(2);
    hub.ports[1].attach(null);
    stations[0].offer(numbered(1, 60));
    clock.runUntilIdle(1e9);
    expect(stations[0].statuses).toEqual([0]);
    expect(hub.report().directions.port1.drops).toEqual({ noReceiver: 1 });
  });
});
