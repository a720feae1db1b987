// Several addresses of one device in one network, and what becomes of routes when one goes.

import { expect, test } from 'vitest';
import { connect, Host } from '../../test/vocabulary/inet-hosts.ts';
import { VirtualClock } from '../kernel/clock.ts';

function hosts() {
  const clock = new VirtualClock();
  const [a, b] = [new Host('a', clock), new Host('b', clock)];
  connect(a.plug(), b.plug());
  a.up(0, '10.0.0.1/24');
  b.up(0, '10.0.0.2/24');
  const { stack, device } = a;
  const ping = (to: string): number => {
    const { stack: other } = b;
    const pinging = other.ping(to, { count: 3, intervalNs: 10_000_000 });
    clock.run(clock.now() + 10_000_000_000);
    return pinging.received;
  };
  return { a, b, stack, device, ping };
}

test('a second address in the same network answers too, and packets go out from the first', () => {
  const { a, b, stack, device, ping } = hosts();
  a.machine.process(() => stack.addAddress(device, '10.0.0.7/24'));
  expect(stack.routeList()).toEqual(['10.0.0.0/24 dev eth0 src 10.0.0.1']);
  expect([ping('10.0.0.1'), ping('10.0.0.7')]).toEqual([3, 3]);
  for (const host of [a, b]) host.expectBalanced();
});

test('routes of an address that goes are the next one’s, the gateway’s too while it can be reached', () => {
  const { a, stack, device, ping } = hosts();
  a.machine.process(() => {
    stack.addRoute('default', '10.0.0.2');
    stack.addAddress(device, '10.0.0.7/24');
    stack.addAddress(device, '172.16.0.1/16');
    stack.removeAddress(device, '10.0.0.1/24');
  });
  expect(stack.routeList()).toEqual([
    '10.0.0.0/24 dev eth0 src 10.0.0.7',
    '172.16.0.0/16 dev eth0 src 172.16.0.1',
    'default via 10.0.0.2 dev eth0 src 10.0.0.7',
  ]);
  expect([ping('10.0.0.7'), ping('10.0.0.1')]).toEqual([3, 0]);
  a.machine.process(() => stack.removeAddress(device, '10.0.0.7/24'));
  expect(stack.routeList()).toEqual(['172.16.0.0/16 dev eth0 src 172.16.0.1']);
});
