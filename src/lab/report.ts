// What a run is reported as: one plain object, which `--json` prints and the tables are made from.

import type { FaultReport } from '../iopkt/fault.ts';
import { HARDIRQ, PROCESS, SOFTIRQ } from '../kernel/cpu.ts';
import type { NetDevice } from '../net/device.ts';
import { formatMac } from '../net/ether.ts';
import { nonZero } from './card-books.ts';
import { addUp, type Conservation } from './conservation.ts';
import type { FlowReport } from './flow.ts';
import type { LabGuest } from './guest.ts';
import type { LabHost, LabNic } from './hosts.ts';
import type { Lab } from './lab.ts';
import type { ServiceReport } from './services.ts';
import { type LinkReport, reportWire } from './wire-report.ts';

export interface CpuReport {
  profile: string;
  /** ns in each context since the traffic began; idle is the rest. */
  timeNs: { idle: number; process: number; softirq: number; hardirq: number };
  interrupts: number;
  softirqRounds: number;
  ksoftirqdWakes: number;
  contextSwitches: number;
}

export interface DeviceReport {
  /** As the host calls it: `eth0`, `fxp0`; null when it has been destroyed, or never came. */
  interface: string | null;
  mac: string;
  addresses: string[];
  carrier: boolean;
  bitsPerSecond: number;
  rx: { packets: number; bytes: number; errors: number; multicast: number };
  tx: { packets: number; bytes: number; errors: number };
  /** By reason, at the device and in the protocols above it. */
  drops: Record<string, number>;
  interrupts: number;
  polls: number;
  packetsPerPoll: number;
  /** Waiting in the transmit queue; times the driver stopped it. */
  queued: number;
  queueStops: number;
  /** Frames that reached the card and not the driver, by reason; frames it could not send. */
  hardware: Record<string, number>;
  /** The driver's own counters that are not 0. */
  driver: Record<string, number>;
}

export interface QdiscReport {
  kind: string;
  handle: string;
  dev: string;
  parent?: string;
  packets: number;
  bytes: number;
  drops: number;
  overlimits: number;
  qlen: number;
  backlog: number;
}

export interface HostReport {
  stack: 'core' | 'io-pkt';
  /** What ended its io-pkt; null while all is well. */
  fault: FaultReport | null;
  cpus: CpuReport[];
  devices: Record<string, DeviceReport>;
  /** Disciplines that tc put there, as `tc -s -j` shows them. */
  qdiscs: QdiscReport[];
  services: ServiceReport[];
  /** Its QEMU ended or hung during the run: what its cards then held is gone. */
  boardLost?: true;
  /** Packet buffers: now, and the most there were. */
  mbufs: { inUse: number; peak: number; failures: number };
}

export interface GuestReport {
  nics: Record<string, { chip: string; mac: string; received: number; hardware: Record<string, number> }>;
  /** The last lines on its console. */
  console: string[];
}

export interface LabReport {
  lab: string;
  seed: number;
  clock: 'virtual' | 'system';
  /** Time that traffic ran, in ns. */
  durationNs: number;
  /** Time before that until every link was up, and after it until nothing was under way. */
  settleNs: number;
  drainNs: number;
  hosts: Record<string, HostReport>;
  /** Machines in emulators: frames that each card took off its cable, and those it lost or could not send. */
  guests: Record<string, GuestReport>;
  links: Record<string, LinkReport>;
  flows: FlowReport[];
  /** TAPs and the like, by name. */
  ports: Record<string, unknown>;
  conservation: Conservation;
}

export function reportLab(lab: Lab): LabReport {
  const { spec, clock, times } = lab;
  const hosts: Record<string, HostReport> = {};
  for (const host of lab.hosts) hosts[host.spec.name] = reportHost(lab, host);
  const links: Record<string, LinkReport> = {};
  for (const wire of lab.wires.all) links[wire.name] = reportWire(wire, times.traffic + times.drain);
  return {
    lab: spec.name,
    seed: spec.seed,
    clock: clock.kind,
    durationNs: Math.round(times.traffic),
    settleNs: Math.round(times.settle),
    drainNs: Math.round(times.drain),
    hosts,
    guests: Object.fromEntries(lab.guests.map((guest) => [guest.spec.name, reportGuest(guest)])),
    links,
    flows: lab.flows.map((flow) => flow.report()),
    ports: Object.fromEntries(lab.outside.map((port) => [port.name, port.report()])),
    conservation: addUp(lab),
  };
}

