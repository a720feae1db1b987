// A host whose network card has an io-pkt driver: clock, machine, device layer, io-pkt, bus, chip, and a wire whose far end
// is the test. The chip is any of our models; frames and addresses are those of bench.ts.

import { expect } from 'vitest';
import type { ChipState, DeviceHost, PciChip, Width } from '../../src/bus/host.ts';
import { PciBus, type PciDevice } from '../../src/bus/pci.ts';
import { I8255x, type I8255xModel } from '../../src/chips/i8255x/model.ts';
import { Pcnet, type PcnetVariant } from '../../src/chips/pcnet/model.ts';
import { pcnModule } from '../../src/drivers/pcn/pcn.ts';
import { speedoModule } from '../../src/drivers/speedo/speedo.ts';
import type { ifnet } from '../../src/iopkt/ifnet.ts';
import { IoPkt } from '../../src/iopkt/manager.ts';
import {
  DRVCOM_CONFIG,
  DRVCOM_STATS,
  nic_config_t,
  nic_stats_t,
  sizeof_nic_config_t,
  sizeof_nic_stats_t,
} from '../../src/iopkt/nic.ts';
import { SIOCGDRVCOM } from '../../src/iopkt/sockio.ts';
import { VirtualClock } from '../../src/kernel/clock.ts';
import { Machine, type MachineOptions } from '../../src/kernel/machine.ts';
import type { Mbuf } from '../../src/mbuf/mbuf.ts';
import { conservation } from '../../src/net/conservation.ts';
import type { NetDevice } from '../../src/net/device.ts';
import { ETH_HLEN } from '../../src/net/ether.ts';
import { DeviceLayer } from '../../src/net/layer.ts';
import type { Medium } from '../../src/wire/medium.ts';
import { HOST_MAC, MILLISECOND, padded, SECOND, TEST_TYPE } from './bench.ts';
import { TestWire } from './test-wire.ts';

export type AnyChip = PcnetVariant | I8255xModel;

export interface IopktHostOptions {
  /** Driver and chips; a chip each in slots 3, 4, ... */
  driver: 'pcn' | 'speedo';
  chip: AnyChip;
  chips?: number;
  options?: string;
  machine?: Partial<MachineOptions>;
  /** Of the test wires; 0 (the default): sending takes no time. */
  bitsPerSecond?: number;
  mac?: Uint8Array;
  /** Plug the first card in here, not into a test wire; goes with `clock`. */
  medium?: Medium;
  clock?: VirtualClock;
  /** Time a PHY negotiates; short by default. */
  negotiationNs?: number;
  /** io-pkt's SIGSEGV handler; default off, so that an exception comes out of the run. */
  sigsegv?: boolean;
  /** Load the driver and bring its first interface up; default both. */
  mount?: boolean;
  up?: boolean;
}

const PREFIX = { pcn: 'pcn', speedo: 'fxp' } as const;

/** A card that can be pulled out, and whose accesses can be counted and interfered with. */
export class TestedCard implements PciChip {
  readonly chip: Pcnet | I8255x;
  pulled = false;
  accesses = 0;
  writes = 0;
  /** Called before each access. */
  onAccess: (() => void) | null = null;
  /** Called after each write. */
  onWritten: ((offset: number, width: Width, value: number) => void) | null = null;

  constructor(chip: Pcnet | I8255x) {
    this.chip = chip;
  }

  get identity(): PciChip['identity'] {
    return this.chip.identity;
  }

  readBar(bar: number, offset: number, width: Width): number {
    this.accesses++;
    this.onAccess?.();
    return this.pulled ? (2 ** (8 * width) - 1) >>> 0 : this.chip.readBar(bar, offset, width);
  }

  writeBar(bar: number, offset: number, width: Width, value: number): void {
    this.accesses++;
    this.writes++;
    this.onAccess?.();
    if (this.pulled) return;
    this.chip.writeBar(bar, offset, width, value);
    this.onWritten?.(offset, width, value);
  }

  reset(): void {
    this.chip.reset();
  }

  save(): ChipState {
    return this.chip.save();
  }

  restore(state: ChipState): void {
    this.chip.restore(state);
  }

  pull(): void {
    this.pulled = true;
    this.chip.reset();
  }

