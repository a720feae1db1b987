// What can be wrong with one direction of a wire. The lab's YAML has the same keys; times are in ns, probabilities 0 to 1.
// An impairment that is left out, or whose probability is 0, is not there at all: nothing changes, not even the order
// of events.
//
//   frame ─▶ rateLimit ─▶ loss ─▶ gilbertElliott ─▶ corruption ─▶ duplication ─▶ reordering ─▶ delay ─▶
//            └ a bottleneck ┘     └──────────────── what the path behind it does ─────────────────┘

export interface ImpairmentOptions {
  rateLimit?: RateLimitOptions;
  /** Probability that a frame is lost, each by itself. */
  loss?: number;
  /** Loss in bursts. */
  gilbertElliott?: GilbertElliottOptions;
  corruption?: CorruptionOptions;
  /** Probability that a frame arrives twice. */
  duplication?: number;
  reordering?: ReorderingOptions;
  delay?: DelayOptions;
}

export interface RateLimitOptions {
  /** Counts the bytes of a frame without FCS, preamble and gap. */
  bitsPerSecond: number;
  /** Frames that may wait; one more is dropped. 100 unless told. */
  queueFrames?: number;
  /** Bytes that may pass at once after a pause; 0 unless told. */
  burstBytes?: number;
}

/** Gilbert-Elliott model, letters as in Hasslinger and Hohlfeld, "The Gilbert-Elliott model for packet loss" (2008). */
export interface GilbertElliottOptions {
  /** Probability to go from good to bad, a frame. */
  p: number;
  /** Probability to go from bad to good, a frame; 1 - p unless told (then losses are independent). */
  r?: number;
  /** Probability that a frame gets through in the bad state; 0 unless told. */
  h?: number;
  /** Probability that a frame gets through in the good state; 1 unless told. */
  k?: number;
}

export interface CorruptionOptions {
  probability: number;
  /** Different bits flipped in a frame, its FCS included; 1 unless told. */
  bits?: number;
}

export interface ReorderingOptions {
  /** That a frame is held back. */
  probability: number;
  /** Frames that overtake it; 1 unless told. */
  gapFrames?: number;
  /** It goes on after this time even if fewer have overtaken it; 10 ms unless told. */
  delayNs?: number;
}

export interface DelayOptions {
  baseNs: number;
  /** Half the width of the uniform distribution, or the standard deviation of the normal one; 0 unless told. */
  jitterNs?: number;
  /** `uniform` unless told. A normal one is cut off at no delay. */
  distribution?: 'uniform' | 'normal';
  /** True unless told: a frame never overtakes the one before it. */
  keepOrder?: boolean;
}

/** The cable goes down and comes back, again and again. */
export interface FlapOptions {
  firstDownNs: number;
  downNs: number;
  upNs: number;
  /** How often it goes down; without end unless told. */
  times?: number;
}

/** Throws a RangeError that names what is wrong and what would be right; `where` begins the message. */
export function checkImpairments(options: ImpairmentOptions, where: string): void {
  const { rateLimit, gilbertElliott, corruption, reordering, delay } = options;
  probability(where, 'loss', options.loss);
  probability(where, 'duplication', options.duplication);
  for (const letter of ['p', 'r', 'h', 'k'] as const) {
    probability(where, `gilbertElliott.${letter}`, gilbertElliott?.[letter]);
  }
  probability(where, 'corruption.probability', corruption?.probability);
  probability(where, 'reordering.probability', reordering?.probability);
  atLeast(1, where, 'corruption.bits', corruption?.bits);
  atLeast(1, where, 'reordering.gapFrames', reordering?.gapFrames);
  atLeast(0, where, 'reordering.delayNs', reordering?.delayNs);
  atLeast(0, where, 'delay.baseNs', delay?.baseNs);
  atLeast(0, where, 'delay.jitterNs', delay?.jitterNs);
  atLeast(1, where, 'rateLimit.bitsPerSecond', rateLimit?.bitsPerSecond);
  atLeast(1, where, 'rateLimit.queueFrames', rateLimit?.queueFrames);
  atLeast(0, where, 'rateLimit.burstBytes', rateLimit?.burstBytes);
  if ((corruption?.bits ?? 1) > MAX_FLIPPED_BITS) {
    throw new RangeError(`${where}: corruption.bits is ${corruption?.bits}: at most ${MAX_FLIPPED_BITS}`);
  }
}

export function checkFlap(options: FlapOptions, where: string): void {
  atLeast(0, where, 'flap.firstDownNs', options.firstDownNs);
  atLeast(1, where, 'flap.downNs', options.downNs);
  atLeast(1, where, 'flap.upNs', options.upNs);
  atLeast(1, where, 'flap.times', options.times);
}

/** The bits of an FCS alone, so that a frame without bytes has enough of them too. */
const MAX_FLIPPED_BITS = 32;

function probability(where: string, what: string, value: number | undefined): void {
  if (value !== undefined && !(value >= 0 && value <= 1)) {
    throw new RangeError(`${where}: ${what} is ${value}: a probability, 0 to 1`);
  }
}

function atLeast(least: number, where: string, what: string, value: number | undefined): void {
  if (value !== undefined && !(value >= least && value < Infinity)) {
    throw new RangeError(`${where}: ${what} is ${value}: ${least} or more`);
  }
}
