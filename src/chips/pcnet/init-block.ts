// The initialization block: what the controller reads from memory when INIT is set. Data sheets 19436 and 21510,
// "Initialization Block". Drivers write one, the model reads one.
//
//          16-bit (SWSTYLE 0), 24 bytes, even address      32-bit (SWSTYLE 2 and 3), 28 bytes, word-aligned address
//   +00    MODE                                            TLEN (31-28)  RLEN (23-20)  MODE (15-0)
//   +02    PADR 15-0                                  +04  PADR 31-0
//   +04    PADR 31-16                                 +08  PADR 47-32 (15-0)
//   +06    PADR 47-32                                 +0C  LADRF 31-0
//   +08    LADRF 63-0                                 +10  LADRF 63-32
//   +10    RDRA 15-0                                  +14  RDRA, receive ring
//   +12    RLEN (15-13)  RDRA 23-16 (7-0)             +18  TDRA, transmit ring
//   +14    TDRA 15-0
//   +16    TLEN (15-13)  TDRA 23-16 (7-0)
//
// RLEN and TLEN are powers of two: up to 2^7 = 128 in the 16-bit block, up to 2^9 = 512 in the 32-bit one.

import type { SoftwareStyle } from './ring.ts';

export interface InitBlock {
  /** CSR15. */
  mode: number;
  /** Six octets. */
  stationAddress: ArrayLike<number>;
  /** Logical address filter, bits 31 to 0 and 63 to 32. */
  filterLow: number;
  filterHigh: number;
  receiveRing: number;
  receiveCount: number;
  transmitRing: number;
  transmitCount: number;
}

export function initBlockBytes(style: SoftwareStyle): number {
  return style === 0 ? 24 : 28;
}

/** Most descriptors a ring can have when the initialization block sets it up. */
export function maximumRingLength(style: SoftwareStyle): number {
  return style === 0 ? 128 : 512;
}

/** Writes the block at `address` (a multiple of 4) of the host's memory, given as words from physical address 0. */
export function writeInitBlock(
  words: Uint32Array,
  address: number,
  style: SoftwareStyle,
  block: InitBlock,
): void {
  if ((address & 3) !== 0)
    throw new RangeError(`initialization block at 0x${address.toString(16)}: must be a multiple of 4`);
  const mac = block.stationAddress;
  const rlen = lengthCode(block.receiveCount, style);
  const tlen = lengthCode(block.transmitCount, style);
  let at = address >>> 2;
  if (style === 0) {
    words[at++] = block.mode | (mac[0] << 16) | (mac[1] << 24);
    words[at++] = mac[2] | (mac[3] << 8) | (mac[4] << 16) | (mac[5] << 24);
    words[at++] = block.filterLow;
    words[at++] = block.filterHigh;
    words[at++] = (block.receiveRing & 0xffffff) | (rlen << 29);
    words[at++] = (block.transmitRing & 0xffffff) | (tlen << 29);
    return;
  }
  words[at++] = block.mode | (rlen << 20) | (tlen << 28);
  words[at++] = mac[0] | (mac[1] << 8) | (mac[2] << 16) | (mac[3] << 24);
  words[at++] = mac[4] | (mac[5] << 8);
  words[at++] = block.filterLow;
  words[at++] = block.filterHigh;
  words[at++] = block.receiveRing;
  words[at++] = block.transmitRing;
}

/** RLEN or TLEN of a ring. */
function lengthCode(count: number, style: SoftwareStyle): number {
  const most = maximumRingLength(style);
  if (count < 1 || count > most || (count & (count - 1)) !== 0) {
    throw new RangeError(`ring of ${count} descriptors: must be a power of two, at most ${most}`);
  }
  return 31 - Math.clz32(count);
}
