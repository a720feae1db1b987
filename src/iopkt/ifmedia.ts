// ifmedia(4): which media an interface supports, which of them is chosen, and the two ioctls by which people see and
// change it while traffic flows.

import { E2BIG, EINVAL, EOK } from './errno.ts';
import { IFM_AUTO, IFM_INST, IFM_SUBTYPE } from './ifmedia-words.ts';
import type { ifnet } from './ifnet.ts';
import { current, IN_STACK, ruleError } from './self.ts';
import { type ifmediareq, type ifreq, SIOCGIFMEDIA, SIOCSIFMEDIA } from './sockio.ts';

/** Active when nobody has said. */
const NONE = 0;

export interface ifmedia_entry {
  readonly ifm_media: number;
  readonly ifm_data: number;
  readonly ifm_aux: unknown;
}

/** struct ifmedia. */
export class ifmedia {
  /** Bits of a word that do not matter when an entry is looked for. */
  ifm_mask = 0;
  /** The word the user chose. */
  ifm_media = NONE;
  ifm_cur: ifmedia_entry | null = null;
  readonly ifm_list: ifmedia_entry[] = [];
  ifm_change: ((ifp: ifnet) => number) | null = null;
  ifm_status: ((ifp: ifnet, imr: ifmediareq) => void) | null = null;
}

/** Empties it. `change`: the user has chosen another one (ifm_media); `status`: fills in ifm_status and ifm_active. */
export function ifmedia_init(
  ifm: ifmedia,
  dontcare: number,
  change: (ifp: ifnet) => number,
  status: (ifp: ifnet, imr: ifmediareq) => void,
): void {
  ifm.ifm_list.length = 0;
  ifm.ifm_cur = null;
  ifm.ifm_media = NONE;
  ifm.ifm_mask = dontcare >>> 0;
  ifm.ifm_change = change;
  ifm.ifm_status = status;
}

export function ifmedia_add(ifm: ifmedia, word: number, data: number, aux: unknown): void {
  ifm.ifm_list.push({ ifm_media: word >>> 0, ifm_data: data, ifm_aux: aux });
}

export function ifmedia_list_add(ifm: ifmedia, list: readonly ifmedia_entry[]): void {
  for (const { ifm_media, ifm_data, ifm_aux } of list) ifmedia_add(ifm, ifm_media, ifm_data, ifm_aux);
}

/** The first entry that is equal outside of the bits that do not matter; null: none. */
export function ifmedia_match(ifm: ifmedia, word: number, mask: number): ifmedia_entry | null {
  const care = ~mask;
  return ifm.ifm_list.find(({ ifm_media }) => ((ifm_media ^ word) & care) === 0) ?? null;
}

/** Chooses without asking the driver. Throws when the word is not supported: the driver offers it itself. */
export function ifmedia_set(ifm: ifmedia, word: number): void {
  const entry = ifmedia_match(ifm, word, ifm.ifm_mask);
  if (entry === null)
    throw ruleError(
      current(IN_STACK, 'ifmedia_set'),
      'P18',
      `ifmedia_set of 0x${(word >>> 0).toString(16)}, never added`,
    );
  ifm.ifm_media = word >>> 0;
  ifm.ifm_cur = entry;
}

/** SIOCSIFMEDIA and SIOCGIFMEDIA. Stack context. */
export function ifmedia_ioctl(ifp: ifnet, data: unknown, ifm: ifmedia, cmd: number): number {
  current(IN_STACK, 'ifmedia_ioctl');
  switch (cmd) {
    case SIOCSIFMEDIA:
      return choose(ifp, ifm, (data as ifreq).ifr_media);
    case SIOCGIFMEDIA:
      return tell(ifp, ifm, data as ifmediareq);
    default:
      return EINVAL;
  }
}

function choose(ifp: ifnet, ifm: ifmedia, word: number | undefined): number {
  if (word === undefined) return EINVAL;
  const entry = ifmedia_match(ifm, word, ifm.ifm_mask);
  if (entry === null) return EINVAL;
  const { ifm_media, ifm_cur } = ifm;
  // Autoselect again means: negotiate again.
  if (IFM_SUBTYPE(word) !== IFM_AUTO && word >>> 0 === ifm_media && entry === ifm_cur) return EOK;
  ifm.ifm_media = word >>> 0;
  ifm.ifm_cur = entry;
  const error = ifm.ifm_change!(ifp);
  if (error === EOK) return EOK;
  ifm.ifm_media = ifm_media;
  ifm.ifm_cur = ifm_cur;
  return error;
}

function tell(ifp: ifnet, ifm: ifmedia, imr: ifmediareq): number {
  const room = imr.ifm_count;
  imr.ifm_current = imr.ifm_active = ifm.ifm_cur === null ? NONE : ifm.ifm_media;
  imr.ifm_mask = ifm.ifm_mask;
  imr.ifm_status = 0;
  ifm.ifm_status!(ifp, imr);
  const { length } = ifm.ifm_list;
  imr.ifm_count = length;
  if (room === 0) return EOK;
  imr.ifm_ulist = ifm.ifm_list.slice(0, room).map(({ ifm_media }) => ifm_media);
  return room < length ? E2BIG : EOK;
}

/** Forgets the entries of a PHY instance (0 to 15), or all (IFM_INST_ANY). */
export function ifmedia_delete_instance(ifm: ifmedia, instance: number): void {
  const keep = ifm.ifm_list.filter(
    ({ ifm_media }) => instance !== IFM_INST_ANY && IFM_INST(ifm_media) !== instance,
  );
  ifm.ifm_list.length = 0;
  ifm.ifm_list.push(...keep);
  if (ifm.ifm_cur !== null && !keep.includes(ifm.ifm_cur)) {
    ifm.ifm_cur = null;
    ifm.ifm_media = NONE;
  }
}

export const IFM_INST_ANY = -1;
