import { expect, test } from 'vitest';
import { FrameMatch } from './frame-match.ts';

/** Frames by a letter each: `leave('a', 10)`. */
function matching(): {
  match: FrameMatch;
  leave: (frame: string, atNs: number) => void;
  arrive: (frame: string, atNs: number) => void;
} {
  const match = new FrameMatch();
  const bytes = (frame: string): Uint8Array => Uint8Array.from(frame, (letter) => letter.charCodeAt(0));
  return {
    match,
    leave: (frame, atNs) => match.leave(bytes(frame), 0, frame.length, atNs),
    arrive: (frame, atNs) => match.arrive(bytes(frame), 0, frame.length, atNs),
  };
}

test('a frame is known again, and a copy of it is not received twice', () => {
  const { match, leave, arrive } = matching();
  leave('a', 0);
  arrive('a', 100);
  arrive('a', 110);
  arrive('z', 120);
  expect(match).toMatchObject({ sent: 1, received: 1, others: 2, untimed: 0 });
  expect(match.latency.max).toBe(100);
});

test('a frame that was lost is not taken for one alike that is sent long after', () => {
  const { match, leave, arrive } = matching();
  for (let round = 0; round < 3; round++) {
    for (const [i, frame] of ['a', 'b', 'c'].entries()) {
      const now = round * 1_000_000 + i * 1000;
      leave(frame, now);
      // The first `a` gets lost.
      if (round > 0 || frame !== 'a') arrive(frame, now + 50);
    }
  }
  expect(match).toMatchObject({ sent: 9, received: 8, others: 0, untimed: 0 });
  expect(match.latency.max).toBe(50);
});

test('frames alike under way at once are counted; which took how long cannot be said', () => {
  const { match, leave, arrive } = matching();
  leave('a', 0);
  leave('a', 10);
  arrive('a', 100);
  arrive('a', 110);
  expect(match).toMatchObject({ received: 2, untimed: 1 });
  expect(match.latency.count).toBe(1);
});

test('frames that overtake one another are matched', () => {
  const { match, leave, arrive } = matching();
  for (const frame of ['a', 'b', 'c']) leave(frame, 0);
  for (const frame of ['c', 'a', 'b']) arrive(frame, 70);
  expect(match).toMatchObject({ received: 3, others: 0, untimed: 0 });
});

test('a time before it left is no latency', () => {
  const { match, leave, arrive } = matching();
  leave('a', 100);
  arrive('a', 99);
  expect(match).toMatchObject({ received: 1, untimed: 1 });
  expect(match.latency.count).toBe(0);
});
