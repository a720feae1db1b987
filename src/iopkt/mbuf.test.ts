// mbuf(9), what an oracle of bytes does not see: types, storage, failures, headers, ranges.

import { expect, test } from 'vitest';
import { M_EXT, M_PKTHDR, type Mbuf, MCLBYTES, MLEN } from '../mbuf/mbuf.ts';
import {
  CACHE_FLUSH,
  CACHE_INVAL,
  M_DONTWAIT,
  M_LEADINGSPACE,
  M_READONLY,
  M_TRAILINGSPACE,
  MCHTYPE,
  MCLGET,
  MEXTADD,
  MEXTMALLOC,
  MEXTREMOVE,
  MGET,
  MH_ALIGN,
  MHLEN,
  MINCLSIZE,
  MSIZE,
  MT_CONTROL,
  MT_DATA,
  MT_HEADER,
  m_free,
  m_freem,
  m_get,
  m_get_rcvif,
  m_getcl,
  m_getclr,
  m_gethdr,
  m_set_rcvif,
  m_type,
  mbuf_phys,
  mtod,
} from './mbuf.ts';
import {
  M_COPY_PKTHDR,
  M_MOVE_PKTHDR,
  m_apply,
  m_copyback_cow,
  m_copydata,
  m_copypacket,
  m_devget,
  m_dup,
  m_last,
  m_pulldown,
  m_split,
} from './mbuf-ops.ts';
import { host, type TestHost } from './testing.ts';

/** Runs `work` where buffers may be had. */
function inStack(work: (it: TestHost) => void): void {
  const it = host({ machine: { mbufs: 64, clusters: 8 } });
  it.io.mount('xx');
  it.io.request('test', () => work(it));
  expect(it.machine.mbufs.inUse).toBe(0);
}

test('sizes: what a plain buffer holds, with a packet header or without, and what wants a cluster', () => {
  inStack(() => {
    const plain = [m_gethdr(M_DONTWAIT, MT_DATA)!, m_get(M_DONTWAIT, MT_DATA)!];
    expect(plain.map(M_TRAILINGSPACE)).toEqual([MHLEN, MLEN]);
    expect(Math.max(MHLEN, MLEN)).toBeLessThanOrEqual(MSIZE);
    expect(MHLEN + MLEN).toBe(MINCLSIZE - 1);
    const [m] = plain;
    MCLGET(m, M_DONTWAIT);
    expect(M_TRAILINGSPACE(m)).toBeGreaterThanOrEqual(MINCLSIZE);
    for (const each of plain) m_freem(each);
  });
});

test('buffers: types, clusters, zeroed, aligned, spaces', () => {
  inStack(({ machine }) => {
    const m = MGET(M_DONTWAIT, MT_HEADER)!;
    expect([m_type(m), m.flags & M_PKTHDR, m.length]).toEqual([MT_HEADER, 0, 0]);
    MCHTYPE(m, MT_CONTROL);
    expect(m_type(m)).toBe(MT_CONTROL);
    expect(() => MCHTYPE(m, 9)).toThrow(/mbuf type 9/);
    MH_ALIGN(m, 50);
    expect([m.data + 52 - m.start, M_LEADINGSPACE(m)]).toEqual([MLEN, MLEN - 52]);
    m.length = 50;
    expect(M_TRAILINGSPACE(m)).toBe(2);
    expect([mtod(m), mbuf_phys(m)]).toEqual([m.data, m.data]);
    MCLGET(m, M_DONTWAIT);
    expect([m.flags & M_EXT, m.size, m_type(m)]).toEqual([M_EXT, MCLBYTES, MT_CONTROL]);
    MEXTREMOVE(m);
    expect([m.flags & M_EXT, m.size]).toEqual([0, MLEN]);
    expect(m_free(m)).toBeNull();
    machine.memory.u8.fill(7, m.home, m.home + MLEN);
    const zero = m_getclr(M_DONTWAIT, MT_DATA)!;
    expect(machine.memory.u8.subarray(zero.home, zero.home + MLEN).every((byte) => byte === 0)).toBe(true);
    const second = m_getcl(M_DONTWAIT, MT_DATA, 0)!;
    zero.next = second;
    expect([second.flags & M_PKTHDR, m_last(zero)]).toEqual([0, second]);
    expect(m_free(zero)).toBe(second);
    expect(m_free(second)).toBeNull();
  });
});

