// The pool that a machine's mbufs and clusters come from. Everything is made at start-up and lies in physical memory, so
// that a device can reach it; taking and freeing moves indices between a stack and the owner and allocates nothing.
//
//   debug off   | 256 | 256 | 256 | ...                                 | 2048 | 2048 | ...
//   debug on    |32|256|32|32|256|32| ...                               |32|2048|32|32|2048|32| ...    (32: red zones)
//
// Storage that can be shared has a number and a reference count: clusters come first, then one slot a mbuf for
// external storage. When the last reference goes, a cluster returns to its stack and external storage to its owner.

import type { Bytes } from '../kernel/copy.ts';
import type { PhysicalMemory } from '../kernel/memory.ts';
import * as chain from './chain.ts';
import * as copy from './copy.ts';
import { MbufDebug, RED_ZONE } from './debug.ts';
import {
  describe,
  HEADROOM,
  M_EXT,
  M_FREE,
  M_PKTHDR,
  M_RDONLY,
  Mbuf,
  MCLBYTES,
  MLEN,
  MSIZE,
  PACKET_HOST,
} from './mbuf.ts';

/** Called when nothing refers to external storage any more; may use the pool. */
export type FreeRoutine = (address: number, size: number, arg: unknown) => void;

export interface MbufPoolOptions {
  mbufs: number;
  clusters: number;
  /** Poison, red zones, allocation sites: some microseconds for each mbuf. */
  debug?: boolean;
}

export class MbufPool {
  readonly memory: PhysicalMemory;
  readonly mbufs: readonly Mbuf[];
  readonly clusters: number;
  readonly debug: MbufDebug | null;
  /** Mbufs that refer to each shared storage: clusters, then external slots. Written by the pool only. */
  readonly references: Int32Array;
  /** Mbuf.timestampNs, by the mbuf's index. */
  readonly timestamps: Float64Array;
  /** Requests that found the pool empty. */
  mbufFailures = 0;
  clusterFailures = 0;

  private readonly clusterBase: number;
  private readonly clusterStride: number;
  private readonly freeMbufs: Int32Array;
  private readonly freeClusters: Int32Array;
  private readonly freeExternals: Int32Array;
  private readonly freeRoutines: (FreeRoutine | null)[] = [];
  private readonly freeArguments: unknown[] = [];
  /** How many are in each stack, and the fewest that were: the peak of use. */
  private mbufsLeft: number;
  private clustersLeft: number;
  private externalsLeft: number;
  private fewestMbufs: number;
  private fewestClusters: number;

  constructor(memory: PhysicalMemory, options: MbufPoolOptions) {
    const { mbufs, clusters } = options;
    if (!Number.isInteger(mbufs) || mbufs < 1)
      throw new RangeError(`a pool of ${mbufs} mbufs: at least 1 wanted`);
    if (!Number.isInteger(clusters) || clusters < 0) {
      throw new RangeError(`a pool of ${clusters} clusters: 0 or more wanted`);
    }
    this.memory = memory;
    this.clusters = clusters;
    // A cache line between neighbours: room for the red zones of the debug pool, and a colour each. Buffers exactly 2 KiB
    // apart would have all their headers in two sets of a first-level cache, which holds a dozen of them.
    const gap = 2 * RED_ZONE;
    const mbufStride = MSIZE + gap;
    const mbufBase = memory.alloc(mbufStride * mbufs + gap, 64) + gap;
    this.clusterStride = MCLBYTES + gap;
    this.clusterBase = memory.alloc(this.clusterStride * clusters + gap, 64) + gap;
    this.references = new Int32Array(clusters + mbufs);
    this.timestamps = new Float64Array(mbufs);
    this.mbufs = Array.from({ length: mbufs }, (_, i) => new Mbuf(this, i, mbufBase + i * mbufStride));
    // The lowest index comes out first.
    this.freeMbufs = Int32Array.from({ length: mbufs }, (_, i) => mbufs - 1 - i);
    this.freeClusters = Int32Array.from({ length: clusters }, (_, i) => clusters - 1 - i);
    this.freeExternals = Int32Array.from({ length: mbufs }, (_, i) => clusters + mbufs - 1 - i);
    for (let i = 0; i < mbufs; i++) {
      this.freeRoutines.push(null);
      this.freeArguments.push(null);
    }
    this.mbufsLeft = this.fewestMbufs = this.externalsLeft = mbufs;
    this.clustersLeft = this.fewestClusters = clusters;
    this.debug = options.debug === true ? new MbufDebug(this) : null;
  }

  /** A mbuf without packet header, empty, data at the start of its own storage. Null: none left. The caller owns it. */
  get(): Mbuf | null {
    const left = this.mbufsLeft - 1;
    if (left < 0) {
      this.mbufFailures++;
      return null;
    }
    this.mbufsLeft = left;
    if (left < this.fewestMbufs) this.fewestMbufs = left;
    // What free() left as it should be: next, nextPacket, device, start, size, storage.
    const m = this.mbufs[this.freeMbufs[left]];
    m.flags = 0;
    m.data = m.home;
    m.length = 0;
    if (this.debug !== null) this.debug.mbufTaken(m);
    return m;
  }

