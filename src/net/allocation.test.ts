import { expect, test } from 'vitest';
import { FakeNic } from '../../test/vocabulary/fake-nic.ts';
import { heapGrowth, RETRY } from '../../test/vocabulary/heap.ts';
import { VirtualClock } from '../kernel/clock.ts';
import { Machine } from '../kernel/machine.ts';
import { type CpuProfile, IDEAL, X86_DESKTOP } from '../kernel/profile.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { PfifoFast } from '../qdisc/pfifo-fast.ts';
import { DeviceLayer } from './layer.ts';

const PACKETS = 1_000_000;
const ROUNDS = 100;
/** Packets that arrive at once. */
const BATCH = 1000;
/** Times above 2^31 ns are no longer small integers to V8, and would be boxed where code is careless. */
const LATE_NS = 10_000_000_000;

interface Bench {
  nic: FakeNic;
  clock: VirtualClock;
  received: number;
  reply: boolean;
}

function bench(profile: CpuProfile): Bench {
  const clock = new VirtualClock();
  const machine = new Machine({ clock, profile });
  const layer = new DeviceLayer(machine);
  layer.defaultQdisc = (length) => new PfifoFast(length);
  const nic = new FakeNic(layer, { frameNs: 100, rxRing: BATCH, txRing: BATCH });
  nic.doorbells.push = () => 0;
  layer.register(nic.device);
  const it: Bench = { nic, clock, received: 0, reply: false };
  layer.packetTypes.add({
    name: 'sink',
    type: 0x0800,
    device: null,
    receive: (m: Mbuf, device) => {
      it.received++;
      if (!it.reply) {
        machine.mbufs.freem(m);
        return;
      }
      const out = machine.mbufs.prepend(m, 14);
      if (out !== null) device.transmit(out);
    },
  });
  clock.advanceTo(LATE_NS);
  machine.process(() => nic.device.open());
  return it;
}

function blast(it: Bench, packets: number): void {
  for (let i = 0; i < packets; i += BATCH) {
    for (let k = 0; k < BATCH; k++) it.nic.arrive();
    it.clock.run(it.clock.now() + 2_000_000);
  }
}

for (const profile of [IDEAL, X86_DESKTOP]) {
  test(
    `a million packets from poll to packet type and back to the pool allocate nothing, profile ${profile.name}`,
    RETRY,
    () => {
      const it = bench(profile);
      blast(it, 200_000);
      const before = it.received;
      const bytes = heapGrowth(() => blast(it, PACKETS / ROUNDS), ROUNDS);
      expect(it.received - before).toBeGreaterThanOrEqual(PACKETS);
      expect(bytes / PACKETS).toBeLessThanOrEqual(1);
    },
  );

  test(
    `a million packets out again through a discipline allocate nothing, profile ${profile.name}`,
    RETRY,
    () => {
      const it = bench(profile);
      it.reply = true;
      blast(it, 200_000);
      const before = it.nic.device.tx.packets;
      const bytes = heapGrowth(() => blast(it, PACKETS / ROUNDS), ROUNDS);
      expect(it.nic.device.tx.packets - before).toBeGreaterThan(PACKETS * 0.99);
      expect(bytes / PACKETS).toBeLessThanOrEqual(1);
    },
  );
}
