// One transmit queue of a device: its stop bits, its queueing discipline, and the loop that feeds the driver
// (the lecture's __qdisc_run and qdisc_restart).

import { ClockEvent } from '../kernel/clock.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from './device.ts';
import { DROP_QDISC_DROP, DROP_QDISC_RESET } from './drop-reason.ts';
import type { Qdisc } from './qdisc.ts';

/** dev_tx_weight: packets one run of a queue hands to the driver before it yields to others. */
export const DEV_TX_WEIGHT = 64;

export class TxQueue {
  readonly device: NetDevice;
  readonly index: number;
  /** null: noqueue, packets go straight to the driver. */
  qdisc: Qdisc | null = null;
  /** Time in ns of the last packet the driver took, for the watchdog. */
  lastStart = 0;
  /** On a CPU's output queue. */
  scheduled = false;
  timeouts = 0;
  /** Times the driver stopped the queue, and said busy. */
  stops = 0;
  busies = 0;
  private stoppedByDriver = true;
  private running = false;
  /** Packet the driver was too busy for; goes first. */
  private requeued: Mbuf | null = null;
  private readonly watchdog: ClockEvent;
  private readonly onDrop = (m: Mbuf): void => this.device.drop(m, DROP_QDISC_DROP);
  private readonly onReset = (m: Mbuf): void => this.device.drop(m, DROP_QDISC_RESET);

  constructor(device: NetDevice, index: number) {
    this.device = device;
    this.index = index;
    this.watchdog = new ClockEvent(`${device.name} qdisc watchdog`, () => device.layer.softnet.scheduleQueue(this));
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
    if (!this.stoppedByDriver) this.stops++;
    this.stoppedByDriver = true;
  }

  /** netif_tx_wake_queue: there is room again. */
  wake(): void {
    if (!this.stoppedByDriver) return;
    this.stoppedByDriver = false;
    if (this.pending > 0) this.device.layer.softnet.scheduleQueue(this);
  }

  /** Packets waiting in the discipline and in front of it. */
  get pending(): number {
    return (this.qdisc === null ? 0 : this.qdisc.length) + (this.requeued === null ? 0 : 1);
  }

  /** Takes a packet for this queue. */
  enqueue(m: Mbuf): void {
    const { qdisc } = this;
    if (qdisc === null) {
      this.device.xmitStraight(m, this);
      return;
    }
    qdisc.enqueue(m, this.onDrop);
    this.run();
  }

  /** Feeds the driver until the discipline has nothing, the driver stops, or the weight is used up. */
  run(): void {
    const { qdisc, device } = this;
    if (qdisc === null || this.running) return;
    this.running = true;
    let quota = DEV_TX_WEIGHT;
    while (!this.stoppedByDriver && device.canTransmit) {
      const m = this.next(qdisc);
      if (m === null) break;
      const bytes = m.packetLength;
      device.xmitMore = quota > 1 && qdisc.length > 0;
      if (!device.hardStartXmit(m, this)) {
        this.busies++;
        qdisc.stats.requeues++;
        this.requeued = m;
        device.layer.softnet.scheduleQueue(this);
        break;
      }
      qdisc.stats.packets++;
      qdisc.stats.bytes += bytes;
      if (--quota === 0) {
        if (this.pending > 0) device.layer.softnet.scheduleQueue(this);
        break;
      }
    }
    device.xmitMore = false;
    this.running = false;
  }

  /** Drops what waits, each with the reason QDISC_RESET. */
  reset(): void {
    const { requeued } = this;
    this.requeued = null;
    if (requeued !== null) this.onReset(requeued);
    this.qdisc?.reset(this.onReset);
    this.device.layer.machine.clock.cancel(this.watchdog);
  }

  private next(qdisc: Qdisc): Mbuf | null {
    const { requeued } = this;
    if (requeued !== null) {
      this.requeued = null;
      return requeued;
    }
    const m = qdisc.dequeue();
    if (m === null && qdisc.length > 0 && qdisc.nextTimeNs > 0) {
      this.device.layer.machine.clock.arm(this.watchdog, qdisc.nextTimeNs);
    }
    return m;
  }
}
