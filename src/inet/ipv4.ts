// IPv4: RFC 791, with the host rules of RFC 1122, 3.2 and the router rules of RFC 1812, 4.2 and 5.2. Left out: reassembly
// and fragmentation (a fragment for us is dropped and counted; what we send says "don't fragment"), options (skipped;
// source routes are not followed), redirects, reverse path checks.
//
//    0                   1                   2                   3
//    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//   +-------+-------+---------------+-------------------------------+
//   |version| IHL   | TOS           | total length                  |  0
//   +-------+-------+---------------+-----+-------------------------+
//   | identification                |0|D|M| fragment offset         |  4
//   +---------------+---------------+-----+-------------------------+
//   | TTL           | protocol      | header checksum               |  8
//   +---------------+---------------+-------------------------------+
//   | source address                                                | 12
//   +---------------------------------------------------------------+
//   | destination address                                           | 16
//   +---------------------------------------------------------------+ 20, options to 4 * IHL

import { M_CSUM_IPv4, M_CSUM_IPv4_BAD, type Mbuf, PACKET_HOST, PACKET_OTHERHOST } from '../mbuf/mbuf.ts';
import { internetChecksum } from '../net/checksum.ts';
import type { NetDevice } from '../net/device.ts';
import {
  DROP_IP_CSUM,
  DROP_IP_FRAGMENT,
  DROP_IP_INADDRERRORS,
  DROP_IP_INHDR,
  DROP_IP_INVALID_SOURCE,
  DROP_IP_NEEDFRAG,
  DROP_IP_NOPROTO,
  DROP_NO_ROUTE,
  DROP_OTHERHOST,
  DROP_PROTO_MEM,
  DROP_TTL_EXCEEDED,
} from '../net/drop-reason.ts';
import { BROADCAST_ADDRESS, ETH_ALEN, ETH_P_IP } from '../net/ether.ts';
import {
  INADDR_BROADCAST,
  isLoopback,
  isMartian,
  isMulticast,
  readAddress,
  writeAddress,
} from './address.ts';
import type { Core } from './core.ts';
import { ethernetOutput, groupStation } from './ethernet.ts';
import { type InterfaceAddress, type Interfaces, RTN_UNICAST } from './interfaces.ts';
import type { NeighbourCache } from './neighbour.ts';
import type { Route, RouteTable } from './route.ts';

export const IP_HLEN = 20;
export const IP_TTL_DEFAULT = 64;
export const IPPROTO_ICMP = 1;
export const IPPROTO_UDP = 17;
/** UDP port of DHCP clients. */
export const BOOTPC_PORT = 68;

const IP_DF = 0x4000;
const IP_MF = 0x2000;
const IP_OFFMASK = 0x1fff;

/** ip_tos2prio: the queueing priority that the four TOS bits of a forwarded packet ask for. */
const PRIORITY_BY_TOS = [0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4] as const;

/** Takes a packet for this machine that starts with its IP header, `headerLength` bytes long, contiguous and right. */
export type ProtocolHandler = (m: Mbuf, device: NetDevice, headerLength: number) => void;

/** Why a packet could not be forwarded, for those who tell its sender (ICMP). Lent. */
export interface ForwardErrors {
  timeExceeded(m: Mbuf): void;
  noRoute(m: Mbuf): void;
  tooBig(m: Mbuf, mtu: number): void;
}

export interface Ipv4Counters {
  received: number;
  delivered: number;
  forwarded: number;
  sent: number;
}

export class Ipv4 {
  /** Whether packets for others go on (net.ipv4.ip_forward). */
  forwarding = false;
  readonly counters: Ipv4Counters = { received: 0, delivered: 0, forwarded: 0, sent: 0 };
  errors: ForwardErrors | null = null;
  /** The device that packets to our own addresses go over; null: they have no route. */
  loopback: NetDevice | null = null;
  private readonly core: Core;
  private readonly interfaces: Interfaces;
  private readonly routes: RouteTable;
  private readonly neighbours: NeighbourCache;
  private readonly handlers: (ProtocolHandler | null)[] = new Array(256).fill(null);
  private readonly groupTo = new Uint8Array(ETH_ALEN);
  private identification = 0;
  private lastToSelf: Route | null = null;

