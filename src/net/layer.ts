// The device layer of a machine: the registered devices, one packet in (netif_receive_skb) and one packet out
// (dev_queue_xmit).

import type { Machine } from '../kernel/machine.ts';
import { TP_NET_DEV_QUEUE, TP_NETIF_RECEIVE } from '../kernel/trace.ts';
import {
  type Mbuf,
  PACKET_BROADCAST,
  PACKET_HOST,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
} from '../mbuf/mbuf.ts';
import { finishChecksum } from './checksum.ts';
import type { NetDevice } from './device.ts';
import { NETIF_F_IP_CSUM, NETIF_F_SG, NETIF_F_TSO } from './device-ops.ts';
import {
  DROP_COPY_NOMEM,
  DROP_DEV_READY,
  DROP_NO_CARRIER,
  DROP_NOMEM,
  DROP_PKT_TOO_BIG,
  DROP_PKT_TOO_SHORT,
  DROP_PKT_TOO_SMALL,
  DROP_UNHANDLED_PROTO,
} from './drop-reason.ts';
import {
  ETH_HLEN,
  ETH_P_802_2,
  ETH_P_802_3,
  ETH_P_802_3_MIN,
  ETH_P_8021AD,
  ETH_P_8021Q,
  VLAN_HLEN,
} from './ether.ts';
import { type PacketType, PacketTypes, PTYPE_HASH_SIZE } from './packet-type.ts';
import type { QdiscFactory } from './qdisc.ts';
import { pickQueue } from './queue-pick.ts';
import { segment } from './segment.ts';
import { Softnet } from './softnet.ts';

/** What happened to a device, for those who want to know (the netdevice notifier chain). */
export type DeviceEvent =
  | 'registered'
  | 'up'
  | 'going-down'
  | 'carrier'
  | 'no-carrier'
  | 'address' // a protocol gave it an address: for drivers that start afresh then
  | 'unregistered';
export type DeviceListener = (device: NetDevice, event: DeviceEvent) => void;

export class DeviceLayer {
  readonly machine: Machine;
  readonly softnet: Softnet;
  readonly packetTypes = new PacketTypes();
  readonly devices: NetDevice[] = [];
  /** The discipline new devices get on each queue; null: none. */
  defaultQdisc: QdiscFactory | null = null;
  private readonly listeners: DeviceListener[] = [];
  private nextIndex = 1;

  constructor(machine: Machine) {
    this.machine = machine;
    this.softnet = new Softnet(
      machine,
      (m) => this.receive(m),
      (m) => this.receiveHere(m),
    );
  }

  /** register_netdev. From here the device can be opened. Throws when the name is taken. */
  register(device: NetDevice): void {
    if (this.find(device.name) !== undefined) throw new Error(`there is a device ${device.name} already`);
    device.index = this.nextIndex++;
    if (this.defaultQdisc !== null) {
      device.defaultQdisc = this.defaultQdisc;
      device.restoreDefaultQdisc();
    }
    this.devices.push(device);
    this.notify(device, 'registered');
  }

  /** unregister_netdev: closes the device and forgets it. */
  unregister(device: NetDevice): void {
    const index = this.devices.indexOf(device);
    if (index < 0) throw new Error(`device ${device.name} is not registered`);
    device.close();
    this.softnet.flushBacklog(device);
    this.devices.splice(index, 1);
    this.notify(device, 'unregistered');
  }

  find(name: string): NetDevice | undefined {
    return this.devices.find((device) => device.name === name);
  }

  /** The first free name of the form prefix0, prefix1, ... */
  allocName(prefix: string): string {
    for (let unit = 0; ; unit++) if (this.find(`${prefix}${unit}`) === undefined) return `${prefix}${unit}`;
  }

  listen(listener: DeviceListener): void {
    this.listeners.push(listener);
  }

  notify(device: NetDevice, event: DeviceEvent): void {
    for (const listener of this.listeners) listener(device, event);
  }

  // ---- one packet in

  /** netif_receive_skb. Takes the packet. */
  receive(m: Mbuf): void {
    const device = m.device as NetDevice;
    if (device.rps === null) this.receiveHere(m);
    else this.softnet.steer(m, device, device.rps);
  }

  /** On the CPU it was steered to: taps first, then the packet types. Takes the packet. */
  private receiveHere(m: Mbuf): void {
    const device = m.device as NetDevice;
    const { cpu } = this.machine;
    this.softnet.perCpu[cpu.index].processed++;
    cpu.charge(cpu.profile.layer);
    device.rx.packets++;
    device.rx.bytes += m.packetLength;
    if (m.length < ETH_HLEN) {
      device.drop(m, DROP_PKT_TOO_SMALL);
      return;
    }
    if (this.packetTypes.taps.length > 0) this.showTaps(m, device, false);
    if (device.ingress !== null && !device.ingress(m)) return;
    if (device.rxHandler !== null) {
      device.delivered++;
      device.rxHandler(m);
      return;
    }
    this.ethTypeTrans(m, device);
    if (cpu.trace.on)
      cpu.trace.emit(
        TP_NETIF_RECEIVE,
        cpu.now(),
        cpu.traceSource,
        device.traceName,
        m.packetLength,
        m.protocol,
      );
    this.deliver(m, device);
  }

