import { expect, test } from 'vitest';
import { oneMachine } from '../../../test/vocabulary/one-machine.ts';
import type { Mbuf } from '../../mbuf/mbuf.ts';
import { NETDEV_TX_BUSY, NetDevice } from '../../net/device.ts';
import { DeviceLayer } from '../../net/layer.ts';
import { PfifoFast } from '../../qdisc/pfifo-fast.ts';
import { Tc } from '../command.ts';

/** A device with four transmit queues, and its tc. */
function fourQueues() {
  const { machine } = oneMachine();
  const layer = new DeviceLayer(machine);
  const device = new NetDevice(layer, 'eth0', { open() {}, stop() {}, startXmit: () => NETDEV_TX_BUSY }, 4);
  layer.register(device);
  const tc = new Tc(layer);
  return { device, layer, run: (line: string) => machine.process(() => tc.line(line)).text };
}

test('mq: a discipline for each queue, replaced one by one', () => {
  const { device, run } = fourQueues();
  run('qdisc add dev eth0 root handle 1: mq');
  run('qdisc add dev eth0 parent 1:2 handle 20: fq_codel');
  run('qdisc replace dev eth0 parent 1:3 handle 30: prio bands 2 priomap 1 1 1 1 1 1 0 0 1 1 1 1 1 1 1 1');
  run('qdisc add dev eth0 parent 30:1 sfq perturb 10');
  expect(device.txQueues.map((queue) => queue.qdisc?.kind)).toEqual([
    'pfifo_fast',
    'fq_codel',
    'prio',
    'pfifo_fast',
  ]);
  expect(run('class show dev eth0')).toMatchInlineSnapshot(`
    "class mq 1:1 root 
    class mq 1:2 root leaf 20: 
    class mq 1:3 root leaf 30: 
    class mq 1:4 root 
    class prio 30:1 parent 30: leaf 8001: 
    class prio 30:2 parent 30: "
  `);
  run('qdisc del dev eth0 root');
  expect(device.rootQdisc?.kind).not.toBe('mq');
});

test('mqprio: traffic classes and their queues', () => {
  const { device, run } = fourQueues();
  run('qdisc add dev eth0 root handle 1: mqprio num_tc 2 map 0 0 0 0 0 0 1 1 queues 3@0 1@3 hw 0');
  expect(device.tcToQueues).toEqual([
    { count: 3, offset: 0 },
    { count: 1, offset: 3 },
  ]);
  run('qdisc replace dev eth0 root handle 2: pfifo');
  expect(device.tcToQueues).toEqual([]);
  expect(() => run('qdisc add dev eth0 parent 1:1 pfifo')).toThrow();
});

test('a device with several queues has mq 0: and its leaves when nobody said otherwise, and again after del root', () => {
  const { device, layer, run } = fourQueues();
  expect(run('qdisc show')).toBe('qdisc noqueue 0: dev eth0 root refcnt 2 ');
  layer.defaultQdisc = (limit) => new PfifoFast(limit);
  const other = new NetDevice(layer, 'eth1', device.ops, 2);
  layer.register(other);
  const text = run('qdisc show dev eth1');
  expect(text).toMatchInlineSnapshot(`
    "qdisc mq 0: root 
    qdisc pfifo_fast 0: parent :2 bands 3 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1 
    qdisc pfifo_fast 0: parent :1 bands 3 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1 "
  `);
  run('qdisc add dev eth1 root handle 1: mqprio num_tc 2 map 1 1 queues 1@0 1@1 hw 0');
  expect(other.prioToTc[0]).toBe(1);
  run('qdisc del dev eth1 root');
  expect([other.tcToQueues, other.prioToTc[0]]).toEqual([[], 0]);
  expect(run('qdisc show dev eth1')).toBe(text);
  expect(() => run('qdisc del dev eth1 root')).toThrow('handle of zero');
});

test.each([
  [
    'qdisc change dev eth0 root tbf rate 1gbit burst 1600 limit 100kb',
    ['tbf rate 1kbit burst 1600 limit 100kb'],
  ],
  [
    'class change dev eth0 classid 1:1 htb rate 1gbit',
    ['htb default 1', 'class add dev eth0 parent 1: classid 1:1 htb rate 1kbit'],
  ],
])('after %s what waited for the old rate goes at the new one', (change, [root, ...others]) => {
  const { machine, clock } = oneMachine();
  const layer = new DeviceLayer(machine);
  const startXmit = (m: Mbuf): boolean => {
    device.transmitDone(m, true);
    return true;
  };
  const device: NetDevice = new NetDevice(layer, 'eth0', { open() {}, stop() {}, startXmit });
  device.address[0] = 2;
  layer.register(device);
  const tc = new Tc(layer);
  machine.process(() => {
    device.open();
    device.setCarrier(true);
    device.txQueues[0].start();
    for (const line of [`qdisc add dev eth0 root handle 1: ${root}`, ...others]) tc.line(line);
    for (let i = 0; i < 10; i++) device.transmit(machine.mbufs.fromBytes(new Uint8Array(1500))!);
  });
  clock.run(1000);
  expect(device.queued).toBeGreaterThan(7);
  machine.process(() => tc.line(change));
  clock.run(1e6);
  expect([device.queued, device.tx.packets]).toEqual([0, 10]);
});

test('drr: classes come and go', () => {
  const { run } = fourQueues();
  run('qdisc add dev eth0 root handle 1: drr');
  run('class add dev eth0 parent 1: classid 1:1 drr');
  run('class add dev eth0 parent 1: classid 1:a drr quantum 3000');
  run('class change dev eth0 parent 1: classid 1:1 drr quantum 500');
  run('qdisc add dev eth0 parent 1:a red limit 400000 avpkt 1000');
  expect(run('class show dev eth0')).toMatchInlineSnapshot(`
    "class drr 1:1 root quantum 500b 
    class drr 1:a root leaf 8001: quantum 3000b 
    class red 8001:1 parent 8001: "
  `);
  run('class del dev eth0 classid 1:1');
  expect(run('class show dev eth0')).toMatchInlineSnapshot(`
    "class drr 1:a root leaf 8001: quantum 3000b 
    class red 8001:1 parent 8001: "
  `);
  expect(() => run('class del dev eth0 classid 1:1')).toThrow();
});
