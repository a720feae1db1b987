// UDP over IPv4: RFC 768, with RFC 1122, 4.1. Left out: connected sockets, options, multicast loops.
//
//   0                 2                 4                 6                 8
//   +-----------------+-----------------+-----------------+-----------------+---------
//   | source port     | destination     | length          | checksum or 0   | payload
//   +-----------------+-----------------+-----------------+-----------------+---------
//
// The checksum covers a pseudo header too: source, destination, 0, protocol, length.

import { M_CSUM_TCP_UDP_BAD, M_CSUM_UDPv4, type Mbuf } from '../mbuf/mbuf.ts';
import { foldChecksum, sumChain } from '../net/checksum.ts';
import { NETIF_F_IP_CSUM, type NetDevice } from '../net/device.ts';
import {
  DROP_HDR_TRUNC,
  DROP_NO_ROUTE,
  DROP_NO_SOCKET,
  DROP_SOCKET_RCVBUFF,
  DROP_UDP_CSUM,
} from '../net/drop-reason.ts';
import { readAddress } from './address.ts';
import { allocPacket, type Core } from './core.ts';
import type { Icmp } from './icmp.ts';
import { IP_HLEN, IPPROTO_UDP, type Ipv4 } from './ipv4.ts';
import type { Route } from './route.ts';
import { UdpSocket } from './udp-socket.ts';

export const UDP_HLEN = 8;
/** Where the checksum lies in the header. */
const CHECKSUM_OFFSET = 6;
/** First and last of the ports for clients (IANA's dynamic range). */
const FIRST_DYNAMIC_PORT = 49152;
const LAST_PORT = 65535;

export interface UdpCounters {
  received: number;
  delivered: number;
  sent: number;
}

export class Udp {
  readonly counters: UdpCounters = { received: 0, delivered: 0, sent: 0 };
  private readonly core: Core;
  private readonly ipv4: Ipv4;
  private readonly icmp: Icmp;
  private readonly sockets = new Map<number, UdpSocket>();
  private nextPort = FIRST_DYNAMIC_PORT;

  constructor(core: Core, ipv4: Ipv4, icmp: Icmp) {
    this.core = core;
    this.ipv4 = ipv4;
    this.icmp = icmp;
    ipv4.setHandler(IPPROTO_UDP, (m, device, headerLength) => this.receive(m, device, headerLength));
    icmp.onTransportError(IPPROTO_UDP, (port) => {
      for (let socket = this.sockets.get(port) ?? null; socket !== null; socket = socket.sibling)
        socket.errors++;
    });
  }

  /**
   * A socket on a port (0: any free one), for one of our addresses or (0) all of them, for one device or (null) all.
   * Sockets of different devices may share a port. Throws when the port is taken.
   */
  open(port = 0, address = 0, device: NetDevice | null = null): UdpSocket {
    if (!Number.isInteger(port) || port < 0 || port > LAST_PORT) {
      throw new RangeError(`UDP port ${port}: 1 to ${LAST_PORT}, or 0 for any, is possible`);
    }
    const chosen = port === 0 ? this.freePort() : port;
    const first = this.sockets.get(chosen) ?? null;
    for (let other = first; other !== null; other = other.sibling) {
      if (device !== null && other.device !== null && other.device !== device) continue;
      const where = other.device === null ? '' : ` on ${other.device.name}`;
      throw new Error(`UDP port ${chosen} is in use${where}`);
    }
    const socket = new UdpSocket(this, chosen, address | 0, device);
    socket.sibling = first;
    this.sockets.set(chosen, socket);
    return socket;
  }

  /** Room for `bytes` of payload behind the headers; counted when it is sent. Null: no buffer was left. */
  alloc(bytes: number): Mbuf | null {
    const m = allocPacket(this.core, UDP_HLEN + bytes);
    if (m !== null) {
      m.data += UDP_HLEN;
      m.length -= UDP_HLEN;
      m.packetLength -= UDP_HLEN;
    }
    return m;
  }

  /** Ports with a socket. */
  get openSockets(): UdpSocket[] {
    const open: UdpSocket[] = [];
    for (const first of this.sockets.values())
      for (let socket: UdpSocket | null = first; socket !== null; socket = socket.sibling) open.push(socket);
    return open;
  }

  /** For UdpSocket.close. */
  close(socket: UdpSocket): void {
    this.unlink(socket);
    for (let m = socket.drain(); m !== null; m = socket.drain()) {
      this.core.account.held--;
      this.core.account.drop(m, m.device as NetDevice | null, DROP_NO_SOCKET);
    }
  }

