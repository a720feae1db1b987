import { describe, expect, test } from 'vitest';
import { type Host, twoHosts } from '../../test/vocabulary/inet-hosts.ts';
import { arp, BROADCAST, ethernet, ipv4, STRANGER, udp, zeros } from '../../test/vocabulary/packets.ts';
import { formatAddress } from './address.ts';
import { NEIGHBOUR_LIMIT, NeighbourCache } from './neighbour.ts';

const SECOND = 1_000_000_000;

/** Sends `count` datagrams. */
function send(host: Host, to: number, count: number): void {
  const socket = host.stack.udp.open();
  host.machine.process(() => {
    for (let i = 0; i < count; i++) socket.send(new Uint8Array(20), to, 9);
  });
  socket.close();
}

const B = 0x0a000002;
const NOBODY = 0x0a000063;

describe('ARP', () => {
  test('asks once for many packets, keeps three of them, and sends those when the answer comes', () => {
    const { clock, a, b } = twoHosts();
    a.stack.announce = b.stack.announce = false;
    clock.run(1000);
    a.stack.arp.cache.clear();
    send(a, B, 5);
    expect(a.stack.counters.arp.requestsSent).toBe(1);
    expect(a.stack.balance().held).toBe(3);
    clock.run(1_000_000);
    expect(b.stack.counters.udp.received).toBe(3);
    expect(a.device.dropReport()).toEqual({ NEIGH_QUEUEFULL: 2 });
    clock.run(SECOND);
    for (const host of [a, b]) host.expectBalanced();
  });

  test('tries three times a second apart, fails, and tries again three seconds later', () => {
    const { clock, a } = twoHosts();
    const start = 10 * SECOND;
    clock.run(start);
    const asked: number[] = [];
    a.ends[0].filter = () => {
      asked.push((clock.now() - start) / SECOND);
      return true;
    };
    send(a, NOBODY, 1);
    clock.run(start + 3.5 * SECOND);
    expect(asked).toEqual([0, 1, 2]);
    expect(a.stack.neighbours()).toMatchObject([{ state: 'failed', station: '' }]);
    send(a, NOBODY, 1);
    expect(a.device.dropReport()).toEqual({ NEIGH_FAILED: 2 });
    clock.run(start + 6.5 * SECOND);
    expect(a.stack.neighbours()).toEqual([]);
    send(a, NOBODY, 1);
    expect(asked).toEqual([0, 1, 2, 6.5]);
    clock.run(start + 20 * SECOND);
    a.expectBalanced();
  });

  test('asks a neighbour it has not heard of for a minute, by name, while packets go on', () => {
    const { clock, a, b } = twoHosts();
    clock.run(SECOND);
    send(a, B, 1);
    clock.run(62 * SECOND);
    expect(a.stack.neighbours()).toMatchObject([{ state: 'stale' }]);
    const destinations: number[] = [];
    a.ends[0].filter = (frame) => {
      if (frame[13] === 6) destinations.push(frame[5]);
      return true;
    };
    send(a, B, 2);
    expect(destinations).toEqual([b.device.address[5]]);
    clock.run(63 * SECOND);
    expect(b.stack.counters.udp.received).toBe(3);
    expect(a.stack.neighbours()).toMatchObject([{ state: 'reachable' }]);
  });

  test('gives a neighbour up that does not answer any more', () => {
    const { clock, a, b } = twoHosts();
    send(a, B, 1);
    clock.run(62 * SECOND);
    b.ends[0].filter = () => false;
    send(a, B, 1);
    clock.run(65.5 * SECOND);
    expect(a.stack.neighbours()).toMatchObject([{ state: 'failed' }]);
  });

  test('announces its addresses when the carrier comes, and others who know it take note', () => {
    const { clock, a, b } = twoHosts();
    send(b, 0x0a000001, 1);
    clock.run(SECOND);
    a.device.address[5] = 0x77;
    a.device.setCarrier(false);
    a.device.setCarrier(true);
    clock.run(2 * SECOND);
    expect(a.stack.counters.arp.announcements).toBeGreaterThan(0);
    expect(b.stack.neighbours()[0].station).toMatch(/:77$/);
  });

  test('answers a probe without remembering who has no address yet', () => {
    const { clock, a, b } = twoHosts();
    clock.run(1000);
    const before = b.stack.counters.arp.repliesSent;
    b.ends[0].inject(
      ethernet(
        BROADCAST,
        STRANGER,
        0x0806,
        arp({ sender: '0.0.0.0', senderStation: STRANGER, target: '10.0.0.2' }),
      ),
    );
    clock.run(SECOND);
    expect(b.stack.counters.arp.repliesSent).toBe(before + 1);
    expect(b.stack.neighbours().some((row) => row.address === '0.0.0.0')).toBe(false);
    a.expectBalanced();
  });

  test('reports who uses our address, and does not remember him', () => {
    const { clock, b } = twoHosts();
    clock.run(1000);
    b.ends[0].inject(
      ethernet(
        BROADCAST,
        STRANGER,
        0x0806,
        arp({ sender: '10.0.0.2', senderStation: STRANGER, target: '10.0.0.2' }),
      ),
    );
    clock.run(SECOND);
    expect(b.stack.counters.arp.conflicts).toBe(1);
    expect(b.stack.neighbours()).toEqual([]);
  });

  test('keeps its cache bounded when everybody on a large network asks', () => {
    const { clock, b } = twoHosts();
    b.machine.process(() => b.stack.addAddress(b.device, '172.16.0.1/16'));
    clock.run(1000);
    for (let i = 0; i < NEIGHBOUR_LIMIT + 300; i++) {
      const sender = formatAddress(0xac100100 + i);
      b.ends[0].inject(
        ethernet(BROADCAST, STRANGER, 0x0806, arp({ sender, senderStation: STRANGER, target: '172.16.0.1' })),
      );
      clock.run(clock.now() + 10_000);
    }
    expect(b.stack.neighbours()).toHaveLength(NEIGHBOUR_LIMIT);
    expect(b.stack.arp.cache.lookup(b.device, 0xac100100 | 0)).toBeNull();
    expect(b.stack.arp.cache.lookup(b.device, (0xac100100 + NEIGHBOUR_LIMIT + 299) | 0)).not.toBeNull();
    b.expectBalanced();
  });

  test('drops packets when the cache is full of open questions', () => {
    const { clock, a } = twoHosts();
    a.machine.process(() => a.stack.addAddress(a.device, '172.16.0.1/16'));
    clock.run(1000);
    for (let i = 0; i < NEIGHBOUR_LIMIT + 5; i++) send(a, 0xac100100 + i, 1);
    expect(a.device.dropReport()).toEqual({ NEIGH_TABLEFULL: 5 });
    clock.run(20 * SECOND);
    a.expectBalanced();
  });

  test('forgets a device that goes down while its neighbours are asked, or while a packet for one is given up', () => {
    for (const when of ['solicit', 'unreachable']) {
      const { clock, a } = twoHosts();
      let asked = 0;
      const down = (): void => cache.forgetDevice(a.device);
      const cache: NeighbourCache = new NeighbourCache(a.machine, a.stack.account, {
        solicit: () => {
          if (when === 'solicit' && ++asked > 3) down();
        },
        send: (m) => a.machine.mbufs.freem(m),
        unreachable: down,
      });
      for (let i = 0; i < 3; i++)
        a.machine.process(() => cache.output(a.machine.mbufs.getcl()!, a.device, 0x0a000020 + i));
      expect(cache.entries).toHaveLength(3);
      clock.run(10 * SECOND);
      expect([cache.entries, cache.lookup(a.device, 0x0a000020), a.machine.mbufs.inUse]).toEqual([
        [],
        null,
        0,
      ]);
      expect(a.stack.account.held).toBe(0);
    }
  });

  test('forgets a device that is closed and drops what waited for its neighbours', () => {
    const { clock, a } = twoHosts();
    send(a, NOBODY, 2);
    a.machine.process(() => a.layer.unregister(a.device));
    expect(a.stack.neighbours()).toEqual([]);
    expect(a.stack.routeList()).toEqual([]);
    expect(a.device.drops.reduce((sum, count) => sum + count, 0)).toBe(2);
    clock.run(SECOND);
    a.expectBalanced();
  });
});

describe('a packet from a neighbour', () => {
  test('with padding behind it loses the padding', () => {
    const { clock, b } = twoHosts();
    const socket = b.stack.udp.open(9);
    const packet = ipv4({ from: '10.0.0.1', to: '10.0.0.2' }, udp({}, zeros(3)));
    b.ends[0].inject(
      ethernet(b.device.address, STRANGER, 0x0800, Uint8Array.from([...packet, ...zeros(15)])),
    );
    clock.run(SECOND);
    const m = socket.receive();
    expect(m?.packetLength).toBe(3);
    expect(socket.fromPort).toBe(4000);
    b.machine.mbufs.freem(m);
    b.expectBalanced();
  });
});
