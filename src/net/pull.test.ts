// A driver with `start`: it takes packets itself.

import { expect, test } from 'vitest';
import { oneMachine } from '../../test/vocabulary/one-machine.ts';
import { NET_RX_SOFTIRQ } from '../kernel/softirq.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { PfifoFast } from '../qdisc/pfifo-fast.ts';
import { conservation } from './conservation.ts';
import { NETIF_F_SG, NetDevice } from './device.ts';
import { DeviceLayer } from './layer.ts';
import { DEV_TX_WEIGHT } from './qdisc-run.ts';
import type { TxQueue } from './tx-queue.ts';

function puller(start: (queue: TxQueue, taken: number[]) => void) {
  const { machine, run } = oneMachine();
  const layer = new DeviceLayer(machine);
  layer.defaultQdisc = (length) => new PfifoFast(length);
  const taken: number[] = [];
  const device: NetDevice = new NetDevice(layer, 'pull0', {
    open() {
      device.txQueues[0].start();
      device.setCarrier(true);
    },
    stop() {},
    start: (queue) => start(queue, taken),
  });
  device.address.set([2, 0, 0, 0, 0, 1]);
  layer.register(device);
  machine.process(() => device.open());
  const packet = (mark: number): Mbuf => {
    const bytes = new Uint8Array(60);
    bytes[59] = mark;
    return machine.mbufs.fromBytes(bytes)!;
  };
  const done = (m: Mbuf): void => {
    taken.push(machine.memory.u8[m.data + 59]);
    device.transmitDone(m, true);
  };
  return {
    machine,
    device,
    taken,
    packet,
    done,
    run,
    send: (m: Mbuf) => machine.process(() => device.transmit(m)),
  };
}

test('it is called for each packet that comes, and takes what waits in order', () => {
  let busy = true;
  const it = puller((queue) => {
    if (busy) return queue.stop();
    for (let m = queue.pull(); m !== null; m = queue.pull()) it.done(m);
  });
  for (let i = 0; i < 5; i++) it.send(it.packet(i));
  expect([it.taken, it.device.queued]).toEqual([[], 5]);
  busy = false;
  it.machine.process(() => it.device.txQueues[0].wake());
  expect(it.taken).toEqual([0, 1, 2, 3, 4]);
  it.send(it.packet(5));
  expect(it.taken.at(-1)).toBe(5);
  expect(it.device.txQueues[0].qdisc?.stats).toMatchObject({ packets: 6, bytes: 360 });
  expect(conservation(it.device).balanced).toBe(true);
});

test('what peek shows is what pull gives, also when something more urgent has come', () => {
  const seen: boolean[] = [];
  const it = puller((queue) => {
    const m = queue.peek();
    expect(queue.pending).toBeGreaterThan(0);
    const urgent = it.packet(9);
    urgent.priority = 6;
    if (seen.length === 0) queue.append(urgent);
    const given = queue.pull();
    seen.push(given === m);
    if (given !== null) it.done(given);
  });
  it.send(it.packet(1));
  it.send(it.packet(2));
  expect(seen).toEqual([true, true]);
  expect(it.taken).toEqual([1, 9]);
});

test('after its weight it gets no more, and is called again from NET_TX', () => {
  let calls = 0;
  const it = puller((queue) => {
    calls++;
    for (let m = queue.pull(); m !== null; m = queue.pull()) it.done(m);
  });
  const [queue] = it.device.txQueues;
  it.machine.process(() => {
    for (let i = 0; i < 2 * DEV_TX_WEIGHT; i++) {
      it.device.offered++;
      queue.append(it.packet(1));
    }
    queue.run();
  });
  it.run(1000);
  expect([calls, it.taken.length]).toEqual([2, 2 * DEV_TX_WEIGHT]);
  expect(conservation(it.device).balanced).toBe(true);
});

test('packets come as sendable as the device needs them; one for which there is no buffer is dropped and counted', () => {
  const members: number[] = [];
  const it = puller((queue) => {
    for (let m = queue.pull(); m !== null; m = queue.pull()) {
      let count = 0;
      for (let part: Mbuf | null = m; part !== null; part = part.next) count++;
      members.push(count);
      it.device.transmitDone(m, true);
    }
  });
  const chain = (): Mbuf => {
    const first = it.packet(1);
    const second = it.machine.mbufs.get()!;
    second.length = 200;
    first.next = second;
    first.packetLength += 200;
    return first;
  };
  it.send(chain());
  it.device.features = NETIF_F_SG;
  it.send(chain());
  expect(members).toEqual([1, 2]);
  it.device.features = 0;
  const last = chain();
  const all: Mbuf[] = [];
  for (let m = it.machine.mbufs.getcl(); m !== null; m = it.machine.mbufs.getcl()) all.push(m);
  it.send(last);
  expect(it.device.dropReport()).toEqual({ NOMEM: 1 });
  expect(conservation(it.device).balanced).toBe(true);
});

test('it needs a discipline, and one way to send', () => {
  const it = puller(() => {});
  it.device.txQueues[0].qdisc = null;
  it.send(it.packet(1));
  expect(it.device.dropReport()).toEqual({ QUEUE_STOPPED: 1 });
  expect(it.device.txQueues[0].append(it.packet(1))).toBe(false);
  const both = { open() {}, stop() {}, start() {}, startXmit: () => true };
  expect(() => new NetDevice(it.device.layer, 'x', both)).toThrow(/one of the two/);
  expect(() => new NetDevice(it.device.layer, 'x', { open() {}, stop() {} })).toThrow(/one of the two/);
});

test('in a softirq some are gathered for one call: the order they came in, and no drops from a discipline smaller than they are', () => {
  let calls = 0;
  let room = Infinity;
  const it = puller((queue) => {
    calls++;
    for (let m = queue.pull(); m !== null; m = queue.pull()) {
      it.done(m);
      if (--room === 0) return queue.stop();
    }
  });
  const { device, machine } = it;
  const burst = (count: number): void => {
    machine.openSoftirq(NET_RX_SOFTIRQ, () => {
      for (let i = 0; i < count; i++) {
        const m = it.packet(i);
        // Every second one is urgent: with room in the driver's ring it waits for nobody, and nobody for it.
        m.priority = (i & 1) * 6;
        device.transmit(m);
      }
      expect(conservation(device).text).toBe('');
    });
    machine.process(() => machine.cpu.raiseSoftirq(NET_RX_SOFTIRQ));
  };
  machine.process(() => device.setRootQdisc(new PfifoFast(5)));
  burst(20);
  expect([it.taken, calls]).toEqual([Array.from({ length: 20 }, (_, i) => i), 1]);
  // The driver takes seven; of those left the discipline keeps five in each band, urgent ones first.
  it.taken.length = 0;
  room = 7;
  burst(20);
  expect([it.taken, device.queued]).toEqual([[0, 1, 2, 3, 4, 5, 6], 10]);
  expect(device.dropReport()).toEqual({ QDISC_DROP: 3 });
  room = Infinity;
  machine.process(() => device.txQueues[0].wake());
  expect(it.taken.slice(7)).toEqual([7, 9, 11, 13, 15, 8, 10, 12, 14, 16]);
  expect(conservation(device).text).toBe('');
});

test('it has one queue', () => {
  const { machine } = oneMachine();
  const ops = { open() {}, stop() {}, start() {} };
  expect(() => new NetDevice(new DeviceLayer(machine), 'pull0', ops, 2)).toThrow('has one');
});
