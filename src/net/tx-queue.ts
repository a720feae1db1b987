// One transmit queue of a device: its stop bits, its queueing discipline, and the loop that feeds the driver
// (the lecture's __qdisc_run and qdisc_restart). A driver with `start` is not fed: it takes packets itself with `pull`.

import { ClockEvent } from '../kernel/clock.ts';
import { SOFTIRQ } from '../kernel/cpu.ts';
import { TP_NET_DEV_START_XMIT, TP_NET_DEV_XMIT } from '../kernel/trace.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from './device.ts';
import { DROP_QDISC_DROP, DROP_QDISC_RESET } from './drop-reason.ts';
import type { Qdisc } from './qdisc.ts';

/** dev_tx_weight: packets one run of a queue hands to the driver before it yields to others. */
export const DEV_TX_WEIGHT = 64;
/** Packets that wait for each other in a softirq: fewer than the shortest queue has room for. */
const PULL_BATCH = 32;
/** ns after which a driver that was busy with its queue awake is asked again; asking at once would only burn the CPU. */
export const BUSY_RETRY_NS = 10_000;

export class TxQueue {
  readonly device: NetDevice;
  readonly index: number;
  /** null: noqueue, packets go straight to the driver. */
  qdisc: Qdisc | null = null;
  /** On a CPU's output queue. */
  scheduled = false;
  nextOutput: TxQueue | null = null;
  timeouts = 0;
  /** Times the driver stopped the queue, and said busy. */
  stops = 0;
  busies = 0;
  private readonly started = new Float64Array(1);
  private stoppedByDriver = true;
  private running = false;
  /** The driver takes packets itself, so many more before others have their turn. */
  private readonly pulls: boolean;
  private quota = 0;
  /** Packet that was dequeued and did not go, because the driver was busy or stopped; goes first. */
  private requeued: Mbuf | null = null;
  private requeuedLength = 0;
  private readonly watchdog: ClockEvent;
  private readonly onDrop = (m: Mbuf): void => this.device.drop(m, DROP_QDISC_DROP);
  private readonly onReset = (m: Mbuf): void => this.device.drop(m, DROP_QDISC_RESET);

  constructor(device: NetDevice, index: number) {
    this.device = device;
    this.index = index;
    this.pulls = device.ops.start !== undefined;
    this.watchdog = new ClockEvent(`${device.name} qdisc watchdog`, () =>
      device.layer.softnet.scheduleQueue(this),
    );
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
    this.schedule();
  }

  /** Runs the queue from NET_TX if something waits in it. */
  schedule(): void {
    if (this.pending > 0) this.device.layer.softnet.scheduleQueue(this);
  }

  /** Packets waiting in the discipline and in front of it. */
  get pending(): number {
    return (this.qdisc === null ? 0 : this.qdisc.length) + this.requeuedLength;
  }

  /** Takes a packet for this queue; the device is up and has a carrier. */
  enqueue(m: Mbuf): void {
    const { qdisc } = this;
    if (qdisc === null) {
      this.device.xmitStraight(m, this);
      return;
    }
    if (
      !this.stoppedByDriver &&
      qdisc.length === 0 &&
      this.requeued === null &&
      qdisc.canBypass &&
      !this.running
    ) {
      if (!this.pulls) this.pass(m, qdisc);
      else {
        this.requeue(m);
        this.runOrGather();
      }
    } else {
      qdisc.enqueue(m, this.onDrop);
      if (this.pulls) this.runOrGather();
      else this.run();
    }
  }

  /**
   * A driver that takes packets itself locks its queue and rings its doorbell once a call. A softirq, which may be passing on
   * a ring full of packets one by one, has it called for some together: by NET_TX, which runs before the CPU goes back.
   */
  private runOrGather(): void {
    const { cpu } = this.device.layer.machine;
    const few = Math.min(PULL_BATCH, this.device.txQueueLength >> 1);
    if (cpu.context === SOFTIRQ && !this.running && this.pending < few) this.schedule();
    else this.run();
  }

  /** Takes a packet to wait in the discipline, without running the queue; false: it, or another for it, was dropped. */
  append(m: Mbuf): boolean {
    const { qdisc, device } = this;
    if (qdisc === null) {
      device.drop(m, DROP_QDISC_DROP);
      return false;
    }
    const before = device.drops[DROP_QDISC_DROP];
    qdisc.enqueue(m, this.onDrop);
    return device.drops[DROP_QDISC_DROP] === before;
  }

  /** Past an empty discipline, straight to the driver (sch_direct_xmit). */
  private pass(m: Mbuf, qdisc: Qdisc): void {
    this.running = true;
    const bytes = m.packetLength;
    if (this.device.hardStartXmit(m, this)) {
      qdisc.stats.packets++;
      qdisc.stats.bytes += bytes;
    } else this.busy(qdisc, m, null);
    this.running = false;
    // What came while the driver had this one.
    if (qdisc.length > 0) this.run();
  }

