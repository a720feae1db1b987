// Two machines with a Tiny each, and a cable between them: the driver is mounted, ifconfig gives addresses, and one machine
// pings the other.
//
//   node scripts/examples.mjs tiny-driver       which compiles it first

import { DeviceLayer, FramePool, InetStack, Link, Machine, type Medium, PciBus, VirtualClock } from 'softnet';
import { IoPkt, ifconfig } from 'softnet/io-pkt';
import { TinyCard } from './card.ts';
import { tinyModule } from './driver.ts';

const clock = new VirtualClock();
const cable = new Link({
  name: 'cable',
  clock,
  pool: new FramePool(),
  bitsPerSecond: 10_000_000,
  delayNs: 1000,
});

/** A machine with the card in slot 3 and io-pkt on it, as a command line would bring it up. */
function makeHost(name: string, medium: Medium, mac: Uint8Array, address: string) {
  const machine = new Machine({ name, clock, log: (message) => console.log(`${name}: ${message}`) });
  const layer = new DeviceLayer(machine);
  const inet = new InetStack(layer);
  const bus = new PciBus(machine);
  bus.plug(3, (host) => new TinyCard(host, medium, mac));
  const io = new IoPkt(layer, { pci: bus, drivers: { 'devnp-tiny.so': tinyModule } });
  io.start(['-d', 'tiny']);
  ifconfig(io, inet, ['tiny0', address]);
  return { machine, inet, io };
}

const alice = makeHost('alice', cable.a, Uint8Array.of(2, 0, 0, 0, 0, 1), '10.0.0.1/24');
makeHost('bob', cable.b, Uint8Array.of(2, 0, 0, 0, 0, 2), '10.0.0.2/24');

const ping = alice.machine.process(() => alice.inet.ping('10.0.0.2', { count: 5 }));
clock.run(10e9);
console.log(ifconfig(alice.io, alice.inet, ['-v', 'tiny0']));
console.log(`${ping.received} of ${ping.sent} answered`);
