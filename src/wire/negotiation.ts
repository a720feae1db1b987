// What two ends of a cable agree on, after IEEE 802.3-2002 clause 28: the best common mode when both negotiate (annex
// 28B.3), parallel detection when only one does (28.2.3.1), the same speed or nothing when none does.
// Left out: 100BASE-T4, gigabit, next pages, pause.

import { ALL_MODES, type LinkOffer, MODE_10, MODE_10_FULL, MODE_100, MODE_100_FULL } from './medium.ts';

/** Best first. */
const PRIORITY = [MODE_100_FULL, MODE_100, MODE_10_FULL, MODE_10];
export const FULL_DUPLEX_MODES = MODE_100_FULL | MODE_10_FULL;
const MODES_AT_100 = MODE_100_FULL | MODE_100;
export const MODES_AT_10 = MODE_10_FULL | MODE_10;

/** Of a station that says nothing: a switch port, a generator, somebody else's card. */
export const OFFERS_EVERYTHING: LinkOffer = { modes: ALL_MODES, negotiates: true, ready: true };

/** The mode that an end with the offer `own` takes with `partner` at the other; 0: no link. */
export function agreedMode(own: LinkOffer, partner: LinkOffer): number {
  if (own.negotiates && partner.negotiates) {
    const common = own.modes & partner.modes;
    return PRIORITY.find((mode) => (common & mode) !== 0) ?? 0;
  }
  // A signal without link code words shows its speed and nothing else: half duplex has to be taken for granted.
  if (own.negotiates) return own.modes & halfDuplexOf(partner.modes);
  if (partner.negotiates) return (partner.modes & halfDuplexOf(own.modes)) !== 0 ? own.modes : 0;
  return halfDuplexOf(own.modes) === halfDuplexOf(partner.modes) ? own.modes : 0;
}

/** What a PHY can tell of its partner's offer, as a number: equal numbers cannot be told apart; 0 is silence. */
export function heard(offer: LinkOffer | null | undefined): number {
  if (offer === null || offer === undefined) return 0;
  return offer.negotiates ? 0x100 | offer.modes : halfDuplexOf(offer.modes);
}

/** Parallel detection's ability: the half-duplex mode of a forced mode's speed. */
export function halfDuplexOf(modes: number): number {
  if ((modes & MODES_AT_100) !== 0) return MODE_100;
  return (modes & MODES_AT_10) !== 0 ? MODE_10 : 0;
}

/** In bits per second; 0 of no mode. */
export function rateOf(mode: number): number {
  if ((mode & MODES_AT_100) !== 0) return 100_000_000;
  return (mode & MODES_AT_10) !== 0 ? 10_000_000 : 0;
}
