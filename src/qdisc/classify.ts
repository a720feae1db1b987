// Which class a packet belongs to, the first question of every classful discipline.

import type { Mbuf } from '../mbuf/mbuf.ts';
import { CLASS_NONE } from '../net/qdisc.ts';

/** The minor number that the packet's own priority names, `handle << 16 | minor`; CLASS_NONE: it names no class here. */
export function classOfPriority(m: Mbuf, handle: number): number {
  return handle !== 0 && m.priority >>> 16 === handle ? m.priority & 0xffff : CLASS_NONE;
}