  constructor(core: Core, interfaces: Interfaces, routes: RouteTable, neighbours: NeighbourCache) {
    this.core = core;
    this.interfaces = interfaces;
    this.routes = routes;
    this.neighbours = neighbours;
  }

  /** Sets who takes packets of a protocol; null for nobody. */
  setHandler(protocol: number, handler: ProtocolHandler | null): void {
    this.handlers[protocol] = handler;
  }

  // ---- in

  /** Packet type function of ETH_P_IP (ip_rcv). */
  readonly receive = (received: Mbuf, device: NetDevice): void => {
    const { machine, account } = this.core;
    const { cpu, mbufs } = machine;
    cpu.charge(cpu.profile.layer);
    account.received++;
    this.counters.received++;
    if (received.packetType === PACKET_OTHERHOST) {
      account.drop(received, device, DROP_OTHERHOST);
      return;
    }
    if (received.packetLength < IP_HLEN) {
      account.drop(received, device, DROP_IP_INHDR);
      return;
    }
    let m: Mbuf | null = received.length >= IP_HLEN ? received : mbufs.pullup(received, IP_HLEN);
    if (m === null) {
      account.lost(device);
      return;
    }
    const { u8 } = machine.memory;
    const headerLength = (u8[m.data] & 0x0f) << 2;
    if (u8[m.data] >> 4 !== 4 || headerLength < IP_HLEN || headerLength > m.packetLength) {
      account.drop(m, device, DROP_IP_INHDR);
      return;
    }
    if (m.length < headerLength) {
      m = mbufs.pullup(m, headerLength);
      if (m === null) {
        account.lost(device);
        return;
      }
    }
    this.receiveHeader(m, device, headerLength);
  };

  /** The header is there in whole: is it right, and whose is the packet? */
  private receiveHeader(m: Mbuf, device: NetDevice, headerLength: number): void {
    const { machine, account } = this.core;
    const { u8 } = machine.memory;
    if (!this.checksumIsRight(m, headerLength)) {
      account.drop(m, device, DROP_IP_CSUM);
      return;
    }
    const totalLength = (u8[m.data + 2] << 8) | u8[m.data + 3];
    if (totalLength < headerLength || totalLength > m.packetLength) {
      account.drop(m, device, DROP_IP_INHDR);
      return;
    }
    // Padding of a short frame.
    if (totalLength < m.packetLength) machine.mbufs.adj(m, totalLength - m.packetLength);
    const source = readAddress(u8, m.data + 12);
    const destination = readAddress(u8, m.data + 16);
    // From ourselves to ourselves even 127.0.0.1 may come; and who has no address yet may call all (RFC 1122, 3.2.1.3).
    const nobody = source === 0 && destination === INADDR_BROADCAST;
    if (isMartian(source) && !nobody && device !== this.loopback) {
      account.drop(m, device, DROP_IP_INVALID_SOURCE);
      return;
    }
    const kind =
      isLoopback(destination) && device !== this.loopback
        ? RTN_UNICAST
        : this.interfaces.classify(destination, device);
    if (kind !== RTN_UNICAST || this.isForConfiguration(m, device, headerLength))
      this.deliver(m, device, headerLength);
    else if (this.forwarding && m.packetType === PACKET_HOST && !isMartian(destination))
      this.forward(m, destination);
    else account.drop(m, device, DROP_IP_INADDRERRORS);
  }

