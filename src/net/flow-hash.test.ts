import { expect, test } from 'vitest';
import { Random } from '../kernel/random.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { TestEnv } from '../qdisc/contract.ts';
import { flowHash, ipOffset } from './flow-hash.ts';

const MACS = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
const IPV4 = [8, 0];
const IPV6 = [0x86, 0xdd];
const TAG = [0x81, 0, 0, 7];
const PORTS = [0x12, 0x34, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0];

interface Ipv4 {
  protocol?: number;
  destination?: number;
  fragment?: number;
  tos?: number;
  options?: number[];
}

function ipv4({ protocol = 6, destination = 9, fragment = 0, tos = 0, options = [] }: Ipv4 = {}): number[] {
  const header = [0x45 + options.length / 4, tos, 0, 40, 1, 2, fragment >> 8, fragment & 255, 64, protocol];
  return [...header, 0, 0, 10, 0, 0, 1, 10, 0, 0, destination, ...options];
}

function ipv6(next: number, destination = 9): number[] {
  const address = (last: number): number[] => [0xfd, ...new Array<number>(14).fill(0), last];
  return [0x60, 0, 0, 0, 0, 20, next, 64, ...address(1), ...address(destination)];
}

const env = new TestEnv(1);

function packet(...parts: number[][]): Mbuf {
  const m = env.pool.getcl();
  if (m === null) throw new Error('the test ran out of buffers');
  const bytes = parts.flat();
  env.u8.set(bytes, m.data);
  m.length = m.packetLength = bytes.length;
  return m;
}

function hash(...parts: number[][]): number {
  const m = packet(...parts);
  const value = flowHash(env.u8, m, 1);
  env.pool.freem(m);
  return value;
}

const otherPorts = PORTS.with(3, 81);

test('each part of the 5-tuple counts, and nothing else does', () => {
  const tcp = hash(MACS, IPV4, ipv4(), PORTS);
  const different = [
    hash(MACS, IPV4, ipv4({ destination: 8 }), PORTS),
    hash(MACS, IPV4, ipv4({ protocol: 17 }), PORTS),
    hash(MACS, IPV4, ipv4(), otherPorts),
    hash(MACS, IPV4, ipv4(), PORTS.with(0, 0x13)),
  ];
  expect(new Set([tcp, ...different]).size).toBe(5);
  expect(hash(MACS, IPV4, ipv4({ tos: 0xff }), PORTS)).toBe(tcp);
  expect(hash(MACS, IPV4, ipv4(), PORTS.with(8, 99))).toBe(tcp);
  expect(hash(MACS.with(5, 9), IPV4, ipv4(), PORTS)).toBe(tcp);
  expect(hash(MACS, IPV4, ipv4({ options: [1, 1, 1, 1] }), PORTS)).toBe(tcp);
  expect(hash(MACS, TAG, IPV4, ipv4(), PORTS)).toBe(tcp);
  expect(hash(MACS, [0x88, 0xa8, 0, 3], TAG, IPV4, ipv4(), PORTS)).toBe(tcp);
});

test('a datagram in fragments stays together, as do packets of protocols without ports', () => {
  const [first, second] = [0x2000, 185].map((fragment) => ipv4({ protocol: 17, fragment }));
  expect(hash(MACS, IPV4, first, PORTS)).toBe(hash(MACS, IPV4, second, otherPorts));
  const icmp = ipv4({ protocol: 1 });
  expect(hash(MACS, IPV4, icmp, PORTS)).toBe(hash(MACS, IPV4, icmp, otherPorts));
  const esp = ipv4({ protocol: 50 });
  expect(hash(MACS, IPV4, esp, PORTS)).not.toBe(hash(MACS, IPV4, esp, otherPorts));
});

test('IPv6: addresses and ports, behind extension headers too; fragments without ports', () => {
  const udp = hash(MACS, IPV6, ipv6(17), PORTS);
  expect(hash(MACS, IPV6, ipv6(17), otherPorts)).not.toBe(udp);
  expect(hash(MACS, IPV6, ipv6(17, 8), PORTS)).not.toBe(udp);
  const hopByHop = [60, 0, 1, 4, 0, 0, 0, 0];
  const destination = [17, 1, 1, 12, ...new Array<number>(12).fill(0)];
  expect(hash(MACS, IPV6, ipv6(0), hopByHop, destination, PORTS)).toBe(udp);
  const fragment = [17, 0, 0, 1, 0, 0, 0, 7];
  expect(hash(MACS, IPV6, ipv6(44), fragment, PORTS)).toBe(hash(MACS, IPV6, ipv6(44), fragment, otherPorts));
});

