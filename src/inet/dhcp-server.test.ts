import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  blank,
  dhcpLab,
  expectBooks,
  ip,
  kinds,
  lease,
  SECOND,
  server,
  station,
  wants,
} from '../../test/vocabulary/dhcp-lab.ts';
import { connect, Host } from '../../test/vocabulary/inet-hosts.ts';
import { BROADCAST } from '../../test/vocabulary/packets.ts';
import {
  addressOption,
  buildDhcp,
  bytesOf,
  DHCP_BROADCAST,
  DHCPACK,
  DHCPDECLINE,
  DHCPDISCOVER,
  DHCPINFORM,
  DHCPNAK,
  DHCPOFFER,
  DHCPRELEASE,
  DHCPREQUEST,
  secondsOption,
  textOf,
  wordsOf,
} from './dhcp-packet.ts';
import { DhcpServer } from './dhcp-server.ts';

describe('a DHCP server', () => {
  test('offers, and acknowledges, to a client without an address, at its hardware address', () => {
    const it = dhcpLab({
      router: ip('10.0.0.1'),
      dns: [ip('10.0.0.2'), ip('10.0.0.3')],
      domain: 'lab.example',
    });
    const [offer] = it.say(DHCPDISCOVER, [[61, Uint8Array.of(1, 2, 0, 0, 0, 9, 1)]]);
    expect(offer).toMatchObject({
      type: DHCPOFFER,
      op: 2,
      xid: 0x12345678,
      yiaddr: ip('10.0.0.100'),
      ciaddr: 0,
    });
    expect([...it.heard[0].frame.subarray(0, 6)]).toEqual([2, 0, 0, 0, 9, 1]);
    expect([it.heard[0].from, it.heard[0].to]).toEqual(['10.0.0.1', '10.0.0.100']);
    const [ack] = it.say(DHCPREQUEST, [
      [61, Uint8Array.of(1, 2, 0, 0, 0, 9, 1)],
      wants('10.0.0.100'),
      server(),
      [12, bytesOf('box\x1b')],
    ]);
    expect(ack).toMatchObject({ type: DHCPACK, yiaddr: ip('10.0.0.100') });
    const { options } = ack;
    expect([1, 3, 54, 28].map((code) => wordsOf(addressOption(options, code)).join('.'))).toEqual([
      '255.255.255.0',
      '10.0.0.1',
      '10.0.0.1',
      '10.0.0.255',
    ]);
    expect([51, 58, 59].map((code) => secondsOption(options, code))).toEqual([3600, 1800, 3150]);
    expect(options.get(6)).toEqual(wordsOf(ip('10.0.0.2'), ip('10.0.0.3')));
    expect(textOf(options.get(15) ?? new Uint8Array(0))).toBe('lab.example');
    expect(options.get(61)).toEqual(Uint8Array.of(1, 2, 0, 0, 0, 9, 1));
    expect(it.server.leases).toEqual([
      { address: '10.0.0.100', mac: '02:00:00:00:09:01', name: 'box?', state: 'bound', secondsLeft: 3600 },
    ]);
    expect(it.server.counters).toMatchObject({ received: 2, offers: 1, acks: 1, dropped: 0 });
    expectBooks(it);
  });

  test('answers to all stations when the client wants that', () => {
    const it = dhcpLab();
    it.say(DHCPDISCOVER, [], { flags: DHCP_BROADCAST });
    expect(it.heard[0].to).toBe('255.255.255.255');
    expect([...it.heard[0].frame.subarray(0, 6)]).toEqual([...BROADCAST]);
    expect(it.heard[0].message.flags).toBe(DHCP_BROADCAST);
  });

  test('gives a client its address again, after a release and after the end of the lease', () => {
    const it = dhcpLab({ leaseSeconds: 100 });
    expect([lease(it, 1), lease(it, 2)]).toEqual(['10.0.0.100', '10.0.0.101']);
    it.say(DHCPRELEASE, [server()], { ...station(1), ciaddr: ip('10.0.0.100') }, '10.0.0.100', '10.0.0.1');
    expect(it.server.leases[0].state).toBe('released');
    it.clock.run(it.clock.now() + 200 * SECOND);
    expect(it.server.leases.map(({ state }) => state)).toEqual(['released', 'expired']);
    expect([lease(it, 3), lease(it, 2), lease(it, 1)]).toEqual(['10.0.0.102', '10.0.0.101', '10.0.0.100']);
    expectBooks(it);
  });

  test('is silent when the pool is exhausted, and takes the oldest lapsed address when it must', () => {
    const it = dhcpLab({ leaseSeconds: 100 });
    for (let n = 1; n <= 4; n++) lease(it, n);
    expect(it.say(DHCPDISCOVER, [], station(5))).toEqual([]);
    expect(it.server.dropReport()).toEqual({ noAddress: 1 });
    for (const n of [3, 2]) {
      const ciaddr = ip(`10.0.0.${99 + n}`);
      it.say(DHCPRELEASE, [server()], { ...station(n), ciaddr }, `10.0.0.${99 + n}`, '10.0.0.1');
    }
    expect(lease(it, 5)).toBe('10.0.0.102');
    // The one it had is somebody else's now.
    expect(lease(it, 3)).toBe('10.0.0.101');
    expect(it.say(DHCPDISCOVER, [], station(2))).toEqual([]);
    expectBooks(it);
  });

  test('lets an offer that nobody took go after half a minute', () => {
    const it = dhcpLab();
    for (let n = 1; n <= 4; n++) expect(kinds(it.say(DHCPDISCOVER, [], station(n)))).toEqual([DHCPOFFER]);
    expect(it.say(DHCPDISCOVER, [], station(5))).toEqual([]);
    it.clock.run(it.clock.now() + 32 * SECOND);
    expect(kinds(it.say(DHCPDISCOVER, [], station(5)))).toEqual([DHCPOFFER]);
  });

  test('selecting: acknowledges what it offered, refuses what it did not, leaves who chose another', () => {
    const it = dhcpLab();
    it.say(DHCPDISCOVER);
    expect(kinds(it.say(DHCPREQUEST, [wants('10.0.0.101'), server()]))).toEqual([DHCPNAK]);
    expect(it.heard[1].to).toBe('255.255.255.255');
    expect(it.heard[1].message).toMatchObject({ yiaddr: 0, siaddr: 0 });
    expect(textOf(it.heard[1].message.options.get(56) ?? new Uint8Array(0))).toBe(
      '10.0.0.101 was not offered',
    );
    expect(it.say(DHCPREQUEST, [wants('10.0.0.77'), server('10.0.0.7')])).toEqual([]);
    expect(it.server.leases[0].state).toBe('released');
    expect(it.say(DHCPREQUEST, [server()])).toEqual([]);
    expect(it.say(DHCPREQUEST)).toEqual([]);
    expect(it.server.dropReport()).toEqual({ otherServer: 1, incomplete: 2 });
    expectBooks(it);
  });

  test('init-reboot: right, wrong, of another network, and of nobody known', () => {
    const it = dhcpLab();
    lease(it, 1);
    expect(kinds(it.say(DHCPREQUEST, [wants('10.0.0.100')], station(1)))).toEqual([DHCPACK]);
    expect(kinds(it.say(DHCPREQUEST, [wants('10.0.0.102')], station(1)))).toEqual([DHCPNAK]);
    expect(kinds(it.say(DHCPREQUEST, [wants('192.168.1.5')], station(2)))).toEqual([DHCPNAK]);
    expect(it.say(DHCPREQUEST, [wants('10.0.0.101')], station(2))).toEqual([]);
    expect(it.server.dropReport()).toEqual({ unknownClient: 1 });
    const only = dhcpLab({ authoritative: true });
    expect(kinds(only.say(DHCPREQUEST, [wants('10.0.0.101')], station(2)))).toEqual([DHCPACK]);
    expect(kinds(only.say(DHCPREQUEST, [wants('10.0.0.101')], station(3)))).toEqual([DHCPNAK]);
  });

  test('renewing and rebinding extend the lease; the answer goes to the address', () => {
    const it = dhcpLab({ leaseSeconds: 100 });
    lease(it, 1);
    const mine = { ...station(1), ciaddr: ip('10.0.0.100') };
    // The station answers no ARP, so the server must have learnt it: this is what an ARP reply does.
    const answerArp = () => it.a.stack.arp.cache.learn(it.a.device, mine.ciaddr, mine.chaddr, 0, true, true);
    answerArp();
    it.clock.run(it.clock.now() + 60 * SECOND);
    expect(kinds(it.say(DHCPREQUEST, [], mine, '10.0.0.100', '10.0.0.1'))).toEqual([DHCPACK]);
    expect(it.heard.at(-1)).toMatchObject({ to: '10.0.0.100', message: { ciaddr: mine.ciaddr } });
    it.clock.run(it.clock.now() + 60 * SECOND);
    expect(it.server.leases[0]).toMatchObject({ state: 'bound', secondsLeft: 40 });
    answerArp();
    expect(kinds(it.say(DHCPREQUEST, [], mine, '10.0.0.100'))).toEqual([DHCPACK]);
    expect(it.server.leases[0].secondsLeft).toBe(100);
    // Somebody else's, to us and to all; and a free one of which nothing is known.
    const other = { ...station(2), ciaddr: ip('10.0.0.100') };
    expect(kinds(it.say(DHCPREQUEST, [], other, '10.0.0.100', '10.0.0.1'))).toEqual([DHCPNAK]);
    expect(kinds(it.say(DHCPREQUEST, [], other, '10.0.0.100'))).toEqual([DHCPNAK]);
    expect(it.say(DHCPREQUEST, [], { ...station(2), ciaddr: ip('10.0.0.102') }, '10.0.0.102')).toEqual([]);
    expect(it.server.dropReport()).toEqual({ unknownClient: 1 });
    expectBooks(it);
  });

  test('sets a declined address aside', () => {
    const it = dhcpLab();
    lease(it, 1);
    it.say(DHCPDECLINE, [wants('10.0.0.100'), server()], station(2));
    expect(it.server.leases[0].state).toBe('bound');
    it.say(DHCPDECLINE, [wants('10.0.0.100'), server()], station(1));
    expect(it.server.leases[0].state).toBe('declined');
    // Not even to who asks for it by name.
    const [offer] = it.say(DHCPDISCOVER, [wants('10.0.0.100')], station(1));
    expect(offer.yiaddr).toBe(ip('10.0.0.101'));
    expect(kinds(it.say(DHCPREQUEST, [wants('10.0.0.100'), server()], station(4)))).toEqual([DHCPNAK]);
    expect(lease(it, 1)).toBe('10.0.0.101');
    expect([2, 3].map((n) => lease(it, n))).toEqual(['10.0.0.102', '10.0.0.103']);
    expect(it.say(DHCPDISCOVER, [], station(4))).toEqual([]);
    it.clock.run(it.clock.now() + 3601 * SECOND);
    expect(kinds(it.say(DHCPDISCOVER, [], station(4)))).toEqual([DHCPOFFER]);
    expect(it.server.dropReport()).toEqual({ notTheirs: 1, noAddress: 1 });
    expectBooks(it);
  });

  test('informs who has an address by hand: parameters without a lease', () => {
    const it = dhcpLab({ router: ip('10.0.0.1') });
    const chaddr = Uint8Array.of(2, 0, 0, 0, 9, 1);
    it.a.stack.arp.cache.learn(it.a.device, ip('10.0.0.50'), chaddr, 0, true, true);
    const [ack] = it.say(DHCPINFORM, [], { ciaddr: ip('10.0.0.50') }, '10.0.0.50', '10.0.0.1');
    expect(ack).toMatchObject({ type: DHCPACK, yiaddr: 0, ciaddr: ip('10.0.0.50') });
    expect([ack.options.has(3), ack.options.has(51)]).toEqual([true, false]);
    expect(it.server.leases).toEqual([]);
    expect(it.say(DHCPINFORM, [], { ciaddr: ip('10.0.0.255') })).toEqual([]);
    expect(it.server.dropReport()).toEqual({ notTheirs: 1 });
  });

  test('answers a relay, with what it added, and only those of the network that is served', () => {
    const it = dhcpLab({ first: ip('10.7.0.10'), last: ip('10.7.0.20'), network: '10.7.0.0/24' });
    const relay = { giaddr: ip('10.7.0.1'), hops: 1 };
    it.a.stack.addRoute('10.7.0.0/24', '10.0.0.254');
    it.a.stack.arp.cache.learn(it.a.device, ip('10.0.0.254'), Uint8Array.of(2, 0, 0, 0, 0, 9), 0, true, true);
    const agent: [number, Uint8Array] = [82, Uint8Array.of(1, 2, 7, 7)];
    const [offer] = it.say(DHCPDISCOVER, [agent], relay, '10.0.0.254', '10.0.0.1');
    expect(offer).toMatchObject({ yiaddr: ip('10.7.0.10'), giaddr: relay.giaddr });
    expect(offer.options.get(82)).toEqual(agent[1]);
    expect(it.heard[0].to).toBe('10.7.0.1');
    expect((it.heard[0].frame[36] << 8) | it.heard[0].frame[37]).toBe(67);
    it.say(DHCPREQUEST, [wants('10.9.9.9')], relay, '10.0.0.254', '10.0.0.1');
    expect(it.heard[1].message).toMatchObject({ type: DHCPNAK, flags: DHCP_BROADCAST });
    expect(it.say(DHCPDISCOVER)).toEqual([]);
    expect(it.say(DHCPDISCOVER, [], { giaddr: ip('10.8.0.1') })).toEqual([]);
    expect(it.say(DHCPDISCOVER, [], { giaddr: ip('255.255.255.255') })).toEqual([]);
    expect(it.server.dropReport()).toEqual({ otherNetwork: 3 });
    expectBooks(it);
  });

  test('keeps reserved addresses for their stations, whatever identifier they use', () => {
    const it = dhcpLab({ reservations: [{ mac: station(3).chaddr, address: ip('10.0.0.101') }] });
    expect([lease(it, 1), lease(it, 2), lease(it, 3)]).toEqual(['10.0.0.100', '10.0.0.102', '10.0.0.101']);
    const [offer] = it.say(DHCPDISCOVER, [[61, Uint8Array.of(0, 1, 2)]], station(3));
    expect(offer.yiaddr).toBe(ip('10.0.0.101'));
    expect(kinds(it.say(DHCPREQUEST, [wants('10.0.0.101'), server()], station(4)))).toEqual([DHCPNAK]);
    expectBooks(it);
  });

  test('one address a client: when it moves, who gets its old one takes nothing else away', () => {
    const it = dhcpLab({ reservations: [{ mac: station(9).chaddr, address: ip('10.0.0.103') }] });
    const id: [number, Uint8Array] = [61, Uint8Array.of(0, 7, 7)];
    const get = (n: number, address: string) => {
      it.say(DHCPDISCOVER, [id], station(n));
      return kinds(it.say(DHCPREQUEST, [id, wants(address), server()], station(n)));
    };
    expect([get(1, '10.0.0.100'), get(9, '10.0.0.103')]).toEqual([[DHCPACK], [DHCPACK]]);
    expect([2, 3, 4].map((n) => lease(it, n))).toEqual(['10.0.0.101', '10.0.0.102', '10.0.0.100']);
    const mine = { ...station(9), ciaddr: ip('10.0.0.103') };
    it.say(DHCPRELEASE, [id, server()], mine, '10.0.0.103', '10.0.0.1');
    expect(it.server.leases.map(({ state }) => state)).toEqual(['bound', 'bound', 'bound', 'released']);
    expectBooks(it);
  });

  test('says what to boot: field, options for who asks, and another file for iPXE', () => {
    const it = dhcpLab({ bootFile: 'undionly.kpxe', ipxeBootFile: 'boot.ipxe', serverName: 'tftp' });
    const [plain] = it.say(DHCPDISCOVER, [[55, Uint8Array.of(1, 3)]]);
    expect(plain).toMatchObject({ file: 'undionly.kpxe', siaddr: ip('10.0.0.1'), sname: 'tftp' });
    expect(plain.options.has(67)).toBe(false);
    const [ipxe] = it.say(DHCPDISCOVER, [
      [55, Uint8Array.of(1, 66, 67)],
      [77, bytesOf('iPXE')],
    ]);
    expect(ipxe.file).toBe('boot.ipxe');
    expect([66, 67].map((code) => textOf(ipxe.options.get(code) ?? new Uint8Array(0)))).toEqual([
      'tftp',
      'boot.ipxe',
    ]);
    const [none] = dhcpLab().say(DHCPDISCOVER);
    expect(none).toMatchObject({ file: '', siaddr: 0 });
  });

  test('gives the lease that is asked for, when it is shorter; for ever when it may', () => {
    const it = dhcpLab({ leaseSeconds: 0xffffffff });
    it.say(DHCPDISCOVER);
    const [ever] = it.say(DHCPREQUEST, [wants('10.0.0.100'), server()]);
    expect(secondsOption(ever.options, 51)).toBe(0xffffffff);
    expect(it.server.leases[0].secondsLeft).toBe(null);
    const asked = (seconds: number) =>
      it.say(DHCPDISCOVER, [[51, wordsOf(seconds)]]).map(({ options }) => secondsOption(options, 51));
    expect([asked(500), asked(1)]).toEqual([[500], [60]]);
  });

  test('leaves out what does not fit, and gives up when what must be there does not', () => {
    const long = { bootFile: 'b'.repeat(127), serverName: 's'.repeat(63), domain: 'd'.repeat(63) };
    const it = dhcpLab(long);
    const list: [number, Uint8Array] = [55, Uint8Array.of(1, 15, 66, 67)];
    const id = (length: number): [number, Uint8Array] => [61, new Uint8Array(length).fill(7)];
    const [offer] = it.say(DHCPDISCOVER, [list, id(200)]);
    expect([15, 66, 67].map((code) => offer.options.has(code))).toEqual([true, false, false]);
    const [large] = it.say(DHCPDISCOVER, [list, id(200), [57, Uint8Array.of(5, 220)]]);
    expect([15, 66, 67].map((code) => large.options.has(code))).toEqual([true, true, true]);
    expect(it.say(DHCPDISCOVER, [id(320)])).toEqual([]);
    expect(it.server.dropReport()).toEqual({ answerFailed: 1 });
    expectBooks(it);
  });

  test('works on two devices of one machine, each for its own', () => {
    const it = dhcpLab();
    const c = new Host('c', it.clock);
    connect(it.a.plug(), c.plug());
    it.a.up(1, '10.1.0.1/24');
    c.machine.process(() => c.device.open());
    const second = new DhcpServer(it.a.stack, {
      device: it.a.ends[1].device,
      first: ip('10.1.0.5'),
      last: ip('10.1.0.9'),
    });
    it.say(DHCPDISCOVER);
    expect([it.server.counters.offers, second.counters.received]).toEqual([1, 0]);
    it.server.close();
    expect(it.say(DHCPDISCOVER)).toEqual([]);
    expect(
      () =>
        new DhcpServer(it.a.stack, {
          device: it.a.ends[1].device,
          first: ip('10.1.0.5'),
          last: ip('10.1.0.5'),
        }),
    ).toThrow('UDP port 67 is in use on eth1');
    it.a.expectBalanced();
  });

  test('counts what is wrong with datagrams, and lives', () => {
    const it = dhcpLab();
    const into = new Uint8Array(400);
    const good = into.slice(0, buildDhcp({ ...blank(), type: DHCPDISCOVER }, into));
    const changed = (at: number, ...bytes: number[]) => {
      const copy = good.slice();
      copy.set(bytes, at);
      return copy;
    };
    const cases: [string, Uint8Array][] = [
      ['short', good.slice(0, 239)],
      ['operation', changed(0, 2)],
      ['operation', changed(0, 9)],
      ['hardware', changed(1, 6)],
      ['hardware', changed(2, 17)],
      ['hardware', changed(28, 3)],
      ['cookie', changed(236, 0)],
      ['optionRunsOver', changed(240, 12, 200)],
      ['optionLength', changed(240, 53, 2, 1, 1)],
      ['optionLength', changed(243, 61, 1, 1, 255)],
      ['optionLength', changed(243, 50, 3, 1, 1, 1, 255)],
      ['type', changed(242, 9)],
      ['type', changed(242, DHCPOFFER)],
      ['bootp', changed(240, 255)],
      ['optionRunsOver', overloaded(changed(108, 12, 127))],
    ];
    for (const [, bytes] of cases) it.inject(bytes);
    const expected: Record<string, number> = {};
    for (const [reason] of cases) expected[reason] = (expected[reason] ?? 0) + 1;
    expect(it.server.dropReport()).toEqual(expected);
    expect(it.heard).toEqual([]);
    it.inject(good);
    expect(it.heard).toHaveLength(1);
    expectBooks(it);
  });

  test('survives anything', () => {
    const it = dhcpLab();
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 600 }),
      fc.uint8Array({ minLength: 1, maxLength: 300 }).map((tail) => {
        const into = new Uint8Array(600);
        buildDhcp({ ...blank(), type: 1 + (tail[0] % 8) }, into);
        into.set(tail, 243);
        return into;
      }),
    );
    fc.assert(
      fc.property(bytes, (payload) => {
        it.inject(payload);
      }),
      { numRuns: 500, seed: 7 },
    );
    expect(it.server.counters.received).toBeGreaterThanOrEqual(500);
    expectBooks(it);
    expect(it.server.leases.length).toBeLessThanOrEqual(4);
  });
});

/** With options in the field `file`. */
function overloaded(bytes: Uint8Array): Uint8Array {
  bytes.set([52, 1, 1, 255], 243);
  return bytes;
}
