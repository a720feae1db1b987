// The UDP echo service (RFC 862): each datagram goes back to its sender, in the buffer it came in.

import type { Machine } from '../kernel/machine.ts';
import { BLOCK, RESCHEDULE, type Thread, type ThreadBody } from '../kernel/thread.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { InetStack } from './stack.ts';
import type { UdpSocket } from './udp-socket.ts';

export const ECHO_PORT = 7;

/** Datagrams answered before others get the CPU. */
const ECHO_BATCH = 64;

export class UdpEcho {
  readonly socket: UdpSocket;
  answered = 0;
  /** From another echo service: two of them would play ball for ever. */
  refused = 0;
  private readonly machine: Machine;
  private readonly thread: Thread;

  constructor(stack: InetStack, port = ECHO_PORT) {
    this.machine = stack.machine;
    this.socket = stack.udp.open(port);
    this.thread = this.machine.cpus[0].spawn(`udp echo ${port}`, this.run());
    this.socket.reader = this.thread;
  }

  close(): void {
    this.socket.close();
    this.thread.kill();
  }

  private *run(): ThreadBody {
    for (;;) {
      let batch = 0;
      while (batch < ECHO_BATCH && this.socket.queued > 0) {
        batch++;
        this.answer();
      }
      yield batch === ECHO_BATCH ? RESCHEDULE : BLOCK;
    }
  }

  private answer(): void {
    const { cpu } = this.machine;
    const { socket } = this;
    const m: Mbuf | null = socket.receive();
    if (m === null) return;
    const { fromAddress, fromPort } = socket;
    cpu.charge(2 * cpu.profile.systemCall + 2 * cpu.profile.copyByte * m.packetLength);
    if (fromPort === socket.port) {
      this.refused++;
      this.machine.mbufs.freem(m);
      return;
    }
    if (socket.sendPacket(m, fromAddress, fromPort)) this.answered++;
  }
}
