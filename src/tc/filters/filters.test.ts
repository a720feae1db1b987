// Filters and actions through lines of tc, on two devices of one machine: which class a packet goes to, what becomes of it, and
// that the books of both devices stay right.

import { expect, test } from 'vitest';
import { VirtualClock } from '../../kernel/clock.ts';
import { Machine } from '../../kernel/machine.ts';
import { Random } from '../../kernel/random.ts';
import type { Mbuf } from '../../mbuf/mbuf.ts';
import { conservation } from '../../net/conservation.ts';
import { NetDevice } from '../../net/device.ts';
import { createIfb } from '../../net/ifb.ts';
import { DeviceLayer } from '../../net/layer.ts';
import { Tc } from '../command.ts';
import { TcError } from '../words.ts';

interface Net {
  machine: Machine;
  clock: VirtualClock;
  eth0: NetDevice;
  eth1: NetDevice;
  tc: (line: string) => string;
  /** By destination port: how many left by each class of eth0, and by each device. */
  sent: Record<string, number[]>;
}

/** Devices that send at once; what leaves is noted by its UDP destination port. */
function net(): Net {
  const clock = new VirtualClock();
  const machine = new Machine({ clock, seed: 1 });
  const layer = new DeviceLayer(machine);
  const sent: Record<string, number[]> = { eth0: [], eth1: [] };
  const make = (name: string, last: number): NetDevice => {
    const device = new NetDevice(layer, name, {
      open() {
        device.txQueues[0].start();
        device.setCarrier(true);
      },
      stop() {},
      startXmit(m: Mbuf) {
        const { u8 } = machine.memory;
        sent[name].push((u8[m.data + 36] << 8) | u8[m.data + 37]);
        device.transmitDone(m, true);
        return true;
      },
    });
    device.setAddress(Uint8Array.of(2, 0, 0, 0, 0, last));
    layer.register(device);
    machine.process(() => device.open());
    return device;
  };
  const eth0 = make('eth0', 1);
  const eth1 = make('eth1', 2);
  const control = new Tc(layer);
  return { machine, clock, eth0, eth1, sent, tc: (line) => machine.process(() => control.line(line)).text };
}

interface Udp {
  port?: number;
  to?: number[];
  tos?: number;
  mark?: number;
  priority?: number;
  bytes?: number;
  options?: number;
}

function packet(machine: Machine, udp: Udp): Mbuf {
  const { port = 9, to = [10, 0, 0, 2], tos = 0, mark = 0, priority = 0, bytes = 100, options = 0 } = udp;
  const m = machine.mbufs.getcl()!;
  const { u8 } = machine.memory;
  u8.fill(0, m.data, m.data + bytes);
  const ip = [0x45 + options, tos, 0, bytes - 14, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, ...to];
  u8.set([2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 0, ...ip], m.data);
  u8.set([0, 7, port >> 8, port & 255], m.data + 34 + 4 * options);
  m.length = m.packetLength = bytes;
  m.mark = mark;
  m.priority = priority;
  return m;
}

function send({ machine, eth0 }: Net, udp: Udp): void {
  machine.process(() => eth0.transmit(packet(machine, udp)));
}

function receive({ machine, eth0 }: Net, udp: Udp): void {
  const m = packet(machine, udp);
  m.device = eth0;
  machine.process(() => eth0.receiveBacklog(m));
}

/** Packets of each class of eth0's prio, by -s class show. */
function classes({ tc }: Net): number[] {
  return [...tc('-s class show dev eth0').matchAll(/bytes (\d+) pkt/g)].map(([, count]) => Number(count));
}

function balanced({ machine, eth0, eth1 }: Net): void {
  for (const device of [eth0, eth1]) expect(conservation(device).text).toBe('');
  expect(machine.mbufs.inUse).toBe(0);
}

