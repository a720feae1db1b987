// One transmit queue of a device, as its driver has it: stop bits, the time of the last packet for the watchdog, counters.
// What waits for it is in its QdiscRun.

import { SpinLock } from '../kernel/lock.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from './device.ts';
import type { Qdisc } from './qdisc.ts';
import { QdiscRun } from './qdisc-run.ts';

export class TxQueue {
  readonly device: NetDevice;
  readonly index: number;
  /** What feeds it: its own, or one for all queues of the device. */
  feeder: QdiscRun;
  /** Held while the driver has a packet for it (HARD_TX_LOCK). */
  readonly lock: SpinLock;
  timeouts = 0;
  /** Times the driver stopped the queue, and said busy. */
  stops = 0;
  busies = 0;
  private readonly started = new Float64Array(1);
  private stoppedByDriver = true;

  constructor(device: NetDevice, index: number) {
    this.device = device;
    this.index = index;
    this.feeder = new QdiscRun(device, this);
    this.lock = new SpinLock(`${device.name} tx ${index}`);
  }

  get qdisc(): Qdisc | null {
    return this.feeder.qdisc;
  }

  /** The discipline of this queue alone; see NetDevice.setRootQdisc for one that all share. */
  set qdisc(qdisc: Qdisc | null) {
    this.feeder.qdisc = qdisc;
    if (this.device.txQueues.length === 1) this.device.rootQdisc = qdisc;
  }

  /** Time in ns of the last packet the driver took, for the watchdog. */
  get lastStart(): number {
    return this.started[0];
  }

  /** Now is the time of lastStart. */
  touch(): void {
    this.device.layer.machine.cpu.stamp(this.started, 0);
  }

  get stopped(): boolean {
    return this.stoppedByDriver;
  }

  /** The driver takes packets for it, and they would leave. */
  get ready(): boolean {
    return !this.stoppedByDriver && this.device.canTransmit;
  }

  /** netif_tx_start_queue: at open. */
  start(): void {
    this.stoppedByDriver = false;
  }

  /** netif_tx_stop_queue: the ring is full. */
  stop(): void {
    if (!this.stoppedByDriver && this.device.up) this.stops++;
    this.stoppedByDriver = true;
  }

  /** netif_tx_wake_queue: there is room again. */
  wake(): void {
    if (!this.stoppedByDriver) return;
    this.stoppedByDriver = false;
    this.feeder.schedule();
  }

  /** Another packet may go once this one has. */
  hasRoomAfter(_m: Mbuf): boolean {
    return true;
  }

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
    this.feeder.beginPull();
  }

  /**
   * Returns the next packet, as sendable as hardStartXmit makes it and shown to the taps; the driver owns it. Null: nothing
   * may go now, or the driver has had its weight and NET_TX calls it again.
   */
  pull(): Mbuf | null {
    return this.feeder.pull();
  }

  /** Lends the packet that `pull` would return now; it stays first in the queue. */
  peek(): Mbuf | null {
    return this.feeder.peek();
  }

  /** Drops what waits, each with the reason QDISC_RESET. */
  reset(): void {
    this.feeder.reset();
  }
}
