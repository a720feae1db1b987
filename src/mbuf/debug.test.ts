import { beforeEach, describe, expect, it } from 'vitest';
import { PhysicalMemory } from '../kernel/memory.ts';
import { callSite } from './call-site.ts';
import { type MbufDebug, RED_ZONE, verify } from './debug.ts';
import { M_FREE, M_RDONLY, type Mbuf, MCLBYTES, MLEN } from './mbuf.ts';
import { MbufPool } from './pool.ts';

let pool: MbufPool;
let debug: MbufDebug;
let reports: string[];
beforeEach(() => {
  pool = new MbufPool(new PhysicalMemory(1 << 20), { mbufs: 4, clusters: 2, debug: true });
  debug = pool.debug!;
  reports = [];
});

/** Failed checks are collected instead of thrown. */
const collect = () => {
  debug.report = (problem) => reports.push(problem);
};
const poke = (address: number, value = 0x11) => {
  pool.memory.u8[address] = value;
};
const bytesAt = (address: number, length: number) => [...pool.memory.u8.slice(address, address + length)];

function receiveOne(): Mbuf {
  return pool.getcl()!;
}

describe('poison', () => {
  it('fills storage when it is taken and when it is freed', () => {
    const m = pool.getcl()!;
    const { start, home } = m;
    expect(bytesAt(start, MCLBYTES).every((byte) => byte === 0xa5)).toBe(true);
    expect(bytesAt(home, MLEN).every((byte) => byte === 0xa5)).toBe(true);
    pool.free(m);
    expect(bytesAt(start, MCLBYTES).every((byte) => byte === 0xde)).toBe(true);
    expect(bytesAt(home, MLEN).every((byte) => byte === 0xde)).toBe(true);
  });

  it('leaves a shared cluster alone until its last reference goes', () => {
    const m = pool.getcl()!;
    m.length = m.packetLength = 4;
    const n = pool.copym(m, 0, 4)!;
    pool.free(m);
    expect(bytesAt(n.data, 4)).toEqual([0xa5, 0xa5, 0xa5, 0xa5]);
    expect(debug.check()).toEqual([]);
  });

  it('shows a write to a mbuf that was freed, when it is taken again', () => {
    const m = receiveOne();
    pool.free(m);
    poke(m.home + 10);
    expect(() => pool.get()).toThrow(
      /own storage of mbuf 0: byte 10 was written while it was free \(0x11\); taken at receiveOne .*freed at/,
    );
  });

  it('shows a write to a cluster that was freed', () => {
    collect();
    const m = receiveOne();
    const at = m.data + 2047;
    pool.free(m);
    poke(at);
    expect(debug.check()).toEqual([
      expect.stringMatching(/^cluster 0: byte 2047 was written while it was free/),
    ]);
    pool.getcl();
    expect(reports).toEqual(['cluster 0: byte 2047 was written while it was free (0x11)']);
    expect(debug.check()).toEqual([]);
  });

  it('shows a mbuf that was linked while it was free', () => {
    collect();
    const m = receiveOne();
    pool.free(m);
    m.next = pool.mbufs[3];
    expect(debug.check()).toEqual([
      expect.stringMatching(/mbuf 0 .* was linked or given storage while it was free/),
    ]);
    expect(pool.get()!.next).toBeNull();
    expect(reports).toHaveLength(1);
  });
});

describe('red zones', () => {
  it('lie on both sides of every buffer and differ between neighbours', () => {
    const zones = pool.mbufs.map((m) => bytesAt(m.home - RED_ZONE, RED_ZONE).join());
    zones.push(...[0, 1].map((i) => bytesAt(pool.clusterAddress(i) + MCLBYTES, RED_ZONE).join()));
    expect(new Set(zones).size).toBe(6);
    expect(pool.mbufs.every((m) => m.home % 64 === 0)).toBe(true);
    expect(pool.clusterAddress(1) % 64).toBe(0);
  });

  it.each([
    [-1, '1 bytes before its start'],
    [-RED_ZONE, '32 bytes before its start'],
    [MCLBYTES, '0 bytes past its end'],
    [MCLBYTES + RED_ZONE - 1, '31 bytes past its end'],
  ])('show a write at byte %i of a cluster, when it is freed', (offset, what) => {
    const m = receiveOne();
    poke(m.start + offset);
    expect(debug.check()).toEqual([
      expect.stringMatching(`^cluster 0: written ${what} .*; mbuf 0 taken at receiveOne`),
    ]);
    expect(() => pool.free(m)).toThrow(`cluster 0 of mbuf 0`);
  });

  it('show a write past own storage', () => {
    collect();
    const m = pool.get()!;
    poke(m.home + MLEN + 3);
    expect(debug.check()).toEqual([
      expect.stringMatching(/^own storage of mbuf 0 .*written 3 bytes past its end/),
    ]);
    pool.free(m);
    expect(reports).toEqual([expect.stringMatching(/^own storage of mbuf 0 .*written 3 bytes past its end/)]);
    expect(debug.check()).toEqual([]);
  });
});