function prio(...filters: string[]): Net {
  const it = net();
  it.tc('qdisc add dev eth0 root handle 1: prio bands 4 priomap 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3 3');
  for (const filter of filters) it.tc(`filter add dev eth0 parent 1: ${filter}`);
  return it;
}

test.each<[string, string, Udp, Udp]>([
  ['a port', 'protocol ip u32 match ip dport 80 0xffff flowid 1:1', { port: 80 }, { port: 81 }],
  ['a mask', 'protocol ip u32 match ip dport 0x50 0xfff0 flowid 1:1', { port: 95 }, { port: 96 }],
  [
    'a network',
    'protocol ip u32 match ip dst 10.1.0.0/16 flowid 1:1',
    { to: [10, 1, 7, 7] },
    { to: [10, 2, 0, 1] },
  ],
  ['two at once', 'u32 match ip tos 0x10 0xff match ip protocol 17 0xff flowid 1:1', { tos: 16 }, { tos: 0 }],
  [
    'the header behind options',
    'u32 match u16 80 0xffff at nexthdr+2 flowid 1:1',
    { port: 80, options: 3 },
    { port: 8, options: 3 },
  ],
  ['one byte', 'u32 match u8 0x20 0xff at 1 flowid 1:1', { tos: 32 }, { tos: 33 }],
  ['a mark', 'handle 6 fw flowid 1:1', { mark: 6 }, { mark: 7 }],
  ['bits of a mark', 'handle 0x10/0xf0 fw flowid 1:1', { mark: 0x1f }, { mark: 0x20 }],
  ['IP only', 'protocol arp matchall flowid 1:2', {}, {}],
])('%s: %s', (_what, filter, right, wrong) => {
  const it = prio(filter);
  send(it, right);
  send(it, wrong);
  // What no filter names goes to the last band.
  expect(classes(it)).toEqual(filter.includes('arp') ? [0, 0, 0, 2] : [1, 0, 0, 1]);
  balanced(it);
});

test('the mark is the class when fw has no handle; flow spreads by a key', () => {
  const it = prio(
    'protocol ip prio 5 fw',
    'protocol ip prio 9 flow map key priority divisor 2 baseclass 1:1',
  );
  send(it, { mark: 3 });
  send(it, { priority: 0 });
  send(it, { priority: 1 });
  send(it, { priority: 1 });
  expect(classes(it)).toEqual([1, 2, 1, 0]);
});

test('flow hash spreads flows evenly: chi-square at 0.1%', () => {
  const it = prio('protocol ip flow hash keys src,dst,proto,proto-src,proto-dst divisor 4 baseclass 1:1');
  const dice = new Random(3);
  for (let i = 0; i < 2000; i++)
    send(it, { port: dice.below(65_536), to: [10, dice.below(256), dice.below(256), 1] });
  const chi = classes(it).reduce((sum, count) => sum + (count - 500) ** 2 / 500, 0);
  expect(chi).toBeLessThan(16.27);
});

test('the lowest pref is asked first, continue asks the next, reclassify ends', () => {
  const it = prio(
    'prio 9 matchall flowid 1:3',
    'prio 2 matchall flowid 1:2 action continue',
    'protocol ip prio 1 u32 match ip dport 1 0xffff flowid 1:1',
    'prio 5 u32 match ip dport 3 0xffff action reclassify',
  );
  send(it, { port: 1 });
  send(it, { port: 2 });
  send(it, { port: 3 });
  expect(classes(it)).toEqual([1, 0, 1, 0]);
  expect(it.eth0.dropReport()).toEqual({ QDISC_DROP: 1 });
  balanced(it);
});

test('drop, and a priority that names the class', () => {
  const it = prio(
    'prio 1 u32 match ip dport 1 0xffff action drop',
    'prio 2 u32 match ip dport 2 0xffff action skbedit priority 1:2 pipe action pass',
  );
  send(it, { port: 1 });
  send(it, { port: 2 });
  send(it, { port: 2, priority: 0x10002 });
  expect(it.eth0.dropReport()).toEqual({ QDISC_DROP: 1 });
  expect(classes(it)).toEqual([0, 1, 0, 1]);
  balanced(it);
});

