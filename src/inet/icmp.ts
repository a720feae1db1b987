// ICMP for IPv4: RFC 792, with the rules of RFC 1122, 3.2.2 and RFC 1812, 4.3 about what may be answered. Echo both ways;
// destination unreachable, fragmentation needed (RFC 1191) and time exceeded, at a limited rate. Left out: redirects,
// timestamps, address masks, source quench (counted as ignored).
//
//   0        1        2                 4                                 8
//   +--------+--------+-----------------+----------------+----------------+------------------------
//   | type   | code   | checksum        | identifier     | sequence       | data                      echo
//   | type   | code   | checksum        | unused         | mtu (3, 4)     | IP header and 8 bytes     errors
//   +--------+--------+-----------------+----------------+----------------+------------------------

import { type Mbuf, PACKET_HOST } from '../mbuf/mbuf.ts';
import { foldChecksum, internetChecksum, sumChain } from '../net/checksum.ts';
import type { NetDevice } from '../net/device.ts';
import { DROP_HDR_TRUNC, DROP_ICMP_CSUM, DROP_NO_ROUTE, DROP_PROTO_MEM } from '../net/drop-reason.ts';
import { isMartian, readAddress } from './address.ts';
import { allocPacket, type Core } from './core.ts';
import { type Interfaces, RTN_LOCAL, RTN_UNICAST } from './interfaces.ts';
import { type ForwardErrors, IP_HLEN, IP_TTL_DEFAULT, IPPROTO_ICMP, type Ipv4 } from './ipv4.ts';
import { fillPattern, PAYLOAD_HEADER, writePayload } from './payload.ts';

export const ICMP_HLEN = 8;
export const ICMP_ECHOREPLY = 0;
export const ICMP_DEST_UNREACH = 3;
export const ICMP_ECHO = 8;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETERPROB = 12;

export const ICMP_NET_UNREACH = 0;
export const ICMP_HOST_UNREACH = 1;
export const ICMP_PORT_UNREACH = 3;
export const ICMP_FRAG_NEEDED = 4;

/** icmp_msgs_per_sec and icmp_msgs_burst. */
export const ICMP_ERRORS_PER_SECOND = 1000;
export const ICMP_ERROR_BURST = 50;

/** Who sent echo requests with an identifier hears of the answers. Lent: the ICMP header starts at `at`. */
export interface EchoListener {
  reply(u8: Uint8Array, at: number, length: number, from: number, ttl: number): void;
  /** An error came back for the request with this sequence number. */
  error(sequence: number, from: number, type: number, code: number): void;
}

/** A transport protocol hears of errors about what it sent: ports are where UDP and TCP have them. */
export type TransportError = (sourcePort: number, type: number, code: number) => void;

export interface IcmpCounters {
  echoRequests: number;
  echoReplies: number;
  repliesSent: number;
  requestsSent: number;
  errorsReceived: number;
  errorsSent: number;
  /** Errors that were not sent, because of the rate. */
  errorsLimited: number;
  /** Types we have no answer for, echoes to groups, replies nobody waits for. */
  ignored: number;
}

export class Icmp implements ForwardErrors {
  readonly counters: IcmpCounters = {
    echoRequests: 0,
    echoReplies: 0,
    repliesSent: 0,
    requestsSent: 0,
    errorsReceived: 0,
    errorsSent: 0,
    errorsLimited: 0,
    ignored: 0,
  };
  private readonly core: Core;
  private readonly ipv4: Ipv4;
  private readonly interfaces: Interfaces;
  private readonly listeners = new Map<number, EchoListener>();
  private readonly transports: (TransportError | null)[] = new Array(256).fill(null);
  private tokens = ICMP_ERROR_BURST;
  private tokensAtNs = 0;

  constructor(core: Core, ipv4: Ipv4, interfaces: Interfaces) {
    this.core = core;
    this.ipv4 = ipv4;
    this.interfaces = interfaces;
    ipv4.setHandler(IPPROTO_ICMP, (m, device, headerLength) => this.receive(m, device, headerLength));
    ipv4.errors = this;
  }

  listen(identifier: number, listener: EchoListener): void {
    if (this.listeners.has(identifier)) throw new Error(`echo identifier ${identifier} is taken`);
    this.listeners.set(identifier, listener);
  }

  unlisten(identifier: number): void {
    this.listeners.delete(identifier);
  }

  onTransportError(protocol: number, listener: TransportError): void {
    this.transports[protocol] = listener;
  }

  // ---- in

