// A discipline at work: the packets that wait in it and in front of it, and the loop that feeds the driver (the lecture's
// __qdisc_run and qdisc_restart). It feeds one transmit queue, or all of a device's: then each packet says which.
//
//   enqueue ─► discipline ─► requeued (what came out and could not go) ─► transmit queue ─► driver
//
// Drivers that take packets themselves have PullRun (pull-run.ts) in its place.

import { ClockEvent } from '../kernel/clock.ts';
import type { Cpu } from '../kernel/cpu.ts';
import { SpinLock } from '../kernel/lock.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from './device.ts';
import { DROP_QDISC_DROP, DROP_QDISC_RESET } from './drop-reason.ts';
import type { Qdisc } from './qdisc.ts';
import { hardStartXmit, xmitStraight } from './start-xmit.ts';
import type { TxQueue } from './tx-queue.ts';

/** dev_tx_weight: packets one run hands to the driver before it yields to others. */
export const DEV_TX_WEIGHT = 64;
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
  protected running = false;
  /** Reset, or given another discipline, while it ran: what the driver gives back then came before that. */
  private cleared = false;
  /** Packets that came out and did not go, because the driver was busy or stopped; they go first. */
  private requeued: Mbuf | null = null;
  private requeuedLength = 0;
  /** Of the discipline, against other CPUs; null where there are none. */
  private readonly lock: SpinLock | null;
  private readonly watchdog: ClockEvent;
  /** The CPU that set the watchdog: it runs there. */
  private armedOn: Cpu;
  protected readonly onDrop = (m: Mbuf): void => this.device.drop(m, DROP_QDISC_DROP);
  protected readonly onReset = (m: Mbuf): void => this.device.drop(m, DROP_QDISC_RESET);

  constructor(device: NetDevice, only: TxQueue | null) {
    const { softnet, machine } = device.layer;
    this.armedOn = machine.cpu;
    this.device = device;
    this.only = only;
    this.lock =
      machine.cpus.length === 1 ? null : new SpinLock(`${device.name} qdisc ${only?.index ?? ''}`, true);
    this.watchdog = new ClockEvent(`${device.name} qdisc watchdog`, () =>
      softnet.scheduleQueue(this, this.armedOn),
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
      xmitStraight(this.device, m, queue);
      return;
    }
    if (
      !queue.stopped &&
      !this.running &&
      qdisc.length === 0 &&
      qdisc.canBypass &&
      this.requeuedLength === 0
    ) {
      this.pass(m, qdisc, queue);
    } else {
      this.put(m, qdisc);
      this.run();
    }
  }

  /** Takes a packet to wait in the discipline, without running it; false: it, or another for it, was dropped. */
  append(m: Mbuf): boolean {
    const { qdisc, device } = this;
    if (qdisc === null) {
      device.drop(m, DROP_QDISC_DROP);
      return false;
    }
    const before = device.drops[DROP_QDISC_DROP];
    this.put(m, qdisc);
    return device.drops[DROP_QDISC_DROP] === before;
  }

  protected put(m: Mbuf, qdisc: Qdisc): void {
    const { lock } = this;
    if (lock === null) {
      qdisc.enqueue(m, this.onDrop);
      return;
    }
    const { cpu } = this.device.layer.machine;
    lock.lockBh(cpu);
    cpu.charge(cpu.profile.layer);
    qdisc.enqueue(m, this.onDrop);
    lock.unlockBh(cpu);
  }

  /** Past an empty discipline, straight to the driver (sch_direct_xmit). */
  private pass(m: Mbuf, qdisc: Qdisc, queue: TxQueue): void {
    this.running = true;
    if (this.lock !== null) this.touchLock(this.lock, this.device.layer.machine.cpu);
    this.send(m, qdisc, queue, null);
    this.endRun();
    // What came while the driver had this one.
    if (this.pending > 0) this.run();
  }

  /** Whether the discipline is empty is asked under its lock too. */
  private touchLock(lock: SpinLock, cpu: Cpu): void {
    lock.lockBh(cpu);
    cpu.charge(cpu.profile.layer);
    lock.unlockBh(cpu);
  }

  /** Feeds the driver until the discipline has nothing, the driver stops, or the weight is used up. */
  run(): void {
    const { qdisc, device, only } = this;
    if (qdisc === null || this.running) return;
    this.running = true;
    let quota = DEV_TX_WEIGHT;
    let m = device.canTransmit && only?.stopped !== true ? this.nextSendable(qdisc) : null;
    while (m !== null) {
      const queue = only ?? device.queueOf(m);
      // Nothing overtakes a packet whose queue is stopped: it waits in front of all.
      if (queue.stopped) {
        this.requeueAll(m);
        break;
      }
      // Dequeued before its time, and made as the device wants it, since only so the driver can be told for sure that it follows.
      const following = --quota > 0 && queue.hasRoomAfter(m) ? this.nextSendable(qdisc) : null;
      device.xmitMore = following !== null && (only !== null || device.queueOf(following) === queue);
      if (!this.send(m, qdisc, queue, following)) break;
      if (following !== null && !(only ?? device.queueOf(following)).ready) {
        this.requeueAll(following);
        break;
      }
      m = following ?? (quota > 0 && (only === null || only.ready) ? this.nextSendable(qdisc) : null);
    }
    device.xmitMore = false;
    this.endRun();
    if (quota === 0 || this.qdisc !== qdisc) this.schedule();
  }

  private endRun(): void {
    this.running = false;
    if (!this.cleared) return;
    this.cleared = false;
    this.dropRequeued();
  }

  /** To the driver; false when it was busy: then the packet and the one that follows go first next time. */
  private send(m: Mbuf, qdisc: Qdisc, queue: TxQueue, following: Mbuf | null): boolean {
    const { stats } = qdisc;
    const rest = hardStartXmit(this.device, m, queue, stats);
    if (rest === null) return true;
    stats.requeues++;
    if (following !== null) this.requeueAll(following);
    this.requeueAll(rest);
    // When nothing else will wake the queue, a little later.
    const { machine } = this.device.layer;
    if (queue.ready) {
      this.armedOn = machine.cpu;
      machine.clock.armIn(this.watchdog, BUSY_RETRY_NS);
    }
    return false;
  }

  /** Drops what waits, each with the reason QDISC_RESET. */
  reset(): void {
    if (this.running) this.cleared = true;
    this.dropRequeued();
    this.qdisc?.reset(this.onReset);
    this.device.layer.machine.clock.cancel(this.watchdog);
  }

  private dropRequeued(): void {
    for (let m = this.takeRequeued(); m !== null; m = this.takeRequeued()) this.onReset(m);
  }

  protected requeue(m: Mbuf): void {
    m.nextPacket = this.requeued;
    this.requeued = m;
    this.requeuedLength++;
  }

  /** A list of packets, in their order. */
  protected requeueAll(first: Mbuf): void {
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

  protected next(qdisc: Qdisc): Mbuf | null {
    const m = this.takeRequeued() ?? this.take(qdisc);
    if (m === null && qdisc.length > 0 && qdisc.nextTimeNs > 0) {
      const { machine } = this.device.layer;
      this.armedOn = machine.cpu;
      machine.clock.arm(this.watchdog, qdisc.nextTimeNs);
    }
    return m;
  }

  /** The next as the device wants it, perhaps a list of segments; those that no buffer is left for are gone. */
  private nextSendable(qdisc: Qdisc): Mbuf | null {
    const { device } = this;
    for (let m = this.next(qdisc); m !== null; m = this.next(qdisc)) {
      const ready = device.layer.makeSendable(m, device);
      if (ready !== null) return ready;
    }
    return null;
  }

  private take(qdisc: Qdisc): Mbuf | null {
    const { lock } = this;
    if (lock === null) return qdisc.dequeue(this.onDrop);
    const { cpu } = this.device.layer.machine;
    lock.lockBh(cpu);
    const m = qdisc.dequeue(this.onDrop);
    lock.unlockBh(cpu);
    return m;
  }
}
