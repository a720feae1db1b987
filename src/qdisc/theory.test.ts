// Queueing theory, on the virtual clock, with the whole transmit path in it: device, transmit queue, discipline, and a driver
// that sends at a fixed rate. And the lab of bufferbloat: what a long queue does to delay, and what CoDel does about it.

import { expect, test } from 'vitest';
import { STATION } from '../../test/vocabulary/net-machine.ts';
import { oneMachine } from '../../test/vocabulary/one-machine.ts';
import { ClockEvent } from '../kernel/clock.ts';
import { Random } from '../kernel/random.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { NETDEV_TX_OK, NetDevice } from '../net/device.ts';
import { DeviceLayer } from '../net/layer.ts';
import { Codel } from './codel.ts';
import { TestEnv } from './contract.ts';
import { Pfifo } from './fifo.ts';
import { FqCodel } from './fq-codel.ts';
import { bulk, quantile, TestLink } from './testing-link.ts';

const BITS_PER_SECOND = 100e6;
const MEAN_BYTES = 760;
/** Part of the link that the arrivals want. */
const LOAD = 0.8;
const PACKETS = 600_000;

/** Offers packets of those lengths in a Poisson process, and returns the mean ns from offering to the first bit on the wire. */
function meanWaitNs(seed: number, length: (dice: Random) => number): number {
  const { clock, machine } = oneMachine({ mbufs: 4096, clusters: 16 });
  const layer = new DeviceLayer(machine);
  layer.defaultQdisc = () => new Pfifo({} as never, { limit: 100_000 });
  let sending: Mbuf | null = null;
  let waits = 0;
  let sent = 0;
  const done = new ClockEvent('sent', () => {
    const m = sending;
    sending = null;
    if (m === null) return;
    device.transmitDone(m, true);
    device.txQueues[0].wake();
  });
  const device = new NetDevice(layer, 'eth0', {
    open: () => {
      device.txQueues[0].start();
      device.setCarrier(true);
    },
    stop: () => {},
    startXmit: (m) => {
      sending = m;
      device.txQueues[0].stop();
      waits += clock.now() - m.timestampNs;
      sent++;
      // What mark says is its length on this wire: any number of bits, not only those that fit a frame.
      clock.armIn(done, Math.round((m.mark * 1e9) / BITS_PER_SECOND));
      return NETDEV_TX_OK;
    },
  });
  device.setAddress(STATION);
  layer.register(device);
  machine.process(() => device.open());
  const dice = new Random(seed, 'arrivals');
  const meanGapNs = (MEAN_BYTES * 8e9) / BITS_PER_SECOND / LOAD;
  let at = clock.now();
  for (let i = 0; i < PACKETS; i++) {
    at += -Math.log(1 - dice.float()) * meanGapNs;
    clock.run(Math.round(at));
    const m = machine.mbufs.get();
    if (m === null) throw new Error('no buffers left');
    m.length = m.packetLength = 60;
    m.mark = Math.round(length(dice) * 8);
    m.timestampNs = clock.now();
    machine.process(() => device.transmit(m));
  }
  clock.run(clock.now() + 1e9);
  expect(sent).toBe(PACKETS);
  return waits / sent;
}

/** Ns to send a packet of mean length: 1 / mu. */
const SERVICE_NS = (MEAN_BYTES * 8e9) / BITS_PER_SECOND;

test('Poisson arrivals of equal packets wait as in M/D/1 (Pollaczek and Khinchine), within 2%', () => {
  const theory = (LOAD * SERVICE_NS) / (2 * (1 - LOAD));
  const wait = meanWaitNs(1, () => MEAN_BYTES);
  expect(Math.abs(wait / theory - 1)).toBeLessThan(0.02);
});

test('with exponential lengths they wait as in M/M/1: twice as long, within 3%', () => {
  const theory = (LOAD * SERVICE_NS) / (1 - LOAD);
  const wait = meanWaitNs(2, (dice) => -Math.log(1 - dice.float()) * MEAN_BYTES);
  expect(Math.abs(wait / theory - 1)).toBeLessThan(0.03);
});

// ---- bufferbloat: two bulk senders, 10 Mbit/s, 50 ms of round trip

const LINK_BYTES = 10e6 / 8;
const RTT_NS = 50e6;

function bloat(make: (env: TestEnv) => ConstructorParameters<typeof TestLink>[1]): {
  medianMs: number;
  p95Ms: number;
  utilisation: number;
} {
  const env = new TestEnv(5);
  const { waits, utilisation } = bulk(new TestLink(env, make(env), LINK_BYTES), 2, RTT_NS, 20e9, 30e9);
  return { medianMs: quantile(waits, 0.5) / 1e6, p95Ms: quantile(waits, 0.95) / 1e6, utilisation };
}

test('bufferbloat: pfifo makes packets wait for hundreds of ms, codel and fq_codel for about 5 ms', () => {
  const fifo = bloat((env) => new Pfifo(env, { limit: 1000 }));
  const codel = bloat((env) => new Codel(env));
  const fq = bloat((env) => new FqCodel(env));
  process.stdout.write(`\nbufferbloat ${JSON.stringify({ fifo, codel, fq })}\n`);
  expect(fifo.medianMs).toBeGreaterThan(500);
  expect(codel.medianMs).toBeLessThan(10);
  expect(fq.medianMs).toBeLessThan(15);
  for (const one of [fifo, codel, fq]) expect(one.utilisation).toBeGreaterThan(0.9);
});
