import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TestStation } from '../../test/vocabulary/station.ts';
import { VirtualClock } from '../kernel/clock.ts';
import { unaccounted } from './counters.ts';
import { FramePool } from './frame.ts';
import { Link } from './link.ts';
import { MacTable } from './mac-table.ts';
import { Switch, type SwitchOptions } from './switch.ts';

const BROADCAST = 0xffffffffffff;

/** A frame from one address to another, addresses as numbers; the rest is `fill`. */
function frame(from: number, to: number, length = 60, fill = 0): Uint8Array {
  const bytes = new Uint8Array(length).fill(fill);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(to / 2 ** 32));
  view.setUint32(2, to >>> 0);
  view.setUint16(6, Math.floor(from / 2 ** 32));
  view.setUint32(8, from >>> 0);
  return bytes;
}

function switchOf(count: number, options: Partial<SwitchOptions> = {}) {
  const clock = new VirtualClock();
  const pool = new FramePool();
  const ports = Array.from({ length: count }, () => ({}));
  const bridge = new Switch({ name: 'switch', clock, pool, ports, ...options });
  const stations = bridge.ports.map((port) => new TestStation(port, clock));
  /** How many frames each station has got since this was last asked. */
  const arrived = () => {
    clock.runUntilIdle(clock.now() + 1e9);
    return stations.map((station) => station.arrivals.splice(0).length);
  };
  return { clock, pool, bridge, stations, arrived };
}

describe('a switch', () => {
  it('floods what it does not know, and never back to where it came from', () => {
    const { stations, arrived } = switchOf(4);
    stations[1].offer(frame(0x02_0000_0001, 0x02_0000_0002));
    expect(arrived()).toEqual([1, 0, 1, 1]);
    stations[1].offer(frame(0x02_0000_0001, BROADCAST));
    expect(arrived()).toEqual([1, 0, 1, 1]);
  });

  it('sends to one port only, once it has heard the station there', () => {
    const { stations, arrived } = switchOf(4);
    stations[2].offer(frame(0x22, 0x11));
    arrived();
    stations[0].offer(frame(0x11, 0x22));
    expect(arrived()).toEqual([0, 0, 1, 0]);
    stations[2].offer(frame(0x22, 0x11));
    expect(arrived()).toEqual([1, 0, 0, 0]);
  });

  it('follows a station that moves', () => {
    const { stations, arrived } = switchOf(3);
    stations[0].offer(frame(0x11, BROADCAST));
    arrived();
    stations[1].offer(frame(0x11, BROADCAST));
    arrived();
    stations[2].offer(frame(0x22, 0x11));
    expect(arrived()).toEqual([0, 1, 0]);
  });

  it('does not send a frame to the port it came from, known or not', () => {
    const { stations, arrived, bridge } = switchOf(3);
    stations[0].offer(frame(0x11, BROADCAST));
    arrived();
    stations[0].offer(frame(0x22, 0x11));
    expect(arrived()).toEqual([0, 0, 0]);
    expect(bridge.report().directions['port1.in'].drops).toEqual({ filtered: 1 });
  });

  it('forgets a station after the ageing time', () => {
    const { clock, stations, arrived } = switchOf(3);
    stations[0].offer(frame(0x11, BROADCAST));
    arrived();
    clock.run(299e9);
    stations[1].offer(frame(0x22, 0x11));
    expect(arrived()).toEqual([1, 0, 0]);
    clock.run(clock.now() + 2e9);
    stations[1].offer(frame(0x22, 0x11));
    expect(arrived()).toEqual([1, 0, 1]);
  });

  it('forgets the stations of a port that loses its carrier', () => {
    const { bridge, stations, arrived } = switchOf(3);
    stations[0].offer(frame(0x11, BROADCAST));
    arrived();
    bridge.setCarrier(0, false);
    expect(bridge.report().totals.addresses).toBe(0);
    stations[1].offer(frame(0x22, 0x11));
    expect(arrived()).toEqual([0, 0, 1]);
  });

  it('does not learn group addresses', () => {
    const { stations, arrived, bridge } = switchOf(2);
    stations[0].offer(frame(0x01_0000_000000, BROADCAST));
    expect(arrived()).toEqual([0, 1]);
    expect(bridge.report().totals.addresses).toBe(0);
  });

  it('keeps to itself what is addressed to bridges, and passes on other groups', () => {
    const { stations, arrived } = switchOf(2);
    stations[0].offer(frame(0x11, 0x0180c2000001), frame(0x11, 0x0180c2000010));
    expect(arrived()).toEqual([0, 1]);
  });

  it('drops frames with a bad FCS and lets good ones pass', () => {
    const { clock, pool, bridge, stations } = switchOf(2);
    const bad = pool.from(frame(0x11, 0x22));
    bad.fcsExplicit = true;
    bad.fcs = 0x12345678;
    bridge.ports[0].send(bad);
    clock.runUntilIdle(1e9);
    expect(stations[1].arrivals.length).toBe(0);
    expect(bridge.report().directions['port1.in'].drops).toEqual({ badFcs: 1 });
    expect(bridge.report().totals.addresses).toBe(0);
  });

  it('drops what is too long for it', () => {
    const { stations, arrived, bridge } = switchOf(2, { maxFrameBytes: 1514 });
    stations[0].offer(frame(0x11, 0x22, 1514), frame(0x11, 0x22, 1515));
    expect(arrived()).toEqual([0, 1]);
    expect(bridge.report().directions['port1.in'].drops).toEqual({ tooLong: 1 });
  });

  it('stores a frame whole before it sends it on', () => {
    const rate = { bitsPerSecond: 10_000_000, delayNs: 1_000 };
    const { clock, stations } = switchOf(2, { ports: [rate, rate] });
    stations[0].offer(frame(0x11, 0x22));
    clock.runUntilIdle(1e9);
    expect(stations[1].arrivals[0].timeNs).toBe(2 * (57_600 + 1_000));
  });

  it('drops at the tail of the queue of a slow port, and counts it there', () => {
    const { clock, stations, bridge, pool } = switchOf(2, {
      ports: [{ bitsPerSecond: 1_000_000_000 }, { bitsPerSecond: 10_000_000 }],
      queueFrames: 16,
    });
    stations[0].offer(...Array.from({ length: 100 }, (_, i) => frame(0x11, 0x22, 60, i)));
    clock.runUntilIdle(1e9);
    const fills = stations[1].arrivals.map((arrival) => arrival.bytes[20]);
    expect(fills).toEqual([...fills].sort((a, b) => a - b));
    // One on the wire and 16 waiting, besides what the slow port sent while the fast one was at it.
    expect(fills.slice(0, 17)).toEqual(Array.from({ length: 17 }, (_, i) => i));
    const out = bridge.report().directions['port2.out'];
    expect(out).toMatchObject({
      frames: 100,
      delivered: fills.length,
      drops: { queueFull: 100 - fills.length },
    });
    expect(pool.inUse).toBe(0);
  });

  it('can be plugged into other media, another switch for one', () => {
    const left = switchOf(2);
    const { clock, pool } = left;
    const right = new Switch({ name: 'right', clock, pool, ports: [{}] });
    const trunk = new Link({ name: 'trunk', clock, pool, delayNs: 1_000 });
    left.bridge.connect(trunk.a);
    right.connect(trunk.b);
    const far = new TestStation(right.ports[0], clock);
    left.stations[0].offer(frame(0x11, 0x33));
    clock.runUntilIdle(1e9);
    expect(far.arrivals.length).toBe(1);
    far.offer(frame(0x33, 0x11));
    left.stations[1].arrivals.length = 0;
    expect(left.arrived()).toEqual([1, 0]);
  });

  it('accounts for every frame and delivers known unicast to one port at most', () => {
    const sends = fc.array(
      fc.record({ at: fc.nat(4), from: fc.nat(9), to: fc.nat(9), waitNs: fc.nat(200_000) }),
      {
        maxLength: 80,
      },
    );
    fc.assert(
      fc.property(sends, (script) => {
        const rate = { bitsPerSecond: 100_000_000 };
        const { clock, pool, bridge, stations } = switchOf(5, {
          ports: [rate, rate, rate, { bitsPerSecond: 10_000_000 }, {}],
          queueFrames: 4,
          tableSize: 4,
        });
        for (const { at, from, to, waitNs } of script) {
          stations[at].offer(frame(2 ** 41 + from, to === 0 ? BROADCAST : 2 ** 41 + to));
          clock.run(clock.now() + waitNs);
        }
        clock.runUntilIdle(60e9);
        expect(pool.inUse).toBe(0);
        const { directions, totals } = bridge.report();
        for (const counts of Object.values(directions)) expect(unaccounted(counts)).toBe(0);
        const sum = (which: string, key: 'frames' | 'delivered') =>
          Object.entries(directions).reduce(
            (total, [name, d]) => total + (name.endsWith(which) ? d[key] : 0),
            0,
          );
        expect(sum('in', 'delivered')).toBe(sum('out', 'frames'));
        expect(totals.addresses).toBeLessThanOrEqual(4);
        expect(stations.reduce((total, station) => total + station.arrivals.length, 0)).toBe(
          sum('out', 'delivered'),
        );
      }),
      { numRuns: 100, seed: 6 },
    );
  });
});

