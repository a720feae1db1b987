// Random operations on random packets, judged by an oracle that keeps each packet as one flat array. After every operation
// each packet's bytes, length and header are right, the pool counts what is in use, and nothing is freed twice or lost.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { asBytes } from '../kernel/copy.ts';
import { PhysicalMemory } from '../kernel/memory.ts';
import { verify } from './debug.ts';
import { M_COPYALL, M_PKTHDR, M_RDONLY, type Mbuf, MCLBYTES, MHLEN, MLEN } from './mbuf.ts';
import { MbufPool } from './pool.ts';

/** What is known about a packet: its bytes, and the mark in its header or null without one. */
interface Packet {
  m: Mbuf;
  bytes: number[];
  mark: number | null;
}

type Storage = 'own' | 'cluster' | 'external' | 'read-only';
interface Member {
  storage: Storage;
  before: number;
  length: number;
}

const EXTERNAL_BYTES = 5000;
const EXTERNAL_SLOTS = 8;
const EXTERNAL_BASE = 0x100000;

/** toEqual on long arrays takes most of the time of this test; it is asked only to print a difference. */
function expectBytes(found: Uint8Array, wanted: readonly number[]): void {
  let same = found.length === wanted.length;
  for (let i = 0; same && i < wanted.length; i++) same = found[i] === wanted[i];
  if (!same) expect([...found]).toEqual(wanted);
}

class Bench {
  readonly memory = new PhysicalMemory(EXTERNAL_BASE + EXTERNAL_BYTES * EXTERNAL_SLOTS);
  readonly pool: MbufPool;
  readonly packets: Packet[] = [];
  readonly slots = Array.from({ length: EXTERNAL_SLOTS }, (_, i) => i);
  /** What each read-only slot held from the start. */
  private readonly readOnly = new Map<number, Uint8Array>();
  private counter = 0;

  constructor(mbufs: number, clusters: number, debug: boolean) {
    this.pool = new MbufPool(this.memory, { mbufs, clusters, debug });
  }

  /** Bytes that no other packet has in that order. */
  fresh(length: number): number[] {
    this.counter += 13;
    return Array.from({ length }, (_, i) => (this.counter * 31 + i * 3 + (i >> 8)) & 0xff);
  }

  pick(n: number): Packet {
    return this.packets[n % this.packets.length];
  }

  drop(packet: Packet): void {
    this.packets.splice(this.packets.indexOf(packet), 1);
  }

  /** Refusals so far, to tell an empty pool from a wrong answer. */
  get failures(): number {
    return this.pool.mbufFailures + this.pool.clusterFailures;
  }

  build(members: readonly Member[], withHeader: boolean): void {
    const { pool } = this;
    const bytes: number[] = [];
    let first: Mbuf | null = null;
    let last: Mbuf | null = null;
    for (const wanted of members) {
      const m: Mbuf | null = first === null && withHeader ? pool.gethdr() : pool.get();
      if (m === null) break;
      if (!this.giveStorage(m, wanted.storage)) {
        pool.free(m);
        break;
      }
      m.data += Math.min(wanted.before, m.size);
      m.length = Math.min(wanted.length, m.start + m.size - m.data);
      if ((m.flags & M_RDONLY) === 0) this.memory.u8.set(this.fresh(m.length), m.data);
      bytes.push(...this.memory.u8.subarray(m.data, m.data + m.length));
      if (last === null) first = m;
      else last.next = m;
      last = m;
    }
    if (first === null) return;
    const mark = withHeader ? ++this.counter : null;
    if (mark !== null) {
      first.mark = mark;
      first.packetLength = bytes.length;
    }
    this.packets.push({ m: first, bytes, mark });
  }

  private giveStorage(m: Mbuf, storage: Storage): boolean {
    if (storage === 'own') return true;
    if (storage === 'cluster') return this.pool.addCluster(m);
    const slot = this.slots.pop();
    if (slot === undefined) return false;
    const address = EXTERNAL_BASE + slot * EXTERNAL_BYTES;
    this.pool.attachExternal(
      m,
      address,
      EXTERNAL_BYTES,
      (at, size, arg) => this.giveBack(at, size, arg),
      slot,
    );
    if (storage === 'read-only') m.flags |= M_RDONLY;
    this.memory.u8.set(this.fresh(EXTERNAL_BYTES), address);
    if (storage === 'read-only')
      this.readOnly.set(slot, this.memory.u8.slice(address, address + EXTERNAL_BYTES));
    return true;
  }

  private giveBack(address: number, size: number, slot: unknown): void {
    expect([address, size]).toEqual([EXTERNAL_BASE + (slot as number) * EXTERNAL_BYTES, EXTERNAL_BYTES]);
    expect(this.slots).not.toContain(slot);
    const held = this.readOnly.get(slot as number);
    if (held !== undefined) expectBytes(this.memory.u8.slice(address, address + size), [...held]);
    this.readOnly.delete(slot as number);
    this.memory.u8.fill(0xee, address, address + size);
    this.slots.push(slot as number);
  }

