import { describe, expect, test } from 'vitest';
import { connect, Host } from '../../test/vocabulary/inet-hosts.ts';
import { BROADCAST, ethernet, ipv4, STRANGER, udp, zeros } from '../../test/vocabulary/packets.ts';
import { VirtualClock } from '../kernel/clock.ts';
import { formatAddress, parseAddress } from './address.ts';
import { DhcpClient, type DhcpClientOptions } from './dhcp-client.ts';
import type { DhcpServerOptions } from './dhcp-options.ts';
import { DHCPNAK, OPTION_MESSAGE_TYPE, parseDhcp } from './dhcp-packet.ts';
import { DhcpServer } from './dhcp-server.ts';
import { UdpEcho } from './echo.ts';

const SECOND = 1_000_000_000;
const ip = (text: string) => parseAddress(text) | 0;

/** A server, 10.0.0.1, and a client without an address. */
function lab(served: Partial<DhcpServerOptions> = {}, options: DhcpClientOptions = {}) {
  const clock = new VirtualClock();
  const a = new Host('a', clock);
  const b = new Host('b', clock);
  connect(a.plug(), b.plug());
  a.up(0, '10.0.0.1/24');
  b.machine.process(() => b.device.open());
  const range = { first: ip('10.0.0.100'), last: ip('10.0.0.103'), router: ip('10.0.0.1') };
  const serve = () => new DhcpServer(a.stack, { device: a.device, ...range, ...served });
  const server = serve();
  const changes: string[] = [];
  const client = new DhcpClient(b.stack, b.device, {
    changed: (lease) => changes.push(lease === null ? 'none' : formatAddress(lease.address)),
    ...options,
  });
  return { clock, a, b, server, serve, client, changes };
}

