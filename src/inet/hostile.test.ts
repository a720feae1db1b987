// What the network may send us: each lie has its counter, nothing throws, every buffer comes back.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Host, twoHosts } from '../../test/vocabulary/inet-hosts.ts';
import {
  arp,
  BROADCAST,
  ethernet,
  icmp,
  ipv4,
  join,
  STRANGER,
  udp,
  word,
  zeros,
} from '../../test/vocabulary/packets.ts';
import { Llc } from '../net/llc.ts';
import { UdpEcho } from './echo.ts';
import { Ipx } from './ipx.ts';
import { UdpSink } from './sink.ts';

const IP = 0x0800;
const ARP = 0x0806;
const ABOUT = { from: '10.0.0.1', to: '10.0.0.2' };

/** A host that listens on UDP port 9, and what happens to one frame. */
function hostAndPeer(): { b: Host; deliver: (frame: Uint8Array) => Record<string, number> } {
  const { clock, b } = twoHosts({ debugMbufs: true });
  const sink = new UdpSink(b.stack, 9);
  expect(sink.packets).toBe(0);
  clock.run(1_000_000);
  return {
    b,
    deliver(frame) {
      b.ends[0].inject(frame);
      clock.run(clock.now() + 1_000_000);
      return b.device.dropReport();
    },
  };
}

interface Lie {
  name: string;
  type: number;
  packet: Uint8Array;
  reason: string;
}