  /** The same with an empty packet header. */
  gethdr(): Mbuf | null {
    const m = this.get();
    if (m === null) return null;
    m.flags = M_PKTHDR;
    m.packetLength = 0;
    m.queue = 0;
    m.priority = 0;
    m.mark = 0;
    m.protocol = 0;
    m.packetType = PACKET_HOST;
    m.checksumFlags = 0;
    m.checksumStart = 0;
    m.checksumOffset = 0;
    m.hash = 0;
    m.rxQueue = 0;
    m.redirects = 0;
    m.redirectedFrom = null;
    m.fromIngress = false;
    m.skipActions = false;
    m.gsoSize = 0;
    m.gsoSegments = 0;
    this.timestamps[m.index] = 0;
    return m;
  }

  /** A mbuf with packet header and a cluster, data at the cluster's start: reserve() makes headroom. */
  getcl(): Mbuf | null {
    if (this.clustersLeft === 0) {
      this.clusterFailures++;
      return null;
    }
    const m = this.gethdr();
    if (m !== null) this.addCluster(m);
    return m;
  }

  /** Gives a mbuf that has only its own storage a cluster (MCLGET); what it held is forgotten. False: none left. */
  addCluster(m: Mbuf): boolean {
    if ((m.flags & (M_EXT | M_FREE)) !== 0)
      throw new Error(`a cluster for ${describe(m)}, which has no use for one`);
    const left = this.clustersLeft - 1;
    if (left < 0) {
      this.clusterFailures++;
      return false;
    }
    this.clustersLeft = left;
    if (left < this.fewestClusters) this.fewestClusters = left;
    const cluster = this.freeClusters[left];
    const address = this.clusterBase + cluster * this.clusterStride;
    this.references[cluster] = 1;
    m.flags |= M_EXT;
    m.storage = cluster;
    m.start = address;
    m.size = MCLBYTES;
    m.data = address;
    m.length = 0;
    if (this.debug !== null) this.debug.clusterTaken(cluster);
    return true;
  }

  /**
   * Gives a mbuf `size` bytes at `address` that somebody else owns (MEXTADD); data at their start, length as it was set
   * by the caller afterwards. `freeRoutine` runs once, when the last reference goes. Set M_RDONLY to forbid writing.
   */
  attachExternal(m: Mbuf, address: number, size: number, freeRoutine: FreeRoutine, arg: unknown): void {
    if ((m.flags & (M_EXT | M_FREE)) !== 0)
      throw new Error(`external storage for ${describe(m)}, which cannot take it`);
    if (address < 0 || size < 0 || address + size > this.memory.size) {
      throw new RangeError(`external storage 0x${address.toString(16)}+${size} lies outside of memory`);
    }
    // Never empty: each slot in use is referred to by a mbuf, and there are as many slots as mbufs.
    const slot = this.freeExternals[--this.externalsLeft];
    this.references[slot] = 1;
    this.freeRoutines[slot - this.clusters] = freeRoutine;
    this.freeArguments[slot - this.clusters] = arg;
    m.flags |= M_EXT;
    m.storage = slot;
    m.start = address;
    m.size = size;
    m.data = address;
    m.length = 0;
  }

  /** Frees one mbuf and returns the next member of its packet. Takes `m`. */
  free(m: Mbuf): Mbuf | null {
    if (m.pool !== this || (m.flags & M_FREE) !== 0) this.refuse(m);
    if (this.debug !== null) this.debug.mbufFreed(m);
    const { next, storage, start, size } = m;
    m.flags = M_FREE;
    m.next = null;
    m.nextPacket = null;
    m.device = null;
    if (storage >= 0) {
      m.storage = -1;
      m.start = m.home;
      m.size = MLEN;
    }
    this.freeMbufs[this.mbufsLeft++] = m.index;
    if (storage >= 0) this.dropReference(storage, start, size);
    return next;
  }

  /** Frees a packet, or the rest of one; null is allowed. Takes `m`; nextPacket is not followed. */
  freem(m: Mbuf | null): void {
    while (m !== null) m = this.free(m);
  }

  /** Makes `to`, which has only its own storage, refer to the bytes of `from`, whose storage is shared storage. */
  share(from: Mbuf, to: Mbuf): void {
    if (from.storage < 0 || to.storage >= 0)
      throw new Error(`cannot share ${describe(from)} with ${describe(to)}`);
    this.references[from.storage]++;
    to.flags |= M_EXT | (from.flags & M_RDONLY);
    to.storage = from.storage;
    to.start = from.start;
    to.size = from.size;
    to.data = from.data;
    to.length = from.length;
  }

