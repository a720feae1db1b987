// What a NIC's card did with its frames: what the report shows and what the sums at the end ask of it. Our models keep
// whole books. QEMU's cards keep none that can be seen from outside: there the plug between the wire and QEMU counts.

import {
  RECEIVE_DROPS as I8255X_RECEIVE_DROPS,
  TRANSMIT_ERRORS as I8255X_TRANSMIT_ERRORS,
  type I8255xCounters,
} from '../chips/i8255x/counters.ts';
import {
  RECEIVE_DROPS as PCNET_RECEIVE_DROPS,
  TRANSMIT_ERRORS as PCNET_TRANSMIT_ERRORS,
  type PcnetCounters,
} from '../chips/pcnet/counters.ts';

/** A place that takes frames, and how many of those it took it cannot account for. */
export interface Sum {
  place: string;
  taken: number;
  missing: number;
}

export interface CardBooks {
  /** Frames off the cable so far. */
  received(): number;
  /** Frames that it gave the driver, whole or in part; null when nobody can tell. */
  delivered(): number | null;
  /** Frames lost on their way in or out, by reason: those that are not 0. */
  drops(): Record<string, number>;
  /** Its own sums. */
  sums(): Sum[];
}

export function pcnetBooks(counters: PcnetCounters): CardBooks {
  const lossesIn = (): number => add(counters, PCNET_RECEIVE_DROPS);
  const lossesOut = (): number => add(counters, PCNET_TRANSMIT_ERRORS);
  return {
    received: () => counters.received,
    // Of a frame that ran out of descriptors (BUFF) the first buffers reach the driver.
    delivered: () => counters.delivered + counters.bufferError,
    drops: () => nonZero(counters, [...PCNET_RECEIVE_DROPS, ...PCNET_TRANSMIT_ERRORS]),
    sums: () => {
      const { received, looped, delivered, taken, transmitted } = counters;
      const leaving = taken - transmitted - lossesOut();
      return [
        {
          place: 'card receive',
          taken: received + looped,
          missing: received + looped - delivered - lossesIn(),
        },
        // One frame may be on its way out of the card.
        { place: 'card transmit', taken, missing: leaving === 1 ? 0 : leaving },
      ];
    },
  };
}

export function i8255xBooks(counters: I8255xCounters): CardBooks {
  const lossesIn = (): number => add(counters, I8255X_RECEIVE_DROPS);
  const lossesOut = (): number => add(counters, I8255X_TRANSMIT_ERRORS);
  return {
    received: () => counters.received,
    // Of a frame that was longer than its descriptor's space the first part reaches the driver.
    delivered: () => counters.delivered + counters.truncated,
    drops: () => nonZero(counters, [...I8255X_RECEIVE_DROPS, ...I8255X_TRANSMIT_ERRORS]),
    sums: () => {
      const { received, looped, delivered, taken, transmitted, waiting } = counters;
      return [
        {
          place: 'card receive',
          taken: received + looped,
          missing: received + looped - delivered - lossesIn(),
        },
        { place: 'card transmit', taken, missing: taken - transmitted - lossesOut() - waiting },
      ];
    },
  };
}

/** Frames that one side handed over, what became of them, and the reasons of those that were lost. */
export interface PlugWay {
  taken: number;
  passed: number;
  waiting: number;
  drops: Record<string, number>;
}

/** The plug between a wire and a card somewhere else: `in` is off the cable. */
export function plugBooks(ways: () => { in: PlugWay; out: PlugWay }): CardBooks {
  const missing = ({ taken, passed, waiting, drops }: PlugWay): number =>
    taken - passed - waiting - add(drops, Object.keys(drops));
  return {
    received: () => ways().in.taken,
    delivered: () => null,
    drops: () => {
      const all = { ...ways().in.drops };
      for (const [reason, count] of Object.entries(ways().out.drops))
        all[reason] = (all[reason] ?? 0) + count;
      return nonZero(all);
    },
    sums: () => {
      const both = ways();
      return [
        { place: 'plug in', taken: both.in.taken, missing: missing(both.in) },
        { place: 'plug out', taken: both.out.taken, missing: missing(both.out) },
      ];
    },
  };
}

/** Those of `names` that are not 0. */
export function nonZero<Counters extends object>(
  counters: Counters,
  names = Object.keys(counters),
): Record<string, number> {
  const found: Record<string, number> = {};
  for (const name of names) {
    const count = counters[name as keyof Counters] as number;
    if (count !== 0) found[name] = count;
  }
  return found;
}

function add<Counters extends object>(counters: Counters, names: readonly string[]): number {
  return names.reduce((sum, name) => sum + (counters[name as keyof Counters] as number), 0);
}