  private receive(packet: Mbuf, device: NetDevice, headerLength: number): void {
    const { machine, account } = this.core;
    const { cpu } = machine;
    cpu.charge(cpu.profile.layer);
    const length = packet.packetLength - headerLength;
    if (length < ICMP_HLEN) {
      account.drop(packet, device, DROP_HDR_TRUNC);
      return;
    }
    const wanted = headerLength + ICMP_HLEN;
    const m = packet.length >= wanted ? packet : machine.mbufs.pullup(packet, wanted);
    if (m === null) {
      account.lost(device);
      return;
    }
    const { u8 } = machine.memory;
    cpu.charge(cpu.profile.checksumByte * length);
    if (foldChecksum(sumChain(u8, m, headerLength)) !== 0) {
      account.drop(m, device, DROP_ICMP_CSUM);
      return;
    }
    switch (u8[m.data + headerLength]) {
      case ICMP_ECHO:
        this.echo(m, device, headerLength);
        return;
      case ICMP_ECHOREPLY:
        this.echoReply(m, headerLength);
        return;
      case ICMP_DEST_UNREACH:
      case ICMP_TIME_EXCEEDED:
      case ICMP_PARAMETERPROB:
        this.errorReceived(m, device, headerLength);
        return;
      default:
        this.counters.ignored++;
        account.consume(m);
    }
  }

  /** The request becomes the reply: same data, type 0, a header of its own. Takes the packet. */
  private echo(m: Mbuf, device: NetDevice, headerLength: number): void {
    const { machine, account } = this.core;
    const { u8 } = machine.memory;
    const source = readAddress(u8, m.data + 12);
    const destination = readAddress(u8, m.data + 16);
    const tos = u8[m.data + 1];
    this.counters.echoRequests++;
    // Not to groups: one packet must not make a crowd answer (RFC 1122, 3.2.2.6 leaves it to us).
    if (this.interfaces.classify(destination, device) !== RTN_LOCAL) {
      this.counters.ignored++;
      account.consume(m);
      return;
    }
    const route = this.ipv4.route(source);
    if (route === null) {
      account.drop(m, device, DROP_NO_ROUTE);
      return;
    }
    machine.mbufs.adj(m, headerLength);
    if (!m.writable && !machine.mbufs.makeWritable(m, 0, ICMP_HLEN)) {
      account.drop(m, device, DROP_PROTO_MEM);
      return;
    }
    u8[m.data] = ICMP_ECHOREPLY;
    // RFC 1624 with the first word changing from 0x08cc to 0x00cc.
    const checksum = (u8[m.data + 2] << 8) | u8[m.data + 3];
    const updated = foldChecksum((~checksum & 0xffff) + (~(ICMP_ECHO << 8) & 0xffff));
    u8[m.data + 2] = updated >> 8;
    u8[m.data + 3] = updated & 0xff;
    m.checksumFlags = 0;
    m.priority = 0;
    this.counters.repliesSent++;
    this.ipv4.send(m, route, destination, source, IPPROTO_ICMP, IP_TTL_DEFAULT, tos);
  }

  private echoReply(m: Mbuf, headerLength: number): void {
    const { u8 } = this.core.machine.memory;
    this.counters.echoReplies++;
    const at = m.data + headerLength;
    const listener = this.listeners.get((u8[at + 4] << 8) | u8[at + 5]);
    if (listener === undefined) this.counters.ignored++;
    else listener.reply(u8, at, m.packetLength - headerLength, readAddress(u8, m.data + 12), u8[m.data + 8]);
    this.core.account.consume(m);
  }

  /** An error about a packet of ours: its header and first 8 bytes are inside. Takes the packet. */
  private errorReceived(packet: Mbuf, device: NetDevice, headerLength: number): void {
    const { machine, account } = this.core;
    const { mbufs } = machine;
    this.counters.errorsReceived++;
    const inner = headerLength + ICMP_HLEN;
    if (packet.packetLength < inner + IP_HLEN) {
      account.drop(packet, device, DROP_HDR_TRUNC);
      return;
    }
    let m: Mbuf | null = mbufs.pullup(packet, inner + IP_HLEN);
    if (m === null) {
      account.lost(device);
      return;
    }
    const { u8 } = machine.memory;
    const innerHeader = (u8[m.data + inner] & 0x0f) << 2;
    const wanted = inner + innerHeader + 8;
    if (u8[m.data + inner] >> 4 !== 4 || innerHeader < IP_HLEN || m.packetLength < wanted) {
      account.drop(m, device, DROP_HDR_TRUNC);
      return;
    }
    m = mbufs.pullup(m, wanted);
    if (m === null) {
      account.lost(device);
      return;
    }
    const at = m.data + headerLength;
    const transport = at + ICMP_HLEN + innerHeader;
    const protocol = u8[at + ICMP_HLEN + 9];
    if (protocol === IPPROTO_ICMP) {
      const listener =
        u8[transport] === ICMP_ECHO
          ? this.listeners.get((u8[transport + 4] << 8) | u8[transport + 5])
          : undefined;
      const sequence = (u8[transport + 6] << 8) | u8[transport + 7];
      listener?.error(sequence, readAddress(u8, m.data + 12), u8[at], u8[at + 1]);
    } else this.transports[protocol]?.((u8[transport] << 8) | u8[transport + 1], u8[at], u8[at + 1]);
    account.consume(m);
  }

  // ---- out

