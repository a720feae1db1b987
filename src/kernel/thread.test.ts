import { expect, test } from 'vitest';
import { costing, oneMachine } from '../../test/vocabulary/one-machine.ts';
import { PROCESS } from './cpu.ts';
import { SpinLock } from './lock.ts';
import { BLOCK, RESCHEDULE, type Thread, type ThreadBody } from './thread.ts';

test('threads run in process context until they end, equals in turn', () => {
  const { cpu, run } = oneMachine();
  const order: string[] = [];
  function* body(name: string): ThreadBody {
    for (let i = 0; i < 2; i++) {
      expect(cpu.context).toBe(PROCESS);
      order.push(name);
      yield RESCHEDULE;
    }
  }
  const a = cpu.spawn('a', body('a'));
  cpu.spawn('b', body('b'));
  run(1);
  expect(order).toEqual(['a', 'b', 'a', 'b']);
  expect(a.finished).toBe(true);
});

test('higher priority runs first, and each switch is counted and charged', () => {
  const { cpu, run } = oneMachine({ profile: costing({ contextSwitch: 100 }) });
  const order: string[] = [];
  function* body(name: string): ThreadBody {
    order.push(name);
    yield RESCHEDULE;
    order.push(name);
  }
  cpu.spawn('low', body('low'), 5);
  cpu.spawn('high', body('high'), 20);
  run(100);
  run(1000);
  expect(order).toEqual(['high', 'high', 'low', 'low']);
  expect(cpu.contextSwitches).toBe(2);
  expect(cpu.timeIn[PROCESS]).toBe(200);
});

test('a sleeping thread wakes at its time, or earlier when it is woken', () => {
  const { cpu, clock, run } = oneMachine();
  const times: number[] = [];
  const thread = cpu.spawn(
    'sleeper',
    (function* (): ThreadBody {
      for (;;) {
        times.push(clock.now());
        yield 1000;
      }
    })(),
  );
  run(1500);
  thread.wake();
  run(1400);
  expect(times).toEqual([0, 1000, 1500, 2500]);
});

test('a wake that comes between the check and the block is not lost', () => {
  const { machine, cpu, run } = oneMachine({ profile: costing({ contextSwitch: 10 }) });
  let packets = 0;
  let taken = 0;
  const thread: Thread = cpu.spawn(
    'receiver',
    (function* (): ThreadBody {
      for (;;) {
        const seen = packets;
        // The interrupt comes after the check.
        if (taken === 0 && seen === 0) machine.irq.line(3).pulse();
        taken = seen;
        if (taken > 0) return;
        yield BLOCK;
      }
    })(),
  );
  machine.irq.request(3, 'dev', () => {
    packets++;
    thread.wake();
    return true;
  });
  run(1000);
  expect(taken).toBe(1);
});

test('killed, a thread never runs again, also when it was asleep, and its cleanup runs', () => {
  const { cpu, clock, run } = oneMachine();
  let cleaned = 0;
  function* body(): ThreadBody {
    try {
      for (;;) yield 100;
    } finally {
      cleaned++;
    }
  }
  const thread = cpu.spawn('victim', body());
  run(10);
  thread.kill();
  thread.wake();
  expect(thread.runnable).toBe(false);
  expect(cleaned).toBe(1);
  expect(clock.nextEventTime()).toBe(Infinity);
  const self: { thread?: Thread } = {};
  const suicide = cpu.spawn(
    'suicide',
    (function* (): ThreadBody {
      self.thread?.kill();
      yield 100;
      expect.unreachable();
    })(),
  );
  self.thread = suicide;
  run(1000);
  expect(suicide.finished).toBe(true);
  expect(clock.nextEventTime()).toBe(Infinity);
});

test('a thread that throws is finished, and the error reaches who runs the clock', () => {
  const { cpu, run } = oneMachine();
  const thread = cpu.spawn(
    'broken',
    // biome-ignore lint/correctness/useYield: it never gets there
    (function* (): ThreadBody {
      throw new Error('no');
    })(),
  );
  expect(() => run(1)).toThrow('no');
  expect(thread.finished).toBe(true);
});

test('a thread may not wait with a spin lock', () => {
  const { cpu, run } = oneMachine();
  const lock = new SpinLock('a');
  cpu.spawn(
    'sleeper',
    (function* (): ThreadBody {
      lock.lockIrq(cpu);
      yield BLOCK;
    })(),
  );
  expect(() => run(1)).toThrow(/lock a held/);
});
