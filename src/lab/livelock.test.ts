import { expect, test } from 'vitest';
import { shippedLab } from '../../test/vocabulary/labs.ts';
import { livelock } from './livelock.ts';
import { loadLab } from './load.ts';

const lab = loadLab('livelock.yaml', shippedLab('livelock'));

test('polling holds its peak under four times the load, and interrupts end in livelock', () => {
  const { rows, capacityPps } = livelock(lab, { forNs: 200_000_000, loads: [0.1, 0.25, 0.5, 0.75, 1, 2, 4] });
  const at = (load: number) => rows.find((row) => row.load === load)!;

  const peak = Math.max(...rows.map((row) => row.polling.goodputPps));
  expect(at(4).polling.goodputPps).toBeGreaterThan(0.95 * peak);
  expect(peak).toBeLessThan(1.05 * capacityPps);

  // Nearly one interrupt a packet at a low load, none at a high one.
  expect(at(0.1).polling.interruptsPerPacket).toBeGreaterThan(0.95);
  expect(at(4).polling.interruptsPerPacket).toBeLessThan(0.01);
  expect(at(4).polling.packetsPerPoll).toBeGreaterThan(60);

  // Both do the same at a low load; then the one-interrupt-a-packet path collapses.
  expect(at(0.25).interrupts.goodputPps).toBeCloseTo(at(0.25).polling.goodputPps, -2);
  const interruptPeak = Math.max(...rows.map((row) => row.interrupts.goodputPps));
  expect(at(4).interrupts.goodputPps).toBeLessThan(0.2 * interruptPeak);
  expect(at(4).interrupts.hardirqShare).toBeGreaterThan(0.9);
});

test('a lab without a generator is told so', () => {
  const text = 'name: plain\nhosts: { alice: {} }';
  expect(() => livelock(loadLab('plain.yaml', text))).toThrow('lab "plain" has no port of kind generator');
});
