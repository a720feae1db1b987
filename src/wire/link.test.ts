import { describe, expect, it } from 'vitest';
import { numbered, TestStation } from '../../test/vocabulary/station.ts';
import { SystemClock, VirtualClock } from '../kernel/clock.ts';
import { FramePool } from './frame.ts';
import { Link } from './link.ts';
import { frameTimeNs } from './medium.ts';

function plugged(bitsPerSecond: number, delayNs = 0) {
  const clock = new VirtualClock();
  const pool = new FramePool();
  const link = new Link({ name: 'link', clock, pool, bitsPerSecond, delayNs });
  const a = new TestStation(link.a, clock);
  const b = new TestStation(link.b, clock);
  return { clock, pool, link, a, b };
}

const burst = (count: number, length = 60) => Array.from({ length: count }, (_, i) => numbered(i, length));

describe('a link', () => {
  it('delivers when the last bit has arrived and lets the next frame go after the gap', () => {
    const { clock, a, b } = plugged(10_000_000, 1_000);
    a.offer(...burst(3));
    clock.runUntilIdle(1e9);
    // 8 bytes of preamble, 60 of frame, 4 of FCS: 57.6 us; the gap makes it 67.2 us from frame to frame.
    expect(b.arrivals.map((arrival) => arrival.timeNs)).toEqual([58_600, 125_800, 193_000]);
  });

  it('carries 14880952 frames of 60 bytes a second at 10 Gbit/s, as the textbooks say', () => {
    const { clock, a, b } = plugged(10_000_000_000);
    a.offer(...burst(14_881));
    clock.runUntilIdle(1e9);
    expect(b.arrivals.at(-1)?.timeNs).toBeCloseTo(1e6, -2);
  });

  it('keeps both directions apart', () => {
    const { clock, a, b, link } = plugged(100_000_000, 10_000);
    a.offer(...burst(100, 1514));
    b.offer(...burst(100, 1514));
    clock.runUntilIdle(1e9);
    expect(a.arrivals.map((arrival) => arrival.timeNs)).toEqual(b.arrivals.map((arrival) => arrival.timeNs));
    const { directions } = link.report();
    expect(directions['a>b']).toEqual(directions['b>a']);
    expect(directions['a>b'].busyNs).toBe(100 * frameTimeNs(1514, 100_000_000));
    expect(directions['a>b'].utilisation).toBeGreaterThan(0.99);
  });

  it('delivers all frames of one instant by one event when nothing takes time', () => {
    const { clock, a, b } = plugged(0);
    a.offer(...burst(200));
    expect(a.statuses.length).toBe(200);
    expect(b.arrivals.length).toBe(0);
    clock.fireNext();
    expect(b.arrivals.length).toBe(200);
  });

  it('does not let a station that sends without end at rate 0 shut out its receiver', () => {
    const { clock, a, b } = plugged(0);
    a.offer(...burst(1000));
    expect(a.sent).toBeLessThan(1000);
    clock.runUntilIdle(0);
    expect([a.sent, b.arrivals.length]).toEqual([1000, 1000]);
  });

  it('does not lose rate by a delay, however long', () => {
    const { clock, a, b } = plugged(1_000_000_000, 100_000_000);
    a.offer(...burst(10_000, 1514));
    clock.runUntilIdle(1e9);
    const first = b.arrivals[0].timeNs;
    const last = b.arrivals.at(-1)?.timeNs ?? 0;
    expect((last - first) / 9_999).toBeCloseTo(frameTimeNs(1514, 1_000_000_000), 3);
  });

  it('does not lose rate when a system clock fires late', () => {
    let milliseconds = 0;
    const clock = new SystemClock(() => milliseconds);
    const link = new Link({ name: 'link', clock, pool: new FramePool(), bitsPerSecond: 100_000_000 });
    const a = new TestStation(link.a, clock);
    const b = new TestStation(link.b, clock);
    a.offer(...burst(20_000));
    for (; milliseconds < 100; milliseconds++) clock.poll();
    expect(b.arrivals.length).toBeGreaterThan(0.97 * 14_880);
    expect(b.arrivals.length).toBeLessThanOrEqual(14_881);
  });

  it('tells both ends about a new rate, which holds for the next frame', () => {
    const { clock, link, a, b } = plugged(10_000_000);
    a.carriers.length = 0;
    link.setRate(100_000_000);
    expect([a.carriers, b.carriers]).toEqual([[true], [true]]);
    expect(link.a.bitsPerSecond).toBe(100_000_000);
    a.offer(numbered(0, 60));
    clock.runUntilIdle(1e9);
    expect(b.arrivals[0].timeNs).toBe(5_760);
  });

  it('survives a receiver that cuts the cable', () => {
    const { clock, link, a, b, pool } = plugged(0);
    b.onReceive = () => link.setCarrier(b.arrivals.length < 3);
    a.offer(...burst(10));
    clock.runUntilIdle(1e9);
    expect(b.arrivals.length).toBe(3);
    expect(link.report().directions['a>b'].drops).toEqual({ carrierLost: 7 });
    expect(pool.inUse).toBe(0);
  });

  it('says what is wrong with its options', () => {
    expect(() => plugged(-1)).toThrow('link: bitsPerSecond is -1: 0 or more');
    expect(() => plugged(0, Number.NaN)).toThrow('link: delayNs is NaN: 0 or more');
  });
});