const LIES: Lie[] = [
  { name: 'an IPv4 header cut short', type: IP, packet: zeros(19), reason: 'IP_INHDR' },
  { name: 'no bytes at all behind the Ethernet header', type: IP, packet: zeros(0), reason: 'IP_INHDR' },
  {
    name: 'IP version 6 in an IPv4 frame',
    type: IP,
    packet: ipv4({ ...ABOUT, versionIhl: 0x65 }, zeros(8)),
    reason: 'IP_INHDR',
  },
  { name: 'IHL 4', type: IP, packet: ipv4({ ...ABOUT, versionIhl: 0x44 }, zeros(8)), reason: 'IP_INHDR' },
  {
    name: 'IHL beyond the packet',
    type: IP,
    packet: ipv4({ ...ABOUT, versionIhl: 0x4f }, zeros(8)),
    reason: 'IP_INHDR',
  },
  {
    name: 'a total length beyond the packet',
    type: IP,
    packet: ipv4({ ...ABOUT, totalLength: 2000 }, zeros(8)),
    reason: 'IP_INHDR',
  },
  {
    name: 'a total length within the header',
    type: IP,
    packet: ipv4({ ...ABOUT, totalLength: 19 }, zeros(8)),
    reason: 'IP_INHDR',
  },
  {
    name: 'a wrong header checksum',
    type: IP,
    packet: ipv4({ ...ABOUT, checksumError: 1 }, zeros(8)),
    reason: 'IP_CSUM',
  },
  {
    name: 'a first fragment',
    type: IP,
    packet: ipv4({ ...ABOUT, fragment: 0x2000 }, zeros(8)),
    reason: 'IP_FRAGMENT',
  },
  {
    name: 'a last fragment',
    type: IP,
    packet: ipv4({ ...ABOUT, fragment: 0x0001 }, zeros(8)),
    reason: 'IP_FRAGMENT',
  },
  {
    name: 'a protocol nobody has',
    type: IP,
    packet: ipv4({ ...ABOUT, protocol: 250 }, zeros(8)),
    reason: 'IP_NOPROTO',
  },
  {
    name: 'a source of 127.0.0.1',
    type: IP,
    packet: ipv4({ ...ABOUT, from: '127.0.0.1' }, zeros(8)),
    reason: 'IP_INVALID_SOURCE',
  },
  {
    name: 'a group as source',
    type: IP,
    packet: ipv4({ ...ABOUT, from: '224.0.0.1' }, zeros(8)),
    reason: 'IP_INVALID_SOURCE',
  },
  {
    name: 'the broadcast address as source',
    type: IP,
    packet: ipv4({ ...ABOUT, from: '255.255.255.255' }, zeros(8)),
    reason: 'IP_INVALID_SOURCE',
  },
  {
    name: 'another host as destination',
    type: IP,
    packet: ipv4({ ...ABOUT, to: '10.0.0.77' }, zeros(8)),
    reason: 'IP_INADDRERRORS',
  },
  {
    name: '127.0.0.1 as destination',
    type: IP,
    packet: ipv4({ ...ABOUT, to: '127.0.0.1' }, zeros(8)),
    reason: 'IP_INADDRERRORS',
  },
  {
    name: 'a group nobody joined',
    type: IP,
    packet: ipv4({ ...ABOUT, to: '224.9.9.9' }, zeros(8)),
    reason: 'IP_INADDRERRORS',
  },
  { name: 'a UDP header cut short', type: IP, packet: ipv4(ABOUT, zeros(7)), reason: 'HDR_TRUNC' },
  {
    name: 'a UDP length beyond the packet',
    type: IP,
    packet: ipv4(ABOUT, udp({ length: 500 }, zeros(8))),
    reason: 'HDR_TRUNC',
  },
  {
    name: 'a UDP length below the header',
    type: IP,
    packet: ipv4(ABOUT, udp({ length: 7 }, zeros(8))),
    reason: 'HDR_TRUNC',
  },
  {
    name: 'a UDP length of 0',
    type: IP,
    packet: ipv4(ABOUT, udp({ length: 0 }, zeros(8))),
    reason: 'HDR_TRUNC',
  },
  {
    name: 'a wrong UDP checksum',
    type: IP,
    packet: ipv4(ABOUT, udp({ checksum: 0x1111 }, zeros(8))),
    reason: 'UDP_CSUM',
  },
  {
    name: 'a UDP port nobody has',
    type: IP,
    packet: ipv4(ABOUT, udp({ toPort: 4711 }, zeros(8))),
    reason: 'NO_SOCKET',
  },
  {
    name: 'an ICMP header cut short',
    type: IP,
    packet: ipv4({ ...ABOUT, protocol: 1 }, zeros(7)),
    reason: 'HDR_TRUNC',
  },
  {
    name: 'a wrong ICMP checksum',
    type: IP,
    packet: ipv4({ ...ABOUT, protocol: 1 }, icmp(8, 0, zeros(12), 1)),
    reason: 'ICMP_CSUM',
  },
  {
    name: 'an ICMP error about nothing',
    type: IP,
    packet: ipv4({ ...ABOUT, protocol: 1 }, icmp(3, 3, zeros(8))),
    reason: 'HDR_TRUNC',
  },
  {
    name: 'an ICMP error about a header with IHL 15',
    type: IP,
    packet: ipv4(
      { ...ABOUT, protocol: 1 },
      icmp(3, 3, join(zeros(4), ipv4({ ...ABOUT, versionIhl: 0x4f }, zeros(8)))),
    ),
    reason: 'HDR_TRUNC',
  },
  { name: 'ARP cut short', type: ARP, packet: zeros(27), reason: 'ARP_INVALID' },
];

const ASK = { sender: '10.0.0.9', senderStation: STRANGER, target: '10.0.0.2' };
const ARP_LIES: [string, Uint8Array][] = [
  ['another hardware', arp({ ...ASK, hardware: 6 })],
  ['another protocol', arp({ ...ASK, protocol: 0x86dd })],
  ['hardware addresses of 8 bytes', arp({ ...ASK, hardwareLength: 8 })],
  ['protocol addresses of 16 bytes', arp({ ...ASK, protocolLength: 16 })],
  ['operation 0', arp({ ...ASK, operation: 0 })],
  ['a reverse request', arp({ ...ASK, operation: 3 })],
  ['operation 0x0101', arp({ ...ASK, operation: 0x0101 })],
  ['the broadcast address as station', arp({ ...ASK, senderStation: BROADCAST })],
  ['no station', arp({ ...ASK, senderStation: zeros(6) })],
  ['a group as sender', arp({ ...ASK, sender: '224.0.0.1' })],
  ['255.255.255.255 as sender', arp({ ...ASK, sender: '255.255.255.255' })],
  ['127.0.0.1 as sender', arp({ ...ASK, sender: '127.0.0.1' })],
];
for (const [name, packet] of ARP_LIES)
  LIES.push({ name: `ARP with ${name}`, type: ARP, packet, reason: 'ARP_INVALID' });

