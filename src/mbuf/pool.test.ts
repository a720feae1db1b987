import { describe, expect, it } from 'vitest';
import { PhysicalMemory } from '../kernel/memory.ts';
import { HEADROOM, M_BCAST, M_EXT, M_FREE, M_PKTHDR, M_RDONLY, type Mbuf, MCLBYTES, MLEN } from './mbuf.ts';
import { MbufPool } from './pool.ts';
import { formatMbufStatistics, mbufStatistics } from './statistics.ts';

const makePool = (mbufs = 8, clusters = 4) => new MbufPool(new PhysicalMemory(1 << 20), { mbufs, clusters });
const nothing = () => {};

describe('taking buffers', () => {
  it('gives an empty mbuf with its own storage', () => {
    const m = makePool().get()!;
    expect([m.flags, m.length, m.next, m.nextPacket, m.storage]).toEqual([0, 0, null, null, -1]);
    expect([m.data, m.size]).toEqual([m.start, MLEN]);
    expect([m.leadingSpace, m.trailingSpace]).toEqual([0, MLEN]);
  });

  it('gives a packet header in which nothing of the last packet is left', () => {
    const pool = makePool(1);
    const used = pool.gethdr()!;
    Object.assign(used, {
      packetLength: 9,
      device: {},
      queue: 1,
      priority: 2,
      mark: 3,
      protocol: 0x800,
      packetType: 1,
    });
    Object.assign(used, {
      checksumFlags: 1,
      checksumStart: 20,
      checksumOffset: 16,
      hash: -5,
      timestampNs: 1.5,
    });
    used.flags |= M_BCAST;
    pool.free(used);
    const m = pool.gethdr()!;
    expect(m.flags).toBe(M_PKTHDR);
    expect([m.packetLength, m.device, m.queue, m.priority, m.mark, m.protocol]).toEqual([
      0,
      null,
      0,
      0,
      0,
      0,
    ]);
    expect([m.packetType, m.checksumFlags, m.checksumStart, m.checksumOffset, m.hash]).toEqual([
      0, 0, 0, 0, 0,
    ]);
    expect(m.timestampNs).toBe(0);
  });

  it('gives a cluster on a cache line of its own, with all of it behind the data', () => {
    const pool = makePool();
    for (let i = 0; i < pool.clusters; i++) {
      const m = pool.getcl()!;
      expect(m.flags).toBe(M_PKTHDR | M_EXT);
      expect(m.start % 64).toBe(0);
      expect([m.data, m.size, m.trailingSpace]).toEqual([m.start, MCLBYTES, MCLBYTES]);
    }
  });

  it('never gives two mbufs the same bytes', () => {
    const pool = makePool(8, 4);
    const ranges: [number, number][] = [];
    for (let i = 0; i < 8; i++) {
      const m = (pool.getcl() ?? pool.get())!;
      ranges.push([m.home, MLEN]);
      if (m.start !== m.home) ranges.push([m.start, m.size]);
    }
    ranges.sort((a, b) => a[0] - b[0]);
    expect(ranges).toHaveLength(12);
    for (let i = 1; i < ranges.length; i++) {
      expect(ranges[i][0]).toBeGreaterThanOrEqual(ranges[i - 1][0] + ranges[i - 1][1]);
    }
  });

  it('returns null when no mbuf is left, and counts it', () => {
    const pool = makePool(2, 4);
    pool.get();
    pool.get();
    expect([pool.get(), pool.gethdr(), pool.getcl()]).toEqual([null, null, null]);
    expect([pool.mbufFailures, pool.clusterFailures, pool.clustersInUse]).toEqual([3, 0, 0]);
  });

  it('returns null when no cluster is left, and keeps the mbuf', () => {
    const pool = makePool(4, 1);
    pool.getcl();
    expect(pool.getcl()).toBeNull();
    const plain = pool.get()!;
    expect(pool.addCluster(plain)).toBe(false);
    expect([plain.flags, plain.size]).toEqual([0, MLEN]);
    expect([pool.mbufFailures, pool.clusterFailures, pool.inUse]).toEqual([0, 2, 2]);
  });

  it('keeps a timestamp as a double', () => {
    const m = makePool().gethdr()!;
    m.timestampNs = 1.7e18 + 512;
    expect(m.timestampNs).toBe(1.7e18 + 512);
  });
});

describe('freeing buffers', () => {
  it('frees one mbuf and returns the next member', () => {
    const pool = makePool();
    const a = pool.getcl()!;
    const b = pool.get()!;
    a.next = b;
    expect(pool.free(a)).toBe(b);
    expect([pool.inUse, pool.clustersInUse, a.next, a.size, a.flags]).toEqual([1, 0, null, MLEN, M_FREE]);
  });

  it('frees all members of a packet but not the next packet', () => {
    const pool = makePool();
    const a = pool.getcl()!;
    a.next = pool.get();
    a.next!.next = pool.getcl();
    a.nextPacket = pool.gethdr();
    pool.freem(a);
    expect([pool.inUse, pool.clustersInUse]).toEqual([1, 0]);
    pool.freem(null);
    expect(pool.inUse).toBe(1);
  });

  it('throws at a second free, also with the debug side off', () => {
    const pool = makePool();
    const m = pool.get()!;
    pool.free(m);
    expect(() => pool.free(m)).toThrow(/mbuf 0 .* is freed a second time/);
    expect(pool.inUse).toBe(0);
  });

  it('throws when a mbuf is freed into another pool', () => {
    const m = makePool().get()!;
    expect(() => makePool().free(m)).toThrow(/mbuf 0 .* is freed into a pool it did not come from/);
  });
});

