// What tests of the driver interface are made of: a machine with io-pkt, made-up cards, their driver, and a taker of
// packets.

import { VirtualClock } from '../kernel/clock.ts';
import { Machine, type MachineOptions } from '../kernel/machine.ts';
import { conservation } from '../net/conservation.ts';
import type { NetDevice } from '../net/device.ts';
import { DeviceLayer } from '../net/layer.ts';
import { IoPkt } from './manager.ts';
import { type CardOptions, TestCard } from './testing-card.ts';
import { xxModule } from './testing-driver.ts';
import type { DriverFunctions, xx_softc } from './testing-softc.ts';

const TYPE = 0x0800;

export interface TestHost {
  clock: VirtualClock;
  machine: Machine;
  layer: DeviceLayer;
  io: IoPkt;
  cards: TestCard[];
  card: TestCard;
  /** In the order they attached. */
  softcs: xx_softc[];
  log: string[];
  /** Last byte of each packet that reached its protocol. */
  taken: number[];
  run(ns: number): void;
  /** Opens an interface. */
  up(name?: string): NetDevice;
  device(name?: string): NetDevice;
  /** An IPv4 frame to the first card; the last byte is `mark`. */
  packet(mark: number, length?: number): Uint8Array;
  send(mark: number, name?: string, length?: number): void;
  /** Says what is missing in the books of an interface; empty: nothing. */
  books(name?: string): string;
}

export interface TestHostOptions {
  machine?: Partial<MachineOptions>;
  cards?: CardOptions[];
  fn?: Partial<DriverFunctions>;
  sigsegv?: boolean;
  /** Of another host, for two that talk. */
  clock?: VirtualClock;
}

export function host(options: TestHostOptions = {}): TestHost {
  const clock = options.clock ?? new VirtualClock();
  const log: string[] = [];
  const machine = new Machine({
    mbufs: 512,
    clusters: 256,
    log: (line) => void log.push(line),
    ...options.machine,
    clock,
  });
  const layer = new DeviceLayer(machine);
  const io = new IoPkt(layer, { sigsegv: options.sigsegv ?? false });
  const cards = (options.cards ?? [{}]).map((card) => new TestCard(machine, card));
  const softcs: xx_softc[] = [];
  io.register('devnp-xx.so', xxModule(cards, options.fn, softcs));
  const taken: number[] = [];
  layer.packetTypes.add({
    name: 'taker',
    type: TYPE,
    device: null,
    receive: (m) => {
      taken.push(machine.memory.u8[m.data + m.length - 1]);
      machine.mbufs.freem(m);
    },
  });
  const device = (name = 'xx0'): NetDevice => {
    const found = layer.find(name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  };
  const packet = (mark: number, length = 60): Uint8Array => {
    const bytes = new Uint8Array(length);
    bytes.set(cards[0].mac);
    bytes.set([2, 0, 0, 0, 0, 9], 6);
    bytes.set([TYPE >> 8, TYPE & 0xff], 12);
    bytes[length - 1] = mark;
    return bytes;
  };
  return {
    clock,
    machine,
    layer,
    io,
    cards,
    card: cards[0],
    softcs,
    log,
    taken,
    run: (ns) => void clock.run(clock.now() + ns),
    up(name) {
      const found = device(name);
      machine.process(() => found.open());
      return found;
    },
    device,
    packet,
    send(mark, name, length) {
      const m = machine.mbufs.fromBytes(packet(mark, length));
      if (m === null) throw new Error('no buffer for a test packet');
      machine.process(() => device(name).transmit(m));
    },
    books: (name) => conservation(device(name)).text,
  };
}
