import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Frame, FramePool } from './frame.ts';
import { FrameHeap, FrameQueue } from './frame-queue.ts';

describe('a frame queue', () => {
  it('gives frames back in the order they came, whatever comes and goes', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 100 }), (pushes) => {
        const pool = new FramePool();
        const queue = new FrameQueue();
        const model: Frame[] = [];
        for (const push of pushes) {
          if (push) {
            const frame = pool.get(60);
            queue.push(frame);
            model.push(frame);
          } else {
            expect(queue.shift() === (model.shift() ?? null)).toBe(true);
          }
          expect(queue.length).toBe(model.length);
        }
        expect(queue.clear(pool)).toBe(model.length);
        expect(queue.head).toBe(null);
      }),
      { seed: 9 },
    );
  });
});

describe('a frame heap', () => {
  it('gives frames back by time, equal times in the order they came', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(5)), { maxLength: 100 }), (steps) => {
        const pool = new FramePool();
        const heap = new FrameHeap();
        let model: Frame[] = [];
        for (const time of steps) {
          if (time !== null) {
            const frame = pool.get(60);
            frame.time = time;
            heap.push(frame);
            model.push(frame);
            model = model.toSorted((a, b) => a.time - b.time); // stable
          } else {
            expect(heap.first() === (model[0] ?? null)).toBe(true);
            expect(heap.shift() === (model.shift() ?? null)).toBe(true);
          }
        }
        while (model.length > 0) expect(heap.shift() === model.shift()).toBe(true);
        expect(heap.length).toBe(0);
      }),
      { seed: 10 },
    );
  });
});
