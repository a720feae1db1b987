// How many bytes a piece of code allocates on the JavaScript heap.

import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
// Compiled at once, and not when another thread has time for it: a busy machine would make garbage for longer.
setFlagsFromString('--no-concurrent-recompilation');
const collect = runInNewContext('gc') as () => void;

/** For tests of allocation: when V8 compiles what is chance, on a busy machine above all. A real leak fails every time. */
export const RETRY = { retry: 8 };

/**
 * Bytes allocated by `rounds` calls of `work`, garbage included. Rounds in which the collector ran are left out and
 * taken for average ones, so a round must allocate less than a young generation (1 MB).
 */
export function heapGrowth(work: () => void, rounds = 1): number {
  collect();
  let sum = 0;
  let counted = 0;
  for (let i = 0; i < rounds; i++) {
    const before = getHeapStatistics().used_heap_size;
    work();
    const growth = getHeapStatistics().used_heap_size - before;
    if (growth < 0) continue;
    sum += growth;
    counted++;
  }
  if (counted === 0)
    throw new Error('every round made the collector run: more rounds with less work are wanted');
  return (sum / counted) * rounds;
}
