// The softirqs of the device layer: poll lists and NET_RX, output queues and NET_TX, the backlogs of drivers without NAPI and of
// packets that are steered from one CPU to another. One SoftnetData a CPU; the limits are Linux's (net.core.netdev_budget and
// its fellows).

import type { Cpu } from '../kernel/cpu.ts';
import type { Machine } from '../kernel/machine.ts';
import { NET_RX_SOFTIRQ, NET_TX_SOFTIRQ } from '../kernel/softirq.ts';
import { TP_NAPI_POLL, TP_NETIF_RX } from '../kernel/trace.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from './device.ts';
import { DROP_CPU_BACKLOG } from './drop-reason.ts';
import { Napi } from './napi.ts';
import type { QdiscRun } from './qdisc-run.ts';
import { Redirects } from './redirects.ts';
import { SoftnetData } from './softnet-data.ts';
import { cpuOfFlow, type FlowTable, hashOf } from './steering.ts';

/** netdev_budget: packets in one NET_RX softirq. */
export const NETDEV_BUDGET = 300;
/** netdev_budget_usecs: ns in one NET_RX softirq. */
export const NETDEV_BUDGET_NS = 2_000_000;
/** netdev_max_backlog: packets waiting on a CPU from drivers without NAPI. */
export const NETDEV_MAX_BACKLOG = 1000;

export class Softnet {
  readonly machine: Machine;
  readonly perCpu: SoftnetData[];
  /** RFS; null: off. */
  flows: FlowTable | null = null;
  private readonly deliver: (m: Mbuf) => void;

  private readonly redirects: Redirects;

  /** `receive` is netif_receive_skb, `deliver` the part of it that runs on the CPU the packet was steered to. */
  constructor(machine: Machine, receive: (m: Mbuf) => void, deliver: (m: Mbuf) => void) {
    this.machine = machine;
    this.deliver = deliver;
    this.redirects = new Redirects(machine.cpus, receive);
    this.perCpu = machine.cpus.map((cpu) => {
      const backlog = new Napi(this, `backlog/${cpu.index}`, (budget) =>
        this.processBacklog(this.perCpu[cpu.index], budget),
      );
      return new SoftnetData(cpu, backlog, (message) => machine.log(message));
    });
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

  // ---- backlogs

  /** netif_rx: for drivers without NAPI. Takes the packet; drops it when the backlog is full. */
  netifRx(m: Mbuf): void {
    const { cpu } = this.machine;
    const device = m.device as NetDevice;
    if (cpu.trace.on)
      cpu.trace.emit(TP_NETIF_RX, cpu.now(), cpu.traceSource, device.traceName, m.packetLength);
    if (device.rps === null) this.enqueueToBacklog(m, device, cpu.index);
    else this.steer(m, device, device.rps);
  }

  /** Takes a packet of a device that has several CPUs handle what it receives. */
  steer(m: Mbuf, device: NetDevice, cpus: Uint8Array): void {
    const { cpu, memory } = this.machine;
    cpu.charge(cpu.profile.layer);
    const hash = hashOf(memory.u8, m);
    const byHash = cpuOfFlow(cpus, hash);
    const { flows } = this;
    if (flows === null) {
      this.enqueueToBacklog(m, device, byHash);
      return;
    }
    const target = flows.choose(hash, this.perCpu, byHash);
    if (this.enqueueToBacklog(m, device, target)) flows.queued(hash, this.perCpu[target]);
  }

  private enqueueToBacklog(m: Mbuf, device: NetDevice, index: number): boolean {
    const { cpu } = this.machine;
    const data = this.perCpu[index];
    const { backlog, packets } = data;
    const full = packets.length >= NETDEV_MAX_BACKLOG;
    if (full || data.flowLimit.exceeded(m.hash, packets.length, NETDEV_MAX_BACKLOG)) {
      data.dropped++;
      if (!full) data.flowLimited++;
      this.dropFromBacklog(m, device);
      return false;
    }
    packets.push(m);
    // Not a miss when it is scheduled already: process_backlog looks at the queue until it is empty.
    if (backlog.scheduled || !backlog.schedulePrep()) return true;
    if (index === cpu.index) backlog.schedule();
    else {
      this.perCpu[cpu.index].toWake |= 1 << index;
      cpu.raiseSoftirq(NET_RX_SOFTIRQ);
    }
    return true;
  }

  /** net_rps_send_ipi: an interrupt for each CPU that has packets now. */
  private wakeOthers(data: SoftnetData, cpu: Cpu): void {
    const { toWake } = data;
    data.toWake = 0;
    for (let index = 0; toWake >> index !== 0; index++) {
      if ((toWake & (1 << index)) === 0) continue;
      cpu.charge(cpu.profile.registerWrite);
      this.perCpu[index].wakeUp.pulse();
    }
  }

  /** What waits of a device that goes away is dropped: in the backlogs (flush_backlog), and redirected to it. */
  flushBacklog(device: NetDevice): void {
    this.redirects.flush(device);
    for (const { packets } of this.perCpu) {
      for (let left = packets.length; left > 0; left--) {
        const m = packets.shift()!;
        if (m.device === device) this.dropFromBacklog(m, device);
        else packets.push(m);
      }
    }
  }

  private dropFromBacklog(m: Mbuf, device: NetDevice): void {
    device.rx.packets++;
    device.rx.bytes += m.packetLength;
    device.drop(m, DROP_CPU_BACKLOG);
  }

  /** process_backlog. */
  private processBacklog(data: SoftnetData, budget: number): number {
    const { packets, backlog } = data;
    let work = 0;
    while (work < budget && packets.length > 0) {
      this.deliver(packets.shift()!);
      data.packetsDone++;
      work++;
    }
    if (work < budget) backlog.complete();
    return work;
  }

  // ---- NET_TX

  /** dev_kfree_skb_irq: frees a buffer later, from NET_TX, since this context may not. Takes it. */
  freeLater(m: Mbuf): void {
    const { cpu } = this.machine;
    const data = this.perCpu[cpu.index];
    m.nextPacket = data.completion;
    data.completion = m;
    cpu.raiseSoftirq(NET_TX_SOFTIRQ);
  }

  /** __netif_schedule: runs the discipline from NET_TX of the CPU, this one if none is given. */
  scheduleQueue(queue: QdiscRun, cpu = this.machine.cpu): void {
    if (queue.scheduled) return;
    queue.scheduled = true;
    const data = this.perCpu[cpu.index];
    if (data.outputTail === null) data.outputHead = queue;
    else data.outputTail.nextOutput = queue;
    data.outputTail = queue;
    cpu.raiseSoftirq(NET_TX_SOFTIRQ);
  }

  /**
   * Takes a packet, its Ethernet header in front, for `device` to send, or with `toIngress` to receive, from NET_TX: for actions of
   * tc. It is in the books of `device` from now on; dropped, and counted there, when it was sent on so more than MOST_REDIRECTS
   * times.
   */
  sendLater(m: Mbuf, device: NetDevice, toIngress: boolean): void {
    const { cpu } = this.machine;
    if (this.redirects.push(m, device, toIngress, cpu)) cpu.raiseSoftirq(NET_TX_SOFTIRQ);
  }

  private netTxAction(cpu: Cpu): void {
    const data = this.perCpu[cpu.index];
    this.redirects.pass(cpu);
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

  // ---- NET_RX

  private netRxAction(cpu: Cpu): void {
    const data = this.perCpu[cpu.index];
    this.pollAll(data, cpu);
    if (data.toWake !== 0) this.wakeOthers(data, cpu);
  }

  private pollAll(data: SoftnetData, cpu: Cpu): void {
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
