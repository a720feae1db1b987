import { expect, test } from 'vitest';
import { costing, oneMachine } from '../../test/vocabulary/one-machine.ts';
import { Callout } from './callout.ts';
import { SOFTIRQ } from './cpu.ts';

function callout(setup = oneMachine()) {
  const runs: number[] = [];
  const it = new Callout(setup.machine, 'test', () => runs.push(setup.clock.now()));
  return { ...setup, it, runs };
}

test('a callout runs once, in softirq context, after its delay', () => {
  const { machine, cpu, run } = oneMachine();
  const contexts: number[] = [];
  const it = new Callout(machine, 'test', () => contexts.push(cpu.context));
  it.reset(100);
  run(99);
  expect(contexts).toEqual([]);
  expect(it.pending).toBe(true);
  run(1000);
  expect(contexts).toEqual([SOFTIRQ]);
  expect(it.pending).toBe(false);
});

test('reset moves it, stop disarms it and says whether it was armed', () => {
  const { it, runs, run } = callout();
  it.reset(100);
  it.reset(300);
  run(200);
  expect(runs).toEqual([]);
  expect(it.stop()).toBe(true);
  expect(it.stop()).toBe(false);
  run(1000);
  expect(runs).toEqual([]);
});

test('one that has expired and not run yet can still be stopped', () => {
  const { it, runs, machine, cpu, run } = callout(oneMachine({ profile: costing({}) }));
  it.reset(50);
  machine.process(() => {
    cpu.irqDisable();
    cpu.charge(100);
    expect(it.pending).toBe(true);
    expect(it.stop()).toBe(true);
    cpu.irqEnable();
  });
  run(1000);
  expect(runs).toEqual([]);
});

test('one that has expired and is reset before it ran waits for the new time, and runs once', () => {
  const { it, runs, machine, cpu, run } = callout(oneMachine({ profile: costing({}) }));
  it.reset(50);
  machine.process(() => {
    cpu.bhDisable();
    cpu.charge(100);
    it.reset(200);
    cpu.bhEnable();
    expect(runs).toEqual([]);
  });
  run(1000);
  expect(runs).toEqual([300]);
});

test('a periodic one arms itself again, and the census names what is armed', () => {
  const { machine, run } = oneMachine();
  let runs = 0;
  const it: Callout = new Callout(machine, 'watchdog', () => {
    if (++runs < 3) it.reset(10);
  });
  it.reset(10);
  expect(machine.callouts.census()).toEqual(['watchdog']);
  run(100);
  expect(runs).toBe(3);
  expect(machine.callouts.census()).toEqual([]);
});

test('callouts that expire at one instant run in the order of their arming, one of them stopping another', () => {
  const { machine, run } = oneMachine();
  const order: string[] = [];
  const c = new Callout(machine, 'c', () => order.push('c'));
  const a = new Callout(machine, 'a', () => {
    order.push('a');
    c.stop();
  });
  const b = new Callout(machine, 'b', () => order.push('b'));
  for (const each of [a, b, c]) each.reset(10);
  run(20);
  expect(order).toEqual(['a', 'b']);
});
