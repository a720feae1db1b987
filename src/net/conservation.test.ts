import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type NetMachine, netMachine } from '../../test/vocabulary/net-machine.ts';
import { costing } from '../../test/vocabulary/one-machine.ts';
import { conservation } from './conservation.ts';
import { ETH_P_IP } from './ether.ts';

type Operation =
  | { kind: 'send'; priority: number; length: number; count: number }
  | { kind: 'arrive'; type: number; length: number; count: number }
  | { kind: 'run'; ns: number }
  | { kind: 'up' | 'down' | 'carrier' | 'no-carrier' };

const operations = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('send' as const),
      priority: fc.nat(7),
      length: fc.constantFrom(0, 13, 14, 60, 600, 1514, 1515),
      count: fc.integer({ min: 1, max: 30 }),
    }),
    fc.record({
      kind: fc.constant('arrive' as const),
      type: fc.constantFrom(0x0800, 0x0806, 40, 0x1234),
      length: fc.constantFrom(0, 13, 14, 60, 1514),
      count: fc.integer({ min: 1, max: 100 }),
    }),
    fc.record({ kind: fc.constant('run' as const), ns: fc.integer({ min: 1, max: 200_000 }) }),
    fc.record({
      kind: fc.constantFrom('up' as const, 'down' as const, 'carrier' as const, 'no-carrier' as const),
    }),
  ),
  { maxLength: 40 },
);

function perform(net: NetMachine, operation: Operation): void {
  const { machine, device, nic } = net;
  switch (operation.kind) {
    case 'send':
      machine.process(() => {
        for (let i = 0; i < operation.count; i++) {
          const m = net.packet(i, operation.length);
          m.priority = operation.priority;
          device.transmit(m);
        }
      });
      return;
    case 'arrive':
      if (!device.up) return;
      nic.setFrame(device.address, operation.type, operation.length);
      for (let i = 0; i < operation.count; i++) nic.arrive();
      return;
    case 'run':
      net.run(operation.ns);
      return;
    case 'up':
      machine.process(() => device.open());
      return;
    case 'down':
      machine.process(() => device.close());
      return;
    default:
      if (device.up) machine.process(() => device.setCarrier(operation.kind === 'carrier'));
  }
}

for (const options of [
  { napi: true, qdisc: true, careless: false },
  { napi: false, qdisc: true, careless: true },
  { napi: true, qdisc: false, careless: true },
  { napi: false, qdisc: true, careless: false },
]) {
  for (const profile of [costing({ layer: 3000, interruptEntry: 2000, buffer: 500 }), undefined]) {
    const title = `${options.napi ? 'NAPI' : 'netif_rx'}, ${options.qdisc ? 'discipline' : 'straight'}, ${
      options.careless ? 'a driver that says busy' : 'a driver that stops in time'
    }, ${profile === undefined ? 'ideal' : 'costed'}`;
    test(`whatever happens to a device, every packet is accounted for: ${title}`, () => {
      fc.assert(
        fc.property(operations, (list) => {
          const net = netMachine({
            ...options,
            txRing: 8,
            frameNs: 6000,
            machine: { mbufs: 8192, clusters: 2048, ...(profile === undefined ? {} : { profile }) },
          });
          net.nic.keepSent = false;
          net.layer.packetTypes.add({
            name: 'sink',
            type: ETH_P_IP,
            device: null,
            receive: (m) => net.machine.mbufs.freem(m),
          });
          for (const operation of list) {
            perform(net, operation);
            expect(conservation(net.device).text).toBe('');
          }
          // And in the end nothing is anywhere.
          net.machine.process(() => net.layer.unregister(net.device));
          net.run(1_000_000_000);
          expect(conservation(net.device)).toMatchObject({ balanced: true, queued: 0, held: 0 });
          expect(net.machine.mbufs.inUse).toBe(0);
          expect(net.clock.nextEventTime()).toBe(Infinity);
        }),
        { numRuns: 40 },
      );
    });
  }
}

test('what is missing is named, and so is what is too much', () => {
  const { device, receive, send, packet } = netMachine();
  receive();
  send(packet());
  expect(conservation(device)).toMatchObject({ balanced: true, text: '', held: 1, receiveDrops: 1 });
  device.rx.packets += 2;
  expect(conservation(device).text).toBe('eth0: 2 packets received, neither delivered nor dropped.');
  device.rx.packets -= 3;
  expect(conservation(device).text).toBe('eth0: 1 packet more accounted for than received.');
  device.rx.packets++;
  device.offered++;
  expect(conservation(device).text).toBe(
    'eth0: 1 packet offered for sending, neither sent, dropped, queued nor held by the driver.',
  );
});

test('a driver that does not say what it holds may hold what is missing, but not less than nothing', () => {
  const { device, send, packet } = netMachine();
  send(packet());
  device.ops.held = undefined;
  expect(conservation(device)).toMatchObject({ balanced: true, missingOut: 1, held: null });
  device.offered -= 2;
  expect(conservation(device).text).toBe('eth0: 1 packet more accounted for than offered for sending.');
});
