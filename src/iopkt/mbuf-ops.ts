// mbuf(9), operations on packets: shape and bytes, by the device layer's own functions (src/mbuf). What those call an
// exception (a range outside of the packet) is a panic in the manual. Functions that say so free the packet when there is
// no buffer, and return null.

import { chainLength, lastMember } from '../mbuf/chain.ts';
import { copyHeader, moveHeader } from '../mbuf/header.ts';
import { M_COPYALL, M_PKTHDR, type Mbuf, MCLBYTES, MHLEN, MLEN } from '../mbuf/mbuf.ts';
import { ENOBUFS, EOK } from './errno.ts';
import type { ifnet } from './ifnet.ts';
import type { IoPkt } from './manager.ts';
import { m_freem } from './mbuf.ts';
import { current, ruleError, WITH_MBUFS } from './self.ts';
import { letGo, passOn } from './tx-ledger.ts';

export { M_COPYALL };

/** Sum of m_len. */
export function m_length(m: Mbuf | null): number {
  return chainLength(m);
}

/** Trims n bytes from the head, or -n from the tail; frees nothing. */
export function m_adj(m: Mbuf, n: number): void {
  current(WITH_MBUFS, 'm_adj');
  m.pool.adj(m, n);
}

/** The first n bytes in one piece. Takes `m`; null: it is freed. */
export function m_pullup(m: Mbuf, n: number): Mbuf | null {
  return replaced(current(WITH_MBUFS, 'm_pullup'), m, m.pool.pullup(m, n));
}

/** The first n bytes in one piece in a fresh buffer, `dstoff` bytes from its start. Takes `m`; null: it is freed. */
export function m_copyup(m: Mbuf, n: number, dstoff: number): Mbuf | null {
  const io = current(WITH_MBUFS, 'm_copyup');
  const { pool } = m;
  const head = dstoff + n <= MHLEN && chainLength(m) >= n ? pool.get() : null;
  if (head === null) {
    m_freem(m);
    return null;
  }
  head.data += dstoff;
  head.length = n;
  pool.copyTo(m, 0, n, pool.memory, head.data);
  if ((m.flags & M_PKTHDR) !== 0) moveHeader(m, head);
  passOn(io, m, head);
  let rest: Mbuf | null = m;
  for (let left = n; rest !== null && left > 0; ) {
    const taken = Math.min(left, rest.length);
    rest.data += taken;
    rest.length -= taken;
    left -= taken;
    if (rest.length === 0) rest = pool.free(rest);
  }
  head.next = rest;
  return head;
}

/**
 * The range in one piece that may be written. Returns the member it begins in and puts its place in there into
 * `offp.value`; null: no buffer was left, the packet is freed. Throws when the packet is shorter.
 */
export function m_pulldown(m: Mbuf, off: number, len: number, offp: { value: number }): Mbuf | null {
  const io = current(WITH_MBUFS, 'm_pulldown');
  const { pool } = m;
  const total = chainLength(m);
  if (off < 0 || len < 0 || off + len > total)
    throw ruleError(io, 'manual', `m_pulldown of ${len} bytes at ${off} of a packet of ${total}`);
  let before: Mbuf | null = null;
  let at = m;
  let skip = off;
  while (skip >= at.length && at.next !== null) {
    skip -= at.length;
    before = at;
    at = at.next;
  }
  if (skip + len <= at.length && at.writable) {
    offp.value = skip;
    return at;
  }
  const piece = len > MCLBYTES ? null : pool.get();
  if (piece === null || (len > MLEN && !pool.addCluster(piece))) {
    if (piece !== null) pool.free(piece);
    m_freem(m);
    return null;
  }
  pool.copyTo(m, off, len, pool.memory, piece.data);
  piece.length = len;
  // The head of the member stays, what was copied goes, the rest follows.
  const tail = cutOut(at, skip, len);
  if (tail === false) {
    pool.free(piece);
    m_freem(m);
    return null;
  }
  piece.next = tail;
  if (skip > 0 || before === null) at.next = piece;
  else before.next = piece;
  if (skip === 0 && before !== null) {
    at.next = null;
    pool.free(at);
  }
  offp.value = 0;
  return piece;
}

