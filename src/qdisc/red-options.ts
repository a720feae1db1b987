// The options of red, their defaults, and the weight of its moving average.

export interface RedOptions {
  /** Bytes that may wait. */
  limit: number;
  /** Bytes of the average queue at which marking begins, and at which it is at its most. */
  min?: number;
  max?: number;
  /** Bytes of an average packet. */
  avpkt?: number;
  /** Packets that may come at once before marking begins. */
  burst?: number;
  /** At max; 0 to 1. */
  probability?: number;
  /** Bytes a second of the link, for the average after idle time. */
  bandwidth?: number;
  /** Marks ECN-capable packets instead of dropping them. */
  ecn?: boolean;
  /** Drops, even so, when the average is at max or above. */
  harddrop?: boolean;
  /** Keeps packets that ought to be marked but are not ECN-capable. */
  nodrop?: boolean;
  /** From max to 2 max the probability climbs to 1, instead of at max. */
  gentle?: boolean;
}

export type ResolvedRedOptions = Required<RedOptions>;

const MOST_BYTES = 0xffffffff;
const LONGEST_WEIGHT = 31;

/** Throws RangeError unless they make sense together. */
export function resolveRed(given: RedOptions): ResolvedRedOptions {
  const { limit } = given;
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= MOST_BYTES))
    throw new RangeError(`red: limit ${limit}: bytes from 1 to 2^32 - 1 wanted`);
  const max = given.max ?? limit / 4;
  const min = given.min ?? max / 3;
  const avpkt = given.avpkt ?? 1000;
  if (!(min > 0)) throw new RangeError(`red: min ${min}: bytes, above 0, wanted`);
  if (!(max > min && max <= MOST_BYTES))
    throw new RangeError(`red: max ${max}: more bytes than min, ${min}, wanted`);
  if (max > limit) throw new RangeError(`red: max ${max}: no more bytes than limit, ${limit}, wanted`);
  if (!(avpkt >= 1 && avpkt <= MOST_BYTES))
    throw new RangeError(`red: avpkt ${avpkt}: bytes, 1 or more, wanted`);
  const burst = given.burst ?? Math.max((2 * min + max) / (3 * avpkt), min / avpkt);
  if (!(burst >= min / avpkt && burst < Infinity))
    throw new RangeError(`red: burst ${burst}: packets, at least min / avpkt = ${min / avpkt}, wanted`);
  const { probability = 0.02, bandwidth = 1.25e6, ecn = false, nodrop = false } = given;
  if (!(probability > 0 && probability <= 1))
    throw new RangeError(`red: probability ${probability}: above 0, up to 1, wanted`);
  if (!(bandwidth > 0 && bandwidth < Infinity))
    throw new RangeError(`red: bandwidth ${bandwidth}: bytes a second, above 0, wanted`);
  if (nodrop && !ecn) throw new RangeError('red: nodrop goes with ecn only');
  const { harddrop = false, gentle = false } = given;
  return { limit, min, max, avpkt, burst, probability, bandwidth, ecn, harddrop, nodrop, gentle };
}

/**
 * The greatest w = 2^-n that lets a burst into an empty queue by: after L packets the average is still below min. Floyd and
 * Jacobson, equation 3, in packets: L + 1 + ((1 - w)^(L + 1) - 1) / w < min.
 */
export function weightOf({ min, avpkt, burst }: ResolvedRedOptions): number {
  for (let n = 1; n <= LONGEST_WEIGHT; n++) {
    const w = 2 ** -n;
    if (burst + 1 + ((1 - w) ** (burst + 1) - 1) / w < min / avpkt) return w;
  }
  throw new RangeError(
    `red: burst ${burst}: too long for min ${min} and avpkt ${avpkt}: fewer packets, or a larger min, wanted`,
  );
}
