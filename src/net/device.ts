// A network device: what a driver registers, what protocols send through, and what both count.
//
// Conservation, checked by tests: on the way in, packets = delivered + drops of the receive side + backlog; on the way
// out, offered = packets sent + drops of the transmit side + waiting in queues + held by the driver.

import { Callout } from '../kernel/callout.ts';
import { HARDIRQ } from '../kernel/cpu.ts';
import { TP_CONSUME_SKB, TP_KFREE_SKB, TP_NET_DEV_START_XMIT, TP_NET_DEV_XMIT } from '../kernel/trace.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { DROP_NO_CARRIER, DROP_QUEUE_STOPPED, DROP_REASONS, DROP_TX_ERROR } from './drop-reason.ts';
import { ETH_ALEN, ETH_DATA_LEN, isValidStation } from './ether.ts';
import type { DeviceLayer } from './layer.ts';
import type { Qdisc } from './qdisc.ts';
import { QdiscRun } from './qdisc-run.ts';
import { TxQueue } from './tx-queue.ts';

/** Interface flags, as Linux and the BSDs number them. */
export const IFF_UP = 0x0001;
export const IFF_BROADCAST = 0x0002;
export const IFF_RUNNING = 0x0040;
export const IFF_PROMISC = 0x0100;
export const IFF_ALLMULTI = 0x0200;
export const IFF_MULTICAST = 0x1000;
/** @public */
export const IFF_FLAGS = {
  UP: IFF_UP,
  BROADCAST: IFF_BROADCAST,
  RUNNING: IFF_RUNNING,
  PROMISC: IFF_PROMISC,
  ALLMULTI: IFF_ALLMULTI,
  MULTICAST: IFF_MULTICAST,
} as const;

/** What the hardware can do so that software need not: scatter-gather, checksums. */
export const NETIF_F_SG = 0x0001;
export const NETIF_F_IP_CSUM = 0x0002;

/** Headroom for the Ethernet header and 2 bytes so that what follows it is word-aligned (NET_SKB_PAD, NET_IP_ALIGN). */
export const NET_SKB_PAD = 32;
export const NET_IP_ALIGN = 2;

/** What startXmit answers. */
export const NETDEV_TX_OK = true;
export const NETDEV_TX_BUSY = false;

/** What a driver does for its device. All of it runs in process context unless said. */
export interface NetDeviceOps {
  /** Brings the hardware up; starts the queues. Throws with what is wrong and leaves nothing behind. */
  open(): void;
  /** Halts the hardware and frees what open took, packets in the rings included. */
  stop(): void;
  /**
   * Any context but hard interrupt. Takes the packet and returns NETDEV_TX_OK; or returns NETDEV_TX_BUSY and takes
   * nothing, which a driver that stops its queue in time never needs. Rings the doorbell unless device.xmitMore.
   */
  startXmit?(m: Mbuf, queue: number): boolean;
  /**
   * In place of startXmit (if_start of the BSDs), same contexts: there may be packets, and the driver takes them itself
   * with `queue.pull()` until that gives null or its ring is full. The queue needs a discipline.
   */
  start?(queue: TxQueue): void;
  /** The queue for a packet; below 0: the device layer chooses. */
  selectQueue?(m: Mbuf): number;
  /** Promiscuous, all-multicast or the multicast list changed. */
  setRxMode?(): void;
  /** The station address changed. */
  setMacAddress?(): void;
  /** Softirq: nothing has left queue `queue` for the watchdog's time. */
  txTimeout?(queue: number): void;
  changeMtu?(mtu: number): void;
  /** Packets in the driver's hands: taken by startXmit, not yet given to transmitDone or drop. */
  held?(): number;
  /** ethtool -d: registers as words, for `registerNames`. */
  registerDump?(): RegisterDump;
  /** ethtool -t offline: what failed; empty when all is well. */
  selfTest?(): string[];
  /** ethtool -S: the driver's own counters by name. */
  driverStats?(): Record<string, number>;
}

