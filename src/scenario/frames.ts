// Test frames, and how two of them are compared. Every frame has a number of its own in its first payload bytes, so that
// one that comes late, from before the card was stopped, say, is not taken for another.
//
//   0            6            12       14          18
//   +------------+------------+--------+-----------+----------------------------
//   | dst        | src        | 0x88b5 | number    | bytes that follow from it
//   +------------+------------+--------+-----------+----------------------------

import { ETH_HLEN, ETH_ZLEN } from '../net/ether.ts';

/** Local experimental type 1 (IEEE 802). */
export const TEST_TYPE = 0x88b5;
export const BROADCAST = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
const NUMBER_BYTES = 4;
/** Shortest frame that has its whole number in it. */
export const NUMBERED_BYTES = ETH_HLEN + NUMBER_BYTES;

/** A frame of `length` bytes without FCS, at least 14, whose payload follows from `number`. */
export function testFrame(length: number, number: number, to: Uint8Array, from: Uint8Array): Uint8Array {
  if (length < ETH_HLEN) throw new RangeError(`a test frame of ${length} bytes: at least ${ETH_HLEN}`);
  const bytes = new Uint8Array(length);
  bytes.set(to, 0);
  bytes.set(from, 6);
  bytes[12] = TEST_TYPE >> 8;
  bytes[13] = TEST_TYPE & 0xff;
  let word = Math.imul(number, 0x9e3779b1) | 1;
  for (let i = ETH_HLEN; i < length; i++) {
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    bytes[i] = word;
  }
  for (let i = 0; i < NUMBER_BYTES && ETH_HLEN + i < length; i++)
    bytes[ETH_HLEN + i] = number >>> (8 * (NUMBER_BYTES - 1 - i));
  return bytes;
}

/** The number in a frame; -1 when it is too short for one. */
export function numberOf(bytes: Uint8Array): number {
  if (bytes.length < NUMBERED_BYTES) return -1;
  return ((bytes[14] << 24) | (bytes[15] << 16) | (bytes[16] << 8) | bytes[17]) >>> 0;
}

/** The same frame as it comes back from an echo by `station`. */
export function echoed(bytes: Uint8Array, station: Uint8Array): Uint8Array {
  const back = bytes.slice();
  back.set(bytes.subarray(6, 12), 0);
  back.set(station, 6);
  return back;
}

/** As a MAC sends it: a short one with a pad of zeros. */
export function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length >= ETH_ZLEN) return bytes;
  const whole = new Uint8Array(ETH_ZLEN);
  whole.set(bytes);
  return whole;
}

/** What is different, as a phrase; empty when nothing is. */
export function compare(got: Uint8Array, wanted: Uint8Array): string {
  if (got.length !== wanted.length) return `${got.length} bytes instead of ${wanted.length}`;
  for (let i = 0; i < wanted.length; i++) {
    if (got[i] !== wanted[i])
      return `byte ${i} of ${wanted.length} is ${hex(got[i])} instead of ${hex(wanted[i])}`;
  }
  return '';
}

function hex(octet: number): string {
  return `0x${octet.toString(16).padStart(2, '0')}`;
}
