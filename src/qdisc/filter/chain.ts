// The filters of a discipline, in order: the lowest pref first, equal ones as they came. The first that matches decides, with its
// actions: tc(8), "FILTERS".
//
//   packet ─► pref 1 ─ no ─► pref 2 ─ matches ─► actions ─ ok ───────► its class
//              ▲                                   ├─ drop, stolen
//              └──────────── reclassify ───────────┤
//                            the next filter ◄─────┘ continue

import type { Mbuf } from '../../mbuf/mbuf.ts';
import { CLASS_DROP, CLASS_NONE, CLASS_STOLEN, type Classifier } from '../../net/qdisc.ts';
import {
  ACT_OK,
  ACT_PIPE,
  ACT_RECLASSIFY,
  ACT_SHOT,
  ACT_STOLEN,
  ACT_UNSPEC,
  type Action,
} from '../action/action.ts';

/** The filter does not match. */
export const NO_MATCH = -1;
/** ETH_P_ALL. */
export const ANY_PROTOCOL = 3;
/** Times that a packet is classified again before it is dropped (max_reclassify_loop). */
const MOST_RECLASSIFIES = 16;

export interface Filter {
  readonly kind: string;
  /** Number of the filter among those of its pref. */
  readonly handle: number;
  /** The class it names, `major << 16 | minor`; 0 or none: another each time, or none in particular. */
  readonly id?: number;
  /** Lends the packet. Returns its class, `major << 16 | minor`, 0 for none in particular, or NO_MATCH. */
  match(m: Mbuf): number;
}

export interface FilterEntry {
  readonly filter: Filter;
  /** ETH_P_...; ANY_PROTOCOL: all. */
  readonly protocol: number;
  readonly pref: number;
  readonly actions: readonly Action[];
}

export class FilterChain implements Classifier {
  private readonly u8: Uint8Array;
  private readonly handle: number;
  /** By the class they belong to; 0: the discipline. */
  private readonly lists = new Map<number, FilterEntry[]>();
  /** Most have these only. */
  private own: FilterEntry[] = [];

  /** `u8`: the machine's memory. `handle`: of the discipline; classes of others are none of its own. */
  constructor(u8: Uint8Array, handle: number) {
    this.u8 = u8;
    this.handle = handle;
    this.lists.set(0, this.own);
  }

  get isEmpty(): boolean {
    for (const list of this.lists.values()) if (list.length > 0) return false;
    return true;
  }

  /** A filter names the class. */
  names(minor: number): boolean {
    for (const list of this.lists.values())
      if (list.some(({ filter }) => filter.id === this.handle * 0x10000 + minor)) return true;
    return false;
  }

  /** The class has gone, and its own filters with it. */
  forget(minor: number): void {
    this.lists.delete(minor);
  }

  list(at: number): readonly FilterEntry[] {
    return this.lists.get(at) ?? [];
  }

  add(at: number, entry: FilterEntry): void {
    const list = this.lists.get(at) ?? [];
    this.lists.set(at, list);
    let place = list.length;
    while (place > 0 && isBehind(list[place - 1], entry)) place--;
    list.splice(place, 0, entry);
  }

  remove(at: number, entry: FilterEntry): void {
    const list = this.lists.get(at) ?? [];
    const place = list.indexOf(entry);
    if (place >= 0) list.splice(place, 1);
  }

  classify(m: Mbuf, at: number): number {
    const list = at === 0 ? this.own : this.lists.get(at);
    if (list === undefined || list.length === 0) return CLASS_NONE;
    for (let times = 0; times <= MOST_RECLASSIFIES; times++) {
      const verdict = this.once(list, m);
      if (verdict !== AGAIN) return verdict;
    }
    return CLASS_DROP;
  }

  private once(list: readonly FilterEntry[], m: Mbuf): number {
    const protocol = this.protocolOf(m);
    for (let i = 0; i < list.length; i++) {
      const entry = list[i];
      if (entry.protocol !== ANY_PROTOCOL && entry.protocol !== protocol) continue;
      const id = entry.filter.match(m);
      if (id === NO_MATCH) continue;
      const verdict = run(entry.actions, m);
      if (verdict === ACT_UNSPEC) continue;
      if (verdict === ACT_SHOT) return CLASS_DROP;
      if (verdict === ACT_STOLEN) return CLASS_STOLEN;
      if (verdict === ACT_RECLASSIFY) return AGAIN;
      const isOwn = id >>> 16 === this.handle || id >>> 16 === 0;
      return (id & 0xffff) === 0 || !isOwn ? CLASS_NONE : id & 0xffff;
    }
    return CLASS_NONE;
  }

  /** Of the Ethernet header, the outer one of tagged frames; 0: there is none. */
  private protocolOf(m: Mbuf): number {
    return m.length < 14 ? 0 : (this.u8[m.data + 12] << 8) | this.u8[m.data + 13];
  }
}

const AGAIN = -4;

/** By pref; those of u32 by their numbers. */
function isBehind(there: FilterEntry, entry: FilterEntry): boolean {
  if (there.pref !== entry.pref) return there.pref > entry.pref;
  return (
    there.filter.kind === 'u32' && entry.filter.kind === 'u32' && there.filter.handle > entry.filter.handle
  );
}

/** Actions until one ends it. The last one's `pipe` lets the packet go on. */
function run(actions: readonly Action[], m: Mbuf): number {
  if (m.skipActions && actions.length > 0) {
    m.skipActions = false;
    return ACT_OK;
  }
  for (let i = 0; i < actions.length; i++) {
    const verdict = actions[i].act(m);
    if (verdict !== ACT_PIPE) return verdict;
  }
  return ACT_OK;
}