describe('a packet with', () => {
  test.each(LIES)('$name is dropped as $reason', ({ type, packet, reason }) => {
    const { b, deliver } = hostAndPeer();
    expect(deliver(ethernet(b.device.address, STRANGER, type, packet))).toEqual({ [reason]: 1 });
    expect(b.stack.account.dropReport()).toEqual({ [reason]: 1 });
    b.expectBalanced();
  });

  test('the address of another station is dropped as OTHERHOST, for each protocol', () => {
    const { b, deliver } = hostAndPeer();
    deliver(ethernet(STRANGER, BROADCAST, IP, ipv4(ABOUT, udp({}, zeros(8)))));
    expect(deliver(ethernet(STRANGER, BROADCAST, ARP, arp(ASK)))).toEqual({ OTHERHOST: 2 });
    expect(b.stack.neighbours()).toEqual([]);
  });
});

describe('what must not be answered', () => {
  test('gets no ICMP error: broadcasts, errors, later fragments', () => {
    const { b, deliver } = hostAndPeer();
    const frames = [
      ethernet(
        BROADCAST,
        STRANGER,
        IP,
        ipv4({ ...ABOUT, to: '10.0.0.255' }, udp({ toPort: 4711 }, zeros(8))),
      ),
      ethernet(
        b.device.address,
        STRANGER,
        IP,
        ipv4({ ...ABOUT, to: '255.255.255.255' }, udp({ toPort: 4711 }, zeros(8))),
      ),
      ethernet(
        b.device.address,
        STRANGER,
        IP,
        ipv4({ ...ABOUT, from: '10.0.0.255' }, udp({ toPort: 4711 }, zeros(8))),
      ),
    ];
    for (const frame of frames) deliver(frame);
    expect(b.stack.counters.icmp.errorsSent).toBe(0);
    expect(b.device.dropReport()).toEqual({ NO_SOCKET: 3 });
  });

  test('gets no more than 50 errors in a burst', () => {
    const { clock, b } = twoHosts({ debugMbufs: true });
    const frame = ethernet(b.device.address, STRANGER, IP, ipv4(ABOUT, udp({ toPort: 4711 }, zeros(8))));
    for (let i = 0; i < 200; i++) b.ends[0].inject(frame);
    clock.run(10_000);
    expect(b.stack.counters.icmp).toMatchObject({ errorsSent: 50, errorsLimited: 150 });
    clock.run(100_000_000);
    for (let i = 0; i < 10; i++) b.ends[0].inject(frame);
    clock.run(200_000_000);
    expect(b.stack.counters.icmp.errorsSent).toBe(60);
    clock.run(4_000_000_000);
    b.expectBalanced();
  });

  test('an echo request to all stations is not answered', () => {
    const { b, deliver } = hostAndPeer();
    deliver(
      ethernet(
        BROADCAST,
        STRANGER,
        IP,
        ipv4({ ...ABOUT, to: '10.0.0.255', protocol: 1 }, icmp(8, 0, zeros(12))),
      ),
    );
    expect(b.stack.counters.icmp).toMatchObject({ echoRequests: 1, repliesSent: 0, ignored: 1 });
  });

  test('two echo services do not play ball', () => {
    const { clock, a, b } = twoHosts({ debugMbufs: true });
    const left = new UdpEcho(a.stack);
    const right = new UdpEcho(b.stack);
    b.ends[0].inject(
      ethernet(
        b.device.address,
        a.device.address,
        IP,
        ipv4(ABOUT, udp({ fromPort: 7, toPort: 7 }, zeros(8))),
      ),
    );
    clock.run(1_000_000_000);
    expect([left.answered, right.answered, right.refused]).toEqual([0, 0, 1]);
  });
});