  /** Feeds the driver until the discipline has nothing, the driver stops, or the weight is used up. */
  run(): void {
    const { qdisc, device } = this;
    if (qdisc === null || this.running) return;
    if (this.pulls) {
      if (this.pending > 0 && this.ready()) this.letPull();
      return;
    }
    this.running = true;
    let quota = DEV_TX_WEIGHT;
    let m = this.ready() ? this.next(qdisc) : null;
    while (m !== null) {
      // Dequeued before its time, since only so the driver can be told for sure that another one follows.
      let following = --quota > 0 ? this.next(qdisc) : null;
      const bytes = m.packetLength;
      device.xmitMore = following !== null;
      if (!device.hardStartXmit(m, this)) {
        this.busy(qdisc, m, following);
        break;
      }
      qdisc.stats.packets++;
      qdisc.stats.bytes += bytes;
      if (following !== null && !this.ready()) {
        this.requeue(following);
        following = null;
      }
      m = following;
    }
    device.xmitMore = false;
    this.running = false;
    if (quota === 0) this.schedule();
  }

  private letPull(): void {
    this.running = true;
    this.beginPull();
    try {
      this.device.ops.start!(this);
    } finally {
      this.running = false;
    }
  }

  /** A driver with `start` begins of its own accord: DEV_TX_WEIGHT packets from here. */
  beginPull(): void {
    this.quota = DEV_TX_WEIGHT;
  }

  /**
   * For a driver with `start`: returns the next packet, as sendable as hardStartXmit makes it and shown to the taps; the
   * driver owns it. Null: nothing may go now, or the driver has had its weight and NET_TX calls it again.
   */
  pull(): Mbuf | null {
    const m = this.takeSendable();
    if (m === null) return null;
    this.quota--;
    const { device } = this;
    const { layer } = device;
    const { cpu } = layer.machine;
    const qdisc = this.qdisc!;
    const length = m.packetLength;
    qdisc.stats.packets++;
    qdisc.stats.bytes += length;
    if (layer.packetTypes.taps.length > 0) layer.showTaps(m, device, true);
    if (cpu.trace.on) {
      cpu.trace.emit(TP_NET_DEV_START_XMIT, cpu.now(), cpu.traceSource, device.traceName, length);
      cpu.trace.emit(TP_NET_DEV_XMIT, cpu.now(), cpu.traceSource, device.traceName, length, 0);
    }
    this.touch();
    return m;
  }

  /** Lends the packet that `pull` would return now; it stays first in the queue. */
  peek(): Mbuf | null {
    const m = this.takeSendable();
    if (m !== null) this.requeue(m);
    return m;
  }

  private takeSendable(): Mbuf | null {
    const { qdisc, device } = this;
    if (qdisc === null || this.pending === 0) return null;
    // Also bounds the packets that are dropped here for want of buffers.
    while (this.quota > 0) {
      const m = this.next(qdisc);
      if (m === null) return null;
      const ready = device.layer.makeSendable(m, device);
      if (ready !== null) return ready;
      this.quota--;
    }
    this.schedule();
    return null;
  }

  private ready(): boolean {
    return !this.stoppedByDriver && this.device.canTransmit;
  }

  /** Drops what waits, each with the reason QDISC_RESET. */
  reset(): void {
    for (let m = this.takeRequeued(); m !== null; m = this.takeRequeued()) this.onReset(m);
    this.qdisc?.reset(this.onReset);
    this.device.layer.machine.clock.cancel(this.watchdog);
  }

  /** NETDEV_TX_BUSY: both go first next time; when nothing else will wake the queue, a little later. */
  private busy(qdisc: Qdisc, m: Mbuf, following: Mbuf | null): void {
    this.busies++;
    qdisc.stats.requeues++;
    if (following !== null) this.requeue(following);
    this.requeue(m);
    const { machine } = this.device.layer;
    if (this.ready()) machine.clock.armIn(this.watchdog, BUSY_RETRY_NS);
  }

  private requeue(m: Mbuf): void {
    m.nextPacket = this.requeued;
    this.requeued = m;
    this.requeuedLength++;
  }

  private takeRequeued(): Mbuf | null {
    const m = this.requeued;
    if (m === null) return null;
    this.requeued = m.nextPacket;
    this.requeuedLength--;
    m.nextPacket = null;
    return m;
  }

  private next(qdisc: Qdisc): Mbuf | null {
    const m = this.takeRequeued() ?? qdisc.dequeue(this.onDrop);
    if (m === null && qdisc.length > 0 && qdisc.nextTimeNs > 0) {
      this.device.layer.machine.clock.arm(this.watchdog, qdisc.nextTimeNs);
    }
    return m;
  }
}
