// A checked lab: every name resolved, every default filled in, every number in base units. What the builders read.

import type { Network } from '../inet/address.ts';
import type { FlapOptions, ImpairmentOptions } from '../wire/impair/options.ts';
import type { GuestFile, HostFile, NicFile } from './schema.ts';
import type { Pace } from './units.ts';

/** What a cable can be plugged into. */
export type Endpoint =
  | { kind: 'nic'; host: string; nic: string }
  | { kind: 'port'; name: string }
  | { kind: 'switch'; name: string };

export interface NicSpec extends Omit<NicFile, 'name' | 'mac' | 'address' | 'driver'> {
  name: string;
  /** Null on a host with io-pkt: its drivers are the host's. */
  driver: NonNullable<NicFile['driver']> | null;
  mac: Uint8Array;
  address: Network | null;
}

export interface HostSpec extends Omit<HostFile, 'nics' | 'drivers'> {
  name: string;
  /** Of io-pkt, in the order they are started. */
  drivers: NonNullable<HostFile['drivers']>;
  nics: NicSpec[];
}

export type ServiceSpec = HostSpec['services'][number];

/** A guest's NIC: `address` is the one it will give itself, if that is known. */
export interface GuestNicSpec extends Omit<GuestFile['nics'][number], 'name' | 'mac' | 'address'> {
  name: string;
  mac: Uint8Array;
  address: Network | null;
}

/** A machine in an emulator, with an operating system of its own. */
export interface GuestSpec extends Omit<GuestFile, 'nics'> {
  name: string;
  nics: GuestNicSpec[];
}

export interface LinkSpec {
  name: string;
  ends: readonly [Endpoint, Endpoint];
  bitsPerSecond: number;
  delayNs: number;
  /** `auto`: the PHYs at its ends negotiate it and the speed, up to `bitsPerSecond`. */
  duplex: 'full' | 'half' | 'auto';
  /** On the way to the second end, and to the first. */
  forth: ImpairmentOptions | null;
  back: ImpairmentOptions | null;
  flap: FlapOptions | null;
}

export interface SwitchSpec {
  name: string;
  ageingNs?: number;
  queueFrames?: number;
}

export interface HubSpec {
  name: string;
  ends: Endpoint[];
  bitsPerSecond: number;
  delayNs: number;
}

/** A NIC that frames are meant for. */
export interface NicTarget {
  host: string;
  nic: string;
}

interface PortBase {
  name: string;
}

export interface ReplaySpec extends PortBase {
  kind: 'replay';
  file: string;
  to: NicTarget;
  startNs: number;
  pace?: Pace;
  speed: number;
  loops: number;
  /** `rewrite`: the address of the NIC it is for. */
  destination: 'keep' | 'rewrite' | Uint8Array;
}

export interface GeneratorSpec extends PortBase {
  kind: 'generator';
  to: NicTarget;
  startNs: number;
  pace: Pace;
  /** Length of its frames without FCS. */
  size: number;
  udpPort: number;
  /** Who takes its datagrams: a process that reads a socket, or a function in softirq context. */
  sink: 'process' | 'softirq';
}

export interface TapSpec extends PortBase {
  kind: 'tap';
  /** As the kernel will call it. */
  interfaceName: string;
  address: Network | null;
  mtu?: number;
  namespace?: string;
}

export type PortSpec = ReplaySpec | GeneratorSpec | TapSpec;

interface TrafficBase {
  name: string;
  from: string;
  /** Name of the host it goes to; null for an address outside of the lab. */
  toHost: string | null;
  to: number;
  startNs: number;
  /** Packets after which it ends by itself. */
  count?: number;
  /** Bytes of payload. */
  size: number;
}

export interface PingSpec extends TrafficBase {
  kind: 'ping';
  intervalNs: number;
}

export interface UdpSpec extends TrafficBase {
  kind: 'udp';
  pace: Pace;
  udpPort: number;
}

export type TrafficSpec = PingSpec | UdpSpec;

export interface LabSpec {
  name: string;
  seed: number;
  hosts: HostSpec[];
  guests: GuestSpec[];
  links: LinkSpec[];
  switches: SwitchSpec[];
  hubs: HubSpec[];
  ports: PortSpec[];
  traffic: TrafficSpec[];
}

/** `alice.eth0`, `capture`, `sw`: as the file has it. */
export function endpointName(end: Endpoint): string {
  return end.kind === 'nic' ? `${end.host}.${end.nic}` : end.name;
}
