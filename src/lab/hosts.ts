// Builds the machines of a lab: bus, chips, drivers, device layer and protocol stack, each NIC plugged into its cable.

import { PciBus, type PciDevice } from '../bus/pci.ts';
import type { Adapter } from '../drivers/pcnet32/adapter.ts';
import { pcnet32Driver } from '../drivers/pcnet32/pcnet32.ts';
import { formatAddress } from '../inet/address.ts';
import { InetStack } from '../inet/stack.ts';
import type { IoPkt } from '../iopkt/manager.ts';
import { FaultError } from '../iopkt/self.ts';
import type { Clock } from '../kernel/clock.ts';
import { Machine } from '../kernel/machine.ts';
import type { PhysicalMemory } from '../kernel/memory.ts';
import { CPU_PROFILES } from '../kernel/profile.ts';
import type { Tracer } from '../kernel/trace.ts';
import { joinPorts } from '../net/bridge.ts';
import type { NetDevice } from '../net/device.ts';
import { createIfb } from '../net/ifb.ts';
import { DeviceLayer } from '../net/layer.ts';
import { PfifoFast } from '../qdisc/pfifo-fast.ts';
import { Tc } from '../tc/command.ts';
import { TcError } from '../tc/words.ts';
import { Link } from '../wire/link.ts';
import type { Medium } from '../wire/medium.ts';
import type { CardBooks } from './card-books.ts';
import { isRemote, makeChip, NO_CHIP, remoteModel } from './chips.ts';
import { startIoPkt } from './iopkt-host.ts';
import { PLAIN_RING, PlainDevice } from './plain-device.ts';
import { LabRunError, type Path } from './problem.ts';
import type { HostSpec, NicSpec } from './spec.ts';
import type { Wires } from './wires.ts';

/** A NIC from the wire to the device layer. */
export interface LabNic {
  readonly spec: NicSpec;
  readonly card: CardBooks;
  /** False: no cable leads to it. */
  readonly connected: boolean;
  /** Of the device that is there now; null: no driver has the card. */
  readonly device: NetDevice | null;
  /** All that have been there, those of destroyed interfaces included. */
  readonly devices: readonly NetDevice[];
  /** Bits a second of the device's link, as its driver knows it; 0: it has none. */
  linkRate(): number;
  /** Receive descriptors, of all of these together. */
  readonly ringSize: number;
  /** Calls of the poll function, and packets it handled. */
  polled(): { polls: number; work: number };
  /** Packets that the driver has given to the hardware and not got back. */
  heldByDriver(): number;
  /** The driver's own counters; a system call. */
  driverStats(): Record<string, number>;
  /** Of the receive errors of its devices: frames that the card never gave to the driver. It is not asked: driverStats does. */
  keptByCard(): number;
}

/** Something that has to be looked after from the event loop: a TAP, a QEMU process. */
export interface Pumped {
  /** Takes in what waits outside, at most `limit` frames; says how many. */
  poll(limit: number): number;
  /** Until something waits (true), or the time is over or the wait was cancelled. */
  waitReadable(timeoutMs: number): Promise<boolean>;
  cancelWait(): void;
  close(): void;
}

/** A card that lives somewhere else, by its slot. */
export interface RemoteNic {
  /** Its name there: `pcnet` of `qemu:pcnet`. */
  model: string;
  slot: number;
  mac: Uint8Array;
  medium: Medium;
}

/** A board with such cards, whose memory the host's machine uses as its own. */
export interface RemoteBoard extends Pumped {
  readonly memory: PhysicalMemory;
  /** It ended or hung in the middle of the run: its cards have done nothing since. */
  readonly lost: boolean;
  /** Puts the card of a slot on the bus. */
  plug(bus: PciBus, slot: number): PciDevice;
  books(slot: number): CardBooks;
}

export type OpenBoard = (board: {
  nics: RemoteNic[];
  memoryBytes?: number;
  clock: Clock;
  log: (message: string) => void;
}) => RemoteBoard;

export interface HostParts {
  readonly clock: Clock;
  readonly seed: number;
  readonly trace: Tracer;
  readonly wires: Wires;
  readonly log: (message: string) => void;
  /** Starts a QEMU for the cards of a host; a lab with one cannot run without it. */
  readonly openBoard?: OpenBoard;
}

/** The first PCI slot that has no device of the board itself. */
const FIRST_SLOT = 3;

