import { expect, test } from 'vitest';
import { costing, oneMachine } from '../../test/vocabulary/one-machine.ts';
import { ClockEvent, VirtualClock } from './clock.ts';
import { HARDIRQ, IDLE, PROCESS, SOFTIRQ } from './cpu.ts';
import { NET_RX_SOFTIRQ, NET_TX_SOFTIRQ } from './softirq.ts';
import { RESCHEDULE } from './thread.ts';

test('work runs in process context, at once, and the CPU is idle afterwards', () => {
  const { machine, cpu } = oneMachine();
  expect(cpu.context).toBe(IDLE);
  expect(machine.process(() => cpu.context)).toBe(PROCESS);
  expect(cpu.context).toBe(IDLE);
});

test('what is charged in each context adds up to the time that passed', () => {
  const profile = costing({
    systemCall: 10,
    interruptEntry: 5,
    interruptExit: 2,
    softirqEntry: 3,
    contextSwitch: 7,
  });
  const { machine, cpu, clock } = oneMachine({ profile });
  machine.openSoftirq(NET_RX_SOFTIRQ, (on) => on.charge(100));
  machine.irq.request(3, 'dev', (on) => {
    on.charge(40);
    on.raiseSoftirq(NET_RX_SOFTIRQ);
    return true;
  });
  clock.arm(new ClockEvent('edge', () => machine.irq.line(3).pulse()), 15);
  machine.process(() => cpu.charge(50));
  expect([...cpu.timeIn]).toEqual([0, 60, 103, 47]);
  expect(clock.now()).toBe(60 + 103 + 47);
});

test('an interrupt comes in the middle of a charge, at its time, and the charge goes on after it', () => {
  const { machine, cpu, clock } = oneMachine({ profile: costing({ interruptEntry: 5 }) });
  const seen: [string, number][] = [];
  machine.irq.request(3, 'dev', (on) => {
    seen.push(['handler', on.now()]);
    on.charge(20);
    return true;
  });
  clock.arm(new ClockEvent('edge', () => machine.irq.line(3).pulse()), 30);
  machine.process(() => {
    cpu.charge(100);
    seen.push(['after', cpu.now()]);
  });
  expect(seen).toEqual([
    ['handler', 35],
    ['after', 125],
  ]);
});

test('hardware events that are due in a charge fire in order and see their own time', () => {
  const { machine, cpu, clock } = oneMachine({ profile: costing({}) });
  const times: number[] = [];
  const again: ClockEvent = new ClockEvent('again', () => {
    times.push(clock.now());
    if (times.length < 4) clock.armIn(again, 10);
  });
  clock.arm(again, 10);
  machine.process(() => cpu.charge(35));
  expect(times).toEqual([10, 20, 30]);
  expect(cpu.now()).toBe(35);
});

test('work that is charged outside of any activity is refused', () => {
  const { cpu } = oneMachine({ profile: costing({}) });
  expect(() => cpu.charge(1)).toThrow(/outside of process/);
});

test('process work cannot be called from an interrupt', () => {
  const { machine, cpu } = oneMachine();
  machine.irq.request(3, 'dev', () => {
    machine.process(() => {});
    return true;
  });
  expect(() => cpu.process(() => machine.irq.line(3).pulse())).toThrow(/hard interrupt context/);
});

test('after work that threw, even in an interrupt with a lock, the CPU works on', () => {
  const { machine, cpu } = oneMachine();
  expect(() =>
    cpu.process(() => {
      cpu.irqDisable();
      cpu.bhDisable();
      throw new Error('broken');
    }),
  ).toThrow('broken');
  expect(cpu.interruptsEnabled).toBe(true);
  expect(machine.process(() => cpu.bhHeld)).toBe(false);
});

test('an activity that ends with interrupts or bottom halves off is an error', () => {
  const { machine, cpu } = oneMachine();
  expect(() => machine.process(() => cpu.irqDisable())).toThrow(/interrupts disabled/);
  const other = oneMachine();
  expect(() => other.machine.process(() => other.cpu.bhDisable())).toThrow(/bottom halves disabled/);
});

test('sleeping is refused in interrupts, softirqs, and with either disabled', () => {
  const { machine, cpu } = oneMachine();
  const results: string[] = [];
  const attempt = (where: string) => {
    try {
      cpu.mightSleep('a nap');
      results.push(`${where}: yes`);
    } catch {
      results.push(`${where}: no`);
    }
  };
  machine.openSoftirq(NET_TX_SOFTIRQ, () => attempt('softirq'));
  machine.irq.request(3, 'dev', () => {
    attempt('hardirq');
    return true;
  });
  machine.process(() => {
    attempt('process');
    cpu.irqDisable();
    attempt('irqs off');
    cpu.irqEnable();
    cpu.bhDisable();
    attempt('bh off');
    cpu.bhEnable();
    machine.irq.line(3).pulse();
    cpu.raiseSoftirq(NET_TX_SOFTIRQ);
  });
  expect(results).toEqual(['process: yes', 'irqs off: no', 'bh off: no', 'hardirq: no', 'softirq: no']);
});

