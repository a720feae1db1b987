// The leases of a DHCP server: which address is whose, and which one a client gets (RFC 2131, 4.3.1).
//
//   (never used) ──► offered ──► bound ──────► released, expired ──► given to somebody else, the oldest first
//                       │ 30 s     │ DECLINE              ▲
//                       └──────────┼──────────────────────┤ the address stays the client's while nobody needs it
//                                  └──► declined ─────────┘ after an hour: somebody else uses it
//
// One record an address, so that there are never more than the pool has addresses, whatever clients call themselves.

import { Callout } from '../kernel/callout.ts';
import type { Machine } from '../kernel/machine.ts';

/** How long an offer holds; clients choose within seconds. */
export const OFFER_NS = 30_000_000_000;
/** How long a declined address is set aside. */
export const DECLINED_NS = 3_600_000_000_000;
/** Deadlines are looked at no more often; a lease may last that much longer, never shorter. */
const TICK_NS = 1_000_000_000;

export type LeaseState = 'offered' | 'bound' | 'released' | 'expired' | 'declined';

export interface Lease {
  /** int32. */
  readonly address: number;
  /** Who holds or held it: the client identifier or hardware address, as `clientKey` writes it; '' for nobody. */
  client: string;
  chaddr: Uint8Array;
  /** What the client calls itself (option 12). */
  name: string;
  state: LeaseState;
  /** When the state ends, on the machine's clock; Infinity: never. */
  untilNs: number;
}

export class LeaseTable {
  private readonly machine: Machine;
  private readonly last: number;
  /** Addresses, int32, that nobody gets from the pool. */
  private readonly excluded: ReadonlySet<number>;
  private readonly byAddress = new Map<number, Lease>();
  private readonly byClient = new Map<string, Lease>();
  /** Released and expired ones, the oldest first. */
  private readonly lapsed = new Map<number, Lease>();
  private readonly first: number;
  /** No address below it is without a record, 0 to 2^32. */
  private nextUnused: number;
  private readonly callout: Callout;
  private armedForNs = Infinity;

  /** Pool from `first` to `last`, both included, 0 to 2^32 - 1. */
  constructor(machine: Machine, first: number, last: number, excluded: ReadonlySet<number>) {
    this.machine = machine;
    this.first = first;
    this.last = last;
    this.excluded = excluded;
    this.nextUnused = first;
    this.callout = new Callout(machine, 'dhcp leases', () => this.tick());
  }

  /** All records, by address. */
  list(): Lease[] {
    return [...this.byAddress.values()].sort((a, b) => (a.address >>> 0) - (b.address >>> 0));
  }

  of(client: string): Lease | null {
    return this.byClient.get(client) ?? null;
  }

  at(address: number): Lease | null {
    return this.byAddress.get(address) ?? null;
  }

  /** Whether the client may have the address: it is the client's own, or nobody's. */
  isFreeFor(client: string, address: number): boolean {
    const lease = this.byAddress.get(address);
    if (lease === undefined) return true;
    // A declined one has no client, and is nobody's all the same.
    return lease.client === client || lease.state === 'released' || lease.state === 'expired';
  }

  /** The address is in the pool and not kept for something else. */
  isInPool(address: number): boolean {
    const place = address >>> 0;
    return place >= this.first && place <= this.last && !this.excluded.has(address);
  }

  /** The pool's address for a client: the one it has or had, the one it asks for (0: none), any. Null: none is left. */
  choose(client: string, requested: number): number | null {
    const own = this.byClient.get(client);
    if (own !== undefined && this.isInPool(own.address)) return own.address;
    if (requested !== 0 && this.isInPool(requested) && this.isFreeFor(client, requested)) return requested;
    while (this.nextUnused <= this.last) {
      const address = this.nextUnused | 0;
      if (!this.byAddress.has(address) && !this.excluded.has(address)) return address;
      this.nextUnused++;
    }
    for (const lease of this.lapsed.values()) if (this.isInPool(lease.address)) return lease.address;
    return null;
  }

  /** Keeps the address for the client until it has chosen. What is bound to it already stays bound. */
  offer(client: string, address: number, chaddr: Uint8Array, name: string): void {
    const lease = this.byAddress.get(address);
    if (lease !== undefined && lease.client === client && lease.state === 'bound') return;
    this.record(client, address, chaddr, name, 'offered', OFFER_NS);
  }

  /** The client has the address for `seconds`; Infinity: for ever. */
  bind(client: string, address: number, chaddr: Uint8Array, name: string, seconds: number): void {
    this.record(client, address, chaddr, name, 'bound', seconds * 1e9);
  }

  /** The client gives it back, or chose another server's offer. It gets the same again if it comes back in time. */
  release(lease: Lease): void {
    this.lapse(lease, 'released');
  }

  /** Somebody else uses the address: nobody gets it for a while. */
  decline(lease: Lease): void {
    this.byClient.delete(lease.client);
    this.lapsed.delete(lease.address);
    lease.client = '';
    lease.state = 'declined';
    lease.untilNs = this.machine.cpu.now() + DECLINED_NS;
    this.arm(lease.untilNs);
  }

  stop(): void {
    this.callout.stop();
  }

  private record(
    client: string,
    address: number,
    chaddr: Uint8Array,
    name: string,
    state: LeaseState,
    forNs: number,
  ): void {
    const before = this.byClient.get(client);
    // One address a client: the one it had is for others now.
    if (before !== undefined && before.address !== address) {
      this.byClient.delete(client);
      this.lapse(before, 'released');
      before.client = '';
    }
    let lease = this.byAddress.get(address);
    if (lease === undefined) {
      lease = { address, client, chaddr, name, state, untilNs: 0 };
      this.byAddress.set(address, lease);
    } else if (lease.client !== client) this.byClient.delete(lease.client);
    this.lapsed.delete(address);
    lease.client = client;
    lease.chaddr = chaddr;
    lease.name = name;
    lease.state = state;
    lease.untilNs = this.machine.cpu.now() + forNs;
    this.byClient.set(client, lease);
    this.arm(lease.untilNs);
  }

  private lapse(lease: Lease, state: 'released' | 'expired'): void {
    lease.state = state;
    lease.untilNs = Infinity;
    this.lapsed.delete(lease.address);
    this.lapsed.set(lease.address, lease);
  }

  private arm(timeNs: number): void {
    if (timeNs === Infinity || (this.callout.pending && timeNs >= this.armedForNs)) return;
    this.armedForNs = timeNs;
    this.callout.reset(Math.max(TICK_NS, timeNs - this.machine.cpu.now()));
  }

  /** Softirq: the earliest deadline has come. */
  private tick(): void {
    const now = this.machine.cpu.now();
    let next = Infinity;
    for (const lease of this.byAddress.values()) {
      if (lease.untilNs <= now) this.lapse(lease, 'expired');
      else if (lease.untilNs < next) next = lease.untilNs;
    }
    this.armedForNs = Infinity;
    this.arm(next);
  }
}
