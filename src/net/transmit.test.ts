import { expect, test } from 'vitest';
import { netMachine } from '../../test/vocabulary/net-machine.ts';
import { M_CSUM_UDPv4, type Mbuf } from '../mbuf/mbuf.ts';
import { internetChecksum } from './checksum.ts';
import { NETIF_F_IP_CSUM, NETIF_F_SG } from './device.ts';
import type { Qdisc } from './qdisc.ts';
import { DEV_TX_WEIGHT } from './qdisc-run.ts';

test('a packet goes through the discipline to the driver at once', () => {
  const { packet, send, marks, device } = netMachine();
  send(packet(7));
  expect(marks()).toEqual([7]);
  expect(device.txQueues[0].qdisc?.stats).toMatchObject({ packets: 1, bytes: 60, drops: 0 });
});

test('a packet is refused with the reason: device down, no carrier, too short, too big', () => {
  const { machine, device, packet, send } = netMachine({ open: false });
  send(packet());
  machine.process(() => device.open());
  send(packet(0, 13));
  send(packet(0, 1514));
  send(packet(0, 1515));
  machine.process(() => device.setCarrier(false));
  send(packet());
  expect(device.dropReport()).toEqual({ DEV_READY: 1, PKT_TOO_SHORT: 1, PKT_TOO_BIG: 1, NO_CARRIER: 1 });
  expect(device.offered).toBe(5);
});

test('a VLAN tag makes the longest frame four bytes longer', () => {
  const { device, machine, packet, send, marks } = netMachine();
  for (const [mark, bytes, type] of [
    [1, 1518, 0x8100],
    [2, 1518, 0x88a8],
    [3, 1518, 0x0800],
    [4, 1519, 0x8100],
  ]) {
    const m = packet(mark, bytes);
    machine.memory.u8.set([type >> 8, type & 255], m.data + 12);
    send(m);
  }
  expect(marks()).toEqual([1, 2]);
  expect(device.dropReport()).toEqual({ PKT_TOO_BIG: 2 });
});

