import { expect, test } from 'vitest';
import { oneMachine } from '../../test/vocabulary/one-machine.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { PfifoFast } from '../qdisc/pfifo-fast.ts';
import { conservation } from './conservation.ts';
import { NetDevice } from './device.ts';
import { deviceEnv } from './device-env.ts';
import { DeviceLayer } from './layer.ts';
import type { Qdisc } from './qdisc.ts';

const SECOND = 1_000_000_000;

/** A device with several queues whose driver keeps what it gets, `room` packets a queue. */
function several(queues: number, options: { cpus?: number; room?: number; pick?: (m: Mbuf) => number } = {}) {
  const one = oneMachine({ cpus: options.cpus ?? 1, mbufs: 4096, clusters: 2048 });
  const { machine } = one;
  const layer = new DeviceLayer(machine);
  const sent: number[][] = Array.from({ length: queues }, () => []);
  const held: Mbuf[][] = Array.from({ length: queues }, () => []);
  const order: number[] = [];
  const timeouts: number[] = [];
  const room = options.room ?? Infinity;
  const device: NetDevice = new NetDevice(
    layer,
    'eth0',
    {
      open() {
        for (const queue of device.txQueues) queue.start();
        device.setCarrier(true);
      },
      stop() {
        for (const list of held) for (const m of list.splice(0)) device.transmitDone(m, false);
      },
      startXmit(m, queue) {
        const mark = machine.memory.u8[m.data + m.length - 1];
        sent[queue].push(mark);
        order.push(mark);
        held[queue].push(m);
        if (held[queue].length >= room) device.txQueues[queue].stop();
        return true;
      },
      selectQueue: options.pick,
      held: () => held.reduce((sum, list) => sum + list.length, 0),
      txTimeout: (queue) => void timeouts.push(queue),
    },
    queues,
  );
  device.address.set([2, 0, 0, 0, 0, 1]);
  layer.register(device);
  machine.process(() => device.open());
  const packet = (flow: number, mark = flow): Mbuf => {
    const ip = [0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, flow >> 8, flow & 255];
    const bytes = [2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 0, ...ip, 0, 1, 0, 2, ...new Array(22).fill(mark)];
    const m = machine.mbufs.fromBytes(Uint8Array.from(bytes));
    if (m === null) throw new Error('no buffers');
    return m;
  };
  const send = (m: Mbuf, cpu = 0): void => void machine.cpus[cpu].process(() => device.transmit(m));
  /** The oldest packet of the queue has left. */
  const leave = (queue: number): void => {
    machine.process(() => {
      device.transmitDone(held[queue].shift()!, true);
      device.txQueues[queue].wake();
    });
  };
  return { ...one, layer, device, sent, held, order, timeouts, packet, send, leave };
}

const fifo = (): Qdisc => new PfifoFast(1000);

test('packets go to queues by flow: a flow stays on one, many flows fill all alike (chi-square below 11.3)', () => {
  const net = several(4);
  for (let flow = 0; flow < 1000; flow++) for (let i = 0; i < 2; i++) net.send(net.packet(flow, flow & 255));
  for (const marks of net.sent) for (let i = 0; i < marks.length; i += 2) expect(marks[i]).toBe(marks[i + 1]);
  const chiSquare = net.sent.reduce((sum, { length }) => sum + (length / 2 - 250) ** 2 / 250, 0);
  expect(chiSquare).toBeLessThan(11.3); // 3 degrees of freedom, 99%
});

test('the driver chooses first, then XPS by CPU, then the receive queue; mqprio keeps to the ranges of its classes', () => {
  const chosen = several(4, { pick: () => 2 });
  for (let flow = 0; flow < 20; flow++) chosen.send(chosen.packet(flow));
  expect(chosen.sent.map(({ length }) => length)).toEqual([0, 0, 20, 0]);

  const net = several(4, { cpus: 2, pick: () => -1 });
  net.device.xps = [[3], [0, 1]];
  for (let flow = 0; flow < 40; flow++) net.send(net.packet(flow), flow & 1);
  expect([net.sent[2].length, net.sent[3].length, net.sent[0].length + net.sent[1].length]).toEqual([
    0, 20, 20,
  ]);
  expect(Math.min(net.sent[0].length, net.sent[1].length)).toBeGreaterThan(4);

  net.device.xps = [];
  const recorded = net.packet(7);
  recorded.rxQueue = 3;
  net.send(recorded);
  expect(net.sent[2]).toEqual([7]);

  const classes = several(4);
  classes.device.prioToTc.set([0, 0, 1, 1]);
  classes.device.tcToQueues = [
    { count: 1, offset: 0 },
    { count: 3, offset: 1 },
  ];
  for (let flow = 0; flow < 60; flow++) {
    const m = classes.packet(flow, flow & 3);
    m.priority = flow & 3;
    classes.send(m);
  }
  expect(new Set(classes.sent[0])).toEqual(new Set([0, 1]));
  for (const queue of [1, 2, 3]) expect(new Set(classes.sent[queue])).toEqual(new Set([2, 3]));
});

test('one discipline for all queues: order is kept, and nothing overtakes a packet whose queue is stopped', () => {
  const net = several(2, { room: 2, pick: (m) => m.priority & 1 });
  net.machine.process(() => net.device.setRootQdisc(fifo()));
  const mark = (queue: number, value: number): void => {
    const m = net.packet(1, value);
    m.priority = queue;
    net.send(m);
  };
  for (const [queue, value] of [
    [0, 1],
    [0, 2],
    [0, 3],
    [1, 4],
    [1, 5],
  ])
    mark(queue, value);
  expect(net.order).toEqual([1, 2]);
  expect(net.device.queued).toBe(3);
  expect(conservation(net.device).text).toBe('');
  net.leave(0);
  expect(net.order).toEqual([1, 2, 3, 4, 5]);
  expect([net.device.queued, net.device.rootQdisc?.stats.packets]).toEqual([0, 5]);
});

