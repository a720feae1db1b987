// Segmentation in software (generic segmentation offload): one large TCP packet cut into those that fit the wire, for a device that
// cannot do it itself. RFC 9293 (TCP), RFC 791 (IPv4), RFC 8200 (IPv6), RFC 3168 section 6.1.2 (CWR in the first only).
//
//   [Ethernet IP TCP | payload ............................]
//   [Ethernet IP TCP | part]  [Ethernet IP TCP | part]  [Ethernet IP TCP | rest]      headers copied, payload shared if it can be

import type { Machine } from '../kernel/machine.ts';
import { copyHeader } from '../mbuf/header.ts';
import { HEADROOM, M_CSUM_TCPv4, M_CSUM_TCPv6, type Mbuf, MHLEN, MLEN } from '../mbuf/mbuf.ts';
import { finishChecksum, foldChecksum, internetChecksum, sumWords } from './checksum.ts';
import type { NetDevice } from './device.ts';
import { NETIF_F_IP_CSUM, NETIF_F_SG } from './device-ops.ts';
import { DROP_NOMEM, DROP_PKT_TOO_BIG, DROP_SKB_GSO_SEG } from './drop-reason.ts';
import { ETH_HLEN } from './ether.ts';
import { ipOffset } from './flow-hash.ts';

const IPV4_HLEN = 20;
const IPV6_HLEN = 40;
const TCP = 6;
const TCP_HLEN = 20;
const TCP_FLAGS = 13;
const TCP_CHECKSUM = 16;
const FIN = 0x01;
const PSH = 0x08;
const CWR = 0x80;
/** Headers that are copied: in the mbuf's own storage, behind the headroom. */
const MOST_HEADERS = MLEN - HEADROOM;

/**
 * Cuts a packet with gsoSize into a list of packets, linked by nextPacket, that are as the device wants them. Takes it; null: it
 * was dropped, whole, and counted.
 */
export function segment(machine: Machine, m: Mbuf, device: NetDevice): Mbuf | null {
  const { mbufs, memory } = machine;
  let whole: Mbuf = m;
  if (m.next !== null && m.length < MHLEN) {
    const pulled = mbufs.pullup(m, Math.min(m.packetLength, MHLEN));
    if (pulled === null) {
      device.drops[DROP_NOMEM]++;
      return null;
    }
    whole = pulled;
  }
  const ip = ipOffset(memory.u8, whole);
  const tcp = ip < 0 ? -1 : tcpOffset(memory.u8, whole, ip);
  const headers = tcp < 0 ? 0 : tcp + ((memory.u8[whole.data + tcp + 12] >> 4) << 2);
  if (headers < tcp + TCP_HLEN || headers > Math.min(whole.length, MOST_HEADERS)) {
    device.drop(whole, DROP_SKB_GSO_SEG);
    return null;
  }
  if (headers + whole.gsoSize > device.mtu + ETH_HLEN) {
    device.drop(whole, DROP_PKT_TOO_BIG);
    return null;
  }
  const list = cut(machine, whole, device, ip, tcp, headers);
  if (list === null) device.drop(whole, DROP_SKB_GSO_SEG);
  else mbufs.freem(whole);
  return list;
}

/** Where the TCP header is; -1: this is no TCP, or a fragment, or has extension headers of IPv6. */
function tcpOffset(u8: Uint8Array, m: Mbuf, ip: number): number {
  const at = m.data + ip;
  const v4 = u8[at] >> 4 === 4;
  if (u8[at + (v4 ? 9 : 6)] !== TCP) return -1;
  if (v4 && (((u8[at + 6] << 8) | u8[at + 7]) & 0x3fff) !== 0) return -1;
  const length = v4 ? (u8[at] & 15) << 2 : IPV6_HLEN;
  const tcp = ip + length;
  return length < IPV4_HLEN || tcp + TCP_HLEN > m.length ? -1 : tcp;
}