/** A card on the bus that has no driver yet. */
export interface PluggedCard {
  readonly spec: NicSpec;
  readonly pci: PciDevice;
  readonly card: CardBooks;
  readonly connected: boolean;
}

export class LabHost {
  readonly spec: HostSpec;
  readonly machine: Machine;
  readonly layer: DeviceLayer;
  readonly stack: InetStack;
  readonly nics: readonly LabNic[];
  /** Of a host with `stack: io-pkt`. */
  readonly io: IoPkt | null = null;
  /** Traffic control of its devices; null on a host with io-pkt, whose interfaces have send queues of their own. */
  readonly tc: Tc | null = null;
  /** Devices that tc redirects to (ifb). */
  readonly ifbs: readonly NetDevice[] = [];
  /** Where its cards are, if they are QEMU's. */
  readonly board: RemoteBoard | null;
  private readonly bus: PciBus;

  constructor(spec: HostSpec, parts: HostParts) {
    const { clock, seed, trace, log } = parts;
    const { name, cpus, memory, mbufs, clusters, debug } = spec;
    this.spec = spec;
    const profile = CPU_PROFILES[spec.profile];
    this.board = openBoard(spec, parts);
    this.machine = new Machine({
      name,
      clock,
      seed,
      profile,
      cpus,
      memory: this.board?.memory ?? memory,
      mbufs,
      clusters,
      debugMbufs: debug,
      trace,
      log,
    });
    this.layer = new DeviceLayer(this.machine);
    this.bus = new PciBus(this.machine);
    this.stack = new InetStack(this.layer);
    this.stack.forwarding = spec.forward;
    if (spec.stack === 'core') {
      this.nics = spec.nics.map((nic, i) =>
        nic.chip === NO_CHIP ? this.plugPlain(nic, parts) : this.bindCore(this.plugCard(nic, i, parts)),
      );
      if (spec.bridge !== undefined) this.bridge(spec.bridge);
      this.ifbs = spec.ifb.map((name) => createIfb(this.layer, name));
      this.tc = new Tc(this.layer);
      this.applyTc(this.tc);
      return;
    }
    const cards = spec.nics.map((nic, i) => this.plugCard(nic, i, parts));
    const started = startIoPkt(spec, this.layer, this.bus, cards);
    this.io = started.io;
    this.nics = started.nics;
  }

  /** Opens the devices and gives them their addresses and the host its routes. */
  bringUp(): void {
    const { gateway, routes } = this.spec;
    this.machine.process(() => {
      for (const device of this.ifbs) device.open();
      for (const nic of this.nics) survive(() => this.openNic(nic));
      for (const route of routes) this.stack.addRoute(networkText(route.to), formatAddress(route.via));
      if (gateway !== undefined) this.stack.addRoute('default', formatAddress(gateway));
    });
  }

  /** Closes the devices: what is still in rings and queues is dropped and counted. */
  shutDown(): void {
    this.machine.process(() => {
      for (const { device } of this.nics) survive(() => device?.close());
      for (const device of this.ifbs) device.close();
    });
  }

  private openNic({ device, spec }: LabNic): void {
    if (device === null) return;
    // An address brings an interface of io-pkt up.
    if (this.io === null || spec.address === null) device.open();
    if (spec.promiscuous) device.setPromiscuity(1);
    if (spec.address !== null) this.stack.addAddress(device, networkText(spec.address));
  }

  nic(name: string): LabNic {
    return this.nics.find((nic) => nic.spec.name === name)!;
  }

  private plugCard(spec: NicSpec, index: number, parts: HostParts): PluggedCard {
    const { medium, connected } = socketOf(this.spec, spec, parts);
    const slot = FIRST_SLOT + index;
    if (this.board !== null && isRemote(spec.chip)) {
      const pci = this.board.plug(this.bus, slot);
      return { spec, pci, card: this.board.books(slot), connected };
    }
    let card!: CardBooks;
    const pci = this.bus.plug(slot, (host) => {
      const made = makeChip(host, spec, medium);
      card = made.card;
      return made.chip;
    });
    return { spec, pci, card, connected };
  }

  private plugPlain(spec: NicSpec, parts: HostParts): LabNic {
    const { medium, connected } = socketOf(this.spec, spec, parts);
    this.layer.defaultQdisc = spec.qdisc === 'none' ? null : (length) => new PfifoFast(length);
    const plain = new PlainDevice(this.layer, spec.name, spec.mac, medium, spec.queues);
    const { device, napi } = plain;
    return {
      spec,
      card: plain.books(),
      connected,
      device,
      devices: [device],
      linkRate: () => (device.carrier ? device.link.bitsPerSecond || Infinity : 0),
      ringSize: PLAIN_RING,
      polled: () => napi,
      heldByDriver: () => plain.held,
      driverStats: () => ({}),
      keptByCard: () => 0,
    };
  }

