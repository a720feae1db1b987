import { describe, expect, test } from 'vitest';
import { connect, Host, twoHosts } from '../../test/vocabulary/inet-hosts.ts';
import { VirtualClock } from '../kernel/clock.ts';
import { X86_DESKTOP } from '../kernel/profile.ts';
import { formatAddress } from './address.ts';

const SECOND = 1_000_000_000;

/** a (10.0.1.1) ─ r (10.0.1.254, 10.0.2.254) ─ b (10.0.2.1); the router forwards. */
function routed(): { clock: VirtualClock; a: Host; r: Host; b: Host } {
  const clock = new VirtualClock();
  const [a, r, b] = ['a', 'r', 'b'].map((name) => new Host(name, clock));
  connect(a.plug(), r.plug());
  connect(r.plug(), b.plug());
  a.up(0, '10.0.1.1/24');
  r.up(0, '10.0.1.254/24');
  r.up(1, '10.0.2.254/24');
  b.up(0, '10.0.2.1/24');
  a.stack.addRoute('default', '10.0.1.254');
  b.stack.addRoute('default', '10.0.2.254');
  r.stack.forwarding = true;
  return { clock, a, r, b };
}

describe('ping', () => {
  test('between two hosts on one link is answered', () => {
    const { clock, a, b } = twoHosts();
    const ping = a.stack.ping('10.0.0.2', { count: 3, intervalNs: 10_000_000 });
    clock.run(2 * SECOND);
    expect(ping.finished).toBe(true);
    expect(ping.summary()).toBe(
      '3 packets transmitted, 3 received, 0% packet loss\nrtt min/avg/max = 0.002/0.002/0.003 ms',
    );
    expect(a.stack.neighbours()).toMatchObject([{ address: '10.0.0.2', state: 'reachable' }]);
    expect(b.stack.counters.icmp.repliesSent).toBe(3);
    for (const host of [a, b]) host.expectBalanced();
  });

  test('takes longer on a CPU that costs time, the same each run', () => {
    const times = [1, 2].map(() => {
      const { clock, a } = twoHosts({}, X86_DESKTOP);
      const ping = a.stack.ping('10.0.0.2', { count: 5, intervalNs: 10_000_000 });
      clock.run(SECOND);
      expect(ping.received).toBe(5);
      return ping.rtt.min;
    });
    expect(times[0]).toBeGreaterThan(3000);
    expect(times[0]).toBeLessThan(20_000);
    expect(times[1]).toBe(times[0]);
  });

  test.each([0, 8, 56, 1472])('carries %i bytes of data and gets them back', (size) => {
    const { clock, a, b } = twoHosts();
    const ping = a.stack.ping('10.0.0.2', { count: 2, size, intervalNs: 1_000_000 });
    clock.run(SECOND);
    expect(ping.received).toBe(2);
    for (const host of [a, b]) host.expectBalanced();
  });

  test('counts a request too long for the link, and one without a route, as lost', () => {
    const { clock, a } = twoHosts();
    const long = a.stack.ping('10.0.0.2', { count: 1, size: 1473 });
    const nowhere = a.stack.ping('192.168.7.7', { count: 1 });
    clock.run(3 * SECOND);
    expect([long.sent, long.received]).toEqual([1, 0]);
    expect(nowhere).toMatchObject({ sent: 0, unsent: 1, finished: true });
    expect(a.device.dropReport()).toEqual({ IP_NEEDFRAG: 1 });
    a.expectBalanced();
  });

  test('loses what the link loses, and counts copies', () => {
    const { clock, a, b } = twoHosts();
    let frames = 0;
    b.ends[0].filter = (frame) => {
      if (frame[13] !== 0x00) return true;
      frames++;
      if (frames === 2) b.ends[0].peer?.inject(frame);
      return frames !== 3;
    };
    const ping = a.stack.ping('10.0.0.2', { count: 5, intervalNs: 10_000_000 });
    clock.run(3 * SECOND);
    expect(ping).toMatchObject({ sent: 5, received: 4, lost: 1, duplicates: 1, finished: true });
    for (const host of [a, b]) host.expectBalanced();
  });

  test('of a host that is not there ends after its timeout, its packets dropped as NEIGH_FAILED', () => {
    const { clock, a } = twoHosts();
    const ping = a.stack.ping('10.0.0.3', { count: 2 });
    clock.run(2.5 * SECOND);
    expect(a.stack.neighbours()).toMatchObject([{ address: '10.0.0.3', state: 'incomplete' }]);
    clock.run(10 * SECOND);
    expect(ping).toMatchObject({ sent: 2, received: 0, finished: true });
    expect(a.stack.counters.arp.requestsSent).toBe(3);
    expect(a.device.dropReport()).toEqual({ NEIGH_FAILED: 2 });
    a.expectBalanced();
  });

  test('of itself goes over the loopback device', () => {
    const { clock, a } = twoHosts();
    a.machine.process(() => a.stack.addLoopback());
    const own = a.stack.ping('10.0.0.1', { count: 2, intervalNs: 1_000_000 });
    const local = a.stack.ping('127.0.0.1', { count: 2, intervalNs: 1_000_000 });
    clock.run(SECOND);
    expect([own.received, local.received]).toEqual([2, 2]);
    a.expectBalanced();
  });

  test('stopped ends at once', () => {
    const { clock, a } = twoHosts();
    const ping = a.stack.ping('10.0.0.2', { count: Number.POSITIVE_INFINITY });
    clock.run(3.5 * SECOND);
    ping.stop();
    clock.run(3.6 * SECOND);
    expect(ping).toMatchObject({ sent: 4, received: 4, finished: true });
  });
});

