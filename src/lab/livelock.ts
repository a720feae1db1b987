// Interrupts against polling: one lab, a host that is fed by a generator, run at many loads with NAPI and without it.
// Receive livelock after Mogul and Ramakrishnan, "Eliminating receive livelock in an interrupt-driven kernel" (1996).

import { VirtualClock } from '../kernel/clock.ts';
import { Lab } from './lab.ts';
import { LabRunError } from './problem.ts';
import { type LabReport, reportLab } from './report.ts';
import { runVirtual } from './run-virtual.ts';
import type { GeneratorSpec, LabSpec } from './spec.ts';

/** One load on one path. */
export interface LivelockPoint {
  /** Datagrams a second that reached the sink. */
  goodputPps: number;
  interruptsPerPacket: number;
  packetsPerPoll: number;
  /** Share of the time spent in hard interrupts, 0 to 1. */
  hardirqShare: number;
}

export interface LivelockRow {
  /** Of the capacity, 1 being all of it. */
  load: number;
  offeredPps: number;
  polling: LivelockPoint;
  interrupts: LivelockPoint;
}

export interface LivelockReport {
  lab: string;
  seed: number;
  /** What the host takes with polling when it is offered far more: the peak. */
  capacityPps: number;
  rows: LivelockRow[];
}

export const LIVELOCK_LOADS = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4] as const;

/** Far more than the slowest profile can take. */
const OVERLOAD_PPS = 1_000_000;

export interface LivelockOptions {
  loads?: readonly number[];
  /** Time of traffic at each load. */
  forNs?: number;
  progress?: (what: string) => void;
}

/** Throws a LabRunError when the lab has no generator. */
export function livelock(spec: LabSpec, options: LivelockOptions = {}): LivelockReport {
  const { loads = LIVELOCK_LOADS, forNs = 300_000_000, progress = () => {} } = options;
  if (!spec.ports.some((port) => port.kind === 'generator')) {
    throw new LabRunError(`lab "${spec.name}" has no port of kind generator, whose rate could be varied`);
  }
  progress('capacity');
  const capacityPps = Math.round(measure(spec, true, OVERLOAD_PPS, forNs).goodputPps);
  const rows = loads.map((load) => {
    const offeredPps = Math.round(load * capacityPps);
    progress(`${Math.round(load * 100)}% of ${capacityPps} packets/s`);
    return {
      load,
      offeredPps,
      polling: measure(spec, true, offeredPps, forNs),
      interrupts: measure(spec, false, offeredPps, forNs),
    };
  });
  return { lab: spec.name, seed: spec.seed, capacityPps, rows };
}

function measure(spec: LabSpec, napi: boolean, offeredPps: number, forNs: number): LivelockPoint {
  const generator = spec.ports.find((port): port is GeneratorSpec => port.kind === 'generator')!;
  const lab = new Lab(vary(spec, generator, napi, offeredPps), {
    clock: new VirtualClock(),
    readFile: noFiles,
  });
  // Goodput is what got through in time: what still lies in a queue when the traffic ends is not.
  let received = 0;
  for (const _ of runVirtual(lab, forNs, forNs)) received = receivedBy(reportLab(lab), generator.name);
  const report = reportLab(lab);
  const { vanished } = report.conservation;
  if (vanished.length > 0) throw new Error(`${vanished[0].frames} frames vanished at ${vanished[0].where}`);
  const device = report.hosts[generator.to.host].devices[generator.to.nic];
  const [{ timeNs }] = report.hosts[generator.to.host].cpus;
  return {
    goodputPps: (received * 1e9) / forNs,
    interruptsPerPacket: received === 0 ? Infinity : device.interrupts / received,
    packetsPerPoll: device.packetsPerPoll,
    hardirqShare: timeNs.hardirq / (timeNs.idle + timeNs.process + timeNs.softirq + timeNs.hardirq),
  };
}

function receivedBy(report: LabReport, flow: string): number {
  return report.flows.find(({ name }) => name === flow)!.received;
}

/** The same lab with another rate, and with or without NAPI on the card that is fed. */
function vary(spec: LabSpec, generator: GeneratorSpec, napi: boolean, framesPerSecond: number): LabSpec {
  return {
    ...spec,
    hosts: spec.hosts.map((host) =>
      host.name !== generator.to.host
        ? host
        : {
            ...host,
            nics: host.nics.map((nic) => ({ ...nic, driver: { name: 'pcnet32', ...nic.driver, napi } })),
          },
    ),
    ports: spec.ports.map((port) =>
      port === generator ? { ...generator, pace: { framesPerSecond } } : port,
    ),
  };
}

function noFiles(path: string): Uint8Array {
  throw new Error(`${path}: this lab reads no files`);
}
