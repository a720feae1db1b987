// A DHCP client: RFC 2131, section 4.4. It gives its device an address and a default route, renews them, and takes them
// away when the lease is over. Left out: INIT-REBOOT (nothing is remembered over a restart), probing the address, INFORM.
//
//   init ──DISCOVER──► selecting ──REQUEST──► requesting ──ACK──► bound ──T1──► renewing ──T2──► rebinding
//    ▲                     ▲ OFFER                │                 ▲              │ ACK           │ ACK
//    │                                            │ NAK             └──────────────┴───────────────┤
//    └────────────────────────────────────────────┴──────────────── NAK, or the lease is over ─────┘

import { Callout } from '../kernel/callout.ts';
import type { Random } from '../kernel/random.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from '../net/device.ts';
import { formatAddress, formatNetwork, INADDR_BROADCAST } from './address.ts';
import { ARPHRD_ETHER } from './arp.ts';
import { type DhcpLease, leaseFrom } from './dhcp-lease.ts';
import {
  BOOTREPLY,
  BOOTREQUEST,
  buildDhcp,
  bytesOf,
  DHCP_BROADCAST,
  DHCP_DATAGRAM_LIMIT,
  DHCP_MAX_BYTES,
  DHCP_SERVER_PORT,
  DHCPACK,
  DHCPDISCOVER,
  DHCPNAK,
  DHCPOFFER,
  DHCPRELEASE,
  DHCPREQUEST,
  type DhcpMessage,
  type DhcpOptions,
  OPTION_CLIENT_ID,
  OPTION_DNS,
  OPTION_HOST_NAME,
  OPTION_LEASE_TIME,
  OPTION_MASK,
  OPTION_PARAMETERS,
  OPTION_REQUESTED_ADDRESS,
  OPTION_ROUTER,
  OPTION_SERVER_ID,
  parseDhcp,
  wordsOf,
} from './dhcp-packet.ts';
import { BOOTPC_PORT } from './ipv4.ts';
import type { Route } from './route.ts';
import type { InetStack } from './stack.ts';
import type { UdpSocket } from './udp-socket.ts';

const SECOND_NS = 1_000_000_000;
/** First wait for an answer; doubled up to the last, a second more or less (RFC 2131, 4.1). */
const FIRST_WAIT_S = 4;
const LAST_WAIT_S = 64;
/** REQUESTs without an answer before it starts again. */
const REQUEST_TRIES = 4;
/** After a NAK or an answer that is of no use, so that a bad server is not asked as fast as it answers. */
const START_AGAIN_S = 10;
/** Between two REQUESTs of a renewal (4.4.5). */
const RENEWAL_WAIT_S = 60;
/** While the device is down or has no carrier. */
const NO_LINK_WAIT_S = 1;

export type DhcpClientState =
  | 'init'
  | 'selecting'
  | 'requesting'
  | 'bound'
  | 'renewing'
  | 'rebinding'
  | 'stopped';

export interface DhcpClientOptions {
  /** What it calls itself (option 12). */
  hostName?: string;
  /** Option 61; the hardware address says who it is unless told. */
  clientId?: Uint8Array;
  /** Asks for answers to all stations. This stack does not need that. */
  broadcast?: boolean;
  /** Seconds it asks for. */
  leaseSeconds?: number;
  /** An address it would like. */
  wanted?: number;
  /** Called when the lease came, changed or went (null). Softirq. */
  changed?: (lease: DhcpLease | null) => void;
}

export class DhcpClient {
  readonly socket: UdpSocket;
  state: DhcpClientState = 'init';
  /** What it has; null without a lease. */
  lease: DhcpLease | null = null;
  readonly counters = { sent: 0, received: 0, ignored: 0, naks: 0, expired: 0, sendFailed: 0 };
  private readonly stack: InetStack;
  private readonly device: NetDevice;
  private readonly options: DhcpClientOptions;
  private readonly random: Random;
  private readonly callout: Callout;
  private readonly scratch = new Uint8Array(DHCP_DATAGRAM_LIMIT);
  private offer: DhcpLease | null = null;
  private xid = 0;
  private tries = 0;
  private startedNs = 0;

  /** Starts at once. Throws when the device has a client already. */
  constructor(stack: InetStack, device: NetDevice, options: DhcpClientOptions = {}) {
    this.stack = stack;
    this.device = device;
    this.options = options;
    if (options.hostName !== undefined) bytesOf(options.hostName);
    this.random = stack.machine.random(`dhcp ${device.name}`);
    this.socket = stack.udp.open(BOOTPC_PORT, 0, device);
    this.socket.handler = (m) => this.receive(m);
    this.callout = new Callout(stack.machine, `dhcp client ${device.name}`, () => this.timeout());
    this.callout.reset(0);
  }

