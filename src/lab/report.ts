// What a run is reported as: one plain object, which `--json` prints and the tables are made from.

import { HARDIRQ, PROCESS, SOFTIRQ } from '../kernel/cpu.ts';
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

export interface HostReport {
  cpus: CpuReport[];
  devices: Record<string, DeviceReport>;
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
    services: lab.services.filter((service) => service.host === host).map((service) => service.report()),
    ...(host.board?.lost === true ? { boardLost: true } : {}),
    mbufs: {
      inUse: machine.mbufs.inUse,
      peak: machine.mbufs.mbufsPeak,
      failures: machine.mbufs.mbufFailures + machine.mbufs.clusterFailures,
    },
  };
}

function reportDevice(host: LabHost, nic: LabNic): DeviceReport {
  const { device, napi, card } = nic;
  const { rx, tx } = device;
  // Without NAPI the backlog polls, for all devices of a CPU together.
  const polled = nic.spec.driver.napi === false ? host.layer.softnet.perCpu[0].backlog : napi;
  return {
    mac: formatMac(device.address),
    addresses: host.stack.addressesOf(device),
    carrier: device.carrier,
    bitsPerSecond: device.carrier ? device.link.bitsPerSecond : 0,
    rx: { packets: rx.packets, bytes: rx.bytes, errors: rx.errors, multicast: rx.multicast },
    tx: { packets: tx.packets, bytes: tx.bytes, errors: tx.errors },
    drops: device.dropReport(),
    interrupts: device.interrupts,
    polls: polled.polls,
    packetsPerPoll: polled.polls === 0 ? 0 : polled.work / polled.polls,
    queued: device.queued,
    queueStops: device.txQueues.reduce((sum, queue) => sum + queue.stops, 0),
    hardware: card.drops(),
    driver: nonZero(nic.driverStats()),
  };
}