test('external storage: the owner hears of the last reference, once', () => {
  inStack(({ machine }) => {
    const m = m_gethdr(M_DONTWAIT, MT_DATA)!;
    const address = machine.memory.alloc(300);
    const freed: [number, number, string][] = [];
    MEXTADD(m, address, 300, MT_DATA, (_m, buf, size, arg) => void freed.push([buf, size, arg]), 'mine');
    m.length = m.packetLength = 300;
    const copy = m_copypacket(m, M_DONTWAIT)!;
    expect([M_READONLY(m), M_READONLY(copy)]).toEqual([true, true]);
    m_freem(m);
    expect(freed).toEqual([]);
    m_freem(copy);
    expect(freed).toEqual([[address, 300, 'mine']]);
    const blocks = machine.memory.blocks;
    const big = m_get(M_DONTWAIT, MT_DATA)!;
    MEXTMALLOC(big, 5000, M_DONTWAIT);
    expect([big.flags & M_EXT, big.size, machine.memory.blocks]).toEqual([M_EXT, 5000, blocks + 1]);
    m_free(big);
    expect(machine.memory.blocks).toBe(blocks);
    const none = m_get(M_DONTWAIT, MT_DATA)!;
    MEXTMALLOC(none, 1e9, M_DONTWAIT);
    expect(none.flags & M_EXT).toBe(0);
    m_free(none);
    machine.memory.free(address);
  });
});

test('without buffers: null, and the caller keeps what was his', () => {
  inStack(({ machine }) => {
    const all: Mbuf[] = [];
    for (
      let m = m_getcl(M_DONTWAIT, MT_DATA, M_PKTHDR);
      m !== null;
      m = m_getcl(M_DONTWAIT, MT_DATA, M_PKTHDR)
    )
      all.push(m);
    expect(all.length).toBe(8);
    const m = m_get(M_DONTWAIT, MT_DATA)!;
    MCLGET(m, M_DONTWAIT);
    expect([m.flags & M_EXT, m.size]).toEqual([0, MLEN]);
    all.push(m);
    for (let one = m_get(M_DONTWAIT, MT_DATA); one !== null; one = m_get(M_DONTWAIT, MT_DATA)) all.push(one);
    expect([all.length, m_gethdr(M_DONTWAIT, MT_DATA), m_getclr(M_DONTWAIT, MT_DATA)]).toEqual([
      64,
      null,
      null,
    ]);
    expect(m_devget(new Uint8Array(60), 60, 0, null)).toBeNull();
    for (const one of all) m_free(one);
    m_freem(null);
    expect(machine.mbufs.mbufFailures).toBeGreaterThan(0);
  });
});

test('headers move and are copied; rcvif is the interface', () => {
  inStack(({ io }) => {
    const ifp = io.find('xx0')!;
    const from = m_devget(Uint8Array.of(1, 2, 3, 4), 3, 2, ifp)!;
    expect([m_get_rcvif(from), from.packetLength, from.data - from.start]).toEqual([ifp, 3, 2]);
    const to = m_get(M_DONTWAIT, MT_DATA)!;
    M_COPY_PKTHDR(to, from);
    expect([to.flags & M_PKTHDR, from.flags & M_PKTHDR, m_get_rcvif(to)]).toEqual([M_PKTHDR, M_PKTHDR, ifp]);
    const third = m_get(M_DONTWAIT, MT_DATA)!;
    M_MOVE_PKTHDR(third, from);
    expect([third.flags & M_PKTHDR, from.flags & M_PKTHDR]).toEqual([M_PKTHDR, 0]);
    m_set_rcvif(to, ifp);
    CACHE_FLUSH(null, to.data, to.data, 60);
    CACHE_INVAL(null, to.data, to.data, 60);
    for (const m of [from, to, third]) m_freem(m);
  });
});

test('ranges outside of a packet are errors, also where the manual has a panic', () => {
  inStack(() => {
    const m = m_devget(new Uint8Array(10), 10, 0, null)!;
    expect(() => m_copydata(m, 5, 6, new Uint8Array(6))).toThrow(/6 bytes at 5 of a packet of 10/);
    expect(() => m_pulldown(m, 5, 6, { value: 0 })).toThrow(/m_pulldown of 6 bytes at 5 of a packet of 10/);
    expect(() => m_dup(m, 0, 11, M_DONTWAIT)).toThrow(/m_dup of 11 bytes/);
    expect(() => m_copyback_cow(m, 5, 6, new Uint8Array(6), M_DONTWAIT)).toThrow(/m_copyback_cow of 6/);
    expect(() => m_apply(m, 0, 11, () => 0, null)).toThrow(/m_apply to 11/);
    expect(() => m_devget(new Uint8Array(5), 6, 0, null)).toThrow(/m_devget of 6 bytes out of 5/);
    expect(m_apply(m, 0, 10, () => 7, null)).toBe(7);
    expect(m_split(m, 11, M_DONTWAIT)).toBeNull();
    m_freem(m);
  });
});
