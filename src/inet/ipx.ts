// A little IPX, as an example of a protocol that comes in all four Ethernet framings (Novell, "IPX Router Specification"
// 1.30): takes datagrams for this node, counts them, and answers those to the ping socket. No SAP, RIP, SPX or routing.
//
//   0          2        4      5      6                          18                         30
//   +----------+--------+------+------+--------------------------+--------------------------+-------
//   | FFFF     | length | hops | type | to: net 4 node 6 socket 2 | from: the same          | payload
//   +----------+--------+------+------+--------------------------+--------------------------+-------
//
//   Ethernet II     | dst | src | 8137   | IPX
//   802.3 raw       | dst | src | length | FFFF, the start of IPX
//   802.2           | dst | src | length | E0 E0 03 | IPX
//   SNAP            | dst | src | length | AA AA 03 00 00 00 81 37 | IPX

import type { Mbuf } from '../mbuf/mbuf.ts';
import { PACKET_OTHERHOST } from '../mbuf/mbuf.ts';
import type { NetDevice } from '../net/device.ts';
import { DROP_IPX_INVALID, DROP_OTHERHOST, DROP_PROTO_MEM } from '../net/drop-reason.ts';
import { ETH_ALEN, ETH_P_802_3, ETH_P_IPX } from '../net/ether.ts';
import { LLC_SAP_IPX, LLC_SAP_SNAP, LLC_UI, type Llc } from '../net/llc.ts';
import type { Core } from './core.ts';
import { ethernetOutput } from './ethernet.ts';

export const IPX_HLEN = 30;
/** Socket of Novell's IPX ping. */
export const IPX_PING_SOCKET = 0x9086;
/** Routers a datagram may pass. */
const IPX_MAX_HOPS = 15;

const TO_NODE = 10;
const TO_SOCKET = 16;
const FROM_NODE = 22;
/** Bytes of one address: network, node, socket. */
const TO = 6;
const FROM = 18;
const ADDRESS_LENGTH = 12;

export type IpxFraming = 'ethernet-ii' | '802.3' | '802.2' | 'snap';

const FRAMING_BYTES: Record<IpxFraming, readonly number[]> = {
  'ethernet-ii': [],
  '802.3': [],
  '802.2': [LLC_SAP_IPX, LLC_SAP_IPX, LLC_UI],
  snap: [LLC_SAP_SNAP, LLC_SAP_SNAP, LLC_UI, 0, 0, 0, ETH_P_IPX >> 8, ETH_P_IPX & 0xff],
};

export class Ipx {
  /** Datagrams taken, by framing. */
  readonly received: Record<IpxFraming, number> = { 'ethernet-ii': 0, '802.3': 0, '802.2': 0, snap: 0 };
  answered = 0;
  /** Datagrams for sockets nobody has. */
  ignored = 0;
  private readonly core: Core;

  constructor(core: Core, llc: Llc) {
    this.core = core;
    const { packetTypes } = core.layer;
    packetTypes.add({
      name: 'IPX',
      type: ETH_P_IPX,
      device: null,
      receive: (m, device) => this.receive(m, device, 'ethernet-ii'),
    });
    packetTypes.add({
      name: 'IPX raw',
      type: ETH_P_802_3,
      device: null,
      receive: (m, device) => this.receive(m, device, '802.3'),
    });
    llc.setSap(LLC_SAP_IPX, (m, device) => this.receive(m, device, '802.2'));
    llc.setSnapType(ETH_P_IPX, (m, device) => this.receive(m, device, 'snap'));
  }

  private receive(packet: Mbuf, device: NetDevice, framing: IpxFraming): void {
    const { machine, account } = this.core;
    const { cpu, mbufs } = machine;
    cpu.charge(cpu.profile.layer);
    account.received++;
    if (packet.packetType === PACKET_OTHERHOST) {
      account.drop(packet, device, DROP_OTHERHOST);
      return;
    }
    if (packet.packetLength < IPX_HLEN) {
      account.drop(packet, device, DROP_IPX_INVALID);
      return;
    }
    const m = packet.length >= IPX_HLEN ? packet : mbufs.pullup(packet, IPX_HLEN);
    if (m === null) {
      account.lost(device);
      return;
    }
    const { u8 } = machine.memory;
    const length = (u8[m.data + 2] << 8) | u8[m.data + 3];
    if (!this.isValid(m, length)) {
      account.drop(m, device, DROP_IPX_INVALID);
      return;
    }
    if (!this.isForUs(u8, m.data + TO_NODE, device)) {
      account.drop(m, device, DROP_OTHERHOST);
      return;
    }
    if (length < m.packetLength) mbufs.adj(m, length - m.packetLength);
    this.received[framing]++;
    if (((u8[m.data + TO_SOCKET] << 8) | u8[m.data + TO_SOCKET + 1]) === IPX_PING_SOCKET)
      this.answer(m, device, framing);
    else {
      this.ignored++;
      account.consume(m);
    }
  }

  private isValid(m: Mbuf, length: number): boolean {
    const { u8 } = this.core.machine.memory;
    const at = m.data;
    // Checksums are not used; the field is all ones.
    if (u8[at] !== 0xff || u8[at + 1] !== 0xff) return false;
    if (length < IPX_HLEN || length > m.packetLength || u8[at + 4] > IPX_MAX_HOPS) return false;
    // A station sent it, not a group.
    return (u8[at + FROM_NODE] & 1) === 0;
  }

  private isForUs(u8: Uint8Array, at: number, device: NetDevice): boolean {
    let mine = true;
    let all = true;
    for (let i = 0; i < ETH_ALEN; i++) {
      if (u8[at + i] !== device.address[i]) mine = false;
      if (u8[at + i] !== 0xff) all = false;
    }
    return mine || all;
  }

  /** The question goes back as it came, addresses swapped. Takes it. */
  private answer(packet: Mbuf, device: NetDevice, framing: IpxFraming): void {
    const { machine, account } = this.core;
    if (!packet.writable && !machine.mbufs.makeWritable(packet, 0, IPX_HLEN)) {
      account.drop(packet, device, DROP_PROTO_MEM);
      return;
    }
    const { u8 } = machine.memory;
    for (let i = 0; i < ADDRESS_LENGTH; i++) {
      const byte = u8[packet.data + TO + i];
      u8[packet.data + TO + i] = u8[packet.data + FROM + i];
      u8[packet.data + FROM + i] = byte;
    }
    // It may have been sent to all; it comes from us.
    for (let i = 0; i < ETH_ALEN; i++) u8[packet.data + FROM_NODE + i] = device.address[i];
    u8[packet.data + 4] = 0;
    const bytes = FRAMING_BYTES[framing];
    const m = machine.mbufs.prepend(packet, bytes.length);
    if (m === null) {
      account.lost(device);
      return;
    }
    for (let i = 0; i < bytes.length; i++) u8[m.data + i] = bytes[i];
    m.checksumFlags = 0;
    this.answered++;
    const type = framing === 'ethernet-ii' ? ETH_P_IPX : m.packetLength;
    ethernetOutput(this.core, m, device, u8, m.data + bytes.length + TO_NODE, type);
  }
}
