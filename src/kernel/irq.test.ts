import { expect, test } from 'vitest';
import { costing, oneMachine } from '../../test/vocabulary/one-machine.ts';

test('a level line is delivered at once and again until its source lets go', () => {
  const { machine } = oneMachine();
  const line = machine.irq.line(5);
  let causes = 3;
  machine.irq.request(5, 'dev', () => {
    if (--causes === 0) line.setLevel(false);
    return true;
  });
  machine.process(() => {
    line.setLevel(true);
    expect(causes).toBe(0);
  });
  expect(line.delivered).toBe(3);
});

test('an interrupt for an idle CPU is delivered when the clock runs', () => {
  const { machine, run } = oneMachine();
  let count = 0;
  machine.irq.request(5, 'dev', () => {
    count++;
    return true;
  });
  machine.irq.line(5).pulse();
  expect(count).toBe(0);
  run(1);
  expect(count).toBe(1);
});

test('with interrupts disabled a line waits, highest priority first when they are enabled again', () => {
  const { machine, cpu } = oneMachine();
  const order: number[] = [];
  for (const [number, priority] of [
    [1, 1],
    [2, 5],
    [3, 3],
  ]) {
    machine.irq.line(number).priority = priority;
    machine.irq.request(number, 'dev', () => {
      order.push(number);
      return true;
    });
  }
  machine.process(() => {
    cpu.irqDisable();
    cpu.irqDisable();
    for (const number of [1, 2, 3]) machine.irq.line(number).pulse();
    cpu.irqEnable();
    expect(order).toEqual([]);
    cpu.irqEnable();
    expect(order).toEqual([2, 3, 1]);
  });
  expect(() => cpu.irqEnable()).toThrow(/more often/);
});

test('a line of higher priority nests into one of lower; an equal one waits for its end', () => {
  const { machine } = oneMachine();
  const order: string[] = [];
  const handler = (name: string, raises: number[]) => () => {
    order.push(`${name} in`);
    for (const number of raises) machine.irq.line(number).pulse();
    order.push(`${name} out`);
    return true;
  };
  machine.irq.line(1).priority = 1;
  machine.irq.line(2).priority = 1;
  machine.irq.line(3).priority = 2;
  machine.irq.request(1, 'low', handler('low', [2, 3]));
  machine.irq.request(2, 'equal', handler('equal', []));
  machine.irq.request(3, 'high', handler('high', []));
  machine.process(() => machine.irq.line(1).pulse());
  expect(order).toEqual(['low in', 'high in', 'high out', 'low out', 'equal in', 'equal out']);
});

test('a masked line stays pending, each disable needs an enable, and a level that went away is not delivered', () => {
  const { machine } = oneMachine();
  const line = machine.irq.line(5);
  let count = 0;
  machine.irq.request(5, 'dev', () => {
    count++;
    line.setLevel(false);
    return true;
  });
  machine.process(() => {
    line.disable();
    line.disable();
    line.setLevel(true);
    line.enable();
    expect(count).toBe(0);
    line.enable();
    expect(count).toBe(1);
    line.disable();
    line.setLevel(true);
    line.setLevel(false);
    line.enable();
    expect(count).toBe(1);
  });
  expect(() => line.enable()).toThrow(/more often/);
});

test('a line that is masked while it waits for the CPU is delivered when it is unmasked', () => {
  const { machine, cpu } = oneMachine();
  const line = machine.irq.line(5);
  let count = 0;
  machine.irq.request(5, 'dev', () => {
    count++;
    return true;
  });
  machine.process(() => {
    cpu.irqDisable();
    line.pulse();
    line.disable();
    cpu.irqEnable();
    expect(count).toBe(0);
    line.enable();
    expect(count).toBe(1);
  });
});

