// What the protocols did with every packet, so that none can vanish:
//
//   received + originated = transmitted + consumed + dropped + held
//
// Received is what the device layer gave to a packet type of the stack, originated what the stack or a socket made;
// transmitted is what went to a device, consumed what reached its end (a socket's reader, an answered question), held
// what waits in sockets and for addresses to be resolved. Drops count here and at the device by the same reason.

import type { Machine } from '../kernel/machine.ts';
import { TP_KFREE_SKB } from '../kernel/trace.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from '../net/device.ts';
import { DROP_PROTO_MEM, DROP_REASONS } from '../net/drop-reason.ts';

export interface Balance {
  received: number;
  originated: number;
  transmitted: number;
  consumed: number;
  dropped: number;
  held: number;
  /** In less out: 0, or a packet vanished or was counted twice. */
  missing: number;
}

export class Account {
  received = 0;
  originated = 0;
  transmitted = 0;
  consumed = 0;
  dropped = 0;
  held = 0;
  readonly drops = new Float64Array(DROP_REASONS.length);
  private readonly machine: Machine;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  /** Counts and frees. Takes the packet; `device`: whose drop counter too, if any. */
  drop(m: Mbuf, device: NetDevice | null, reason: number): void {
    this.dropped++;
    this.drops[reason]++;
    if (device !== null) {
      device.drop(m, reason);
      return;
    }
    const { cpu } = this.machine;
    if (cpu.trace.on) cpu.trace.emit(TP_KFREE_SKB, cpu.now(), cpu.traceSource, 0, reason, m.packetLength);
    this.machine.mbufs.freem(m);
  }

  /** The packet was freed already, since there was no buffer for more of it. */
  lost(device: NetDevice | null): void {
    this.dropped++;
    this.drops[DROP_PROTO_MEM]++;
    if (device !== null) device.drops[DROP_PROTO_MEM]++;
  }

  /** Counts a packet that reached its end, and frees it. Takes it. */
  consume(m: Mbuf): void {
    this.consumed++;
    this.machine.mbufs.freem(m);
  }

  balance(): Balance {
    const { received, originated, transmitted, consumed, dropped, held } = this;
    const missing = received + originated - transmitted - consumed - dropped - held;
    return { received, originated, transmitted, consumed, dropped, held, missing };
  }

  /** Drops by reason, those that happened. */
  dropReport(): Record<string, number> {
    const report: Record<string, number> = {};
    DROP_REASONS.forEach((reason, number) => {
      if (this.drops[number] > 0) report[reason.name] = this.drops[number];
    });
    return report;
  }
}