describe('a MAC table', () => {
  const address = (n: number) => frame(n, 0).subarray(6, 12);

  it('holds as many stations as it has room for, and forgets the one not heard for longest', () => {
    const table = new MacTable(4, 1e9);
    for (let n = 0; n < 4; n++) table.learn(address(n), 0, n, n);
    table.learn(address(0), 0, 7, 10);
    table.learn(address(99), 0, 9, 11);
    expect([0, 1, 2, 3, 99].map((n) => table.lookup(address(n), 0, 12))).toEqual([7, -1, 2, 3, 9]);
    expect([table.count(12), table.evicted]).toEqual([4, 1]);
  });

  it('finds almost all of a thousand stations in a table of four thousand', () => {
    const table = new MacTable(4096, 1e9);
    for (let n = 0; n < 1000; n++) table.learn(address(0x02_00_00_00_00_00 + n * 7), 0, n % 24, 0);
    expect(table.count(0)).toBeGreaterThan(950);
  });

  it('takes a free or stale place before it throws anybody out', () => {
    const table = new MacTable(4, 100);
    for (let n = 0; n < 4; n++) table.learn(address(n), 0, n, 0);
    table.learn(address(50), 0, 5, 200);
    expect([table.lookup(address(50), 0, 200), table.evicted]).toEqual([5, 0]);
  });

  it('says what size it can have', () => {
    expect(() => new MacTable(100, 1)).toThrow('a MAC table of 100 entries: a power of two, 4 or more');
  });
});
