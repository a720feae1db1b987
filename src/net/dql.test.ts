import { expect, test } from 'vitest';
import { DynamicQueueLimit } from './dql.ts';

const PACKET = 1514;
const PACKET_NS = 12_304; // with preamble, FCS and gap at 1 Gb/s

/** A wire that sends packets back to back, and a driver that is told of completions every `everyNs`. */
function wire(everyNs: number, options: { holdTimeNs?: number; limitMax?: number; on?: boolean } = {}) {
  const now = new Float64Array([5e9]);
  const limit = new DynamicQueueLimit((to, at) => {
    to[at] = now[0];
  });
  limit.holdTimeNs = options.holdTimeNs ?? 100_000_000;
  limit.limitMax = options.limitMax ?? limit.limitMax;
  const ring = 256;
  let held = 0;
  let debtNs = 0;
  return {
    limit,
    /** Runs for `ns` under overload; returns how much of it the wire was busy, and the most packets the ring held. */
    run(ns: number, interval = everyNs) {
      let busyNs = 0;
      let most = 0;
      for (let at = 0; at < ns; at += interval) {
        while (held < ring && (options.on === false || limit.room >= 0)) {
          limit.sent(PACKET);
          held++;
        }
        most = Math.max(most, held);
        const sendable = Math.floor((interval + debtNs) / PACKET_NS);
        const sent = Math.min(held, sendable);
        debtNs = sent === sendable ? (interval + debtNs) % PACKET_NS : 0;
        busyNs += sent * PACKET_NS;
        held -= sent;
        now[0] += interval;
        limit.completed(sent * PACKET);
      }
      return { busy: busyNs / ns, most };
    },
  };
}

test('under overload the link stays full with little more in the ring than two completions take', () => {
  const it = wire(100_000); // 8.1 packets a completion
  it.run(20_000_000);
  const { busy, most } = it.run(1_000_000_000);
  expect(busy).toBeGreaterThan(0.995);
  expect(most).toBeLessThanOrEqual(20);
  expect(most).toBeGreaterThan(8);
  expect(wire(100_000, { on: false }).run(10_000_000).most).toBe(256);
});

test('rarer completions let the limit grow within a few of them, more frequent ones let it shrink after hold_time', () => {
  const it = wire(50_000);
  it.run(500_000_000);
  const before = it.limit.limit;
  it.run(10_000_000, 1_000_000);
  const grown = it.limit.limit;
  expect(grown).toBeGreaterThan(81 * PACKET);
  expect(it.run(200_000_000, 1_000_000).busy).toBeGreaterThan(0.99);
  it.run(90_000_000, 50_000);
  expect(it.limit.limit).toBeGreaterThan(grown / 2);
  it.run(1_000_000_000, 50_000);
  expect(it.limit.limit).toBeLessThan(before * 2);
  expect(it.run(100_000_000, 50_000).busy).toBeGreaterThan(0.99);
});

test('limit_max holds, also where the link suffers from it; reset forgets; more completed than sent is refused', () => {
  const it = wire(1_000_000, { limitMax: 10 * PACKET });
  const { most, busy } = it.run(1_000_000_000);
  expect(most).toBe(11);
  expect(busy).toBeLessThan(0.2);
  it.limit.reset();
  expect([it.limit.limit, it.limit.inFlight, it.limit.room]).toEqual([0, 0, 0]);
  expect(() => it.limit.completed(1)).toThrow(RangeError);
});
