// A DHCP server: RFC 2131, section 4.3, with the client identifier echoed (RFC 6842), relays (giaddr, and their option 82,
// RFC 3046), and what network boot needs. Left out: BOOTP clients, probing an address before it is offered, forcerenew.
//
//   DISCOVER ──► OFFER                 REQUEST ──► ACK, NAK or silence, by what the client is doing:
//   INFORM ────► ACK, no lease           selecting    server identifier, requested address
//   RELEASE, DECLINE: no answer          init-reboot  requested address only
//                                        renewing     ciaddr, sent to us          rebinding   ciaddr, sent to all
//
// Silence is for what another server may know better. Every datagram is answered, taken, or dropped with a reason.

import type { Machine } from '../kernel/machine.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from '../net/device.ts';
import { ETH_ALEN, formatMac } from '../net/ether.ts';
import { formatAddress, INADDR_BROADCAST } from './address.ts';
import { ARPHRD_ETHER } from './arp.ts';
import { type Lease, LeaseTable } from './dhcp-leases.ts';
import {
  checkDhcpOptions,
  type DhcpServerOptions,
  type DhcpSettings,
  INFINITE_LEASE,
} from './dhcp-options.ts';
import {
  addressOption,
  BOOTREQUEST,
  DHCP_DATAGRAM_LIMIT,
  DHCP_SERVER_PORT,
  DHCPACK,
  DHCPDECLINE,
  DHCPDISCOVER,
  DHCPINFORM,
  DHCPOFFER,
  DHCPRELEASE,
  DHCPREQUEST,
  type DhcpFault,
  type DhcpMessage,
  OPTION_CLIENT_ID,
  OPTION_HOST_NAME,
  OPTION_LEASE_TIME,
  OPTION_REQUESTED_ADDRESS,
  OPTION_SERVER_ID,
  parseDhcp,
  secondsOption,
  textOf,
} from './dhcp-packet.ts';
import { DhcpReplies } from './dhcp-reply.ts';
import type { InetStack } from './stack.ts';
import type { UdpSocket } from './udp-socket.ts';

/** A client that asks for less than this gets this, or the longest lease when that is shorter. */
const SHORTEST_LEASE = 60;

/** Why a datagram had no effect. */
export type DhcpDrop =
  | DhcpFault
  /** Longer than any. */
  | 'long'
  | 'bootp'
  /** The pool is exhausted. */
  | 'noAddress'
  /** Of a network that is not served. */
  | 'otherNetwork'
  /** The client chose another server. */
  | 'otherServer'
  /** Asks for an address that nothing is known of. */
  | 'unknownClient'
  /** Gives back what it does not have. */
  | 'notTheirs'
  /** Without the fields that its type must have. */
  | 'incomplete'
  /** No buffer, no route, or too long an answer. */
  | 'answerFailed';

export interface DhcpServerCounters {
  received: number;
  discovers: number;
  requests: number;
  informs: number;
  declines: number;
  releases: number;
  offers: number;
  acks: number;
  naks: number;
  /** Declined and released addresses. */
  taken: number;
  /** Datagrams without effect. received = offers + acks + naks + taken + dropped. */
  dropped: number;
}

export interface LeaseRow {
  address: string;
  mac: string;
  name: string;
  state: Lease['state'];
  /** Until the state ends; null: never. */
  secondsLeft: number | null;
}

export class DhcpServer {
  readonly socket: UdpSocket;
  readonly counters: DhcpServerCounters = {
    received: 0,
    discovers: 0,
    requests: 0,
    informs: 0,
    declines: 0,
    releases: 0,
    offers: 0,
    acks: 0,
    naks: 0,
    taken: 0,
    dropped: 0,
  };
  readonly drops = new Map<DhcpDrop, number>();
  private readonly machine: Machine;
  private readonly stack: InetStack;
  private readonly device: NetDevice;
  private readonly settings: DhcpSettings;
  private readonly table: LeaseTable;
  private readonly replies: DhcpReplies;
  private readonly scratch = new Uint8Array(DHCP_DATAGRAM_LIMIT);

  /** Throws when the options do not fit together, or the port is taken on the device. */
  constructor(stack: InetStack, options: DhcpServerOptions) {
    this.stack = stack;
    this.machine = stack.machine;
    this.device = options.device;
    const settings = checkDhcpOptions(options, stack.interfaces);
    this.settings = settings;
    this.table = new LeaseTable(stack.machine, settings.first, settings.last, settings.excluded);
    this.socket = stack.udp.open(DHCP_SERVER_PORT, 0, options.device);
    this.socket.handler = (m) => this.receive(m);
    this.replies = new DhcpReplies(stack, this.socket, options.device, settings);
  }

  /** Leases of the past too, as long as nobody else has the address. */
  get leases(): LeaseRow[] {
    const now = this.machine.cpu.now();
    return this.table.list().map((lease) => ({
      address: formatAddress(lease.address),
      mac: formatMac(lease.chaddr),
      name: lease.name,
      state: lease.state,
      secondsLeft: lease.untilNs === Infinity ? null : Math.max(0, Math.round((lease.untilNs - now) / 1e9)),
    }));
  }

