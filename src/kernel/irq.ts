// The interrupt controller: lines, the handlers that share them, and mask counts.
//
//   device asserts ──► line (level: wired OR of its sources, or one edge) ──► masked? in service? ──► its CPU
//
// A level line asks again after its handlers ran, as long as a source holds it. A masked line stays pending. While a
// line is in service it does not nest in itself; another one does, if its priority is higher.

import type { Cpu } from './cpu.ts';
import { TP_IRQ_ENTRY, TP_IRQ_EXIT } from './trace.ts';

/** Handler: true when the device was the cause, false for "not mine". Runs in hard interrupt context. */
export type IrqHandler = (cpu: Cpu) => boolean;

interface IrqAction {
  readonly name: string;
  readonly handler: IrqHandler;
}

/** Deliveries in a row that nobody claims, after which the line is shut (Linux gives up at 99,900 of 100,000). */
const NOBODY_CARED_LIMIT = 1000;
/**
 * Deliveries in a row, all claimed, at one instant or without the level ever going down, after which the line is shut:
 * the cause is never cleared.
 */
const STORM_LIMIT = 100_000;

export class IrqLine {
  readonly number: number;
  /** Higher nests into lower; equal does not. */
  priority = 0;
  cpu: Cpu;
  /** Waiting for delivery. Maintained by this class and the Cpu. */
  queued = false;
  inService = false;
  /** Deliveries, and those that no handler claimed. */
  delivered = 0;
  spurious = 0;
  /** Set when the controller gave the line up: why. */
  shut = '';
  private asserted = 0;
  private edge = false;
  private maskCount = 0;
  private unclaimed = 0;
  private releases = 0;
  /** Time of this delivery and of the one before. */
  private readonly times = new Float64Array([0, -1]);
  private stormReleases = -1;
  private stormCount = 0;
  private readonly actions: IrqAction[] = [];
  private readonly warn: (message: string) => void;

  constructor(number: number, cpu: Cpu, warn: (message: string) => void) {
    this.number = number;
    this.cpu = cpu;
    this.warn = warn;
  }

  /** A source drives the line: call once per change of that source. */
  setLevel(asserted: boolean): void {
    if (asserted) {
      this.asserted++;
      this.offer();
      return;
    }
    if (this.asserted === 0)
      throw new Error(`irq ${this.number}: released by a source that did not assert it`);
    if (--this.asserted === 0) this.releases++;
  }

  /** One edge: delivered once, also when it comes while masked or in service. */
  pulse(): void {
    this.edge = true;
    this.releases++;
    this.offer();
  }

  /** Somebody asks, somebody listens, and the line may be delivered. */
  wanted(): boolean {
    if (this.asserted === 0 && !this.edge) return false;
    return this.maskCount === 0 && !this.inService && this.actions.length > 0;
  }

  get masked(): boolean {
    return this.maskCount > 0;
  }

  /** disable_irq: counts. */
  disable(): void {
    this.maskCount++;
  }

  /** enable_irq: each disable needs one. */
  enable(): void {
    if (this.maskCount === 0) throw new Error(`irq ${this.number}: enabled more often than disabled`);
    if (--this.maskCount === 0) this.offer();
  }

  addAction(name: string, handler: IrqHandler): IrqAction {
    const action = { name, handler };
    // Edges that nobody listened to are gone; a level still asks.
    if (this.actions.length === 0) this.edge = false;
    this.actions.push(action);
    if (this.shut !== '') {
      this.shut = '';
      this.unclaimed = 0;
      this.stormCount = 0;
      this.enable();
    } else this.offer();
    return action;
  }

  removeAction(action: IrqAction): void {
    const index = this.actions.indexOf(action);
    if (index < 0) throw new Error(`irq ${this.number}: ${action.name} has no handler here`);
    if (this.inService)
      throw new Error(`irq ${this.number}: ${action.name} is freed while its line is in service`);
    this.actions.splice(index, 1);
  }

  get handlers(): readonly { readonly name: string }[] {
    return this.actions;
  }

  /** Runs every handler once: on a shared line several devices may have asked. */
  service(cpu: Cpu): void {
    this.edge = false;
    this.inService = true;
    this.delivered++;
    if (cpu.trace.on) cpu.trace.emit(TP_IRQ_ENTRY, cpu.now(), cpu.traceSource, this.number);
    let handled = false;
    for (let i = 0; i < this.actions.length; i++) handled = this.actions[i].handler(cpu) || handled;
    if (cpu.trace.on) cpu.trace.emit(TP_IRQ_EXIT, cpu.now(), cpu.traceSource, this.number, handled ? 1 : 0);
    this.inService = false;
    this.watch(handled, cpu);
  }

  private offer(): void {
    if (this.wanted() && !this.queued) this.cpu.interrupt(this);
  }

  private watch(handled: boolean, cpu: Cpu): void {
    if (handled) this.unclaimed = 0;
    else {
      this.spurious++;
      if (++this.unclaimed >= NOBODY_CARED_LIMIT) this.giveUp('nobody cared');
    }
    const { times } = this;
    cpu.stamp(times, 0);
    const moved = times[0] !== times[1] && this.releases !== this.stormReleases;
    times[1] = times[0];
    this.stormReleases = this.releases;
    if (moved) this.stormCount = 0;
    else if (++this.stormCount >= STORM_LIMIT) this.giveUp('storm: its cause is never cleared');
  }

  private giveUp(why: string): void {
    if (this.shut !== '') return;
    this.shut = why;
    this.maskCount++;
    const names = this.actions.map((action) => action.name).join(', ') || 'no handler';
    this.warn(`irq ${this.number}: ${why} (${names}); line disabled`);
  }
}

export type { IrqAction };

export class InterruptController {
  readonly lines: IrqLine[] = [];

  /** `count` lines, numbered from 0, all routed to `cpu` at first. */
  constructor(count: number, cpu: Cpu, warn: (message: string) => void) {
    for (let i = 0; i < count; i++) this.lines.push(new IrqLine(i, cpu, warn));
  }

  line(number: number): IrqLine {
    const line = this.lines[number];
    if (line === undefined)
      throw new RangeError(`irq ${number}: the controller has lines 0 to ${this.lines.length - 1}`);
    return line;
  }

  /** request_irq. Lines are shared by all who ask. Returns the action for `free`. */
  request(number: number, name: string, handler: IrqHandler): IrqAction {
    return this.line(number).addAction(name, handler);
  }

  /** free_irq. Throws when the action is not on the line. */
  free(number: number, action: IrqAction): void {
    this.line(number).removeAction(action);
  }

  /** Routes a line to another CPU. */
  setAffinity(number: number, cpu: Cpu): void {
    this.line(number).cpu = cpu;
  }
}
