import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Activity, ClockEvent, SystemClock, VirtualClock } from './clock.ts';
import { EventHeap } from './event-heap.ts';

interface Entry {
  event: ClockEvent;
  when: number;
  order: number;
}

test('the heap gives events by time, then by the order in which they were armed, like a sorted array', () => {
  const command = fc.oneof(
    fc.record({ kind: fc.constant('arm' as const), which: fc.nat(19), when: fc.nat(8) }),
    fc.record({ kind: fc.constant('remove' as const), which: fc.nat(19), when: fc.constant(0) }),
    fc.record({ kind: fc.constant('take' as const), which: fc.constant(0), when: fc.constant(0) }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const heap = new EventHeap();
      const events = Array.from({ length: 20 }, (_, i) => new ClockEvent(`${i}`, () => {}));
      let oracle: Entry[] = [];
      let order = 0;
      const first = () => oracle.toSorted((a, b) => a.when - b.when || a.order - b.order)[0]?.event ?? null;
      for (const { kind, which, when } of commands) {
        const event = kind === 'take' ? first() : events[which];
        if (event === null) continue;
        oracle = oracle.filter((entry) => entry.event !== event);
        if (kind === 'arm') {
          heap.arm(event, when);
          oracle.push({ event, when, order: order++ });
        } else heap.remove(event);
        expect(heap.first()).toBe(first());
        expect(heap.size).toBe(oracle.length);
        for (const each of events) expect(each.armed).toBe(oracle.some((entry) => entry.event === each));
      }
    }),
  );
});

test('virtual time jumps from event to event and stops where the run ends', () => {
  const clock = new VirtualClock();
  const times: number[] = [];
  for (const at of [300, 100, 200, 900]) clock.arm(new ClockEvent('e', () => times.push(clock.now())), at);
  expect(clock.run(500)).toBe(500);
  expect(times).toEqual([100, 200, 300]);
  clock.run(1000);
  expect(times).toEqual([100, 200, 300, 900]);
});

test('an event armed for the past fires now, behind those that were there first', () => {
  const clock = new VirtualClock();
  const order: string[] = [];
  clock.advanceTo(50);
  clock.arm(new ClockEvent('a', () => order.push(`a ${clock.now()}`)), 50);
  clock.arm(new ClockEvent('b', () => order.push(`b ${clock.now()}`)), 10);
  clock.run(60);
  expect(order).toEqual(['a 50', 'b 50']);
});

test('an event may arm itself again and cancel others while it fires', () => {
  const clock = new VirtualClock();
  let fired = 0;
  const victim = new ClockEvent('victim', () => expect.unreachable());
  const event: ClockEvent = new ClockEvent('periodic', () => {
    clock.cancel(victim);
    if (++fired < 5) clock.armIn(event, 10);
  });
  clock.armIn(event, 10);
  clock.arm(victim, 10);
  clock.cancel(victim);
  clock.arm(victim, 11);
  clock.run(100);
  expect(fired).toBe(5);
  expect(event.armed).toBe(false);
});

test('the next event is visible in the typed array, also after it was cancelled', () => {
  const clock = new VirtualClock();
  const event = new ClockEvent('e', () => {});
  expect(clock.nextEventTime()).toBe(Infinity);
  clock.arm(event, 70);
  expect(clock.nextEventTime()).toBe(70);
  clock.arm(event, 40);
  expect(clock.nextEventTime()).toBe(40);
  clock.cancel(event);
  expect(clock.nextEventTime()).toBe(Infinity);
});

function activity(name: string, readySince: number, run: () => void): Activity {
  return { name, readySince, isReady: false, run };
}

test('the activity that has been ready longest runs first; of equals the one that came first', () => {
  const clock = new VirtualClock();
  clock.advanceTo(100);
  const order: string[] = [];
  for (const [name, since] of [
    ['late', 90],
    ['first', 20],
    ['second', 20],
    ['early', 10],
  ] as const) {
    clock.ready(activity(name, since, () => order.push(name)));
  }
  clock.run(100);
  expect(order).toEqual(['early', 'first', 'second', 'late']);
});

test('an activity that became ready after the end of the run waits for the next run', () => {
  const clock = new VirtualClock();
  let ran = 0;
  clock.ready(activity('a', 150, () => ran++));
  clock.run(100);
  expect(ran).toBe(0);
  clock.run(200);
  expect(ran).toBe(1);
});

test('time that stands still is an error that names who keeps it', () => {
  const clock = new VirtualClock();
  const event: ClockEvent = new ClockEvent('busy', () => clock.arm(event, 0));
  clock.arm(event, 0);
  expect(() => clock.run(10)).toThrow(/time stands still at 0 ns.*"busy"/);
});

test('runUntilIdle stops when nothing is armed, or at its limit', () => {
  const clock = new VirtualClock();
  clock.arm(new ClockEvent('e', () => {}), 30);
  expect(clock.runUntilIdle(1000)).toBe(30);
  clock.arm(new ClockEvent('e', () => {}), 5000);
  expect(clock.runUntilIdle(1000)).toBe(30);
});

test('the system clock fires what is due and says how long nothing will be', () => {
  let ms = 5;
  const clock = new SystemClock(() => ms);
  const fired: number[] = [];
  clock.arm(new ClockEvent('e', () => fired.push(clock.now())), 2_000_000);
  expect(clock.poll()).toBe(2_000_000);
  ms += 3;
  expect(clock.poll()).toBe(Infinity);
  expect(fired).toEqual([3_000_000]);
});

test('on the system clock a thread that never blocks does not keep the hardware waiting', () => {
  let ms = 0;
  const clock = new SystemClock(() => ms);
  let fired = 0;
  const busy: Activity = activity('busy', 0, () => {
    ms += 0.001;
    clock.ready(busy);
  });
  clock.ready(busy);
  clock.arm(new ClockEvent('e', () => fired++), 5000);
  expect(clock.poll(100)).toBe(0);
  expect(fired).toBe(1);
});
