// One machine with one card and one driver, up, on the virtual clock; a station without costs at the far end of the cable.

import type { VirtualClock } from '../kernel/clock.ts';
import type { Machine } from '../kernel/machine.ts';
import { type CpuProfile, IDEAL } from '../kernel/profile.ts';
import type { NetDevice } from '../net/device.ts';
import type { ScenarioDriver } from '../scenario/bench.ts';
import type { FarEnd } from '../scenario/far-end.ts';
import { openModel } from '../scenario/model-subject.ts';
import type { Subject, SubjectOptions } from '../scenario/subject.ts';
import { type ChargeCounts, countCharges } from './charges.ts';
import { type ComparedDriver, modelOf } from './drivers.ts';

const MS = 1_000_000;
/** Descriptors of each ring, the same for all drivers. */
const RING = 128;
/** A PHY negotiates for a second, and a driver looks at it every two. */
const LINK_LIMIT_NS = 10_000 * MS;

export interface RigOptions {
  driver: ComparedDriver;
  /** By its name in lab files. */
  chip: string;
  /** Default `ideal`. */
  profile?: CpuProfile;
  /** Of the cable; default what the chip's port runs at. */
  bitsPerSecond?: number;
  seed?: number;
  /** Wraps the far end's plug: what is wrong with the wire. */
  wire?: SubjectOptions['wire'];
}

/** Counters at one moment. */
export interface Reading {
  timeNs: number;
  /** By context, as `Cpu.timeIn`. */
  timeIn: readonly number[];
  interrupts: number;
  softirqRounds: number;
  contextSwitches: number;
  registerReads: number;
  registerWrites: number;
  charges: ChargeCounts;
  drops: Record<string, number>;
}

export class CompareRig {
  readonly subject: Subject;
  readonly machine: Machine;
  readonly clock: VirtualClock;
  readonly far: FarEnd;
  readonly device: NetDevice;
  private readonly driver: ScenarioDriver;
  private readonly counts: ChargeCounts;

  /** Throws when the driver does not take the card, or finds no link. */
  constructor(options: RigOptions) {
    const { profile, counts } = countCharges(options.profile ?? IDEAL);
    this.counts = counts;
    const model = modelOf(options.chip);
    const { seed, bitsPerSecond, wire } = options;
    this.subject = openModel(options.chip, model, profile, { seed, bitsPerSecond, wire });
    const { machine, layer, bus, pci, far } = this.subject;
    this.machine = machine;
    this.clock = machine.clock as VirtualClock;
    this.far = far;
    this.driver = options.driver.makeDriver(layer, { rxRing: RING, txRing: RING }, this.subject);
    if (!bus.register(this.driver).includes(pci)) throw this.failure(options, 'does not take it');
    const [device] = layer.devices;
    this.device = device;
    machine.process(() => device.open());
    const end = this.clock.now() + LINK_LIMIT_NS;
    while (!this.linked) {
      if (this.clock.now() >= end) throw this.failure(options, 'finds no link');
      this.run(MS);
    }
  }

  get linked(): boolean {
    return this.device.carrier && (this.driver.linked?.() ?? true);
  }

  /** Lets so many ns pass. */
  run(ns: number): void {
    this.clock.run(this.clock.now() + ns);
  }

  /** Until it holds; false when `limitNs` are over first. */
  until(holds: () => boolean, limitNs: number): boolean {
    const end = this.clock.now() + limitNs;
    while (!holds()) {
      if (this.clock.now() >= end) return false;
      this.run(100_000);
    }
    return true;
  }

  /** The receive mode that was asked for is the card's. */
  get settled(): boolean {
    return this.driver.settled?.() ?? true;
  }

  read(): Reading {
    const { cpu } = this.machine;
    const { accesses } = this.subject;
    return {
      timeNs: this.clock.now(),
      timeIn: [...cpu.timeIn],
      interrupts: cpu.interrupts,
      softirqRounds: cpu.softirqRounds,
      contextSwitches: cpu.contextSwitches,
      registerReads: accesses.reads,
      registerWrites: accesses.writes,
      charges: { ...this.counts },
      drops: this.device.dropReport(),
    };
  }

  private failure({ driver, chip }: RigOptions, what: string): Error {
    return new Error(`${driver.name} on ${chip}: it ${what}; log: ${this.subject.log.join('; ')}`);
  }
}