  check(): void {
    const owners = new Map<number, number>();
    let members = 0;
    for (const { m, bytes, mark } of this.packets) {
      expectBytes(this.pool.toBytes(m), bytes);
      expect(verify(m)).toBeNull();
      expect((m.flags & M_PKTHDR) !== 0).toBe(mark !== null);
      if (mark !== null) expect([m.mark, m.packetLength]).toEqual([mark, bytes.length]);
      for (let at: Mbuf | null = m; at !== null; at = at.next) {
        members++;
        if (at.storage >= 0) owners.set(at.storage, (owners.get(at.storage) ?? 0) + 1);
      }
    }
    expect(this.pool.inUse).toBe(members);
    this.pool.references.forEach((count, storage) => {
      if (count !== (owners.get(storage) ?? 0))
        expect([storage, count]).toEqual([storage, owners.get(storage) ?? 0]);
    });
    const clusters = [...owners.keys()].filter((storage) => storage < this.pool.clusters).length;
    expect([this.pool.clustersInUse, this.pool.externalsInUse]).toEqual([clusters, owners.size - clusters]);
    expect(this.slots.length).toBe(EXTERNAL_SLOTS - this.pool.externalsInUse);
    if (this.pool.debug !== null) expect(this.pool.debug.check()).toEqual([]);
  }
}

/** An operation with its numbers, which are taken modulo what there is when it runs. Prints itself in a counterexample. */
type Operation = (bench: Bench) => void;

function operation<A extends unknown[]>(
  name: string,
  values: fc.Arbitrary<A>,
  run: (bench: Bench, ...values: A) => void,
) {
  return values.map((chosen): Operation => {
    const text = `${name}${fc.stringify(chosen)}`;
    return Object.assign((bench: Bench) => run(bench, ...chosen), { [fc.toStringMethod]: () => text });
  });
}

/** The same on one packet, when there is one. */
function onPacket<A extends unknown[]>(
  name: string,
  values: fc.Arbitrary<A>,
  run: (bench: Bench, packet: Packet, ...values: A) => void,
) {
  return operation(name, fc.tuple(fc.nat(20), values), (bench, which, chosen) => {
    if (bench.packets.length > 0) run(bench, bench.pick(which), ...chosen);
  });
}

const none = fc.constant<[]>([]);
const offset = fc.nat(6000);
const small = fc.oneof(fc.nat(40), fc.nat(MLEN), fc.constantFrom(0, MHLEN, MHLEN + 1));
const member = fc.record({
  storage: fc.constantFrom<Storage>('own', 'own', 'cluster', 'cluster', 'external', 'read-only'),
  before: fc.oneof(fc.nat(100), fc.nat(MCLBYTES)),
  length: fc.oneof(fc.constant(0), fc.nat(100), fc.nat(MCLBYTES), fc.nat(EXTERNAL_BYTES)),
});
const members = fc.array(member, { minLength: 1, maxLength: 5 });
const build = operation('build', fc.tuple(members, fc.boolean()), (bench, wanted, header) =>
  bench.build(wanted, header),
);

const prepend = onPacket('prepend', fc.tuple(fc.oneof(small, fc.nat(MCLBYTES))), (bench, packet, n) => {
  const before = bench.failures;
  const m = bench.pool.prepend(packet.m, n);
  if (m === null) {
    expect(bench.failures).toBeGreaterThan(before);
    return bench.drop(packet);
  }
  expect(m.length).toBeGreaterThanOrEqual(n);
  const content = bench.fresh(n);
  bench.memory.u8.set(content, m.data);
  packet.m = m;
  packet.bytes.unshift(...content);
});

const trim = fc.oneof(fc.integer({ min: -300, max: 300 }), fc.integer({ min: -7000, max: 7000 }));
const adj = onPacket('adj', fc.tuple(trim), (bench, packet, n) => {
  bench.pool.adj(packet.m, n);
  packet.bytes = n >= 0 ? packet.bytes.slice(n) : packet.bytes.slice(0, Math.max(0, packet.bytes.length + n));
});

const pullup = onPacket('pullup', fc.tuple(small), (bench, packet, n) => {
  const before = bench.failures;
  const m = bench.pool.pullup(packet.m, n);
  if (m !== null) {
    expect(m.length).toBeGreaterThanOrEqual(n);
    packet.m = m;
    return;
  }
  expect(n > MHLEN || n > packet.bytes.length || bench.failures > before).toBe(true);
  bench.drop(packet);
});

const split = onPacket('split', fc.tuple(offset), (bench, packet, n) => {
  const at = n % (packet.bytes.length + 1);
  const before = bench.failures;
  const rest = bench.pool.split(packet.m, at);
  if (rest === null) return expect(bench.failures).toBeGreaterThan(before);
  bench.packets.push({ m: rest, bytes: packet.bytes.splice(at), mark: packet.mark });
});

const cat = onPacket('cat', fc.tuple(fc.nat(20)), (bench, packet, which) => {
  const second = bench.pick(which);
  if (second === packet) return;
  bench.pool.cat(packet.m, second.m);
  packet.bytes.push(...second.bytes);
  bench.drop(second);
});

