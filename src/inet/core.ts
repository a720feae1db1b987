// What every part of the stack needs: the machine, its device layer, and the account of packets.
//
// The stack runs with bottom halves held: as a softirq, or from a thread between bhDisable and bhEnable. So a charge may
// let hardware events and interrupts in, but never the stack itself a second time.

import type { Machine } from '../kernel/machine.ts';
import { HEADROOM, type Mbuf, MLEN } from '../mbuf/mbuf.ts';
import type { DeviceLayer } from '../net/layer.ts';
import type { Account } from './account.ts';

export interface Core {
  readonly machine: Machine;
  readonly layer: DeviceLayer;
  readonly account: Account;
}

/**
 * A packet with room for `bytes` and for the headers in front of them, contents undefined, not yet counted as originated.
 * Null: no buffer was left. The caller owns it.
 */
export function allocPacket(core: Core, bytes: number): Mbuf | null {
  const { machine } = core;
  const { mbufs, cpu } = machine;
  cpu.charge(cpu.profile.buffer);
  const first = HEADROOM + bytes <= MLEN ? mbufs.gethdr() : mbufs.getcl();
  if (first === null) return null;
  first.reserve(HEADROOM);
  first.packetLength = bytes;
  first.length = Math.min(bytes, first.trailingSpace);
  let last = first;
  for (let left = bytes - first.length; left > 0; left -= last.length) {
    const more = mbufs.get();
    if (more !== null) last.next = more;
    if (more === null || !mbufs.addCluster(more)) {
      mbufs.freem(first);
      return null;
    }
    more.length = Math.min(left, more.size);
    last = more;
  }
  return first;
}
