// Distributions of delay, as tables of quantiles: entry i is the value that a part (i + 1/2) / 4096 of them lies below. Drawing one
// is looking up a uniform number (inversion: L. Devroye, "Non-Uniform Random Variate Generation", 1986, II.2). Each but
// uniform has mean 0 and standard deviation 1; uniform goes from -1 to 1. Definitions:
//
//   normal          the standard normal
//   pareto          Pareto's with shape 3, shifted and scaled; its tail ends at the table's last entry
//   paretonormal    a quarter of a normal and three quarters of a Pareto, drawn independently, added, then scaled

const ENTRIES = 4096;
const SHAPE = 3;
/** Quantiles of each part that are added, all with all. */
const PARTS = 256;

/** @public */
export type DelayDistribution = 'uniform' | 'normal' | 'pareto' | 'paretonormal';

export const DELAY_DISTRIBUTIONS = ['uniform', 'normal', 'pareto', 'paretonormal'] as const;

const made = new Map<DelayDistribution, Float64Array>();

/** Quantiles, evenly spaced; shared. */
export function delayTable(distribution: DelayDistribution): Float64Array {
  let table = made.get(distribution);
  if (table !== undefined) return table;
  table = makeTable(distribution);
  made.set(distribution, table);
  return table;
}

function makeTable(distribution: DelayDistribution): Float64Array {
  switch (distribution) {
    case 'uniform':
      return quantiles(ENTRIES, (u) => 2 * u - 1);
    case 'normal':
      return standardised(quantiles(ENTRIES, normalQuantile));
    case 'pareto':
      return standardised(quantiles(ENTRIES, paretoQuantile));
    default:
      return standardised(paretonormal());
  }
}

function quantiles(count: number, quantile: (u: number) => number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => quantile((i + 0.5) / count));
}

function paretoQuantile(u: number): number {
  return (1 - u) ** (-1 / SHAPE);
}

function paretonormal(): Float64Array {
  const normal = standardised(quantiles(PARTS, normalQuantile));
  const pareto = standardised(quantiles(PARTS, paretoQuantile));
  const sums = new Float64Array(PARTS * PARTS);
  for (let i = 0; i < PARTS; i++)
    for (let k = 0; k < PARTS; k++) sums[i * PARTS + k] = normal[i] / 4 + (3 * pareto[k]) / 4;
  sums.sort();
  return quantiles(ENTRIES, (u) => sums[Math.floor(u * sums.length)]);
}

/** The point that a part u of the standard normal lies below: by halving, for a table that is made once. */
function normalQuantile(u: number): number {
  let low = -8;
  let high = 8;
  const part = new Float64Array(1);
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    part[0] = middle;
    normalPart(part, 0);
    if (part[0] < u) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * Replaces z by the part of the standard normal below it: M. Abramowitz and I. Stegun, "Handbook", 26.2.17, wrong by 7.5e-8 at
 * most. In an array, for a function that returned it would be given a box for it.
 */
export function normalPart(at: Float64Array, index: number): void {
  const z = at[index];
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const polynomial =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * polynomial;
  at[index] = z < 0 ? tail : 1 - tail;
}

/** With mean 0 and standard deviation 1. */
function standardised(table: Float64Array): Float64Array {
  const mean = table.reduce((sum, each) => sum + each, 0) / table.length;
  const variance = table.reduce((sum, each) => sum + (each - mean) ** 2, 0) / table.length;
  return table.map((each) => (each - mean) / Math.sqrt(variance));
}
