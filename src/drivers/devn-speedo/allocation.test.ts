// A packet's way through devn-speedo and the shim, in and out again, allocates nothing. A wake of the driver's thread does: a few
// hundred bytes a burst.

import { expect, test } from 'vitest';
import { frame } from '../../../test/vocabulary/bench.ts';
import { heapGrowth, RETRY } from '../../../test/vocabulary/heap.ts';
import { ShimmedHost } from '../../../test/vocabulary/shim-host.ts';
import { IDEAL, X86_DESKTOP } from '../../kernel/profile.ts';

const PACKETS = 400_000;
const ROUNDS = 100;
/** Packets that arrive at once: fewer than a ring, or the list to the worker, holds. */
const BATCH = 400;

for (const [chip, profile, loan] of [
  ['i82557b', IDEAL, ''],
  ['i82559er', X86_DESKTOP, ''],
  ['i82559er', IDEAL, ',shimrxcopy=0'],
] as const) {
  test(`${chip}, profile ${profile.name}${loan}`, RETRY, () => {
    const host = new ShimmedHost({
      chip,
      options: `receive=512,transmit=512${loan}`,
      machine: { profile, memory: 0x1000000 },
    });
    host.wire.keep = false;
    host.keep = false;
    host.echo = true;
    const bytes = frame(60);
    const { clock } = host;
    const blast = (packets: number): void => {
      for (let i = 0; i < packets; i += BATCH) {
        host.wire.deliverMany(bytes, BATCH);
        clock.run(clock.now() + 4_000_000);
      }
    };
    blast(200_000);
    const before = host.receivedCount;
    const grown = heapGrowth(() => blast(PACKETS / ROUNDS), ROUNDS);
    expect(host.receivedCount - before).toBe(PACKETS);
    host.run(3_000_000_000);
    expect(host.ifp().if_opackets).toBe(host.ifp().if_ipackets);
    host.expectConserved();
    expect(host.rules).toEqual([]);
    // A boxed number a packet would be 12.
    expect(grown / PACKETS).toBeLessThanOrEqual(2);
  });
}