/** Lends a packet with its Ethernet header in front; false: the hook has taken and counted it. */
export type PacketHook = (m: Mbuf) => boolean;

/** Queues `offset` to `offset + count - 1`. */
export interface QueueRange {
  count: number;
  offset: number;
}

export interface RegisterDump {
  readonly registers: readonly { readonly name: string; readonly value: number; readonly text: string }[];
}

/** Counters of one direction. */
export interface DeviceCounters {
  packets: number;
  bytes: number;
  errors: number;
  multicast: number;
}

/** Ethernet link as the driver reports it. */
export interface LinkState {
  bitsPerSecond: number;
  fullDuplex: boolean;
}

export class NetDevice {
  readonly name: string;
  /** From 1, in order of registration; 0 before. */
  index = 0;
  readonly layer: DeviceLayer;
  readonly ops: NetDeviceOps;
  readonly address = new Uint8Array(ETH_ALEN);
  mtu = ETH_DATA_LEN;
  maxMtu = ETH_DATA_LEN;
  flags = IFF_BROADCAST | IFF_MULTICAST;
  features = 0;
  link: LinkState = { bitsPerSecond: 0, fullDuplex: true };
  txQueueLength = 1000;
  /** Another packet follows at once: the driver may leave the doorbell to it (netdev_xmit_more). */
  xmitMore = false;
  readonly txQueues: TxQueue[];
  /** What tc shows as the root: the discipline of all queues, or one above those of each (mq); null: noqueue. */
  rootQdisc: Qdisc | null = null;
  /** mqprio: the traffic class of each of the sixteen priorities, and the queues of each class; empty: all queues serve all. */
  readonly prioToTc = new Uint8Array(16);
  tcToQueues: readonly QueueRange[] = [];
  /** XPS: the queue of each CPU, by its index; -1 or none: by flow. */
  xps: readonly number[] = [];
  /** tc's hooks, before a packet that came in is looked at, and before one that goes out is queued; false: it is gone. */
  ingress: PacketHook | null = null;
  egress: PacketHook | null = null;
  readonly rx: DeviceCounters = { packets: 0, bytes: 0, errors: 0, multicast: 0 };
  readonly tx: DeviceCounters = { packets: 0, bytes: 0, errors: 0, multicast: 0 };
  /** Packets handed to a packet type's function; packets that protocols offered for sending. */
  delivered = 0;
  offered = 0;
  /** Packets that are there once more than they were offered: copies that disciplines make, segments. */
  copied = 0;
  /** Packets that actions of tc took on their way in and out. */
  stolenIn = 0;
  stolenOut = 0;
  /** Interrupts the driver handled. */
  interrupts = 0;
  readonly drops = new Float64Array(DROP_REASONS.length);
  /** Group addresses that protocols joined, with how often. */
  readonly multicast = new Map<string, { address: Uint8Array; users: number }>();
  readonly traceName: number;
  /** Time in ns without a sent packet after which a stopped queue is said to hang. */
  watchdogNs = 5_000_000_000;
  /** Where per-device state of protocols hangs (addresses, say), by protocol. */
  readonly protocolData = new Map<string, unknown>();
  private promiscuity = 0;
  private allMulticast = 0;
  private carrierOn = false;
  private readonly watchdog: Callout;

  constructor(layer: DeviceLayer, name: string, ops: NetDeviceOps, queues = 1) {
    this.layer = layer;
    this.name = name;
    this.ops = ops;
    if ((ops.startXmit === undefined) === (ops.start === undefined))
      throw new Error(`${name}: a driver sends by startXmit or by start, one of the two`);
    this.traceName = layer.machine.trace.addName(name);
    this.txQueues = Array.from({ length: queues }, (_, index) => new TxQueue(this, index));
    this.watchdog = new Callout(layer.machine, `${name} tx watchdog`, () => this.checkQueues());
  }

