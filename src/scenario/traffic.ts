// Traffic between the two ends of a bench, verified byte for byte and in order. The sender keeps a window of frames
// outstanding: neither the card's ring nor a socket on the way may overflow by the scenario's own doing, so a frame that is
// missing is somebody's fault.

import type { Bench } from './bench.ts';
import { compare, echoed, numberOf, padded } from './frames.ts';
import { PATIENCE_MS } from './limits.ts';

/** Frames outstanding: a quarter of the driver's default ring, and less than any socket buffer holds. */
const WINDOW = 16;
/** How many unwanted frames go before one whose arrival says that they were looked at. */
const UNSEEN_BATCH = 16;

/** Where a stream is checked: frames come back in order, each as it is expected. */
class Expected {
  /** First thing that was wrong; empty so far. */
  fault = '';
  arrived = 0;
  private readonly wanted: Uint8Array[] = [];
  /** Frames with lower numbers are from before this stream. */
  private readonly since: number;

  constructor(since: number) {
    this.since = since;
  }

  get outstanding(): number {
    return this.wanted.length;
  }

  add(bytes: Uint8Array): void {
    this.wanted.push(bytes);
  }

  take(bytes: Uint8Array): void {
    const number = numberOf(bytes);
    if (number >= 0 && number < this.since) return;
    const wanted = this.wanted.shift();
    this.arrived++;
    if (this.fault !== '') return;
    if (wanted === undefined) this.fault = `frame ${this.arrived} (number ${number}) is one too many`;
    else {
      const difference = compare(bytes, wanted);
      if (difference !== '')
        this.fault = `frame ${this.arrived} (number ${number}, ${numberOf(wanted)} expected): ${difference}`;
    }
  }
}

/** Runs `count` frames through: `start` sends the i-th and says what is expected of it. */
async function stream(
  bench: Bench,
  what: string,
  count: number,
  window: number,
  expected: Expected,
  start: (i: number) => Uint8Array,
): Promise<void> {
  const { subject } = bench;
  let started = 0;
  const step = (): boolean => {
    while (started < count && expected.outstanding < window && expected.fault === '') {
      expected.add(start(started));
      started++;
    }
    return expected.arrived >= count || expected.fault !== '';
  };
  for (;;) {
    const { arrived } = expected;
    if (await subject.run(() => step() || expected.arrived > arrived, PATIENCE_MS)) {
      if (step()) break;
      continue;
    }
    const missing = expected.outstanding;
    bench.check.that(what, false, () => `${missing} of ${started} frames never came; ${bench.books()}`);
    return;
  }
  bench.check.that(what, expected.fault === '', () => `${expected.fault}; ${bench.books()}`);
}

/** The far end sends, the host sends back: `make` gives the i-th frame as the far end sends it. */
export async function echo(
  bench: Bench,
  count: number,
  make: (i: number) => Uint8Array,
  window = WINDOW,
): Promise<void> {
  const { subject, host, device } = bench;
  const { far } = subject;
  const expected = new Expected(bench.nextNumber);
  host.echo = true;
  far.onFrame = (bytes) => expected.take(bytes);
  try {
    await stream(bench, 'frames come back as they went', count, window, expected, (i) => {
      const bytes = make(i);
      far.send(bytes);
      return padded(echoed(bytes, device.address));
    });
  } finally {
    host.echo = false;
    far.onFrame = null;
  }
}

/** A few echoes of different sizes: does it work at all? */
export async function echoSome(bench: Bench): Promise<void> {
  const sizes = [60, 61, 64, 127, 128, 200, 201, 256, 999, 1500, 1513, 1514];
  await echo(bench, sizes.length, (i) => bench.frame(sizes[i]));
}

/** The host sends `count` packets, each in the pieces that `cuts` gives for it, and the far end gets them. */
export async function sendOut(
  bench: Bench,
  count: number,
  make: (i: number) => Uint8Array,
  cuts: (i: number) => readonly number[] = () => [],
  window = WINDOW,
): Promise<void> {
  const { far } = bench.subject;
  const expected = new Expected(bench.nextNumber);
  far.onFrame = (bytes) => expected.take(bytes);
  try {
    await stream(bench, 'the far end gets what was sent', count, window, expected, (i) => {
      const bytes = make(i);
      bench.host.send(bench.device, bytes, cuts(i));
      return padded(bytes);
    });
  } finally {
    far.onFrame = null;
  }
}

/**
 * The far end sends `frames`; of them exactly `wanted` reach the host. What is not wanted leaves no trace, so behind every
 * few of them goes a frame that is, and whose arrival says that those before it have been looked at.
 */
export async function hears(
  bench: Bench,
  what: string,
  frames: readonly Uint8Array[],
  wanted: readonly Uint8Array[],
): Promise<void> {
  const { subject, host, check } = bench;
  host.clear();
  const got: Uint8Array[] = [];
  for (let at = 0; at < frames.length; at += UNSEEN_BATCH) {
    for (const bytes of frames.slice(at, at + UNSEEN_BATCH)) subject.far.send(bytes);
    const mark = bench.frame(64);
    const number = numberOf(mark);
    subject.far.send(mark);
    const last = (): boolean => host.received.some((bytes) => numberOf(bytes) === number);
    const came = await subject.run(last, PATIENCE_MS);
    check.that(
      'a frame for the station arrives',
      came,
      () => `not within ${PATIENCE_MS} ms; ${bench.books()}`,
    );
    got.push(...host.received.filter((bytes) => numberOf(bytes) !== number));
    host.clear();
  }
  check.none(what, firstDifference(got, wanted));
}

/** What is different between two lists of frames. */
export function firstDifference(got: readonly Uint8Array[], wanted: readonly Uint8Array[]): string {
  for (let i = 0; i < Math.min(got.length, wanted.length); i++) {
    const difference = compare(got[i], wanted[i]);
    if (difference !== '')
      return `frame ${i + 1} of ${wanted.length} (number ${numberOf(got[i])}, ${numberOf(wanted[i])} expected): ${difference}`;
  }
  if (got.length === wanted.length) return '';
  if (got.length < wanted.length)
    return `${got.length} frames instead of ${wanted.length}: number ${numberOf(wanted[got.length])} is missing`;
  return `${got.length} frames instead of ${wanted.length}: number ${numberOf(got[wanted.length])} is too many`;
}
