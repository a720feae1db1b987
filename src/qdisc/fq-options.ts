// The options of fq, and their defaults.

import { validateWhole } from './options.ts';

export interface FqOptions {
  /** Packets, of all flows and of one. */
  limit: number;
  flowLimit: number;
  /** Bytes a turn, and those that a new flow starts with. */
  quantum: number;
  initialQuantum: number;
  /** Bytes a second of one flow; Infinity: as many as the link takes. */
  maxrate: number;
  /** False: maxrate does not count. */
  pacing: boolean;
  /** Places of the hash table, a power of two: only when it is made. */
  buckets: number;
  /** A flow idle for longer has a quantum at least when it comes back. */
  refillDelayNs: number;
  /** Packets sent so much after their time are marked (ECN); Infinity: none. */
  ceThresholdNs: number;
  /** A packet whose time lies further ahead is dropped, or without `horizonDrop` sent then. */
  horizonNs: number;
  horizonDrop: boolean;
}

const DEFAULTS: FqOptions = {
  limit: 10_000,
  flowLimit: 100,
  quantum: 2 * 1514,
  initialQuantum: 10 * 1514,
  maxrate: Infinity,
  pacing: true,
  buckets: 1024,
  refillDelayNs: 40e6,
  ceThresholdNs: Infinity,
  horizonNs: 10e9,
  horizonDrop: true,
};

/** Throws RangeError unless they make sense. */
export function resolveFq(given: Partial<FqOptions>): FqOptions {
  const all = { ...DEFAULTS, ...given };
  const { buckets, maxrate, refillDelayNs, ceThresholdNs, horizonNs } = all;
  validateWhole('fq: limit', all.limit, 'packets', 1, 0xffffffff);
  validateWhole('fq: flow_limit', all.flowLimit, 'packets', 1, 0xffffffff);
  validateWhole('fq: quantum', all.quantum, 'bytes', 1, 0x7fffffff);
  validateWhole('fq: initial_quantum', all.initialQuantum, 'bytes', 0, 0x7fffffff);
  if (!(maxrate > 0)) throw new RangeError(`fq: maxrate ${maxrate}: bytes a second, above 0, wanted`);
  if (!Number.isInteger(buckets) || buckets < 1 || buckets > 262_144 || (buckets & (buckets - 1)) !== 0)
    throw new RangeError(`fq: buckets ${buckets}: a power of two from 1 to 262144 wanted`);
  if (!(refillDelayNs >= 0 && refillDelayNs < Infinity))
    throw new RangeError(`fq: refill_delay ${refillDelayNs}: ns, 0 or more, wanted`);
  if (!(ceThresholdNs >= 0)) throw new RangeError(`fq: ce_threshold ${ceThresholdNs}: ns, 0 or more, wanted`);
  if (!(horizonNs > 0 && horizonNs < Infinity))
    throw new RangeError(`fq: horizon ${horizonNs}: ns, above 0, wanted`);
  return all;
}