describe('shared and external storage', () => {
  const lent = 0x80000;

  it('returns a cluster when the last mbuf that shares it goes', () => {
    const pool = makePool();
    const a = pool.getcl()!;
    a.length = 10;
    const b = pool.get()!;
    pool.share(a, b);
    expect([b.data, b.length, pool.references[a.storage]]).toEqual([a.data, 10, 2]);
    expect([a.writable, b.writable, a.leadingSpace, b.trailingSpace]).toEqual([false, false, 0, 0]);
    pool.free(a);
    expect([pool.clustersInUse, b.writable, b.trailingSpace]).toEqual([1, true, MCLBYTES - 10]);
    pool.free(b);
    expect(pool.clustersInUse).toBe(0);
  });

  it('hands external storage back once, at the last reference, with what was given along', () => {
    const pool = makePool();
    const returned: unknown[] = [];
    const m = pool.gethdr()!;
    pool.attachExternal(m, lent, 3000, (address, size, arg) => returned.push([address, size, arg]), 'slot 7');
    m.length = m.packetLength = 3000;
    m.data += 100;
    m.length -= 100;
    const n = pool.get()!;
    pool.share(m, n);
    pool.free(m);
    expect(returned).toEqual([]);
    expect(pool.externalsInUse).toBe(1);
    pool.free(n);
    expect(returned).toEqual([[lent, 3000, 'slot 7']]);
    expect(pool.externalsInUse).toBe(0);
  });

  it('lets the free routine use the pool', () => {
    const pool = makePool(1);
    let again: Mbuf | null = null;
    const m = pool.get()!;
    pool.attachExternal(m, lent, 64, () => (again = pool.get()), null);
    pool.free(m);
    expect(again).toBe(m);
    expect([m.start, m.size, m.flags]).toEqual([m.home, MLEN, 0]);
  });

  it('holds read-only storage unwritable with one reference, and passes that on', () => {
    const pool = makePool();
    const m = pool.get()!;
    pool.attachExternal(m, lent, 64, nothing, null);
    expect(pool.isWritable(m)).toBe(true);
    m.flags |= M_RDONLY;
    expect([pool.isWritable(m), m.trailingSpace]).toEqual([false, 0]);
    const n = pool.get()!;
    pool.share(m, n);
    pool.free(m);
    expect(pool.isWritable(n)).toBe(false);
    pool.detach(n);
    expect([pool.isWritable(n), n.length, n.size, pool.externalsInUse]).toEqual([true, 0, MLEN, 0]);
  });

  it('refuses storage outside of memory, and a second storage', () => {
    const pool = makePool();
    const m = pool.getcl()!;
    expect(() => pool.attachExternal(m, lent, 64, nothing, null)).toThrow(/cannot take it/);
    expect(() => pool.addCluster(m)).toThrow(/mbuf 0/);
    const n = pool.get()!;
    expect(() => pool.attachExternal(n, 0xfffff, 64, nothing, null)).toThrow(
      '0xfffff+64 lies outside of memory',
    );
    expect(pool.externalsInUse).toBe(0);
  });
});

describe('places for data', () => {
  it('reserves headroom in an empty mbuf only, and no more than there is', () => {
    const m = makePool().getcl()!;
    m.reserve(HEADROOM);
    expect([m.leadingSpace, m.trailingSpace]).toEqual([HEADROOM, MCLBYTES - HEADROOM]);
    expect(() => m.reserve(MCLBYTES)).toThrow(/cannot reserve 2048 bytes in mbuf 0/);
    m.length = 1;
    expect(() => m.reserve(1)).toThrow(RangeError);
  });

  it('aligns data to the end of the storage, on a word boundary', () => {
    const m = makePool().get()!;
    m.align(14);
    expect([m.leadingSpace, m.data % 4]).toEqual([240, 0]);
    m.align(MLEN);
    expect(m.leadingSpace).toBe(0);
    expect(() => m.align(MLEN + 1)).toThrow(/cannot align 257 bytes/);
  });
});

describe('statistics', () => {
  it('counts what is in use, the peak and what was denied', () => {
    const pool = makePool(3, 2);
    pool.freem(pool.getcl());
    const kept = [pool.getcl(), pool.getcl(), pool.getcl()];
    pool.free(kept[0]!);
    expect(mbufStatistics(pool)).toMatchObject({
      mbufsInUse: 1,
      mbufsPeak: 2,
      clustersInUse: 1,
      clustersPeak: 2,
    });
    expect(formatMbufStatistics(mbufStatistics(pool))).toBe(
      [
        '1 of 3 mbufs in use, at most 2',
        '1 of 2 clusters in use, at most 2',
        '0 external storages in use',
        '0 requests for mbufs denied, 1 for clusters',
      ].join('\n'),
    );
  });

  it('refuses sizes that make no pool', () => {
    expect(() => makePool(0, 1)).toThrow('a pool of 0 mbufs: at least 1 wanted');
    expect(() => makePool(1, 1.5)).toThrow('a pool of 1.5 clusters: 0 or more wanted');
  });
});