const linearise = onPacket('linearise', none, (bench, packet) => {
  const before = bench.failures;
  const m = bench.pool.linearise(packet.m);
  if (m === null) return expect(packet.bytes.length > MCLBYTES || bench.failures > before).toBe(true);
  expect(m).toBe(packet.m);
  expect(m.next).toBeNull();
});

const copym = onPacket(
  'copym',
  fc.tuple(fc.oneof(fc.constant(0), offset), fc.option(offset)),
  (bench, packet, n, l) => {
    const from = n % (packet.bytes.length + 1);
    const length = l === null ? M_COPYALL : l % (packet.bytes.length - from + 1);
    const before = bench.failures;
    const m = bench.pool.copym(packet.m, from, length);
    if (m === null) return expect(bench.failures).toBeGreaterThan(before);
    const mark = from === 0 ? packet.mark : null;
    bench.packets.push({ m, bytes: packet.bytes.slice(from, from + length), mark });
  },
);

const dup = onPacket('dup', none, (bench, packet) => {
  const before = bench.failures;
  const m = bench.pool.dup(packet.m);
  if (m === null) return expect(bench.failures).toBeGreaterThan(before);
  for (let at: Mbuf | null = m; at !== null; at = at.next) expect(at.writable).toBe(true);
  bench.packets.push({ m, bytes: [...packet.bytes], mark: packet.mark });
});

const copyback = onPacket(
  'copyback',
  fc.tuple(offset, fc.oneof(fc.nat(100), fc.nat(3000))),
  (bench, packet, n, length) => {
    const at = n % (packet.bytes.length + 50);
    const content = bench.fresh(length);
    const before = bench.failures;
    if (!bench.pool.copyback(packet.m, at, Uint8Array.from([9, ...content]), 1, length)) {
      return expect(bench.failures).toBeGreaterThan(before);
    }
    while (packet.bytes.length < at) packet.bytes.push(0);
    packet.bytes.splice(at, length, ...content);
  },
);

const copyOut = onPacket('copyOut', fc.tuple(offset, offset), (bench, packet, n, l) => {
  const from = n % (packet.bytes.length + 1);
  const length = l % (packet.bytes.length - from + 1);
  const wanted = [0, 0, 0, ...packet.bytes.slice(from, from + length), 0];
  const to = new Uint8Array(length + 4);
  bench.pool.copydata(packet.m, from, length, to, 3);
  expectBytes(to, wanted);
  to.fill(0);
  const frame = asBytes(to.buffer);
  bench.pool.copyTo(packet.m, from, length, frame, 3);
  expectBytes(to, wanted);
});

const makeWritable = onPacket('makeWritable', fc.tuple(offset, offset), (bench, packet, n, l) => {
  const from = n % (packet.bytes.length + 1);
  const length = l % (packet.bytes.length - from + 1);
  const before = bench.failures;
  if (!bench.pool.makeWritable(packet.m, from, length)) return expect(bench.failures).toBeGreaterThan(before);
  let start = 0;
  for (let at: Mbuf | null = packet.m; at !== null; at = at.next) {
    if (at.length > 0 && start < from + length && start + at.length > from) expect(at.writable).toBe(true);
    start += at.length;
  }
});

/** Writes wherever the rules allow it: all writable members, and their leading and trailing space. */
const scribble = onPacket('scribble', none, (bench, packet) => {
  let start = 0;
  for (let at: Mbuf | null = packet.m; at !== null; at = at.next) {
    if (at.writable) {
      const content = bench.fresh(at.length);
      bench.memory.u8.fill(0x77, at.data - at.leadingSpace, at.data + at.length + at.trailingSpace);
      bench.memory.u8.set(content, at.data);
      packet.bytes.splice(start, at.length, ...content);
    }
    start += at.length;
  }
});

const freem = onPacket('freem', none, (bench, packet) => {
  bench.pool.freem(packet.m);
  bench.drop(packet);
});

const changes = [
  prepend,
  adj,
  pullup,
  split,
  cat,
  linearise,
  copym,
  dup,
  copyback,
  copyOut,
  makeWritable,
  scribble,
  freem,
];
const anyOperation = fc.oneof({ arbitrary: build, weight: 3 }, ...changes);

it.each([
  ['a roomy pool', 200, 100, false],
  ['a pool that runs empty', 12, 5, false],
  ['a debug pool', 60, 30, true],
  ['a debug pool that runs empty', 9, 3, true],
])('keeps every packet as a flat array would, with %s', (_name, mbufs, clusters, debug) => {
  fc.assert(
    fc.property(fc.array(anyOperation, { minLength: 1, maxLength: 40, size: 'max' }), (operations) => {
      const bench = new Bench(mbufs, clusters, debug);
      for (const run of operations) {
        run(bench);
        bench.check();
      }
      for (const packet of [...bench.packets]) bench.pool.freem(packet.m);
      bench.packets.length = 0;
      bench.check();
      expect([bench.pool.inUse, bench.pool.clustersInUse, bench.slots.length]).toEqual([
        0,
        0,
        EXTERNAL_SLOTS,
      ]);
    }),
    { numRuns: 60, interruptAfterTimeLimit: 30_000 },
  );
});
