import { beforeEach, describe, expect, it } from 'vitest';
import { asBytes } from '../kernel/copy.ts';
import { PhysicalMemory } from '../kernel/memory.ts';
import { verify } from './debug.ts';
import { HEADROOM, M_COPYALL, M_MCAST, M_PKTHDR, M_RDONLY, type Mbuf, MCLBYTES } from './mbuf.ts';
import { MbufPool } from './pool.ts';

let pool: MbufPool;
beforeEach(() => {
  pool = new MbufPool(new PhysicalMemory(1 << 20), { mbufs: 16, clusters: 8 });
});

const bytesOf = (text: string) => new TextEncoder().encode(text);
const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8));

/** A packet: a cluster with the first text, own storage with the others. */
function packet(first: string, ...others: string[]): Mbuf {
  const m = pool.getcl()!;
  m.reserve(HEADROOM);
  pool.copyback(m, 0, bytesOf(first), 0, first.length);
  for (const text of others) pool.cat(m, pool.fromBytes(bytesOf(text), 0)!);
  return m;
}

/** The packet as text; also checks it as at a hand-over. */
function text(m: Mbuf | null): string {
  expect(verify(m!)).toBeNull();
  return new TextDecoder().decode(pool.toBytes(m!));
}

function write(m: Mbuf, offset: number, what: string): boolean {
  return pool.copyback(m, offset, bytesOf(what), 0, what.length);
}

describe('copym', () => {
  it('shares clusters and copies own storage', () => {
    const m = packet('abc', 'def');
    m.flags |= M_MCAST;
    m.timestampNs = 12.5;
    const n = pool.copym(m, 0, M_COPYALL)!;
    expect(text(n)).toBe('abcdef');
    expect([n.data, n.next!.data === m.next!.data]).toEqual([m.data, false]);
    expect([n.packetLength, n.flags & M_MCAST, n.timestampNs]).toEqual([6, M_MCAST, 12.5]);
    expect([pool.inUse, pool.clustersInUse, pool.references[m.storage]]).toEqual([4, 1, 2]);
  });

  it.each([
    [0, 2, 'ab'],
    [1, 3, 'bcd'],
    [3, 3, 'def'],
    [2, M_COPYALL, 'cdef'],
    [6, 0, ''],
    [6, M_COPYALL, ''],
  ])('from %i takes %i bytes', (offset, length, expected) => {
    const n = pool.copym(packet('abc', '', 'def'), offset, length)!;
    expect(text(n)).toBe(expected);
    expect(n.flags & M_PKTHDR).toBe(offset === 0 ? M_PKTHDR : 0);
    if (offset === 0) expect(n.packetLength).toBe(2);
  });

  it('makes both sides unwritable, and a write copies first', () => {
    const m = packet('abc');
    const n = pool.copym(m, 0, 3)!;
    expect([m.writable, n.writable]).toEqual([false, false]);
    expect(write(n, 1, 'XY')).toBe(true);
    expect([text(m), text(n)]).toEqual(['abc', 'aXY']);
    expect([m.writable, n.writable]).toEqual([true, true]);
    expect(n.leadingSpace).toBe(HEADROOM);
  });

  it('returns null and frees what it took when no mbuf is left', () => {
    const m = packet('abc', 'def');
    while (pool.inUse < 15) pool.get();
    expect(pool.copym(m, 0, 6)).toBeNull();
    expect([pool.inUse, m.writable]).toEqual([15, true]);
  });

  it('throws beyond the end', () => {
    expect(() => pool.copym(packet('abc'), 2, 2)).toThrow('2 bytes at 2 of a packet of 3 bytes, mbuf 0');
    expect(() => pool.copym(packet('abc'), 4, M_COPYALL)).toThrow(RangeError);
    expect(pool.inUse).toBe(2);
  });
});

describe('dup', () => {
  it('shares nothing, packs the bytes and leaves headroom', () => {
    const m = packet('abc', '', 'def');
    m.mark = 3;
    const n = pool.dup(m)!;
    expect([text(n), n.next, n.mark, n.packetLength]).toEqual(['abcdef', null, 3, 6]);
    expect([n.leadingSpace, m.writable, n.writable]).toEqual([HEADROOM, true, true]);
  });

  it('copies more than a cluster holds', () => {
    const bytes = counting(5000);
    const m = pool.fromBytes(bytes)!;
    const n = pool.dup(m)!;
    expect(pool.toBytes(n)).toEqual(bytes);
    expect(verify(n)).toBeNull();
  });

  it('returns null and frees what it took when no cluster is left', () => {
    const m = pool.fromBytes(counting(5000 + 4000))!;
    expect(pool.clustersInUse).toBe(5);
    expect(pool.dup(m)).toBeNull();
    expect([pool.clustersInUse, pool.inUse]).toEqual([5, 5]);
  });
});

