import { beforeEach, describe, expect, it } from 'vitest';
import { PhysicalMemory } from '../kernel/memory.ts';
import { verify } from './debug.ts';
import { HEADROOM, M_BCAST, M_PKTHDR, type Mbuf, MCLBYTES, MHLEN, MLEN } from './mbuf.ts';
import { MbufPool } from './pool.ts';

let pool: MbufPool;
beforeEach(() => {
  pool = new MbufPool(new PhysicalMemory(1 << 20), { mbufs: 16, clusters: 8 });
});

/** A packet with these members, in own storage, 4 bytes free in front of each. */
function packet(...members: string[]): Mbuf {
  const parts = members.map((text) => pool.fromBytes(new TextEncoder().encode(text), 4)!);
  for (const part of parts.slice(1)) pool.cat(parts[0], part);
  return parts[0];
}

/** A packet of one cluster with text at its start. */
function cluster(text: string, headroom = 0): Mbuf {
  const m = pool.getcl()!;
  m.reserve(headroom);
  pool.copyback(m, 0, new TextEncoder().encode(text), 0, text.length);
  return m;
}

/** The members' texts; also checks the packet as at a hand-over. */
function members(m: Mbuf | null): string[] {
  const texts: string[] = [];
  if (m !== null) expect(verify(m)).toBeNull();
  for (let at = m; at !== null; at = at.next) {
    texts.push(new TextDecoder().decode(pool.memory.u8.slice(at.data, at.data + at.length)));
  }
  return texts;
}

/** Takes every mbuf that is left. */
function exhaust(): void {
  while (pool.get() !== null);
}

describe('prepend', () => {
  it('uses the leading space when it is enough', () => {
    const m = packet('abc');
    expect(pool.prepend(m, 4)).toBe(m);
    expect([m.length, m.packetLength, m.leadingSpace]).toEqual([7, 7, 0]);
  });

  it('puts a new mbuf in front, which becomes the packet, with room for more', () => {
    const m = packet('abc');
    m.flags |= M_BCAST;
    m.nextPacket = pool.gethdr();
    const next = m.nextPacket;
    const head = pool.prepend(m, 14)!;
    expect([head.next, head.length, head.packetLength, head.nextPacket]).toEqual([m, 14, 17, next]);
    expect([head.flags, m.flags & M_PKTHDR, m.nextPacket]).toEqual([M_PKTHDR | M_BCAST, 0, null]);
    expect(head.leadingSpace).toBe(240);
    expect(pool.prepend(head, 8)).toBe(head);
  });

  it('moves every field of the packet header', () => {
    const device = {};
    const header = {
      device,
      queue: 1,
      priority: 2,
      mark: 3,
      protocol: 0x86dd,
      packetType: 4,
      checksumFlags: 5,
    };
    const more = { checksumStart: 6, checksumOffset: 7, hash: -8, timestampNs: 9.5 };
    const m = Object.assign(packet('abc'), header, more);
    const head = pool.prepend(m, 14)!;
    expect(head).not.toBe(m);
    expect(head).toMatchObject({ ...header, ...more });
    expect([head.device, m.device]).toEqual([device, null]);
  });

  it.each([1, 2, 3, 5, 14, 60, MLEN])('starts a new mbuf of %i bytes on a word boundary', (n) => {
    expect(pool.prepend(packet('a'), n + 4)!.data % 4).toBe(n <= MLEN - 4 ? 0 : pool.mbufs[0].home % 4);
  });

  it('never writes in front of data that is shared', () => {
    const m = cluster('abc', HEADROOM);
    const twin = pool.copym(m, 0, 3)!;
    const head = pool.prepend(twin, 14)!;
    expect(head).not.toBe(twin);
    expect(head.next).toBe(twin);
  });

  it('takes a cluster for more than a mbuf holds, and refuses more than a cluster holds', () => {
    const head = pool.prepend(packet('abc'), 300)!;
    expect([head.size, head.length, head.packetLength]).toEqual([MCLBYTES, 300, 303]);
    expect(() => pool.prepend(head, MCLBYTES + 1)).toThrow(RangeError);
  });

  it('frees the packet when no mbuf is left', () => {
    const m = packet('abc', 'def');
    exhaust();
    expect(pool.prepend(m, 14)).toBeNull();
    expect(pool.inUse).toBe(14);
  });

  it('frees the packet and the new mbuf when no cluster is left', () => {
    while (pool.getcl() !== null);
    const m = packet('abc');
    const before = pool.inUse;
    expect(pool.prepend(m, 300)).toBeNull();
    expect(pool.inUse).toBe(before - 1);
  });
});

