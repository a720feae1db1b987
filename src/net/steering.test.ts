import { expect, test } from 'vitest';
import { oneMachine } from '../../test/vocabulary/one-machine.ts';
import { ClockEvent } from '../kernel/clock.ts';
import { IrqLine } from '../kernel/irq.ts';
import { X86_DESKTOP } from '../kernel/profile.ts';
import { RESCHEDULE } from '../kernel/thread.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { PfifoFast } from '../qdisc/pfifo-fast.ts';
import { conservation } from './conservation.ts';
import { NetDevice } from './device.ts';
import { DeviceLayer } from './layer.ts';
import { Napi } from './napi.ts';
import { FlowTable } from './steering.ts';

const MS = 1_000_000;
/** ns of work on a packet above the device layer. */
const PROTOCOL_NS = 2000;
const RING = 512;

/**
 * A device with one receive queue whose ring is filled by `gapNs`, polled by the first CPU, and a protocol that works for
 * PROTOCOL_NS on each packet and keeps its mark.
 */
function receiver(cpus: number, flows: number, gapNs: number, protocolNs = PROTOCOL_NS, ring = RING) {
  const one = oneMachine({ cpus, profile: X86_DESKTOP, mbufs: 8192, clusters: 8192 });
  const { machine, clock } = one;
  const layer = new DeviceLayer(machine);
  const seen: { flow: number; number: number; cpu: number }[] = [];
  const next = new Uint32Array(flows);
  let waiting = 0;
  let missed = 0;
  let turn = 0;
  const device: NetDevice = new NetDevice(layer, 'eth0', {
    open: () => napi.enable(),
    stop: () => napi.disable(),
    startXmit: () => true,
  });
  device.address.set([2, 0, 0, 0, 0, 1]);
  const line = new IrqLine(40, machine.cpu, () => {});
  const napi: Napi = new Napi(layer.softnet, 'eth0', (budget) => {
    let work = 0;
    for (; work < budget && waiting > 0; work++) {
      waiting--;
      machine.cpu.charge(machine.cpu.profile.descriptor);
      const m = device.allocReceive();
      if (m === null) continue;
      const flow = turn++ % flows;
      const number = next[flow]++;
      const { u8 } = machine.memory;
      u8.fill(0, m.data, m.data + 60);
      u8.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0, 0x45], m.data);
      u8.set([17, 0, 0, 10, 0, flow >> 8, flow & 255], m.data + 23);
      new DataView(u8.buffer, u8.byteOffset).setUint32(m.data + 50, number);
      m.length = m.packetLength = 60;
      device.receive(m);
    }
    if (work < budget) napi.complete();
    return work;
  });
  line.addAction('eth0', () => {
    if (napi.schedulePrep()) napi.schedule();
    return true;
  });
  layer.register(device);
  machine.process(() => device.open());
  layer.packetTypes.add({
    name: 'protocol',
    type: 0x0800,
    device: null,
    receive(m: Mbuf) {
      const { cpu } = machine;
      cpu.charge(protocolNs);
      const { u8 } = machine.memory;
      const number = new DataView(u8.buffer, u8.byteOffset).getUint32(m.data + 36);
      seen.push({ flow: (u8[m.data + 14] << 8) | u8[m.data + 15], number, cpu: cpu.index });
      machine.mbufs.freem(m);
    },
  });
  const arrival = new ClockEvent('arrival', () => {
    if (waiting === ring) missed++;
    else waiting++;
    clock.armIn(arrival, gapNs);
    if (!napi.scheduled) line.pulse();
  });
  return {
    ...one,
    layer,
    device,
    seen,
    start: () => clock.armIn(arrival, gapNs),
    stop: () => clock.cancel(arrival),
    get missed() {
      return missed;
    },
    /** Packets a second that came through the protocol in `ns`, once it runs steadily. */
    rate(ns: number): number {
      one.run(5 * MS);
      const before = seen.length;
      one.run(ns);
      return ((seen.length - before) / ns) * 1e9;
    },
  };
}

