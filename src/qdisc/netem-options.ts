// netem's options, in base units, and what is wrong with them.

import { DELAY_DISTRIBUTIONS, type DelayDistribution } from './delay-tables.ts';
import type { Dice } from './dice.ts';
import { Chance, FourStates, GilbertElliott, type LossModel } from './loss-models.ts';
import { validateWhole } from './options.ts';

/** Probabilities are 0 to 1. @public */
export type NetemLoss =
  | { model: 'random'; probability: number; correlation?: number }
  | { model: 'state'; p13: number; p31: number; p32: number; p23: number; p14: number }
  | { model: 'gemodel'; p: number; r: number; lossInBad: number; lossInGood: number };

/** @public */
export interface NetemSlot {
  /** ns between slots: `minNs` to `maxNs`, evenly; or `delayNs` with `jitterNs` after a distribution. */
  gap:
    | { minNs: number; maxNs: number }
    | { distribution: DelayDistribution; delayNs: number; jitterNs: number };
  /** The most in one slot; 0: any number. */
  packets: number;
  bytes: number;
}

export interface NetemOptions {
  /** Packets. */
  limit: number;
  delayNs: number;
  /** ns: standard deviation, and of `uniform` half the width. */
  jitterNs: number;
  delayCorrelation: number;
  distribution: DelayDistribution;
  loss: NetemLoss | null;
  /** Marks instead of losing, where the packet may be marked. */
  ecn: boolean;
  duplicate: number;
  duplicateCorrelation: number;
  corrupt: number;
  corruptCorrelation: number;
  reorder: number;
  reorderCorrelation: number;
  /** Of so many packets the last may go at once; 0: all as `reorder` says. */
  gap: number;
  /** Bytes a second; Infinity: no limit. */
  rate: number;
  /** Bytes added to each packet, below 0 too; bytes of a cell's payload, 0: no cells; bytes added to each cell. */
  packetOverhead: number;
  cellSize: number;
  cellOverhead: number;
  slot: NetemSlot | null;
  /** Of its own dice; null: the machine's. */
  seed: number | null;
}

export const NETEM_DEFAULTS: Readonly<NetemOptions> = {
  limit: 1000,
  delayNs: 0,
  jitterNs: 0,
  delayCorrelation: 0,
  distribution: 'uniform',
  loss: null,
  ecn: false,
  duplicate: 0,
  duplicateCorrelation: 0,
  corrupt: 0,
  corruptCorrelation: 0,
  reorder: 0,
  reorderCorrelation: 0,
  gap: 0,
  rate: Infinity,
  packetOverhead: 0,
  cellSize: 0,
  cellOverhead: 0,
  slot: null,
  seed: null,
};

export function makeLoss(loss: NetemLoss | null, dice: Dice): LossModel {
  switch (loss?.model) {
    case 'random':
      return new Chance(dice, loss.probability, loss.correlation ?? 0);
    case 'state':
      return new FourStates(dice, loss.p13, loss.p31, loss.p32, loss.p23, loss.p14);
    case 'gemodel':
      return new GilbertElliott(dice, loss.p, loss.r, loss.lossInBad, loss.lossInGood);
    default:
      return new Chance(dice, 0, 0);
  }
}

export function validateNetem(options: NetemOptions): void {
  validateWhole('netem: limit', options.limit, 'packets', 1, 0xffffffff);
  time('delay', options.delayNs);
  time('jitter', options.jitterNs);
  distribution(options.distribution);
  for (const name of ['duplicate', 'corrupt', 'reorder'] as const) {
    probability(name, options[name]);
    probability(`${name} correlation`, options[`${name}Correlation`]);
  }
  probability('delay correlation', options.delayCorrelation);
  validateLoss(options.loss);
  validateWhole('netem: gap', options.gap, 'packets', 0, 0xffffffff);
  if (options.ecn && options.loss === null) throw new RangeError('netem: ecn: a loss to mark for wanted');
  if (options.gap > 0 && options.reorder === 0)
    throw new RangeError('netem: gap: a reorder probability wanted with it');
  if (options.reorder > 0 && options.delayNs === 0)
    throw new RangeError('netem: reorder: a delay wanted, which some packets pass by');
  validateRate(options);
  validateSlot(options.slot);
  if (options.seed !== null)
    validateWhole('netem: seed', options.seed, 'no unit', 0, Number.MAX_SAFE_INTEGER);
}

function validateLoss(loss: NetemLoss | null): void {
  if (loss === null) return;
  for (const [name, value] of Object.entries(loss))
    if (typeof value === 'number') probability(`loss ${name}`, value);
  if (loss.model !== 'state') return;
  if (loss.p13 + loss.p14 > 1) throw new RangeError('netem: loss state: p13 + p14 is above 1');
  if (loss.p31 + loss.p32 > 1) throw new RangeError('netem: loss state: p31 + p32 is above 1');
}

function validateRate({ rate, packetOverhead, cellSize, cellOverhead }: NetemOptions): void {
  if (!(rate > 0)) throw new RangeError(`netem: rate ${rate}: bytes a second, above 0, wanted`);
  validateWhole('netem: packet overhead', packetOverhead, 'bytes', -65_535, 65_535);
  validateWhole('netem: cell size', cellSize, 'bytes', 0, 65_535);
  validateWhole('netem: cell overhead', cellOverhead, 'bytes', 0, 65_535);
}

function validateSlot(slot: NetemSlot | null): void {
  if (slot === null) return;
  validateWhole('netem: slot packets', slot.packets, 'packets', 0, 0x7fffffff);
  validateWhole('netem: slot bytes', slot.bytes, 'bytes', 0, 0x7fffffff);
  const { gap } = slot;
  if ('distribution' in gap) {
    distribution(gap.distribution);
    time('slot delay', gap.delayNs);
    time('slot jitter', gap.jitterNs);
    return;
  }
  time('slot minimum', gap.minNs);
  time('slot maximum', gap.maxNs);
  if (gap.maxNs < gap.minNs) throw new RangeError('netem: slot: the maximum is below the minimum');
}

function probability(what: string, value: number): void {
  if (value >= 0 && value <= 1) return;
  throw new RangeError(`netem: ${what} ${value}: a probability from 0 to 1 wanted`);
}

function time(what: string, ns: number): void {
  if (ns >= 0 && ns <= Number.MAX_SAFE_INTEGER) return;
  throw new RangeError(`netem: ${what} ${ns}: ns, 0 or more, wanted`);
}

function distribution(name: string): void {
  if (DELAY_DISTRIBUTIONS.some((each) => each === name)) return;
  throw new RangeError(`netem: distribution ${name}: ${DELAY_DISTRIBUTIONS.join(', ')} wanted`);
}