  // ---- life

  get up(): boolean {
    return (this.flags & IFF_UP) !== 0;
  }

  /** dev_open: process context. Harmless when up. Throws what the driver's open throws. */
  open(): void {
    this.layer.machine.cpu.mightSleep(`open of ${this.name}`);
    if (this.up) return;
    if (!isValidStation(this.address)) throw new Error(`${this.name}: no valid station address`);
    this.flags |= IFF_UP;
    try {
      this.ops.open();
    } catch (error) {
      this.flags &= ~IFF_UP;
      this.haltQueues();
      throw error;
    }
    this.ops.setRxMode?.();
    this.watchdog.reset(this.watchdogNs);
    this.layer.notify(this, 'up');
  }

  /** dev_close: process context. What waits in the queues is dropped with a reason. */
  close(): void {
    this.layer.machine.cpu.mightSleep(`close of ${this.name}`);
    if (!this.up) return;
    this.layer.notify(this, 'going-down');
    this.watchdog.stop();
    this.flags &= ~IFF_UP;
    for (const queue of this.txQueues) queue.stop();
    this.ops.stop();
    this.haltQueues();
  }

  /** Nothing is sent any more, nothing waits. */
  private haltQueues(): void {
    for (const queue of this.txQueues) {
      queue.stop();
      queue.reset();
    }
    this.setCarrier(false);
  }

  /** dev_set_mtu. Throws when the device cannot. */
  setMtu(mtu: number): void {
    if (!Number.isInteger(mtu) || mtu < 68 || mtu > this.maxMtu) {
      throw new RangeError(`${this.name}: mtu ${mtu}: 68 to ${this.maxMtu} is possible`);
    }
    this.mtu = mtu;
    this.ops.changeMtu?.(mtu);
  }

  /** dev_set_mac_address. */
  setAddress(address: Uint8Array): void {
    if (!isValidStation(address)) throw new Error(`${this.name}: not a station address`);
    this.address.set(address);
    this.ops.setMacAddress?.();
  }

  // ---- receive mode

  /** dev_set_promiscuity: counts. */
  setPromiscuity(by: 1 | -1): void {
    if (this.promiscuity + by < 0)
      throw new Error(`${this.name}: promiscuous mode left more often than entered`);
    this.promiscuity += by;
    this.setRxFlag(IFF_PROMISC, this.promiscuity > 0);
  }

  /** dev_set_allmulti: counts. */
  setAllMulticast(by: 1 | -1): void {
    if (this.allMulticast + by < 0)
      throw new Error(`${this.name}: all-multicast mode left more often than entered`);
    this.allMulticast += by;
    this.setRxFlag(IFF_ALLMULTI, this.allMulticast > 0);
  }

  /** dev_mc_add: counts per address. */
  addMulticast(address: Uint8Array): void {
    const key = address.join();
    const entry = this.multicast.get(key);
    if (entry !== undefined) {
      entry.users++;
      return;
    }
    this.multicast.set(key, { address: address.slice(), users: 1 });
    this.changeRxMode();
  }

  /** dev_mc_del. */
  removeMulticast(address: Uint8Array): void {
    const key = address.join();
    const entry = this.multicast.get(key);
    if (entry === undefined) return;
    if (--entry.users > 0) return;
    this.multicast.delete(key);
    this.changeRxMode();
  }

  private setRxFlag(flag: number, on: boolean): void {
    const flags = on ? this.flags | flag : this.flags & ~flag;
    if (flags === this.flags) return;
    this.flags = flags;
    this.changeRxMode();
  }

  private changeRxMode(): void {
    if (this.up) this.ops.setRxMode?.();
  }

  // ---- carrier

  get carrier(): boolean {
    return this.carrierOn;
  }

