// A discipline at work: the packets that wait in it and in front of it, and the loop that feeds the driver (the lecture's
// __qdisc_run and qdisc_restart). It feeds one transmit queue, or all of a device's: then each packet says which.
//
//   enqueue ─► discipline ─► requeued (what came out and could not go) ─► transmit queue ─► driver
//
// A driver with `start` is not fed: it takes packets itself with `pull`.

import { ClockEvent } from '../kernel/clock.ts';
import { SOFTIRQ } from '../kernel/cpu.ts';
import { TP_NET_DEV_START_XMIT, TP_NET_DEV_XMIT } from '../kernel/trace.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from './device.ts';
import { DROP_QDISC_DROP, DROP_QDISC_RESET } from './drop-reason.ts';
import type { Qdisc } from './qdisc.ts';
import type { TxQueue } from './tx-queue.ts';

/** dev_tx_weight: packets one run hands to the driver before it yields to others. */
export const DEV_TX_WEIGHT = 64;
/** Packets that wait for each other in a softirq, at most. */
const PULL_BATCH = 32;
/** ns after which a driver that was busy with its queue awake is asked again; asking at once would only burn the CPU. */
export const BUSY_RETRY_NS = 10_000;

export class QdiscRun {
  readonly device: NetDevice;
  /** The queue it feeds; null: all of the device's, and `mbuf.queue` says which. */
  readonly only: TxQueue | null;
  /** null: noqueue, packets go straight to the driver. */
  qdisc: Qdisc | null = null;
  /** On a CPU's output queue. */
  scheduled = false;
  nextOutput: QdiscRun | null = null;
  private running = false;
  /** The driver takes packets itself, so many more before others have their turn. */
  private readonly pulls: boolean;
  private quota = 0;
  /** Packets that came out and did not go, because the driver was busy or stopped; they go first. */
  private requeued: Mbuf | null = null;
  private requeuedLength = 0;
  private readonly watchdog: ClockEvent;
  private readonly onDrop = (m: Mbuf): void => this.device.drop(m, DROP_QDISC_DROP);
  private readonly onReset = (m: Mbuf): void => this.device.drop(m, DROP_QDISC_RESET);

  constructor(device: NetDevice, only: TxQueue | null) {
    this.device = device;
    this.only = only;
    this.pulls = device.ops.start !== undefined;
    this.watchdog = new ClockEvent(`${device.name} qdisc watchdog`, () =>
      device.layer.softnet.scheduleQueue(this),
    );
  }

  /** Packets waiting in the discipline and in front of it. */
  get pending(): number {
    return (this.qdisc === null ? 0 : this.qdisc.length) + this.requeuedLength;
  }

  /** Runs from NET_TX if something waits. */
  schedule(): void {
    if (this.pending > 0) this.device.layer.softnet.scheduleQueue(this);
  }

  /** Puts another discipline in the place of this one, whose packets are dropped as QDISC_RESET. */
  replace(qdisc: Qdisc | null): void {
    this.reset();
    this.qdisc = qdisc;
  }

