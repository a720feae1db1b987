// Packets that actions of tc have sent on to another device: never from inside the discipline or the filter that does so, but from
// NET_TX a moment later.

import type { Cpu } from '../kernel/cpu.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from './device.ts';
import { DROP_DEV_READY, DROP_IF_DOWN, DROP_REDIRECT_LOOP, DROP_REDIRECT_LOOP_IN } from './drop-reason.ts';
import { PacketQueue } from './packet-queue.ts';

/** Redirections a packet survives (MIRRED_RECURSION_LIMIT). */
export const MOST_REDIRECTS = 4;

export class Redirects {
  /** A list of each CPU and direction; `device` says whose packets they are now. */
  private readonly out: PacketQueue[];
  private readonly in: PacketQueue[];
  private readonly receive: (m: Mbuf) => void;

  constructor(cpus: readonly Cpu[], receive: (m: Mbuf) => void) {
    this.out = cpus.map(() => new PacketQueue());
    this.in = cpus.map(() => new PacketQueue());
    this.receive = receive;
  }

  /** Takes a packet for `device`. False: it has been round too often, and is dropped. */
  push(m: Mbuf, device: NetDevice, toIngress: boolean, cpu: Cpu): boolean {
    m.device = device;
    if (!toIngress) device.offered++;
    if (++m.redirects > MOST_REDIRECTS) {
      if (toIngress) this.dropReceived(m, device, DROP_REDIRECT_LOOP_IN);
      else device.drop(m, DROP_REDIRECT_LOOP);
      return false;
    }
    if (!toIngress) device.redirected++;
    (toIngress ? this.in : this.out)[cpu.index].push(m);
    return true;
  }

  /** NET_TX. What these redirect in turn waits for the next round. */
  pass(cpu: Cpu): void {
    const out = this.out[cpu.index];
    for (let left = out.length; left > 0; left--) {
      const m = out.shift()!;
      const device = m.device as NetDevice;
      device.redirected--;
      device.offered--;
      device.transmit(m);
    }
    const incoming = this.in[cpu.index];
    for (let left = incoming.length; left > 0; left--) {
      const m = incoming.shift()!;
      const device = m.device as NetDevice;
      if (device.up) {
        device.injected++;
        this.receive(m);
      } else this.dropReceived(m, device, DROP_IF_DOWN);
    }
  }

  /** Drops what waits for a device that goes away. */
  flush(device: NetDevice): void {
    for (const queue of this.out) {
      for (let left = queue.length; left > 0; left--) {
        const m = queue.shift()!;
        if (m.device !== device) queue.push(m);
        else {
          device.redirected--;
          device.drop(m, DROP_DEV_READY);
        }
      }
    }
    for (const queue of this.in) {
      for (let left = queue.length; left > 0; left--) {
        const m = queue.shift()!;
        if (m.device === device) this.dropReceived(m, device, DROP_IF_DOWN);
        else queue.push(m);
      }
    }
  }

  private dropReceived(m: Mbuf, device: NetDevice, reason: number): void {
    device.injected++;
    device.rx.packets++;
    device.rx.bytes += m.packetLength;
    device.drop(m, reason);
  }
}