describe('adj', () => {
  it.each([
    [0, ['abc', '', 'def']],
    [2, ['c', '', 'def']],
    [3, ['', '', 'def']],
    [4, ['', '', 'ef']],
    [6, ['', '', '']],
    [100, ['', '', '']],
    [-1, ['abc', '', 'de']],
    [-3, ['abc', '', '']],
    [-5, ['a', '', '']],
    [-6, ['', '', '']],
    [-100, ['', '', '']],
  ])('trims %i bytes and leaves empty members in place', (n, left) => {
    const m = packet('abc', '', 'def');
    pool.adj(m, n);
    expect(members(m)).toEqual(left);
    expect(m.packetLength).toBe(left.join('').length);
  });
});

describe('pullup', () => {
  it('leaves a packet alone whose first member is long enough', () => {
    const m = packet('abc', 'def');
    expect(pool.pullup(m, 3)).toBe(m);
    expect(members(m)).toEqual(['abc', 'def']);
  });

  it('moves bytes up, over empty members, and frees those it empties', () => {
    const m = packet('ab', '', 'cd', 'ef');
    expect(members(pool.pullup(m, 5))).toEqual(['abcde', 'f']);
    expect(pool.inUse).toBe(2);
    expect(members(pool.pullup(m, 6))).toEqual(['abcdef']);
    expect(pool.inUse).toBe(1);
  });

  it('takes a new first member with headroom when the bytes of the old one are shared', () => {
    const m = cluster('ab');
    const twin = pool.copym(m, 0, 2)!;
    pool.cat(m, packet('cd'));
    const head = pool.pullup(m, 3)!;
    expect(members(head)).toEqual(['abc', 'd']);
    expect([head.packetLength, head.leadingSpace]).toEqual([4, HEADROOM]);
    expect(members(twin)).toEqual(['ab']);
  });

  it('fails and frees the packet when it is shorter than asked', () => {
    expect(pool.pullup(packet('abc', 'def'), 7)).toBeNull();
    expect(pool.inUse).toBe(0);
  });

  it('makes MHLEN bytes contiguous and not one more', () => {
    const text = 'x'.repeat(200);
    expect(pool.pullup(packet(text, text), MHLEN)!.length).toBe(MHLEN);
    const before = pool.inUse;
    expect(pool.pullup(packet(text, text), MHLEN + 1)).toBeNull();
    expect(pool.inUse).toBe(before);
  });

  it('frees the packet when no mbuf is left', () => {
    const m = cluster('ab');
    const twin = pool.copym(m, 0, 2)!;
    pool.cat(m, packet('cd'));
    exhaust();
    expect(pool.pullup(m, 3)).toBeNull();
    expect(pool.inUse).toBe(14);
    expect(twin.writable).toBe(true);
  });
});

describe('cat', () => {
  it('adds the members and the length, and drops the second header', () => {
    const m = packet('abc');
    const n = packet('de', 'f');
    n.nextPacket = m;
    pool.cat(m, n);
    expect(members(m)).toEqual(['abc', 'de', 'f']);
    expect([m.packetLength, n.flags, n.nextPacket]).toEqual([6, 0, null]);
  });
});

