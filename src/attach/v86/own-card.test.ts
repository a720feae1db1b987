// v86's own card on a medium of ours; the test is the card.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type V86Bench, v86Bench } from '../../../test/vocabulary/v86-bench.ts';
import { FakeMedium } from '../../chips/testing.ts';
import { TX_LATE_COLLISION, TX_NO_CARRIER } from '../../wire/medium.ts';
import { OwnCard } from './own-card.ts';

let bench: V86Bench;
let medium: FakeMedium;
let received: Uint8Array[];

beforeEach(async () => {
  bench = await v86Bench();
  medium = new FakeMedium();
  received = [];
  bench.cpu.bus.register('net0-receive', (bytes) => received.push(bytes as Uint8Array));
});
afterEach(() => bench.emulator.destroy());

function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (7 * i + 1) & 0xff);
}

function send(length: number): void {
  bench.cpu.bus.send('net0-send', bytes(length));
}

function expectSums(card: OwnCard): void {
  for (const { taken, passed, waiting, drops } of Object.values(card.report()))
    expect(taken).toBe(passed + waiting + Object.values(drops).reduce((sum, count) => sum + count, 0));
  expect(card.report().in.waiting).toBe(0);
}

describe('from the guest', () => {
  test('frames go onto the medium, short ones made up to 60 bytes', () => {
    const card = new OwnCard(bench.emulator, medium);
    send(1514);
    send(42);
    expect(medium.sent.map(({ bytes: sent }) => sent.length)).toEqual([1514, 60]);
    expect(medium.sent[0].bytes).toEqual(bytes(1514));
    expect(medium.sent[1].bytes).toEqual(
      Uint8Array.from({ length: 60 }, (_, i) => (i < 42 ? bytes(42)[i] : 0)),
    );
    expect(card.fromGuest).toMatchObject({ frames: 2, bytes: 1556, sent: 2, padded: 1 });
    expectSums(card);
  });

  test('they wait for a medium that takes time, one at a time, and beyond the queue are dropped', () => {
    const card = new OwnCard(bench.emulator, medium, { queueFrames: 2 });
    medium.slow = true;
    for (let i = 0; i < 5; i++) send(60 + i);
    expect(medium.sent.length).toBe(1);
    expect(card.waiting).toBe(3);
    expect(card.fromGuest.dropQueueFull).toBe(2);
    expectSums(card);
    for (let i = 0; i < 3; i++) medium.finish();
    expect(medium.sent.map(({ bytes: sent }) => sent.length)).toEqual([60, 61, 62]);
    expect(card.waiting).toBe(0);
    expectSums(card);
    expect(medium.pool.inUse).toBe(0);
  });

  test('what cannot be sent is counted by its reason', () => {
    const card = new OwnCard(bench.emulator, medium);
    send(13);
    send(20_000);
    medium.endings.push(TX_NO_CARRIER, TX_LATE_COLLISION);
    send(60);
    send(60);
    expect(card.report().out.drops).toEqual({
      dropTooShort: 1,
      dropTooLong: 1,
      dropNoCarrier: 1,
      dropCollisions: 1,
      dropQueueFull: 0,
      dropClosed: 0,
    });
    expectSums(card);
  });
});

describe('to the guest', () => {
  test('frames reach the card in copies; damaged ones and runts do not', () => {
    const card = new OwnCard(bench.emulator, medium);
    medium.arrive(bytes(60));
    medium.arrive(bytes(1514));
    medium.arrive(bytes(1514), 0x12345678);
    medium.arrive(bytes(59));
    expect(received).toEqual([bytes(60), bytes(1514)]);
    expect(received[0].buffer).not.toBe(received[1].buffer);
    expect(card.toGuest).toMatchObject({ frames: 4, handed: 2, dropBadFcs: 1, dropRunt: 1 });
    expectSums(card);
    expect(medium.pool.inUse).toBe(0);
  });
});

test('closing it leaves nothing behind and the sums right', () => {
  const card = new OwnCard(bench.emulator, medium);
  medium.slow = true;
  for (let i = 0; i < 3; i++) send(60);
  card.close();
  card.close();
  send(60);
  expect(card.fromGuest).toMatchObject({ frames: 3, dropClosed: 3 });
  expect(card.waiting).toBe(0);
  expectSums(card);
  expect(medium.pool.inUse).toBe(0);
  expect(() => new OwnCard(bench.emulator, medium, { queueFrames: 0 })).toThrow(
    'queueFrames 0: 1 or more would be right',
  );
  expect(() => new OwnCard(bench.emulator, medium, { id: 0.5 })).toThrow(
    'card 0.5: 0 or a higher whole number',
  );
  const { v86 } = bench.emulator;
  expect(() => new OwnCard({ v86, add_listener() {} }, medium)).toThrow('no emulator.bus.register');
});