test('what is not IP is told apart by its Ethernet header', () => {
  const arp = [8, 6];
  expect(hash(MACS, arp, PORTS)).toBe(hash(MACS, arp, otherPorts));
  expect(hash(MACS, arp)).not.toBe(hash(MACS.with(5, 9), arp));
});

test('m.hash stands for the packet, if it is set', () => {
  const [a, b] = [packet(MACS, IPV4, ipv4(), PORTS), packet(MACS, IPV4, ipv4(), otherPorts)];
  a.hash = b.hash = -7;
  expect(flowHash(env.u8, a, 1)).toBe(flowHash(env.u8, b, 1));
  expect(flowHash(env.u8, a, 1)).not.toBe(flowHash(env.u8, a, 2));
  b.hash = 7;
  expect(flowHash(env.u8, a, 1)).not.toBe(flowHash(env.u8, b, 1));
});

test('flows that differ by one port or address fall evenly into 64 places, by the low bits and by the high', () => {
  const flows = 64_000;
  const places = [new Int32Array(64), new Int32Array(64), new Int32Array(64)];
  const m = packet(MACS, IPV4, ipv4(), PORTS);
  for (let i = 0; i < flows; i++) {
    env.u8[m.data + 34] = i >> 8;
    env.u8[m.data + 35] = i;
    env.u8[m.data + 33] = i >> 10;
    const value = flowHash(env.u8, m, 5);
    places[0][value & 63]++;
    places[1][value >>> 26]++;
    m.hash = i + 1;
    places[2][flowHash(env.u8, m, 5) & 63]++;
    m.hash = 0;
  }
  for (const each of places) {
    const chiSquare = each.reduce((sum, n) => sum + (n - flows / 64) ** 2 / (flows / 64), 0);
    // 63 degrees of freedom: 103.4 is passed once in a thousand times.
    expect(chiSquare).toBeLessThan(103.4);
  }
});

test('two flows that collide under one seed part under the next: they meet again once in 1024 times', () => {
  const [a, b] = [packet(MACS, IPV4, ipv4(), PORTS), packet(MACS, IPV4, ipv4(), otherPorts)];
  let together = 0;
  for (let seed = 0; seed < 200_000; seed++)
    if (((flowHash(env.u8, a, seed) ^ flowHash(env.u8, b, seed)) & 1023) === 0) together++;
  // Mean 195.3, standard deviation 14.
  expect(Math.abs(together - 195.3)).toBeLessThan(45);
});

test('garbage and packets cut short: never a byte from behind the first member', () => {
  const dice = new Random(3, 'garbage');
  const whole = [
    [MACS, IPV4, ipv4(), PORTS].flat(),
    [MACS, TAG, TAG, IPV4, ipv4({ options: [1, 1, 1, 1] }), PORTS].flat(),
    [MACS, TAG, TAG, TAG, IPV4, ipv4(), PORTS].flat(),
    [MACS, IPV6, ipv6(0), [60, 255, 0, 0, 0, 0, 0, 0], PORTS].flat(),
    [MACS, IPV6, ipv6(0), [43, 0, 0, 0, 0, 0, 0, 0], [17, 0, 0, 0, 0, 0, 0, 0], PORTS].flat(),
  ];
  const m = packet([]);
  for (let round = 0; round < 20_000; round++) {
    const bytes = whole[round % whole.length].slice();
    for (let i = dice.below(4); i > 0; i--) bytes[12 + dice.below(bytes.length - 12)] = dice.below(256);
    m.length = dice.below(bytes.length + 1);
    const results = [0, 0xff, 0x45].map((behind) => {
      env.u8.fill(behind, m.start, m.start + m.size);
      env.u8.set(bytes.slice(0, m.length), m.data);
      return [flowHash(env.u8, m, round), ipOffset(env.u8, m)];
    });
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  }
});
