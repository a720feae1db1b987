// One ping, seen from inside: two machines, two cards, a wire, put together by hand, and the trace of every step.
//
//   node examples/one-packet.mjs

import {
  CPU_PROFILES,
  DeviceLayer,
  FramePool,
  InetStack,
  Link,
  Machine,
  PciBus,
  Pcnet,
  PfifoFast,
  pcnet32Driver,
  Tracer,
  traceToText,
  VirtualClock,
} from '../dist/index.js';

const clock = new VirtualClock();
const trace = new Tracer();
const wire = new Link({
  name: 'wire',
  clock,
  pool: new FramePool(),
  bitsPerSecond: 100_000_000,
  delayNs: 1000,
});

/** A machine with one card on one end of the wire, up and with an address. */
function makeHost(name, medium, mac, address) {
  const machine = new Machine({ name, clock, trace, profile: CPU_PROFILES['x86-desktop'] });
  const layer = new DeviceLayer(machine);
  layer.defaultQdisc = (limit) => new PfifoFast(limit);
  const bus = new PciBus(machine);
  bus.plug(3, (host) => new Pcnet(host, medium, { variant: 'Am79C970A', mac }));
  bus.register(pcnet32Driver(layer));
  const stack = new InetStack(layer);
  machine.process(() => {
    const [eth0] = layer.devices;
    eth0.open();
    stack.addAddress(eth0, address);
  });
  return { machine, stack };
}

const alice = makeHost('alice', wire.a, [2, 0, 0, 0, 0, 1], '10.0.0.1/24');
makeHost('bob', wire.b, [2, 0, 0, 0, 0, 2], '10.0.0.2/24');
clock.run(3e9); // the links come up, the hosts announce themselves

const show = traceToText(trace, (text) => process.stdout.write(text));
trace.start(show);
const ping = alice.machine.process(() => alice.stack.ping('10.0.0.2', { count: 1 }));
clock.run(clock.now() + 5e8);
trace.flush();
const { received, sent } = ping.summary();
console.log(`${received} of ${sent} answered`);
