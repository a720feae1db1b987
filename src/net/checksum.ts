// The Internet checksum (RFC 1071): one's complement sum of 16-bit words, over memory and over chains, and what the
// device layer does when a device cannot put it in itself.

import type { Machine } from '../kernel/machine.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { ETH_HLEN } from './ether.ts';

/** Adds the big-endian words of `length` bytes to `sum`; an odd last byte counts as the high one. */
export function sumWords(u8: Uint8Array, at: number, length: number, sum = 0): number {
  let total = sum;
  const end = at + (length & ~1);
  for (let i = at; i < end; i += 2) total += (u8[i] << 8) | u8[i + 1];
  if ((length & 1) !== 0) total += u8[end] << 8;
  // 2^31 is far away: 64 KiB are at most 32,768 words of 65,535.
  return total;
}

/** Folds a sum and complements it: the value that goes into the header. */
export function foldChecksum(sum: number): number {
  let folded = (sum & 0xffff) + (sum >>> 16);
  folded = (folded & 0xffff) + (folded >>> 16);
  return ~folded & 0xffff;
}

/** The checksum of `length` bytes; 0 when they contain their own right checksum. */
export function internetChecksum(u8: Uint8Array, at: number, length: number, sum = 0): number {
  return foldChecksum(sumWords(u8, at, length, sum));
}

/** Sum over a packet's bytes from `offset` to its end, whatever its members' lengths. */
export function sumChain(u8: Uint8Array, m: Mbuf, offset: number, sum = 0): number {
  let total = sum;
  let skip = offset;
  let odd = false;
  for (let part: Mbuf | null = m; part !== null; part = part.next) {
    const from = Math.min(skip, part.length);
    skip -= from;
    let at = part.data + from;
    const end = part.data + part.length;
    if (odd && at < end) {
      total += u8[at++];
      odd = false;
    }
    total = sumWords(u8, at, end - at, total);
    if (((end - at) & 1) !== 0) odd = true;
  }
  return total;
}

/**
 * Fills in the checksum that the sender left to the device (skb_checksum_help): the packet starts with its Ethernet
 * header; checksumStart and checksumOffset say where, and the field holds the pseudo header's sum. False: the field lies
 * in storage that somebody else reads too, and there was no buffer to copy it to.
 */
export function finishChecksum(machine: Machine, m: Mbuf): boolean {
  const { u8 } = machine.memory;
  const { cpu } = machine;
  const start = ETH_HLEN + m.checksumStart;
  const field = start + m.checksumOffset;
  if (field + 2 > m.length) return true; // not in the first member: the sender's mistake, left as it is
  if (!machine.mbufs.makeWritable(m, field, 2)) return false;
  cpu.charge(cpu.profile.checksumByte * (m.packetLength - start));
  const value = foldChecksum(sumChain(u8, m, start)) || 0xffff;
  u8[m.data + field] = value >> 8;
  u8[m.data + field + 1] = value & 0xff;
  m.checksumFlags = 0;
  return true;
}
