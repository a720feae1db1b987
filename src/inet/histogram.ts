// A log-linear histogram, after HdrHistogram: counts of values in buckets whose width grows with the value, so that a
// quantile is right within 1/32 of its value, from nanoseconds to an hour, in 5 KiB. Recording allocates nothing.
//
//   value       0 1 2 ... 63 | 64 66 ... 126 | 128 132 ... 252 | 256 264 ...
//   bucket      width 1      | width 2       | width 4         | width 8           32 buckets from each doubling on

const SUB_BITS = 5;
const SUB = 1 << SUB_BITS;
/** Values from 2^42 ns on, 73 minutes, count as the largest. */
const MAX_BITS = 42;
const LIMIT = 2 ** MAX_BITS;
const BUCKETS = (MAX_BITS - SUB_BITS) * SUB + SUB;

export class Histogram {
  count = 0;
  /** Smallest, largest and sum of the values, exact: numbers in an array, since a field would box them. */
  private readonly numbers = new Float64Array([Infinity, 0, 0]);
  private readonly scratch = new Float64Array(1);
  private readonly buckets = new Uint32Array(BUCKETS);

  /** A value from 0; fractions are cut off. */
  record(value: number): void {
    this.scratch[0] = value;
    this.recordFrom(this.scratch, 0);
  }

  /** The same for `values[at]`: for hot paths, since a number that is handed on may be boxed. */
  recordFrom(values: Float64Array, at: number): void {
    const value = values[at];
    const { numbers } = this;
    if (value < numbers[0]) numbers[0] = value;
    if (value > numbers[1]) numbers[1] = value;
    numbers[2] += value;
    this.count++;
    this.buckets[bucketOf(value)]++;
  }

  get min(): number {
    return this.count === 0 ? 0 : this.numbers[0];
  }

  get max(): number {
    return this.numbers[1];
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.numbers[2] / this.count;
  }

  /** The value that a share `q` (0 to 1) of the values does not exceed; 0 when there are none. */
  quantile(q: number): number {
    const rank = Math.max(1, Math.ceil(q * this.count));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.buckets[bucket];
      // The top of the bucket, but no more than there was.
      if (seen >= rank) return Math.min(Math.max(highestIn(bucket), this.min), this.max);
    }
    return 0;
  }

  reset(): void {
    this.count = 0;
    this.numbers[0] = Infinity;
    this.numbers[1] = 0;
    this.numbers[2] = 0;
    this.buckets.fill(0);
  }
}

/** Bucket of a value: exact below 64, then by its highest bit and the five below. */
export function bucketOf(value: number): number {
  if (value < 2 * SUB) return value < 0 ? 0 : Math.floor(value);
  if (value >= LIMIT) return BUCKETS - 1;
  let scaled = value;
  let shift = 0;
  if (value >= 0x8000_0000) {
    // Above 31 bits: by division, bit operations would cut it off.
    scaled = value / 0x1_0000;
    shift = 16;
  }
  const exponent = 31 - Math.clz32(scaled);
  const drop = exponent - SUB_BITS;
  return (drop + shift) * SUB + (scaled >>> drop);
}

/** Largest whole value that falls into a bucket. */
export function highestIn(bucket: number): number {
  if (bucket < 2 * SUB) return bucket;
  const drop = (bucket >> SUB_BITS) - 1;
  const sub = bucket - drop * SUB;
  return (sub + 1) * 2 ** drop - 1;
}