  /** Sends an echo request to an int32 address; false when it could not be made or had no route. */
  sendEcho(destination: number, identifier: number, sequence: number, size: number, ttl: number): boolean {
    const { machine, account } = this.core;
    const { cpu } = machine;
    const route = this.ipv4.route(destination);
    if (route === null) return false;
    const m = allocPacket(this.core, ICMP_HLEN + size);
    if (m === null) return false;
    account.originated++;
    const { u8 } = machine.memory;
    cpu.charge((cpu.profile.copyByte + cpu.profile.checksumByte) * size);
    let done = 0;
    for (let part: Mbuf | null = m; part !== null; part = part.next) {
      fillPattern(u8, part.data, part.length, done - ICMP_HLEN);
      done += part.length;
    }
    const at = m.data;
    if (size >= PAYLOAD_HEADER) writePayload(u8, at + ICMP_HLEN, identifier, sequence, cpu.now());
    this.header(m, ICMP_ECHO, 0, identifier, sequence);
    this.counters.requestsSent++;
    this.ipv4.send(m, route, route.source, destination, IPPROTO_ICMP, ttl, 0);
    return true;
  }

  timeExceeded(m: Mbuf): void {
    this.error(m, ICMP_TIME_EXCEEDED, 0, 0);
  }

  noRoute(m: Mbuf): void {
    this.error(m, ICMP_DEST_UNREACH, ICMP_NET_UNREACH, 0);
  }

  tooBig(m: Mbuf, mtu: number): void {
    this.error(m, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu);
  }

  hostUnreachable(m: Mbuf): void {
    this.error(m, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
  }

  portUnreachable(m: Mbuf): void {
    this.error(m, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0);
  }

  /** Tells the sender of a packet that starts with a valid, contiguous IP header what became of it. Lends it. */
  private error(m: Mbuf, type: number, code: number, word: number): void {
    const { machine, account } = this.core;
    const { u8 } = machine.memory;
    const source = readAddress(u8, m.data + 12);
    const headerLength = (u8[m.data] & 0x0f) << 2;
    if (!this.mayComplain(m, source, headerLength)) return;
    const route = this.ipv4.route(source);
    if (route === null) return;
    if (!this.takeToken()) {
      this.counters.errorsLimited++;
      return;
    }
    const quoted = Math.min(m.packetLength, headerLength + 8);
    const answer = allocPacket(this.core, ICMP_HLEN + quoted);
    if (answer === null) return;
    account.originated++;
    machine.mbufs.copyTo(m, 0, quoted, machine.memory, answer.data + ICMP_HLEN);
    this.header(answer, type, code, 0, word);
    this.counters.errorsSent++;
    this.ipv4.send(answer, route, route.source, source, IPPROTO_ICMP, IP_TTL_DEFAULT, 0);
  }

  /** RFC 1122, 3.2.2: never about an error, a group, a later fragment, or to nobody in particular. */
  private mayComplain(m: Mbuf, source: number, headerLength: number): boolean {
    const { u8 } = this.core.machine.memory;
    const at = m.data;
    // The device of a packet of our own is the one it was to leave by; we need no letter from ourselves.
    if (m.packetType !== PACKET_HOST || isMartian(source)) return false;
    const device = m.device as NetDevice;
    if (this.interfaces.classify(source, device) !== RTN_UNICAST) return false;
    const kind = this.interfaces.classify(readAddress(u8, at + 16), device);
    if (kind !== RTN_UNICAST && kind !== RTN_LOCAL) return false;
    if ((((u8[at + 6] << 8) | u8[at + 7]) & 0x1fff) !== 0) return false;
    if (u8[at + 9] !== IPPROTO_ICMP) return true;
    if (m.length <= headerLength) return false;
    const type = u8[at + headerLength];
    return type === ICMP_ECHO || type === ICMP_ECHOREPLY;
  }

  private takeToken(): boolean {
    const now = this.core.machine.cpu.now();
    const earned = Math.floor(((now - this.tokensAtNs) * ICMP_ERRORS_PER_SECOND) / 1e9);
    if (earned > 0) {
      this.tokens = Math.min(ICMP_ERROR_BURST, this.tokens + earned);
      // What is left of a token is not lost.
      this.tokensAtNs =
        this.tokens === ICMP_ERROR_BURST ? now : this.tokensAtNs + (earned * 1e9) / ICMP_ERRORS_PER_SECOND;
    }
    if (this.tokens === 0) return false;
    this.tokens--;
    return true;
  }

  private header(m: Mbuf, type: number, code: number, high: number, low: number): void {
    const { u8 } = this.core.machine.memory;
    const at = m.data;
    u8[at] = type;
    u8[at + 1] = code;
    u8[at + 2] = 0;
    u8[at + 3] = 0;
    u8[at + 4] = high >> 8;
    u8[at + 5] = high & 0xff;
    u8[at + 6] = low >> 8;
    u8[at + 7] = low & 0xff;
    const checksum = m.next === null ? internetChecksum(u8, at, m.length) : foldChecksum(sumChain(u8, m, 0));
    u8[at + 2] = checksum >> 8;
    u8[at + 3] = checksum & 0xff;
  }
}
