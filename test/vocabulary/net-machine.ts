// A machine with a device layer, one fake card that is up, and packets for it.

import type { MachineOptions } from '../../src/kernel/machine.ts';
import type { Mbuf } from '../../src/mbuf/mbuf.ts';
import type { NetDevice } from '../../src/net/device.ts';
import { ETH_HLEN } from '../../src/net/ether.ts';
import { DeviceLayer } from '../../src/net/layer.ts';
import { PfifoFast } from '../../src/qdisc/pfifo-fast.ts';
import { FakeNic, type FakeNicOptions } from './fake-nic.ts';
import { type OneMachine, oneMachine } from './one-machine.ts';

export const STATION = new Uint8Array([2, 0, 0, 0, 0, 1]);
export const PEER = new Uint8Array([2, 0, 0, 0, 0, 9]);

export interface NetMachine extends OneMachine {
  layer: DeviceLayer;
  nic: FakeNic;
  device: NetDevice;
  /** Registers a packet type that keeps what it gets. */
  taker(type: number, device?: NetDevice | null): Mbuf[];
  /** A packet to send: header, then bytes that count up; the last one is `mark`. */
  packet(mark?: number, length?: number): Mbuf;
  /** Offers it in process context. */
  send(m: Mbuf): void;
  /** The last byte of each packet the card was given. */
  marks(): number[];
  /** Lets `frames` arrive and be handled. */
  receive(frames?: number): void;
}

export function netMachine(
  options: FakeNicOptions & { machine?: Partial<MachineOptions>; qdisc?: boolean; open?: boolean } = {},
): NetMachine {
  const one = oneMachine(options.machine);
  const { machine } = one;
  const layer = new DeviceLayer(machine);
  if (options.qdisc !== false) layer.defaultQdisc = (length) => new PfifoFast(length);
  const nic = new FakeNic(layer, options);
  nic.keepSent = true;
  const { device } = nic;
  layer.register(device);
  if (options.open !== false) machine.process(() => device.open());
  return {
    ...one,
    layer,
    nic,
    device,
    taker(type, on = null) {
      const taken: Mbuf[] = [];
      layer.packetTypes.add({ name: `taker ${type}`, type, device: on, receive: (m) => void taken.push(m) });
      return taken;
    },
    packet(mark = 0, length = 60) {
      const long = Uint8Array.from({ length: Math.max(length, ETH_HLEN) }, (_, i) => i & 0xff);
      long.set(PEER);
      long.set(STATION, 6);
      long.set([8, 0], 12);
      const bytes = long.slice(0, length);
      if (length > 0) bytes[length - 1] = mark;
      const m = machine.mbufs.fromBytes(bytes);
      if (m === null) throw new Error('no buffers left for a test packet');
      return m;
    },
    send(m) {
      machine.process(() => device.transmit(m));
    },
    marks: () => nic.sent.map((bytes) => bytes[bytes.length - 1]),
    receive(frames = 1) {
      for (let i = 0; i < frames; i++) nic.arrive();
      one.run(1);
    },
  };
}
