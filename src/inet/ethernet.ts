// Ethernet output: the header in front of a packet, and off to the device (IEEE 802.3, 3.2; RFC 894 for IPv4, RFC 1112 for
// its group addresses).

import { type Mbuf, PACKET_OUTGOING } from '../mbuf/mbuf.ts';
import type { NetDevice } from '../net/device.ts';
import { ETH_ALEN, ETH_HLEN } from '../net/ether.ts';
import type { Core } from './core.ts';

/** Takes a packet without its Ethernet header; `to[toAt]` starts the destination, `type` may be a length. */
export function ethernetOutput(
  core: Core,
  packet: Mbuf,
  device: NetDevice,
  to: Uint8Array,
  toAt: number,
  type: number,
): void {
  const { machine, account } = core;
  const m = machine.mbufs.prepend(packet, ETH_HLEN);
  if (m === null) {
    account.lost(device);
    return;
  }
  const { u8 } = machine.memory;
  const { address } = device;
  const at = m.data;
  for (let i = 0; i < ETH_ALEN; i++) {
    u8[at + i] = to[toAt + i];
    u8[at + ETH_ALEN + i] = address[i];
  }
  u8[at + 12] = type >> 8;
  u8[at + 13] = type & 0xff;
  m.device = device;
  m.protocol = type;
  m.packetType = PACKET_OUTGOING;
  account.transmitted++;
  device.transmit(m);
}

/** The station address of an IPv4 group: 01:00:5e and its low 23 bits, written to `to`. */
export function groupStation(group: number, to: Uint8Array): void {
  to[0] = 0x01;
  to[1] = 0x00;
  to[2] = 0x5e;
  to[3] = (group >>> 16) & 0x7f;
  to[4] = (group >>> 8) & 0xff;
  to[5] = group & 0xff;
}