test('mirred: redirected packets leave by the other device, mirrored ones by both', () => {
  const it = prio(
    'prio 1 u32 match ip dport 1 0xffff action mirred egress redirect dev eth1',
    'prio 2 u32 match ip dport 2 0xffff action mirred egress mirror dev eth1',
  );
  for (const port of [1, 2, 3]) send(it, { port });
  expect(it.sent).toEqual({ eth0: [2, 3], eth1: [1, 2] });
  expect(it.eth0.stolenOut).toBe(1);
  expect(it.tc('-s filter show dev eth0')).toMatch(
    /Egress Redirect to device eth1\) stolen[\s\S]*Sent 100 bytes 1 pkt/,
  );
  balanced(it);
});

test('mirred in a circle ends, and a device that is down takes nothing', () => {
  const it = net();
  for (const [dev, other] of [
    ['eth0', 'eth1'],
    ['eth1', 'eth0'],
  ]) {
    it.tc(`qdisc add dev ${dev} root handle 1: prio`);
    it.tc(`filter add dev ${dev} parent 1: matchall action mirred egress redirect dev ${other}`);
  }
  send(it, {});
  expect(it.sent).toEqual({ eth0: [], eth1: [] });
  expect([it.eth0.dropReport(), it.eth1.dropReport()].flatMap(Object.keys)).toEqual(['REDIRECT_LOOP']);
  balanced(it);
  it.machine.process(() => it.eth1.close());
  send(it, {});
  expect(it.eth0.dropReport().QDISC_DROP).toBe(1);
  balanced(it);
});

test('ingress: dropped, redirected and mirrored before any protocol sees them', () => {
  const it = net();
  it.tc('qdisc add dev eth0 ingress');
  it.tc('filter add dev eth0 ingress prio 1 u32 match ip dport 1 0xffff action drop');
  it.tc(
    'filter add dev eth0 parent ffff: prio 2 u32 match ip dport 2 0xffff action mirred egress redirect dev eth1',
  );
  it.tc(
    'filter add dev eth0 parent ffff: prio 3 u32 match ip dport 3 0xffff action mirred ingress redirect dev eth1',
  );
  for (const port of [1, 2, 3, 4]) receive(it, { port });
  expect(it.eth0.dropReport()).toEqual({ TC_INGRESS: 1, UNHANDLED_PROTO: 1 });
  expect(it.sent.eth1).toEqual([2]);
  expect(it.eth1.dropReport()).toEqual({ UNHANDLED_PROTO: 1 });
  expect(it.tc('-s qdisc show dev eth0 ingress')).toContain('Sent 400 bytes 4 pkt (dropped 1,');
  balanced(it);
  it.tc('qdisc del dev eth0 ingress');
  receive(it, { port: 1 });
  expect(it.eth0.dropReport().TC_INGRESS).toBe(1);
});

test('clsact looks at what goes out too, before the root', () => {
  const it = net();
  it.tc('qdisc add dev eth0 clsact');
  it.tc('filter add dev eth0 egress u32 match ip dport 1 0xffff action drop');
  send(it, { port: 1 });
  send(it, { port: 2 });
  expect(it.sent.eth0).toEqual([2]);
  expect(it.eth0.dropReport()).toEqual({ TC_EGRESS: 1 });
  balanced(it);
});