test('when the ring is full the queue stops, packets wait, and completion wakes it: order is kept', () => {
  const { nic, packet, send, marks, device, run } = netMachine({ txRing: 4, frameNs: 1000 });
  for (let i = 0; i < 10; i++) send(packet(i));
  expect(device.txQueues[0].stopped).toBe(true);
  expect(device.queued).toBe(6);
  run(100_000);
  expect(marks()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(device.tx.packets).toBe(10);
  expect(device.txQueues[0].stops).toBeGreaterThan(0);
  expect(nic.device.queued).toBe(0);
});

test('what the driver was too busy for goes first, and is asked for again without traffic', () => {
  const { nic, packet, send, marks, device, run } = netMachine({ txRing: 2, careless: true });
  for (let i = 0; i < 5; i++) send(packet(i));
  expect(marks()).toEqual([0, 1]);
  expect(device.txQueues[0].busies).toBeGreaterThan(0);
  expect(device.queued).toBe(3);
  const urgent = packet(99);
  urgent.priority = 6;
  send(urgent);
  for (let i = 0; i < 6; i++) {
    nic.sendOne();
    run(100_000);
  }
  // 2 and 3 were dequeued before the urgent one came.
  expect(marks()).toEqual([0, 1, 2, 3, 99, 4]);
  expect(device.txQueues[0].qdisc?.stats.requeues).toBeGreaterThan(0);
});

test('the driver is told whether another packet follows, and only when one surely does', () => {
  const { nic, machine, packet, device } = netMachine({ txRing: 8 });
  machine.process(() => {
    device.txQueues[0].stop();
    for (let i = 0; i < 3; i++) device.transmit(packet(i));
    device.txQueues[0].wake();
  });
  expect(nic.doorbells).toEqual([true, true, false]);
});

test('a discipline that holds its next packet back does not leave the last one without a doorbell', () => {
  const { nic, clock, packet, send, marks, device, run } = netMachine({ txRing: 8 });
  device.txQueues[0].qdisc = pacer(() => clock.now(), 1000);
  for (let i = 0; i < 3; i++) send(packet(i));
  expect(marks()).toEqual([0]);
  expect(nic.doorbells).toEqual([false]);
  run(1000);
  expect(marks()).toEqual([0, 1]);
  run(1000);
  expect(marks()).toEqual([0, 1, 2]);
  expect(nic.doorbells).toEqual([false, false, false]);
});

/** One packet every `gapNs`. */
function pacer(now: () => number, gapNs: number): Qdisc {
  const waiting: Mbuf[] = [];
  let next = 0;
  return {
    kind: 'pacer',
    stats: { packets: 0, bytes: 0, drops: 0, overlimits: 0, requeues: 0 },
    get length() {
      return waiting.length;
    },
    backlog: 0,
    enqueue: (m) => void waiting.push(m),
    dequeue() {
      if (now() < next) return null;
      const m = waiting.shift() ?? null;
      if (m !== null) next = now() + gapNs;
      return m;
    },
    peek: () => waiting[0] ?? null,
    reset: () => {},
    canBypass: false,
    get nextTimeNs() {
      return next;
    },
  };
}

test('one run of a queue takes its weight and leaves the rest to NET_TX', () => {
  const { machine, packet, marks, device, cpu } = netMachine({ txRing: 256 });
  machine.process(() => {
    device.txQueues[0].stop();
    for (let i = 0; i < 100; i++) device.transmit(packet(i));
    device.txQueues[0].start();
    cpu.bhDisable();
    device.txQueues[0].run();
    expect(marks()).toHaveLength(DEV_TX_WEIGHT);
    cpu.bhEnable();
    expect(marks()).toHaveLength(100);
  });
});

test('a full discipline drops and counts', () => {
  const { machine, packet, device } = netMachine({ machine: { mbufs: 4096, clusters: 64 } });
  machine.process(() => {
    device.txQueues[0].stop();
    for (let i = 0; i < 1003; i++) device.transmit(packet());
  });
  expect(device.dropReport()).toEqual({ QDISC_DROP: 3 });
  expect(device.queued).toBe(1000);
});

test('without a discipline packets go straight, and nothing waits', () => {
  const { packet, send, marks, device } = netMachine({ qdisc: false, txRing: 2 });
  for (let i = 0; i < 4; i++) send(packet(i));
  expect(marks()).toEqual([0, 1]);
  expect(device.dropReport()).toEqual({ QUEUE_STOPPED: 2 });
  const busy = netMachine({ qdisc: false, txRing: 1, careless: true });
  for (let i = 0; i < 2; i++) busy.send(busy.packet(i));
  expect(busy.device.dropReport()).toEqual({ QUEUE_STOPPED: 1 });
});

/** A packet in two members. */
function chained(net: ReturnType<typeof netMachine>): Mbuf {
  const m = net.packet(1, 80);
  const rest = net.machine.mbufs.split(m, 40);
  if (rest === null) throw new Error('no buffers');
  net.machine.mbufs.cat(m, rest);
  expect(m.next).not.toBeNull();
  return m;
}

test('a chain is put in one piece for a device that takes one piece, and left alone for one that gathers', () => {
  const net = netMachine({ txRing: 8 });
  const pieces: boolean[] = [];
  net.layer.packetTypes.addTap({ device: null, see: (m) => void pieces.push(m.next === null) });
  net.send(chained(net));
  net.device.features = NETIF_F_SG;
  net.send(chained(net));
  expect(pieces).toEqual([true, false]);
  expect(net.nic.sent[0]).toEqual(net.nic.sent[1]);
});

test('no buffer to put a chain in one piece is a drop with a reason', () => {
  const net = netMachine({ txRing: 8, machine: { mbufs: 64, clusters: 1 } });
  const { mbufs } = net.machine;
  const m = chained(net);
  const hogs: Mbuf[] = [];
  for (let hog = mbufs.get(); hog !== null; hog = mbufs.get()) hogs.push(hog);
  m.data = m.start + m.size - m.length;
  net.send(m);
  expect(net.device.dropReport()).toEqual({ NOMEM: 1 });
  for (const hog of hogs) mbufs.free(hog);
  expect(mbufs.inUse).toBe(0);
});

test('a checksum that the device cannot put in is put in by software, also over chains of odd members', () => {
  for (const features of [0, NETIF_F_SG]) {
    const net = netMachine({ txRing: 8 });
    net.device.features = features;
    const m = net.packet(3, 75);
    const { u8 } = net.machine.memory;
    u8[m.data + 40] = 0;
    u8[m.data + 41] = 0;
    const rest = net.machine.mbufs.split(m, 51);
    if (rest !== null) net.machine.mbufs.cat(m, rest);
    m.checksumFlags = M_CSUM_UDPv4;
    m.checksumStart = 20;
    m.checksumOffset = 6;
    net.send(m);
    const [sent] = net.nic.sent;
    expect(internetChecksum(sent, 34, 75 - 34)).toBe(0);
    expect((sent[40] << 8) | sent[41]).not.toBe(0);
  }
});

test('a checksum is left to a device that can, and never written into bytes that somebody else reads', () => {
  const net = netMachine({ txRing: 8 });
  const ask = (m: Mbuf): Mbuf => {
    net.machine.memory.u8[m.data + 40] = 0;
    net.machine.memory.u8[m.data + 41] = 0;
    m.checksumFlags = M_CSUM_UDPv4;
    m.checksumStart = 20;
    m.checksumOffset = 6;
    return m;
  };
  net.device.features = NETIF_F_IP_CSUM;
  net.send(ask(net.packet()));
  expect([net.nic.sent[0][40], net.nic.sent[0][41]]).toEqual([0, 0]);
  net.device.features = 0;
  const kept = ask(net.packet(0, 400));
  const copy = net.machine.mbufs.copym(kept, 0, 400);
  if (copy === null) throw new Error('no buffers');
  ask(copy);
  net.send(copy);
  expect(internetChecksum(net.nic.sent[1], 34, 400 - 34)).toBe(0);
  expect(net.machine.memory.u8[kept.data + 40]).toBe(0);
});

test('a buffer that is done in a hard interrupt is freed from NET_TX', () => {
  const net = netMachine({ napi: false, txRing: 4 });
  net.send(net.packet());
  const { mbufs } = net.machine;
  expect(mbufs.inUse).toBe(1);
  let during = -1;
  net.machine.irq.request(9, 'spy', () => {
    during = mbufs.inUse;
    return false;
  });
  net.nic.sendOne();
  net.run(1);
  expect(during).toBe(1);
  expect(mbufs.inUse).toBe(0);
  expect(net.device.tx.packets).toBe(1);
});

test('carrier that goes drops what waits with a reason; what comes back finds the queue working', () => {
  const net = netMachine({ txRing: 2 });
  for (let i = 0; i < 5; i++) net.send(net.packet(i));
  net.machine.process(() => net.device.setCarrier(false));
  expect(net.device.dropReport()).toEqual({ QDISC_RESET: 3 });
  net.machine.process(() => net.device.setCarrier(true));
  for (let i = 0; i < 2; i++) net.nic.sendOne();
  net.run(1);
  net.send(net.packet(9));
  expect(net.marks()).toEqual([0, 1, 9]);
});

test('a queue that stays stopped past the watchdog times out, once a period, and only then', () => {
  const net = netMachine({ txRing: 2 });
  net.run(20_000_000_000);
  expect(net.nic.timeouts).toBe(0);
  for (let i = 0; i < 3; i++) net.send(net.packet(i));
  net.run(4_900_000_000);
  expect(net.nic.timeouts).toBe(0);
  net.run(200_000_000);
  expect(net.nic.timeouts).toBe(1);
  expect(net.log).toEqual(['machine: eth0: transmit queue 0 timed out']);
  net.run(5_000_000_000);
  expect(net.nic.timeouts).toBe(2);
  net.machine.process(() => net.device.setCarrier(false));
  net.run(20_000_000_000);
  expect(net.nic.timeouts).toBe(2);
});
