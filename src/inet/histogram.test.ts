import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bucketOf, Histogram, highestIn } from './histogram.ts';

describe('a histogram', () => {
  test('puts each value into a bucket whose top is at most 1/32 above it', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 2 ** 42 - 1, noNaN: true }), (real) => {
        const value = Math.floor(real);
        const top = highestIn(bucketOf(value));
        expect(top).toBeGreaterThanOrEqual(value);
        expect(top).toBeLessThanOrEqual(value + value / 32);
      }),
    );
  });

  test('has buckets that follow one another without a gap', () => {
    for (let bucket = 0; bucket < 1000; bucket++) {
      expect(bucketOf(highestIn(bucket))).toBe(bucket);
      expect(bucketOf(highestIn(bucket) + 1)).toBe(bucket + 1);
    }
  });

  test('knows quantiles of a thousand values', () => {
    const histogram = new Histogram();
    for (let value = 1; value <= 1000; value++) histogram.record(value * 1000);
    expect(histogram.min).toBe(1000);
    expect(histogram.max).toBe(1_000_000);
    expect(histogram.mean).toBe(500_500);
    expect(histogram.quantile(0.5)).toBeGreaterThanOrEqual(500_000);
    expect(histogram.quantile(0.5)).toBeLessThan(516_000);
    expect(histogram.quantile(0.99)).toBeGreaterThanOrEqual(990_000);
    expect(histogram.quantile(1)).toBe(1_000_000);
  });

  test('answers 0 when it is empty, and holds values beyond its range', () => {
    const histogram = new Histogram();
    expect(histogram.quantile(0.5)).toBe(0);
    expect(histogram.min).toBe(0);
    histogram.record(2 ** 50);
    expect(histogram.quantile(0.5)).toBe(2 ** 50);
    expect(histogram.max).toBe(2 ** 50);
    histogram.reset();
    expect(histogram.count).toBe(0);
  });
});
