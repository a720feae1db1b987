// The IPv4 addresses of a machine's devices, and the groups they joined. A packet for one of the addresses is taken from
// whatever device it comes in on (the weak host model of RFC 1122, 3.3.4.2); ARP answers for a device's own only.

import type { NetDevice } from '../net/device.ts';
import { ETH_ALEN } from '../net/ether.ts';
import {
  formatAddress,
  INADDR_ALLHOSTS,
  INADDR_BROADCAST,
  INADDR_LOOPBACK,
  isMartian,
  isMulticast,
  maskOf,
} from './address.ts';
import { groupStation } from './ethernet.ts';

/** Addresses are int32. */
export interface InterfaceAddress {
  readonly device: NetDevice;
  readonly address: number;
  readonly mask: number;
  readonly prefix: number;
  /** Of the subnet; 0 where there is none (prefix 31 and 32, RFC 3021). */
  readonly broadcast: number;
}

interface Membership {
  readonly device: NetDevice;
  readonly group: number;
  users: number;
}

/** What an address is to this machine. */
export const RTN_UNICAST = 0;
export const RTN_LOCAL = 1;
export const RTN_BROADCAST = 2;
export const RTN_MULTICAST = 3;

export class Interfaces {
  readonly addresses: InterfaceAddress[] = [];
  /** Devices whose address a DHCP client is asking for: its server may send to an address that is not theirs yet. */
  readonly configuring: NetDevice[] = [];
  private readonly groups: Membership[] = [];

  /** Throws when the address cannot be a station's, or is there already. */
  add(device: NetDevice, address: number, prefix: number): InterfaceAddress {
    const mask = maskOf(prefix);
    const own = address | 0;
    const text = `${formatAddress(address)}/${prefix}`;
    if (isMartian(own)) throw new Error(`${device.name}: ${text} cannot be a station's address`);
    if (prefix < 31 && ((own & ~mask) === 0 || (own & ~mask) === ~mask)) {
      throw new Error(`${device.name}: ${text} is the address of the network itself or of all its stations`);
    }
    const there = this.find(own);
    if (there !== null)
      throw new Error(
        `${device.name}: ${formatAddress(address)} is an address of ${there.device.name} already`,
      );
    const broadcast = prefix < 31 ? own | ~mask : 0;
    const entry = { device, address: own, mask, prefix, broadcast };
    this.addresses.push(entry);
    return entry;
  }

  /** 127.0.0.1, all of it: the rest of 127/8 is of no use here. */
  addLoopback(device: NetDevice): void {
    this.addresses.push({ device, address: INADDR_LOOPBACK, mask: maskOf(8), prefix: 8, broadcast: 0 });
  }

  removeDevice(device: NetDevice): void {
    for (let i = this.addresses.length - 1; i >= 0; i--) {
      if (this.addresses[i].device === device) this.addresses.splice(i, 1);
    }
    for (let i = this.groups.length - 1; i >= 0; i--) {
      if (this.groups[i].device === device) this.groups.splice(i, 1);
    }
  }

  remove(entry: InterfaceAddress): void {
    this.addresses.splice(this.addresses.indexOf(entry), 1);
  }

  find(address: number): InterfaceAddress | null {
    const { addresses } = this;
    for (let i = 0; i < addresses.length; i++) if (addresses[i].address === address) return addresses[i];
    return null;
  }

  findOn(device: NetDevice, address: number): InterfaceAddress | null {
    const entry = this.find(address);
    return entry !== null && entry.device === device ? entry : null;
  }

  /** The first address of a device, or null. */
  firstOf(device: NetDevice): InterfaceAddress | null {
    for (const entry of this.addresses) if (entry.device === device) return entry;
    return null;
  }

  isOnLink(device: NetDevice, address: number): boolean {
    const { addresses } = this;
    for (let i = 0; i < addresses.length; i++) {
      const entry = addresses[i];
      if (entry.device === device && ((address ^ entry.address) & entry.mask) === 0) return true;
    }
    return false;
  }

  /** The device's address in the subnet of `destination`, else its first, else 0. */
  sourceFor(device: NetDevice, destination: number): number {
    let source = 0;
    for (const entry of this.addresses) {
      if (entry.device !== device) continue;
      if (((destination ^ entry.address) & entry.mask) === 0) return entry.address;
      if (source === 0) source = entry.address;
    }
    return source;
  }

  /** What a packet's destination is to this machine when it comes in on `device`. */
  classify(destination: number, device: NetDevice): number {
    if (destination === INADDR_BROADCAST) return RTN_BROADCAST;
    if (isMulticast(destination)) return this.isMember(device, destination) ? RTN_MULTICAST : RTN_UNICAST;
    const { addresses } = this;
    for (let i = 0; i < addresses.length; i++) {
      const entry = addresses[i];
      if (entry.address === destination) return RTN_LOCAL;
      if (entry.broadcast !== 0 && entry.broadcast === destination && entry.device === device)
        return RTN_BROADCAST;
    }
    return RTN_UNICAST;
  }

  /** Address that goes to all stations of a subnet of ours, over `device`. */
  isBroadcast(destination: number, device: NetDevice): boolean {
    return destination === INADDR_BROADCAST || this.classify(destination, device) === RTN_BROADCAST;
  }

  /** Counts; the device listens to the group's station address. No IGMP: labs have no multicast routers. */
  join(device: NetDevice, group: number): void {
    if (!isMulticast(group))
      throw new Error(`${formatAddress(group)} is not a group: 224.0.0.0 to 239.255.255.255 are`);
    const entry = this.membership(device, group | 0);
    if (entry !== null) {
      entry.users++;
      return;
    }
    this.groups.push({ device, group: group | 0, users: 1 });
    device.addMulticast(stationOf(group));
  }

  leave(device: NetDevice, group: number): void {
    const entry = this.membership(device, group | 0);
    if (entry === null || --entry.users > 0) return;
    this.groups.splice(this.groups.indexOf(entry), 1);
    device.removeMulticast(stationOf(group));
  }

  private isMember(device: NetDevice, group: number): boolean {
    return group === INADDR_ALLHOSTS || this.membership(device, group) !== null;
  }

  private membership(device: NetDevice, group: number): Membership | null {
    const { groups } = this;
    for (let i = 0; i < groups.length; i++)
      if (groups[i].group === group && groups[i].device === device) return groups[i];
    return null;
  }
}

function stationOf(group: number): Uint8Array {
  const station = new Uint8Array(ETH_ALEN);
  groupStation(group, station);
  return station;
}