  /** The NICs' disciplines and the file's lines of tc. */
  private applyTc(tc: Tc): void {
    const { name, nics, tc: lines } = this.spec;
    nics.forEach(({ name: nic, qdisc }, i) => {
      if (qdisc === undefined || qdisc === 'none' || qdisc === 'pfifo_fast') return;
      this.tcLine(tc, `qdisc replace dev ${nic} root ${qdisc}`, ['hosts', name, 'nics', i, 'qdisc']);
    });
    lines.forEach((line, i) => {
      this.tcLine(tc, line, ['hosts', name, 'tc', i]);
    });
  }

  private tcLine(tc: Tc, line: string, at: Path): void {
    try {
      this.machine.process(() => tc.line(line));
    } catch (error) {
      if (!(error instanceof TcError)) throw error;
      throw new LabRunError(
        `host "${this.spec.name}": tc ${line.replace(/^tc\s+/, '')}: ${error.message}`,
        at,
      );
    }
  }

  /** All that comes in by one of the two goes out by the other. */
  private bridge([one, other]: readonly string[]): void {
    joinPorts(this.nic(one).device!, this.nic(other).device!);
  }

  /** A card for the core's driver: the one device on the bus that has none yet. */
  private bindCore({ spec, pci, card, connected }: PluggedCard): LabNic {
    this.layer.defaultQdisc = spec.qdisc === 'none' ? null : (length) => new PfifoFast(length);
    const { name, ...options } = spec.driver!;
    const taken = this.machine.process(() => this.bus.register(pcnet32Driver(this.layer, options)));
    if (taken.length !== 1) throw new Error(`${spec.name}: the driver ${name} did not take the ${spec.chip}`);
    const adapter = pci.driverData as Adapter;
    const { device, napi } = adapter;
    const driverStats = (): Record<string, number> =>
      this.machine.process(() => device.ops.driverStats?.() ?? {});
    return {
      spec,
      card,
      connected,
      device,
      devices: [device],
      linkRate: () => (device.carrier ? device.link.bitsPerSecond : 0),
      ringSize: adapter.rxBuffers.length,
      // Without NAPI the backlog polls, for all devices of a CPU together.
      polled: () => (options.napi === false ? this.layer.softnet.perCpu[0].backlog : napi),
      heldByDriver: () => adapter.txBuffers.reduce((sum, m) => sum + (m === null ? 0 : 1), 0),
      driverStats,
      keptByCard: () => adapter.stats.rx_missed_frames,
    };
  }
}

/** A driver of io-pkt's that faults ends its io-pkt, which the report tells; the lab goes on. */
function survive(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
  }
}

/** One QEMU for all of a host's cards that are QEMU's; null when it has none. */
function openBoard(spec: HostSpec, parts: HostParts): RemoteBoard | null {
  const nics = spec.nics.flatMap((nic, i): RemoteNic[] => {
    const { medium } = socketOf(spec, nic, parts);
    if (!isRemote(nic.chip)) return [];
    return [{ model: remoteModel(nic.chip), slot: FIRST_SLOT + i, mac: nic.mac, medium }];
  });
  if (nics.length === 0) return null;
  if (parts.openBoard === undefined) {
    const right = 'softnet up FILE would be right';
    throw new LabRunError(`host "${spec.name}": QEMU's cards run in real time: ${right}`, [
      'hosts',
      spec.name,
    ]);
  }
  return parts.openBoard({ nics, memoryBytes: spec.memory, clock: parts.clock, log: parts.log });
}

/** The cable's end, or that of one whose other end lies on the floor. */
function socketOf(host: HostSpec, nic: NicSpec, parts: HostParts): { medium: Medium; connected: boolean } {
  const socket = parts.wires.socket(`${host.name}.${nic.name}`);
  return { medium: socket ?? unplugged(nic.name, parts.clock, parts.wires), connected: socket !== null };
}

export function unplugged(name: string, clock: Clock, wires: Wires): Medium {
  return new Link({ name: `${name} unplugged`, clock, pool: wires.pool }).a;
}

function networkText(network: { address: number; prefix: number }): string {
  return `${formatAddress(network.address)}/${network.prefix}`;
}
