import { expect, test } from 'vitest';
import { IDEAL, X86_DESKTOP } from '../kernel/profile.ts';
import {
  callout,
  callout_ack,
  callout_active,
  callout_deactivate,
  callout_expired,
  callout_init,
  callout_invoking,
  callout_msec,
  callout_pending,
  callout_reset,
  callout_schedule,
  callout_setfunc,
  callout_stop,
} from './callout.ts';
import { nic_delay } from './nic-delay.ts';
import { CTX_STACK } from './self.ts';
import { host, type TestHost } from './testing.ts';
import { XX } from './testing-driver.ts';

/** A host whose driver, at its first monitor, runs `work` in stack context. */
function atMonitor(work: (it: TestHost) => void): TestHost {
  let first = true;
  const it = host({
    fn: {
      monitor(sc) {
        if (first) work(it);
        first = false;
        XX.monitor(sc);
      },
    },
  });
  it.io.mount('xx');
  it.up();
  return it;
}

test('a callout is called once, at its time, in stack context; ticks are 10 ms and rounded up', () => {
  const calls: [string, number, number][] = [];
  const made = ['a', 'b', 'c'].map(() => new callout());
  const it = atMonitor(({ io, clock }) => {
    for (const c of made) callout_init(c);
    const call = (name: string) => void calls.push([name, clock.now(), io.contexts.context]);
    callout_msec(made[0], 3, call, 'ms');
    callout_reset(made[1], 1.5, call, 'ticks');
    callout_msec(made[2], 1, call, 'moved');
    callout_msec(made[2], 5, call, 'moved');
  });
  it.run(4_000_000_000);
  expect(calls).toEqual([
    ['ms', 2_003_000_000, CTX_STACK],
    ['moved', 2_005_000_000, CTX_STACK],
    ['ticks', 2_020_000_000, CTX_STACK],
  ]);
  // The monitor, which arms itself again, is all that is left.
  expect(it.io.callouts.size).toBe(1);
});

test('the states of a callout', () => {
  const c = new callout();
  let inside: boolean[] = [];
  const states = () => [callout_pending(c), callout_expired(c), callout_active(c), callout_invoking(c)];
  const it = atMonitor(() => {
    callout_init(c);
    expect(states()).toEqual([false, true, false, false]);
    callout_setfunc(
      c,
      () => {
        inside = states();
        callout_ack(c);
      },
      null,
    );
    callout_schedule(c, 1);
    expect(states()).toEqual([true, false, true, false]);
    callout_stop(c);
    expect(states()).toEqual([false, true, false, false]);
    callout_schedule(c, 1);
  });
  it.run(3_000_000_000);
  expect(inside).toEqual([false, true, true, true]);
  expect(states()).toEqual([false, true, true, false]);
  callout_deactivate(c);
  expect(callout_active(c)).toBe(false);
});

test('a callout that does not arm itself again is called only once', () => {
  let calls = 0;
  const it = host({ fn: { monitor: () => void calls++ } });
  it.io.mount('xx');
  it.up();
  it.run(20_000_000_000);
  expect(calls).toBe(1);
});

test('while stack context is taken a callout waits, and one that is stopped meanwhile is not called', () => {
  const order: string[] = [];
  const [a, b] = [new callout(), new callout()];
  const it = atMonitor(() => {
    callout_init(a);
    callout_init(b);
    callout_msec(a, 1, () => order.push('a'), null);
    callout_msec(b, 1, () => order.push('b'), null);
    nic_delay(5);
    order.push('after 5 ms');
    expect([callout_pending(a), callout_pending(b)]).toEqual([true, true]);
    callout_stop(b);
  });
  it.run(3_000_000_000);
  expect(order).toEqual(['after 5 ms', 'a']);
});

test('the same when a request has stack context', () => {
  const order: string[] = [];
  const made = ['a', 'b', 'c'].map(() => new callout());
  const it = host();
  it.io.mount('xx');
  it.io.request('test', () => {
    for (const c of made) callout_init(c);
    for (const [i, name] of ['a', 'b', 'c'].entries())
      callout_msec(made[i], 1, (text) => order.push(text), name);
    nic_delay(5);
    order.push('after 5 ms');
    expect(made.map(callout_pending)).toEqual([true, true, true]);
    callout_stop(made[1]);
    callout_msec(made[2], 1, (text) => order.push(text), 'c again');
  });
  expect(order).toEqual(['after 5 ms', 'a']);
  it.run(2_000_000);
  expect(order).toEqual(['after 5 ms', 'a', 'c again']);
  expect(it.io.callouts.size).toBe(0);
});

test('nic_delay lets time pass, with and without costs', () => {
  for (const profile of [IDEAL, X86_DESKTOP]) {
    const it = host({ machine: { profile } });
    it.io.mount('xx');
    const before = it.clock.now();
    it.io.request('test', () => nic_delay(7));
    const passed = it.clock.now() - before;
    // The system call is charged too.
    expect(passed).toBe(7_000_000 + profile.systemCall);
  }
});
