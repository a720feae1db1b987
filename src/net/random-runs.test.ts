// Random traffic, segments among it, through drivers that are busy or stop as they like, while disciplines are replaced and the
// carrier goes from inside the driver: no packet vanishes or is there twice, none is left in a ring without a doorbell.

import { expect, test } from 'vitest';
import { oneMachine } from '../../test/vocabulary/one-machine.ts';
import { Random } from '../kernel/random.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { attachQdisc } from '../qdisc/attach.ts';
import { Pfifo } from '../qdisc/fifo.ts';
import { Mq } from '../qdisc/mq.ts';
import { TestEnv } from '../qdisc/testing-env.ts';
import { conservation } from './conservation.ts';
import { NETIF_F_SG, NetDevice } from './device.ts';
import { DROP_QDISC_RESET } from './drop-reason.ts';
import { DeviceLayer } from './layer.ts';

const RING = 6;
const env = new TestEnv(1);
const fifo = (): Pfifo => new Pfifo(env, { limit: 20 });

function restless(cpus: number, queues: number, seed: number) {
  const one = oneMachine({ cpus, mbufs: 8192, clusters: 2048 });
  const { machine } = one;
  const random = new Random(seed, 'runs');
  const pick = (n: number): number => (random.next32() >>> 0) % n;
  const layer = new DeviceLayer(machine);
  layer.defaultQdisc = fifo;
  const rings: Mbuf[][] = Array.from({ length: queues }, () => []);
  /** Packets of each ring that the card has not been told of. */
  const silent: number[] = rings.map(() => 0);
  const state = { calm: false };
  const flap = (): void => {
    device.setCarrier(false);
    device.setCarrier(true);
  };
  const graft = (): void => {
    if (device.rootQdisc instanceof Mq)
      device.rootQdisc.graft(1 + pick(queues), fifo(), (m) => device.drop(m, DROP_QDISC_RESET));
  };
  const upsets = [
    () => device.setRootQdisc(fifo()),
    () => (queues > 1 ? attachQdisc(device, new Mq(rings.map(fifo))) : undefined),
    flap,
    () => device.setCarrier(false),
    () => device.restoreDefaultQdisc(),
    graft,
  ];
  const startXmit = (m: Mbuf, index: number): boolean => {
    const queue = device.txQueues[index];
    const event = state.calm ? -1 : pick(60);
    upsets[event]?.();
    const full = rings[index].length >= RING;
    if (full) queue.stop();
    if (full || event === upsets.length) {
      silent[index] = 0;
      return false;
    }
    rings[index].push(m);
    queue.sent(m.packetLength);
    if (rings[index].length >= RING - 1) queue.stop();
    silent[index] = device.xmitMore && !queue.stopped ? silent[index] + 1 : 0;
    return true;
  };
  const device: NetDevice = new NetDevice(
    layer,
    'eth0',
    {
      open() {
        for (const queue of device.txQueues) queue.start();
        device.setCarrier(true);
      },
      stop() {
        for (const ring of rings) for (const m of ring.splice(0)) device.transmitDone(m, false);
        for (const queue of device.txQueues) queue.resetLimits();
      },
      startXmit,
      held: () => rings.reduce((sum, ring) => sum + ring.length, 0),
    },
    queues,
  );
  device.address[0] = 2;
  device.features = pick(2) === 0 ? NETIF_F_SG : 0;
  layer.register(device);
  /** Some of what is in the rings leaves. */
  const reap = (): void => {
    machine.cpus[pick(cpus)].process(() =>
      rings.forEach((ring, index) => {
        let bytes = 0;
        for (const m of ring.splice(0, pick(ring.length + 1))) {
          bytes += m.packetLength;
          device.transmitDone(m, true);
        }
        device.txQueues[index].completed(bytes);
        device.txQueues[index].wake();
      }),
    );
  };
  /** TCP; some to be cut, and a few of them into what the wire cannot take. */
  const packet = (): Mbuf => {
    const large = pick(3) === 0;
    const payload = large ? 200 + pick(3000) : 20 + pick(1000);
    const ip = [
      0x45,
      0,
      (payload + 40) >> 8,
      payload + 40,
      0,
      0,
      0,
      0,
      64,
      6,
      0,
      0,
      10,
      0,
      0,
      1,
      10,
      0,
      0,
      pick(9),
    ];
    const tcp = [0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0];
    const ethernet = [2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 0];
    const m = machine.mbufs.fromBytes(
      Uint8Array.from([...ethernet, ...ip, ...tcp, ...new Array(payload).fill(1)]),
    );
    if (m === null) throw new Error('no buffers');
    if (large) m.gsoSize = pick(20) === 0 ? 9000 : 100 + pick(500);
    return m;
  };
  return { ...one, device, pick, silent, state, reap, packet };
}

const CASES = [1, 3].flatMap((cpus) =>
  [1, 3].flatMap((queues) => [false, true].map((one) => ({ cpus, queues, one }))),
);

test.each(CASES)('$cpus CPUs, $queues queues, one discipline for all: $one', ({ cpus, queues, one }) => {
  for (let seed = 0; seed < 15; seed++) {
    const net = restless(cpus, queues, seed);
    const { machine, device, pick, silent, state } = net;
    const revive = (): void =>
      machine.process(() => {
        device.open();
        device.setCarrier(true);
      });
    revive();
    if (one) device.setRootQdisc(fifo());
    for (let step = 0; step < 200; step++) {
      const event = pick(12);
      if (event < 5)
        machine.cpus[pick(cpus)].process(() => {
          for (let left = pick(6); left >= 0; left--) device.transmit(net.packet());
        });
      else if (event === 5 && pick(8) === 0) machine.process(() => device.close());
      else if (event === 6) revive();
      else if (event === 7) net.run(pick(50_000));
      else net.reap();
      expect(conservation(device).text).toBe('');
      if (!device.canTransmit) silent.fill(0);
      expect(silent, `seed ${seed}, step ${step}: left without a doorbell`).toEqual(silent.map(() => 0));
    }
    state.calm = true;
    revive();
    for (let i = 0; i < 3000 && device.queued + (device.ops.held?.() ?? 0) > 0; i++) {
      net.reap();
      net.run(20_000);
    }
    expect([device.queued, device.ops.held?.()]).toEqual([0, 0]);
    expect(machine.mbufs.inUse).toBe(0);
  }
});
