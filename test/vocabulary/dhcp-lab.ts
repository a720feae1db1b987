// A DHCP server and a hand that writes messages to it, for tests: each message gives the answers that came back.

import { expect } from 'vitest';
import { parseAddress } from '../../src/inet/address.ts';
import type { DhcpServerOptions } from '../../src/inet/dhcp-options.ts';
import {
  buildDhcp,
  DHCPACK,
  DHCPDISCOVER,
  DHCPREQUEST,
  type DhcpMessage,
  parseDhcp,
  wordsOf,
} from '../../src/inet/dhcp-packet.ts';
import { DhcpServer } from '../../src/inet/dhcp-server.ts';
import { VirtualClock } from '../../src/kernel/clock.ts';
import { connect, Host } from './inet-hosts.ts';
import { BROADCAST, ethernet, ipv4, udp } from './packets.ts';

export const SECOND = 1_000_000_000;
/** int32. */
export const ip = (text: string) => parseAddress(text) | 0;

/** A server, 10.0.0.1, and a bare end of a cable from which messages are sent by hand. */
export function dhcpLab(options: Partial<DhcpServerOptions> = {}) {
  const clock = new VirtualClock();
  const a = new Host('a', clock);
  const b = new Host('b', clock);
  connect(a.plug(), b.plug());
  a.up(0, '10.0.0.1/24');
  b.machine.process(() => b.device.open());
  clock.run(SECOND);
  const range = { first: parseAddress('10.0.0.100'), last: parseAddress('10.0.0.103') };
  const server = new DhcpServer(a.stack, { device: a.device, ...range, ...options });
  const heard: { frame: Uint8Array; message: DhcpMessage; to: string; from: string }[] = [];
  a.ends[0].filter = (frame) => {
    if (frame[12] !== 8 || frame[13] !== 0 || frame[23] !== 17) return true;
    const payload = frame.subarray(42);
    const message = parseDhcp(payload, payload.length);
    if (typeof message === 'string') throw new Error(`the server sent what is wrong: ${message}`);
    heard.push({ frame, message, from: frame.slice(26, 30).join('.'), to: frame.slice(30, 34).join('.') });
    return true;
  };
  const inject = (
    payload: Uint8Array,
    from = '0.0.0.0',
    to = '255.255.255.255',
    mac = [2, 0, 0, 0, 9, 1],
  ) => {
    const station = to === '255.255.255.255' ? BROADCAST : a.device.address;
    const datagram = udp({ fromPort: 68, toPort: 67 }, payload);
    a.ends[0].inject(ethernet(station, Uint8Array.from(mac), 0x0800, ipv4({ from, to }, datagram)));
    clock.run(clock.now() + 1_000_000);
  };
  /** Sends a message and gives the answers. */
  const say = (
    type: number,
    options: [number, Uint8Array][] = [],
    fields: Partial<DhcpMessage> = {},
    from = '0.0.0.0',
    to = '255.255.255.255',
  ): DhcpMessage[] => {
    const before = heard.length;
    const into = new Uint8Array(1400);
    const message = { ...blank(), type, options: new Map(options), ...fields };
    const length = buildDhcp(message, into);
    inject(into.slice(0, length), from, to);
    return heard.slice(before).map((one) => one.message);
  };
  return { clock, a, b, server, heard, inject, say };
}

export function blank(): DhcpMessage {
  const addresses = { ciaddr: 0, yiaddr: 0, siaddr: 0, giaddr: 0 };
  const chaddr = Uint8Array.of(2, 0, 0, 0, 9, 1);
  const rest = {
    hops: 0,
    xid: 0x12345678,
    secs: 0,
    flags: 0,
    sname: '',
    file: '',
    type: 0,
    options: new Map(),
  };
  return { op: 1, htype: 1, ...rest, ...addresses, chaddr };
}

export const station = (n: number) => ({ chaddr: Uint8Array.of(2, 0, 0, 0, 9, n) });
export const wants = (address: string): [number, Uint8Array] => [50, wordsOf(ip(address))];
export const server = (address = '10.0.0.1'): [number, Uint8Array] => [54, wordsOf(ip(address))];
export const kinds = (messages: DhcpMessage[]) => messages.map(({ type }) => type);

/** Gets an address as a client does. */
export function lease(it: ReturnType<typeof dhcpLab>, n: number): string {
  const [offer] = it.say(DHCPDISCOVER, [], station(n));
  const address = wordsOf(offer.yiaddr).join('.');
  expect(kinds(it.say(DHCPREQUEST, [wants(address), server()], station(n)))).toEqual([DHCPACK]);
  return address;
}

/** Every datagram is answered, taken, or dropped with a reason. */
export function expectBooks({ server, a }: ReturnType<typeof dhcpLab>): void {
  const { received, offers, acks, naks, taken, dropped } = server.counters;
  expect(offers + acks + naks + taken + dropped).toBe(received);
  expect([...server.drops.values()].reduce((sum, n) => sum + n, 0)).toBe(dropped);
  a.expectBalanced();
}