  /** Drops by reason, those that happened. */
  dropReport(): Record<string, number> {
    return Object.fromEntries(this.drops);
  }

  close(): void {
    this.socket.close();
    this.table.stop();
  }

  // ---- in

  /** Softirq. Takes the datagram. */
  private receive(m: Mbuf): void {
    const { mbufs } = this.machine;
    const length = m.packetLength;
    this.counters.received++;
    if (length <= DHCP_DATAGRAM_LIMIT) mbufs.copydata(m, 0, length, this.scratch, 0);
    mbufs.freem(m);
    const drop = length > DHCP_DATAGRAM_LIMIT ? 'long' : this.handle(parseDhcp(this.scratch, length));
    if (drop === null) return;
    this.counters.dropped++;
    this.drops.set(drop, (this.drops.get(drop) ?? 0) + 1);
  }

  private handle(message: DhcpMessage | DhcpFault): DhcpDrop | null {
    if (typeof message === 'string') return message;
    if (message.op !== BOOTREQUEST) return 'operation';
    if (message.htype !== ARPHRD_ETHER || message.chaddr.length !== ETH_ALEN) return 'hardware';
    // A group is no station, and an answer to it would reach many.
    if ((message.chaddr[0] & 1) !== 0) return 'hardware';
    if (message.type === 0) return 'bootp';
    if (!this.isServed(message)) return 'otherNetwork';
    switch (message.type) {
      case DHCPDISCOVER:
        this.counters.discovers++;
        return this.discover(message);
      case DHCPREQUEST:
        this.counters.requests++;
        return this.request(message);
      case DHCPINFORM:
        this.counters.informs++;
        return this.inform(message);
      case DHCPDECLINE:
        this.counters.declines++;
        return this.decline(message);
      case DHCPRELEASE:
        this.counters.releases++;
        return this.release(message);
      default:
        return 'type';
    }
  }

  /** By the relay's address, the one the client has, or the link it is on. */
  private isServed({ giaddr, ciaddr }: DhcpMessage): boolean {
    if (giaddr !== 0)
      return this.isInNetwork(giaddr) && !this.stack.interfaces.isBroadcast(giaddr, this.device);
    // Renewing through a router, it need not be on our link.
    if (ciaddr !== 0) return this.isInNetwork(ciaddr) || this.stack.interfaces.isOnLink(this.device, ciaddr);
    return this.isInNetwork(this.settings.address);
  }

  private isInNetwork(address: number): boolean {
    return ((address ^ this.settings.network) & this.settings.mask) === 0;
  }

  private discover(message: DhcpMessage): DhcpDrop | null {
    const client = clientKey(message);
    const address = this.addressFor(client, message);
    if (address === null) return 'noAddress';
    this.table.offer(client, address, message.chaddr, nameOf(message));
    return this.send(DHCPOFFER, message, address, this.leaseFor(message));
  }

  private addressFor(client: string, message: DhcpMessage): number | null {
    const reserved = this.reservedFor(message);
    // Whatever its identifier: firmware and system of one station often call themselves differently.
    if (reserved !== 0 && this.table.at(reserved)?.state !== 'declined') return reserved;
    return this.table.choose(client, addressOption(message.options, OPTION_REQUESTED_ADDRESS));
  }

  private request(message: DhcpMessage): DhcpDrop | null {
    const { options, ciaddr } = message;
    const server = addressOption(options, OPTION_SERVER_ID);
    const wanted = addressOption(options, OPTION_REQUESTED_ADDRESS);
    if (server !== 0) return this.selecting(message, server, wanted !== 0 ? wanted : ciaddr);
    if (ciaddr !== 0) return this.renewing(message);
    return wanted === 0 ? 'incomplete' : this.initReboot(message, wanted);
  }

  private selecting(message: DhcpMessage, server: number, wanted: number): DhcpDrop | null {
    const client = clientKey(message);
    if (server !== this.settings.address) {
      const lease = this.table.of(client);
      if (lease !== null && lease.state === 'offered') this.table.release(lease);
      return 'otherServer';
    }
    if (wanted === 0) return 'incomplete';
    const lease = this.table.of(client);
    const held = lease !== null && (lease.state === 'offered' || lease.state === 'bound');
    if (held ? lease.address === wanted : this.mayHave(message, wanted))
      return this.acknowledge(message, wanted);
    return this.refuse(message, `${formatAddress(wanted)} was not offered`);
  }

  /** The client remembers an address from before: right, wrong, or none of our business. */
  private initReboot(message: DhcpMessage, wanted: number): DhcpDrop | null {
    if (!this.isInNetwork(wanted))
      return this.refuse(message, `${formatAddress(wanted)} is of another network`);
    const lease = this.table.of(clientKey(message));
    const reserved = this.reservedFor(message);
    if (lease === null && reserved === 0 && !this.settings.authoritative) return 'unknownClient';
    if ((lease?.address === wanted || lease === null) && this.mayHave(message, wanted))
      return this.acknowledge(message, wanted);
    return this.refuse(message, `${formatAddress(wanted)} is not yours`);
  }