describe('ownership', () => {
  it('names both places of a double free', () => {
    const m = receiveOne();
    const drop = () => pool.free(m);
    drop();
    expect(() => pool.free(m)).toThrow(/is freed a second time; taken at receiveOne \(.*, freed at drop \(/);
  });

  it('finds a reference count that is not the number of owners', () => {
    const m = receiveOne();
    pool.references[m.storage]++;
    expect(debug.check()).toEqual([
      expect.stringMatching(
        /^storage 0 counts 2 references, 1 mbufs refer to it; mbuf 0 taken at receiveOne/,
      ),
    ]);
  });

  it('finds external storages that overlap, unless one is read-only', () => {
    const [a, b] = [pool.get()!, pool.get()!];
    pool.attachExternal(a, 0x80000, 100, () => {}, null);
    pool.attachExternal(b, 0x80063, 100, () => {}, null);
    expect(debug.check()).toEqual([
      expect.stringMatching(/mbuf 0 .* and mbuf 1 .* hold the same bytes, both writable/),
    ]);
    a.flags |= M_RDONLY;
    expect(debug.check()).toEqual([]);
  });

  it('finds a member that reaches outside of its storage', () => {
    const m = receiveOne();
    m.length = MCLBYTES + 1;
    expect(debug.check()).toEqual([
      expect.stringMatching(/^mbuf 0 \(2049 bytes .* reaches outside of its storage/),
    ]);
  });
});

describe('leaks', () => {
  it('are counted by the place that took them, most first', () => {
    const helper = () => pool.get();
    receiveOne();
    for (let i = 0; i < 3; i++) helper();
    pool.free(pool.mbufs[0]);
    receiveOne();
    const leaks = debug.leaks();
    expect(leaks.map(({ count, bytes }) => [count, bytes])).toEqual([
      [3, 3 * MLEN],
      [1, MCLBYTES],
    ]);
    expect(leaks[0].site).toMatch(/^helper \(mbuf\/debug\.test\.ts:\d+:\d+\) < /);
    expect(debug.leakReport()).toMatch(
      /^4 mbufs are not freed:\n {2}3 mbufs, 768 bytes, taken at helper .*\n {2}1 mbufs, 2048 bytes, taken at receiveOne/,
    );
  });

  it('are none when everything was freed', () => {
    pool.freem(receiveOne());
    expect(debug.leakReport()).toBe('');
    expect(debug.check()).toEqual([]);
  });

  it('name the callers outside of this folder only', () => {
    const site = pool.fromBytes(new Uint8Array(3)) && debug.leaks()[0].site;
    expect(site).toMatch(/^.*mbuf\/debug\.test\.ts/);
    expect(site).not.toMatch(/copy\.ts|pool\.ts/);
    expect(callSite()).toMatch(/debug\.test\.ts/);
  });
});

describe('verify', () => {
  it('accepts a packet whose length is the sum of its members', () => {
    const m = pool.fromBytes(new Uint8Array(10))!;
    pool.cat(m, pool.fromBytes(new Uint8Array(0))!);
    expect(verify(m)).toBeNull();
  });

  it('says what is wrong with any other', () => {
    const m = pool.fromBytes(new Uint8Array(10))!;
    m.packetLength = 11;
    expect(verify(m)).toMatch(/^packet length 11 is not the sum of its members, 10; mbuf 0/);
    m.next = m;
    expect(verify(m)).toMatch(/is a loop|packet header inside/);
    m.next = pool.get();
    m.next!.next = m.next;
    expect(verify(m)).toMatch(/^the packet that starts with mbuf 0 .* is a loop/);
    m.next!.next = null;
    pool.free(m.next!);
    expect(verify(m)).toMatch(/^mbuf 1 .* is free but in a packet/);
    m.next = null;
    m.data = m.start - 1;
    expect(verify(m)).toMatch(/reaches outside of its storage/);
    expect(m.flags & M_FREE).toBe(0);
  });
});
