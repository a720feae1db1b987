// A card of ours on v86's network bus, with an adapter of a test at the other side.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestStation } from '../../../test/vocabulary/station.ts';
import { type V86Bench, v86Bench } from '../../../test/vocabulary/v86-bench.ts';
import { VirtualClock } from '../../kernel/clock.ts';
import { FramePool } from '../../wire/frame.ts';
import { type BusMedium, busMedium } from './bus-medium.ts';

const HERE = [2, 0, 0, 0, 0, 0x0a];
const THERE = [2, 0, 0, 0, 0, 0x0b];

let bench: V86Bench;
let pool: FramePool;
let medium: BusMedium;
let sent: Uint8Array[];
let addresses: string[];

beforeEach(async () => {
  bench = await v86Bench();
  pool = new FramePool();
  medium = busMedium(bench.emulator, pool);
  sent = [];
  addresses = [];
  bench.emulator.add_listener('net0-send', (bytes: Uint8Array) => sent.push(bytes));
  bench.emulator.add_listener('net0-mac', (address: string) => addresses.push(address));
});
afterEach(() => bench.emulator.destroy());

function frame(from: number[], to: number[], length = 60): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i < 6 ? to[i] : i < 12 ? from[i - 6] : i & 0xff));
}

/** As an adapter does it. */
function arrive(bytes: unknown): void {
  (bench.emulator as unknown as { bus: { send(event: string, bytes: unknown): void } }).bus.send(
    'net0-receive',
    bytes,
  );
}

function expectSums(): void {
  const { fromCard, toCard } = medium.counters;
  expect(fromCard.frames).toBe(fromCard.passed + fromCard.dropBadFcs);
  const { frames, passed, dropNotAFrame, dropTooShort, dropTooLong, dropQueueFull, dropUnplugged } = toCard;
  expect(frames).toBe(
    passed + dropNotAFrame + dropTooShort + dropTooLong + dropQueueFull + dropUnplugged + medium.waiting,
  );
  expect(pool.inUse).toBe(medium.waiting);
}

test('frames go to the adapter byte for byte, in copies, and the sender may go on at once', () => {
  const station = new TestStation(medium, new VirtualClock());
  const frames = [60, 61, 1514].map((length) => frame(HERE, THERE, length));
  station.offer(...frames);
  expect(sent).toEqual(frames);
  expect(station.statuses).toEqual([0, 0, 0]);
  expect(new Set(sent.map(({ buffer }) => buffer)).size).toBe(3);
  expectSums();
});

test('the adapter is told the address that the guest sends from, when it changes', () => {
  const station = new TestStation(medium, new VirtualClock());
  station.offer(frame(HERE, THERE), frame(HERE, THERE), frame(THERE, HERE), frame([1, 0, 0, 0, 0, 1], HERE));
  expect(addresses).toEqual(['02:00:00:00:00:0a', '02:00:00:00:00:0b']);
});

test('frames of the adapter reach the card, short ones made up to 60 bytes', () => {
  const station = new TestStation(medium, new VirtualClock());
  arrive(frame(THERE, HERE, 1514));
  arrive(frame(THERE, HERE, 42));
  expect(station.arrivals.map(({ bytes }) => bytes)).toEqual([
    frame(THERE, HERE, 1514),
    Uint8Array.from({ length: 60 }, (_, i) => (i < 42 ? frame(THERE, HERE, 42)[i] : 0)),
  ]);
  expect(medium.counters.toCard.padded).toBe(1);
  expectSums();
});

test('an answer that comes while the frame is being sent arrives after it', () => {
  const station = new TestStation(medium, new VirtualClock());
  bench.emulator.add_listener('net0-send', () => arrive(frame(THERE, HERE, 64)));
  station.offer(frame(HERE, THERE), frame(HERE, THERE));
  expect(station.arrivals.length).toBe(2);
  expect(station.statuses).toEqual([0, 0]);
  expectSums();
});

test('a flood of answers is dropped and counted', () => {
  const station = new TestStation(medium, new VirtualClock());
  bench.emulator.add_listener('net0-send', () => {
    for (let i = 0; i < 300; i++) arrive(frame(THERE, HERE, 64));
  });
  station.offer(frame(HERE, THERE));
  expect(station.arrivals.length).toBe(256);
  expect(medium.counters.toCard.dropQueueFull).toBe(44);
  expectSums();
});

test('what is no frame is dropped and counted, and so is what comes while nothing is plugged in', () => {
  arrive(frame(THERE, HERE));
  const station = new TestStation(medium, new VirtualClock());
  arrive('a frame');
  arrive(new Uint8Array(13));
  arrive(new Uint8Array(20_000));
  const damaged = pool.from(frame(HERE, THERE));
  damaged.fcsExplicit = true;
  damaged.fcs = 0x12345678;
  medium.send(damaged);
  expect(station.arrivals).toEqual([]);
  expect(sent).toEqual([]);
  expect(medium.counters.toCard).toMatchObject({
    dropUnplugged: 1,
    dropNotAFrame: 1,
    dropTooShort: 1,
    dropTooLong: 1,
  });
  expect(medium.counters.fromCard).toMatchObject({ frames: 1, dropBadFcs: 1 });
  expectSums();
});

test('a closed one hears nothing any more', () => {
  const station = new TestStation(medium, new VirtualClock());
  medium.close();
  medium.close();
  arrive(frame(THERE, HERE));
  expect(station.arrivals).toEqual([]);
  expect(medium.counters.toCard.frames).toBe(0);
  expect(() => busMedium(bench.emulator, pool, { id: -1 })).toThrow(
    'network -1: 0 or a higher whole number would be right',
  );
});
