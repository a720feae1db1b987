// What each CPU has of its own for the network (struct softnet_data): the devices to poll, the disciplines to run, the backlog,
// counters as in /proc/net/softnet_stat.

import type { Cpu } from '../kernel/cpu.ts';
import { IrqLine } from '../kernel/irq.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { FlowLimit } from './flow-limit.ts';
import type { Napi } from './napi.ts';
import { PacketQueue } from './packet-queue.ts';
import type { QdiscRun } from './qdisc-run.ts';

/** A line of its own, beside those of the interrupt controller. */
const IPI_LINE = 33;

export class SoftnetData {
  readonly cpu: Cpu;
  readonly pollList: Napi[] = [];
  /** Disciplines that are to run from NET_TX. */
  outputHead: QdiscRun | null = null;
  outputTail: QdiscRun | null = null;
  /** Sent buffers to free from NET_TX (dev_kfree_skb_irq). */
  completion: Mbuf | null = null;
  /** Packets of drivers without NAPI, and those that other CPUs steered here; and how many have gone through in all. */
  readonly packets = new PacketQueue();
  packetsDone = 0;
  readonly backlog: Napi;
  readonly flowLimit = new FlowLimit();
  /** Packets this CPU looked at; those it dropped for its backlog was full; of these, those of a flow that took too much. */
  processed = 0;
  dropped = 0;
  flowLimited = 0;
  /** Times NET_RX ended with work left. */
  timeSqueeze = 0;
  /** Times another CPU woke it for packets that it had steered here. */
  receivedRps = 0;
  /** CPUs to wake at the end of NET_RX, a bit each. */
  toWake = 0;
  /** The interrupt by which others wake it. */
  readonly wakeUp: IrqLine;
  /** Time in ns at which the present NET_RX has had its share. */
  readonly limit = new Float64Array(1);

  /** `backlog` polls `packets`. */
  constructor(cpu: Cpu, backlog: Napi, warn: (message: string) => void) {
    this.cpu = cpu;
    this.backlog = backlog;
    backlog.enable();
    this.wakeUp = new IrqLine(IPI_LINE, cpu, warn);
    this.wakeUp.addAction('steered packets', () => {
      this.receivedRps++;
      backlog.schedule();
      return true;
    });
  }

  get backlogLength(): number {
    return this.packets.length;
  }
}
