// One transmit queue of a device, as its driver has it: stop bits, byte queue limits, the time of the last packet for the
// watchdog, counters. What waits for it is in its QdiscRun.

import type { Cpu } from '../kernel/cpu.ts';
import { SpinLock } from '../kernel/lock.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from './device.ts';
import { NETIF_F_LLTX } from './device-ops.ts';
import { DynamicQueueLimit } from './dql.ts';
import { PullRun } from './pull-run.ts';
import type { Qdisc } from './qdisc.ts';
import { QdiscRun } from './qdisc-run.ts';

/** Why it is stopped: its driver's ring is full; it holds as many bytes as it should. */
const BY_DRIVER = 1;
const BY_LIMIT = 2;

export class TxQueue {
  readonly device: NetDevice;
  readonly index: number;
  /** What feeds it: its own, or one for all queues of the device. */
  feeder: QdiscRun;
  /** Byte queue limits, of a driver that says `sent` and `completed`; null: they are off. */
  limits: DynamicQueueLimit | null;
  timeouts = 0;
  /** Times the driver stopped the queue, and said busy; times its bytes were enough (BQL). */
  stops = 0;
  busies = 0;
  limitStops = 0;
  /** Held while the driver is given a packet for it (HARD_TX_LOCK); null: there is one CPU. */
  private readonly lock: SpinLock | null;
  private readonly started = new Float64Array(1);
  private stopBits = BY_DRIVER;

  constructor(device: NetDevice, index: number) {
    const { machine } = device.layer;
    this.device = device;
    this.index = index;
    this.feeder = makeFeeder(device, this);
    this.lock = machine.cpus.length === 1 ? null : new SpinLock(`${device.name} tx ${index}`, true);
    this.limits = new DynamicQueueLimit((to, at) => machine.cpu.stamp(to, at));
  }

  get qdisc(): Qdisc | null {
    return this.feeder.qdisc;
  }

  /** The discipline of this queue alone; see NetDevice.setRootQdisc for one that all share. */
  set qdisc(qdisc: Qdisc | null) {
    this.feeder.qdisc = qdisc;
    if (this.device.txQueues.length === 1) this.device.rootQdisc = qdisc;
  }

  /** HARD_TX_LOCK and HARD_TX_UNLOCK: for the device layer. Bottom halves are off. */
  acquire(cpu: Cpu): void {
    if (this.lock !== null && (this.device.features & NETIF_F_LLTX) === 0) this.lock.lock(cpu);
  }

  release(cpu: Cpu): void {
    if (this.lock !== null && (this.device.features & NETIF_F_LLTX) === 0) this.lock.unlock(cpu);
  }

  /** Time in ns of the last packet the driver took, for the watchdog. */
  get lastStart(): number {
    return this.started[0];
  }

  /** Now is the time of lastStart. */
  touch(): void {
    this.device.layer.machine.cpu.stamp(this.started, 0);
  }

  /** By the driver, or by its byte limit. */
  get stopped(): boolean {
    return this.stopBits !== 0;
  }

  /** The driver takes packets for it, and they would leave. */
  get ready(): boolean {
    return this.stopBits === 0 && this.device.canTransmit;
  }

  /** netif_tx_start_queue: at open. */
  start(): void {
    this.stopBits &= ~BY_DRIVER;
  }

  /** netif_tx_stop_queue: the ring is full. */
  stop(): void {
    if ((this.stopBits & BY_DRIVER) === 0 && this.device.up) this.stops++;
    this.stopBits |= BY_DRIVER;
  }

  /** netif_tx_wake_queue: there is room again. */
  wake(): void {
    if ((this.stopBits & BY_DRIVER) === 0) return;
    this.stopBits &= ~BY_DRIVER;
    if (this.stopBits === 0) this.feeder.schedule();
  }

  // ---- byte queue limits

  /** netdev_tx_sent_queue: the driver has put so many bytes into its ring. Before it rings the doorbell: this may stop the queue. */
  sent(bytes: number): void {
    const { limits } = this;
    if (limits === null || limits.sent(bytes)) return;
    if ((this.stopBits & BY_LIMIT) === 0) this.limitStops++;
    this.stopBits |= BY_LIMIT;
  }

  /** netdev_tx_completed_queue: so many bytes have left the ring. Once for all that one interrupt or poll finds. */
  completed(bytes: number): void {
    const { limits } = this;
    if (limits === null) return;
    limits.completed(bytes);
    if ((this.stopBits & BY_LIMIT) === 0 || limits.room < 0) return;
    this.stopBits &= ~BY_LIMIT;
    if (this.stopBits === 0) this.feeder.schedule();
  }

  /** netdev_tx_reset_queue: the ring is empty, whatever was in it. */
  resetLimits(): void {
    this.limits?.reset();
    this.stopBits &= ~BY_LIMIT;
  }

  /** Another packet may go once this one has: else the doorbell is not left to it. */
  hasRoomAfter(m: Mbuf): boolean {
    return this.limits === null || this.limits.inFlight === 0 || this.limits.room >= m.packetLength;
  }

  // ---- what waits

  /** Packets waiting for it; those of all queues when one discipline feeds them all. */
  get pending(): number {
    return this.feeder.pending;
  }

  /** Runs what feeds it from NET_TX if something waits. */
  schedule(): void {
    this.feeder.schedule();
  }

  /** Takes a packet for this queue; the device is up and has a carrier. */
  enqueue(m: Mbuf): void {
    this.feeder.enqueue(m, this);
  }

  /** Takes a packet to wait in the discipline, without running it; false: it, or another for it, was dropped. */
  append(m: Mbuf): boolean {
    return this.feeder.append(m);
  }

  run(): void {
    this.feeder.run();
  }

  // ---- for a driver with `start`

  /** It begins of its own accord: DEV_TX_WEIGHT packets from here. */
  beginPull(): void {
    if (this.feeder instanceof PullRun) this.feeder.beginPull();
  }

  /**
   * Returns the next packet, as sendable as hardStartXmit makes it and shown to the taps; the driver owns it. Null: nothing
   * may go now, or the driver has had its weight and NET_TX calls it again.
   */
  pull(): Mbuf | null {
    return this.feeder instanceof PullRun ? this.feeder.pull() : null;
  }

  /** Lends the packet that `pull` would return now; it stays first in the queue. */
  peek(): Mbuf | null {
    return this.feeder instanceof PullRun ? this.feeder.peek() : null;
  }

  /** Drops what waits, each with the reason QDISC_RESET. */
  reset(): void {
    this.feeder.reset();
  }
}

/** What feeds one queue, or with null all of the device's. */
export function makeFeeder(device: NetDevice, only: TxQueue | null): QdiscRun {
  return device.ops.start === undefined ? new QdiscRun(device, only) : new PullRun(device, only);
}
