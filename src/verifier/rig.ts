// What a check works on: one machine, one card, one driver that is not loaded yet. The driver may be io-pkt's or the core's;
// a check that binds both uses what both have.

import type { PciDevice } from '../bus/pci.ts';
import { IFF_OACTIVE } from '../iopkt/flags.ts';
import type { ifnet } from '../iopkt/ifnet.ts';
import type { Source } from '../iopkt/interrupt.ts';
import type { IoPkt } from '../iopkt/manager.ts';
import type { VirtualClock } from '../kernel/clock.ts';
import type { IrqLine } from '../kernel/irq.ts';
import type { Machine } from '../kernel/machine.ts';
import type { NetDevice } from '../net/device.ts';
import type { DeviceLayer } from '../net/layer.ts';
import { numberOf, testFrame } from '../scenario/frames.ts';
import { HostEnd } from '../scenario/host-end.ts';
import { FAR_MAC } from '../scenario/subject.ts';
import type { Card } from './card.ts';
import { NUMBERS } from './numbers.ts';
import type { Kind } from './rules.ts';

const MS = 1_000_000;

export interface RigOptions {
  seed: number;
  /** Of the driver, as in `mount -o`. */
  options?: string | null;
  /** Work takes time, as on a desktop PC; else none. */
  costs?: boolean;
  mac?: Uint8Array;
  /** The buffers are guarded by poison and red zones. */
  guarded?: boolean;
  /** An exception in a driver ends io-pkt, as SIGSEGV does; else it comes out of the run. */
  sigsegv?: boolean;
}

export interface RigParts {
  machine: Machine;
  layer: DeviceLayer;
  clock: VirtualClock;
  io: IoPkt | null;
  card: Card;
  irq: number;
  pci: PciDevice | null;
  log: readonly string[];
  kind: Kind;
  /** It has a link, if its device cannot tell. */
  linked?(): boolean;
  /** Loads the driver; throws when it does not come. */
  mount(options: string | null): void;
  /** Takes the driver away. */
  unmount(): void;
}

export class Rig {
  readonly machine: Machine;
  readonly layer: DeviceLayer;
  readonly clock: VirtualClock;
  readonly card: Card;
  readonly host: HostEnd;
  readonly log: readonly string[];
  readonly line: IrqLine;
  readonly kind: Kind;
  private readonly parts: RigParts;
  private readonly options: string | null;
  private number = 1;

  constructor(parts: RigParts, { options = null }: RigOptions) {
    this.parts = parts;
    this.options = options;
    this.machine = parts.machine;
    this.layer = parts.layer;
    this.clock = parts.clock;
    this.card = parts.card;
    this.log = parts.log;
    this.kind = parts.kind;
    this.line = parts.machine.irq.line(parts.irq);
    this.host = new HostEnd(parts.machine, parts.layer);
  }

  // ---- the driver's life

  mount(options = this.options): void {
    this.parts.mount(options);
  }

  unmount(): void {
    this.parts.unmount();
  }

  open(): void {
    this.machine.process(() => this.device.open());
  }

  down(): void {
    this.machine.process(() => this.device.close());
  }

  /** Opens it and waits for the link; false when that does not come. */
  up(): boolean {
    this.open();
    return this.until(() => this.linked, NUMBERS.bringUpNs);
  }

  get linked(): boolean {
    return this.device.carrier && (this.parts.linked?.() ?? true);
  }

  get device(): NetDevice {
    const [device] = this.layer.devices;
    if (device === undefined) throw new Error(`there is no interface; ${this.log.join('; ')}`);
    return device;
  }

  /** io-pkt, for checks that bind its drivers only. */
  get io(): IoPkt {
    return this.parts.io!;
  }

  get pci(): PciDevice | null {
    return this.parts.pci;
  }

  get ioOrNull(): IoPkt | null {
    return this.parts.io;
  }

  get ifp(): ifnet {
    const [ifp] = this.io.ifnets;
    if (ifp === undefined) throw new Error(`there is no interface; ${this.log.join('; ')}`);
    return ifp;
  }

  get source(): Source {
    return this.io.interrupts.sources[0];
  }

  /** Runs code as the driver's, in stack context. */
  asDriver<T>(what: string, work: () => T): T {
    const { io, ifp } = this;
    return io.request(what, () => io.call(ifp.if_dev, what, work));
  }

  // ---- time

  get now(): number {
    return this.clock.now();
  }

  run(ns = 10 * MS): void {
    this.clock.run(this.clock.now() + ns);
  }

