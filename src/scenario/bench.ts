// What a scenario is given: a subject, a driver to bind, the two ends of the conversation, the checks, and random numbers
// of its own. The vocabulary of driver scenarios; traffic is in traffic.ts.

import type { PciDriver } from '../bus/pci.ts';
import type { Adapter } from '../drivers/pcnet32/adapter.ts';
import { type Pcnet32Options, pcnet32Driver } from '../drivers/pcnet32/pcnet32.ts';
import { Random } from '../kernel/random.ts';
import { conservation } from '../net/conservation.ts';
import type { NetDevice } from '../net/device.ts';
import type { DeviceLayer } from '../net/layer.ts';
import { type Checks, ScenarioFailure } from './checks.ts';
import { testFrame } from './frames.ts';
import { HostEnd } from './host-end.ts';
import { CARRIER_MS, PATIENCE_MS, QUIET_MS } from './limits.ts';
import { FAR_MAC, type Subject } from './subject.ts';

/**
 * A driver as scenarios want it. The functions are for drivers that are not pcnet32 and have other ways to tell; counters
 * have pcnet32's names.
 */
export interface ScenarioDriver extends PciDriver {
  stats?(): Record<string, number>;
  /** It has a link; if the device cannot tell. */
  linked?(): boolean;
  /** The receive mode that was asked for is the card's. */
  settled?(): boolean;
  /** Has the card started afresh, as after a fault of its own; `stats().restarts` tells when. */
  restart?(): void;
}

/** Makes the driver a scenario works with; tests pass a broken one. */
export type MakeDriver = (layer: DeviceLayer, options: Pcnet32Options, subject: Subject) => ScenarioDriver;

/** What a machine holds; equal before and after whatever should leave nothing behind. */
export interface Census {
  mbufs: number;
  clusters: number;
  memoryBlocks: number;
  coherentBlocks: number;
  irqHandlers: number;
  callouts: string;
}

export class Bench {
  readonly subject: Subject;
  readonly host: HostEnd;
  readonly check: Checks;
  readonly random: Random;
  readonly seed: number;
  private readonly makeDriver: MakeDriver;
  private bound: ScenarioDriver | null = null;
  private numbers = 1;

  constructor(
    subject: Subject,
    check: Checks,
    seed: number,
    stream: string,
    makeDriver: MakeDriver = pcnet32Driver,
  ) {
    this.subject = subject;
    this.check = check;
    this.seed = seed;
    this.random = new Random(seed, `scenario/${stream}`);
    this.makeDriver = makeDriver;
    this.host = new HostEnd(subject.machine, subject.layer);
  }

  get device(): NetDevice {
    const device = this.subject.layer.devices[0];
    if (device === undefined) throw new ScenarioFailure(`no device; log: ${this.logText}`);
    return device;
  }

  /** The driver's state, to wait for what cannot be seen from outside. */
  get adapter(): Adapter {
    return this.subject.pci.driverData as Adapter;
  }

  get logText(): string {
    return this.subject.log.join('; ');
  }

  /** Number the next frame gets. */
  get nextNumber(): number {
    return this.numbers;
  }

  /** A frame with a number of its own, for the host unless `to` says otherwise. */
  frame(length: number, to: Uint8Array = this.device.address, from: Uint8Array = FAR_MAC): Uint8Array {
    return testFrame(length, this.numbers++, to, from);
  }

  /** A frame from the host to the far end. */
  frameOut(length: number, to: Uint8Array = FAR_MAC): Uint8Array {
    return this.frame(length, to, this.device.address);
  }

  // ---- the driver's life

  /** Offers the card to the driver. */
  bind(options: Pcnet32Options = {}): void {
    const { subject } = this;
    const { bus, layer, pci } = subject;
    const driver = this.makeDriver(layer, options, subject);
    const taken = bus.register(driver);
    this.check.that('the driver takes the card', taken.includes(pci), () => `log: ${this.logText}`);
    this.bound = driver;
  }

  unbind(): void {
    if (this.bound === null) return;
    this.subject.bus.unregister(this.bound);
    this.bound = null;
  }

  open(): void {
    this.subject.machine.process(() => this.device.open());
  }

  closeDevice(): void {
    this.subject.machine.process(() => this.device.close());
  }

