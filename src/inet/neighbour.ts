// The neighbour cache: which station address an IPv4 address on the link has, and packets that wait to know.
//
//                first packet            answer                  60 s
//      (none) ───────────────► incomplete ──────► reachable ──────────► stale ──┐ a packet goes out: it is sent to the
//                                  │ 3 tries            ▲    answer            │ old address, and the neighbour asked,
//                                  ▼                    └────────── probing ◄──┘ three times
//                                failed ──► (none) after 3 s          │
//                                   ▲─────────────────────────────────┘
//
// Bounded: NEIGHBOUR_LIMIT entries in all, NEIGHBOUR_QUEUE packets waiting for each. Timing as in Linux's
// neighbour(7) defaults, without the random spread of the reachable time.

import { Callout } from '../kernel/callout.ts';
import type { Machine } from '../kernel/machine.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from '../net/device.ts';
import { DROP_NEIGH_FAILED, DROP_NEIGH_QUEUEFULL, DROP_NEIGH_TABLEFULL } from '../net/drop-reason.ts';
import { ETH_ALEN } from '../net/ether.ts';
import type { Account } from './account.ts';

/** Entries in all: a /24 full of stations fits. */
export const NEIGHBOUR_LIMIT = 256;
/** Packets that wait for one address. Linux counts bytes today; three packets was its limit for long. */
export const NEIGHBOUR_QUEUE = 3;
/** mcast_solicit, ucast_solicit: questions before it counts as failed. */
export const NEIGHBOUR_TRIES = 3;
/** retrans_time. */
export const NEIGHBOUR_RETRY_NS = 1_000_000_000;
/** base_reachable_time is 30 s there; RFC 1122, 2.3.2.1 says a minute. */
export const NEIGHBOUR_REACHABLE_NS = 60_000_000_000;
/** How long a failure is remembered, so that each further packet is not a question to all stations. */
export const NEIGHBOUR_FAILED_NS = 3_000_000_000;

export type NeighbourState = 'incomplete' | 'reachable' | 'stale' | 'probing' | 'failed';

const BUCKETS = 64;

export class Neighbour {
  readonly device: NetDevice;
  /** int32. */
  readonly address: number;
  readonly station = new Uint8Array(ETH_ALEN);
  state: NeighbourState = 'incomplete';
  tries = 0;
  /** When something is to be done about it; Infinity for never. */
  deadlineNs = Infinity;
  /** When its station address was last confirmed. */
  confirmedNs = 0;
  head: Mbuf | null = null;
  tail: Mbuf | null = null;
  queued = 0;
  /** Next in its bucket. */
  next: Neighbour | null = null;

  constructor(device: NetDevice, address: number) {
    this.device = device;
    this.address = address;
  }
}

/** How the cache asks and sends; the ARP code says. */
export interface NeighbourOps {
  /** Asks who has the address: everybody, or the station it had. */
  solicit(neighbour: Neighbour, unicast: boolean): void;
  /** Takes a packet for a neighbour whose station address is known. */
  send(m: Mbuf, neighbour: Neighbour): void;
  /** The packet cannot be delivered; lent, it is dropped afterwards. */
  unreachable(m: Mbuf): void;
}

export class NeighbourCache {
  readonly entries: Neighbour[] = [];
  private readonly buckets: (Neighbour | null)[] = new Array(BUCKETS).fill(null);
  private readonly machine: Machine;
  private readonly account: Account;
  private readonly ops: NeighbourOps;
  private readonly callout: Callout;
  private armedFor = Infinity;

  constructor(machine: Machine, account: Account, ops: NeighbourOps) {
    this.machine = machine;
    this.account = account;
    this.ops = ops;
    this.callout = new Callout(machine, 'neighbours', () => this.tick());
  }

  lookup(device: NetDevice, address: number): Neighbour | null {
    let entry = this.buckets[bucketOf(address)];
    while (entry !== null && (entry.address !== address || entry.device !== device)) entry = entry.next;
    return entry;
  }

  /** Sends a packet to an address on the link, or keeps it until the station address is known. Takes it. */
  output(m: Mbuf, device: NetDevice, address: number): void {
    let entry = this.lookup(device, address);
    if (entry !== null && entry.state === 'reachable') {
      this.ops.send(m, entry);
      return;
    }
    if (entry === null) {
      entry = this.create(device, address);
      if (entry === null) {
        this.account.drop(m, device, DROP_NEIGH_TABLEFULL);
        return;
      }
      this.queue(m, entry);
      this.ask(entry);
    } else if (entry.state === 'failed') this.account.drop(m, device, DROP_NEIGH_FAILED);
    else if (entry.state === 'incomplete') this.queue(m, entry);
    else {
      this.ops.send(m, entry);
      if (entry.state === 'stale') {
        entry.state = 'probing';
        entry.tries = 0;
        this.ask(entry);
      }
    }
  }

  /** Asks for a neighbour that is not known, without a packet; true when packets would go out or be refused at once. */
  resolve(device: NetDevice, address: number): boolean {
    const known = this.lookup(device, address);
    if (known !== null) return known.state !== 'incomplete';
    const entry = this.create(device, address);
    if (entry === null) return true;
    this.ask(entry);
    return false;
  }

  /**
   * The neighbour said what its station address is. `create`: remember it even if nobody asked;
   * `confirmed`: it answered us, so it can hear us too.
   */
  learn(
    device: NetDevice,
    address: number,
    station: Uint8Array,
    at: number,
    create: boolean,
    confirmed: boolean,
  ): void {
    let entry = this.lookup(device, address);
    if (entry === null && create) entry = this.create(device, address);
    if (entry === null) return;
    let changed = false;
    for (let i = 0; i < ETH_ALEN; i++) {
      if (entry.station[i] !== station[at + i]) changed = true;
      entry.station[i] = station[at + i];
    }
    if (confirmed) {
      const now = this.machine.cpu.now();
      entry.state = 'reachable';
      entry.tries = 0;
      entry.confirmedNs = now;
      this.due(entry, now + NEIGHBOUR_REACHABLE_NS);
    } else if (changed || entry.state === 'incomplete' || entry.state === 'failed') {
      entry.state = 'stale';
      entry.deadlineNs = Infinity;
    }
    this.flushQueue(entry);
  }

