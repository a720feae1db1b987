// ARP for IPv4 over Ethernet: RFC 826, with the checks of RFC 1122, 2.3.2 and the probes and announcements of RFC 5227
// (answered and sent, not defended against). Left out: proxy ARP, RARP, other hardware.
//
//   0        2        4      5      6        8             14           18            24           28
//   +--------+--------+------+------+--------+-------------+------------+-------------+------------+
//   | hrd 1  | pro    | hln  | pln  | op     | sender      | sender     | target      | target     |
//   |        | 0x0800 | 6    | 4    | 1 or 2 | station     | address    | station     | address    |
//   +--------+--------+------+------+--------+-------------+------------+-------------+------------+

import { HEADROOM, type Mbuf, PACKET_OTHERHOST } from '../mbuf/mbuf.ts';
import type { NetDevice } from '../net/device.ts';
import { DROP_ARP_INVALID, DROP_OTHERHOST } from '../net/drop-reason.ts';
import { BROADCAST_ADDRESS, ETH_ALEN, ETH_P_ARP, ETH_P_IP, formatMac } from '../net/ether.ts';
import { formatAddress, INADDR_BROADCAST, isMulticast, readAddress, writeAddress } from './address.ts';
import type { Core } from './core.ts';
import { ethernetOutput } from './ethernet.ts';
import type { Interfaces } from './interfaces.ts';
import { type Neighbour, NeighbourCache } from './neighbour.ts';

export const ARP_LENGTH = 28;
export const ARPHRD_ETHER = 1;
export const ARPOP_REQUEST = 1;
export const ARPOP_REPLY = 2;

const HRD = 0;
const PRO = 2;
const HLN = 4;
const PLN = 5;
const OP = 6;
const SENDER_STATION = 8;
const SENDER = 14;
const TARGET_STATION = 18;
const TARGET = 24;

const NOBODY = new Uint8Array(ETH_ALEN);

export interface ArpCounters {
  requestsSent: number;
  repliesSent: number;
  requestsReceived: number;
  repliesReceived: number;
  announcements: number;
  /** Somebody else uses one of our addresses. */
  conflicts: number;
}

export class Arp {
  readonly cache: NeighbourCache;
  readonly counters: ArpCounters = {
    requestsSent: 0,
    repliesSent: 0,
    requestsReceived: 0,
    repliesReceived: 0,
    announcements: 0,
    conflicts: 0,
  };
  private readonly core: Core;
  private readonly interfaces: Interfaces;

  /** `unreachable`: lent a packet whose neighbour never answered. */
  constructor(core: Core, interfaces: Interfaces, unreachable: (m: Mbuf) => void) {
    this.core = core;
    this.interfaces = interfaces;
    this.cache = new NeighbourCache(core.machine, core.account, {
      solicit: (neighbour, unicast) => this.solicit(neighbour, unicast),
      send: (m, neighbour) => ethernetOutput(core, m, neighbour.device, neighbour.station, 0, ETH_P_IP),
      unreachable,
    });
  }

  /** Packet type function of ETH_P_ARP. */
  readonly receive = (received: Mbuf, device: NetDevice): void => {
    const { machine, account } = this.core;
    const { cpu } = machine;
    cpu.charge(cpu.profile.layer);
    account.received++;
    if (received.packetType === PACKET_OTHERHOST) {
      account.drop(received, device, DROP_OTHERHOST);
      return;
    }
    if (received.packetLength < ARP_LENGTH) {
      account.drop(received, device, DROP_ARP_INVALID);
      return;
    }
    const m = machine.mbufs.pullup(received, ARP_LENGTH);
    if (m === null) {
      account.lost(device);
      return;
    }
    if (!this.isValid(m)) {
      account.drop(m, device, DROP_ARP_INVALID);
      return;
    }
    this.handle(m, device);
    account.consume(m);
  };

  /** Says to everybody on the link which addresses this device has (RFC 5227, 2.3). */
  announce(device: NetDevice): void {
    for (const own of this.interfaces.addresses) {
      if (own.device !== device) continue;
      this.counters.announcements++;
      this.send(device, ARPOP_REQUEST, own.address, NOBODY, 0, own.address, BROADCAST_ADDRESS, 0);
    }
  }