describe('a DHCP client', () => {
  test.each([false, true])('gets an address and a default route; broadcast flag %s', (broadcast) => {
    const { clock, a, b, server, client, changes } = lab({}, { hostName: 'box', broadcast });
    clock.run(SECOND);
    expect(client.state).toBe('bound');
    expect(b.stack.addressesOf(b.device)).toEqual(['10.0.0.100/24']);
    expect(b.stack.routeList()).toContain('default via 10.0.0.1 dev eth0 src 10.0.0.100');
    expect(b.stack.interfaces.configuring).toEqual([]);
    expect(server.leases).toMatchObject([{ name: 'box', state: 'bound', secondsLeft: 3599 }]);
    expect(server.counters).toMatchObject({ received: 2, offers: 1, acks: 1, dropped: 0 });
    expect(changes).toEqual(['10.0.0.100']);
    const ping = b.stack.ping('10.0.0.1', { count: 3 });
    clock.run(10 * SECOND);
    expect(ping.received).toBe(3);
    for (const host of [a, b]) host.expectBalanced();
  });

  test('renews at half of the lease, to the server alone', () => {
    const { clock, server, client, changes } = lab({ leaseSeconds: 100 });
    clock.run(49 * SECOND);
    expect(server.counters.requests).toBe(1);
    clock.run(1000 * SECOND);
    expect(server.counters).toMatchObject({ discovers: 1, requests: 20, acks: 20, dropped: 0 });
    expect([client.state, changes.length]).toEqual(['bound', 20]);
  });

  test('asks everybody when its server is gone, and another takes over; the address stays', () => {
    const { clock, b, server, serve, client } = lab({ leaseSeconds: 800, authoritative: true });
    clock.run(10 * SECOND);
    server.close();
    clock.run(500 * SECOND);
    expect(client.state).toBe('renewing');
    clock.run(720 * SECOND);
    expect(client.state).toBe('rebinding');
    const next = serve();
    clock.run(790 * SECOND);
    expect([client.state, next.counters.acks]).toEqual(['bound', 1]);
    expect(b.stack.addressesOf(b.device)).toEqual(['10.0.0.100/24']);
  });

  test('gives the address up when the lease is over, and begins again', () => {
    const { clock, b, server, serve, client, changes } = lab({ leaseSeconds: 200 });
    clock.run(10 * SECOND);
    server.close();
    clock.run(210 * SECOND);
    expect(['selecting', 'init']).toContain(client.state);
    expect([client.counters.expired, b.stack.addressesOf(b.device), b.stack.routeList()]).toEqual([
      1,
      [],
      [],
    ]);
    serve();
    clock.run(300 * SECOND);
    expect(client.state).toBe('bound');
    expect(changes).toEqual(['10.0.0.100', 'none', '10.0.0.100']);
    b.expectBalanced();
  });

  test('asks again, less and less often, until somebody answers', () => {
    const { clock, a, b, server, client } = lab();
    const asked: number[] = [];
    server.close();
    b.ends[0].filter = (frame) => {
      if (frame[23] === 17) asked.push(clock.now() / SECOND);
      return true;
    };
    clock.run(300 * SECOND);
    const gaps = asked.slice(1).map((time, i) => time - asked[i]);
    [4, 8, 16, 32, 64, 64].forEach((gap, i) => {
      expect(Math.abs(gaps[i] - gap)).toBeLessThanOrEqual(1);
    });
    expect(client.counters.sent).toBe(asked.length);
    expect(a.device.dropReport()).toEqual({ NO_SOCKET: asked.length });
    a.expectBalanced();
  });

  test('takes the loss of any single packet', () => {
    for (const lost of [0, 1, 2, 3]) {
      const { clock, a, b, client } = lab();
      let seen = 0;
      for (const end of [a.ends[0], b.ends[0]])
        end.filter = (frame) => frame[23] !== 17 || frame[13] !== 0 || seen++ !== lost;
      clock.run(100 * SECOND);
      expect(client.state, `packet ${lost} lost`).toBe('bound');
      for (const host of [a, b]) host.expectBalanced();
    }
  });

  test('begins again, not at once, when it is refused', () => {
    const { clock, a, b, client } = lab();
    // Each acknowledgement on its way becomes a refusal; without checksum, as UDP over IPv4 may be.
    let refused = 0;
    a.ends[0].filter = (frame) => {
      const message = frame[23] === 17 ? parseDhcp(frame.subarray(42), frame.length - 42) : 'short';
      if (typeof message === 'string' || message.type !== 5 || refused === 2) return true;
      refused++;
      const nak = frame.slice();
      nak[40] = nak[41] = 0;
      expect(nak[42 + 240]).toBe(OPTION_MESSAGE_TYPE);
      nak[42 + 242] = DHCPNAK;
      b.ends[0].inject(nak);
      return false;
    };
    clock.run(SECOND);
    expect([client.state, client.counters.naks]).toEqual(['init', 1]);
    clock.run(15 * SECOND);
    expect(client.counters.naks).toBe(2);
    clock.run(30 * SECOND);
    expect(client.state).toBe('bound');
  });

  test('gives its lease back when it is stopped, and leaves nothing behind', () => {
    const { clock, b, server, client, changes } = lab();
    clock.run(SECOND);
    b.machine.process(() => client.stop());
    client.stop();
    clock.run(2 * SECOND);
    expect(server.leases[0].state).toBe('released');
    expect([changes, b.stack.addressesOf(b.device), b.stack.udp.openSockets]).toEqual([
      ['10.0.0.100', 'none'],
      [],
      [],
    ]);
    expect(b.machine.callouts.census()).not.toContain('dhcp client eth0');
    b.expectBalanced();
  });

  test('waits for a device that is down', () => {
    const { clock, b, client } = lab();
    b.machine.process(() => b.device.close());
    clock.run(5 * SECOND);
    expect([client.state, client.counters.sent]).toEqual(['init', 0]);
    b.machine.process(() => b.device.open());
    clock.run(10 * SECOND);
    expect(client.state).toBe('bound');
  });

  test('two clients of one machine, on two links, do not meet', () => {
    const { clock, a, b, client } = lab();
    const c = new Host('c', clock);
    connect(c.plug(), b.plug());
    c.up(0, '10.5.0.1/16');
    b.machine.process(() => b.ends[1].device.open());
    new DhcpServer(c.stack, { device: c.device, first: ip('10.5.1.0'), last: ip('10.5.1.9') });
    const second = new DhcpClient(b.stack, b.ends[1].device);
    clock.run(SECOND);
    expect([client, second].map((one) => formatAddress(one.lease?.address ?? 0))).toEqual([
      '10.0.0.100',
      '10.5.1.0',
    ]);
    expect(() => new DhcpClient(b.stack, b.device)).toThrow('UDP port 68 is in use on eth0');
    for (const host of [a, b, c]) host.expectBalanced();
  });

  test('takes datagrams for an address that is not its own while it asks for one, and to its port only', () => {
    const { clock, a, b, server, client } = lab();
    server.close();
    const send = (toPort: number, fragment = 0) => {
      const packet = ipv4(
        { from: '10.0.0.1', to: '10.0.0.77', fragment },
        udp({ fromPort: 67, toPort }, zeros(20)),
      );
      b.ends[0].inject(ethernet(b.device.address, a.device.address, 0x0800, packet));
      clock.run(clock.now() + SECOND);
    };
    clock.run(SECOND);
    send(68);
    send(69);
    send(68, 0x2000);
    expect(client.counters).toMatchObject({ received: 1, ignored: 1 });
    expect(b.device.dropReport()).toEqual({ IP_INADDRERRORS: 1, IP_FRAGMENT: 1 });
    client.stop();
    send(68);
    expect(b.device.dropReport()).toEqual({ IP_INADDRERRORS: 2, IP_FRAGMENT: 1 });
    b.expectBalanced();
  });

  test('a packet of nobody is taken when it is for all stations, and never answered', () => {
    const { clock, a } = lab();
    clock.run(SECOND);
    const send = (to: string, station = BROADCAST) => {
      a.ends[0].inject(ethernet(station, STRANGER, 0x0800, ipv4({ from: '0.0.0.0', to }, udp({}, zeros(4)))));
      clock.run(clock.now() + SECOND);
    };
    const before = a.device.tx.packets;
    send('10.0.0.255');
    send('10.0.0.1', a.device.address);
    expect(a.device.dropReport()).toEqual({ IP_INVALID_SOURCE: 2 });
    send('255.255.255.255');
    expect(a.device.dropReport()).toEqual({ IP_INVALID_SOURCE: 2, NO_SOCKET: 1 });
    // Who answers sends to nobody's address, which has no route.
    new UdpEcho(a.stack, 9);
    a.stack.addRoute('default', '10.0.0.254');
    send('255.255.255.255');
    expect(a.stack.account.dropReport()).toMatchObject({ NO_ROUTE: 1 });
    expect(a.device.tx.packets).toBe(before);
    a.expectBalanced();
  });
});