describe('split', () => {
  it.each([
    [0, [''], ['abc', 'defg']],
    [2, ['ab'], ['c', 'defg']],
    [3, ['abc'], ['defg']],
    [5, ['abc', 'de'], ['fg']],
    [7, ['abc', 'defg'], ['']],
  ])('at %i gives both parts a header and their lengths', (n, left, right) => {
    const m = packet('abc', 'defg');
    m.flags |= M_BCAST;
    m.mark = 42;
    const rest = pool.split(m, n)!;
    expect(members(m)).toEqual(left);
    expect(members(rest)).toEqual(right);
    expect([m.packetLength, rest.packetLength]).toEqual([n, 7 - n]);
    expect([rest.mark, rest.flags & (M_BCAST | M_PKTHDR)]).toEqual([42, M_BCAST | M_PKTHDR]);
  });

  it('shares a cluster that it cuts, so that neither part may write', () => {
    const m = cluster('abcdef');
    const rest = pool.split(m, 2)!;
    expect([members(m), members(rest)]).toEqual([['ab'], ['cdef']]);
    expect([rest.data, m.writable, rest.writable]).toEqual([m.data + 2, false, false]);
    expect(pool.clustersInUse).toBe(1);
  });

  it('gives no header to the rest of a chain that has none', () => {
    const m = packet('abc', 'def');
    m.flags &= ~M_PKTHDR;
    expect(pool.split(m, 4)!.flags).toBe(0);
  });

  it('leaves the packet alone when no mbuf is left, and needs none at a boundary', () => {
    const m = packet('abc', 'def');
    exhaust();
    expect(pool.split(m, 2)).toBeNull();
    expect(members(m)).toEqual(['abc', 'def']);
    expect(members(pool.split(m, 3))).toEqual(['def']);
  });

  it('throws beyond the end', () => {
    expect(() => pool.split(packet('abc'), 4)).toThrow('split at 4 of a packet of 3 bytes');
    expect(() => pool.split(packet('abc'), -1)).toThrow(RangeError);
  });
});

describe('linearise', () => {
  it('leaves a packet of one member alone, even a shared one', () => {
    const m = cluster('abc');
    pool.copym(m, 0, 3);
    expect(pool.linearise(m)).toBe(m);
    expect(pool.inUse).toBe(2);
  });

  it('uses the room behind the first member', () => {
    const m = packet('abc', '', 'def');
    expect(pool.linearise(m)).toBe(m);
    expect(members(m)).toEqual(['abcdef']);
    expect([m.storage, pool.inUse, pool.clustersInUse]).toEqual([-1, 1, 0]);
  });

  it('takes a cluster, keeps the first mbuf and leaves headroom', () => {
    const m = packet('a'.repeat(100), 'b'.repeat(200));
    m.mark = 7;
    expect(pool.linearise(m)).toBe(m);
    expect(members(m)).toEqual(['a'.repeat(100) + 'b'.repeat(200)]);
    expect([m.mark, m.leadingSpace, m.writable]).toEqual([7, HEADROOM, true]);
    expect([pool.inUse, pool.clustersInUse]).toEqual([1, 1]);
  });

  it('fills a cluster to the last byte, without headroom', () => {
    const m = cluster('a'.repeat(MCLBYTES - 10), 10);
    pool.cat(m, packet('b'.repeat(10)));
    expect(pool.linearise(m)!.length).toBe(MCLBYTES);
    expect([m.leadingSpace, m.trailingSpace, pool.clustersInUse]).toEqual([0, 0, 1]);
  });

  it('refuses more than a cluster holds and leaves the packet alone', () => {
    const m = cluster('a'.repeat(MCLBYTES));
    pool.cat(m, packet('b'));
    expect(pool.linearise(m)).toBeNull();
    expect(members(m)).toEqual(['a'.repeat(MCLBYTES), 'b']);
  });

  it('leaves the packet alone when no buffer is left', () => {
    const m = packet('a'.repeat(200), 'b'.repeat(200));
    while (pool.getcl() !== null);
    expect(pool.linearise(m)).toBeNull();
    exhaust();
    expect(pool.linearise(m)).toBeNull();
    expect(members(m)).toEqual(['a'.repeat(200), 'b'.repeat(200)]);
    expect(pool.inUse).toBe(16);
  });
});
