// A packet's way through the io-pkt drivers, in and out again, allocates nothing.

import { expect, test } from 'vitest';
import { frame } from '../../test/vocabulary/bench.ts';
import { heapGrowth, RETRY } from '../../test/vocabulary/heap.ts';
import { IopktHost } from '../../test/vocabulary/iopkt-host.ts';
import { IDEAL, X86_DESKTOP } from '../kernel/profile.ts';

const PACKETS = 1_000_000;
const ROUNDS = 100;
/** Packets that arrive at once: less than a ring. */
const BATCH = 50;

for (const [driver, chip, profile] of [
  ['pcn', 'Am79C970A', IDEAL],
  ['pcn', 'Am79C973', X86_DESKTOP],
  ['speedo', 'i82557b', IDEAL],
  ['speedo', 'i82559c', X86_DESKTOP],
] as const) {
  test(`${driver} on ${chip}, profile ${profile.name}`, RETRY, () => {
    const host = new IopktHost({ driver, chip, machine: { profile } });
    host.wire.keep = false;
    host.keep = false;
    host.echo = true;
    const bytes = frame(60);
    const { clock } = host;
    const blast = (packets: number): void => {
      for (let i = 0; i < packets; i += BATCH) {
        host.wire.deliverMany(bytes, BATCH);
        clock.run(clock.now() + 1_000_000);
      }
    };
    blast(400_000);
    const before = host.receivedCount;
    const grown = heapGrowth(() => blast(PACKETS / ROUNDS), ROUNDS);
    expect(host.receivedCount - before).toBe(PACKETS);
    host.run(3_000_000_000);
    expect(host.ifp().if_opackets).toBe(host.ifp().if_ipackets);
    host.expectConserved();
    expect(grown / PACKETS).toBeLessThanOrEqual(1);
  });
}
