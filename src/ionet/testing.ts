// What tests of the io-net interface are made of: a machine with io-pkt, the shim, made-up cards, and their io-net driver.

import { IoPkt } from '../iopkt/manager.ts';
import { type CardOptions, TestCard } from '../iopkt/testing-card.ts';
import { VirtualClock } from '../kernel/clock.ts';
import { Machine, type MachineOptions } from '../kernel/machine.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { conservation } from '../net/conservation.ts';
import type { NetDevice } from '../net/device.ts';
import { DeviceLayer } from '../net/layer.ts';
import { shimFindings } from './shim/findings.ts';
import { type ShimView, shimModule, shimView } from './shim/shim.ts';
import { watchDma } from './shim/transmit.ts';
import { xxEntry } from './testing-driver.ts';
import type { TestFunctions, xx_dev } from './testing-driver-state.ts';

const TYPE = 0x0800;

export interface ShimHostOptions {
  machine?: Partial<MachineOptions>;
  cards?: CardOptions[];
  fn?: Partial<TestFunctions>;
  sigsegv?: boolean;
}

export class ShimHost {
  readonly clock = new VirtualClock();
  readonly log: string[] = [];
  readonly machine: Machine;
  readonly layer: DeviceLayer;
  readonly io: IoPkt;
  readonly cards: TestCard[];
  readonly devs: xx_dev[] = [];
  /** Number in the last four bytes of each packet that reached its protocol. */
  readonly taken: number[] = [];
  /** Keeps packets instead of freeing them. */
  hoard: Mbuf[] | null = null;
  /** Looks into the cards at every tx_done (S03). */
  watch = true;

  constructor(options: ShimHostOptions = {}) {
    const { clock } = this;
    this.machine = new Machine({
      mbufs: 1024,
      clusters: 512,
      debugMbufs: true,
      log: (line) => void this.log.push(line),
      ...options.machine,
      clock,
    });
    this.layer = new DeviceLayer(this.machine);
    this.io = new IoPkt(this.layer, { sigsegv: options.sigsegv ?? false });
    this.cards = (options.cards ?? [{}]).map((card) => new TestCard(this.machine, card));
    this.io.register('devnp-shim.so', shimModule);
    this.io.register('devn-xx.so', { io_net_dll_entry: xxEntry(this.cards, options.fn, this.devs) });
    watchDma(this.io, (address, length) => this.watch && this.isRead(address, length));
    this.layer.packetTypes.add({ name: 'taker', type: TYPE, device: null, receive: (m) => this.take(m) });
  }

  get card(): TestCard {
    return this.cards[0];
  }

  /** Whether a card has these bytes in its transmit ring. */
  private isRead(address: number, length: number): boolean {
    return this.cards.some((card) => {
      for (let i = 0; i < card.slots; i++) {
        const left = card.txLength[i] & 0xffff;
        if (left > 0 && card.txAddress[i] < address + length && address < card.txAddress[i] + left)
          return true;
      }
      return false;
    });
  }

  private take(m: Mbuf): void {
    const { u8 } = this.machine.memory;
    const end = m.data + m.length;
    this.taken.push((u8[end - 4] << 24) | (u8[end - 3] << 16) | (u8[end - 2] << 8) | u8[end - 1]);
    if (this.hoard !== null) this.hoard.push(m);
    else this.machine.mbufs.freem(m);
  }

  /** Loads the driver, and brings its first interface up. */
  up(options: string | null = null): NetDevice {
    this.io.mount('xx', options);
    return this.open('en0');
  }

  open(name: string): NetDevice {
    const device = this.device(name);
    this.machine.process(() => device.open());
    this.run(1000);
    return device;
  }

  device(name = 'en0'): NetDevice {
    const found = this.layer.find(name);
    if (found === undefined) throw new Error(`there is no ${name}: ${this.log.join('; ')}`);
    return found;
  }

  view(name = 'en0'): ShimView {
    return shimView(this.io.find(name)!)!;
  }

  run(ns: number): void {
    this.clock.run(this.clock.now() + ns);
  }

  frame(mark: number, length = 60, card = this.card): Uint8Array {
    const bytes = new Uint8Array(length);
    bytes.set(card.mac);
    bytes.set([2, 0, 0, 0, 0, 9], 6);
    bytes.set([TYPE >> 8, TYPE & 0xff], 12);
    new DataView(bytes.buffer).setUint32(length - 4, mark);
    return bytes;
  }

  /** Sends a frame in pieces of the lengths that `cuts` says. */
  send(bytes: Uint8Array, cuts: number[] = [], name = 'en0'): void {
    const { mbufs } = this.machine;
    let packet: Mbuf | null = null;
    let at = 0;
    for (const length of [...cuts, bytes.length]) {
      const piece = mbufs.fromBytes(bytes.subarray(at, at + length), 64);
      if (piece === null) throw new Error('no buffer for a test packet');
      at = Math.min(at + length, bytes.length);
      if (packet === null) packet = piece;
      else mbufs.cat(packet, piece);
    }
    this.machine.process(() => this.device(name).transmit(packet!));
  }

  /** Rules that the driver has broken, as the shim knows. */
  get rules(): string[] {
    return [...new Set(shimFindings(this.io).map(({ rule }) => rule))];
  }

  /** Says what is missing in the books of an interface; empty: nothing. */
  books(name = 'en0'): string {
    return conservation(this.device(name)).text;
  }

  /** What a host holds: equal before a mount and after a destroy. */
  census(): Record<string, unknown> {
    const { machine, io } = this;
    return {
      mbufs: machine.mbufs.inUse,
      clusters: machine.mbufs.clustersInUse,
      externals: machine.mbufs.externalsInUse,
      blocks: machine.memory.blocks,
      handlers: this.cards.map((card) => machine.irq.line(card.irq).handlers.length),
      callouts: machine.callouts.census().length,
      sources: io.interrupts.sources.length,
      threads: io.threads.length,
      devices: io.devices.length,
      loaded: io.loaded.size,
    };
  }
}