/** Whether the packets of each flow came in the order of their numbers. */
function inOrder(seen: readonly { flow: number; number: number }[]): boolean {
  const last = new Map<number, number>();
  for (const { flow, number } of seen) {
    if (number <= (last.get(flow) ?? -1)) return false;
    last.set(flow, number);
  }
  return true;
}

test('RPS: one receive queue, many flows, protocol work of 2 us: 2 and 4 CPUs do more, as far as Amdahl allows', () => {
  const rates = [1, 2, 4].map((cpus) => {
    const it = receiver(cpus, 256, 300);
    if (cpus > 1) it.device.rpsCpus = 2 ** cpus - 1;
    it.start();
    const rate = it.rate(100 * MS);
    expect(inOrder(it.seen)).toBe(true);
    const { perCpu } = it.layer.softnet;
    expect(perCpu.reduce((sum, { processed }) => sum + processed, 0)).toBe(it.seen.length);
    if (cpus > 1) {
      for (const data of perCpu.slice(1)) expect(data.receivedRps).toBeGreaterThan(10);
      for (const data of perCpu) expect(data.processed).toBeGreaterThan(it.seen.length / cpus / 3);
    }
    it.stop();
    it.run(20 * MS);
    expect([conservation(it.device).text, it.machine.mbufs.inUse]).toEqual(['', 0]);
    return rate;
  });
  expect(rates[1] / rates[0]).toBeGreaterThan(1.7);
  expect(rates[2] / rates[0]).toBeGreaterThan(3);
  // In millions a second 0.47, 0.90 and 1.46. Amdahl: the first CPU polls all, and has its share of the protocol's work.
  const { descriptor, buffer, layer } = X86_DESKTOP;
  const most = (cpus: number): number => 1e9 / (descriptor + buffer + layer + (PROTOCOL_NS + layer) / cpus);
  for (const [i, cpus] of [2, 4].entries()) {
    expect(rates[i + 1] / most(cpus)).toBeGreaterThan(0.9);
    expect(rates[i + 1] / most(cpus)).toBeLessThan(1.1);
  }
});

test('a single flow stays on one CPU, in order, and gains nothing but the polling it is rid of', () => {
  const alone = receiver(1, 1, 300);
  alone.start();
  const one = alone.rate(50 * MS);
  const it = receiver(4, 1, 300);
  it.device.rpsCpus = 0b1111;
  it.start();
  const four = it.rate(50 * MS);
  expect(four / one).toBeLessThan(1.2);
  expect(inOrder(it.seen)).toBe(true);
  expect(new Set(it.seen.map(({ cpu }) => cpu)).size).toBe(1);
});

test('RFS: a flow is handled where its consumer runs, moves when that moves, and stays in order', () => {
  const it = receiver(4, 8, 1200);
  it.device.rpsCpus = 0b1111;
  it.layer.softnet.flows = new FlowTable(1024);
  const hashes = new Map<number, number>();
  it.layer.packetTypes.addTap({
    device: null,
    see: (m) => void hashes.set(it.machine.memory.u8[m.data + 29], m.hash),
  });
  it.start();
  it.run(2 * MS);
  const consume = (on: (flow: number) => number): void => {
    for (const [flow, hash] of hashes) it.layer.softnet.flows!.record(hash, on(flow));
    it.run(2 * MS);
    const from = it.seen.length;
    it.run(3 * MS);
    for (const { flow, cpu } of it.seen.slice(from)) expect(cpu).toBe(on(flow));
  };
  expect(hashes.size).toBe(8);
  consume((flow) => flow % 4);
  consume((flow) => 3 - (flow % 4));
  expect(inOrder(it.seen)).toBe(true);
  expect(() => new FlowTable(1000)).toThrow('a power of 2');
});