describe('copydata and copyTo', () => {
  it.each([
    [0, 6],
    [1, 4],
    [3, 3],
    [6, 0],
  ])('copy from %i %i bytes', (offset, length) => {
    const m = packet('abc', '', 'def');
    const to = new Uint8Array(8).fill(0x2e);
    pool.copydata(m, offset, length, to, 1);
    const wanted = `.${'abcdef'.slice(offset, offset + length)}`.padEnd(8, '.');
    expect(new TextDecoder().decode(to)).toBe(wanted);
    const frame = asBytes(new ArrayBuffer(8));
    frame.u8.fill(0x2e);
    pool.copyTo(m, offset, length, frame, 1);
    expect(new TextDecoder().decode(frame.u8)).toBe(wanted);
  });

  it('copy to physical memory', () => {
    const bytes = counting(3000);
    pool.copyTo(pool.fromBytes(bytes)!, 1, 2999, pool.memory, 0x80001);
    expect(pool.memory.u8.slice(0x80001, 0x80001 + 2999)).toEqual(bytes.slice(1));
  });

  it('throw beyond the end', () => {
    const to = new Uint8Array(8);
    expect(() => pool.copydata(packet('abc'), 1, 3, to, 0)).toThrow('3 bytes at 1 of a packet of 3 bytes');
    expect(() => pool.copyTo(packet('abc'), 4, 0, pool.memory, 0x80000)).not.toThrow();
    expect(() => pool.copyTo(packet('abc'), -1, 1, pool.memory, 0x80000)).toThrow(RangeError);
  });
});

describe('copyback', () => {
  it('overwrites across members', () => {
    const m = packet('abc', '', 'def');
    write(m, 2, 'XY');
    expect([text(m), m.packetLength]).toEqual(['abXYef', 6]);
  });

  it('extends the packet, first into the room of the last member', () => {
    const m = packet('abc');
    write(m, 2, 'XYZ');
    expect([text(m), m.packetLength, m.next]).toEqual(['abXYZ', 5, null]);
    const long = counting(4000);
    pool.copyback(m, 5, long, 0, 4000);
    expect(pool.toBytes(m).slice(5)).toEqual(long);
    expect([verify(m), m.packetLength]).toEqual([null, 4005]);
  });

  it('fills a gap with zeros', () => {
    const m = packet('abc');
    pool.memory.u8.fill(0xff, m.data + 3, m.data + 20);
    write(m, 5, 'X');
    expect(text(m)).toBe('abc\0\0X');
  });

  it('writes nothing when no buffer is left', () => {
    const m = packet('abc');
    const n = pool.copym(m, 0, 3)!;
    while (pool.get() !== null);
    expect(write(m, 1, 'X'.repeat(300))).toBe(false);
    expect([text(m), text(n)]).toEqual(['abc', 'abc']);
  });
});

describe('makeWritable', () => {
  it('copies only the members in the range', () => {
    const m = packet('abc');
    pool.cat(m, packet('def'));
    const n = pool.copym(m, 0, 6)!;
    expect(pool.makeWritable(n, 3, 1)).toBe(true);
    expect([n.writable, n.next!.writable]).toEqual([false, true]);
    expect([text(m), text(n)]).toEqual(['abcdef', 'abcdef']);
  });

  it('splits external storage larger than a cluster, and lets go of it after the copy', () => {
    const bytes = counting(5000);
    pool.memory.u8.set(bytes, 0x80000);
    const m = pool.gethdr()!;
    pool.attachExternal(m, 0x80000, 5000, (at, size) => pool.memory.u8.fill(0xee, at, at + size), null);
    m.flags |= M_RDONLY;
    m.length = m.packetLength = 5000;
    pool.cat(m, pool.fromBytes(bytesOf('tail'))!);
    expect(pool.makeWritable(m, 4999, 1)).toBe(true);
    expect(pool.toBytes(m).slice(0, 5000)).toEqual(bytes);
    expect([m.length, m.writable, verify(m), pool.externalsInUse]).toEqual([MCLBYTES, true, null, 0]);
    expect(pool.memory.u8[0x80000]).toBe(0xee);
  });

  it('leaves the packet alone when no cluster is left', () => {
    const m = pool.fromBytes(counting(1500))!;
    const n = pool.copym(m, 0, 1500)!;
    while (pool.getcl() !== null);
    const before = pool.inUse;
    expect(pool.makeWritable(n, 0, 1)).toBe(false);
    expect([pool.toBytes(n), n.writable, pool.inUse]).toEqual([counting(1500), false, before]);
  });
});

describe('fromBytes and toBytes', () => {
  it.each([0, 1, 192, 193, 1984, 1985, 4096, 10000])('keep %i bytes', (length) => {
    const m = pool.fromBytes(counting(length))!;
    expect([m.leadingSpace, m.packetLength, verify(m)]).toEqual([HEADROOM, length, null]);
    expect(pool.toBytes(m)).toEqual(counting(length));
  });

  it('use own storage for what fits there', () => {
    expect(pool.fromBytes(counting(192))!.storage).toBe(-1);
    expect(pool.fromBytes(counting(193))!.storage).toBe(0);
  });
});
