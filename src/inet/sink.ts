// A UDP sink: counts what comes, flow by flow. Either a thread reads the socket, as a process does, so that a machine busy
// with interrupts starves it; or it takes datagrams in softirq context.

import type { Machine } from '../kernel/machine.ts';
import { BLOCK, RESCHEDULE, type Thread, type ThreadBody } from '../kernel/thread.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { FlowStats } from './flow.ts';
import { hasPayloadHeader, PAYLOAD_HEADER, payloadFlow } from './payload.ts';
import type { InetStack } from './stack.ts';
import type { UdpSocket } from './udp-socket.ts';

/** Datagrams a reader takes before others get the CPU. */
const READ_BATCH = 64;
/** Flows told apart: each takes 6 KiB, and who sends may make numbers up. */
const FLOW_LIMIT = 256;

export interface SinkOptions {
  /** Takes datagrams in softirq context, without thread and system call. */
  inSoftirq?: boolean;
  /** Datagrams the socket keeps. */
  queueLimit?: number;
}

export class UdpSink {
  readonly socket: UdpSocket;
  readonly flows = new Map<number, FlowStats>();
  packets = 0;
  bytes = 0;
  /** Packets that are none of ours, and of flows beyond the limit. */
  foreign = 0;
  private readonly machine: Machine;
  private readonly thread: Thread | null;

  constructor(stack: InetStack, port: number, options: SinkOptions = {}) {
    this.machine = stack.machine;
    this.socket = stack.udp.open(port);
    if (options.queueLimit !== undefined) this.socket.queueLimit = options.queueLimit;
    if (options.inSoftirq === true) {
      this.thread = null;
      this.socket.handler = (m) => this.take(m);
    } else {
      this.thread = this.machine.cpus[0].spawn(`udp sink ${port}`, this.run());
      this.socket.reader = this.thread;
    }
  }

  /** What is known of a flow; null before its first packet. */
  flow(id: number): FlowStats | null {
    return this.flows.get(id) ?? null;
  }

  close(): void {
    this.socket.close();
    this.thread?.kill();
  }

  private *run(): ThreadBody {
    const { socket } = this;
    for (;;) {
      let batch = 0;
      while (batch < READ_BATCH && socket.queued > 0) {
        batch++;
        this.read();
      }
      yield batch === READ_BATCH ? RESCHEDULE : BLOCK;
    }
  }

  /** recvfrom: a system call and a copy. */
  private read(): void {
    const { cpu } = this.machine;
    const m = this.socket.receive();
    if (m === null) return;
    cpu.charge(cpu.profile.systemCall + cpu.profile.copyByte * m.packetLength);
    this.take(m);
  }

  /** Takes the packet. */
  private take(packet: Mbuf): void {
    const { machine } = this;
    this.packets++;
    this.bytes += packet.packetLength;
    const m =
      packet.length >= PAYLOAD_HEADER || packet.packetLength < PAYLOAD_HEADER
        ? packet
        : machine.mbufs.pullup(packet, PAYLOAD_HEADER);
    if (m === null) {
      this.foreign++;
      return;
    }
    const { u8 } = machine.memory;
    if (m.packetLength < PAYLOAD_HEADER || !hasPayloadHeader(u8, m.data)) this.foreign++;
    else this.record(u8, m);
    machine.mbufs.freem(m);
  }

  private record(u8: Uint8Array, m: Mbuf): void {
    const id = payloadFlow(u8, m.data);
    let flow = this.flows.get(id);
    if (flow === undefined) {
      if (this.flows.size >= FLOW_LIMIT) {
        this.foreign++;
        return;
      }
      flow = new FlowStats(id);
      this.flows.set(id, flow);
    }
    flow.record(u8, m.data, m.packetLength, this.machine.cpu);
  }
}
