// ingress and clsact: no queue, only a place for filters, where packets come in; clsact's other place is where they go out, before
// the root discipline. After tc(8) and the kernel's documentation of clsact.

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from '../net/device.ts';
import { DROP_TC_EGRESS, DROP_TC_INGRESS } from '../net/drop-reason.ts';
import { CLASS_DROP, CLASS_STOLEN, type Classifier, type Qdisc, type QdiscStats } from '../net/qdisc.ts';

export class Ingress implements Qdisc {
  readonly kind: 'ingress' | 'clsact';
  readonly stats: QdiscStats = { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 };
  readonly length = 0;
  readonly backlog = 0;
  readonly canBypass = false;
  readonly nextTimeNs = 0;
  readonly options = {};
  /** For packets in, and of clsact for packets out. */
  ingress: Classifier | null = null;
  egress: Classifier | null = null;

  constructor(kind: 'ingress' | 'clsact') {
    this.kind = kind;
  }

  /** Takes the place; throws Error when somebody has it. */
  attach(device: NetDevice): void {
    if (device.ingress !== null || device.egress !== null)
      throw new Error(`${device.name}: there is an ingress discipline already`);
    device.ingress = (m) => this.pass(m, device, this.ingress, DROP_TC_INGRESS);
    if (this.kind === 'clsact') device.egress = (m) => this.pass(m, device, this.egress, DROP_TC_EGRESS);
  }

  detach(device: NetDevice): void {
    device.ingress = null;
    device.egress = null;
  }

  /** False: the packet is gone. */
  private pass(m: Mbuf, device: NetDevice, filters: Classifier | null, reason: number): boolean {
    const { stats } = this;
    stats.packets++;
    stats.bytes += m.packetLength;
    if (filters === null) return true;
    const verdict = filters.classify(m, 0);
    if (verdict === CLASS_STOLEN) return false;
    if (verdict !== CLASS_DROP) return true;
    stats.drops++;
    device.drop(m, reason);
    return false;
  }

  xstats(): Record<string, number> {
    return {};
  }

  /** Nothing is queued here. */
  enqueue(m: Mbuf, drop: (m: Mbuf) => void): void {
    this.stats.drops++;
    drop(m);
  }

  dequeue(): null {
    return null;
  }

  peek(): null {
    return null;
  }

  reset(): void {}
}