describe('random bytes', () => {
  const types = fc.constantFrom(0x0800, 0x0806, 0x8137, 0x0026, 0x05dc, 0x86dd, 0x0000);
  const noise = fc.uint8Array({ minLength: 0, maxLength: 120 });
  const ipNoise = fc
    .tuple(fc.constantFrom(1, 17, 99), noise, fc.integer({ min: 0, max: 3 }))
    .map(([protocol, bytes, words]) => {
      return ipv4({ ...ABOUT, protocol, options: new Array(words * 4).fill(1) }, bytes);
    });
  const icmpNoise = fc
    .tuple(fc.constantFrom(0, 3, 5, 8, 11, 12), fc.nat(5), noise)
    .map(([type, code, bytes]) => ipv4({ ...ABOUT, protocol: 1 }, icmp(type, code, bytes)));
  const llcNoise = fc
    .tuple(fc.constantFrom(0x42, 0xaa, 0xe0, 0xff), noise)
    .map(([sap, bytes]) => join([sap, sap, 3], bytes));
  const snapNoise = fc
    .tuple(types, noise)
    .map(([type, bytes]) => join([0xaa, 0xaa, 3, 0, 0, 0], word(type), bytes));
  const packet = fc.oneof(noise, ipNoise, icmpNoise, llcNoise, snapNoise);

  test('never throw, and every packet and buffer is accounted for', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(types, packet, fc.boolean()), { minLength: 1, maxLength: 30 }),
        (frames) => {
          const { clock, a, b } = twoHosts({ debugMbufs: true });
          b.stack.forwarding = true;
          new Ipx(b.stack.shared, new Llc(b.layer));
          const sink = new UdpSink(b.stack, 9);
          for (const [type, bytes, mine] of frames) {
            b.ends[0].inject(ethernet(mine ? b.device.address : BROADCAST, a.device.address, type, bytes));
          }
          clock.run(10_000_000_000);
          sink.close();
          for (const host of [a, b]) host.expectBalanced();
        },
      ),
      { numRuns: 200 },
    );
  });

  test('in chains of short members are the same as in one piece', () => {
    // A NIC may scatter a frame over small buffers: the handlers pull up what they need.
    fc.assert(
      fc.property(
        packet,
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 }),
        (bytes, cuts) => {
          const { clock, b } = twoHosts({ debugMbufs: true });
          new Llc(b.layer);
          clock.run(1_000_000);
          const report = (scattered: boolean): Record<string, number> => {
            const before = b.stack.account.drops.slice();
            b.machine.process(() => {
              const frame = ethernet(b.device.address, STRANGER, 0x0800, bytes);
              const { mbufs } = b.machine;
              const m = mbufs.fromBytes(frame);
              if (m === null) throw new Error('no buffer');
              m.device = b.device;
              let rest = m;
              for (const cut of scattered ? [14, ...cuts] : []) {
                if (rest.length <= cut) break;
                const next = mbufs.split(rest, cut);
                if (next === null) throw new Error('no buffer');
                if (rest !== m) mbufs.cat(m, rest);
                rest = next;
              }
              if (rest !== m) mbufs.cat(m, rest);
              expect(m.packetLength).toBe(frame.length);
              b.device.receiveBacklog(m);
            });
            clock.run(clock.now() + 5_000_000_000);
            return Object.fromEntries(b.stack.account.drops.map((count, i) => count - before[i]).entries());
          };
          expect(report(true)).toEqual(report(false));
          b.expectBalanced();
        },
      ),
      { numRuns: 200 },
    );
  });
});
