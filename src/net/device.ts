// A network device: what a driver registers, what protocols send through, and what both count.
//
// Conservation, checked by tests: on the way in, packets = delivered + drops of the receive side + backlog; on the way
// out, offered = packets sent + drops of the transmit side + waiting in queues + held by the driver.

import { Callout } from '../kernel/callout.ts';
import { HARDIRQ } from '../kernel/cpu.ts';
import { TP_CONSUME_SKB, TP_KFREE_SKB } from '../kernel/trace.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import {
  type DeviceCounters,
  IFF_ALLMULTI,
  IFF_BROADCAST,
  IFF_MULTICAST,
  IFF_PROMISC,
  IFF_RUNNING,
  IFF_UP,
  type LinkState,
  NET_IP_ALIGN,
  NET_SKB_PAD,
  type NetDeviceOps,
  type PacketHook,
  type QueueRange,
} from './device-ops.ts';
import { DROP_REASONS, DROP_TX_ERROR } from './drop-reason.ts';
import { ETH_ALEN, ETH_DATA_LEN, isValidStation } from './ether.ts';
import type { DeviceLayer } from './layer.ts';
import type { Qdisc, QdiscFactory } from './qdisc.ts';
import type { QdiscRun } from './qdisc-run.ts';
import { cpusOf } from './steering.ts';
import { makeFeeder, TxQueue } from './tx-queue.ts';

export * from './device-ops.ts';

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
  /** What its queues get when nobody says otherwise: the layer's when it was registered. */
  defaultQdisc: QdiscFactory | null = null;
  /** mqprio: the traffic class of each of the sixteen priorities, and the queues of each class; empty: all queues serve all. */
  readonly prioToTc = new Uint8Array(16);
  tcToQueues: readonly QueueRange[] = [];
  /** XPS: the queues of each CPU, by its index; none: by flow. */
  xps: readonly (readonly number[])[] = [];
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
  /** Packets that others' actions of tc redirected to it: those that wait to be sent; those it received, in all. */
  redirected = 0;
  injected = 0;
  /** The CPUs that handle what it receives, from `rpsCpus`; null: those that poll it. */
  rps: Uint8Array | null = null;
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
    if (ops.start !== undefined && queues !== 1)
      throw new Error(`${name}: ${queues} transmit queues: a driver that sends by start has one`);
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

  /** Receive packet steering (queues/rx-0/rps_cpus): a bit for each CPU that handles packets of this device; 0: off. */
  get rpsCpus(): number {
    return this.rps === null ? 0 : this.rps.reduce((mask, cpu) => mask | (1 << cpu), 0);
  }

  set rpsCpus(mask: number) {
    const { length } = this.layer.machine.cpus;
    if (!Number.isInteger(mask) || mask < 0 || mask >= 2 ** length)
      throw new RangeError(`${this.name}: rps_cpus ${mask}: a mask of ${length} CPUs wanted`);
    this.rps = mask === 0 ? null : cpusOf(mask);
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

  /** One discipline for all queues, in the place of those that are there, whose packets are dropped; null: noqueue. */
  setRootQdisc(qdisc: Qdisc | null): void {
    this.rootQdisc = qdisc;
    for (const feeder of this.feeders) feeder.replace(null);
    const [first] = this.txQueues;
    const shared = this.txQueues.length === 1 || qdisc === null ? null : makeFeeder(this, null);
    for (const queue of this.txQueues) queue.feeder = shared ?? makeFeeder(this, queue);
    first.feeder.qdisc = qdisc;
  }

  /** The discipline it was registered with; a device with several queues has one on each. */
  restoreDefaultQdisc(): void {
    const { defaultQdisc } = this;
    this.setRootQdisc(null);
    this.tcToQueues = [];
    this.prioToTc.fill(0);
    if (defaultQdisc === null) return;
    for (const queue of this.txQueues) queue.qdisc = defaultQdisc(this.txQueueLength);
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
    let sum = this.redirected;
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