  /**
   * A DHCP server's answer to a station that has no address yet, sent to the one it is to have: 2 bytes of UDP's
   * destination port tell it (RFC 2131, 4.1).
   */
  private isForConfiguration(m: Mbuf, device: NetDevice, headerLength: number): boolean {
    if (m.packetType !== PACKET_HOST || !this.interfaces.configuring.includes(device)) return false;
    const { u8 } = this.core.machine.memory;
    const at = m.data + headerLength;
    if (u8[m.data + 9] !== IPPROTO_UDP || m.length < headerLength + 4) return false;
    return ((u8[at + 2] << 8) | u8[at + 3]) === BOOTPC_PORT;
  }

  private checksumIsRight(m: Mbuf, headerLength: number): boolean {
    const { machine } = this.core;
    const { cpu } = machine;
    if ((m.checksumFlags & M_CSUM_IPv4) !== 0) return (m.checksumFlags & M_CSUM_IPv4_BAD) === 0;
    cpu.charge(cpu.profile.checksumByte * headerLength);
    return internetChecksum(machine.memory.u8, m.data, headerLength) === 0;
  }

  private deliver(m: Mbuf, device: NetDevice, headerLength: number): void {
    const { machine, account } = this.core;
    const { u8 } = machine.memory;
    const fragment = (u8[m.data + 6] << 8) | u8[m.data + 7];
    if ((fragment & (IP_MF | IP_OFFMASK)) !== 0) {
      account.drop(m, device, DROP_IP_FRAGMENT);
      return;
    }
    const handler = this.handlers[u8[m.data + 9]];
    if (handler === null) {
      account.drop(m, device, DROP_IP_NOPROTO);
      return;
    }
    this.counters.delivered++;
    handler(m, device, headerLength);
  }

  // ---- through

  /** ip_forward: no allocation, one word of the header changes and the checksum with it. Takes the packet. */
  private forward(m: Mbuf, destination: number): void {
    const { machine, account } = this.core;
    const { cpu } = machine;
    const from = m.device as NetDevice;
    cpu.charge(cpu.profile.layer);
    const { u8 } = machine.memory;
    if (u8[m.data + 8] <= 1) {
      this.errors?.timeExceeded(m);
      account.drop(m, from, DROP_TTL_EXCEEDED);
      return;
    }
    const route = this.routes.lookup(destination);
    if (route === null) {
      this.errors?.noRoute(m);
      account.drop(m, from, DROP_NO_ROUTE);
      return;
    }
    const { device } = route;
    // A packet to all stations of another subnet stays here (RFC 2644).
    if (this.interfaces.isBroadcast(destination, device)) {
      account.drop(m, from, DROP_IP_INADDRERRORS);
      return;
    }
    if (m.packetLength > device.mtu) {
      this.errors?.tooBig(m, device.mtu);
      account.drop(m, from, DROP_IP_NEEDFRAG);
      return;
    }
    if (!m.writable && !machine.mbufs.makeWritable(m, 0, IP_HLEN)) {
      account.drop(m, from, DROP_PROTO_MEM);
      return;
    }
    decrementTtl(u8, m.data);
    // What a device said about the packet's checksums on the way in would be an order to fill them in on the way out.
    m.checksumFlags = 0;
    m.priority = PRIORITY_BY_TOS[(u8[m.data + 1] & 0x1e) >> 1];
    this.counters.forwarded++;
    this.toLink(m, device, route.gateway === 0 ? destination : route.gateway);
  }

  // ---- out

  /** Asks for the next hop's station address ahead of packets; true when it is known, or will not be. */
  resolve(destination: number): boolean {
    const route = this.route(destination);
    if (route === null || route.device === this.loopback || isMulticast(destination)) return true;
    const nextHop = route.gateway === 0 ? destination : route.gateway;
    return (
      this.interfaces.isBroadcast(nextHop, route.device) || this.neighbours.resolve(route.device, nextHop)
    );
  }

