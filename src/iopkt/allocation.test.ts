// A packet's way through a native driver allocates nothing: no closure, no string, no boxed number.

import { expect, test } from 'vitest';
import { heapGrowth, RETRY } from '../../test/vocabulary/heap.ts';
import { type CpuProfile, IDEAL, X86_DESKTOP } from '../kernel/profile.ts';
import { host, type TestHost } from './testing.ts';

const PACKETS = 1_000_000;
const ROUNDS = 100;
/** Packets that arrive at once. */
const BATCH = 1000;
/** Times above 2^31 ns are no longer small integers to V8, and would be boxed where code is careless. */
const LATE_NS = 10_000_000_000;

function bench(
  profile: CpuProfile,
  reply: boolean,
  kermask: boolean,
): { it: TestHost; blast(packets: number): void } {
  const it = host({
    machine: { profile, mbufs: 4096, clusters: 4096 },
    cards: [{ frameNs: 100, slots: 1024 }],
  });
  const { machine, layer, io, card, clock } = it;
  card.keepFrames = false;
  it.taken.push = () => 0;
  clock.advanceTo(LATE_NS);
  io.mount('xx', kermask ? 'kermask' : null);
  const device = it.up();
  if (reply) {
    const [taker] = layer.packetTypes.buckets[0];
    layer.packetTypes.remove(taker);
    layer.packetTypes.add({
      name: 'echo',
      type: 0x0800,
      device: null,
      receive: (m) => {
        const out = machine.mbufs.prepend(m, 14);
        if (out !== null) device.transmit(out);
      },
    });
  }
  const frame = it.packet(1);
  const blast = (packets: number): void => {
    for (let i = 0; i < packets; i += BATCH) {
      for (let k = 0; k < BATCH; k++) card.arrive(frame);
      clock.run(clock.now() + 2_000_000);
    }
  };
  return { it, blast };
}

for (const profile of [IDEAL, X86_DESKTOP]) {
  for (const [reply, kermask] of [
    [false, false],
    [true, true],
  ]) {
    const way = reply ? 'in and out again, kermask' : 'in, real ISR';
    test(`packets ${way}, allocate nothing, profile ${profile.name}`, RETRY, () => {
      const { it, blast } = bench(profile, reply, kermask);
      blast(200_000);
      const ifp = it.io.find('xx0')!;
      const before = ifp.if_ipackets;
      const bytes = heapGrowth(() => blast(PACKETS / ROUNDS), ROUNDS);
      expect(ifp.if_ipackets - before).toBe(PACKETS);
      expect(it.card.missed).toBe(0);
      if (reply) expect(ifp.if_opackets).toBe(ifp.if_ipackets);
      expect(it.books()).toBe('');
      expect(bytes / PACKETS).toBeLessThanOrEqual(1);
    });
  }
}
