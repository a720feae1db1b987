// A discipline without a lab: a token bucket in front of a device, told by a line of tc, and what it says afterwards.
//
//   node examples/shaper.mjs

import { DeviceLayer, Machine, NetDevice, Tc, VirtualClock } from 'softnet';

const clock = new VirtualClock();
const machine = new Machine({ clock, seed: 1 });
const layer = new DeviceLayer(machine);
const tc = new Tc(layer);

/** A driver that sends at once. */
const device = new NetDevice(layer, 'eth0', {
  open() {
    device.txQueues[0].start();
    device.setCarrier(true);
  },
  stop() {},
  startXmit(m) {
    device.transmitDone(m, true);
    return true;
  },
});
device.setAddress(Uint8Array.of(2, 0, 0, 0, 0, 1));
layer.register(device);

machine.process(() => {
  device.open();
  tc.line('qdisc add dev eth0 root tbf rate 1mbit burst 5kb limit 100kb');
  for (let i = 0; i < 100; i++) {
    const m = machine.mbufs.getcl();
    m.length = m.packetLength = 1000;
    device.transmit(m);
  }
});
const start = clock.now();
clock.run(start + 2_000_000_000);
console.log(tc.line('-s qdisc show dev eth0').text);
console.log(`${device.tx.packets} packets sent in 2 s of virtual time`);

// 100 packets of 1000 bytes: 5 KiB at once, the rest at 125,000 bytes a second, in less than 0.8 s.
if (device.tx.packets !== 100) process.exit(1);
