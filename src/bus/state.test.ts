import { expect, test } from 'vitest';
import { ClockEvent, VirtualClock } from '../kernel/clock.ts';
import { restoreTimer, StateReader, timerLeft } from './state.ts';

test('a timer that is right already keeps its place among those that end at the same ns', () => {
  const clock = new VirtualClock();
  const order: string[] = [];
  const first = new ClockEvent('first', () => order.push('first'));
  const second = new ClockEvent('second', () => order.push('second'));
  clock.arm(first, 100);
  clock.arm(second, 100);
  clock.run(40);
  expect(timerLeft(clock, first)).toBe(60);
  restoreTimer(clock, first, 60);
  clock.run(200);
  expect(order).toEqual(['first', 'second']);
  expect(timerLeft(clock, first)).toBe(null);
  restoreTimer(clock, first, 50);
  restoreTimer(clock, second, 70);
  restoreTimer(clock, second, null);
  clock.run(1_000);
  expect(order).toEqual(['first', 'second', 'first']);
});

test('a reader copies what it gives', () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const read = new StateReader({ bytes }, 'state').bytes('bytes', 3);
  bytes[0] = 9;
  expect(read).toEqual(Uint8Array.of(1, 2, 3));
});

test('fields of a prototype, and things that only look like arrays, are not believed', () => {
  const inherited = Object.create({ count: 1 }) as object;
  expect(() => new StateReader(inherited, 'state').integer('count', 0, 9)).toThrow('state.count is missing');
  const odd = { words: { length: 2, 0: 1, 1: 2, [Symbol.toStringTag]: 'Uint16Array' } };
  expect(() => new StateReader(odd, 'state').halfWords('words', 2)).toThrow('a Uint16Array of 2 is wanted');
  expect(() => new StateReader(new Uint8Array(2), 'state')).toThrow('state is a Uint8Array of 2');
});

test('a register has all 32 bits, and none outside of its mask', () => {
  const reader = new StateReader({ high: 0x80000000, low: 0x11, huge: 2 ** 32 }, 'state');
  expect(reader.bits('high', 0xffffffff)).toBe(0x80000000);
  expect(() => reader.bits('high', 0x7fffffff)).toThrow('no bit outside of 0x7fffffff');
  expect(() => reader.bits('low', 0x10)).toThrow('state.low is 17');
  expect(() => reader.bits('huge', 0xffffffff)).toThrow('from 0 to 4294967295');
});