  /** Binds, opens, and waits for the link. */
  async up(options: Pcnet32Options = {}): Promise<void> {
    this.bind(options);
    this.open();
    await this.carrier();
  }

  /** Waits until the device says that the link is there. */
  async carrier(limitMs = CARRIER_MS): Promise<void> {
    await this.until(
      'the link comes up',
      () => this.device.carrier && (this.bound?.linked?.() ?? true),
      limitMs,
    );
  }

  // ---- time

  /** Waits until it holds; a check with this name fails when `limitMs` is over first. */
  async until(what: string, holds: () => boolean, limitMs = PATIENCE_MS): Promise<boolean> {
    const came = await this.subject.run(holds, limitMs);
    return this.check.that(what, came, () => `not within ${limitMs} ms; ${this.books()}`);
  }

  /** Waits for the receive mode or address that was asked for to be the card's. */
  async settled(): Promise<void> {
    const settled = this.bound?.settled ?? (() => !this.adapter.filterRetry.pending);
    await this.until('the receive mode reaches the card', settled);
  }

  /** Waits until the driver has got back all it had sent. */
  async reaped(): Promise<void> {
    const { device } = this;
    await this.until('the transmit ring empties', () => device.ops.held!() === 0 && device.queued === 0);
  }

  /** Has the driver start the card afresh, soon. */
  restart(): void {
    if (this.bound?.restart !== undefined) this.bound.restart();
    // As after an underflow or a bus error.
    else this.adapter.recovery.reset(0);
  }

  /** Lets what is under way arrive, and forgets it. */
  async quiet(ms = QUIET_MS): Promise<void> {
    await this.subject.rest(ms);
    this.host.clear();
    this.subject.far.clear();
  }

  // ---- books

  /** The driver's own counters. */
  stats(): Record<string, number> {
    if (this.bound?.stats !== undefined) return this.bound.stats();
    return this.subject.machine.process(() => this.device.ops.driverStats!());
  }

  census(): Census {
    const { machine, pci } = this.subject;
    return {
      mbufs: machine.mbufs.inUse,
      clusters: machine.mbufs.clustersInUse,
      memoryBlocks: machine.memory.blocks,
      coherentBlocks: pci.dma.coherentBlocks,
      irqHandlers: machine.irq.line(pci.irq).handlers.length,
      callouts: machine.callouts.census().sort().join(', '),
    };
  }

  /** The machine holds what it held before. */
  sameCensus(what: string, before: Census): void {
    const now = this.census();
    const changes = (Object.keys(before) as (keyof Census)[])
      .filter((key) => now[key] !== before[key])
      .map((key) => `${key} ${before[key]} before, ${now[key]} now`);
    this.check.none(what, changes.join('; '));
  }

  /** Every packet of the device is accounted for. */
  conserved(): void {
    this.check.none('every packet is accounted for', conservation(this.device).text);
  }

  /** Who has seen how many frames: tells where one went. */
  books(): string {
    const { subject, host } = this;
    const { far } = subject;
    const parts = [
      `far end: ${far.sent} sent, ${far.frames} received`,
      far.lost > 0 ? `${far.lost} not sent for want of a carrier` : '',
      far.damaged > 0 ? `${far.damaged} damaged` : '',
      far.queued > 0 ? `${far.queued} waiting` : '',
      subject.wireLosses() > 0
        ? `lost between card and far end, not by the driver: ${subject.wireLosses()}`
        : '',
      `host: ${host.count} test frames`,
    ];
    const device = subject.layer.devices[0];
    if (device !== undefined) {
      parts.push(
        `${device.name}: ${device.rx.packets} in, ${device.rx.errors} bad, ${device.tx.packets} out, ` +
          `${device.tx.errors} failed, ${device.queued} queued, ${device.ops.held?.() ?? 0} with the card`,
        nonZero('drops', device.dropReport()),
      );
      if (device.up) parts.push(nonZero('driver', this.stats()));
    }
    return parts.filter((part) => part !== '').join('; ');
  }
}

function nonZero(name: string, counts: Record<string, number>): string {
  const text = Object.entries(counts)
    .filter(([, count]) => count !== 0)
    .map(([what, count]) => `${what} ${count}`)
    .join(', ');
  return text === '' ? '' : `${name}: ${text}`;
}
