import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nanosecondsHigh, nanosecondsLow, resolutionFault, TickConverter } from './timestamp.ts';

const BILLION = 1_000_000_000n;
const words = (ticks: bigint): [number, number] => [Number(ticks >> 32n), Number(ticks & 0xffffffffn)];
const anyTicks = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

function converted(tsresol: number, ticks: bigint): [number, number] {
  const converter = new TickConverter(tsresol, 0);
  converter.convert(...words(ticks));
  return [converter.seconds, converter.nanoseconds];
}

describe('timestamps of pcapng', () => {
  it('come out of decimal ticks as long division has them, 10^-1 to 10^-19', () => {
    fc.assert(
      fc.property(anyTicks, fc.integer({ min: 1, max: 19 }), (ticks, v) => {
        const unit = 10n ** BigInt(v);
        expect(converted(v, ticks)).toEqual([
          Number(ticks / unit),
          Number(((ticks % unit) * BILLION) / unit),
        ]);
      }),
    );
  });

  it('come out of binary ticks as shifting has them, 2^0 to 2^-63', () => {
    fc.assert(
      fc.property(anyTicks, fc.integer({ min: 0, max: 63 }), (ticks, v) => {
        const unit = 1n << BigInt(v);
        expect(converted(0x80 | v, ticks)).toEqual([
          Number(ticks / unit),
          Number(((ticks % unit) * BILLION) / unit),
        ]);
      }),
    );
  });

  it('are written as 64-bit nanoseconds without losing a digit', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.integer({ min: 0, max: 999_999_999 }), (seconds, nanoseconds) => {
        const expected = BigInt(seconds) * BILLION + BigInt(nanoseconds);
        expect([nanosecondsHigh(seconds, nanoseconds), nanosecondsLow(seconds, nanoseconds)]).toEqual(
          words(expected),
        );
      }),
    );
  });

  it('add if_tsoffset, which may be negative', () => {
    const converter = new TickConverter(6, -3600);
    converter.convert(...words(7_200_000_005n));
    expect([converter.seconds, converter.nanoseconds]).toEqual([3600, 5000]);
  });

  it('are refused when a tick is finer than 64 bits can count', () => {
    expect([19, 20, 0x80 | 63, 0x80 | 64].map((tsresol) => resolutionFault(tsresol) === null)).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });
});