  private renewing(message: DhcpMessage): DhcpDrop | null {
    const { ciaddr, giaddr } = message;
    const lease = this.table.of(clientKey(message));
    if (lease !== null ? lease.address === ciaddr : this.reservedFor(message) === ciaddr)
      return this.mayHave(message, ciaddr)
        ? this.acknowledge(message, ciaddr)
        : this.refuse(message, `${formatAddress(ciaddr)} is not yours any more`);
    // Sent to us alone, it is a lease of ours that was forgotten: nobody else has it, so let the client keep it.
    const toUs = giaddr === 0 && this.socket.toAddress !== INADDR_BROADCAST;
    if (lease === null && (toUs || this.settings.authoritative) && this.mayHave(message, ciaddr))
      return this.acknowledge(message, ciaddr);
    const held = this.table.at(ciaddr)?.state === 'bound';
    if (toUs || held || this.settings.authoritative)
      return this.refuse(message, `${formatAddress(ciaddr)} is not yours`);
    return 'unknownClient';
  }

  private mayHave(message: DhcpMessage, address: number): boolean {
    const reserved = this.reservedFor(message);
    if (address === reserved) return this.table.at(address)?.state !== 'declined';
    return (
      reserved === 0 && this.table.isInPool(address) && this.table.isFreeFor(clientKey(message), address)
    );
  }

  private acknowledge(message: DhcpMessage, address: number): DhcpDrop | null {
    const seconds = this.leaseFor(message);
    const forSeconds = seconds === INFINITE_LEASE ? Infinity : seconds;
    this.table.bind(clientKey(message), address, message.chaddr, nameOf(message), forSeconds);
    return this.send(DHCPACK, message, address, seconds);
  }

  private refuse(message: DhcpMessage, why: string): DhcpDrop | null {
    if (!this.replies.nak(message, why)) return 'answerFailed';
    this.counters.naks++;
    return null;
  }

  private inform(message: DhcpMessage): DhcpDrop | null {
    const { ciaddr } = message;
    if (ciaddr === 0) return 'incomplete';
    // The answer goes there: it must be one station.
    if (this.stack.interfaces.isBroadcast(ciaddr, this.device) || ciaddr === this.settings.address)
      return 'notTheirs';
    return this.send(DHCPACK, message, 0, 0);
  }

  private decline(message: DhcpMessage): DhcpDrop | null {
    const lease = this.theirs(message, addressOption(message.options, OPTION_REQUESTED_ADDRESS));
    if (lease === null) return 'notTheirs';
    this.machine.log(
      `dhcp: ${formatMac(message.chaddr)} says that somebody else uses ${formatAddress(lease.address)}`,
    );
    this.table.decline(lease);
    this.counters.taken++;
    return null;
  }

  private release(message: DhcpMessage): DhcpDrop | null {
    const lease = this.theirs(message, message.ciaddr);
    if (lease === null) return 'notTheirs';
    this.table.release(lease);
    this.counters.taken++;
    return null;
  }

  /** The lease that a client gives up, when it is that client's and from us. */
  private theirs(message: DhcpMessage, address: number): Lease | null {
    const server = addressOption(message.options, OPTION_SERVER_ID);
    const lease = this.table.of(clientKey(message));
    if (lease === null || lease.address !== address || server !== this.settings.address) return null;
    return lease.state === 'bound' || lease.state === 'offered' ? lease : null;
  }

  private reservedFor(message: DhcpMessage): number {
    return this.settings.reservations.get(formatMac(message.chaddr)) ?? 0;
  }

  private leaseFor({ options }: DhcpMessage): number {
    const { leaseSeconds } = this.settings;
    const asked = secondsOption(options, OPTION_LEASE_TIME) ?? leaseSeconds;
    return Math.min(leaseSeconds, Math.max(asked, SHORTEST_LEASE));
  }

  /** Sends an offer or an acknowledgement. */
  private send(type: number, message: DhcpMessage, address: number, seconds: number): DhcpDrop | null {
    if (!this.replies.send(type, message, address, seconds)) return 'answerFailed';
    if (type === DHCPOFFER) this.counters.offers++;
    else this.counters.acks++;
    return null;
  }
}

/** Whose message it is: the client identifier, else the hardware address (RFC 2131, 4.2). */
export function clientKey({ options, htype, chaddr }: DhcpMessage): string {
  const id = options.get(OPTION_CLIENT_ID);
  return id === undefined ? `${htype}/${formatMac(chaddr)}` : `id/${id.join('.')}`;
}

function nameOf({ options }: DhcpMessage): string {
  // For people: nothing that moves a terminal's cursor.
  return textOf(options.get(OPTION_HOST_NAME) ?? new Uint8Array(0)).replace(/[^\x20-\x7e]/g, '?');
}
