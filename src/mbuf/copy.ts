// Copying packets, and bytes in and out of them. A copy by reference shares clusters and external storage with the
// original, and from then on neither may write those bytes; own storage is small and is copied.
//
//   copym      m:  [cluster A]->[own: copied]          n:  [cluster A]->[own']        references[A] = 2
//   writing    makeWritable(n): [cluster B, a copy]                                   references[A] = 1

import { type Bytes, copyBytes } from '../kernel/copy.ts';
import { chainLength, lastMember } from './chain.ts';
import { copyHeader } from './header.ts';
import { describe, HEADROOM, M_COPYALL, M_PKTHDR, type Mbuf, MCLBYTES, MLEN } from './mbuf.ts';
import type { MbufPool } from './pool.ts';

/**
 * Copies `length` bytes from `offset` on (M_COPYALL: to the end) by reference. A copy from the very start gets the packet
 * header too. Null: no buffer was left. Lends `m`.
 */
export function copym(pool: MbufPool, m: Mbuf, offset: number, length: number): Mbuf | null {
  const wanted = length === M_COPYALL ? chainLength(m) - offset : length;
  checkRange(m, offset, wanted);
  let at: Mbuf | null = m;
  let skip = offset;
  while (at !== null && skip >= at.length && skip > 0) {
    skip -= at.length;
    at = at.next;
  }
  const first = pool.get();
  if (first === null) return null;
  if (offset === 0 && (m.flags & M_PKTHDR) !== 0) {
    copyHeader(m, first);
    first.packetLength = wanted;
  }
  let to = first;
  for (let left = wanted; left > 0 && at !== null; at = at.next) {
    const n = Math.min(left, at.length - skip);
    // Members of length 0 are not worth a mbuf in the copy.
    if (n === 0) continue;
    if (left < wanted) {
      const more = pool.get();
      if (more === null) {
        pool.freem(first);
        return null;
      }
      to.next = more;
      to = more;
    }
    if (at.storage >= 0) pool.share(at, to);
    else {
      to.data = to.start + (at.data - at.start);
      pool.memory.u8.copyWithin(to.data + skip, at.data + skip, at.data + skip + n);
    }
    to.data += skip;
    to.length = n;
    left -= n;
    skip = 0;
  }
  return first;
}

/** Copies a whole packet, sharing nothing, in as few buffers as it takes. Null: no buffer was left. Lends `m`. */
export function dup(pool: MbufPool, m: Mbuf): Mbuf | null {
  const total = chainLength(m);
  const first = emptyChain(pool, total, HEADROOM);
  if (first === null) return null;
  let done = 0;
  for (let to: Mbuf | null = first; to !== null; to = to.next) {
    copyTo(pool, m, done, to.length, pool.memory, to.data);
    done += to.length;
  }
  if ((m.flags & M_PKTHDR) !== 0) copyHeader(m, first);
  else first.flags &= ~M_PKTHDR;
  return first;
}

/** Copies `length` bytes from `offset` on to `to[at]`, one by one: for headers, and where the target is no Bytes. */
export function copydata(
  pool: MbufPool,
  m: Mbuf,
  offset: number,
  length: number,
  to: Uint8Array,
  at: number,
): void {
  const u8 = pool.memory.u8;
  let left = length;
  let skip = offset;
  for (let member: Mbuf | null = m; member !== null && left > 0; member = member.next) {
    if (skip >= member.length) {
      skip -= member.length;
      continue;
    }
    const n = Math.min(left, member.length - skip);
    const from = member.data + skip;
    for (let i = 0; i < n; i++) to[at + i] = u8[from + i];
    at += n;
    left -= n;
    skip = 0;
  }
  if (left !== 0 || offset < 0 || length < 0) checkRange(m, offset, length);
}

/** Copies `length` bytes from `offset` on to byte `at` of physical memory or a frame. */
export function copyTo(pool: MbufPool, m: Mbuf, offset: number, length: number, to: Bytes, at: number): void {
  const memory = pool.memory;
  let left = length;
  let skip = offset;
  for (let member: Mbuf | null = m; member !== null && left > 0; member = member.next) {
    if (skip >= member.length) {
      skip -= member.length;
      continue;
    }
    const n = Math.min(left, member.length - skip);
    const from = member.data + skip;
    if (to.u8 === memory.u8) memory.u8.copyWithin(at, from, from + n);
    else copyBytes(memory, from, to, at, n);
    at += n;
    left -= n;
    skip = 0;
  }
  if (left !== 0 || offset < 0 || length < 0) checkRange(m, offset, length);
}

/**
 * Overwrites `length` bytes from `offset` on with `from[fromAt]` onwards. The packet is extended as far as needed, with
 * zeros in a gap; storage that is shared is copied first. False: no buffer was left, and nothing is written.
 */
export function copyback(
  pool: MbufPool,
  m: Mbuf,
  offset: number,
  from: Uint8Array,
  fromAt: number,
  length: number,
): boolean {
  if (offset < 0 || length < 0) throw new RangeError(`copyback of ${length} bytes at ${offset}`);
  const total = chainLength(m);
  if (!makeWritable(pool, m, Math.min(offset, total), Math.min(length, Math.max(0, total - offset))))
    return false;
  if (offset + length > total && !extend(pool, m, offset + length - total)) return false;
  const u8 = pool.memory.u8;
  let left = length;
  let skip = offset;
  for (let member: Mbuf | null = m; member !== null && left > 0; member = member.next) {
    if (skip >= member.length) {
      skip -= member.length;
      continue;
    }
    const n = Math.min(left, member.length - skip);
    const to = member.data + skip;
    for (let i = 0; i < n; i++) u8[to + i] = from[fromAt + i];
    fromAt += n;
    left -= n;
    skip = 0;
  }
  return true;
}