  /** Gives the lease back. Process context. */
  stop(): void {
    if (this.state === 'stopped') return;
    if (this.lease !== null) {
      this.xid = this.random.next32();
      const options: DhcpOptions = new Map([[OPTION_SERVER_ID, wordsOf(this.lease.server)]]);
      this.send(DHCPRELEASE, options, this.lease.address, this.lease.server);
    }
    this.drop();
    this.state = 'stopped';
    this.callout.stop();
    this.socket.close();
    this.configure(false);
  }

  // ---- in

  /** Softirq. Takes the datagram. */
  private receive(m: Mbuf): void {
    const { mbufs } = this.stack.machine;
    const length = m.packetLength;
    if (length <= DHCP_DATAGRAM_LIMIT) mbufs.copydata(m, 0, length, this.scratch, 0);
    mbufs.freem(m);
    this.counters.received++;
    const message = parseDhcp(this.scratch, Math.min(length, DHCP_DATAGRAM_LIMIT));
    if (typeof message === 'string' || !this.isOurs(message) || !this.answer(message))
      this.counters.ignored++;
  }

  private isOurs({ op, xid, chaddr }: DhcpMessage): boolean {
    if (op !== BOOTREPLY || xid !== this.xid || chaddr.length !== this.device.address.length) return false;
    return chaddr.every((byte, i) => byte === this.device.address[i]);
  }

  /** False: of no use in this state. */
  private answer(message: DhcpMessage): boolean {
    const waiting = this.state === 'requesting' || this.state === 'renewing' || this.state === 'rebinding';
    if (message.type === DHCPNAK && waiting) {
      this.counters.naks++;
      this.startAgain();
      return true;
    }
    const lease = leaseFrom(message);
    if (lease === null) return false;
    if (message.type === DHCPOFFER && this.state === 'selecting') {
      this.offer = lease;
      this.state = 'requesting';
      this.tries = 0;
      this.request();
      return true;
    }
    if (message.type !== DHCPACK || !waiting) return false;
    this.bind(lease);
    return true;
  }

  private bind(lease: DhcpLease): void {
    const { lease: before, stack, device } = this;
    if (before === null || before.address !== lease.address || before.prefix !== lease.prefix) {
      this.drop();
      try {
        stack.addAddress(device, formatNetwork(lease.address, lease.prefix));
      } catch (error) {
        stack.machine.log(`dhcp: ${(error as Error).message}`);
        this.startAgain();
        return;
      }
      this.addRouter(lease.router);
    }
    this.lease = lease;
    this.state = 'bound';
    // Its station address, ahead of the day when the lease is given back and nobody waits for an answer any more.
    stack.ipv4.resolve(lease.server);
    this.startedNs = stack.machine.cpu.now();
    this.configure(false);
    this.offer = null;
    if (lease.seconds === Infinity) this.callout.stop();
    else this.wait(lease.renewalSeconds);
    this.options.changed?.(lease);
  }

  private addRouter(router: number): void {
    if (router === 0) return;
    try {
      this.stack.addRoute('default', formatAddress(router));
    } catch (error) {
      this.stack.machine.log(`dhcp: ${(error as Error).message}`);
    }
  }

  // ---- time

  /** Softirq. */
  private timeout(): void {
    switch (this.state) {
      case 'init':
      case 'selecting':
        this.discover();
        return;
      case 'requesting':
        if (this.tries >= REQUEST_TRIES) this.startAgain(0);
        else this.request();
        return;
      case 'stopped':
        return;
      default:
        this.renew();
    }
  }

  private discover(): void {
    if (!this.device.canTransmit) {
      this.wait(NO_LINK_WAIT_S);
      return;
    }
    if (this.state === 'init') {
      this.state = 'selecting';
      this.tries = 0;
      this.xid = this.random.next32();
      this.startedNs = this.stack.machine.cpu.now();
      this.configure(true);
    }
    const options: DhcpOptions = new Map();
    const { wanted } = this.options;
    if (wanted !== undefined) options.set(OPTION_REQUESTED_ADDRESS, wordsOf(wanted));
    this.send(DHCPDISCOVER, options, 0, INADDR_BROADCAST);
    this.waitForAnswer();
  }

