import { expect, test } from 'vitest';
import { Random } from '../kernel/random.ts';
import { M_COPYALL, type Mbuf } from '../mbuf/mbuf.ts';
import { internetChecksum } from '../net/checksum.ts';
import { TestEnv } from './contract.ts';
import { setCe } from './ecn.ts';

const IP = 14;
// Flows of TestEnv: even ones are IPv4, odd ones IPv6, every third ECT(0).
const IPV4_ECT = 0;
const IPV4_NOT_ECT = 4;
const IPV6_ECT = 3;
const IPV6_NOT_ECT = 1;

/** Puts the right checksum into the IPv4 header. */
function seal({ u8 }: TestEnv, m: Mbuf): void {
  u8[m.data + IP + 10] = u8[m.data + IP + 11] = 0;
  const sum = internetChecksum(u8, m.data + IP, 20);
  u8[m.data + IP + 10] = sum >> 8;
  u8[m.data + IP + 11] = sum & 255;
}

test('IPv4: ECT(0) and ECT(1) become CE with a right checksum, whatever the header; all else stays', () => {
  const env = new TestEnv(1);
  const { u8 } = env;
  const dice = new Random(1, 'headers');
  const m = env.packet(IPV4_ECT, 60);
  let carries = 0;
  for (let round = 0; round < 20_000; round++) {
    for (let i = 1; i < 20; i++) u8[m.data + IP + i] = dice.below(256);
    // Many sums near the ends of their range, where one's complement has two zeros.
    if (round % 2 === 0) {
      u8.fill(0, m.data + IP + 2, m.data + IP + 20);
      u8[m.data + IP + 2] = 0xba;
      u8[m.data + IP + 3] = dice.below(256);
    }
    u8[m.data + IP + 1] = (dice.below(64) << 2) | (1 + dice.below(2));
    seal(env, m);
    const before = u8.slice(m.data, m.data + 60);
    expect(setCe(u8, m)).toBe(true);
    expect(internetChecksum(u8, m.data + IP, 20)).toBe(0);
    const after = u8.slice(m.data, m.data + 60);
    if (after[IP + 10] !== before[IP + 10]) carries++;
    before[IP + 1] |= 3;
    before[IP + 10] = after[IP + 10];
    before[IP + 11] = after[IP + 11];
    expect(Buffer.compare(after, before)).toBe(0);
  }
  expect(carries).toBeGreaterThan(50);
});

test('IPv6: the two bits of the traffic class, nothing else', () => {
  const env = new TestEnv(1);
  const m = env.packet(IPV6_ECT, 80);
  for (const second of [0x1f, 0x20, 0xdf, 0xe5, 0xf0]) {
    env.u8[m.data + IP + 1] = second;
    const expected = env.u8.slice(m.data, m.data + 80);
    expected[IP + 1] |= 0x30;
    expect(setCe(env.u8, m)).toBe(true);
    expect(env.u8.slice(m.data, m.data + 80)).toEqual(expected);
  }
});

test('packets that are not ECN-capable, not IP or not whole stay as they are; CE packets are marked already', () => {
  const env = new TestEnv(1);
  const unchanged = (m: Mbuf, could: boolean): void => {
    const before = env.u8.slice(m.start, m.start + m.size);
    expect(setCe(env.u8, m)).toBe(could);
    expect(env.u8.slice(m.start, m.start + m.size)).toEqual(before);
    env.pool.freem(m);
  };
  unchanged(env.packet(IPV4_NOT_ECT, 60), false);
  unchanged(env.packet(IPV6_NOT_ECT, 80), false);
  for (const flow of [IPV4_ECT, IPV6_ECT]) {
    for (let length = 0; length < IP + (flow === IPV4_ECT ? 20 : 40); length++) {
      const m = env.packet(flow, 100);
      m.length = length;
      unchanged(m, false);
    }
    const arp = env.packet(flow, 100);
    env.u8[arp.data + 13] = 6;
    unchanged(arp, false);
    const marked = env.packet(flow, 100);
    env.u8[marked.data + IP + 1] |= flow === IPV4_ECT ? 3 : 0x30;
    unchanged(marked, true);
  }
});

test('storage that others read too is copied first; without a buffer for that it is left alone', () => {
  const env = new TestEnv(1);
  const { pool, u8 } = env;
  const m = env.packet(IPV4_ECT, 600);
  seal(env, m);
  const original = pool.toBytes(m);
  const clone = pool.copym(m, 0, M_COPYALL)!;
  expect(clone.writable).toBe(false);
  const taken: Mbuf[] = [];
  for (let each = pool.getcl(); each !== null; each = pool.getcl()) taken.push(each);
  for (let each = pool.get(); each !== null; each = pool.get()) taken.push(each);
  expect(setCe(u8, clone)).toBe(false);
  expect(pool.toBytes(clone)).toEqual(original);
  for (const each of taken) pool.freem(each);
  expect(setCe(u8, clone)).toBe(true);
  expect(pool.toBytes(m)).toEqual(original);
  expect(pool.toBytes(clone)[IP + 1] & 3).toBe(3);
  expect(internetChecksum(u8, clone.data + IP, 20)).toBe(0);
  pool.freem(m);
  pool.freem(clone);
  expect(pool.inUse).toBe(0);
});
