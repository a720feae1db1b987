import { expect, test } from 'vitest';
import { costing, oneMachine } from '../../test/vocabulary/one-machine.ts';
import { HARDIRQ, SOFTIRQ } from './cpu.ts';
import { NET_RX_SOFTIRQ, NET_TX_SOFTIRQ } from './softirq.ts';
import { RESCHEDULE } from './thread.ts';

test('softirqs run when the last hard interrupt is left, NET_TX before NET_RX', () => {
  const { machine, cpu } = oneMachine();
  const order: string[] = [];
  machine.openSoftirq(NET_RX_SOFTIRQ, () => order.push(`rx ${cpu.context === SOFTIRQ}`));
  machine.openSoftirq(NET_TX_SOFTIRQ, () => order.push('tx'));
  machine.irq.line(4).priority = 1;
  machine.irq.request(4, 'inner', () => {
    order.push('inner');
    return true;
  });
  machine.irq.request(3, 'outer', () => {
    cpu.raiseSoftirq(NET_RX_SOFTIRQ);
    cpu.raiseSoftirq(NET_TX_SOFTIRQ);
    machine.irq.line(4).pulse();
    expect(cpu.context).toBe(HARDIRQ);
    order.push('outer');
    return true;
  });
  machine.process(() => machine.irq.line(3).pulse());
  expect(order).toEqual(['inner', 'outer', 'tx', 'rx true']);
});

test('softirqs do not nest: an interrupt inside of one leaves its work to the next round', () => {
  const { machine, cpu } = oneMachine();
  let depth = 0;
  let rounds = 0;
  machine.openSoftirq(NET_RX_SOFTIRQ, () => {
    expect(++depth).toBe(1);
    if (++rounds < 3) machine.irq.line(3).pulse();
    depth--;
  });
  machine.irq.request(3, 'dev', () => {
    cpu.raiseSoftirq(NET_RX_SOFTIRQ);
    return true;
  });
  machine.process(() => machine.irq.line(3).pulse());
  expect(rounds).toBe(3);
  expect(cpu.softirqRounds).toBe(3);
});

test('after ten rounds ksoftirqd takes over', () => {
  const { machine, cpu, run } = oneMachine();
  let left = 25;
  machine.openSoftirq(NET_RX_SOFTIRQ, () => {
    if (--left > 0) cpu.raiseSoftirq(NET_RX_SOFTIRQ);
  });
  machine.process(() => cpu.raiseSoftirq(NET_RX_SOFTIRQ));
  expect(left).toBe(15);
  expect(cpu.ksoftirqdWakes).toBe(1);
  run(1);
  expect(left).toBe(0);
  expect(cpu.softirqRounds).toBe(25);
});

test('after two milliseconds ksoftirqd takes over, however few the rounds', () => {
  const { machine, cpu } = oneMachine({ profile: costing({}) });
  let rounds = 0;
  machine.openSoftirq(NET_RX_SOFTIRQ, () => {
    cpu.charge(1_500_000);
    rounds++;
    cpu.raiseSoftirq(NET_RX_SOFTIRQ);
  });
  machine.process(() => cpu.raiseSoftirq(NET_RX_SOFTIRQ));
  expect(rounds).toBe(2);
});

test('while ksoftirqd has work, interrupts leave softirqs to it, and other threads get every second turn', () => {
  const { machine, cpu, clock } = oneMachine({ profile: costing({}) });
  const turns: string[] = [];
  machine.openSoftirq(NET_RX_SOFTIRQ, () => {
    if (turns.at(-1) !== 'softirq') turns.push('softirq');
    cpu.charge(300_000);
    cpu.raiseSoftirq(NET_RX_SOFTIRQ);
  });
  cpu.spawn(
    'process',
    (function* () {
      for (;;) {
        turns.push('process');
        cpu.charge(100_000);
        cpu.bhDisable();
        cpu.bhEnable();
        yield RESCHEDULE;
      }
    })(),
  );
  machine.process(() => cpu.raiseSoftirq(NET_RX_SOFTIRQ));
  clock.run(20_000_000);
  expect(turns.slice(1, 7)).toEqual(['process', 'softirq', 'process', 'softirq', 'process', 'softirq']);
});

test('a softirq raised in process context with bottom halves on runs when the activity ends', () => {
  const { machine, cpu } = oneMachine();
  let ran = false;
  machine.openSoftirq(NET_TX_SOFTIRQ, () => {
    ran = true;
  });
  machine.process(() => {
    cpu.raiseSoftirq(NET_TX_SOFTIRQ);
    expect(ran).toBe(false);
  });
  expect(ran).toBe(true);
});