  /** netif_carrier_on and _off: the driver says whether the link is there. What waits is dropped when it goes. */
  setCarrier(on: boolean): void {
    if (on === this.carrierOn) return;
    this.carrierOn = on;
    this.flags = on ? this.flags | IFF_RUNNING : this.flags & ~IFF_RUNNING;
    for (const queue of this.txQueues) {
      queue.touch();
      // What a busy driver left behind while the link went down.
      if (on) queue.schedule();
      else queue.reset();
    }
    this.layer.notify(this, on ? 'carrier' : 'no-carrier');
  }

  get canTransmit(): boolean {
    return this.carrierOn && this.up;
  }

  // ---- receive

  /** Takes every packet that comes in, its Ethernet header in front, in place of the protocols (rx_handler): of a bridge, say. */
  rxHandler: ((m: Mbuf) => void) | null = null;

  /** Gives the driver a buffer for a frame: a cluster, its data aligned so that the network header is; null: none left. */
  allocReceive(): Mbuf | null {
    const { machine } = this.layer;
    const { cpu } = machine;
    cpu.charge(cpu.profile.buffer);
    const m = machine.mbufs.getcl();
    if (m === null) return null;
    m.data += NET_SKB_PAD + NET_IP_ALIGN;
    m.device = this;
    return m;
  }

  /** netif_receive_skb: softirq context. Takes a packet that starts with its Ethernet header. */
  receive(m: Mbuf): void {
    this.layer.receive(m);
  }

  /** netif_rx: any context. Takes a packet of a driver without NAPI. */
  receiveBacklog(m: Mbuf): void {
    this.layer.softnet.netifRx(m);
  }

  // ---- transmit

  /**
   * Hands a packet to the driver, as segments if it must be: what the driver was too busy for is still the caller's, a list
   * linked by nextPacket; null: nothing.
   */
  hardStartXmit(m: Mbuf, queue: TxQueue): Mbuf | null {
    const { layer } = this;
    // Null, out of buffers: counted and gone, so not busy.
    let ready = layer.makeSendable(m, this);
    const more = this.xmitMore;
    while (ready !== null) {
      const rest: Mbuf | null = ready.nextPacket;
      ready.nextPacket = null;
      this.xmitMore = more || rest !== null;
      if (!this.startOne(ready, queue)) {
        ready.nextPacket = rest;
        return ready;
      }
      ready = rest;
      if (ready !== null && queue.stopped) return ready;
    }
    return null;
  }

  private startOne(m: Mbuf, queue: TxQueue): boolean {
    const { layer } = this;
    const { cpu } = layer.machine;
    const length = m.packetLength;
    if (layer.packetTypes.taps.length > 0) layer.showTaps(m, this, true);
    if (cpu.trace.on)
      cpu.trace.emit(TP_NET_DEV_START_XMIT, cpu.now(), cpu.traceSource, this.traceName, length);
    const taken = this.ops.startXmit!(m, queue.index);
    if (cpu.trace.on)
      cpu.trace.emit(TP_NET_DEV_XMIT, cpu.now(), cpu.traceSource, this.traceName, length, taken ? 0 : 16);
    if (taken) queue.touch();
    return taken;
  }

  /** A device without a discipline: to the driver or dropped, nothing waits. Takes the packet. */
  xmitStraight(m: Mbuf, queue: TxQueue): void {
    if (!this.canTransmit) this.drop(m, DROP_NO_CARRIER);
    else if (queue.stopped || this.ops.start !== undefined) this.drop(m, DROP_QUEUE_STOPPED);
    else {
      let rest = this.hardStartXmit(m, queue);
      while (rest !== null) {
        const next: Mbuf | null = rest.nextPacket;
        rest.nextPacket = null;
        this.drop(rest, DROP_QUEUE_STOPPED);
        rest = next;
      }
    }
  }

  /** One discipline for all queues, in the place of those that are there, whose packets are dropped; null: noqueue. */
  setRootQdisc(qdisc: Qdisc | null): void {
    this.rootQdisc = qdisc;
    for (const feeder of this.feeders) feeder.replace(null);
    const [first] = this.txQueues;
    const shared = this.txQueues.length === 1 || qdisc === null ? null : new QdiscRun(this, null);
    for (const queue of this.txQueues) queue.feeder = shared ?? new QdiscRun(this, queue);
    first.feeder.qdisc = qdisc;
  }

