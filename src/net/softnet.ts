// The receive side of the device layer: poll lists, the NET_RX and NET_TX softirqs, the backlog for drivers without
// NAPI. One SoftnetData a CPU; the limits are Linux's (net.core.netdev_budget and its fellows).

import type { Cpu } from '../kernel/cpu.ts';
import type { Machine } from '../kernel/machine.ts';
import { NET_RX_SOFTIRQ, NET_TX_SOFTIRQ } from '../kernel/softirq.ts';
import { TP_NAPI_POLL, TP_NETIF_RX } from '../kernel/trace.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from './device.ts';
import { DROP_CPU_BACKLOG, DROP_IF_DOWN } from './drop-reason.ts';
import { Napi } from './napi.ts';
import { PacketQueue } from './packet-queue.ts';
import type { QdiscRun } from './qdisc-run.ts';

/** netdev_budget: packets in one NET_RX softirq. */
export const NETDEV_BUDGET = 300;
/** netdev_budget_usecs: ns in one NET_RX softirq. */
export const NETDEV_BUDGET_NS = 2_000_000;
/** netdev_max_backlog: packets waiting on a CPU from drivers without NAPI. */
export const NETDEV_MAX_BACKLOG = 1000;

/** What each CPU has of its own. */
export class SoftnetData {
  readonly pollList: Napi[] = [];
  /** Disciplines that are to run from NET_TX. */
  outputHead: QdiscRun | null = null;
  outputTail: QdiscRun | null = null;
  /** Sent buffers to free from NET_TX (dev_kfree_skb_irq). */
  completion: Mbuf | null = null;
  /** What actions of tc have redirected, to be sent or received from NET_TX: `device` says by whom. */
  readonly redirectedOut = new PacketQueue();
  readonly redirectedIn = new PacketQueue();
  backlogHead: Mbuf | null = null;
  backlogTail: Mbuf | null = null;
  backlogLength = 0;
  readonly backlog: Napi;
  processed = 0;
  dropped = 0;
  /** Time in ns at which the present NET_RX has had its share. */
  readonly limit = new Float64Array(1);
  /** Times NET_RX ended with work left. */
  timeSqueeze = 0;

  constructor(softnet: Softnet, cpu: Cpu) {
    this.backlog = new Napi(softnet, `backlog/${cpu.index}`, (budget) =>
      softnet.processBacklog(this, budget),
    );
    this.backlog.enable();
  }
}

export class Softnet {
  readonly machine: Machine;
  readonly perCpu: SoftnetData[];
  private readonly deliver: (m: Mbuf) => void;

  /** `deliver` is netif_receive_skb. */
  constructor(machine: Machine, deliver: (m: Mbuf) => void) {
    this.machine = machine;
    this.deliver = deliver;
    this.perCpu = machine.cpus.map((cpu) => new SoftnetData(this, cpu));
    machine.openSoftirq(NET_RX_SOFTIRQ, (cpu) => this.netRxAction(cpu));
    machine.openSoftirq(NET_TX_SOFTIRQ, (cpu) => this.netTxAction(cpu));
  }

  addToPollList(napi: Napi): void {
    const { cpu } = this.machine;
    this.perCpu[cpu.index].pollList.push(napi);
    cpu.raiseSoftirq(NET_RX_SOFTIRQ);
  }

  /** Takes an instance that is being disabled off every list. */
  forget(napi: Napi): void {
    for (const data of this.perCpu) {
      const index = data.pollList.indexOf(napi);
      if (index >= 0) data.pollList.splice(index, 1);
    }
    napi.scheduled = false;
    napi.missed = false;
  }

  /** netif_rx: for drivers without NAPI. Takes the packet; drops it when the CPU's backlog is full. */
  netifRx(m: Mbuf): void {
    const { cpu } = this.machine;
    const data = this.perCpu[cpu.index];
    const device = m.device as NetDevice;
    if (cpu.trace.on)
      cpu.trace.emit(TP_NETIF_RX, cpu.now(), cpu.traceSource, device.traceName, m.packetLength);
    if (data.backlogLength >= NETDEV_MAX_BACKLOG) {
      data.dropped++;
      this.dropFromBacklog(m, device);
      return;
    }
    this.appendToBacklog(data, m);
    // Not a miss when it is scheduled already: process_backlog looks at the queue until it is empty.
    if (!data.backlog.scheduled && data.backlog.schedulePrep()) data.backlog.schedule();
  }

  /** flush_backlog: drops what waits from a device that goes away. */
  flushBacklog(device: NetDevice): void {
    for (const data of this.perCpu) {
      let m = data.backlogHead;
      data.backlogHead = null;
      data.backlogTail = null;
      data.backlogLength = 0;
      while (m !== null) {
        const next = m.nextPacket;
        if (m.device === device) this.dropFromBacklog(m, device);
        else this.appendToBacklog(data, m);
        m = next;
      }
    }
  }

  private appendToBacklog(data: SoftnetData, m: Mbuf): void {
    m.nextPacket = null;
    if (data.backlogTail === null) data.backlogHead = m;
    else data.backlogTail.nextPacket = m;
    data.backlogTail = m;
    data.backlogLength++;
  }

  private dropFromBacklog(m: Mbuf, device: NetDevice): void {
    device.rx.packets++;
    device.rx.bytes += m.packetLength;
    device.drop(m, DROP_CPU_BACKLOG);
  }