  /** eth_type_trans: whom is it for, which protocol, and off with the header. */
  private ethTypeTrans(m: Mbuf, device: NetDevice): void {
    const { u8 } = this.machine.memory;
    const at = m.data;
    if ((u8[at] & 1) !== 0) {
      const all = u8[at] & u8[at + 1] & u8[at + 2] & u8[at + 3] & u8[at + 4] & u8[at + 5];
      m.packetType = all === 0xff ? PACKET_BROADCAST : PACKET_MULTICAST;
      if (m.packetType === PACKET_MULTICAST) device.rx.multicast++;
    } else {
      const { address } = device;
      const mine =
        u8[at + 5] === address[5] &&
        u8[at + 4] === address[4] &&
        u8[at + 3] === address[3] &&
        u8[at + 2] === address[2] &&
        u8[at + 1] === address[1] &&
        u8[at] === address[0];
      m.packetType = mine ? PACKET_HOST : PACKET_OTHERHOST;
    }
    const type = (u8[at + 12] << 8) | u8[at + 13];
    m.data += ETH_HLEN;
    m.length -= ETH_HLEN;
    m.packetLength -= ETH_HLEN;
    if (type >= ETH_P_802_3_MIN) m.protocol = type;
    else this.trimTo(m, type);
  }

  /** An 802.3 frame: what is behind its length is padding; FFFF where 802.2 would be is IPX without 802.2. */
  private trimTo(m: Mbuf, length: number): void {
    const { u8 } = this.machine.memory;
    m.protocol = m.length >= 2 && u8[m.data] === 0xff && u8[m.data + 1] === 0xff ? ETH_P_802_3 : ETH_P_802_2;
    if (length < m.packetLength) this.machine.mbufs.adj(m, length - m.packetLength);
  }

  private deliver(m: Mbuf, device: NetDevice): void {
    if (this.handUp(m, device)) device.delivered++;
    else device.drop(m, DROP_UNHANDLED_PROTO);
  }

  /**
   * Gives the packet to every taker of its type, copies by reference to all but the last. False when nobody takes the
   * type: the packet is still the caller's.
   */
  handUp(m: Mbuf, device: NetDevice): boolean {
    const type = m.protocol;
    const bucket = this.packetTypes.buckets[type & (PTYPE_HASH_SIZE - 1)];
    let last: PacketType | null = null;
    for (let i = 0; i < bucket.length; i++) {
      const entry = bucket[i];
      if (entry.type !== type || (entry.device !== null && entry.device !== device)) continue;
      if (last !== null) this.handCopy(m, device, last);
      last = entry;
    }
    if (last === null) return false;
    last.receive(m, device);
    return true;
  }

  private handCopy(m: Mbuf, device: NetDevice, taker: PacketType): void {
    const copy = this.machine.mbufs.copym(m, 0, m.packetLength);
    if (copy === null) device.drops[DROP_COPY_NOMEM]++;
    else taker.receive(copy, device);
  }

  // ---- one packet out

  /** dev_queue_xmit. Takes a packet that starts with its Ethernet header. */
  transmit(m: Mbuf, device: NetDevice): void {
    const { cpu } = this.machine;
    cpu.bhDisable();
    // With several CPUs it is charged under the discipline's lock.
    if (this.machine.cpus.length === 1) cpu.charge(cpu.profile.layer);
    device.offered++;
    if (cpu.trace.on)
      cpu.trace.emit(TP_NET_DEV_QUEUE, cpu.now(), cpu.traceSource, device.traceName, m.packetLength);
    if (!device.up) device.drop(m, DROP_DEV_READY);
    else if (!device.carrier) device.drop(m, DROP_NO_CARRIER);
    else if (m.packetLength < ETH_HLEN) device.drop(m, DROP_PKT_TOO_SHORT);
    else if (m.packetLength > device.mtu + ETH_HLEN && m.gsoSize === 0 && !this.fitsWithTag(m, device))
      device.drop(m, DROP_PKT_TOO_BIG);
    else if (device.egress === null) {
      const { txQueues } = device;
      (txQueues.length === 1 ? txQueues[0] : pickQueue(device, m)).enqueue(m);
    } else {
      // The hook may say which queue (skbedit queue_mapping).
      m.queue = -1;
      if (device.egress(m)) (device.txQueues[m.queue] ?? pickQueue(device, m)).enqueue(m);
    }
    cpu.bhEnable();
  }

  /** A VLAN tag may make it that much longer: a frame that a bridge passes on, say. */
  private fitsWithTag(m: Mbuf, device: NetDevice): boolean {
    const { u8 } = this.machine.memory;
    if (m.packetLength > device.mtu + ETH_HLEN + VLAN_HLEN || m.length < ETH_HLEN) return false;
    const type = (u8[m.data + 12] << 8) | u8[m.data + 13];
    return type === ETH_P_8021Q || type === ETH_P_8021AD;
  }

  /**
   * Does in software what the device cannot: segments, a list of them by nextPacket; one piece; checksums. Takes it; null: it was
   * dropped, for want of a buffer.
   */
  makeSendable(m: Mbuf, device: NetDevice): Mbuf | null {
    if (m.gsoSize > 0 && (device.features & NETIF_F_TSO) === 0) return segment(this.machine, m, device);
    let ready: Mbuf = m;
    if (m.next !== null && (device.features & NETIF_F_SG) === 0) {
      const { cpu } = this.machine;
      cpu.charge(cpu.profile.copyByte * m.packetLength);
      const flat = this.machine.mbufs.linearise(m);
      if (flat === null) {
        device.drop(m, DROP_NOMEM);
        return null;
      }
      ready = flat;
    }
    if (ready.checksumFlags !== 0 && (device.features & NETIF_F_IP_CSUM) === 0) {
      if (!finishChecksum(this.machine, ready)) {
        device.drop(ready, DROP_NOMEM);
        return null;
      }
    }
    return ready;
  }

  /** Lends the packet, its Ethernet header in front, to every tap. */
  showTaps(m: Mbuf, device: NetDevice, outgoing: boolean): void {
    const { taps } = this.packetTypes;
    for (let i = 0; i < taps.length; i++) {
      const tap = taps[i];
      if (tap.device === null || tap.device === device) tap.see(m, device, outgoing);
    }
  }
}