  /** Takes a packet for `queue`; the device is up and has a carrier. */
  enqueue(m: Mbuf, queue: TxQueue): void {
    const { qdisc } = this;
    if (qdisc === null) {
      this.device.xmitStraight(m, queue);
      return;
    }
    if (!queue.stopped && !this.running && qdisc.length === 0 && qdisc.canBypass && this.requeued === null) {
      if (!this.pulls) this.pass(m, qdisc, queue);
      else if (this.gathers()) {
        qdisc.enqueue(m, this.onDrop);
        this.schedule();
      } else {
        this.requeue(m);
        this.run();
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
    const few = Math.min(PULL_BATCH, this.device.txQueueLength >> 1);
    if (this.gathers() && this.pending < few) this.schedule();
    else this.run();
  }

  private gathers(): boolean {
    return this.device.layer.machine.cpu.context === SOFTIRQ && !this.running;
  }

  /** Takes a packet to wait in the discipline, without running it; false: it, or another for it, was dropped. */
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
  private pass(m: Mbuf, qdisc: Qdisc, queue: TxQueue): void {
    this.running = true;
    this.send(m, qdisc, queue, null);
    this.running = false;
    // What came while the driver had this one.
    if (this.pending > 0) this.run();
  }

  /** Feeds the driver until the discipline has nothing, the driver stops, or the weight is used up. */
  run(): void {
    const { qdisc, device } = this;
    if (qdisc === null || this.running) return;
    if (this.pulls) {
      if (this.pending > 0 && this.only!.ready) this.letPull();
      return;
    }
    this.running = true;
    let quota = DEV_TX_WEIGHT;
    let m = device.canTransmit && this.only?.stopped !== true ? this.next(qdisc) : null;
    while (m !== null) {
      const queue = this.only ?? device.queueOf(m);
      // Nothing overtakes a packet whose queue is stopped: it waits in front of all.
      if (queue.stopped) {
        this.requeue(m);
        break;
      }
      // Dequeued before its time, since only so the driver can be told for sure that another one follows.
      let following = --quota > 0 && queue.hasRoomAfter(m) ? this.next(qdisc) : null;
      device.xmitMore = following !== null && (this.only !== null || device.queueOf(following) === queue);
      if (!this.send(m, qdisc, queue, following)) break;
      if (following !== null && !(this.only ?? device.queueOf(following)).ready) {
        this.requeue(following);
        following = null;
      }
      m = following ?? (quota > 0 && queue.ready ? this.next(qdisc) : null);
    }
    device.xmitMore = false;
    this.running = false;
    if (quota === 0) this.schedule();
  }

  /** To the driver; false when it was busy: then the packet and the one that follows go first next time. */
  private send(m: Mbuf, qdisc: Qdisc, queue: TxQueue, following: Mbuf | null): boolean {
    const { stats } = qdisc;
    const bytes = m.packetLength;
    const rest = this.device.hardStartXmit(m, queue);
    if (rest === null) {
      stats.packets++;
      stats.bytes += bytes;
      return true;
    }
    queue.busies++;
    stats.requeues++;
    if (following !== null) this.requeue(following);
    this.requeueAll(rest);
    // When nothing else will wake the queue, a little later.
    if (queue.ready) this.device.layer.machine.clock.armIn(this.watchdog, BUSY_RETRY_NS);
    return false;
  }

  private letPull(): void {
    this.running = true;
    this.beginPull();
    try {
      this.device.ops.start!(this.only!);
    } finally {
      this.running = false;
    }
  }

  /** A driver with `start` begins of its own accord: DEV_TX_WEIGHT packets from here. */
  beginPull(): void {
    this.quota = DEV_TX_WEIGHT;
  }

  /** For TxQueue.pull. */
  pull(): Mbuf | null {
    const m = this.takeSendable();
    if (m === null) return null;
    this.quota--;
    const { device } = this;
    const { layer } = device;
    const { cpu } = layer.machine;
    const { stats } = this.qdisc!;
    const length = m.packetLength;
    stats.packets++;
    stats.bytes += length;
    if (layer.packetTypes.taps.length > 0) layer.showTaps(m, device, true);
    if (cpu.trace.on) {
      cpu.trace.emit(TP_NET_DEV_START_XMIT, cpu.now(), cpu.traceSource, device.traceName, length);
      cpu.trace.emit(TP_NET_DEV_XMIT, cpu.now(), cpu.traceSource, device.traceName, length, 0);
    }
    this.only!.touch();
    return m;
  }

  /** For TxQueue.peek. */
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
      if (ready !== null) {
        const { nextPacket } = ready;
        ready.nextPacket = null;
        if (nextPacket !== null) this.requeueAll(nextPacket);
        return ready;
      }
      this.quota--;
    }
    this.schedule();
    return null;
  }

  /** Drops what waits, each with the reason QDISC_RESET. */
  reset(): void {
    for (let m = this.takeRequeued(); m !== null; m = this.takeRequeued()) this.onReset(m);
    this.qdisc?.reset(this.onReset);
    this.device.layer.machine.clock.cancel(this.watchdog);
  }

  private requeue(m: Mbuf): void {
    m.nextPacket = this.requeued;
    this.requeued = m;
    this.requeuedLength++;
  }

  /** A list of packets, in their order. */
  private requeueAll(first: Mbuf): void {
    let last = first;
    this.requeuedLength++;
    while (last.nextPacket !== null) {
      last = last.nextPacket;
      this.requeuedLength++;
    }
    last.nextPacket = this.requeued;
    this.requeued = first;
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
