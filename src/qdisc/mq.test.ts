import { expect, test } from 'vitest';
import { oneMachine } from '../../test/vocabulary/one-machine.ts';
import { NETDEV_TX_BUSY, NetDevice } from '../net/device.ts';
import { DROP_QDISC_RESET } from '../net/drop-reason.ts';
import { DeviceLayer } from '../net/layer.ts';
import { attachQdisc } from './attach.ts';
import { Pfifo } from './fifo.ts';
import { Mq, type MqprioOptions } from './mq.ts';
import { TestEnv } from './testing-env.ts';

const never = (): void => expect.unreachable();
const env = new TestEnv(1);

/** A device with four transmit queues that is not up: what is queued stays. */
function fourQueues() {
  const { machine } = oneMachine();
  const layer = new DeviceLayer(machine);
  const ops = { open() {}, stop() {}, startXmit: () => NETDEV_TX_BUSY };
  return { machine, device: new NetDevice(layer, 'eth0', ops, 4) };
}

function four(mqprio: MqprioOptions | null = null): Mq {
  return new Mq(
    Array.from({ length: 4 }, () => new Pfifo(env, { limit: 10 })),
    mqprio,
  );
}

const PRIO: MqprioOptions = {
  map: [0, 1, 1, 1, 0, 1, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0],
  queues: [
    { count: 2, offset: 0 },
    { count: 1, offset: 2 },
    { count: 1, offset: 3 },
  ],
};

test('mq has a class for each queue, whose counters and lengths add up to its own', () => {
  const mq = four();
  mq.qdiscs[1].enqueue(env.packet(0, 100), never);
  mq.qdiscs[3].enqueue(env.packet(0, 200), never);
  mq.qdiscs[3].stats.packets = 7;
  mq.qdiscs[0].stats.drops = 2;
  expect([mq.kind, mq.length, mq.backlog, mq.stats.packets, mq.stats.drops]).toEqual(['mq', 2, 300, 7, 2]);
  const classes = mq.classes().map(({ minor, parent, leaf, length }) => [minor, parent, leaf?.kind, length]);
  expect(classes).toEqual([
    [1, 0, 'pfifo', 0],
    [2, 0, 'pfifo', 1],
    [3, 0, 'pfifo', 0],
    [4, 0, 'pfifo', 1],
  ]);
  let dropped = 0;
  mq.enqueue(env.packet(0, 100), () => dropped++);
  expect([dropped, mq.stats.drops, mq.dequeue(never), mq.peek(never)]).toEqual([1, 3, null, null]);
  mq.reset(() => dropped++);
  expect([dropped, mq.length]).toEqual([3, 0]);
});

test('mqprio: traffic classes stand above their queues', () => {
  const mqprio = four(PRIO);
  mqprio.qdiscs[1].enqueue(env.packet(0, 100), never);
  const classes = mqprio.classes().map(({ minor, parent, length }) => [minor, parent, length]);
  expect(classes).toEqual([
    [1, 0xffe0, 0],
    [2, 0xffe0, 1],
    [3, 0xffe1, 0],
    [4, 0xffe2, 0],
    [0xffe0, 0, 1],
    [0xffe1, 0, 0],
    [0xffe2, 0, 0],
  ]);
});

test('attached, each queue of the device runs its own; a graft takes the place of one', () => {
  const { device } = fourQueues();
  const mq = four();
  attachQdisc(device, mq);
  expect(device.rootQdisc === mq).toBe(true);
  expect(device.txQueues.map((queue, i) => queue.qdisc === mq.qdiscs[i])).toEqual([true, true, true, true]);
  const leaf = new Pfifo(env, { limit: 3 });
  mq.qdiscs[2].enqueue(env.packet(0, 100), never);
  let dropped = 0;
  mq.graft(3, leaf, () => dropped++);
  expect([dropped, device.txQueues[2].qdisc === leaf, mq.qdiscs[2] === leaf]).toEqual([1, true, true]);
  expect(() => mq.graft(5, leaf, never)).toThrow('1 to 4 wanted');
  leaf.enqueue(env.packet(0, 100), never);
  expect(() => mq.graft(1, leaf, never)).toThrow('an empty one wanted');
  leaf.reset(() => {});
});

test('mqprio attached: the priority picks the queues; another root, and it is over', () => {
  const { device } = fourQueues();
  attachQdisc(device, four(PRIO));
  expect([...device.prioToTc].slice(0, 8)).toEqual([0, 1, 1, 1, 0, 1, 2, 2]);
  expect(device.tcToQueues).toEqual(PRIO.queues);
  const single = new Pfifo(env);
  attachQdisc(device, single);
  expect([device.tcToQueues.length, device.prioToTc[6], device.rootQdisc === single]).toEqual([0, 0, true]);
  attachQdisc(device, null);
  expect(device.rootQdisc).toBe(null);
});

test('what the old ones held is dropped by the device', () => {
  const { device, machine } = fourQueues();
  const mq = four();
  attachQdisc(device, mq);
  for (const qdisc of mq.qdiscs) {
    const m = machine.mbufs.gethdr();
    if (m === null) throw new Error('no buffers');
    m.length = m.packetLength = 60;
    qdisc.enqueue(m, never);
  }
  attachQdisc(device, null);
  expect([mq.length, device.drops[DROP_QDISC_RESET]]).toEqual([0, 4]);
});

test('wrong ones say what would be right', () => {
  const [one] = four().qdiscs;
  expect(() => new Mq([one])).toThrow('a device with several wanted');
  const wrong: [Partial<MqprioOptions>, string][] = [
    [{ map: [0, 1] }, '16 traffic classes from 0 to 2'],
    [{ map: Array(16).fill(3) }, '16 traffic classes from 0 to 2'],
    [{ queues: [] }, '1 to 16 wanted'],
    [{ queues: [{ count: 5, offset: 0 }], map: Array(16).fill(0) }, 'of the 4 that there are'],
    [
      { queues: [PRIO.queues[0], { count: 2, offset: 1 }], map: Array(16).fill(0) },
      'a queue has one traffic class only',
    ],
  ];
  for (const [options, message] of wrong) expect(() => four({ ...PRIO, ...options })).toThrow(message);
  const { device } = fourQueues();
  expect(() => attachQdisc(device, new Mq(four().qdiscs.slice(0, 2)))).toThrow('one each wanted');
});
