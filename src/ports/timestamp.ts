// Timestamps of pcapng without BigInt: a 64-bit count of ticks, given as two 32-bit words, becomes seconds and
// nanoseconds. The tick is 10^-v or 2^-v seconds (draft-ietf-opsawg-pcapng, section 4.2, if_tsresol):
//
//      7   6 5 4 3 2 1 0
//    +---+---------------+
//    | b |       v       |   b = 0: 10^-v s     b = 1: 2^-v s     absent: 6, microseconds
//    +---+---------------+
//
// Finer than a nanosecond is cut off, as other readers do.

/** Finest ticks understood: 10^-19 s overflows 64 bits within a second or two, 2^-63 s likewise. */
const MAX_DECIMAL = 19;
const MAX_BINARY = 63;

const TWO_16 = 0x10000;
const TWO_32 = 0x100000000;
const BILLION = 1_000_000_000;

/** What is wrong with an if_tsresol byte, or null. */
export function resolutionFault(tsresol: number): string | null {
  const exponent = tsresol & 0x7f;
  if ((tsresol & 0x80) !== 0)
    return exponent > MAX_BINARY ? `at most 2^-${MAX_BINARY} s would be right` : null;
  return exponent > MAX_DECIMAL ? `at most 10^-${MAX_DECIMAL} s would be right` : null;
}

/** Turns ticks of one interface into seconds and nanoseconds, left in its fields. */
export class TickConverter {
  seconds = 0;
  nanoseconds = 0;
  private readonly binary: boolean;
  private readonly exponent: number;
  private readonly offsetSeconds: number;
  private quotientHigh = 0;
  private quotientLow = 0;

  /** `tsresol` as in the option, without resolutionFault; `offsetSeconds` is if_tsoffset. */
  constructor(tsresol: number, offsetSeconds: number) {
    this.binary = (tsresol & 0x80) !== 0;
    this.exponent = tsresol & 0x7f;
    this.offsetSeconds = offsetSeconds;
  }

  get text(): string {
    return this.binary ? `2^-${this.exponent} s` : `1e-${this.exponent} s`;
  }

  convert(high: number, low: number): void {
    if (this.binary) this.fromBinary(high, low);
    else this.fromDecimal(high, low);
    this.seconds += this.offsetSeconds;
  }

  private fromDecimal(high: number, low: number): void {
    const { exponent } = this;
    // Division goes digit by digit of 16 bits: divisor * 2^16 must stay below 2^53, so it is done in two steps above 10^9.
    if (exponent > 9) {
      this.divide(high, low, 10 ** (exponent - 9));
      this.nanoseconds = this.divide(this.quotientHigh, this.quotientLow, BILLION);
    } else {
      const rest = this.divide(high, low, 10 ** exponent);
      this.nanoseconds = rest * 10 ** (9 - exponent);
    }
    this.seconds = this.quotientHigh * TWO_32 + this.quotientLow;
  }

  private fromBinary(high: number, low: number): void {
    const v = this.exponent;
    // The fraction of a second, shifted up to a 64-bit fixed point number f: nanoseconds = f * 10^9 / 2^64.
    let fractionHigh: number;
    let fractionLow: number;
    if (v === 0) {
      this.seconds = high * TWO_32 + low;
      fractionHigh = 0;
      fractionLow = 0;
    } else if (v <= 32) {
      const unit = 2 ** v;
      this.seconds = high * 2 ** (32 - v) + Math.floor(low / unit);
      fractionHigh = (low % unit) * 2 ** (32 - v);
      fractionLow = 0;
    } else {
      const unit = 2 ** (v - 32);
      this.seconds = Math.floor(high / unit);
      const shift = 2 ** (64 - v);
      fractionHigh = (high % unit) * shift + Math.floor(low / (TWO_32 / shift));
      fractionLow = (low % (TWO_32 / shift)) * shift;
    }
    let carry = Math.floor(((fractionLow % TWO_16) * BILLION) / TWO_16);
    carry = Math.floor((Math.floor(fractionLow / TWO_16) * BILLION + carry) / TWO_16);
    carry = Math.floor(((fractionHigh % TWO_16) * BILLION + carry) / TWO_16);
    this.nanoseconds = Math.floor((Math.floor(fractionHigh / TWO_16) * BILLION + carry) / TWO_16);
  }

  /** 64-bit by at most 2^37; leaves the quotient in its fields and returns the remainder. */
  private divide(high: number, low: number, divisor: number): number {
    let rest = Math.floor(high / TWO_16);
    const q3 = Math.floor(rest / divisor);
    rest = (rest % divisor) * TWO_16 + (high % TWO_16);
    const q2 = Math.floor(rest / divisor);
    rest = (rest % divisor) * TWO_16 + Math.floor(low / TWO_16);
    const q1 = Math.floor(rest / divisor);
    rest = (rest % divisor) * TWO_16 + (low % TWO_16);
    const q0 = Math.floor(rest / divisor);
    this.quotientHigh = q3 * TWO_16 + q2;
    this.quotientLow = q1 * TWO_16 + q0;
    return rest % divisor;
  }
}

/** High word of seconds * 10^9 + nanoseconds. */
export function nanosecondsHigh(seconds: number, nanoseconds: number): number {
  const upper = Math.floor(seconds / TWO_16) * BILLION;
  const lower = (seconds % TWO_16) * BILLION + nanoseconds + (upper % TWO_16) * TWO_16;
  return (Math.floor(upper / TWO_16) + Math.floor(lower / TWO_32)) % TWO_32;
}

/** Low word of seconds * 10^9 + nanoseconds. */
export function nanosecondsLow(seconds: number, nanoseconds: number): number {
  const upper = Math.floor(seconds / TWO_16) * BILLION;
  return ((seconds % TWO_16) * BILLION + nanoseconds + (upper % TWO_16) * TWO_16) % TWO_32;
}