  private request(): void {
    const { offer } = this;
    if (offer === null) return;
    const options: DhcpOptions = new Map([
      [OPTION_SERVER_ID, wordsOf(offer.server)],
      [OPTION_REQUESTED_ADDRESS, wordsOf(offer.address)],
    ]);
    this.send(DHCPREQUEST, options, 0, INADDR_BROADCAST);
    this.waitForAnswer();
  }

  /** Bound, renewing, rebinding: what the age of the lease says. */
  private renew(): void {
    const { lease } = this;
    if (lease === null) return;
    const age = (this.stack.machine.cpu.now() - this.startedNs) / SECOND_NS;
    if (age >= lease.seconds) {
      this.counters.expired++;
      this.startAgain(0);
      return;
    }
    if (this.state === 'bound') this.xid = this.random.next32();
    this.state = age < lease.rebindingSeconds ? 'renewing' : 'rebinding';
    const until = this.state === 'renewing' ? lease.rebindingSeconds : lease.seconds;
    const to = this.state === 'renewing' ? lease.server : INADDR_BROADCAST;
    this.send(DHCPREQUEST, new Map(), lease.address, to);
    this.wait(Math.min(until - age, Math.max(RENEWAL_WAIT_S, (until - age) / 2)));
  }

  private startAgain(afterSeconds = START_AGAIN_S): void {
    this.drop();
    this.offer = null;
    this.state = 'init';
    this.wait(afterSeconds);
  }

  private waitForAnswer(): void {
    const seconds = Math.min(FIRST_WAIT_S << Math.min(this.tries, 4), LAST_WAIT_S);
    this.tries++;
    this.wait(seconds - 1 + 2 * this.random.float());
  }

  private wait(seconds: number): void {
    this.callout.reset(Math.ceil(seconds * SECOND_NS));
  }

  // ---- out

  /** The address, and the routes that came with it, go. */
  private drop(): void {
    const { lease } = this;
    if (lease === null) return;
    this.lease = null;
    // Somebody may have taken it away by hand.
    if (this.stack.interfaces.findOn(this.device, lease.address) !== null)
      this.stack.removeAddress(this.device, formatNetwork(lease.address, lease.prefix));
    this.options.changed?.(null);
  }

  /** Whether datagrams to an address that is not the device's yet are taken. */
  private configure(on: boolean): void {
    const { configuring } = this.stack.interfaces;
    const at = configuring.indexOf(this.device);
    if (on && at < 0) configuring.push(this.device);
    else if (!on && at >= 0) configuring.splice(at, 1);
  }

  private send(type: number, options: DhcpOptions, ciaddr: number, to: number): void {
    const { stack, device, socket } = this;
    const { hostName, clientId, leaseSeconds, broadcast } = this.options;
    if (clientId !== undefined) options.set(OPTION_CLIENT_ID, clientId);
    if (type !== DHCPRELEASE) {
      if (hostName !== undefined) options.set(OPTION_HOST_NAME, bytesOf(hostName));
      if (leaseSeconds !== undefined) options.set(OPTION_LEASE_TIME, wordsOf(leaseSeconds));
      options.set(OPTION_PARAMETERS, Uint8Array.of(OPTION_MASK, OPTION_ROUTER, OPTION_DNS));
    }
    const length = buildDhcp(
      {
        op: BOOTREQUEST,
        htype: ARPHRD_ETHER,
        hops: 0,
        xid: this.xid,
        secs: Math.min(0xffff, Math.floor((stack.machine.cpu.now() - this.startedNs) / SECOND_NS)),
        flags: broadcast === true && ciaddr === 0 ? DHCP_BROADCAST : 0,
        ciaddr,
        yiaddr: 0,
        siaddr: 0,
        giaddr: 0,
        chaddr: device.address,
        sname: '',
        file: '',
        type,
        options,
      },
      this.scratch.subarray(0, DHCP_MAX_BYTES),
    );
    const m = stack.udp.alloc(length);
    if (m === null) {
      this.counters.sendFailed++;
      return;
    }
    stack.machine.mbufs.copyback(m, 0, this.scratch, 0, length);
    const via: Route = { network: 0, mask: 0, prefix: 0, gateway: 0, device, source: ciaddr };
    const sent =
      to === INADDR_BROADCAST
        ? socket.sendVia(m, via, to, DHCP_SERVER_PORT, null)
        : socket.sendPacket(m, to, DHCP_SERVER_PORT);
    if (sent) this.counters.sent++;
    else this.counters.sendFailed++;
  }
}
