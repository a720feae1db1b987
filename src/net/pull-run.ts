// A discipline whose driver takes packets itself (`start`, if_start of the BSDs) instead of being fed.
//
// Such a driver locks its queue and rings its doorbell once a call. A softirq, which may be passing on a ring full of packets
// one by one, has it called for some together: they are gathered in front of the discipline, and NET_TX, which runs before the
// CPU goes back, has the driver called. Each goes through the discipline when its turn comes, as if it had come just then: so a
// small discipline does not overflow while the driver has room, and none passes by one that came before it.

import { SOFTIRQ } from '../kernel/cpu.ts';
import { TP_NET_DEV_START_XMIT, TP_NET_DEV_XMIT } from '../kernel/trace.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { Qdisc } from './qdisc.ts';
import { DEV_TX_WEIGHT, QdiscRun } from './qdisc-run.ts';
import { xmitStraight } from './start-xmit.ts';
import type { TxQueue } from './tx-queue.ts';

/** Packets that wait for each other in a softirq, at most; fewer, or none, for a short queue. */
const PULL_BATCH = 32;

export class PullRun extends QdiscRun {
  private quota = 0;
  private gathered: Mbuf | null = null;
  private gatheredLast: Mbuf | null = null;
  private gatheredLength = 0;

  override get pending(): number {
    return super.pending + this.gatheredLength;
  }

  override enqueue(m: Mbuf, queue: TxQueue): void {
    const { qdisc } = this;
    if (qdisc === null) {
      xmitStraight(this.device, m, queue);
      return;
    }
    if (this.gathers(queue) && (this.gatheredLength > 0 || this.pending === 0)) {
      this.gather(m);
      if (this.gatheredLength < Math.min(PULL_BATCH, this.device.txQueueLength >> 1)) {
        this.schedule();
        return;
      }
    } else if (this.pending === 0 && !this.running && queue.ready) this.gather(m);
    else {
      this.enqueueGathered(qdisc);
      this.put(m, qdisc);
    }
    this.run();
  }

  override append(m: Mbuf): boolean {
    if (this.qdisc !== null) this.enqueueGathered(this.qdisc);
    return super.append(m);
  }

  private gathers(queue: TxQueue): boolean {
    return this.device.layer.machine.cpu.context === SOFTIRQ && !this.running && queue.ready;
  }

  private gather(m: Mbuf): void {
    m.nextPacket = null;
    if (this.gatheredLast === null) this.gathered = m;
    else this.gatheredLast.nextPacket = m;
    this.gatheredLast = m;
    this.gatheredLength++;
  }

  private takeGathered(): Mbuf | null {
    const m = this.gathered;
    if (m === null) return null;
    this.gathered = m.nextPacket;
    if (this.gathered === null) this.gatheredLast = null;
    this.gatheredLength--;
    m.nextPacket = null;
    return m;
  }

  private enqueueGathered(qdisc: Qdisc): void {
    for (let m = this.takeGathered(); m !== null; m = this.takeGathered()) this.put(m, qdisc);
  }

  /** Has the driver take packets. What it leaves of those gathered waits in the discipline from then on. */
  override run(): void {
    const { qdisc } = this;
    if (qdisc === null || this.running || this.pending === 0) return;
    if (this.only!.ready) {
      this.running = true;
      this.beginPull();
      try {
        this.device.ops.start!(this.only!);
      } finally {
        this.running = false;
      }
    }
    this.enqueueGathered(qdisc);
  }

  override reset(): void {
    for (let m = this.takeGathered(); m !== null; m = this.takeGathered()) this.onReset(m);
    super.reset();
  }

  /** The driver begins of its own accord: DEV_TX_WEIGHT packets from here. */
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

  protected override next(qdisc: Qdisc): Mbuf | null {
    let m = super.next(qdisc);
    while (m === null && this.gatheredLength > 0) {
      const gathered = this.takeGathered()!;
      // It would come out at once.
      if (qdisc.canBypass && qdisc.length === 0) return gathered;
      this.put(gathered, qdisc);
      m = super.next(qdisc);
    }
    return m;
  }
}
