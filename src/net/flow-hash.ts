// Which flow a packet belongs to: a hash of its 5-tuple (addresses, protocol, ports), or of its Ethernet header when it is not
// IP. Reads Ethernet II with up to two VLAN tags (802.1Q, 802.1ad), IPv4 (RFC 791) and IPv6 (RFC 8200) with up to
// MOST_EXTENSIONS extension headers; ports of TCP, UDP, UDP-Lite, DCCP and SCTP, the SPI of ESP. Fragments have no ports in all
// but the first, so none of them is hashed with ports: a datagram stays together. Mixed with the steps of MurmurHash3 (A. Appleby,
// public domain). Nothing behind the packet's first member is read: what is cut off there is hashed with less.

import type { Mbuf } from '../mbuf/mbuf.ts';
import { ETH_HLEN, ETH_P_8021AD, ETH_P_8021Q, ETH_P_IP, ETH_P_IPV6, VLAN_HLEN } from './ether.ts';

const MOST_TAGS = 2;
const IPV4_HLEN = 20;
const IPV6_HLEN = 40;
const MOST_EXTENSIONS = 4;
const MORE_FRAGMENTS_OR_OFFSET = 0x3fff;

// Protocol numbers (IANA). Extension headers of IPv6 first.
const HOP_BY_HOP = 0;
const ROUTING = 43;
const DESTINATION_OPTIONS = 60;
const TCP = 6;
const UDP = 17;
const DCCP = 33;
const ESP = 50;
const SCTP = 132;
const UDP_LITE = 136;

/** Offset of the whole IPv4 (without options) or IPv6 header from m.data, within the packet's first member; -1: none there. */
export function ipOffset(u8: Uint8Array, m: Mbuf): number {
  const { data, length } = m;
  let at = ETH_HLEN;
  for (let tags = 0; at <= length; tags++) {
    const type = (u8[data + at - 2] << 8) | u8[data + at - 1];
    if (type === ETH_P_IP) return at + IPV4_HLEN <= length && u8[data + at] >> 4 === 4 ? at : -1;
    if (type === ETH_P_IPV6) return at + IPV6_HLEN <= length && u8[data + at] >> 4 === 6 ? at : -1;
    if ((type !== ETH_P_8021Q && type !== ETH_P_8021AD) || tags === MOST_TAGS) return -1;
    at += VLAN_HLEN;
  }
  return -1;
}

/** An int32; `m.hash`, if it is set, in place of the packet's bytes. Another `seed` makes other flows collide. */
export function flowHash(u8: Uint8Array, m: Mbuf, seed: number): number {
  if (m.hash !== 0) return finish(mix(seed, m.hash));
  const offset = ipOffset(u8, m);
  if (offset < 0) return finish(mixBytes(u8, m.data, Math.min(m.length, ETH_HLEN), seed));
  const at = m.data + offset;
  const end = m.data + m.length;
  return u8[at] >> 4 === 4 ? hashIpv4(u8, at, end, seed) : hashIpv6(u8, at, end, seed);
}

function hashIpv4(u8: Uint8Array, at: number, end: number, seed: number): number {
  const protocol = u8[at + 9];
  const hash = mix(mixBytes(u8, at + 12, 8, seed), protocol);
  const headerLength = (u8[at] & 15) << 2;
  const fragment = ((u8[at + 6] << 8) | u8[at + 7]) & MORE_FRAGMENTS_OR_OFFSET;
  if (fragment !== 0 || headerLength < IPV4_HLEN) return finish(hash);
  return finish(mixPorts(u8, at + headerLength, end, protocol, hash));
}

function hashIpv6(u8: Uint8Array, at: number, end: number, seed: number): number {
  let protocol = u8[at + 6];
  let transport = at + IPV6_HLEN;
  for (let i = 0; i < MOST_EXTENSIONS && transport + 8 <= end; i++) {
    if (protocol !== HOP_BY_HOP && protocol !== ROUTING && protocol !== DESTINATION_OPTIONS) break;
    protocol = u8[transport];
    transport += (u8[transport + 1] + 1) << 3;
  }
  const hash = mix(mixBytes(u8, at + 8, 32, seed), protocol);
  return finish(mixPorts(u8, transport, end, protocol, hash));
}

function mixPorts(u8: Uint8Array, at: number, end: number, protocol: number, hash: number): number {
  if (at + 4 > end) return hash;
  switch (protocol) {
    case TCP:
    case UDP:
    case DCCP:
    case ESP:
    case SCTP:
    case UDP_LITE:
      return mixBytes(u8, at, 4, hash);
    default:
      return hash;
  }
}

function mixBytes(u8: Uint8Array, from: number, length: number, seed: number): number {
  let hash = seed;
  const whole = from + (length & ~3);
  for (let at = from; at < whole; at += 4)
    hash = mix(hash, (u8[at] << 24) | (u8[at + 1] << 16) | (u8[at + 2] << 8) | u8[at + 3]);
  for (let at = whole; at < from + length; at++) hash = mix(hash, u8[at]);
  return hash;
}

function mix(hash: number, word: number): number {
  const scattered = Math.imul(word, 0xcc9e2d51);
  const mixed = hash ^ Math.imul((scattered << 15) | (scattered >>> 17), 0x1b873593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