test('an edge that comes while its line is in service is delivered once more; several of them as one', () => {
  const { machine } = oneMachine();
  const line = machine.irq.line(5);
  let count = 0;
  machine.irq.request(5, 'dev', () => {
    if (++count === 1) for (let i = 0; i < 3; i++) line.pulse();
    return true;
  });
  machine.process(() => line.pulse());
  expect(count).toBe(2);
});

test('on a shared line every handler is asked, and the line is wired OR', () => {
  const { machine } = oneMachine();
  const line = machine.irq.line(5);
  const asserted = new Set<string>();
  const calls: string[] = [];
  for (const name of ['a', 'b']) {
    machine.irq.request(5, name, () => {
      calls.push(name);
      if (!asserted.delete(name)) return false;
      line.setLevel(false);
      return true;
    });
  }
  machine.process(() => {
    machine.cpu.irqDisable();
    for (const name of ['a', 'b']) {
      asserted.add(name);
      line.setLevel(true);
    }
    machine.cpu.irqEnable();
    asserted.add('b');
    line.setLevel(true);
  });
  expect(calls).toEqual(['a', 'b', 'a', 'b']);
  expect(line.spurious).toBe(0);
  expect(() => line.setLevel(false)).toThrow(/did not assert/);
});

test('a level nobody claims is shut after a thousand deliveries, with a warning, and tried again for a new handler', () => {
  const { machine, log } = oneMachine();
  const line = machine.irq.line(5);
  const action = machine.irq.request(5, 'deaf', () => false);
  machine.process(() => line.setLevel(true));
  expect(line.spurious).toBe(1000);
  expect(log).toEqual(['machine: irq 5: nobody cared (deaf); line disabled']);
  machine.process(() => {
    machine.irq.free(5, action);
    machine.irq.request(5, 'right', () => {
      line.setLevel(false);
      return true;
    });
  });
  expect(line.shut).toBe('');
  expect(line.masked).toBe(false);
  expect(line.delivered).toBe(1001);
});

for (const [name, profile] of [
  ['time stands still', costing({})],
  ['time moves', costing({ interruptEntry: 5 })],
] as const) {
  test(`a cause that its handler claims and never clears shuts the line, when ${name}`, () => {
    const { machine, log } = oneMachine({ profile });
    machine.irq.request(5, 'liar', () => true);
    machine.process(() => machine.irq.line(5).setLevel(true));
    expect(log[0]).toMatch(/storm/);
  });
}

test('a level on a line without handlers waits for the first one', () => {
  const { machine, run } = oneMachine();
  const line = machine.irq.line(5);
  line.setLevel(true);
  run(1);
  expect(line.delivered).toBe(0);
  let count = 0;
  machine.process(() => {
    machine.irq.request(5, 'dev', () => {
      count++;
      line.setLevel(false);
      return true;
    });
    expect(count).toBe(1);
  });
});

test('a handler that is freed is never called again, and cannot be freed twice, nor from itself', () => {
  const { machine } = oneMachine();
  const line = machine.irq.line(5);
  const action = machine.irq.request(5, 'dev', () => {
    machine.irq.free(5, action);
    return true;
  });
  expect(() => machine.process(() => line.pulse())).toThrow(/in service/);
  const other = oneMachine();
  const gone = other.machine.irq.request(5, 'dev', () => expect.unreachable());
  other.machine.irq.free(5, gone);
  other.machine.process(() => other.machine.irq.line(5).pulse());
  expect(() => other.machine.irq.free(5, gone)).toThrow(/no handler/);
  expect(() => other.machine.irq.line(24)).toThrow(/lines 0 to 23/);
});

test('a million interrupts back to back need no stack', () => {
  const { machine, clock } = oneMachine({ profile: costing({ interruptExit: 10 }) });
  const line = machine.irq.line(5);
  let left = 1_000_000;
  machine.irq.request(5, 'dev', () => {
    line.setLevel(false);
    if (--left > 0) line.setLevel(true);
    return true;
  });
  machine.process(() => line.setLevel(true));
  clock.run(20_000_000);
  expect(left).toBe(0);
});
