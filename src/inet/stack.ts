// The protocol stack of a machine: IPv4 with ARP, ICMP and UDP, bound to its device layer. What labs need, no more: no TCP,
// no IPv6, no reassembly. DHCP and TFTP are applications, beside it.
//
//   ping   generator   sink   echo           sockets, echo identifiers
//      └──────┴──┬──────┴──────┘
//           ICMP · UDP                       Ipv4.setHandler: by protocol number
//              IPv4 ─ routes                 ETH_P_IP
//   ARP ─ neighbours                         ETH_P_ARP
//   ════ device layer ════                   DeviceLayer.packetTypes

import { Callout } from '../kernel/callout.ts';
import type { Machine } from '../kernel/machine.ts';
import type { NetDevice } from '../net/device.ts';
import { ETH_P_ARP, ETH_P_IP, formatMac } from '../net/ether.ts';
import type { DeviceEvent, DeviceLayer } from '../net/layer.ts';
import { createLoopback } from '../net/loopback.ts';
import { Account, type Balance } from './account.ts';
import { formatAddress, formatNetwork, parseAddress, parseNetwork } from './address.ts';
import { Arp } from './arp.ts';
import type { Core } from './core.ts';
import { Icmp } from './icmp.ts';
import { type InterfaceAddress, Interfaces } from './interfaces.ts';
import { Ipv4 } from './ipv4.ts';
import { Ping, type PingOptions } from './ping.ts';
import { formatRoute, type Route, RouteTable } from './route.ts';
import { Udp } from './udp.ts';

export interface NeighbourRow {
  address: string;
  device: string;
  station: string;
  state: string;
}

export class InetStack {
  readonly machine: Machine;
  readonly layer: DeviceLayer;
  readonly account: Account;
  readonly interfaces = new Interfaces();
  readonly routes = new RouteTable();
  readonly arp: Arp;
  readonly ipv4: Ipv4;
  readonly icmp: Icmp;
  readonly udp: Udp;
  /** Whether an interface that comes up says its addresses to the link (gratuitous ARP). */
  announce = true;
  private readonly core: Core;
  private readonly toAnnounce: NetDevice[] = [];
  private readonly announcer: Callout;
  private nextIdentifier = 1;

  constructor(layer: DeviceLayer) {
    const { machine } = layer;
    this.machine = machine;
    this.layer = layer;
    this.account = new Account(machine);
    const core: Core = { machine, layer, account: this.account };
    this.core = core;
    // A packet that waited in vain is one we were to send: the sender is told, unless it is ourselves.
    this.arp = new Arp(core, this.interfaces, (m) => this.icmp.hostUnreachable(m));
    this.ipv4 = new Ipv4(core, this.interfaces, this.routes, this.arp.cache);
    this.icmp = new Icmp(core, this.ipv4, this.interfaces);
    this.udp = new Udp(core, this.ipv4, this.icmp);
    this.announcer = new Callout(machine, 'arp announcements', () => this.announceAll());
    layer.packetTypes.add({ name: 'IPv4', type: ETH_P_IP, device: null, receive: this.ipv4.receive });
    layer.packetTypes.add({ name: 'ARP', type: ETH_P_ARP, device: null, receive: this.arp.receive });
    layer.listen((device, event) => this.deviceEvent(device, event));
  }

  // ---- configuration

  /** `10.0.0.1/24`: gives a device an address, and a route to its network if it has none. Throws with what is wrong. */
  addAddress(device: NetDevice, text: string): InterfaceAddress {
    const { address, prefix } = parseNetwork(text);
    const entry = this.interfaces.add(device, address, prefix);
    try {
      // A second address in the same network: packets go out from the first.
      if (!this.interfaces.addresses.some((other) => other !== entry && isSameNetwork(other, entry)))
        this.routes.add(address, prefix, 0, device, address);
    } catch (error) {
      this.interfaces.remove(entry);
      throw error;
    }
    this.layer.notify(device, 'address');
    if (device.canTransmit) this.announceLater(device);
    return entry;
  }

