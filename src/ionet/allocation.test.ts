// A packet's way through the shim allocates nothing: no closure, no string, no boxed number. A wake of the driver's thread
// does, some results of its generator: a few hundred bytes a burst.

import { expect, test } from 'vitest';
import { heapGrowth, RETRY } from '../../test/vocabulary/heap.ts';
import { IDEAL, X86_DESKTOP } from '../kernel/profile.ts';
import { ShimHost } from './testing.ts';

const PACKETS = 400_000;
const ROUNDS = 100;
/** Packets that arrive at once: fewer than the list to the worker holds. */
const BATCH = 400;
/** Times above 2^31 ns are no longer small integers to V8, and would be boxed where code is careless. */
const LATE_NS = 10_000_000_000;

for (const profile of [IDEAL, X86_DESKTOP]) {
  for (const options of ['receive=1024', 'receive=1024,shimrxcopy=0']) {
    test(`packets in and out again, ${options}, profile ${profile.name}`, RETRY, () => {
      const machine = { profile, mbufs: 4096, clusters: 4096, debugMbufs: false, memory: 0x1800000 };
      const it = new ShimHost({ machine, cards: [{ frameNs: profile === IDEAL ? 0 : 100, slots: 512 }] });
      it.watch = false;
      const { card, clock } = it;
      card.keepFrames = false;
      clock.advanceTo(LATE_NS);
      const device = it.up(options);
      const [taker] = it.layer.packetTypes.buckets[0];
      it.layer.packetTypes.remove(taker);
      it.layer.packetTypes.add({
        name: 'echo',
        type: 0x0800,
        device: null,
        receive: (m) => {
          const out = it.machine.mbufs.prepend(m, 14);
          if (out !== null) device.transmit(out);
        },
      });
      const frame = it.frame(1);
      const blast = (packets: number): void => {
        for (let i = 0; i < packets; i += BATCH) {
          for (let k = 0; k < BATCH; k++) card.arrive(frame);
          clock.run(clock.now() + 2_000_000);
        }
      };
      blast(200_000);
      const ifp = it.io.find('en0')!;
      const before = ifp.if_ipackets;
      const bytes = heapGrowth(() => blast(PACKETS / ROUNDS), ROUNDS);
      expect(ifp.if_ipackets - before).toBe(PACKETS);
      expect(card.missed).toBe(0);
      expect(ifp.if_opackets).toBe(ifp.if_ipackets);
      expect(it.books()).toBe('');
      // A boxed number a packet would be 12.
      expect(bytes / PACKETS).toBeLessThanOrEqual(2);
    });
  }
}
