// A bridge of two ports: what comes in by one goes out by the other, whatever its addresses; nothing is learnt, since there is
// only one other way. Its ports take no part themselves: no packet of theirs reaches a protocol.

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { NetDevice } from './device.ts';

/** Joins two devices of one machine, which listen to everything from now on. Throws when one has a receive handler already. */
export function joinPorts(one: NetDevice, other: NetDevice): void {
  if (one === other) throw new Error(`${one.name}: a bridge of a port with itself: two devices wanted`);
  for (const port of [one, other]) {
    if (port.rxHandler !== null) throw new Error(`${port.name} belongs to somebody already`);
  }
  one.rxHandler = passTo(other);
  other.rxHandler = passTo(one);
  for (const port of [one, other]) port.setPromiscuity(1);
}

function passTo(other: NetDevice): (m: Mbuf) => void {
  return (m) => {
    m.device = other;
    other.transmit(m);
  };
}
