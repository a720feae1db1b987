import { expect, test } from 'vitest';
import { FakeNic } from '../../test/vocabulary/fake-nic.ts';
import { netMachine } from '../../test/vocabulary/net-machine.ts';
import { IFF_PROMISC, IFF_RUNNING, IFF_UP, NetDevice, type NetDeviceOps } from './device.ts';
import type { DeviceEvent } from './layer.ts';

test('a device is found by its name while it is registered, and its name is taken', () => {
  const { layer, device } = netMachine();
  expect(layer.find('eth0')).toBe(device);
  expect(device.index).toBe(1);
  expect(layer.allocName('eth')).toBe('eth1');
  expect(() => layer.register(new FakeNic(layer).device)).toThrow(/eth0 already/);
});

test('who listens hears what happens to a device, in order', () => {
  const { layer, device, machine } = netMachine({ open: false });
  const events: DeviceEvent[] = [];
  layer.listen((_device, event) => events.push(event));
  machine.process(() => {
    device.open();
    device.open();
    layer.unregister(device);
  });
  expect(events).toEqual(['carrier', 'up', 'going-down', 'no-carrier', 'unregistered']);
});

test('flags follow open, carrier and close', () => {
  const { machine, device } = netMachine();
  expect(device.flags & (IFF_UP | IFF_RUNNING)).toBe(IFF_UP | IFF_RUNNING);
  machine.process(() => device.setCarrier(false));
  expect(device.flags & (IFF_UP | IFF_RUNNING)).toBe(IFF_UP);
  machine.process(() => device.close());
  expect(device.flags & (IFF_UP | IFF_RUNNING)).toBe(0);
});

test('an open that fails leaves the device down, its queues stopped and nothing armed', () => {
  const { machine, layer } = netMachine();
  const ops: NetDeviceOps = {
    open() {
      device.txQueues[0].start();
      device.setCarrier(true);
      throw new Error('no interrupt');
    },
    stop: () => expect.unreachable(),
    startXmit: () => true,
  };
  const device: NetDevice = new NetDevice(layer, 'bad0', ops);
  device.address.set([2, 0, 0, 0, 0, 7]);
  layer.register(device);
  expect(() => machine.process(() => device.open())).toThrow('no interrupt');
  expect([device.up, device.carrier, device.txQueues[0].stopped]).toEqual([false, false, true]);
  expect(machine.callouts.census()).toEqual(['eth0 tx watchdog']);
});

test('a device without a valid station address cannot be opened', () => {
  for (const address of [
    [0, 0, 0, 0, 0, 0],
    [1, 0, 0, 0, 0, 1],
    [255, 255, 255, 255, 255, 255],
  ]) {
    const { machine, device } = netMachine({ open: false, address: Uint8Array.from(address) });
    expect(() => machine.process(() => device.open())).toThrow(/no valid station address/);
  }
});

test('opening and closing are refused where sleeping is', () => {
  const { machine, device, cpu } = netMachine();
  machine.process(() => {
    cpu.bhDisable();
    expect(() => device.close()).toThrow(/may sleep/);
    cpu.bhEnable();
  });
});

test('unregistering leaves nothing behind: buffers, callouts, interrupts, poll lists', () => {
  const net = netMachine({ txRing: 2 });
  const { machine, layer, device, nic } = net;
  for (let i = 0; i < 5; i++) net.send(net.packet(i));
  nic.arrive();
  machine.process(() => layer.unregister(device));
  expect(machine.mbufs.inUse).toBe(0);
  expect(machine.callouts.census()).toEqual([]);
  expect(nic.line.handlers).toEqual([]);
  expect(layer.softnet.perCpu[0].pollList).toEqual([]);
  expect(layer.devices).toEqual([]);
  expect(device.txQueues[0].stops).toBe(1);
  net.run(60_000_000_000);
  expect(net.clock.nextEventTime()).toBe(Infinity);
  expect(() => layer.unregister(device)).toThrow(/not registered/);
});

test('what waits in the backlog for a device that goes away is dropped, what waits for others stays', () => {
  const net = netMachine({ napi: false });
  const other = new FakeNic(net.layer, {
    name: 'eth1',
    irq: 10,
    napi: false,
    address: Uint8Array.of(2, 0, 0, 0, 0, 2),
  });
  net.layer.register(other.device);
  const taken = net.taker(0x0800);
  net.machine.process(() => {
    other.device.open();
    for (let i = 0; i < 3; i++) {
      const m = net.device.allocReceive();
      if (m === null) throw new Error('no buffers');
      m.length = m.packetLength = 14;
      net.machine.memory.u8.set([8, 0], m.data + 12);
      if (i === 1) m.device = other.device;
      net.device.receiveBacklog(m);
    }
    net.layer.unregister(net.device);
  });
  net.run(1);
  expect(taken.map((m) => m.device)).toEqual([other.device]);
  expect(net.device.dropReport()).toEqual({ CPU_BACKLOG: 2 });
});

test('a device can be opened and closed again and again', () => {
  const net = netMachine({ open: false });
  const ip = net.taker(0x0800);
  for (let i = 0; i < 3; i++) {
    net.machine.process(() => net.device.open());
    net.receive();
    net.machine.process(() => net.device.close());
  }
  expect(ip).toHaveLength(3);
});

test('promiscuous mode and groups count their users and tell the driver only of changes', () => {
  const { nic, device } = netMachine();
  const start = nic.rxModes;
  device.setPromiscuity(1);
  device.setPromiscuity(1);
  device.setPromiscuity(-1);
  expect(device.flags & IFF_PROMISC).not.toBe(0);
  device.setPromiscuity(-1);
  expect(device.flags & IFF_PROMISC).toBe(0);
  expect(() => device.setPromiscuity(-1)).toThrow(/more often/);
  expect(() => device.setAllMulticast(-1)).toThrow(/more often/);
  const calls = nic.rxModes;
  expect(calls - start).toBe(2);
  const group = Uint8Array.from([1, 0, 0x5e, 0, 0, 1]);
  device.addMulticast(group);
  device.addMulticast(group);
  device.removeMulticast(group);
  expect(device.multicast.size).toBe(1);
  device.removeMulticast(group);
  device.removeMulticast(group);
  expect(device.multicast.size).toBe(0);
  expect(nic.rxModes - calls).toBe(2);
});

test('an MTU or an address that cannot be is refused', () => {
  const { device } = netMachine();
  for (const mtu of [67, 1501, 100.5, Number.NaN]) expect(() => device.setMtu(mtu)).toThrow(/68 to 1500/);
  device.setMtu(576);
  expect(device.mtu).toBe(576);
  expect(() => device.setAddress(new Uint8Array(6))).toThrow(/not a station address/);
});