  /** A discipline for each queue, below `root`, which is shown and not asked (mq). */
  setQueueQdiscs(root: Qdisc, qdiscs: readonly Qdisc[]): void {
    if (qdiscs.length !== this.txQueues.length)
      throw new RangeError(
        `${this.name}: ${qdiscs.length} disciplines for ${this.txQueues.length} queues: one each wanted`,
      );
    this.setRootQdisc(null);
    this.rootQdisc = root;
    this.txQueues.forEach((queue, i) => {
      queue.feeder.qdisc = qdiscs[i];
    });
  }

  /** What feeds the queues, each once. */
  get feeders(): QdiscRun[] {
    return [...new Set(this.txQueues.map((queue) => queue.feeder))];
  }

  /** The queue that a packet was put in. */
  queueOf(m: Mbuf): TxQueue {
    return this.txQueues[m.queue] ?? this.txQueues[0];
  }

  /** dev_queue_xmit: takes a packet that starts with its Ethernet header. */
  transmit(m: Mbuf): void {
    this.layer.transmit(m, this);
  }

  /**
   * Any context. The driver is done with a packet it was given: counts it and frees it, from NET_TX when this is a hard
   * interrupt. Takes it.
   */
  transmitDone(m: Mbuf, ok: boolean): void {
    const { machine } = this.layer;
    if (!ok) {
      this.tx.errors++;
      this.drop(m, DROP_TX_ERROR);
      return;
    }
    this.tx.packets++;
    this.tx.bytes += m.packetLength;
    const { cpu } = machine;
    if (cpu.trace.on)
      cpu.trace.emit(TP_CONSUME_SKB, cpu.now(), cpu.traceSource, this.traceName, m.packetLength);
    this.free(m);
  }

  /** kfree_skb: counts the packet as dropped for `reason` (drop-reason.ts) and frees it. Takes it. */
  drop(m: Mbuf, reason: number): void {
    this.drops[reason]++;
    const { machine } = this.layer;
    const { cpu } = machine;
    if (cpu.trace.on)
      cpu.trace.emit(TP_KFREE_SKB, cpu.now(), cpu.traceSource, this.traceName, reason, m.packetLength);
    this.free(m);
  }

  /** dev_kfree_skb_any: at once, or from NET_TX when this is a hard interrupt. */
  private free(m: Mbuf): void {
    const { machine, softnet } = this.layer;
    if (machine.cpu.context === HARDIRQ) softnet.freeLater(m);
    else machine.mbufs.freem(m);
  }

  /** Drops by reason, those that happened. */
  dropReport(): Record<string, number> {
    const report: Record<string, number> = {};
    DROP_REASONS.forEach((reason, number) => {
      if (this.drops[number] > 0) report[reason.name] = this.drops[number];
    });
    return report;
  }

  /** Packets waiting in the transmit queues. */
  get queued(): number {
    const { txQueues } = this;
    let sum = 0;
    for (let i = 0; i < txQueues.length; i++) {
      if (i === 0 || txQueues[i].feeder !== txQueues[0].feeder) sum += txQueues[i].pending;
    }
    return sum;
  }

  /** dev_watchdog. */
  private checkQueues(): void {
    const now = this.layer.machine.cpu.now();
    for (const queue of this.txQueues) {
      if (!queue.stopped || !this.canTransmit || now - queue.lastStart < this.watchdogNs) continue;
      queue.timeouts++;
      this.layer.machine.log(`${this.name}: transmit queue ${queue.index} timed out`);
      queue.touch();
      this.ops.txTimeout?.(queue.index);
    }
    if (this.up) this.watchdog.reset(this.watchdogNs);
  }
}