test('police: no interval has more than burst + rate * t, and all of that is used', () => {
  const it = net();
  it.tc('qdisc add dev eth0 clsact');
  it.tc('filter add dev eth0 egress matchall police rate 800kbit burst 3000 conform-exceed drop/ok');
  const dice = new Random(5);
  const start = it.clock.now();
  const passed: { at: number; bytes: number }[] = [];
  while (it.clock.now() - start < 2e9) {
    it.clock.run(it.clock.now() + dice.below(2_000_000));
    const bytes = 60 + dice.below(1000);
    const before = it.sent.eth0.length;
    send(it, { bytes });
    if (it.sent.eth0.length > before) passed.push({ at: it.clock.now(), bytes });
  }
  let lowest = 0;
  let sum = 0;
  for (const { at, bytes } of passed) {
    const allowed = ((at - start) * 100_000) / 1e9;
    lowest = Math.min(lowest, sum - allowed);
    sum += bytes;
    expect(sum - allowed - lowest).toBeLessThanOrEqual(3001);
  }
  expect(sum).toBeGreaterThan(0.95 * 200_000);
  expect(it.eth0.dropReport().TC_EGRESS).toBeGreaterThan(100);
  balanced(it);
});

test('short and strange packets match nothing and harm nothing', () => {
  const it = prio(
    'u32 match u32 0 0xffffffff at 1000 flowid 1:1',
    'u32 match u16 1 0xffff at nexthdr+2 flowid 1:2',
  );
  const dice = new Random(9);
  it.machine.process(() => {
    for (let i = 0; i < 500; i++) {
      const m = packet(it.machine, { bytes: 60 });
      m.length = m.packetLength = 14 + dice.below(30);
      for (let k = 12; k < m.length; k++) it.machine.memory.u8[m.data + k] = dice.below(256);
      it.eth0.transmit(m);
    }
  });
  expect(classes(it)[0]).toBe(0);
  expect(it.eth0.tx.packets).toBe(500);
  balanced(it);
});

test.each([
  ['filter add dev eth0 parent 9: matchall', "Parent Qdisc doesn't exists (there is no 9:)"],
  ['filter add dev eth0 parent 1: fw flowid 1:1', 'fw without a handle takes the mark for the class'],
  ['filter add dev eth0 parent 1: u32 flowid 1:1', 'the line ends after word 9: expected match SELECTOR'],
  [
    'filter add dev eth0 parent 1: u32 match ip dport 80 flowid 1:1',
    'word 12 "flowid": expected dport 80: a mask',
  ],
  [
    'filter add dev eth0 parent 1: u32 match ip dst 10.0.0.256',
    'word 11 "10.0.0.256": expected dst: an IPv4 address',
  ],
  [
    'filter add dev eth0 parent 1: matchall action mirred egress redirect dev eth7',
    'word 13 "eth7": expected a device: eth0, eth1',
  ],
  [
    'filter add dev eth0 parent 1: matchall action frobnicate',
    'word 9 "frobnicate": expected action: gact, mirred',
  ],
  ['filter add dev eth0 parent 1: flower', 'word 7 "flower": expected dev, parent, protocol, prio'],
  ['filter add dev eth0 parent 1: matchall police burst 10k', 'expected rate RATE'],
  ['filter del dev eth0 parent 1: prio 3', 'there is none with pref 3'],
  ['filter show', 'expected dev DEVICE'],
])('refused: %s', (line, message) => {
  const it = prio();
  expect(() => it.tc(line)).toThrow(TcError);
  expect(() => it.tc(line)).toThrow(message);
});

test('what comes in is shaped by an ifb, and then goes on to the protocols', () => {
  const it = net();
  const ifb = createIfb(it.eth0.layer, 'ifb0');
  it.machine.process(() => ifb.open());
  it.tc('qdisc add dev ifb0 root tbf rate 800kbit burst 2000 limit 100kb');
  it.tc('qdisc add dev eth0 ingress');
  it.tc('filter add dev eth0 parent ffff: matchall flowid 1:1 action mirred egress redirect dev ifb0');
  for (let i = 0; i < 20; i++) receive(it, { bytes: 1000 });
  expect(it.eth0.dropReport()).toEqual({ UNHANDLED_PROTO: 2 });
  it.clock.run(it.clock.now() + 100_000_000);
  // Two at once, and one each 10 ms.
  expect(it.eth0.dropReport()).toEqual({ UNHANDLED_PROTO: 12 });
  it.clock.run(it.clock.now() + 1_000_000_000);
  expect(it.eth0.dropReport()).toEqual({ UNHANDLED_PROTO: 20 });
  expect(conservation(ifb).text).toBe('');
  balanced(it);
});

