// What chip tests are made of: a medium that keeps what is sent, and a host that is memory, a clock and a lamp for the
// interrupt line. No chip and no driver in here.

import { type DeviceHost, Dma } from '../bus/host.ts';
import { VirtualClock } from '../kernel/clock.ts';
import { PhysicalMemory } from '../kernel/memory.ts';
import { type Frame, FramePool } from '../wire/frame.ts';
import type { Medium, Station } from '../wire/medium.ts';

export interface SentFrame {
  bytes: Uint8Array;
  /** The sender's own FCS, or null when the right one goes with it. */
  fcs: number | null;
}

export class FakeMedium implements Medium {
  readonly name = 'fake';
  readonly pool = new FramePool();
  carrier = true;
  bitsPerSecond = 0;
  fullDuplex = true;
  readonly sent: SentFrame[] = [];
  /** How the next transmissions end; 0 when the list is empty. */
  readonly endings: number[] = [];
  /** Keeps frames until `finish`, as a medium that takes time does. */
  slow = false;
  private station: Station | null = null;
  private waiting = 0;

  attach(station: Station | null): void {
    this.station = station;
  }

  send(frame: Frame): void {
    this.sent.push({ bytes: frame.bytes().slice(), fcs: frame.fcsExplicit ? frame.fcs : null });
    this.pool.put(frame);
    if (this.slow) this.waiting++;
    else this.station?.transmitted(this.endings.shift() ?? 0);
  }

  /** A frame is being sent. */
  get busy(): boolean {
    return this.waiting > 0;
  }

  /** The frame that is being sent has left. */
  finish(status = 0): void {
    if (this.waiting === 0) throw new Error('no frame is being sent');
    this.waiting--;
    this.station?.transmitted(status);
  }

  /** A frame arrives; `fcs` when it is not the right one. */
  arrive(bytes: Uint8Array, fcs?: number): void {
    const frame = this.pool.from(bytes);
    if (fcs !== undefined) {
      frame.fcsExplicit = true;
      frame.fcs = fcs;
    }
    this.station?.receive(frame);
  }

  /** Cable in or out, another rate or duplex. */
  change(what: { carrier?: boolean; bitsPerSecond?: number; fullDuplex?: boolean }): void {
    Object.assign(this, what);
    this.station?.carrierChanged();
  }
}

export class FakeHost implements DeviceHost {
  readonly clock = new VirtualClock();
  readonly memory: PhysicalMemory;
  readonly dma: Dma;
  readonly warnings: string[] = [];
  /** Level of the interrupt line, and how often it rose. */
  line = false;
  rises = 0;
  /** Runs when the line rises, as an interrupt handler would. */
  onInterrupt: () => void = () => {};

  constructor(memoryBytes = 1 << 20) {
    this.memory = new PhysicalMemory(memoryBytes);
    this.dma = new Dma(this.memory);
    this.dma.enabled = true;
  }

  setInterrupt(asserted: boolean): void {
    if (asserted === this.line) throw new Error(`interrupt line set to ${asserted} twice`);
    this.line = asserted;
    if (!asserted) return;
    this.rises++;
    this.onInterrupt();
  }

  warn(message: string): void {
    this.warnings.push(message);
  }

  /** Lets time pass. */
  wait(ns: number): void {
    this.clock.run(this.clock.now() + ns);
  }
}