describe('a router', () => {
  test('forwards both ways, one hop off the time to live', () => {
    const { clock, a, r, b } = routed();
    const lives: number[] = [];
    const ping = a.stack.ping('10.0.2.1', {
      count: 3,
      intervalNs: 1_000_000,
      onReply: (_n, _t, ttl) => lives.push(ttl),
    });
    clock.run(SECOND);
    expect(ping.received).toBe(3);
    expect(lives).toEqual([63, 63, 63]);
    expect(r.stack.counters.ipv4.forwarded).toBe(6);
    for (const host of [a, r, b]) host.expectBalanced();
  });

  test.each([
    ['a packet out of hops', '10.0.2.1', { ttl: 1 }, 'time to live exceeded', 'TTL_EXCEEDED'],
    ['a network it has no route to', '172.16.0.1', {}, 'destination network unreachable', 'NO_ROUTE'],
    ['a host that does not answer', '10.0.2.99', {}, 'destination host unreachable', 'NEIGH_FAILED'],
  ])('says so of %s', (_name, to, options, message, reason) => {
    const { clock, a, r } = routed();
    const errors: string[] = [];
    const onError = (_n: number, from: number, text: string) =>
      errors.push(`${formatAddress(from)}: ${text}`);
    const ping = a.stack.ping(to, { count: 1, timeoutNs: 5 * SECOND, ...options, onError });
    clock.run(10 * SECOND);
    expect(errors).toEqual([`10.0.1.254: ${message}`]);
    expect(ping).toMatchObject({ received: 0, errors: 1, finished: true });
    expect(r.stack.account.dropReport()).toEqual({ [reason]: 1 });
    for (const host of [a, r]) host.expectBalanced();
  });

  test('says which length would fit when the next link is narrower', () => {
    const { clock, a, r } = routed();
    r.machine.process(() => r.ends[1].device.setMtu(600));
    const errors: string[] = [];
    a.ends[0].log = [];
    r.ends[0].log = [];
    a.stack.ping('10.0.2.1', { count: 1, size: 1000, onError: (_n, _f, text) => errors.push(text) });
    clock.run(SECOND);
    expect(errors).toEqual(['fragmentation needed']);
    const answer = r.ends[0].log.find((frame) => frame[12] === 8 && frame[13] === 0) as Uint8Array;
    expect((answer[14 + 20 + 6] << 8) | answer[14 + 20 + 7]).toBe(600);
    expect(r.stack.account.dropReport()).toEqual({ IP_NEEDFRAG: 1 });
  });

  test('does not forward unless told to, nor a broadcast to a subnet behind it', () => {
    const { clock, a, r } = routed();
    a.stack.ping('10.0.2.255', { count: 1 });
    clock.run(SECOND);
    r.stack.forwarding = false;
    a.stack.ping('10.0.2.1', { count: 1 });
    clock.run(3 * SECOND);
    expect(r.stack.account.dropReport()).toEqual({ IP_INADDRERRORS: 2 });
  });
});
