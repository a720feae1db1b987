// A scenario: a name, a sentence, and what is done and asserted on a bench.

import type { Bench } from './bench.ts';

/**
 * What a scenario asks for that not every driver or card has: ethtool's register dump and self test; the insides of the
 * pcnet32 driver; the registers of a PCnet; a ring that fills, on a card that takes its time; a card that tells of frames
 * that are too long; a PHY that notices when the cable is pulled; a driver that is not io-net's: one that logs what it found,
 * counts what happens inside, can be told another station address, and stops when its interface does.
 */
export type Need = 'ethtool' | 'pcnet32' | 'PCnet' | 'transmit ring' | 'long frames' | 'cable' | 'native';

export interface Scenario {
  readonly name: string;
  /** What holds when it passes, as a sentence. */
  readonly description: string;
  /** Packet buffers with poison and red zones. */
  readonly debugMbufs?: boolean;
  readonly needs?: Need;
  /** Binds the driver itself; throws when a check does not hold. */
  readonly run: (bench: Bench) => Promise<void>;
}