test('a backlog that is full drops and counts; with a flow limit the flow that fills it suffers alone', () => {
  const run = (limited: boolean) => {
    const it = receiver(2, 1, 700, 4000, 65_536);
    it.device.rpsCpus = 0b10;
    it.layer.softnet.perCpu[1].flowLimit.on = limited;
    it.start();
    it.run(30 * MS);
    return it.layer.softnet.perCpu[1];
  };
  const plain = run(false);
  expect(plain.dropped).toBeGreaterThan(1000);
  expect(plain.flowLimited).toBe(0);
  const limited = run(true);
  expect(limited.flowLimited).toBe(limited.dropped);
  expect(limited.backlogLength).toBeLessThanOrEqual(501);
});

test('rps_cpus is a mask of the CPUs there are', () => {
  const { device } = receiver(2, 1, 1000);
  device.rpsCpus = 0b10;
  expect(device.rpsCpus).toBe(0b10);
  device.rpsCpus = 0;
  expect([device.rpsCpus, device.rps]).toEqual([0, null]);
  for (const bad of [4, -1, 0.5])
    expect(() => void Object.assign(device, { rpsCpus: bad })).toThrow('a mask of 2 CPUs');
});

/** CPUs that send as fast as they can by a device with a queue each: packets a second. */
function sender(cpus: number, how: 'one root' | 'one each', queues = cpus): number {
  const { machine, run } = oneMachine({ cpus, profile: X86_DESKTOP, mbufs: 4096, clusters: 16 });
  const layer = new DeviceLayer(machine);
  const last: number[] = [];
  let sent = 0;
  let overtaken = 0;
  const device: NetDevice = new NetDevice(
    layer,
    'eth0',
    {
      open() {
        for (const queue of device.txQueues) queue.start();
        device.setCarrier(true);
      },
      stop() {},
      startXmit(m) {
        const { cpu } = machine;
        cpu.charge(cpu.profile.descriptor + cpu.profile.registerWrite);
        if (m.mark <= (last[m.priority] ?? 0)) overtaken++;
        last[m.priority] = m.mark;
        sent++;
        device.transmitDone(m, true);
        return true;
      },
    },
    queues,
  );
  device.address.set([2, 0, 0, 0, 0, 1]);
  layer.register(device);
  const fifo = () => new PfifoFast(1000);
  machine.process(() => {
    device.open();
    if (how === 'one root') device.setRootQdisc(fifo());
    else device.setQueueQdiscs(fifo(), device.txQueues.map(fifo));
  });
  device.xps = machine.cpus.map((_, cpu) => [cpu % queues]);
  for (const cpu of machine.cpus) {
    function* body() {
      for (let number = 1; ; number++) {
        const m = machine.mbufs.gethdr();
        if (m === null) throw new Error('no buffers');
        m.length = m.packetLength = 60;
        m.priority = cpu.index;
        m.mark = number;
        cpu.charge(cpu.profile.buffer + cpu.profile.layer);
        device.transmit(m);
        if (number % 64 === 0) yield RESCHEDULE;
      }
    }
    cpu.spawn('sender', body());
  }
  run(1 * MS);
  const before = sent;
  run(5 * MS);
  expect([overtaken, conservation(device).text]).toEqual([0, '']);
  return (sent - before) * 200;
}

test('several CPUs send: with a queue and a discipline each (mq) it scales, with one root not as far, with one queue least', () => {
  const mq = [1, 2, 4].map((cpus) => sender(cpus, 'one each'));
  const root = [1, 2, 4].map((cpus) => sender(cpus, 'one root'));
  const single = sender(4, 'one root', 1);
  // In millions a second: 3.8, 7.2, 14.3; 3.8, 6.0, 7.2; and 3.7.
  expect(mq[1] / mq[0]).toBeGreaterThan(1.8);
  expect(mq[2] / mq[1]).toBeGreaterThan(1.98);
  expect(root[2] / root[0]).toBeLessThan(3);
  expect(single).toBeLessThanOrEqual(root[2]);
});
