// Bit errors. The FCS the sender computed is made explicit first, then bits are flipped in frame and FCS, so that a
// receiver sees what it would see: bytes that do not fit their FCS. Up to 3 bits the CRC finds every error.

import { FRAME_START, type Frame } from '../frame.ts';
import type { CorruptionOptions } from './options.ts';
import type { Stage, StageParts } from './stage.ts';

const FCS_BITS = 32;

export class Corruption implements Stage {
  readonly inFlight = 0;
  private readonly parts: StageParts;
  private readonly probability: number;
  private readonly bits: number;
  private readonly flipped: number[] = [];

  constructor(parts: StageParts, options: CorruptionOptions) {
    this.parts = parts;
    this.probability = options.probability;
    this.bits = options.bits ?? 1;
  }

  take(frame: Frame): void {
    const { random, counters, next } = this.parts;
    if (random.chance(this.probability)) {
      if (!frame.fcsExplicit) {
        frame.fcs = frame.goodFcs() >>> 0;
        frame.fcsExplicit = true;
      }
      this.flip(frame);
      frame.bytesChanged();
      counters.impair('corrupted');
    }
    next.take(frame);
  }

  /** Flips different bits, so that no flip undoes another. */
  private flip(frame: Frame): void {
    const { flipped } = this;
    const frameBits = frame.length * 8;
    flipped.length = 0;
    while (flipped.length < this.bits) {
      const bit = this.parts.random.below(frameBits + FCS_BITS);
      if (flipped.includes(bit)) continue;
      flipped.push(bit);
      if (bit < frameBits) frame.u8[FRAME_START + (bit >>> 3)] ^= 1 << (bit & 7);
      else frame.fcs = (frame.fcs ^ (1 << (bit - frameBits))) >>> 0;
    }
  }

  clear(): number {
    return 0;
  }
}
