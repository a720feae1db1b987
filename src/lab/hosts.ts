// Builds the machines of a lab: bus, chips, drivers, device layer and protocol stack, each NIC plugged into its cable.

import { PciBus } from '../bus/pci.ts';
import type { PcnetCounters } from '../chips/pcnet/counters.ts';
import { Pcnet, type PcnetVariant } from '../chips/pcnet/model.ts';
import type { Adapter } from '../drivers/pcnet32/adapter.ts';
import { pcnet32Driver } from '../drivers/pcnet32/pcnet32.ts';
import { formatAddress } from '../inet/address.ts';
import { InetStack } from '../inet/stack.ts';
import type { Clock } from '../kernel/clock.ts';
import { Machine } from '../kernel/machine.ts';
import { CPU_PROFILES } from '../kernel/profile.ts';
import type { Tracer } from '../kernel/trace.ts';
import type { NetDevice } from '../net/device.ts';
import { DeviceLayer } from '../net/layer.ts';
import type { Napi } from '../net/napi.ts';
import { PfifoFast } from '../qdisc/pfifo-fast.ts';
import { Link } from '../wire/link.ts';
import type { Medium } from '../wire/medium.ts';
import type { HostSpec, NicSpec } from './spec.ts';
import type { Wires } from './wires.ts';

/** A NIC from the wire to the device layer. */
export interface LabNic {
  readonly spec: NicSpec;
  readonly device: NetDevice;
  readonly hardware: PcnetCounters;
  readonly napi: Napi;
  /** False: no cable leads to it. */
  readonly connected: boolean;
  /** Receive descriptors. */
  readonly ringSize: number;
  /** Packets that the driver has given to the hardware and not got back. */
  heldByDriver(): number;
  /** The driver's own counters; a system call. */
  driverStats(): Record<string, number>;
}

export interface HostParts {
  readonly clock: Clock;
  readonly seed: number;
  readonly trace: Tracer;
  readonly wires: Wires;
  readonly log: (message: string) => void;
}

const CHIP_VARIANTS: Readonly<Record<NicSpec['chip'], PcnetVariant>> = {
  pcnet: 'Am79C973',
  am79c973: 'Am79C973',
  am79c970a: 'Am79C970A',
};

/** The first PCI slot that has no device of the board itself. */
const FIRST_SLOT = 3;

export class LabHost {
  readonly spec: HostSpec;
  readonly machine: Machine;
  readonly layer: DeviceLayer;
  readonly stack: InetStack;
  readonly nics: LabNic[];
  private readonly bus: PciBus;

  constructor(spec: HostSpec, parts: HostParts) {
    const { clock, seed, trace, log } = parts;
    const { name, cpus, memory, mbufs, clusters, debug } = spec;
    this.spec = spec;
    const profile = CPU_PROFILES[spec.profile];
    this.machine = new Machine({
      name,
      clock,
      seed,
      profile,
      cpus,
      memory,
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
    this.nics = spec.nics.map((nic, i) => this.plugNic(nic, i, parts));
  }

  /** Opens the devices and gives them their addresses and the host its routes. */
  bringUp(): void {
    const { gateway, routes } = this.spec;
    this.machine.process(() => {
      for (const { device, spec } of this.nics) {
        device.open();
        if (spec.promiscuous) device.setPromiscuity(1);
        if (spec.address !== null) this.stack.addAddress(device, networkText(spec.address));
      }
      for (const route of routes) this.stack.addRoute(networkText(route.to), formatAddress(route.via));
      if (gateway !== undefined) this.stack.addRoute('default', formatAddress(gateway));
    });
  }

  /** Closes the devices: what is still in rings and queues is dropped and counted. */
  shutDown(): void {
    this.machine.process(() => {
      for (const { device } of this.nics) device.close();
    });
  }

  nic(name: string): LabNic {
    return this.nics.find((nic) => nic.spec.name === name)!;
  }

  private plugNic(spec: NicSpec, index: number, parts: HostParts): LabNic {
    const socket = parts.wires.socket(`${this.spec.name}.${spec.name}`);
    const medium = socket ?? deadSocket(spec.name, parts);
    let chip!: Pcnet;
    const pci = this.bus.plug(FIRST_SLOT + index, (host) => {
      const variant = CHIP_VARIANTS[spec.chip];
      chip = new Pcnet(host, medium, { variant, mac: spec.mac, negotiationNs: spec.negotiation });
      return chip;
    });
    this.layer.defaultQdisc = spec.qdisc === 'none' ? null : (length) => new PfifoFast(length);
    const { name: _, ...options } = spec.driver;
    // Takes the one device that has no driver yet.
    const taken = this.machine.process(() => this.bus.register(pcnet32Driver(this.layer, options)));
    if (taken.length !== 1) {
      throw new Error(`${this.spec.name}.${spec.name}: the driver did not take the card`);
    }
    const adapter = pci.driverData as Adapter;
    const { device, napi } = adapter;
    return {
      spec,
      device,
      napi,
      hardware: chip.counters,
      connected: socket !== null,
      ringSize: adapter.rxBuffers.length,
      heldByDriver: () => adapter.txBuffers.reduce((sum, m) => sum + (m === null ? 0 : 1), 0),
      driverStats: () => this.machine.process(() => device.ops.driverStats?.() ?? {}),
    };
  }
}

/** One end of a cable whose other end lies on the floor. */
function deadSocket(name: string, parts: HostParts): Medium {
  return new Link({ name: `${name} unplugged`, clock: parts.clock, pool: parts.wires.pool }).a;
}

function networkText(network: { address: number; prefix: number }): string {
  return `${formatAddress(network.address)}/${network.prefix}`;
}