test("u32 with neither class nor action only looks; a flow key's high bits count; a flowid of another discipline is none here", () => {
  const it = prio('prio 1 u32 match u32 0 0', 'prio 2 matchall flowid 9:1', 'prio 3 matchall flowid 1:2');
  send(it, {});
  expect(classes(it)).toEqual([0, 0, 0, 1]);
  const spread = prio('flow hash keys mark divisor 4 baseclass 1:1');
  for (let i = 0; i < 64; i++) send(spread, { mark: (i << 24) >>> 0 });
  expect(Math.min(...classes(spread))).toBeGreaterThan(4);
});

test('a class that a filter names stays', () => {
  const it = net();
  it.tc('qdisc add dev eth0 root handle 1: drr');
  it.tc('class add dev eth0 parent 1: classid 1:5 drr');
  it.tc('filter add dev eth0 parent 1: matchall flowid 1:5');
  expect(() => it.tc('class del dev eth0 classid 1:5')).toThrow('DRR class in use');
  it.tc('filter del dev eth0 parent 1:');
  // One of another discipline's holds nothing here.
  it.tc('filter add dev eth0 parent 1: u32 match ip firstfrag flowid 9:5');
  expect(it.tc('filter show dev eth0')).toContain('match 00002000/00003fff at 4');
  it.tc('class del dev eth0 classid 1:5');
});

test('filters are shown as iproute2 shows them, and deleted by pref and handle', () => {
  const it = prio(
    'protocol ip prio 1 u32 match ip dst 10.0.0.1/24 match ip dport 80 0xffff flowid 1:1',
    'protocol ip prio 1 u32 match u8 0x10 0xff at nexthdr+13 flowid 1:2',
    'u32 match u32 0 0 flowid 1:1',
    'protocol ip prio 7 handle 6 fw flowid 1:3',
  );
  const lines = it.tc('filter show dev eth0').split('\n');
  expect(lines.map((line) => line.trimEnd())).toEqual([
    'filter parent 1: protocol ip pref 1 u32 chain 0',
    'filter parent 1: protocol ip pref 1 u32 chain 0 fh 800: ht divisor 1',
    'filter parent 1: protocol ip pref 1 u32 chain 0 fh 800::800 order 2048 key ht 800 bkt 0 *flowid 1:1 not_in_hw',
    '  match 0a000000/ffffff00 at 16',
    '  match 00000050/0000ffff at 20',
    'filter parent 1: protocol ip pref 1 u32 chain 0 fh 800::801 order 2049 key ht 800 bkt 0 *flowid 1:2 not_in_hw',
    '  match 00100000/00ff0000 at nexthdr+12',
    'filter parent 1: protocol ip pref 7 fw chain 0',
    'filter parent 1: protocol ip pref 7 fw chain 0 handle 0x6 classid 1:3',
    'filter parent 1: protocol all pref 49152 u32 chain 0',
    'filter parent 1: protocol all pref 49152 u32 chain 0 fh 801: ht divisor 1',
    'filter parent 1: protocol all pref 49152 u32 chain 0 fh 801::800 order 2048 key ht 801 bkt 0 *flowid 1:1 not_in_hw',
    '  match 00000000/00000000 at 0',
  ]);
  it.tc('filter del dev eth0 parent 1: protocol ip prio 1 handle 800::800 u32');
  expect(it.tc('filter show dev eth0')).not.toContain('800::800 ');
  it.tc('filter del dev eth0 parent 1:');
  expect(it.tc('filter show dev eth0')).toBe('');
});
