// Who receives which packets: taps that see every packet, then the table of packet types, 16 buckets by the low bits
// of the type (the lecture's ptype_all and ptype_base).
//
//   ptype_base[type & 15] ─► {type, device or any, func} ─► ...

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from './device.ts';

/** PTYPE_HASH_SIZE. */
export const PTYPE_HASH_SIZE = 16;

export interface PacketType {
  readonly name: string;
  /** Ethernet type, or ETH_P_802_2, ETH_P_802_3. */
  readonly type: number;
  /** Only packets of this device; null for all. */
  readonly device: NetDevice | null;
  /** Takes the packet; its data starts behind the Ethernet header. */
  readonly receive: (m: Mbuf, device: NetDevice) => void;
}

/** A tap is lent each packet, in and out, with its Ethernet header in front; it copies what it wants to keep. */
export interface PacketTap {
  readonly device: NetDevice | null;
  readonly see: (m: Mbuf, device: NetDevice, outgoing: boolean) => void;
}

export class PacketTypes {
  readonly buckets: PacketType[][] = Array.from({ length: PTYPE_HASH_SIZE }, () => []);
  readonly taps: PacketTap[] = [];

  /** dev_add_pack. */
  add(packetType: PacketType): void {
    this.buckets[packetType.type & (PTYPE_HASH_SIZE - 1)].push(packetType);
  }

  /** dev_remove_pack; throws when it is not there. */
  remove(packetType: PacketType): void {
    removeFrom(this.buckets[packetType.type & (PTYPE_HASH_SIZE - 1)], packetType, packetType.name);
  }

  addTap(tap: PacketTap): void {
    this.taps.push(tap);
  }

  removeTap(tap: PacketTap): void {
    removeFrom(this.taps, tap, 'tap');
  }
}

function removeFrom<T>(list: T[], entry: T, name: string): void {
  const index = list.indexOf(entry);
  if (index < 0) throw new Error(`packet type ${name} is not registered`);
  list.splice(index, 1);
}
