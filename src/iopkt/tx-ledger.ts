// Which packets are in drivers' hands: dequeued from if_snd and not freed yet. With it the books of an interface balance
// though a driver only ever calls m_freem: offered = if_opackets + if_oerrors + dropped + queued + held. A mark for each
// mbuf of the pool, the if_index of its holder.

import type { Mbuf } from '../mbuf/mbuf.ts';
import type { ifnet } from './ifnet.ts';
import type { IoPkt } from './manager.ts';

/** The packet has been handed to the driver of `ifp`. */
export function holdForDriver(io: IoPkt, ifp: ifnet, m: Mbuf): void {
  const { holders } = io;
  if (holders[m.index] !== 0) letGo(io, m);
  holders[m.index] = ifp.if_index;
  ifp.held++;
  ifp.countDequeued(m);
}

/** A driver frees a packet, or gives it away; or a buffer is fresh from the pool, and whoever had it freed it elsewhere. */
export function letGo(io: IoPkt, m: Mbuf): void {
  const holder = io.holders[m.index];
  if (holder === 0) return;
  io.holders[m.index] = 0;
  const ifp = io.ifnetByIndex[holder];
  if (ifp === undefined || ifp === null) return;
  ifp.held--;
  ifp.released++;
}

/** `to` stands for the packet that `from` was: a copy in another shape. `from` is to be freed and is not counted then. */
export function passOn(io: IoPkt, from: Mbuf, to: Mbuf): void {
  const { holders } = io;
  if (from === to || holders[from.index] === 0) return;
  if (holders[to.index] !== 0) letGo(io, to);
  holders[to.index] = holders[from.index];
  holders[from.index] = 0;
}
