// What a driver costs at one load, measured over a window of virtual time: frames through and lost, what they cost the CPU and
// where, registers, interrupts, thread switches, latency.

import { HARDIRQ, PROCESS, SOFTIRQ } from '../kernel/cpu.ts';
import type { CpuProfile } from '../kernel/profile.ts';
import { frameTimeNs } from '../wire/medium.ts';
import { CHARGES, type Charge } from './charges.ts';
import type { ComparedDriver } from './drivers.ts';
import { Feeder, Sender, Sink } from './load.ts';
import { CompareRig, type Reading } from './rig.ts';

export const WORKLOADS = ['receive', 'transmit', 'echo'] as const;
export type Workload = (typeof WORKLOADS)[number];

const MS = 1_000_000;
const NEVER_RESTS = 0.95;
const WARM_NS = 5 * MS;
/** A ring and a queue are empty after that, at 10 Mbit/s too. */
const DRAIN_NS = 400 * MS;

export interface LoadOptions {
  driver: ComparedDriver;
  chip: string;
  profile: CpuProfile;
  workload: Workload;
  /** Length without FCS, 60 to 1514. */
  frameBytes: number;
  /** Of the cable. */
  bitsPerSecond: number;
  /** Frames a second that the far end sends; default what the wire takes. */
  framesPerSecond?: number;
  /** Default 40 ms. */
  windowNs?: number;
  seed?: number;
}

export interface Figures {
  driver: string;
  workload: Workload;
  frameBytes: number;
  bitsPerSecond: number;
  profile: string;
  /** Frames a second offered, and through. */
  offered: number;
  through: number;
  /** Payload (frames without Ethernet header and FCS) through, Mbit/s. */
  payloadMbps: number;
  /** Of all frames offered, before and in the window, 0 to 1. */
  lost: number;
  /** These by reason; `at the card`: they never reached the device. */
  drops: Record<string, number>;
  /** 0 to 1. */
  cpuShare: number;
  /** ns of CPU a frame through; by context. */
  cpuNs: number;
  cpuNsIn: { process: number; softirq: number; hardirq: number };
  /** Each a frame through. */
  interrupts: number;
  contextSwitches: number;
  registerReads: number;
  registerWrites: number;
  /** Times each charge of the cost table was taken, a frame through. */
  charges: Record<Charge, number>;
  /** Thread switches for each interrupt: what a burst of frames costs. */
  switchesPerInterrupt: number;
  /** From the first bit on the wire to the protocols, ns; null when nothing was received. */
  latencyNs: { mean: number; p50: number; p99: number } | null;
}

/** Measures one driver at one load. */
export function measureLoad(options: LoadOptions): Figures {
  const { driver, workload, frameBytes, bitsPerSecond, windowNs = 40 * MS } = options;
  const rig = new CompareRig({ ...options, bitsPerSecond });
  const lineRate = 1e9 / frameTimeNs(frameBytes, bitsPerSecond);
  const framesPerSecond = Math.min(options.framesPerSecond ?? lineRate, lineRate);
  const feeder = new Feeder(rig, frameBytes, 1e9 / framesPerSecond);
  const sink = new Sink(rig, feeder, workload === 'echo');
  const sender = new Sender(rig, frameBytes);
  rig.far.onFrame = () => {};
  if (workload === 'transmit') sender.start();
  else feeder.start();
  rig.run(WARM_NS);
  const through = (): number => (workload === 'receive' ? sink.frames : rig.far.frames);
  const offered = (): number => (workload === 'transmit' ? sender.offered : feeder.sent);
  const [before, doneBefore, offeredBefore] = [rig.read(), through(), offered()];
  const timedBefore = sink.latencies.length;
  rig.run(windowNs);
  const after = rig.read();
  const done = through() - doneBefore;
  const asked = offered() - offeredBefore;
  feeder.stop();
  sender.stop();
  // What is under way arrives, or is lost.
  rig.run(DRAIN_NS);
  const drops = rig.read().drops;
  const lostFrames = Math.max(0, offered() - through());
  const atCard = lostFrames - Object.values(drops).reduce((sum, count) => sum + count, 0);
  if (atCard > 0) drops['at the card'] = atCard;
  const costs = perFrame(before, after, done);
  const busyNs = costs.cpuNs * done;
  // On a CPU that never rests an activity runs past both ends of the window: the feeder's clock says how long it was.
  const paced = workload !== 'transmit' && busyNs > NEVER_RESTS * windowNs;
  const elapsedNs = paced ? (asked * 1e9) / framesPerSecond : Math.max(windowNs, busyNs);
  return {
    driver: driver.name,
    workload,
    frameBytes,
    bitsPerSecond,
    profile: options.profile.name,
    offered: (asked * 1e9) / elapsedNs,
    through: (done * 1e9) / elapsedNs,
    payloadMbps: (done * (frameBytes - 14) * 8e3) / elapsedNs,
    lost: lostFrames / Math.max(1, offered()),
    drops,
    cpuShare: Math.min(1, busyNs / elapsedNs),
    ...costs,
    latencyNs: latency(sink.latencies.slice(timedBefore)),
  };
}

function perFrame(before: Reading, after: Reading, frames: number) {
  const each = (of: (reading: Reading) => number): number => (of(after) - of(before)) / Math.max(1, frames);
  const inContext = (context: number): number => each(({ timeIn }) => timeIn[context]);
  const cpuNsIn = {
    process: inContext(PROCESS),
    softirq: inContext(SOFTIRQ),
    hardirq: inContext(HARDIRQ),
  };
  const cpuNs = cpuNsIn.process + cpuNsIn.softirq + cpuNsIn.hardirq;
  const interrupts = each((reading) => reading.interrupts);
  const contextSwitches = each((reading) => reading.contextSwitches);
  return {
    cpuNs,
    cpuNsIn,
    interrupts,
    contextSwitches,
    registerReads: each((reading) => reading.registerReads),
    registerWrites: each((reading) => reading.registerWrites),
    charges: Object.fromEntries(
      CHARGES.map((charge) => [charge, each(({ charges }) => charges[charge])]),
    ) as Record<Charge, number>,
    switchesPerInterrupt: interrupts === 0 ? 0 : contextSwitches / interrupts,
  };
}

function latency(samples: number[]): Figures['latencyNs'] {
  if (samples.length === 0) return null;
  const sorted = Float64Array.from(samples).sort();
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { mean: sorted.reduce((sum, ns) => sum + ns, 0) / sorted.length, p50: at(0.5), p99: at(0.99) };
}
