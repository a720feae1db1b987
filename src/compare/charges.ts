// How often each charge of the cost table is taken: a profile that counts who asks it for a price. Code that charges asks
// once each time, also for what is priced by the byte.

import { type CpuProfile, IDEAL } from '../kernel/profile.ts';

export type Charge = Exclude<keyof CpuProfile, 'name'>;

export const CHARGES = Object.keys(IDEAL).filter((key) => key !== 'name') as Charge[];

export type ChargeCounts = Record<Charge, number>;

/** The same profile, and the counts, which go on growing. */
export function countCharges(profile: CpuProfile): { profile: CpuProfile; counts: ChargeCounts } {
  const counts = Object.fromEntries(CHARGES.map((charge) => [charge, 0])) as ChargeCounts;
  const counting = { name: profile.name } as CpuProfile;
  for (const charge of CHARGES) {
    const price = profile[charge];
    Object.defineProperty(counting, charge, {
      enumerable: true,
      get: () => {
        counts[charge]++;
        return price;
      },
    });
  }
  return { profile: counting, counts };
}