  /** Until it holds; false when it does not within `limitNs`. */
  until(holds: () => boolean, limitNs: number): boolean {
    const end = this.now + limitNs;
    while (!holds()) {
      if (this.now >= end) return false;
      this.run(Math.min(MS, end - this.now));
    }
    return true;
  }

  // ---- frames

  /** A frame to the host, with a number of its own. */
  frameIn(length = 200, to: Uint8Array = this.card.mac): Uint8Array {
    return testFrame(length, this.number++, to, FAR_MAC);
  }

  frameOut(length = 200): Uint8Array {
    return testFrame(length, this.number++, FAR_MAC, this.card.mac);
  }

  deliver(bytes: Uint8Array): void {
    this.card.deliver(bytes);
  }

  send(bytes: Uint8Array, cuts: readonly number[] = []): void {
    this.host.send(this.device, bytes, cuts);
  }

  /** It has reached the protocols. */
  got(frame: Uint8Array): boolean {
    const number = numberOf(frame);
    return this.host.received.some((bytes) => numberOf(bytes) === number);
  }

  /** It has left the card. */
  left(frame: Uint8Array): boolean {
    const number = numberOf(frame);
    return this.card.sent.some((bytes) => numberOf(bytes) === number);
  }

  /** A frame each way; which of them did not come, or empty. */
  exchange(limitNs: number = NUMBERS.linkNs): string {
    const incoming = this.frameIn();
    const outgoing = this.frameOut();
    this.deliver(incoming);
    this.send(outgoing);
    if (this.until(() => this.got(incoming) && this.left(outgoing), limitNs)) return '';
    const words = [
      this.got(incoming) ? '' : 'a frame did not come in',
      this.left(outgoing) ? '' : 'a frame did not go out',
    ];
    return words.filter((word) => word !== '').join(', ');
  }

  forget(): void {
    this.host.clear();
    this.card.sent.length = 0;
  }

  /** Has the n-th taking of a buffer with a cluster, and all after it, fail; returns how to end that. */
  failBuffers(after = 0): () => void {
    const { mbufs } = this.machine;
    const { getcl } = mbufs;
    let left = after;
    mbufs.getcl = () => (left-- > 0 ? getcl.call(mbufs) : null);
    return () => {
      mbufs.getcl = getcl;
    };
  }

  /** The same for blocks of the machine's memory, which io-net drivers get by `ion`. */
  failMemory(after = 0): () => void {
    const { memory } = this.machine;
    const { alloc } = memory;
    let left = after;
    memory.alloc = (bytes, align) => {
      if (left-- > 0) return alloc.call(memory, bytes, align);
      throw new RangeError('out of memory');
    };
    return () => {
      memory.alloc = alloc;
    };
  }

  // ---- what it holds

  get held(): number {
    return this.device.ops.held?.() ?? 0;
  }

  get stopped(): boolean {
    const { io } = this.parts;
    if (io === null) return this.device.txQueues[0].stopped;
    return (this.ifp.if_flags_tx & IFF_OACTIVE) !== 0;
  }

  /** Masks that handlers of io-pkt have and have not taken back. */
  get masks(): number {
    return this.io.interrupts.handlers.reduce((sum, handler) => sum + handler.masks, 0);
  }

  census(): Record<string, number> {
    const { machine, line } = this;
    const { io, pci } = this.parts;
    const all: Record<string, number> = {
      buffers: machine.mbufs.inUse,
      'interrupt handlers': line.handlers.length,
      'coherent blocks': pci?.dma.coherentBlocks ?? 0,
      'callouts armed': machine.callouts.census().length,
    };
    if (io === null) return all;
    // What io-net drivers have of the machine's memory.
    if (this.kind === 'io-net') all['blocks of memory'] = machine.memory.blocks;
    return {
      ...all,
      'interrupt entries': io.interrupts.sources.length,
      'shutdown hooks': io.hooks.length,
      threads: io.threads.filter((thread) => !thread.finished).length,
      'mutexes held': io.held.length,
      'interrupt masks': this.masks,
    };
  }
}

/** What there is more of, or less, as a phrase; empty when nothing. */
export function changes(
  before: Record<string, number>,
  now: Record<string, number>,
  which: 'more' | 'less' | 'other' = 'other',
): string {
  return Object.keys(before)
    .filter((key) => now[key] !== before[key])
    .filter((key) => which === 'other' || now[key] > before[key] === (which === 'more'))
    .map((key) => `${key}: ${before[key]} before, ${now[key]} now`)
    .join('; ');
}