  private unlink(socket: UdpSocket): void {
    const first = this.sockets.get(socket.port) ?? null;
    if (first === socket) {
      if (socket.sibling === null) this.sockets.delete(socket.port);
      else this.sockets.set(socket.port, socket.sibling);
    } else {
      let before = first;
      while (before !== null && before.sibling !== socket) before = before.sibling;
      if (before !== null) before.sibling = socket.sibling;
    }
    socket.sibling = null;
  }

  /** Strips the headers of a datagram that a socket's reader takes. For UdpSocket only. */
  handOver(m: Mbuf, socket: UdpSocket): void {
    const { machine, account } = this.core;
    const { u8 } = machine.memory;
    const headerLength = (u8[m.data] & 0x0f) << 2;
    socket.fromAddress = readAddress(u8, m.data + 12);
    socket.toAddress = readAddress(u8, m.data + 16);
    socket.fromPort = (u8[m.data + headerLength] << 8) | u8[m.data + headerLength + 1];
    machine.mbufs.adj(m, headerLength + UDP_HLEN);
    account.held--;
    account.consumed++;
  }

  // ---- in

  private receive(packet: Mbuf, device: NetDevice, headerLength: number): void {
    const { machine, account } = this.core;
    const { cpu } = machine;
    cpu.charge(cpu.profile.layer);
    this.counters.received++;
    const length = packet.packetLength - headerLength;
    if (length < UDP_HLEN) {
      account.drop(packet, device, DROP_HDR_TRUNC);
      return;
    }
    const wanted = headerLength + UDP_HLEN;
    const m = packet.length >= wanted ? packet : machine.mbufs.pullup(packet, wanted);
    if (m === null) {
      account.lost(device);
      return;
    }
    const { u8 } = machine.memory;
    const at = m.data + headerLength;
    const said = (u8[at + 4] << 8) | u8[at + 5];
    if (said < UDP_HLEN || said > length) {
      account.drop(m, device, DROP_HDR_TRUNC);
      return;
    }
    if (said < length) machine.mbufs.adj(m, said - length);
    if (!this.checksumIsRight(m, headerLength, said)) {
      account.drop(m, device, DROP_UDP_CSUM);
      return;
    }
    let socket = this.sockets.get((u8[at + 2] << 8) | u8[at + 3]) ?? null;
    while (socket !== null && socket.device !== null && socket.device !== device) socket = socket.sibling;
    if (socket === null || (socket.address !== 0 && socket.address !== readAddress(u8, m.data + 16))) {
      this.icmp.portUnreachable(m);
      account.drop(m, device, DROP_NO_SOCKET);
      return;
    }
    this.deliver(m, device, headerLength, socket);
  }

  private deliver(m: Mbuf, device: NetDevice, headerLength: number, socket: UdpSocket): void {
    const { machine, account } = this.core;
    const { handler } = socket;
    if (handler !== null) {
      const { u8 } = machine.memory;
      const fromAddress = readAddress(u8, m.data + 12);
      const fromPort = (u8[m.data + headerLength] << 8) | u8[m.data + headerLength + 1];
      socket.toAddress = readAddress(u8, m.data + 16);
      machine.mbufs.adj(m, headerLength + UDP_HLEN);
      account.consumed++;
      socket.received++;
      this.counters.delivered++;
      handler(m, fromAddress, fromPort);
      return;
    }
    if (!socket.enqueue(m)) {
      account.drop(m, device, DROP_SOCKET_RCVBUFF);
      return;
    }
    account.held++;
    socket.received++;
    this.counters.delivered++;
  }

  private checksumIsRight(m: Mbuf, headerLength: number, length: number): boolean {
    const { machine } = this.core;
    const { cpu } = machine;
    const { u8 } = machine.memory;
    const at = m.data + headerLength + CHECKSUM_OFFSET;
    if (u8[at] === 0 && u8[at + 1] === 0) return true;
    if ((m.checksumFlags & M_CSUM_UDPv4) !== 0) return (m.checksumFlags & M_CSUM_TCP_UDP_BAD) === 0;
    cpu.charge(cpu.profile.checksumByte * length);
    const pseudo = pseudoSum(readAddress(u8, m.data + 12), readAddress(u8, m.data + 16), length);
    return foldChecksum(sumChain(u8, m, headerLength, pseudo)) === 0;
  }

