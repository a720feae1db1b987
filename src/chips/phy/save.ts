// The state of a PHY as plain data: what a MAC's `save` holds of it.

import { StateReader } from '../../bus/state.ts';
import type { Medium } from '../../wire/medium.ts';

export type PhyState = {
  id1: number;
  id2: number;
  resetting: boolean;
  control: number;
  advertised: number;
  partner: number;
  negotiated: boolean;
  pageReceived: boolean;
  lossLatched: boolean;
  linkUp: boolean;
  /** Of the link: 0 while it is down. */
  bitsPerSecond: number;
  fullDuplex: boolean;
  /** What is left of a reset, a negotiation or the wait for a forced link. */
  timerNs: number | null;
  /** What the PHY saw of its medium: another one is noticed at once. */
  medium: MediumState;
};

type MediumState = { carrier: boolean; bitsPerSecond: number; fullDuplex: boolean };

export function saveMedium(medium: Medium): MediumState {
  return { carrier: medium.carrier, bitsPerSecond: medium.bitsPerSecond, fullDuplex: medium.fullDuplex };
}

/** The medium is not what it was. */
export function mediumChanged(medium: Medium, was: MediumState): boolean {
  return (
    medium.carrier !== was.carrier ||
    medium.bitsPerSecond !== was.bitsPerSecond ||
    medium.fullDuplex !== was.fullDuplex
  );
}

/** Looks at the fields of a state of a PHY that has this id. Throws with the first that cannot be. */
export function readPhyState(state: unknown, id1: number, id2: number, controlMask: number): PhyState {
  const reader = new StateReader(state, 'state of the PHY');
  // The id is one of its registers: another id is another PHY.
  reader.integer('id1', id1, id1);
  reader.integer('id2', id2, id2);
  const read: PhyState = {
    id1,
    id2,
    resetting: reader.boolean('resetting'),
    control: reader.bits('control', controlMask),
    advertised: reader.bits('advertised', 0xffff),
    partner: reader.bits('partner', 0xffff),
    negotiated: reader.boolean('negotiated'),
    pageReceived: reader.boolean('pageReceived'),
    lossLatched: reader.boolean('lossLatched'),
    linkUp: reader.boolean('linkUp'),
    bitsPerSecond: reader.integer('bitsPerSecond', 0, 100_000_000),
    fullDuplex: reader.boolean('fullDuplex'),
    timerNs: reader.timer('timerNs'),
    medium: readMedium(reader.object('medium')),
  };
  reader.end();
  const rates = read.linkUp ? [10_000_000, 100_000_000] : [0];
  if (!rates.includes(read.bitsPerSecond))
    throw new RangeError(
      `state of the PHY: a link that is ${read.linkUp ? 'up' : 'down'} at ${read.bitsPerSecond} bits per second`,
    );
  if (read.resetting && read.timerNs === null)
    throw new RangeError('state of the PHY: in a reset that never ends: timerNs is null');
  return read;
}

function readMedium(reader: StateReader): MediumState {
  const medium = {
    carrier: reader.boolean('carrier'),
    bitsPerSecond: reader.integer('bitsPerSecond', 0, Number.MAX_SAFE_INTEGER),
    fullDuplex: reader.boolean('fullDuplex'),
  };
  reader.end();
  return medium;
}
