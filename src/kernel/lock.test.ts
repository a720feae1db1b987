import { expect, test } from 'vitest';
import { costing, oneMachine } from '../../test/vocabulary/one-machine.ts';
import { VirtualClock } from './clock.ts';
import { SpinLock } from './lock.ts';
import { NET_RX_SOFTIRQ } from './softirq.ts';
import { BLOCK } from './thread.ts';

test('a lock taken again by its owner is a dead-lock', () => {
  const { machine, cpu } = oneMachine();
  const lock = new SpinLock('a');
  machine.process(() => {
    lock.lockIrq(cpu);
    expect(lock.held).toBe(true);
    expect(() => lock.lock(cpu)).toThrow(/taken again/);
    lock.unlockIrq(cpu);
    expect(() => lock.unlock(cpu)).toThrow(/does not hold/);
  });
});

test('a lock that an interrupt takes must be taken with interrupts off elsewhere, found without the collision', () => {
  const { machine, cpu } = oneMachine();
  const lock = new SpinLock('a');
  machine.irq.request(3, 'dev', () => {
    lock.lock(cpu);
    lock.unlock(cpu);
    return true;
  });
  machine.process(() => {
    machine.irq.line(3).pulse();
    lock.lockIrq(cpu);
    lock.unlockIrq(cpu);
    expect(() => lock.lock(cpu)).toThrow(/hard interrupt context/);
  });
});

test('the same with softirqs and bottom halves', () => {
  const { machine, cpu } = oneMachine();
  const lock = new SpinLock('a');
  machine.openSoftirq(NET_RX_SOFTIRQ, () => {
    lock.lock(cpu);
    lock.unlock(cpu);
  });
  machine.process(() => {
    cpu.bhDisable();
    cpu.raiseSoftirq(NET_RX_SOFTIRQ);
    cpu.bhEnable();
    lock.lockBh(cpu);
    lock.unlockBh(cpu);
    expect(() => lock.lock(cpu)).toThrow(/softirq context/);
  });
});

test('two locks taken in both orders are a dead-lock, found without the collision', () => {
  const { machine, cpu } = oneMachine();
  const a = new SpinLock('a');
  const b = new SpinLock('b');
  expect(() =>
    machine.process(() => {
      for (const [first, second] of [
        [a, b],
        [b, a],
      ]) {
        first.lock(cpu);
        second.lock(cpu);
        first.unlock(cpu);
        second.unlock(cpu);
      }
    }),
  ).toThrow(/both orders/);
  // What the failed work held was given back.
  expect(a.held || b.held).toBe(false);
});

test('locks of two machines have nothing to do with each other', () => {
  const clock = new VirtualClock();
  const one = oneMachine({ clock, profile: costing({}), name: 'one' });
  const two = oneMachine({ clock, name: 'two' });
  const a = new SpinLock('a');
  const b = new SpinLock('b');
  one.machine.process(() => {
    a.lock(one.cpu);
    two.machine.process(() => {
      b.lock(two.cpu);
      b.unlock(two.cpu);
    });
    a.unlock(one.cpu);
    b.lock(one.cpu);
    a.lock(one.cpu);
    a.unlock(one.cpu);
    b.unlock(one.cpu);
  });
});

test('an activity that ends with a lock held is an error that names it', () => {
  const { machine, cpu } = oneMachine();
  const lock = new SpinLock('a');
  expect(() => machine.process(() => lock.lock(cpu))).toThrow(/lock a held \(rule L04\)/);
});

test('a contended lock: who comes while another CPU had it waits, and finds its data in the cache of that one', () => {
  const { machine, run } = oneMachine({ cpus: 2, profile: costing({ lock: 10, descriptor: 60 }) });
  const lock = new SpinLock('a', true);
  const until: number[] = [];
  const hold = (ns: number): void => {
    const { cpu } = machine;
    lock.lockBh(cpu);
    cpu.charge(ns);
    until.push(cpu.now());
    lock.unlockBh(cpu);
  };
  /** Waits and holds in turn, ns, all in one activity. */
  function* body(...times: number[]) {
    for (let i = 0; i < times.length; i += 2) {
      machine.cpu.charge(times[i]);
      hold(times[i + 1]);
    }
    yield BLOCK;
  }
  machine.cpus[0].spawn('one', body(100, 100, 240, 100));
  machine.cpus[1].spawn('two', body(50, 100, 5, 20));
  run(10_000);
  // The first has it from 100 to 210 and from 450 to 560. Before 100 there is no gap of 110, as it was held the last time, but
  // from 210 on; then none before 450. Each time 10 for the lock, and 60 for the miss if the other one had it before.
  expect(until).toEqual([210, 560, 210 + 170, 560 + 90]);
});
