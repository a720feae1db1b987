// Operations on the shape of a packet: room in front, trimming, joining, cutting. They follow mbuf(9). Members of length 0
// are legal everywhere and stay where they are unless said otherwise. Offsets and lengths come from code that has
// checked them: one outside of the packet is a broken invariant and throws.
//
//   prepend   [....aaa]->[bbb]  =>  [.HHHaaa]->[bbb]      or    [....HHH]->[aaa]->[bbb]  when there is no room
//   pullup    [aa]->[bbb]->[c]  =>  [aabb]->[b]->[c]      for 4 bytes
//   split     [aaa]->[bbbb]     =>  [aaa]->[b]   and   [bbb]      for 4 bytes

import { copyHeader, moveHeader } from './header.ts';
import { describe, HEADROOM, M_PKTHDR, type Mbuf, MCLBYTES, MHLEN, MLEN } from './mbuf.ts';
import type { MbufPool } from './pool.ts';

/** Sum of the members' lengths from `m` on. */
export function chainLength(m: Mbuf | null): number {
  let total = 0;
  for (; m !== null; m = m.next) total += m.length;
  return total;
}

/** Last member of the chain. */
export function lastMember(m: Mbuf): Mbuf {
  while (m.next !== null) m = m.next;
  return m;
}

/**
 * Makes `bytes` more of a packet at its front, contents undefined. Uses the leading space, else puts a new mbuf in front
 * which gets the header, its data at the end of its storage so that the next layer finds room too.
 * Takes `m`; null: none left, and the packet is freed.
 */
export function prepend(pool: MbufPool, m: Mbuf, bytes: number): Mbuf | null {
  if (bytes < 0 || bytes > MCLBYTES) throw new RangeError(`prepend of ${bytes} bytes: 0 to ${MCLBYTES} fit`);
  let first = m;
  if (m.leadingSpace >= bytes) {
    m.data -= bytes;
    m.length += bytes;
  } else {
    const head = pool.get();
    if (head === null || (bytes > MLEN && !pool.addCluster(head))) {
      if (head !== null) pool.free(head);
      pool.freem(m);
      return null;
    }
    if ((m.flags & M_PKTHDR) !== 0) moveHeader(m, head);
    head.align(bytes);
    head.length = bytes;
    head.next = m;
    first = head;
  }
  if ((first.flags & M_PKTHDR) !== 0) first.packetLength += bytes;
  return first;
}

/**
 * Trims from the front (positive) or the tail (negative), at most all there is. Frees nothing: members that lose all
 * their bytes stay, with length 0.
 */
export function adj(m: Mbuf, bytes: number): void {
  let removed = 0;
  if (bytes >= 0) {
    for (let at: Mbuf | null = m; at !== null && removed < bytes; at = at.next) {
      const n = Math.min(bytes - removed, at.length);
      at.data += n;
      at.length -= n;
      removed += n;
    }
  } else {
    const total = chainLength(m);
    let keep = Math.max(0, total + bytes);
    removed = total - keep;
    for (let at: Mbuf | null = m; at !== null; at = at.next) {
      if (at.length > keep) at.length = keep;
      keep -= at.length;
    }
  }
  if ((m.flags & M_PKTHDR) !== 0) m.packetLength -= removed;
}

/**
 * Makes the first `bytes` contiguous in the first member, moving them up from those behind; members emptied by that are
 * freed. At most MHLEN can be asked for unless they are contiguous already.
 * Takes `m`; null: too much asked, the packet is shorter, or no buffer was left; the packet is freed.
 */
