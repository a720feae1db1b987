// mbuf(9) under its own names: random operations on random packets, judged by an oracle that keeps each packet as one flat
// array. After each operation the bytes are right, the pool counts what is in use, and no storage is written that is
// somebody else's.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { verify } from '../mbuf/debug.ts';
import { M_EXT, M_PKTHDR, type Mbuf, MCLBYTES, MHLEN } from '../mbuf/mbuf.ts';
import { ENOBUFS } from './errno.ts';
import { M_DONTWAIT, M_READONLY, MCLGET, MT_DATA, m_free, m_freem, m_get, m_gethdr } from './mbuf.ts';
import {
  M_COPYALL,
  M_PREPEND,
  m_adj,
  m_apply,
  m_cat,
  m_copyback,
  m_copyback_cow,
  m_copydata,
  m_copym,
  m_copyup,
  m_dup,
  m_getptr,
  m_length,
  m_makewritable,
  m_pulldown,
  m_pullup,
  m_split,
} from './mbuf-ops.ts';
import { host, type TestHost } from './testing.ts';

interface Packet {
  m: Mbuf;
  bytes: number[];
  header: boolean;
}

class Bench {
  readonly it: TestHost;
  readonly packets: Packet[] = [];
  private counter = 1;

  constructor() {
    this.it = host({ machine: { mbufs: 40, clusters: 16, debugMbufs: true } });
  }

  get u8(): Uint8Array {
    return this.it.machine.memory.u8;
  }

  fresh(length: number): number[] {
    this.counter += 13;
    return Array.from({ length }, (_, i) => (this.counter * 31 + i * 3 + (i >> 8)) & 0xff);
  }

  /** Requests so far that found the pool empty. */
  get failures(): number {
    const { mbufs } = this.it.machine;
    return mbufs.mbufFailures + mbufs.clusterFailures;
  }

  pick(n: number): Packet | undefined {
    return this.packets[n % Math.max(1, this.packets.length)];
  }

  drop(packet: Packet): void {
    this.packets.splice(this.packets.indexOf(packet), 1);
  }

  /** The packet became `m`, or was freed for want of a buffer or because `hopeless`. */
  became(packet: Packet, m: Mbuf | null, before: number, hopeless = false): boolean {
    if (m !== null) {
      packet.m = m;
      return true;
    }
    expect(hopeless || this.failures > before).toBe(true);
    this.drop(packet);
    return false;
  }

  build(lengths: readonly number[], header: boolean): void {
    let first: Mbuf | null = null;
    let last: Mbuf | null = null;
    const bytes: number[] = [];
    for (const length of lengths) {
      const m: Mbuf | null =
        first === null && header ? m_gethdr(M_DONTWAIT, MT_DATA) : m_get(M_DONTWAIT, MT_DATA);
      if (m === null) break;
      if (length > 150) MCLGET(m, M_DONTWAIT);
      if (length > 150 && (m.flags & M_EXT) === 0) {
        m_free(m);
        break;
      }
      m.data += length & 15;
      m.length = Math.min(length, m.start + m.size - m.data);
      const content = this.fresh(m.length);
      this.u8.set(content, m.data);
      bytes.push(...content);
      if (last === null) first = m;
      else last.next = m;
      last = m;
    }
    if (first === null) return;
    if (header) first.packetLength = bytes.length;
    this.packets.push({ m: first, bytes, header });
  }

  check(): void {
    const { mbufs } = this.it.machine;
    let members = 0;
    for (const { m, bytes, header } of this.packets) {
      const found = mbufs.toBytes(m);
      expect(found.length).toBe(bytes.length);
      if (!found.every((byte, i) => byte === bytes[i])) expect([...found]).toEqual(bytes);
      expect((m.flags & M_PKTHDR) !== 0).toBe(header);
      expect(verify(m)).toBeNull();
      expect(m_length(m)).toBe(bytes.length);
      for (let at: Mbuf | null = m; at !== null; at = at.next) members++;
    }
    expect(mbufs.inUse).toBe(members);
    expect(mbufs.debug!.check()).toEqual([]);
  }
}

function operation<A extends unknown[]>(
  name: string,
  values: fc.Arbitrary<A>,
  run: (bench: Bench, packet: Packet, ...values: A) => void,
): fc.Arbitrary<(bench: Bench) => void> {
  return fc.tuple(fc.nat(20), values).map(([which, chosen]) => {
    const text = `${name}${fc.stringify(chosen)} of ${which}`;
    const work = (bench: Bench): void => {
      const packet = bench.pick(which);
      if (packet !== undefined) run(bench, packet, ...chosen);
    };
    return Object.assign(work, { [fc.toStringMethod]: () => text });
  });
}

