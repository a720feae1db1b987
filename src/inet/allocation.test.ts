// The hot paths make no garbage: receive to a UDP sink, and forward.

import { expect, test } from 'vitest';
import { heapGrowth, RETRY } from '../../test/vocabulary/heap.ts';
import { ethernet, ipv4, STRANGER, udp } from '../../test/vocabulary/packets.ts';
import { VirtualClock } from '../kernel/clock.ts';
import { Machine } from '../kernel/machine.ts';
import { type CpuProfile, IDEAL, X86_DESKTOP } from '../kernel/profile.ts';
import { NETDEV_TX_OK, NetDevice } from '../net/device.ts';
import { DeviceLayer } from '../net/layer.ts';
import { writePayload } from './payload.ts';
import { UdpSink } from './sink.ts';
import { InetStack } from './stack.ts';

const PACKETS = 1_000_000;
const ROUNDS = 25;
/** Bytes a packet: one number that is boxed takes 12; the rounds themselves and the compiler take something too. */
const LIMIT = 2;

/** Times above 2^31 ns are no longer small integers, and would be boxed where code is careless. */
const LATE_NS = 10_000_000_000;

/** A host with two devices whose frames go nowhere, and the function that receives one frame on the first. */
function host(profile: CpuProfile) {
  const clock = new VirtualClock();
  clock.advanceTo(LATE_NS);
  const machine = new Machine({ clock, profile });
  const layer = new DeviceLayer(machine);
  const stack = new InetStack(layer);
  stack.announce = false;
  const [eth0, eth1] = [1, 2].map((station) => {
    const device: NetDevice = new NetDevice(layer, `eth${station - 1}`, {
      open() {
        device.txQueues[0].start();
        device.setCarrier(true);
      },
      stop() {},
      startXmit(m) {
        device.transmitDone(m, true);
        return NETDEV_TX_OK;
      },
    });
    device.address.set([2, 0, 0, 0, 0, station]);
    layer.register(device);
    machine.process(() => {
      device.open();
      stack.addAddress(device, `10.0.${station}.1/24`);
    });
    return device;
  });
  const { u8 } = machine.memory;
  const receive = (frame: Uint8Array, count: number): void => {
    machine.process(() => {
      machine.cpu.bhDisable();
      for (let i = 0; i < count; i++) {
        const m = eth0.allocReceive();
        if (m === null) throw new Error('no buffer');
        for (let k = 0; k < frame.length; k++) u8[m.data + k] = frame[k];
        // The next number of the flow. The time stays, since making it here would allocate.
        const { received } = stack.ipv4.counters;
        u8[m.data + 46] = received >>> 24;
        u8[m.data + 47] = received >>> 16;
        u8[m.data + 48] = received >>> 8;
        u8[m.data + 49] = received;
        m.length = m.packetLength = frame.length;
        eth0.receive(m);
      }
      machine.cpu.bhEnable();
    });
  };
  return { machine, stack, eth0, eth1, receive };
}

function payload(): Uint8Array {
  const bytes = new Uint8Array(18);
  writePayload(bytes, 0, 1, 0, LATE_NS);
  return bytes;
}

for (const profile of [IDEAL, X86_DESKTOP]) {
  test(`receiving to a UDP sink allocates nothing, profile ${profile.name}`, RETRY, () => {
    const { stack, eth0, receive } = host(profile);
    const sink = new UdpSink(stack, 9, { inSoftirq: true });
    const frame = ethernet(
      eth0.address,
      STRANGER,
      0x0800,
      ipv4({ from: '10.0.1.9', to: '10.0.1.1' }, udp({}, payload())),
    );
    receive(frame, 100_000);
    const before = sink.packets;
    const bytes = heapGrowth(() => receive(frame, PACKETS / ROUNDS), ROUNDS);
    expect(sink.packets - before).toBe(PACKETS);
    expect(sink.flow(1)?.received).toBe(sink.packets);
    expect(bytes / PACKETS).toBeLessThan(LIMIT);
  });

  test(`forwarding allocates nothing, profile ${profile.name}`, RETRY, () => {
    const { machine, stack, eth0, eth1, receive } = host(profile);
    stack.forwarding = true;
    machine.process(() => {
      stack.arp.cache.learn(eth1, 0x0a000209, STRANGER, 0, true, true);
    });
    const frame = ethernet(
      eth0.address,
      STRANGER,
      0x0800,
      ipv4({ from: '10.0.1.9', to: '10.0.2.9' }, udp({}, payload())),
    );
    receive(frame, 100_000);
    const before = eth1.tx.packets;
    const bytes = heapGrowth(() => receive(frame, PACKETS / ROUNDS), ROUNDS);
    expect(eth1.tx.packets - before).toBe(PACKETS);
    expect(bytes / PACKETS).toBeLessThan(LIMIT);
    expect(stack.balance().missing).toBe(0);
  });
}
