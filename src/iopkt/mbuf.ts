// mbuf(9), buffers: taking, freeing, storage, types. The objects are the device layer's own Mbufs, so nothing is copied
// between driver and stack; fields are theirs: m.next (m_next), m.nextPacket, m.data (m_data, a physical address), m.length,
// m.flags, m.packetLength (m_pkthdr.len), m.device (m_pkthdr.rcvif: m_set_rcvif), m.checksumFlags.
// The operations on shape and bytes are in mbuf-ops.ts. Macros that assign an argument return it here.
// Left out: tags, segsz, and the caches of each thread, whose owner `wtp` names: there is one pool.

import { M_EXT, M_PKTHDR, type Mbuf, MCLBYTES, MHLEN, MLEN, MSIZE } from '../mbuf/mbuf.ts';
import type { ifnet } from './ifnet.ts';
import type { IoPkt } from './manager.ts';
import { CTX_STACK, current, ruleError, WITH_MBUFS } from './self.ts';
import type { nw_work_thread } from './threads.ts';
import { letGo } from './tx-ledger.ts';

/** NULL when there is none; or wait, in stack context only. */
export const M_DONTWAIT = 1;
export const M_WAIT = 0;

export const MT_FREE = 0;
export const MT_DATA = 1;
export const MT_HEADER = 2;
export const MT_SONAME = 3;
export const MT_SOOPTS = 4;
export const MT_FTABLE = 5;
export const MT_CONTROL = 6;
export const MT_OOBDATA = 7;
export const MT_NAMES = [
  'free',
  'data',
  'header',
  'soname',
  'soopts',
  'ftable',
  'control',
  'oobdata',
] as const;

/** Where m.flags keep the type: exclusive or with MT_DATA, so that buffers of the device layer are MT_DATA. */
const TYPE_SHIFT = 20;
const TYPE_MASK = 0x7 << TYPE_SHIFT;

/** A plain buffer, empty; null: none left. */
export function m_get(how: number, type: number): Mbuf | null {
  const io = begin(how, 'm_get');
  return finish(io, io.machine.mbufs.get(), type);
}

/** With a packet header. */
export function m_gethdr(how: number, type: number): Mbuf | null {
  const io = begin(how, 'm_gethdr');
  return finish(io, io.machine.mbufs.gethdr(), type);
}

/** A plain buffer whose bytes are zero. */
export function m_getclr(how: number, type: number): Mbuf | null {
  const m = m_get(how, type);
  if (m !== null) m.pool.memory.u8.fill(0, m.home, m.home + MLEN);
  return m;
}

/** A buffer with a cluster; `flags`: M_PKTHDR or 0. */
export function m_getcl(how: number, type: number, flags: number): Mbuf | null {
  const io = begin(how, 'm_getcl');
  const m = finish(io, io.machine.mbufs.getcl(), type);
  if (m !== null && (flags & M_PKTHDR) === 0) m.flags &= ~M_PKTHDR;
  return m;
}

/** From the cache of the running thread: `wtp` is what process_interrupt was given, or WTP(). */
export function m_get_wtp(how: number, type: number, wtp: nw_work_thread): Mbuf | null {
  checkThread(wtp, 'm_get_wtp');
  return m_get(how, type);
}

export function m_getcl_wtp(how: number, type: number, flags: number, wtp: nw_work_thread): Mbuf | null {
  const io = begin(how, 'm_getcl_wtp');
  if (wtp !== io.thread) checkThread(wtp, 'm_getcl_wtp');
  const m = finish(io, io.machine.mbufs.getcl(), type);
  if (m !== null && (flags & M_PKTHDR) === 0) m.flags &= ~M_PKTHDR;
  return m;
}

export { m_get as MGET, m_gethdr as MGETHDR };

/** Gives it a cluster. Success is M_EXT in m.flags; without it `m` is as it was and still the caller's. */
export function MCLGET(m: Mbuf, how: number): void {
  begin(how, 'MCLGET');
  m.pool.addCluster(m);
}

/** Gives it `size` bytes of memory. Success is M_EXT in m.flags. */
export function MEXTMALLOC(m: Mbuf, size: number, how: number): void {
  const { memory } = begin(how, 'MEXTMALLOC').machine;
  let address: number;
  try {
    address = memory.alloc(size, 8);
  } catch {
    return;
  }
  m.pool.attachExternal(m, address, size, (at) => memory.free(at), null);
}

/**
 * Gives it `size` bytes at `buf` that are the caller's. `free(null, buf, size, arg)` is called at the last reference; the
 * mbuf itself has been freed by then.
 */