  /** The route for an int32 address; group and broadcast addresses without one go over the first device with an address. */
  route(destination: number): Route | null {
    // Nobody's address: it must not go to the default gateway.
    if (destination === 0) return null;
    const own = this.interfaces.find(destination);
    if (own !== null) return this.routeToSelf(own);
    const route = this.routes.lookup(destination);
    if (route !== null || (destination !== -1 && !isMulticast(destination))) return route;
    for (const candidate of this.routes.routes)
      if (candidate.gateway === 0 && candidate.device.up) return candidate;
    return null;
  }

  /** Made anew only when the loopback device or the address changed. */
  private routeToSelf(own: InterfaceAddress): Route | null {
    const device = this.loopback;
    if (device === null || !device.up) return null;
    const { address } = own;
    const last = this.lastToSelf;
    if (last !== null && last.source === address && last.device === device) return last;
    this.lastToSelf = { network: address, mask: -1, prefix: 32, gateway: 0, device, source: address };
    return this.lastToSelf;
  }

  /**
   * Puts a header in front of the packet and sends it over `route`. Takes it. `station`: to this one on the link, without
   * asking for the next hop's.
   */
  send(
    packet: Mbuf,
    route: Route,
    source: number,
    destination: number,
    protocol: number,
    ttl: number,
    tos: number,
    station: Uint8Array | null = null,
  ): void {
    const { machine, account } = this.core;
    const { cpu } = machine;
    const { device } = route;
    cpu.charge(cpu.profile.layer);
    if (packet.packetLength + IP_HLEN > device.mtu) {
      account.drop(packet, device, DROP_IP_NEEDFRAG);
      return;
    }
    const m = machine.mbufs.prepend(packet, IP_HLEN);
    if (m === null) {
      account.lost(device);
      return;
    }
    const { u8 } = machine.memory;
    const at = m.data;
    const length = m.packetLength;
    this.identification = (this.identification + 1) & 0xffff;
    u8[at] = 0x45;
    u8[at + 1] = tos;
    u8[at + 2] = length >> 8;
    u8[at + 3] = length & 0xff;
    u8[at + 4] = this.identification >> 8;
    u8[at + 5] = this.identification & 0xff;
    u8[at + 6] = IP_DF >> 8;
    u8[at + 7] = 0;
    u8[at + 8] = ttl;
    u8[at + 9] = protocol;
    u8[at + 10] = 0;
    u8[at + 11] = 0;
    writeAddress(u8, at + 12, source);
    writeAddress(u8, at + 16, destination);
    const checksum = internetChecksum(u8, at, IP_HLEN);
    u8[at + 10] = checksum >> 8;
    u8[at + 11] = checksum & 0xff;
    this.counters.sent++;
    if (station !== null) ethernetOutput(this.core, m, device, station, 0, ETH_P_IP);
    else this.toLink(m, device, route.gateway === 0 ? destination : route.gateway);
  }

  /** ip_finish_output: which station is it? Takes the packet. */
  private toLink(m: Mbuf, device: NetDevice, nextHop: number): void {
    if (device === this.loopback) ethernetOutput(this.core, m, device, device.address, 0, ETH_P_IP);
    else if (isMulticast(nextHop)) {
      groupStation(nextHop, this.groupTo);
      ethernetOutput(this.core, m, device, this.groupTo, 0, ETH_P_IP);
    } else if (this.interfaces.isBroadcast(nextHop, device)) {
      ethernetOutput(this.core, m, device, BROADCAST_ADDRESS, 0, ETH_P_IP);
    } else this.neighbours.output(m, device, nextHop);
  }
}

/** TTL less one; the checksum follows by RFC 1624, equation 3: HC' = ~(~HC + ~m + m'). */
export function decrementTtl(u8: Uint8Array, at: number): void {
  const before = (u8[at + 8] << 8) | u8[at + 9];
  const after = before - 0x100;
  u8[at + 8]--;
  const checksum = (u8[at + 10] << 8) | u8[at + 11];
  let sum = (~checksum & 0xffff) + (~before & 0xffff) + after;
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  u8[at + 10] = (~sum >> 8) & 0xff;
  u8[at + 11] = ~sum & 0xff;
}