function cut(
  machine: Machine,
  m: Mbuf,
  device: NetDevice,
  ip: number,
  tcp: number,
  headers: number,
): Mbuf | null {
  const payload = m.packetLength - headers;
  const { gsoSize } = m;
  let first: Mbuf | null = null;
  let last: Mbuf | null = null;
  let count = 0;
  for (let done = 0; count === 0 || done < payload; done += gsoSize) {
    const length = Math.min(gsoSize, payload - done);
    const part = takePart(machine, m, device, headers, done, length);
    if (part === null) {
      freeList(machine, first);
      return null;
    }
    setHeaders(machine, part, ip, tcp, count, done, done + length === payload);
    if ((device.features & NETIF_F_IP_CSUM) === 0) finishChecksum(machine, part);
    if (last === null) first = part;
    else last.nextPacket = part;
    last = part;
    count++;
  }
  device.copied += count - 1;
  return first;
}

/** The headers and a part of the payload: shared with `m` for a device that gathers, else copied into one piece. */
function takePart(
  machine: Machine,
  m: Mbuf,
  device: NetDevice,
  headers: number,
  offset: number,
  length: number,
): Mbuf | null {
  const { mbufs, memory, cpu } = machine;
  const shares = (device.features & NETIF_F_SG) !== 0;
  cpu.charge(cpu.profile.buffer);
  const part = shares ? mbufs.gethdr() : mbufs.getcl();
  if (part === null) return null;
  copyHeader(m, part);
  part.gsoSize = 0;
  part.gsoSegments = 0;
  part.reserve(HEADROOM);
  part.length = headers;
  part.packetLength = headers + length;
  memory.u8.copyWithin(part.data, m.data, m.data + headers);
  if (length === 0) return part;
  if (!shares && length <= part.trailingSpace) {
    cpu.charge(cpu.profile.copyByte * length);
    mbufs.copyTo(m, headers + offset, length, memory, part.data + headers);
    part.length += length;
    return part;
  }
  // Also what no cluster holds, for a device that wants one piece: it cannot be had.
  const rest = shares ? mbufs.copym(m, headers + offset, length) : null;
  if (rest === null) {
    mbufs.freem(part);
    return null;
  }
  part.next = rest;
  return part;
}

function setHeaders(
  machine: Machine,
  m: Mbuf,
  ip: number,
  tcp: number,
  index: number,
  done: number,
  isLast: boolean,
): void {
  const { u8 } = machine.memory;
  const ipAt = m.data + ip;
  const at = m.data + tcp;
  const v4 = u8[ipAt] >> 4 === 4;
  const segmentBytes = m.packetLength - tcp;
  if (v4) {
    put16(u8, ipAt + 2, m.packetLength - ip);
    put16(u8, ipAt + 4, ((u8[ipAt + 4] << 8) | u8[ipAt + 5]) + index);
    put16(u8, ipAt + 10, 0);
    put16(u8, ipAt + 10, internetChecksum(u8, ipAt, tcp - ip));
  } else put16(u8, ipAt + 4, m.packetLength - ip - IPV6_HLEN);
  const sequence = ((u8[at + 4] << 24) | (u8[at + 5] << 16) | (u8[at + 6] << 8) | u8[at + 7]) + done;
  put16(u8, at + 4, sequence >>> 16);
  put16(u8, at + 6, sequence);
  if (!isLast) u8[at + TCP_FLAGS] &= ~(FIN | PSH);
  if (index > 0) u8[at + TCP_FLAGS] &= ~CWR;
  // What is left to the device, or to finishChecksum: the field holds the sum of the pseudo header.
  const addresses = v4 ? sumWords(u8, ipAt + 12, 8) : sumWords(u8, ipAt + 8, 32);
  put16(u8, at + TCP_CHECKSUM, ~foldChecksum(addresses + TCP + segmentBytes));
  m.checksumFlags = v4 ? M_CSUM_TCPv4 : M_CSUM_TCPv6;
  m.checksumStart = tcp - ETH_HLEN;
  m.checksumOffset = TCP_CHECKSUM;
}

function put16(u8: Uint8Array, at: number, value: number): void {
  u8[at] = value >> 8;
  u8[at + 1] = value;
}

function freeList(machine: Machine, first: Mbuf | null): void {
  for (let m = first; m !== null; ) {
    const next: Mbuf | null = m.nextPacket;
    m.nextPacket = null;
    machine.mbufs.freem(m);
    m = next;
  }
}