test('bottom halves nest, and the last enable runs what was raised', () => {
  const { machine, cpu } = oneMachine();
  let rounds = 0;
  machine.openSoftirq(NET_RX_SOFTIRQ, () => {
    rounds++;
    expect(cpu.context).toBe(SOFTIRQ);
  });
  machine.process(() => {
    cpu.bhDisable();
    cpu.bhDisable();
    cpu.raiseSoftirq(NET_RX_SOFTIRQ);
    cpu.bhEnable();
    expect(rounds).toBe(0);
    cpu.bhEnable();
    expect(rounds).toBe(1);
  });
  expect(() => cpu.bhEnable()).toThrow(/more often/);
});

test('enabling bottom halves with interrupts off does not run softirqs; they run when the activity ends at the latest', () => {
  const { machine, cpu } = oneMachine();
  let rounds = 0;
  machine.openSoftirq(NET_RX_SOFTIRQ, () => {
    expect(cpu.interruptsEnabled).toBe(true);
    rounds++;
  });
  machine.process(() => {
    cpu.irqDisable();
    cpu.bhDisable();
    cpu.raiseSoftirq(NET_RX_SOFTIRQ);
    cpu.bhEnable();
    expect(rounds).toBe(0);
    cpu.irqEnable();
  });
  expect(rounds).toBe(1);
});

/** A thread that works `workNs` at a time, for ever; returns its rounds. */
function worker(costed: ReturnType<typeof oneMachine>, workNs: number): { rounds: number } {
  const count = { rounds: 0 };
  costed.cpu.spawn(
    'worker',
    (function* () {
      for (;;) {
        costed.cpu.charge(workNs);
        count.rounds++;
        yield RESCHEDULE;
      }
    })(),
  );
  return count;
}

test('two busy CPUs on two machines both make the progress that one alone makes', () => {
  const profile = costing({});
  const clock = new VirtualClock();
  const long = worker(oneMachine({ clock, profile, name: 'a' }), 700);
  const short = worker(oneMachine({ clock, profile, name: 'b' }), 30);
  clock.run(1_000_000);
  expect(long.rounds).toBeGreaterThanOrEqual(1_000_000 / 700 - 1);
  expect(short.rounds).toBeGreaterThanOrEqual(1_000_000 / 30 - 1);
  expect(long.rounds).toBeLessThanOrEqual(1_000_000 / 700 + 1);
  expect(short.rounds).toBeLessThanOrEqual(1_000_000 / 30 + 1);
});

test('what one machine does reaches a busy one late by at most one activity', () => {
  const profile = costing({});
  const clock = new VirtualClock();
  const a = oneMachine({ clock, profile, name: 'a' });
  const b = oneMachine({ clock, profile, name: 'b' });
  worker(a, 1000);
  const late: number[] = [];
  b.machine.irq.request(3, 'dev', (cpu) => {
    late.push(clock.now() - raised);
    cpu.charge(10);
    return true;
  });
  let raised = 0;
  const edge: ClockEvent = new ClockEvent('edge', () => {
    raised = clock.now();
    b.machine.irq.line(3).pulse();
    clock.armIn(edge, 2713);
  });
  clock.armIn(edge, 2713);
  clock.run(1_000_000);
  expect(late.length).toBeGreaterThan(300);
  expect(Math.max(...late)).toBeLessThanOrEqual(1000);
});

test('a CPU of profile ideal takes no time and is served at its time, also while another one is charged', () => {
  const clock = new VirtualClock();
  const busy = oneMachine({ clock, profile: costing({}), name: 'busy' });
  const ideal = oneMachine({ clock, name: 'ideal' });
  const times: number[] = [];
  ideal.machine.irq.request(3, 'dev', () => {
    times.push(clock.now());
    return true;
  });
  clock.arm(new ClockEvent('edge', () => ideal.machine.irq.line(3).pulse()), 40);
  busy.machine.process(() => {
    busy.cpu.charge(100);
    expect(busy.cpu.now()).toBe(100);
  });
  expect(times).toEqual([40]);
});

test('a CPU in receive livelock does not carry a run past its end for ever', () => {
  const { machine, clock } = oneMachine({ profile: costing({ interruptExit: 20 }) });
  const line = machine.irq.line(3);
  machine.irq.request(3, 'dev', () => true);
  const flood: ClockEvent = new ClockEvent('flood', () => {
    line.pulse();
    clock.armIn(flood, 10);
  });
  clock.armIn(flood, 10);
  const end = clock.run(1_000_000);
  expect(end).toBeLessThan(200_000_000);
  expect(line.delivered).toBeGreaterThan(1_000_000 / 20 - 2);
  // And nobody who comes later is stuck in it.
  machine.process(() => {});
  expect(clock.now()).toBeLessThan(400_000_000);
});

test('with several CPUs a line goes to the one it is routed to', () => {
  const { machine, run } = oneMachine({ cpus: 2 });
  const on: number[] = [];
  machine.irq.request(3, 'dev', (cpu) => {
    expect(machine.cpu).toBe(cpu);
    expect(cpu.context).toBe(HARDIRQ);
    on.push(cpu.index);
    return true;
  });
  machine.irq.line(3).pulse();
  run(1);
  machine.irq.setAffinity(3, machine.cpus[1]);
  machine.irq.line(3).pulse();
  run(1);
  expect(on).toEqual([0, 1]);
});