  // ---- out

  /** For UdpSocket.send. */
  sendBytes(bytes: Uint8Array, socket: UdpSocket, address: number, port: number): boolean {
    const { cpu, mbufs } = this.core.machine;
    const m = this.alloc(bytes.length);
    if (m === null) return false;
    cpu.charge(cpu.profile.copyByte * bytes.length);
    mbufs.copyback(m, 0, bytes, 0, bytes.length);
    return this.send(m, socket, address, port);
  }

  /**
   * For UdpSocket.sendPacket and sendVia: takes a packet that is all payload, with room in front.
   * `via` null: by the routing table; `station` null: by ARP.
   */
  send(
    packet: Mbuf,
    socket: UdpSocket,
    address: number,
    port: number,
    via: Route | null = null,
    station: Uint8Array | null = null,
  ): boolean {
    const { cpu } = this.core.machine;
    // The stack below is one: no packet comes in between.
    cpu.bhDisable();
    const ok = this.output(packet, socket, address | 0, port, via, station);
    cpu.bhEnable();
    return ok;
  }

  private output(
    packet: Mbuf,
    socket: UdpSocket,
    destination: number,
    port: number,
    via: Route | null,
    station: Uint8Array | null,
  ): boolean {
    const { machine, account } = this.core;
    const { cpu } = machine;
    cpu.charge(cpu.profile.layer);
    account.originated++;
    const route = via ?? this.ipv4.route(destination);
    if (route === null) {
      account.drop(packet, null, DROP_NO_ROUTE);
      return false;
    }
    const m = machine.mbufs.prepend(packet, UDP_HLEN);
    if (m === null) {
      account.lost(route.device);
      return false;
    }
    // A datagram that is sent back still says what a device found on the way in.
    m.checksumFlags = 0;
    const source = socket.address === 0 ? route.source : socket.address;
    const length = m.packetLength;
    const { u8 } = machine.memory;
    const at = m.data;
    u8[at] = socket.port >> 8;
    u8[at + 1] = socket.port & 0xff;
    u8[at + 2] = port >> 8;
    u8[at + 3] = port & 0xff;
    u8[at + 4] = length >> 8;
    u8[at + 5] = length & 0xff;
    u8[at + CHECKSUM_OFFSET] = 0;
    u8[at + CHECKSUM_OFFSET + 1] = 0;
    if (socket.checksum) this.addChecksum(m, route.device, source, destination, length);
    m.priority = socket.priority;
    m.hash =
      Math.imul((destination * 31) ^ source, 0x9e3779b1) ^ Math.imul((socket.port << 16) | port, 0x85ebca6b);
    socket.sent++;
    this.counters.sent++;
    this.ipv4.send(m, route, source, destination, IPPROTO_UDP, socket.ttl, socket.tos, station);
    return true;
  }

  /** The whole checksum, or its pseudo header's part when the device does the rest. */
  private addChecksum(m: Mbuf, device: NetDevice, source: number, destination: number, length: number): void {
    const { machine } = this.core;
    const { cpu } = machine;
    const { u8 } = machine.memory;
    const pseudo = pseudoSum(source, destination, length);
    const at = m.data + CHECKSUM_OFFSET;
    let value: number;
    if ((device.features & NETIF_F_IP_CSUM) !== 0) {
      m.checksumFlags = M_CSUM_UDPv4;
      m.checksumStart = IP_HLEN;
      m.checksumOffset = CHECKSUM_OFFSET;
      value = ~foldChecksum(pseudo) & 0xffff;
    } else {
      cpu.charge(cpu.profile.checksumByte * length);
      // 0 would mean that there is none.
      value = foldChecksum(sumChain(u8, m, 0, pseudo)) || 0xffff;
    }
    u8[at] = value >> 8;
    u8[at + 1] = value & 0xff;
  }

  private freePort(): number {
    for (let tries = FIRST_DYNAMIC_PORT; tries <= LAST_PORT; tries++) {
      const port = this.nextPort;
      this.nextPort = port === LAST_PORT ? FIRST_DYNAMIC_PORT : port + 1;
      if (!this.sockets.has(port)) return port;
    }
    throw new Error('no UDP port is free');
  }
}

/** Sum of the pseudo header's words. */
function pseudoSum(source: number, destination: number, length: number): number {
  return (
    (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + IPPROTO_UDP + length
  );
}