  putBack(): void {
    this.pulled = false;
  }
}

export class IopktHost {
  readonly clock: VirtualClock;
  readonly machine: Machine;
  readonly layer: DeviceLayer;
  readonly bus: PciBus;
  readonly io: IoPkt;
  readonly cards: TestedCard[] = [];
  readonly pcis: PciDevice[] = [];
  readonly wires: TestWire[] = [];
  readonly log: string[] = [];
  /** Frames of TEST_TYPE that reached the protocols, headers included. */
  readonly received: Uint8Array[] = [];
  receivedCount = 0;
  keep = true;
  /** Every test frame goes back where it came from. */
  echo = false;
  readonly prefix: string;
  private readonly driver: string;
  private readonly options: string | null;

  constructor(options: IopktHostOptions) {
    const clock = options.clock ?? new VirtualClock();
    this.clock = clock;
    this.driver = options.driver;
    this.prefix = PREFIX[options.driver];
    this.options = options.options ?? null;
    this.machine = new Machine({
      name: 'host',
      mbufs: 2048,
      clusters: 1024,
      log: (message) => this.log.push(message),
      ...options.machine,
      clock,
    });
    this.layer = new DeviceLayer(this.machine);
    this.layer.packetTypes.add({
      name: 'bench',
      type: TEST_TYPE,
      device: null,
      receive: (m, device) => this.take(m, device),
    });
    this.bus = new PciBus(this.machine);
    for (let i = 0; i < (options.chips ?? 1); i++) {
      const wire = new TestWire(clock, options.bitsPerSecond ?? 0);
      const mac = Uint8Array.from(options.mac ?? HOST_MAC);
      mac[5] += i;
      this.wires.push(wire);
      this.pcis.push(
        this.bus.plug(3 + i, (host) => {
          const medium = i === 0 ? (options.medium ?? wire) : wire;
          const card = new TestedCard(makeChip(options, host, medium, mac));
          this.cards.push(card);
          return card;
        }),
      );
    }
    this.io = new IoPkt(this.layer, {
      pci: this.bus,
      sigsegv: options.sigsegv ?? false,
      drivers: { 'devnp-pcn.so': pcnModule, 'devnp-speedo.so': speedoModule },
    });
    if (options.mount === false) return;
    this.mount();
    if (options.up !== false) this.up();
  }

  get card(): TestedCard {
    return this.cards[0];
  }

  get chip(): Pcnet | I8255x {
    return this.card.chip;
  }

  get wire(): TestWire {
    return this.wires[0];
  }

  mount(options: string | null = this.options): string[] {
    return this.io.mount(this.driver, options);
  }

  device(name = `${this.prefix}0`): NetDevice {
    const found = this.layer.find(name);
    if (found === undefined) throw new Error(`there is no ${name}: ${this.log.join('; ')}`);
    return found;
  }

  ifp(name = `${this.prefix}0`): ifnet {
    const found = this.io.find(name);
    if (found === null) throw new Error(`there is no ${name}: ${this.log.join('; ')}`);
    return found;
  }

  /** The driver's softc. */
  softc<T>(name?: string): T {
    return this.ifp(name).if_softc as T;
  }

  /** Opens an interface and waits for its link. */
  up(name?: string): NetDevice {
    const device = this.device(name);
    this.machine.process(() => device.open());
    this.runUntil(() => device.carrier && device.layer.machine.clock === this.clock);
    this.runUntil(() => this.ifp(name).if_link_state === 2);
    return device;
  }

  down(name?: string): void {
    this.machine.process(() => this.device(name).close());
  }

  run(ns = 5 * MILLISECOND): void {
    this.clock.run(this.clock.now() + ns);
  }

  runUntil(holds: () => boolean, limitNs = 20 * SECOND): void {
    const end = this.clock.now() + limitNs;
    while (!holds() && this.clock.now() < end) this.run(MILLISECOND);
    expect(holds(), `nothing within ${limitNs} ns; ${this.log.join('; ')}`).toBe(true);
  }

  /** Sends these bytes from process context, in as many pieces as `cuts` says. */
  send(bytes: Uint8Array, cuts: number[] = [], name?: string): void {
    this.machine.process(() => this.device(name).transmit(this.packet(bytes, cuts)));
  }