  /** process_backlog. */
  processBacklog(data: SoftnetData, budget: number): number {
    let work = 0;
    while (work < budget && data.backlogHead !== null) {
      const m = data.backlogHead;
      data.backlogHead = m.nextPacket;
      if (data.backlogHead === null) data.backlogTail = null;
      data.backlogLength--;
      m.nextPacket = null;
      this.deliver(m);
      work++;
    }
    if (work < budget) data.backlog.complete();
    return work;
  }

  /** dev_kfree_skb_irq: frees a buffer later, from NET_TX, since this context may not. Takes it. */
  freeLater(m: Mbuf): void {
    const { cpu } = this.machine;
    const data = this.perCpu[cpu.index];
    m.nextPacket = data.completion;
    data.completion = m;
    cpu.raiseSoftirq(NET_TX_SOFTIRQ);
  }

  /** __netif_schedule: runs the discipline from NET_TX of this CPU. */
  scheduleQueue(queue: QdiscRun): void {
    if (queue.scheduled) return;
    queue.scheduled = true;
    const { cpu } = this.machine;
    const data = this.perCpu[cpu.index];
    if (data.outputTail === null) data.outputHead = queue;
    else data.outputTail.nextOutput = queue;
    data.outputTail = queue;
    cpu.raiseSoftirq(NET_TX_SOFTIRQ);
  }

  /**
   * Takes a packet, its Ethernet header in front, for `device` to send, or to receive, from NET_TX: never from inside the
   * discipline or the filter that redirects it.
   */
  redirect(m: Mbuf, device: NetDevice, toIngress: boolean): void {
    const { cpu } = this.machine;
    const data = this.perCpu[cpu.index];
    m.device = device;
    (toIngress ? data.redirectedIn : data.redirectedOut).push(m);
    cpu.raiseSoftirq(NET_TX_SOFTIRQ);
  }

  private passRedirected(data: SoftnetData): void {
    const { redirectedOut, redirectedIn } = data;
    // What these redirect in turn waits for the next round.
    for (let left = redirectedOut.length; left > 0; left--) {
      const m = redirectedOut.shift()!;
      (m.device as NetDevice).transmit(m);
    }
    for (let left = redirectedIn.length; left > 0; left--) {
      const m = redirectedIn.shift()!;
      const device = m.device as NetDevice;
      if (device.up) this.deliver(m);
      else {
        device.rx.packets++;
        device.rx.bytes += m.packetLength;
        device.drop(m, DROP_IF_DOWN);
      }
    }
  }

  private netTxAction(cpu: Cpu): void {
    const data = this.perCpu[cpu.index];
    this.passRedirected(data);
    while (data.completion !== null) {
      const m: Mbuf = data.completion;
      data.completion = m.nextPacket;
      m.nextPacket = null;
      this.machine.mbufs.freem(m);
    }
    // What is scheduled while these run waits for the next round.
    let queue = data.outputHead;
    data.outputHead = null;
    data.outputTail = null;
    while (queue !== null) {
      const next: QdiscRun | null = queue.nextOutput;
      queue.nextOutput = null;
      queue.scheduled = false;
      queue.run();
      queue = next;
    }
  }

  private netRxAction(cpu: Cpu): void {
    const data = this.perCpu[cpu.index];
    const { pollList } = data;
    cpu.stamp(data.limit, 0);
    data.limit[0] += NETDEV_BUDGET_NS;
    let budget = NETDEV_BUDGET;
    while (pollList.length > 0) {
      const napi = pollList[0];
      for (let i = 1; i < pollList.length; i++) pollList[i - 1] = pollList[i];
      pollList.pop();
      const again = this.pollOnce(napi, cpu);
      budget -= this.lastWork;
      data.processed += this.lastWork;
      if (again) pollList.push(napi);
      if (budget <= 0 || cpu.reached(data.limit, 0)) {
        if (pollList.length > 0) {
          data.timeSqueeze++;
          cpu.raiseSoftirq(NET_RX_SOFTIRQ);
        }
        return;
      }
    }
  }

  private lastWork = 0;

  /** One poll; true when the instance stays on the list. */
  private pollOnce(napi: Napi, cpu: Cpu): boolean {
    cpu.charge(cpu.profile.poll);
    napi.completed = false;
    const work = napi.poll(napi.weight);
    this.lastWork = work;
    napi.polls++;
    napi.work += work;
    if (work >= napi.weight) napi.fullPolls++;
    if (cpu.trace.on)
      cpu.trace.emit(TP_NAPI_POLL, cpu.now(), cpu.traceSource, napi.traceName, work, napi.weight);
    if (work > napi.weight)
      throw new Error(`napi ${napi.name}: poll returned ${work} of a budget of ${napi.weight} (rule N01)`);
    if (!napi.enabled) return false;
    if (work === napi.weight) {
      if (napi.completed)
        throw new Error(
          `napi ${napi.name}: poll used its whole budget and completed all the same (rule N02)`,
        );
      return true;
    }
    // Nothing would ever poll it again, nor unmask its device.
    if (!napi.completed)
      throw new Error(
        `napi ${napi.name}: poll returned ${work} of ${napi.weight} without completing (rule I06)`,
      );
    return false;
  }
}
