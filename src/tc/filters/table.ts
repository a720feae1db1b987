// The filters of one device's disciplines: their prefs, handles and order, as `tc filter` has them.

import type { Qdisc } from '../../net/qdisc.ts';
import { FilterChain, type FilterEntry } from '../../qdisc/filter/chain.ts';
import { Ingress } from '../../qdisc/ingress.ts';
import { formatClassId, majorOf, minorOf, TC_H_MIN_EGRESS, TC_H_MIN_INGRESS, TC_H_ROOT } from '../handle.ts';
import { type DeviceTc, refused } from '../tree.ts';

/** The first pref that is given to who names none, and where those begin: the next ones are lower. */
const FIRST_PREF = 0xc000;
const LEAST_PREF = 0x8000;

/** Where filters hang: a discipline, or one of its classes. */
export interface FilterPlace {
  readonly parent: number;
  readonly qdisc: Qdisc;
  readonly handle: number;
  readonly chain: FilterChain;
  /** Minor number of the class; 0: the discipline. */
  readonly at: number;
  /** Of packets that come in. */
  readonly incoming: boolean;
}

interface Filtering {
  classifier: FilterChain | null;
}

/** Finds the place, and gives its discipline a chain when it has none. Throws TcError when there can be no filters. */
export function placeOf(tree: DeviceTc, parent: number): FilterPlace {
  const { u8 } = tree.device.layer.machine.memory;
  const node = parent === TC_H_ROOT ? tree.root : tree.find(majorOf(parent));
  if (node === null || node.handle === 0)
    throw refused("Parent Qdisc doesn't exists", `there is no ${formatClassId(parent)}`);
  const { qdisc, handle } = node;
  if (qdisc instanceof Ingress) {
    const minor = minorOf(parent);
    const out = minor === TC_H_MIN_EGRESS;
    if ((minor !== 0 && minor !== TC_H_MIN_INGRESS && !out) || (out && qdisc.kind === 'ingress'))
      throw refused('Invalid argument', `${formatClassId(parent)} is no place of ${qdisc.kind}`);
    const side = out ? 'egress' : 'ingress';
    const chain = (qdisc[side] as FilterChain | null) ?? new FilterChain(u8, handle);
    qdisc[side] = chain;
    return { parent, qdisc, handle, chain, at: 0, incoming: !out };
  }
  if (!('classifier' in qdisc) || qdisc.kind === 'tbf' || qdisc.kind === 'red')
    throw refused('Qdisc not classful', `${qdisc.kind} ${handle.toString(16)}: asks no filters`);
  const filtering = qdisc as unknown as Filtering;
  const at = parent === TC_H_ROOT ? 0 : minorOf(parent);
  if (at !== 0 && !tree.classes(node).some(({ minor }) => minor === at))
    throw refused("Specified class doesn't exist", `there is no ${formatClassId(parent)}`);
  filtering.classifier ??= new FilterChain(u8, handle);
  return {
    parent: parent === TC_H_ROOT ? handle * 0x10000 : parent,
    qdisc,
    handle,
    chain: filtering.classifier,
    at,
    incoming: false,
  };
}

/** Below the lowest of those that were given before. */
export function freePref({ chain, at }: FilterPlace): number {
  const given = chain.list(at).filter(({ pref }) => pref >= LEAST_PREF);
  const pref = Math.min(FIRST_PREF + 1, ...given.map((entry) => entry.pref)) - 1;
  if (pref < LEAST_PREF) throw refused('No space left on device', 'the prefs are used up: say which');
  return pref;
}

/** Filters of one pref share their kind and protocol. */
export function checkPref(place: FilterPlace, pref: number, protocol: number, kind: string): void {
  const same = place.chain.list(place.at).find((entry) => entry.pref === pref);
  if (same === undefined) return;
  if (same.protocol !== protocol)
    throw refused(
      'Filter with specified priority/protocol not found',
      `pref ${pref} is for another protocol`,
    );
  if (same.filter.kind !== kind)
    throw refused(
      'Specified filter kind does not match existing one',
      `pref ${pref} has ${same.filter.kind}`,
    );
}

/** The first free number for a filter of that pref: u32 counts from 800 (hex) in the table of its pref, others from 1. */
export function nextHandle(place: FilterPlace, pref: number, kind: string): number {
  const taken = new Set(find(place, pref, null).map(({ filter }) => filter.handle));
  let handle = kind === 'u32' ? tableOf(place, pref) * 0x100000 + 0x800 : 1;
  while (taken.has(handle)) handle++;
  if (kind === 'u32' && (handle & 0xfff) === 0)
    throw refused('No space left on device', `pref ${pref} has as many filters as it can: another pref`);
  return handle;
}

/** The hash table that a pref's u32 filters are in, 800 (hex) and up. */
export function tableOf(place: FilterPlace, pref: number): number {
  const tables = new Set<number>();
  for (const entry of place.chain.list(place.at)) {
    if (entry.filter.kind !== 'u32') continue;
    if (entry.pref === pref) return entry.filter.handle >>> 20;
    tables.add(entry.filter.handle >>> 20);
  }
  let table = 0x800;
  while (tables.has(table)) table++;
  return table;
}

export function find(place: FilterPlace, pref: number, handle: number | null): FilterEntry[] {
  return place.chain
    .list(place.at)
    .filter((entry) => entry.pref === pref && (handle === null || entry.filter.handle === handle));
}