test('a discipline for each queue: a stopped one does not hold up the others', () => {
  const net = several(2, { room: 2, pick: (m) => m.priority & 1 });
  const root = fifo();
  net.machine.process(() => net.device.setQueueQdiscs(root, [fifo(), fifo()]));
  expect(() => net.device.setQueueQdiscs(root, [fifo()])).toThrow('one each wanted');
  for (const [queue, value] of [
    [0, 1],
    [0, 2],
    [0, 3],
    [1, 4],
    [1, 5],
  ]) {
    const m = net.packet(1, value);
    m.priority = queue;
    net.send(m);
  }
  expect([net.order, net.device.queued, net.device.rootQdisc]).toEqual([[1, 2, 4, 5], 1, root]);
});

test('another root drops what the one before held, as QDISC_RESET; null is noqueue', () => {
  const net = several(2, { room: 1, pick: () => 0 });
  net.machine.process(() => net.device.setRootQdisc(fifo()));
  for (let i = 0; i < 5; i++) net.send(net.packet(1));
  expect(net.device.queued).toBe(4);
  net.machine.process(() => net.device.setRootQdisc(fifo()));
  expect([net.device.queued, net.device.dropReport()]).toEqual([0, { QDISC_RESET: 4 }]);
  net.machine.process(() => net.device.setRootQdisc(null));
  expect([net.device.rootQdisc, net.device.txQueues[1].qdisc]).toEqual([null, null]);
  net.send(net.packet(1));
  expect(net.device.dropReport()).toEqual({ QDISC_RESET: 4, QUEUE_STOPPED: 1 });
  expect(conservation(net.device).text).toBe('');
});

test('each queue has a watchdog of its own', () => {
  const net = several(3, { room: 1, pick: (m) => m.priority });
  const on = (queue: number): void => {
    const m = net.packet(1);
    m.priority = queue;
    net.send(m);
  };
  on(0);
  net.run(3 * SECOND);
  on(2);
  net.run(2.5 * SECOND);
  expect(net.timeouts).toEqual([0]);
  net.run(5 * SECOND);
  expect(net.timeouts).toEqual([0, 0, 2]);
  expect(net.device.txQueues.map(({ timeouts }) => timeouts)).toEqual([2, 0, 1]);
});

test('hooks: what they take is gone, what they pass goes on, to the queue they choose', () => {
  const net = several(4);
  const { device } = net;
  device.egress = (m) => {
    if (net.machine.memory.u8[m.data + m.length - 1] === 3) m.queue = 2;
    if (net.machine.memory.u8[m.data + m.length - 1] !== 9) return true;
    device.stolenOut++;
    net.machine.mbufs.freem(m);
    return false;
  };
  for (const mark of [3, 9, 3]) net.send(net.packet(mark));
  expect([net.sent[2], net.order.length, device.stolenOut, conservation(device).text]).toEqual([
    [3, 3],
    2,
    1,
    '',
  ]);
});

test('what is sent on from device to device goes from NET_TX, at most four times, and is always in the books', () => {
  const net = several(1);
  const { device, layer, machine } = net;
  layer.defaultQdisc = null;
  // Everything it sends, it is to send again.
  device.egress = (m) => {
    device.stolenOut++;
    layer.softnet.sendLater(m, device, false);
    return false;
  };
  net.send(net.packet(1));
  expect(device.dropReport()).toEqual({ REDIRECT_LOOP: 1 });
  expect([device.stolenOut, conservation(device).text]).toEqual([5, '']);
  device.egress = null;
  const taken: Mbuf[] = [];
  layer.packetTypes.add({ name: 'ip', type: 0x0800, device: null, receive: (m) => void taken.push(m) });
  machine.process(() => {
    machine.cpu.bhDisable();
    layer.softnet.sendLater(net.packet(2), device, false);
    layer.softnet.sendLater(net.packet(3), device, true);
    expect([device.queued, net.order, conservation(device).text]).toEqual([1, [], '']);
    machine.cpu.bhEnable();
  });
  expect([net.order, taken.length, device.injected, device.rx.packets]).toEqual([[2], 1, 1, 1]);
  expect(taken[0].redirects).toBe(1);
  machine.process(() => device.close());
  machine.process(() => layer.softnet.sendLater(net.packet(4), device, true));
  machine.process(() => layer.softnet.sendLater(net.packet(5), device, false));
  expect(device.dropReport()).toMatchObject({ IF_DOWN: 1, DEV_READY: 1 });
  machine.process(() => {
    machine.cpu.bhDisable();
    layer.softnet.sendLater(net.packet(4), device, true);
    layer.softnet.sendLater(net.packet(5), device, false);
    layer.softnet.flushBacklog(device);
    expect(device.queued).toBe(0);
    machine.cpu.bhEnable();
  });
  expect([device.queued, conservation(device).text]).toEqual([0, '']);
});

test('what a discipline copies is in the books', () => {
  const net = several(1);
  const env = deviceEnv(net.device, 'copier');
  env.copied();
  expect([net.device.copied, conservation(net.device).missingOut]).toEqual([1, 1]);
  expect(env.random.next32()).not.toBe(deviceEnv(net.device, 'other').random.next32());
  expect(deviceEnv(net.device, 'copier').random.next32()).toBe(net.machine.random('eth0/copier').next32());
});
