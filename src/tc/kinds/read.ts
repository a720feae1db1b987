// Reading options of kinds that are a list of words, each with its value.

import type { Words } from '../words.ts';

/** Ethernet header: the kernel counts it with the MTU. */
export const ETH_HLEN = 14;

/** Reads words of the table until the end; each has a function that takes its value. */
export function readOptions(
  words: Words,
  readers: Readonly<Record<string, (word: string) => unknown>>,
): void {
  const names = Object.keys(readers);
  while (!words.done) {
    const word = words.oneOf(names);
    readers[word](word);
  }
}