  /** Forgets a device's neighbours and drops what waits for them. */
  forgetDevice(device: NetDevice): void {
    for (let i = this.entries.length - 1; i >= 0; i--) {
      if (i < this.entries.length && this.entries[i].device === device) this.remove(this.entries[i]);
    }
  }

  /** Forgets everything. */
  clear(): void {
    while (this.entries.length > 0) this.remove(this.entries[this.entries.length - 1]);
    this.callout.stop();
    this.armedFor = Infinity;
  }

  private ask(entry: Neighbour): void {
    entry.tries++;
    this.due(entry, this.machine.cpu.now() + NEIGHBOUR_RETRY_NS);
    this.ops.solicit(entry, entry.state === 'probing');
  }

  private queue(m: Mbuf, entry: Neighbour): void {
    if (entry.queued >= NEIGHBOUR_QUEUE) {
      this.account.drop(m, entry.device, DROP_NEIGH_QUEUEFULL);
      return;
    }
    m.nextPacket = null;
    if (entry.tail === null) entry.head = m;
    else entry.tail.nextPacket = m;
    entry.tail = m;
    entry.queued++;
    this.account.held++;
  }

  /** Returns the first packet that waits. */
  private unqueue(entry: Neighbour): Mbuf | null {
    const m = entry.head;
    if (m === null) return null;
    entry.head = m.nextPacket;
    if (entry.head === null) entry.tail = null;
    m.nextPacket = null;
    entry.queued--;
    this.account.held--;
    return m;
  }

  private flushQueue(entry: Neighbour): void {
    for (let m = this.unqueue(entry); m !== null; m = this.unqueue(entry)) this.ops.send(m, entry);
  }

  private dropQueue(entry: Neighbour): void {
    for (let m = this.unqueue(entry); m !== null; m = this.unqueue(entry)) {
      this.ops.unreachable(m);
      this.account.drop(m, entry.device, DROP_NEIGH_FAILED);
    }
  }

  /** Null: the cache is full of entries that are in use. */
  private create(device: NetDevice, address: number): Neighbour | null {
    if (this.entries.length >= NEIGHBOUR_LIMIT && !this.evict()) return null;
    const entry = new Neighbour(device, address);
    const bucket = bucketOf(address);
    entry.next = this.buckets[bucket];
    this.buckets[bucket] = entry;
    this.entries.push(entry);
    return entry;
  }

  /** Gives up the entry that will be missed least: one that failed, else the one confirmed longest ago. */
  private evict(): boolean {
    let victim: Neighbour | null = null;
    for (const entry of this.entries) {
      if (entry.state === 'incomplete') continue;
      if (entry.state === 'failed') {
        victim = entry;
        break;
      }
      if (victim === null || entry.confirmedNs < victim.confirmedNs) victim = entry;
    }
    if (victim === null) return false;
    this.remove(victim);
    return true;
  }

  private remove(entry: Neighbour): void {
    this.unlink(entry);
    // Last: telling a sender may end in a device that goes down, and so here again.
    this.dropQueue(entry);
  }

  private unlink(entry: Neighbour): void {
    this.entries.splice(this.entries.indexOf(entry), 1);
    const bucket = bucketOf(entry.address);
    if (this.buckets[bucket] === entry) this.buckets[bucket] = entry.next;
    else {
      let before = this.buckets[bucket];
      while (before !== null && before.next !== entry) before = before.next;
      if (before !== null) before.next = entry.next;
    }
    entry.next = null;
  }

  private due(entry: Neighbour, timeNs: number): void {
    entry.deadlineNs = timeNs;
    if (timeNs < this.armedFor) this.arm(timeNs);
  }

  private arm(timeNs: number): void {
    this.armedFor = timeNs;
    this.callout.reset(Math.max(0, timeNs - this.machine.cpu.now()));
  }

  /** Softirq: the earliest deadline has come. */
  private tick(): void {
    const now = this.machine.cpu.now();
    this.armedFor = Infinity;
    // From the end, since entries are removed on the way: more than one, when asking ends in a driver's fault and the device
    // goes down. Who is passed over by that has its turn in the next tick.
    for (let i = this.entries.length - 1; i >= 0; i--) {
      if (i < this.entries.length && this.entries[i].deadlineNs <= now) this.expire(this.entries[i], now);
    }
    let next = Infinity;
    for (const entry of this.entries) if (entry.deadlineNs < next) next = entry.deadlineNs;
    if (next < Infinity) this.arm(next);
  }

  private expire(entry: Neighbour, now: number): void {
    switch (entry.state) {
      case 'reachable':
        entry.state = 'stale';
        entry.deadlineNs = Infinity;
        return;
      case 'failed':
        this.remove(entry);
        return;
      case 'stale':
        entry.deadlineNs = Infinity;
        return;
      default:
        if (entry.tries < NEIGHBOUR_TRIES) {
          this.ask(entry);
          return;
        }
        entry.state = 'failed';
        entry.deadlineNs = now + NEIGHBOUR_FAILED_NS;
        this.dropQueue(entry);
    }
  }
}

/** The last byte differs most among the stations of a link. */
function bucketOf(address: number): number {
  return (address ^ (address >>> 8)) & (BUCKETS - 1);
}
