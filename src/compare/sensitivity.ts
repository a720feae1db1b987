// What the technote concludes, and whether it would conclude so with other costs: each charge of the table halved and doubled.

import { type CpuProfile, LOW_POWER, withCost, X86_DESKTOP } from '../kernel/profile.ts';
import { CHARGES, type Charge } from './charges.ts';
import { AHEAD, measurePair, type Pair } from './sweep.ts';

/** Payload at 100 Mbit/s that counts as all there is. */
export const FULL_MBPS = 90;
/** CPU shares that differ by so much are told apart at a glance. */
export const SHARE_APART = 0.05;

export interface Conclusions {
  /** A fast processor, 100 Mbit/s, full-size frames. */
  fast: {
    oldMbps: number;
    nextMbps: number;
    oldCpu: number;
    nextCpu: number;
    /** Both get 90 Mbit/s of payload through, and their CPU shares are less than 5 points apart. */
    alike: boolean;
  };
  /** A slow one, 1000 Mbit/s, the shortest frames. */
  slow: {
    oldPps: number;
    nextPps: number;
    ratio: number;
    /** The new driver gets 5% more through, or more than that. */
    ahead: boolean;
  };
}

export interface SensitivityRow {
  charge: Charge;
  factor: number;
  conclusions: Conclusions;
  /** Which of them is another than with the table as it is. */
  changed: ('fast' | 'slow')[];
}

/** Half and double; thread switches, whose published figures spread most, by more. */
const FACTORS = [0.5, 2];
const WIDER: Partial<Record<Charge, readonly number[]>> = { contextSwitch: [0.25, 0.5, 2, 3] };

export function conclude(
  pair: Pair,
  fast: CpuProfile = X86_DESKTOP,
  slow: CpuProfile = LOW_POWER,
): Conclusions {
  const large = measurePair(pair, fast, 100e6, 1514);
  // A burst under overload is hundreds of frames: a longer look.
  const small = measurePair(pair, slow, 1000e6, 60, 'receive', 200e6);
  const [oldMbps, nextMbps] = [large.old.payloadMbps, large.next.payloadMbps];
  const [oldCpu, nextCpu] = [large.old.cpuShare, large.next.cpuShare];
  return {
    fast: {
      oldMbps,
      nextMbps,
      oldCpu,
      nextCpu,
      alike: Math.min(oldMbps, nextMbps) >= FULL_MBPS && Math.abs(oldCpu - nextCpu) < SHARE_APART,
    },
    slow: {
      oldPps: small.old.through,
      nextPps: small.next.through,
      ratio: small.ratio,
      ahead: small.ratio >= AHEAD,
    },
  };
}

export function sensitivity(
  pair: Pair,
  base: Conclusions,
  progress: (what: string) => void = () => {},
): SensitivityRow[] {
  return CHARGES.flatMap((charge) =>
    (WIDER[charge] ?? FACTORS).map((factor) => {
      progress(`${charge} x ${factor}`);
      const vary = (profile: CpuProfile): CpuProfile => withCost(profile, charge, factor);
      const conclusions = conclude(pair, vary(X86_DESKTOP), vary(LOW_POWER));
      const changed: ('fast' | 'slow')[] = [];
      if (conclusions.fast.alike !== base.fast.alike) changed.push('fast');
      if (conclusions.slow.ahead !== base.slow.ahead) changed.push('slow');
      return { charge, factor, conclusions, changed };
    }),
  );
}