export function MEXTADD<T>(
  m: Mbuf,
  buf: number,
  size: number,
  type: number,
  free: (m: null, buf: number, size: number, arg: T) => void,
  arg: T,
): void {
  current(WITH_MBUFS, 'MEXTADD');
  m.pool.attachExternal(m, buf, size, (at, bytes) => free(null, at, bytes, arg), null);
  MCHTYPE(m, type);
}

/** Lets go of a buffer's cluster or external storage. */
export function MEXTREMOVE(m: Mbuf): void {
  current(WITH_MBUFS, 'MEXTREMOVE');
  if ((m.flags & M_EXT) !== 0) m.pool.detach(m);
}

/** Frees one buffer; returns the next of its chain. Takes `m`. */
export function m_free(m: Mbuf): Mbuf | null {
  const io = current(WITH_MBUFS, 'm_free');
  if (io.holders[m.index] !== 0) letGo(io, m);
  return m.pool.free(m);
}

export { m_free as MFREE };

/** Frees a chain; null is allowed. Takes `m`. */
export function m_freem(m: Mbuf | null): void {
  const io = current(WITH_MBUFS, 'm_freem');
  if (m === null) return;
  if (io.holders[m.index] !== 0) letGo(io, m);
  m.pool.freem(m);
}

export function m_type(m: Mbuf): number {
  return ((m.flags & TYPE_MASK) >> TYPE_SHIFT) ^ MT_DATA;
}

export function MCHTYPE(m: Mbuf, type: number): void {
  if (!(type > MT_FREE && type <= MT_OOBDATA)) throw new RangeError(`mbuf type ${type}: 1 to 7`);
  m.flags = (m.flags & ~TYPE_MASK) | ((type ^ MT_DATA) << TYPE_SHIFT);
}

/** Interface a packet was received on. */
export function m_set_rcvif(m: Mbuf, ifp: ifnet): void {
  m.device = ifp.if_netdev;
}

export function m_get_rcvif(m: Mbuf): ifnet | null {
  const io = current(WITH_MBUFS, 'm_get_rcvif');
  return m.device === null ? null : (io.byDevice.get(m.device as NonNullable<ifnet['if_netdev']>) ?? null);
}

/** Address of its data in the machine's memory (memory.u8), as the CPU sees it: physical here too. */
export function mtod(m: Mbuf): number {
  return m.data;
}

/** Address of its data, as a device sees it. */
export function mbuf_phys(m: Mbuf): number {
  return m.data;
}

export function M_READONLY(m: Mbuf): boolean {
  return !m.writable;
}

export function M_LEADINGSPACE(m: Mbuf): number {
  return m.leadingSpace;
}

export function M_TRAILINGSPACE(m: Mbuf): number {
  return m.trailingSpace;
}

/** Places `bytes` at the end of a fresh buffer. */
export function M_ALIGN(m: Mbuf, bytes: number): void {
  m.align(bytes);
}

export { M_ALIGN as MH_ALIGN };

/** Before a device is told of bytes the CPU wrote. The bus is coherent: nothing to do. */
export function CACHE_FLUSH(_ctl: unknown, _va: number, _pa: number, _length: number): void {}

/** Before the CPU looks at bytes a device wrote. Moves nothing on a coherent bus; the first touch is charged. */
export function CACHE_INVAL(_ctl: unknown, _va: number, _pa: number, _length: number): void {
  const { cpu } = current(-1, 'CACHE_INVAL').machine;
  cpu.charge(cpu.profile.descriptor);
}

export { MCLBYTES, MHLEN, MLEN, MSIZE };
/** A packet of so many bytes wants a cluster: two plain buffers do not hold it. */
export const MINCLSIZE = MHLEN + MLEN + 1;

/** The running io-pkt, when it may have buffers here. */
function begin(how: number, what: string): IoPkt {
  const io = current(WITH_MBUFS, what);
  if (how === M_WAIT && io.contexts.context !== CTX_STACK)
    throw ruleError(io, 'N14', `${what} with M_WAIT: only stack context may wait`);
  const { cpu } = io.machine;
  cpu.charge(cpu.profile.buffer);
  return io;
}

function finish(io: IoPkt, m: Mbuf | null, type: number): Mbuf | null {
  if (m === null) return null;
  if (io.holders[m.index] !== 0) letGo(io, m);
  if (type !== MT_DATA) MCHTYPE(m, type);
  return m;
}

function checkThread(wtp: nw_work_thread, what: string): void {
  const io = current(WITH_MBUFS, what);
  if (wtp !== io.thread)
    throw ruleError(
      io,
      'N14',
      `${what}: wtp is of ${wtp?.name ?? 'no thread'}, and the running thread is ${io.thread.name} (WTP())`,
    );
}