/** Adds `bytes` zeros at the end, in the last member's trailing space first. False: no buffer was left. */
function extend(pool: MbufPool, m: Mbuf, bytes: number): boolean {
  const last = lastMember(m);
  const n = Math.min(bytes, last.trailingSpace);
  if (n < bytes) {
    const more = emptyChain(pool, bytes - n, 0);
    if (more === null) return false;
    more.flags &= ~M_PKTHDR;
    for (let at: Mbuf | null = more; at !== null; at = at.next)
      pool.memory.u8.fill(0, at.data, at.data + at.length);
    last.next = more;
  }
  const end = last.data + last.length;
  pool.memory.u8.fill(0, end, end + n);
  last.length += n;
  if ((m.flags & M_PKTHDR) !== 0) m.packetLength += bytes;
  return true;
}

/**
 * Makes every member that holds a byte of the range writable. One that is not gets storage of its own with the same
 * bytes; its mbuf stays the same, and what does not fit into a cluster follows in new members.
 * False: no buffer was left; the packet's bytes are as they were.
 */
export function makeWritable(pool: MbufPool, m: Mbuf, offset: number, length: number): boolean {
  checkRange(m, offset, length);
  let start = 0;
  for (let at: Mbuf | null = m; at !== null && start < offset + length; at = at.next) {
    const end = start + at.length;
    if (end > offset && at.length > 0 && !at.writable && !unshare(pool, at)) return false;
    start += at.length;
  }
  return true;
}

/** Gives one member a private copy of its bytes, as far into the new storage as they were if they fit there. */
function unshare(pool: MbufPool, m: Mbuf): boolean {
  const { data, length } = m;
  const u8 = pool.memory.u8;
  const own = Math.min(length, MCLBYTES);
  const before = data - m.start;
  if (own <= MLEN) {
    // Its own storage lies idle. The old one is let go of last: its owner may overwrite it at once.
    const to = m.home + (before + own <= MLEN ? before : 0);
    u8.copyWithin(to, data, data + own);
    pool.detach(m);
    m.data = to;
    m.length = own;
    return true;
  }
  const holder = pool.get();
  if (holder === null) return false;
  const rest = length > own ? emptyChain(pool, length - own, 0) : null;
  if ((length > own && rest === null) || !pool.addCluster(holder)) {
    pool.free(holder);
    pool.freem(rest);
    return false;
  }
  if (before + own <= MCLBYTES) holder.reserve(before);
  holder.length = own;
  u8.copyWithin(holder.data, data, data + own);
  if (rest !== null) {
    rest.flags &= ~M_PKTHDR;
    let done = own;
    for (let at: Mbuf | null = rest; at !== null; at = at.next) {
      u8.copyWithin(at.data, data + done, data + done + at.length);
      done += at.length;
    }
    lastMember(rest).next = m.next;
    m.next = rest;
  }
  pool.detach(m);
  pool.share(holder, m);
  pool.free(holder);
  return true;
}

/** A packet with these bytes, `headroom` free in front. Null: no buffer was left. */
export function fromBytes(pool: MbufPool, bytes: Uint8Array, headroom: number): Mbuf | null {
  const first = emptyChain(pool, bytes.length, headroom);
  let done = 0;
  for (let at = first; at !== null; at = at.next) {
    pool.memory.u8.set(bytes.subarray(done, done + at.length), at.data);
    done += at.length;
  }
  return first;
}

/** The bytes of the members in a new array. */
export function toBytes(pool: MbufPool, m: Mbuf): Uint8Array {
  const bytes = new Uint8Array(chainLength(m));
  let done = 0;
  for (let at: Mbuf | null = m; at !== null; at = at.next) {
    bytes.set(pool.memory.u8.subarray(at.data, at.data + at.length), done);
    done += at.length;
  }
  return bytes;
}

/** A packet of `bytes` undefined bytes with a header: one mbuf if they fit behind the headroom, else clusters. */
function emptyChain(pool: MbufPool, bytes: number, headroom: number): Mbuf | null {
  if (headroom < 0 || headroom > MCLBYTES)
    throw new RangeError(`headroom of ${headroom} bytes: 0 to ${MCLBYTES} fit`);
  const first = headroom + bytes <= MLEN ? pool.gethdr() : pool.getcl();
  if (first === null) return null;
  first.reserve(headroom);
  first.length = Math.min(bytes, first.trailingSpace);
  first.packetLength = bytes;
  let last = first;
  for (let left = bytes - first.length; left > 0; left -= last.length) {
    const more = pool.get();
    if (more !== null) last.next = more;
    if (more === null || (left > MLEN && !pool.addCluster(more))) {
      pool.freem(first);
      return null;
    }
    more.length = Math.min(left, more.size);
    last = more;
  }
  return first;
}

function checkRange(m: Mbuf, offset: number, length: number): void {
  const total = chainLength(m);
  if (offset < 0 || length < 0 || offset + length > total) {
    throw new RangeError(`${length} bytes at ${offset} of a packet of ${total} bytes, ${describe(m)}`);
  }
}