  /** Takes a mbuf's cluster or external storage away; it is left empty, with its own storage. */
  detach(m: Mbuf): void {
    const { storage, start, size } = m;
    m.flags &= ~(M_EXT | M_RDONLY);
    m.storage = -1;
    m.start = m.home;
    m.size = MLEN;
    m.data = m.home;
    m.length = 0;
    if (storage >= 0) this.dropReference(storage, start, size);
  }

  private dropReference(storage: number, start: number, size: number): void {
    const left = this.references[storage] - 1;
    this.references[storage] = left;
    if (left > 0) return;
    if (storage < this.clusters) {
      if (this.debug !== null) this.debug.clusterFreed(storage);
      this.freeClusters[this.clustersLeft++] = storage;
      return;
    }
    const slot = storage - this.clusters;
    const routine = this.freeRoutines[slot];
    const arg = this.freeArguments[slot];
    this.freeRoutines[slot] = null;
    this.freeArguments[slot] = null;
    this.freeExternals[this.externalsLeft++] = storage;
    if (routine !== null) routine(start, size, arg);
  }

  private refuse(m: Mbuf): never {
    if (m.pool !== this) throw new Error(`${describe(m)} is freed into a pool it did not come from`);
    const where = this.debug === null ? '' : `; ${this.debug.history(m)}`;
    throw new Error(`${describe(m)} is freed a second time${where}`);
  }

  get inUse(): number {
    return this.mbufs.length - this.mbufsLeft;
  }

  get clustersInUse(): number {
    return this.clusters - this.clustersLeft;
  }

  /** External storages that mbufs refer to. */
  get externalsInUse(): number {
    return this.mbufs.length - this.externalsLeft;
  }

  get mbufsPeak(): number {
    return this.mbufs.length - this.fewestMbufs;
  }

  get clustersPeak(): number {
    return this.clusters - this.fewestClusters;
  }

  /** Physical address of a cluster. */
  clusterAddress(cluster: number): number {
    return this.clusterBase + cluster * this.clusterStride;
  }

  // What follows is documented in chain.ts and copy.ts. On failure the pool was empty; who owns the packet then is said.

  /** Room for `bytes` in front (M_PREPEND). Takes `m`; null: it is freed. */
  prepend(m: Mbuf, bytes: number): Mbuf | null {
    return chain.prepend(this, m, bytes);
  }

  /** Trims `bytes` from the front, or -bytes from the tail. */
  adj(m: Mbuf, bytes: number): void {
    chain.adj(m, bytes);
  }

  /** The first `bytes` in one piece. Takes `m`; null: it is freed. */
  pullup(m: Mbuf, bytes: number): Mbuf | null {
    return chain.pullup(this, m, bytes);
  }

  /** Appends `n` to `m`. Takes `n`. */
  cat(m: Mbuf, n: Mbuf): void {
    chain.cat(m, n);
  }

  /** Leaves `bytes` in `m`, returns the rest as a packet of its own. Null: `m` is as it was. */
  split(m: Mbuf, bytes: number): Mbuf | null {
    return chain.split(this, m, bytes);
  }

  /** All bytes in `m` itself. Null: `m` is as it was. */
  linearise(m: Mbuf): Mbuf | null {
    return chain.linearise(this, m);
  }

  /** A copy that shares clusters and external storage. Lends `m`. */
  copym(m: Mbuf, offset: number, length: number): Mbuf | null {
    return copy.copym(this, m, offset, length);
  }

  /** A copy that shares nothing. Lends `m`. */
  dup(m: Mbuf): Mbuf | null {
    return copy.dup(this, m);
  }

  /** Copies out to a plain array, byte by byte. */
  copydata(m: Mbuf, offset: number, length: number, to: Uint8Array, at: number): void {
    copy.copydata(this, m, offset, length, to, at);
  }

  /** Copies out to physical memory or a frame, in words or larger. */
  copyTo(m: Mbuf, offset: number, length: number, to: Bytes, at: number): void {
    copy.copyTo(this, m, offset, length, to, at);
  }

  /** Overwrites from `offset` on, extending the packet. False: no buffers for all of it. */
  copyback(m: Mbuf, offset: number, from: Uint8Array, fromAt: number, length: number): boolean {
    return copy.copyback(this, m, offset, from, fromAt, length);
  }

  /** Makes the members that hold a range writable, copying those that are shared. False: no buffers for all of it. */
  makeWritable(m: Mbuf, offset: number, length: number): boolean {
    return copy.makeWritable(this, m, offset, length);
  }

  /** Whether this member's bytes may be written: nobody else refers to them. */
  isWritable(m: Mbuf): boolean {
    return m.writable;
  }

  /** A packet with these bytes, `headroom` free in front. For people, tests and ports. */
  fromBytes(bytes: Uint8Array, headroom = HEADROOM): Mbuf | null {
    return copy.fromBytes(this, bytes, headroom);
  }

  /** The packet's bytes in a new array. For people and tests. */
  toBytes(m: Mbuf): Uint8Array {
    return copy.toBytes(this, m);
  }
}