export function pullup(pool: MbufPool, m: Mbuf, bytes: number): Mbuf | null {
  if (m.length >= bytes) return m;
  if (bytes > MHLEN || chainLength(m) < bytes) {
    pool.freem(m);
    return null;
  }
  let head = m;
  if (m.trailingSpace < bytes - m.length) {
    const fresh = pool.get();
    if (fresh === null) {
      pool.freem(m);
      return null;
    }
    if ((m.flags & M_PKTHDR) !== 0) moveHeader(m, fresh);
    fresh.reserve(Math.min(HEADROOM, MHLEN - bytes) & ~3);
    fresh.next = m;
    head = fresh;
  }
  const u8 = pool.memory.u8;
  let next = head.next;
  while (head.length < bytes && next !== null) {
    const n = Math.min(bytes - head.length, next.length);
    u8.copyWithin(head.data + head.length, next.data, next.data + n);
    head.length += n;
    next.data += n;
    next.length -= n;
    if (next.length === 0) next = pool.free(next);
  }
  head.next = next;
  return head;
}

/**
 * Appends the chain `n`. If `m` has a packet header its length grows; the header of `n` is dropped. Takes `n`.
 */
export function cat(m: Mbuf, n: Mbuf): void {
  if ((m.flags & M_PKTHDR) !== 0) m.packetLength += chainLength(n);
  n.flags &= ~M_PKTHDR;
  n.nextPacket = null;
  lastMember(m).next = n;
}

/**
 * Cuts a packet: `m` keeps its first `bytes`, the rest is returned, with a copy of the packet header if `m` has one. A
 * member that is cut is shared by both if its storage can be, else its tail is copied. The rest may be empty.
 * Null: no buffer was left, and `m` is as it was. Throws when the packet is shorter than `bytes`.
 */
export function split(pool: MbufPool, m: Mbuf, bytes: number): Mbuf | null {
  let at = m;
  let keep = bytes;
  while (keep > at.length && at.next !== null) {
    keep -= at.length;
    at = at.next;
  }
  if (keep < 0 || keep > at.length) {
    throw new RangeError(`split at ${bytes} of a packet of ${chainLength(m)} bytes, ${describe(m)}`);
  }
  const tail = at.length - keep;
  let rest = at.next;
  if (tail > 0 || rest === null) {
    rest = pool.get();
    if (rest === null) return null;
    if (tail > 0 && at.storage >= 0) {
      pool.share(at, rest);
      rest.data += keep;
    } else if (tail > 0) {
      // As far into the storage as it was, so that the alignment stays.
      rest.data = rest.start + (at.data + keep - at.start);
      pool.memory.u8.copyWithin(rest.data, at.data + keep, at.data + at.length);
    }
    rest.length = tail;
    rest.next = at.next;
    at.length = keep;
  }
  at.next = null;
  if ((m.flags & M_PKTHDR) !== 0) {
    copyHeader(m, rest);
    rest.packetLength = m.packetLength - bytes;
    m.packetLength = bytes;
  }
  return rest;
}

/**
 * Puts all bytes of a packet into its first member, for a device that takes one piece only. `m` stays the packet's
 * first member; the others are freed. The storage it has is used if the rest fits behind, else a new cluster, with
 * HEADROOM in front if there is room for it.
 * Null: longer than a cluster, or no cluster was left; `m` is as it was and still the caller's.
 */
export function linearise(pool: MbufPool, m: Mbuf): Mbuf | null {
  if (m.next === null) return m;
  const total = chainLength(m);
  const u8 = pool.memory.u8;
  if (m.trailingSpace >= total - m.length) {
    for (let at: Mbuf | null = m.next; at !== null; at = pool.free(at)) {
      u8.copyWithin(m.data + m.length, at.data, at.data + at.length);
      m.length += at.length;
    }
    m.next = null;
    return m;
  }
  if (total > MCLBYTES) return null;
  // Collected in a mbuf of its own first: `m` must not change when there is no cluster.
  const whole = pool.get();
  if (whole === null) return null;
  if (!pool.addCluster(whole)) {
    pool.free(whole);
    return null;
  }
  if (total + HEADROOM <= MCLBYTES) whole.reserve(HEADROOM);
  for (let at: Mbuf | null = m; at !== null; at = at.next) {
    u8.copyWithin(whole.data + whole.length, at.data, at.data + at.length);
    whole.length += at.length;
  }
  pool.freem(m.next);
  m.next = null;
  pool.detach(m);
  pool.share(whole, m);
  pool.free(whole);
  return m;
}