const length = fc.oneof(fc.constant(0), fc.nat(100), fc.nat(MCLBYTES));
const few = fc.oneof(fc.nat(40), fc.nat(MHLEN), fc.constantFrom(0, MHLEN, MHLEN + 1));
const place = fc.nat(5000);

/** A place in a packet and a length from there on. */
function range(packet: Packet, n: number, l: number): [number, number] {
  const from = n % (packet.bytes.length + 1);
  return [from, l % (packet.bytes.length - from + 1)];
}

function writableIn(packet: Packet, from: number, bytes: number): boolean {
  let start = 0;
  let writable = true;
  for (let at: Mbuf | null = packet.m; at !== null; at = at.next) {
    if (at.length > 0 && start < from + bytes && start + at.length > from) writable &&= !M_READONLY(at);
    start += at.length;
  }
  return writable;
}

const operations = [
  operation('adj', fc.tuple(fc.integer({ min: -3000, max: 3000 })), (_bench, packet, n) => {
    m_adj(packet.m, n);
    packet.bytes =
      n >= 0 ? packet.bytes.slice(n) : packet.bytes.slice(0, Math.max(0, packet.bytes.length + n));
  }),
  operation('pullup', fc.tuple(few), (bench, packet, n) => {
    const before = bench.failures;
    const hopeless = n > MHLEN || n > packet.bytes.length;
    if (bench.became(packet, m_pullup(packet.m, n), before, hopeless))
      expect(packet.m.length).toBeGreaterThanOrEqual(n);
  }),
  operation('copyup', fc.tuple(few, fc.nat(60)), (bench, packet, n, off) => {
    const before = bench.failures;
    const hopeless = n + off > MHLEN || n > packet.bytes.length;
    if (!bench.became(packet, m_copyup(packet.m, n, off), before, hopeless)) return;
    expect([packet.m.length, packet.m.data - packet.m.start, M_READONLY(packet.m)]).toEqual([n, off, false]);
  }),
  operation('pulldown', fc.tuple(place, fc.oneof(fc.nat(300), fc.nat(3000))), (bench, packet, n, l) => {
    const [from, bytes] = range(packet, n, l);
    const before = bench.failures;
    const at = { value: -1 };
    const piece = m_pulldown(packet.m, from, bytes, at);
    if (piece === null) {
      expect(bytes > MCLBYTES || bench.failures > before).toBe(true);
      bench.drop(packet);
      return;
    }
    expect(piece.length - at.value).toBeGreaterThanOrEqual(bytes);
    if (bytes > 0) expect(M_READONLY(piece)).toBe(false);
    const found = bench.u8.subarray(piece.data + at.value, piece.data + at.value + bytes);
    expect([...found]).toEqual(packet.bytes.slice(from, from + bytes));
    const content = bench.fresh(bytes);
    bench.u8.set(content, piece.data + at.value);
    packet.bytes.splice(from, bytes, ...content);
  }),
  operation('prepend', fc.tuple(fc.oneof(few, fc.nat(MCLBYTES))), (bench, packet, n) => {
    const before = bench.failures;
    if (!bench.became(packet, M_PREPEND(packet.m, n, M_DONTWAIT), before)) return;
    const content = bench.fresh(n);
    bench.u8.set(content, packet.m.data);
    packet.bytes.unshift(...content);
  }),
  operation('copym', fc.tuple(place, fc.option(place)), (bench, packet, n, l) => {
    const [from, bytes] = range(packet, n, l ?? 0);
    const before = bench.failures;
    const m = m_copym(packet.m, from, l === null ? M_COPYALL : bytes, M_DONTWAIT);
    if (m === null) return expect(bench.failures).toBeGreaterThan(before);
    const copied = packet.bytes.slice(from, l === null ? undefined : from + bytes);
    bench.packets.push({ m, bytes: copied, header: from === 0 && packet.header });
  }),
  operation('dup', fc.tuple(place, fc.option(place)), (bench, packet, n, l) => {
    const [from, bytes] = range(packet, n, l ?? 0);
    const before = bench.failures;
    const m = m_dup(packet.m, from, l === null ? M_COPYALL : bytes, M_DONTWAIT);
    if (m === null) return expect(bench.failures).toBeGreaterThan(before);
    for (let at: Mbuf | null = m; at !== null; at = at.next) expect(M_READONLY(at)).toBe(false);
    const copied = packet.bytes.slice(from, l === null ? undefined : from + bytes);
    bench.packets.push({ m, bytes: copied, header: from === 0 && packet.header });
  }),
  operation('copydata', fc.tuple(place, place), (bench, packet, n, l) => {
    const [from, bytes] = range(packet, n, l);
    const to = new Uint8Array(bytes);
    m_copydata(packet.m, from, bytes, to);
    expect([...to]).toEqual(packet.bytes.slice(from, from + bytes));
    expect(bench.packets.length).toBeGreaterThan(0);
  }),
  operation('copyback', fc.tuple(place, fc.nat(600)), (bench, packet, n, bytes) => {
    const from = n % (packet.bytes.length + 20);
    const content = bench.fresh(bytes);
    if (!writableIn(packet, from, bytes)) {
      expect(() => m_copyback(packet.m, from, bytes, Uint8Array.from(content))).toThrow(/read-only.*N11/);
      return;
    }
    const before = bench.failures;
    m_copyback(packet.m, from, bytes, Uint8Array.from(content));
    const end = Math.max(packet.bytes.length, from + bytes);
    if (m_length(packet.m) !== end) return expect(bench.failures).toBeGreaterThan(before);
    while (packet.bytes.length < from) packet.bytes.push(0);
    packet.bytes.splice(from, bytes, ...content);
  }),
  operation('copyback_cow', fc.tuple(place, fc.nat(600)), (bench, packet, n, l) => {
    const [from, bytes] = range(packet, n, l);
    const content = bench.fresh(bytes);
    const before = bench.failures;
    if (
      bench.became(
        packet,
        m_copyback_cow(packet.m, from, bytes, Uint8Array.from(content), M_DONTWAIT),
        before,
      )
    )
      packet.bytes.splice(from, bytes, ...content);
  }),
  operation('makewritable', fc.tuple(place, place), (bench, packet, n, l) => {
    const [from, bytes] = range(packet, n, l);
    const before = bench.failures;
    if (m_makewritable(packet.m, from, bytes, M_DONTWAIT) === ENOBUFS)
      expect(bench.failures).toBeGreaterThan(before);
    else expect(writableIn(packet, from, bytes)).toBe(true);
  }),
  operation('cat', fc.tuple(fc.nat(20)), (bench, packet, which) => {
    const second = bench.pick(which)!;
    if (second === packet) return;
    const before = packet.m.packetLength;
    m_cat(packet.m, second.m);
    if (packet.header) {
      expect(packet.m.packetLength).toBe(before);
      packet.m.packetLength += second.bytes.length;
    }
    packet.bytes.push(...second.bytes);
    bench.drop(second);
  }),
  operation('split', fc.tuple(fc.nat(6000)), (bench, packet, n) => {
    const at = n % (packet.bytes.length + 2);
    const before = bench.failures;
    const rest = m_split(packet.m, at, M_DONTWAIT);
    if (rest === null) return expect(at > packet.bytes.length || bench.failures > before).toBe(true);
    bench.packets.push({ m: rest, bytes: packet.bytes.splice(at), header: packet.header });
  }),
  operation('getptr and apply', fc.tuple(place, place), (bench, packet, n, l) => {
    const [from, bytes] = range(packet, n, l);
    const at = { value: -1 };
    const member = m_getptr(packet.m, from, at)!;
    if (from < packet.bytes.length) expect(bench.u8[member.data + at.value]).toBe(packet.bytes[from]);
    expect(m_getptr(packet.m, packet.bytes.length + 1, at)).toBeNull();
    const seen: number[] = [];
    m_apply(
      packet.m,
      from,
      bytes,
      (to, address, count) => {
        to.push(...bench.u8.subarray(address, address + count));
        return 0;
      },
      seen,
    );
    expect(seen).toEqual(packet.bytes.slice(from, from + bytes));
  }),
  operation('freem', fc.constant<[]>([]), (bench, packet) => {
    m_freem(packet.m);
    bench.drop(packet);
  }),
];

const build = fc
  .tuple(fc.array(length, { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([lengths, header]) => {
    const work = (bench: Bench): void => bench.build(lengths, header);
    return Object.assign(work, { [fc.toStringMethod]: () => `build ${lengths} ${header}` });
  });

test('random operations on random packets, with buffers and without', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 3, arbitrary: build }, ...operations), { maxLength: 40 }),
      (steps) => {
        const bench = new Bench();
        bench.it.io.request('test', () => {
          for (const step of steps) {
            step(bench);
            bench.check();
          }
          for (const { m } of bench.packets) m_freem(m);
        });
        expect(bench.it.machine.mbufs.inUse).toBe(0);
      },
    ),
    { numRuns: 150, seed: 20 },
  );
});