function reportGuest(guest: LabGuest): GuestReport {
  const nics = guest.nics.map(({ spec: { name, chip, mac }, card }) => {
    return [name, { chip, mac: formatMac(mac), received: card.received(), hardware: card.drops() }] as const;
  });
  return { nics: Object.fromEntries(nics), console: guest.consoleTail() };
}

function reportHost(lab: Lab, host: LabHost): HostReport {
  const { machine } = host;
  const devices: Record<string, DeviceReport> = {};
  for (const nic of host.nics) devices[nic.spec.name] = reportDevice(host, nic);
  const elapsed = lab.times.traffic + lab.times.drain;
  return {
    stack: host.spec.stack,
    fault: host.io?.fault ?? null,
    cpus: machine.cpus.map((cpu) => {
      const before = lab.cpuTimes.get(cpu) ?? new Float64Array(4);
      const spent = (context: number): number => Math.round(cpu.timeIn[context] - before[context]);
      const timeNs = { idle: 0, process: spent(PROCESS), softirq: spent(SOFTIRQ), hardirq: spent(HARDIRQ) };
      timeNs.idle = Math.max(0, Math.round(elapsed) - timeNs.process - timeNs.softirq - timeNs.hardirq);
      const { interrupts, softirqRounds, ksoftirqdWakes, contextSwitches } = cpu;
      return {
        profile: cpu.profile.name,
        timeNs,
        interrupts,
        softirqRounds,
        ksoftirqdWakes,
        contextSwitches,
      };
    }),
    devices,
    qdiscs: reportQdiscs(host),
    services: lab.services.filter((service) => service.host === host).map((service) => service.report()),
    ...(host.board?.lost === true ? { boardLost: true } : {}),
    mbufs: {
      inUse: machine.mbufs.inUse,
      peak: machine.mbufs.mbufsPeak,
      failures: machine.mbufs.mbufFailures + machine.mbufs.clusterFailures,
    },
  };
}

function reportQdiscs({ tc }: LabHost): QdiscReport[] {
  const all = (tc?.line('-s qdisc show').json ?? []) as QdiscReport[];
  return all.filter(({ handle }) => handle !== '0:');
}

function reportDevice(host: LabHost, nic: LabNic): DeviceReport {
  const { device, devices, card } = nic;
  const driver = nonZero(nic.driverStats());
  const { polls, work } = nic.polled();
  const sum = (of: (device: NetDevice) => number): number =>
    devices.reduce((total, each) => total + of(each), 0);
  const linkRate = nic.linkRate();
  const drops: Record<string, number> = {};
  for (const each of devices) {
    for (const [reason, count] of Object.entries(each.dropReport()))
      drops[reason] = (drops[reason] ?? 0) + count;
  }
  return {
    interface: device?.name ?? null,
    mac: formatMac(device?.address ?? nic.spec.mac),
    addresses: device === null ? [] : host.stack.addressesOf(device),
    carrier: linkRate > 0,
    bitsPerSecond: linkRate,
    rx: {
      packets: sum(({ rx }) => rx.packets),
      bytes: sum(({ rx }) => rx.bytes),
      errors: sum(({ rx }) => rx.errors),
      multicast: sum(({ rx }) => rx.multicast),
    },
    tx: {
      packets: sum(({ tx }) => tx.packets),
      bytes: sum(({ tx }) => tx.bytes),
      errors: sum(({ tx }) => tx.errors),
    },
    drops,
    interrupts: sum(({ interrupts }) => interrupts),
    polls,
    packetsPerPoll: polls === 0 ? 0 : work / polls,
    queued: sum(({ queued }) => queued),
    queueStops: sum(({ txQueues }) => txQueues.reduce((stops, queue) => stops + queue.stops, 0)),
    hardware: card.drops(),
    driver,
  };
}