/** Shortens `at` to `skip` bytes and drops `len` bytes behind it; returns what follows, false: no buffer for it. */
function cutOut(at: Mbuf, skip: number, len: number): Mbuf | null | false {
  const { pool } = at;
  const inside = at.length - skip;
  if (inside > len) {
    const rest = pool.copym(at, skip + len, inside - len);
    if (rest === null) return false;
    rest.next = at.next;
    at.length = skip;
    return rest;
  }
  let left = len - inside;
  let rest = at.next;
  at.length = skip;
  while (rest !== null && left > 0) {
    const taken = Math.min(left, rest.length);
    rest.data += taken;
    rest.length -= taken;
    left -= taken;
    if (rest.length === 0) rest = pool.free(rest);
  }
  return rest;
}

/**
 * Room for n bytes in front. Takes `m`; null: it is freed.
 * @public
 */
export function m_prepend(m: Mbuf, n: number, _how: number): Mbuf | null {
  return replaced(current(WITH_MBUFS, 'm_prepend'), m, m.pool.prepend(m, n));
}

export { m_prepend as M_PREPEND };

/** A copy that shares clusters and external storage: it is read-only. With the header when `off` is 0. */
export function m_copym(m: Mbuf, off: number, len: number, _how: number): Mbuf | null {
  return fresh(current(WITH_MBUFS, 'm_copym'), m.pool.copym(m, off, len));
}

export function m_copypacket(m: Mbuf, how: number): Mbuf | null {
  return m_copym(m, 0, M_COPYALL, how);
}

/** A copy that shares nothing, in as few buffers as it takes. With the header when `off` is 0. */
export function m_dup(m: Mbuf, off: number, len: number, _how: number): Mbuf | null {
  const io = current(WITH_MBUFS, 'm_dup');
  const { pool } = m;
  const total = chainLength(m);
  const wanted = len === M_COPYALL ? total - off : len;
  if (off < 0 || wanted < 0 || off + wanted > total)
    throw ruleError(io, 'manual', `m_dup of ${wanted} bytes at ${off} of a packet of ${total}`);
  let first: Mbuf | null = null;
  let last: Mbuf | null = null;
  for (let done = 0; done < wanted || first === null; ) {
    const more = pool.get();
    if (more === null || (wanted - done > MLEN && !pool.addCluster(more))) {
      if (more !== null) pool.free(more);
      pool.freem(first);
      return null;
    }
    more.length = Math.min(wanted - done, more.size);
    pool.copyTo(m, off + done, more.length, pool.memory, more.data);
    done += more.length;
    if (last === null) first = more;
    else last.next = more;
    last = more;
  }
  if (off === 0 && (m.flags & M_PKTHDR) !== 0) {
    copyHeader(m, first);
    first.packetLength = wanted;
    if (wanted === total) passOn(io, m, first);
  }
  return first;
}

/** Copies out, to an array or to an address in the machine's memory. Throws when the packet is shorter. */
export function m_copydata(m: Mbuf, off: number, len: number, to: Uint8Array | number): void {
  const { cpu } = current(WITH_MBUFS, 'm_copydata').machine;
  cpu.charge((cpu.profile.copyByte * len) | 0);
  const { pool } = m;
  if (typeof to === 'number') pool.copyTo(m, off, len, pool.memory, to);
  else pool.copydata(m, off, len, to, 0);
}

/** Overwrites, extending the packet; when there is no buffer its length tells. Throws on read-only storage. */
export function m_copyback(m: Mbuf, off: number, len: number, from: Uint8Array): void {
  const io = current(WITH_MBUFS, 'm_copyback');
  let start = 0;
  for (let at: Mbuf | null = m; at !== null && start < off + len; at = at.next) {
    if (start + at.length > off && at.length > 0 && !at.writable)
      throw ruleError(io, 'N11', 'm_copyback into read-only storage: m_copyback_cow or m_makewritable');
    start += at.length;
  }
  m.pool.copyback(m, off, from, 0, len);
}

/** The same without extending, read-only storage copied first. Takes `m`; null: no buffer was left, it is freed. */
export function m_copyback_cow(
  m: Mbuf,
  off: number,
  len: number,
  from: Uint8Array,
  _how: number,
): Mbuf | null {
  const io = current(WITH_MBUFS, 'm_copyback_cow');
  const total = chainLength(m);
  if (off < 0 || len < 0 || off + len > total)
    throw ruleError(io, 'manual', `m_copyback_cow of ${len} bytes at ${off} of a packet of ${total}`);
  if (m.pool.copyback(m, off, from, 0, len)) return m;
  m_freem(m);
  return null;
}

