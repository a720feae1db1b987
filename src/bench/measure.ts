// Measuring: wall-clock time of a repeated step, and the heap it leaves behind.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Measurement {
  nsPerPacket: number;
  /** Bytes of JavaScript heap allocated per packet. */
  bytesPerPacket: number;
}

/** Rounds of which the fastest counts: what disturbs a round only ever makes it slower. */
const ROUNDS = 15;

/** Runs `step` (which handles `packets` packets) until it is warm, then measures it for about `seconds`. */
export function measure(packets: number, seconds: number, step: () => void): Measurement {
  const warm = performance.now() + 300;
  let steps = 0;
  while (performance.now() < warm || steps < 2000) {
    step();
    steps++;
  }
  const roundMs = (seconds * 1000) / ROUNDS;
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    let done = 0;
    let now = start;
    while (now - start < roundMs) {
      for (let i = 0; i < 50; i++) step();
      done += 50;
      now = performance.now();
    }
    best = Math.min(best, ((now - start) * 1e6) / (done * packets));
  }
  return { nsPerPacket: best, bytesPerPacket: heapPerPacket(packets, step) };
}

/** Growth of the heap over a hundred thousand packets and more, with no collection in between. */
function heapPerPacket(packets: number, step: () => void): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const steps = Math.ceil(200_000 / packets);
  let least = Infinity;
  for (let round = 0; round < 3; round++) {
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < steps; i++) step();
    const grown = process.memoryUsage().heapUsed - before;
    // A collection in between would make it negative: that round says nothing.
    if (grown >= 0) least = Math.min(least, grown / (steps * packets));
  }
  return least === Infinity ? Number.NaN : least;
}