  packet(bytes: Uint8Array, cuts: number[] = []): Mbuf {
    const { mbufs } = this.machine;
    let at = 0;
    let packet: Mbuf | null = null;
    for (const length of [...cuts, Infinity]) {
      const piece = mbufs.fromBytes(bytes.subarray(at, at + length), 64);
      if (piece === null) throw new Error('the bench is out of buffers');
      at = Math.min(at + length, bytes.length);
      if (packet === null) packet = piece;
      else mbufs.cat(packet, piece);
    }
    return packet!;
  }

  private take(m: Mbuf, device: NetDevice): void {
    this.receivedCount++;
    const { u8 } = this.machine.memory;
    if (this.keep) this.received.push(u8.slice(m.data - ETH_HLEN, m.data + m.length));
    if (!this.echo) {
      this.machine.mbufs.freem(m);
      return;
    }
    m.data -= ETH_HLEN;
    m.length += ETH_HLEN;
    m.packetLength += ETH_HLEN;
    for (let i = 0; i < 6; i++) {
      u8[m.data + i] = u8[m.data + 6 + i];
      u8[m.data + 6 + i] = device.address[i];
    }
    device.transmit(m);
  }

  /** Takes the oldest frames the protocols were given and compares them. */
  expectReceived(...frames: Uint8Array[]): void {
    for (const bytes of frames) expectSame(this.received.shift(), bytes);
  }

  /** Takes the oldest frames that came out on the wire and compares them; short ones come out with a pad of zeros. */
  expectFrame(...frames: Uint8Array[]): void {
    for (const bytes of frames) expectSame(this.wire.frames.shift(), padded(bytes));
  }

  config(name = `${this.prefix}0`): nic_config_t {
    const ifdc_data = new nic_config_t();
    const request = { ifdc_name: name, ifdc_cmd: DRVCOM_CONFIG, ifdc_len: sizeof_nic_config_t, ifdc_data };
    expect(this.io.ioctl(name, SIOCGDRVCOM, request)).toBe(0);
    return ifdc_data;
  }

  stats(name = `${this.prefix}0`): nic_stats_t {
    const ifdc_data = new nic_stats_t();
    const request = { ifdc_name: name, ifdc_cmd: DRVCOM_STATS, ifdc_len: sizeof_nic_stats_t, ifdc_data };
    expect(this.io.ioctl(name, SIOCGDRVCOM, request)).toBe(0);
    return ifdc_data;
  }

  /** What a host holds; equal before and after whatever should leave nothing behind. */
  census(): Record<string, unknown> {
    const { machine, pcis, io } = this;
    return {
      mbufs: machine.mbufs.inUse,
      clusters: machine.mbufs.clustersInUse,
      coherentBlocks: pcis.map((pci) => pci.dma.coherentBlocks),
      memoryBlocks: machine.memory.blocks,
      irqHandlers: pcis.map((pci) => machine.irq.line(pci.irq).handlers.length),
      callouts: machine.callouts.census().sort(),
      armed: io.callouts.size,
      hooks: io.hooks.length,
      sources: io.interrupts.sources.length,
      held: io.held.length,
      taken: io.pciTaken.size,
    };
  }

  /** Every packet offered was sent, dropped with a reason, or waits somewhere. */
  expectConserved(name?: string): void {
    expect(conservation(this.device(name)).text).toBe('');
  }
}

function makeChip(
  options: IopktHostOptions,
  host: DeviceHost,
  wire: Medium,
  mac: Uint8Array,
): Pcnet | I8255x {
  const negotiationNs = options.negotiationNs ?? MILLISECOND;
  const { chip } = options;
  if (chip === 'Am79C970A' || chip === 'Am79C973')
    return new Pcnet(host, wire, { variant: chip, mac, negotiationNs });
  return new I8255x(host, wire, { model: chip, mac, negotiationNs });
}

/** Compares quickly, and at length only when there is a difference to show. */
function expectSame(got: Uint8Array | undefined, wanted: Uint8Array): void {
  if (got !== undefined && Buffer.compare(got, wanted) === 0) return;
  expect(got).toEqual(wanted);
}