/** Makes a range writable. EOK, or ENOBUFS and the packet's bytes are as they were. */
export function m_makewritable(m: Mbuf, off: number, len: number, _how: number): number {
  current(WITH_MBUFS, 'm_makewritable');
  const wanted = len === M_COPYALL ? chainLength(m) - off : len;
  return m.pool.makeWritable(m, off, wanted) ? EOK : ENOBUFS;
}

/** Appends chain `n`; the length in the header of `m` is the caller's affair. Takes `n`. */
export function m_cat(m: Mbuf, n: Mbuf): void {
  const io = current(WITH_MBUFS, 'm_cat');
  const length = m.packetLength;
  if (io.holders[n.index] !== 0) letGo(io, n);
  m.pool.cat(m, n);
  m.packetLength = length;
}

/** `m` keeps len bytes, the rest is returned, headers in both. Null: `m` is as it was, or is not longer. */
export function m_split(m: Mbuf, len: number, _how: number): Mbuf | null {
  const io = current(WITH_MBUFS, 'm_split');
  if (len < 0 || len > chainLength(m)) return null;
  return fresh(io, m.pool.split(m, len));
}

/** A packet with `len` bytes of `buf`, its data `off` bytes into the first buffer, received on `ifp`. */
export function m_devget(buf: Uint8Array, len: number, off: number, ifp: ifnet | null): Mbuf | null {
  const io = current(WITH_MBUFS, 'm_devget');
  if (len < 0 || len > buf.length)
    throw ruleError(io, 'manual', `m_devget of ${len} bytes out of ${buf.length}`);
  const { cpu, mbufs } = io.machine;
  cpu.charge((cpu.profile.buffer + cpu.profile.copyByte * len) | 0);
  const m = mbufs.fromBytes(buf.subarray(0, len), off);
  if (m !== null) m.device = ifp?.if_netdev ?? null;
  return fresh(io, m);
}

/** Calls f(arg, address, n) for each piece of a range; what is not 0 ends it and is returned. */
export function m_apply<T>(
  m: Mbuf,
  off: number,
  len: number,
  f: (arg: T, address: number, bytes: number) => number,
  arg: T,
): number {
  const io = current(WITH_MBUFS, 'm_apply');
  if (off < 0 || len < 0 || off + len > chainLength(m))
    throw ruleError(io, 'manual', `m_apply to ${len} bytes at ${off} of a packet of ${chainLength(m)}`);
  let skip = off;
  let left = len;
  for (let at: Mbuf | null = m; at !== null && left > 0; at = at.next) {
    if (skip >= at.length) {
      skip -= at.length;
      continue;
    }
    const n = Math.min(left, at.length - skip);
    const result = f(arg, at.data + skip, n);
    if (result !== 0) return result;
    left -= n;
    skip = 0;
  }
  return 0;
}

/** The member that byte `loc` is in, its place there in `offp.value`; the end of the packet counts. Null: further. */
export function m_getptr(m: Mbuf, loc: number, offp: { value: number }): Mbuf | null {
  let left = loc;
  for (let at: Mbuf | null = m; left >= 0 && at !== null; at = at.next) {
    if (left < at.length || (at.next === null && left === at.length)) {
      offp.value = left;
      return at;
    }
    left -= at.length;
  }
  return null;
}

/** Gives `to`, which is empty, a copy of the packet header of `from`. */
export function M_COPY_PKTHDR(to: Mbuf, from: Mbuf): void {
  const io = current(WITH_MBUFS, 'M_COPY_PKTHDR');
  copyHeader(from, to);
  passOn(io, from, to);
}

/** Moves it: `from` is no first member any more. */
export function M_MOVE_PKTHDR(to: Mbuf, from: Mbuf): void {
  const io = current(WITH_MBUFS, 'M_MOVE_PKTHDR');
  moveHeader(from, to);
  passOn(io, from, to);
}

/** Last member of a chain. */
export function m_last(m: Mbuf): Mbuf {
  return lastMember(m);
}

/** The packet's first member is another now, or there is none any more. */
function replaced(io: IoPkt, before: Mbuf, after: Mbuf | null): Mbuf | null {
  if (after !== null) passOn(io, before, after);
  else if (io.holders[before.index] !== 0) letGo(io, before);
  return after;
}

/** A buffer that comes out of the pool: nobody holds it. */
function fresh(io: IoPkt, m: Mbuf | null): Mbuf | null {
  if (m !== null && io.holders[m.index] !== 0) letGo(io, m);
  return m;
}