  private isValid(m: Mbuf): boolean {
    const { u8 } = this.core.machine.memory;
    const at = m.data;
    const operation = (u8[at + OP] << 8) | u8[at + OP + 1];
    if (((u8[at + HRD] << 8) | u8[at + HRD + 1]) !== ARPHRD_ETHER) return false;
    if (((u8[at + PRO] << 8) | u8[at + PRO + 1]) !== ETH_P_IP) return false;
    if (u8[at + HLN] !== ETH_ALEN || u8[at + PLN] !== 4) return false;
    if (operation !== ARPOP_REQUEST && operation !== ARPOP_REPLY) return false;
    const sender = readAddress(u8, at + SENDER);
    if (isMulticast(sender) || sender === INADDR_BROADCAST || sender >>> 24 === 127) return false;
    // A station is one station: not a group, not nobody.
    if ((u8[at + SENDER_STATION] & 1) !== 0) return false;
    for (let i = 0; i < ETH_ALEN; i++) if (u8[at + SENDER_STATION + i] !== 0) return true;
    return false;
  }

  /** RFC 826, "Packet Reception", from "merge flag" on. Lends. */
  private handle(m: Mbuf, device: NetDevice): void {
    const { u8 } = this.core.machine.memory;
    const at = m.data;
    const request = u8[at + OP + 1] === ARPOP_REQUEST;
    if (request) this.counters.requestsReceived++;
    else this.counters.repliesReceived++;
    const sender = readAddress(u8, at + SENDER);
    const target = readAddress(u8, at + TARGET);
    if (this.interfaces.findOn(device, sender) !== null) {
      this.conflict(u8, at, sender, device);
      return;
    }
    const forUs = this.interfaces.findOn(device, target) !== null;
    // Who is not on this link is of no use in the cache, and one who asks before he has an address (a probe) has none.
    if (sender !== 0 && this.interfaces.isOnLink(device, sender)) {
      this.cache.learn(device, sender, u8, at + SENDER_STATION, forUs, forUs);
    }
    if (request && forUs) {
      this.counters.repliesSent++;
      this.send(device, ARPOP_REPLY, target, u8, at + SENDER_STATION, sender, u8, at + SENDER_STATION);
    }
  }

  /** Somebody sends with an address of ours; our own frames can come back to us too. */
  private conflict(u8: Uint8Array, at: number, sender: number, device: NetDevice): void {
    let own = true;
    for (let i = 0; i < ETH_ALEN; i++) if (u8[at + SENDER_STATION + i] !== device.address[i]) own = false;
    if (own) return;
    this.counters.conflicts++;
    // Once is enough for people; the counter tells how often.
    if (this.counters.conflicts > 1) return;
    const station = formatMac(u8.slice(at + SENDER_STATION, at + SENDER_STATION + ETH_ALEN));
    this.core.machine.log(`${device.name}: ${station} uses our address ${formatAddress(sender)} too`);
  }

  private solicit(neighbour: Neighbour, unicast: boolean): void {
    const { device, address, station } = neighbour;
    const to = unicast ? station : BROADCAST_ADDRESS;
    this.counters.requestsSent++;
    this.send(device, ARPOP_REQUEST, this.interfaces.sourceFor(device, address), NOBODY, 0, address, to, 0);
  }

  private send(
    device: NetDevice,
    operation: number,
    sender: number,
    targetStation: Uint8Array,
    targetStationAt: number,
    target: number,
    to: Uint8Array,
    toAt: number,
  ): void {
    const { machine, account } = this.core;
    const { cpu } = machine;
    cpu.charge(cpu.profile.layer + cpu.profile.buffer);
    const m = machine.mbufs.gethdr();
    // Nothing was made, so nothing is lost: the question is asked again, the asker asks again.
    if (m === null) return;
    account.originated++;
    m.reserve(HEADROOM);
    m.length = m.packetLength = ARP_LENGTH;
    const { u8 } = machine.memory;
    const at = m.data;
    u8[at + HRD] = 0;
    u8[at + HRD + 1] = ARPHRD_ETHER;
    u8[at + PRO] = ETH_P_IP >> 8;
    u8[at + PRO + 1] = ETH_P_IP & 0xff;
    u8[at + HLN] = ETH_ALEN;
    u8[at + PLN] = 4;
    u8[at + OP] = 0;
    u8[at + OP + 1] = operation;
    for (let i = 0; i < ETH_ALEN; i++) {
      u8[at + SENDER_STATION + i] = device.address[i];
      u8[at + TARGET_STATION + i] = targetStation[targetStationAt + i];
    }
    writeAddress(u8, at + SENDER, sender);
    writeAddress(u8, at + TARGET, target);
    ethernetOutput(this.core, m, device, to, toAt, ETH_P_ARP);
  }
}
