// A scenario: a name, a sentence, and what is done and asserted on a bench.

import type { Bench } from './bench.ts';

export interface Scenario {
  readonly name: string;
  /** What holds when it passes, as a sentence. */
  readonly description: string;
  /** Packet buffers with poison and red zones. */
  readonly debugMbufs?: boolean;
  /** Binds the driver itself; throws when a check does not hold. */
  readonly run: (bench: Bench) => Promise<void>;
}