  /** Takes an address away; its routes go to another address that can have them, or too. */
  removeAddress(device: NetDevice, text: string): void {
    const { address, prefix } = parseNetwork(text);
    const entry = this.interfaces.findOn(device, address | 0);
    if (entry === null) throw new Error(`${device.name} has no address ${formatNetwork(address, prefix)}`);
    this.interfaces.remove(entry);
    const others = this.interfaces.addresses.filter((other) => other.device === device);
    this.routes.changeSource(device, entry.address, ({ gateway }) => {
      const heir = others.find((other) =>
        gateway === 0 ? isSameNetwork(other, entry) : ((gateway ^ other.address) & other.mask) === 0,
      );
      return heir?.address ?? null;
    });
  }

  /** `10.1.0.0/16` or `default`, by a gateway on one of our links. Throws with what is wrong. */
  addRoute(to: string, gateway: string): Route {
    const { address, prefix } = to === 'default' ? { address: 0, prefix: 0 } : parseNetwork(to);
    const via = parseAddress(gateway);
    for (const own of this.interfaces.addresses) {
      if (((via ^ own.address) & own.mask) !== 0 || own.address === (via | 0)) continue;
      return this.routes.add(address, prefix, via, own.device, own.address);
    }
    throw new Error(
      `route ${to}: gateway ${gateway} must be another station in a network of one of our interfaces`,
    );
  }

  /** Makes and opens `lo`, so that packets to our own addresses come back. Process context. */
  addLoopback(): NetDevice {
    const device = createLoopback(this.layer);
    device.open();
    this.ipv4.loopback = device;
    this.interfaces.addLoopback(device);
    return device;
  }

  set forwarding(on: boolean) {
    this.ipv4.forwarding = on;
  }

  get forwarding(): boolean {
    return this.ipv4.forwarding;
  }

  // ---- use

  /** Starts a ping; `ping.finished` says when it is over. */
  ping(destination: string, options: PingOptions = {}): Ping {
    const identifier = this.nextIdentifier++ & 0xffff;
    return new Ping(this.machine, this.icmp, parseAddress(destination) | 0, identifier, options);
  }

  // ---- what people see

  /** Where every packet went: `missing` is 0. */
  balance(): Balance {
    return this.account.balance();
  }

  get counters(): {
    arp: Arp['counters'];
    ipv4: Ipv4['counters'];
    icmp: Icmp['counters'];
    udp: Udp['counters'];
  } {
    return {
      arp: this.arp.counters,
      ipv4: this.ipv4.counters,
      icmp: this.icmp.counters,
      udp: this.udp.counters,
    };
  }

  /** The neighbour cache, as `ip neighbour` shows it. */
  neighbours(): NeighbourRow[] {
    return this.arp.cache.entries.map((entry) => ({
      address: formatAddress(entry.address),
      device: entry.device.name,
      station: entry.state === 'incomplete' || entry.state === 'failed' ? '' : formatMac(entry.station),
      state: entry.state,
    }));
  }

  /** `10.0.0.1/24`, those of a device. */
  addressesOf(device: NetDevice): string[] {
    return this.interfaces.addresses
      .filter((entry) => entry.device === device)
      .map((entry) => formatNetwork(entry.address, entry.prefix));
  }

  /** The routing table, a line a route. */
  routeList(): string[] {
    return this.routes.routes.map(formatRoute);
  }

  // ---- devices

  /** Any context: drivers report their carrier from interrupts too. */
  private deviceEvent(device: NetDevice, event: DeviceEvent): void {
    switch (event) {
      case 'carrier':
        this.announceLater(device);
        return;
      case 'going-down':
        this.arp.cache.forgetDevice(device);
        return;
      case 'unregistered':
        this.routes.remove((route) => route.device === device);
        this.interfaces.removeDevice(device);
        return;
      default:
    }
  }

  private announceLater(device: NetDevice): void {
    if (!this.announce || device === this.ipv4.loopback) return;
    if (!this.toAnnounce.includes(device)) this.toAnnounce.push(device);
    this.announcer.reset(0);
  }

  /** Softirq. */
  private announceAll(): void {
    for (const device of this.toAnnounce.splice(0)) if (device.canTransmit) this.arp.announce(device);
  }

  /** What parts of the stack outside of it (IPX, applications) need. */
  get shared(): Core {
    return this.core;
  }
}

function isSameNetwork(a: InterfaceAddress, b: InterfaceAddress): boolean {
  return a.device === b.device && a.prefix === b.prefix && ((a.address ^ b.address) & a.mask) === 0;
}
