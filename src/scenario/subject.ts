// What a driver scenario works on: one machine with one card, and the far end of the card's cable. The card may be a model
// of ours on the virtual clock or a chip of QEMU's in real time; a scenario cannot tell, and must not want to.

import type { Width } from '../bus/host.ts';
import type { PciBus, PciDevice, PciFunction } from '../bus/pci.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Machine } from '../kernel/machine.ts';
import type { DeviceLayer } from '../net/layer.ts';
import type { Medium } from '../wire/medium.ts';
import type { FarEnd } from './far-end.ts';

export interface SubjectOptions {
  /** Seed of the machine. Default 1. */
  seed?: number;
  /** Poison and red zones in the packet buffers: a card that writes to a freed one is found out. Default false. */
  debugMbufs?: boolean;
  /** Is told of every access to the card's registers. */
  spy?: AccessSpy;
  /** Wraps the far end's plug: what is wrong with the wire, for tests that want to see a scenario fail. */
  wire?: (medium: Medium, clock: Clock) => Medium;
  /** The same at the card's end, of a model. */
  cardWire?: (medium: Medium) => Medium;
  /** Wraps the card on its bus, of a model: what a bus may do to it. */
  card?: (card: PciFunction) => PciFunction;
  /** What the cable of a model runs at, where it is not what the chip's port does. */
  bitsPerSecond?: number;
  /** Station address in the PROM of a model; default HOST_MAC. */
  mac?: Uint8Array;
}

/** One card in one machine. No driver is bound: the bench does that. */
export interface Subject {
  /** `pcnet`, `am79c970a`, `qemu:pcnet`. */
  readonly name: string;
  /** What the chip is called in its data sheet. */
  readonly chip: string;
  /** What its port runs at. */
  readonly bitsPerSecond: number;
  /** Which of the 64 bits of its filter stands for a group address. */
  readonly multicastHash: (octets: ArrayLike<number>) => number;
  readonly machine: Machine;
  readonly layer: DeviceLayer;
  readonly bus: PciBus;
  readonly pci: PciDevice;
  /** Station address in the card's PROM. */
  readonly mac: Uint8Array;
  readonly far: FarEnd;
  /** What machine and driver said, oldest first. */
  readonly log: readonly string[];
  /** Register accesses so far. */
  readonly accesses: AccessCount;
  /** Frames that were lost between card and far end by nobody's fault, a socket buffer that was full, say. */
  wireLosses(): number;
  /** Frames that left the card shorter than any frame may be, and were padded on the way. */
  wirePadded(): number;
  /** Process that has the card; none when it is a model. */
  readonly pid?: number;
  /** Puts the cable back, or pulls it. */
  setLink(up: boolean): void;
  /** Lets time pass until it holds; false when `limitMs` was over first. Throws when the card's process is gone. */
  run(until: () => boolean, limitMs: number): Promise<boolean>;
  /** Lets time pass. */
  rest(ms: number): Promise<void>;
  close(): void;
}

export type OpenSubject = (options: SubjectOptions) => Subject | Promise<Subject>;

/** Register accesses: before a write takes effect, after a read has its value. */
export interface AccessSpy {
  read(offset: number, width: Width, value: number): void;
  write(offset: number, width: Width, value: number): void;
}

/** Counts accesses and passes them on to a spy. */
export class AccessCount implements AccessSpy {
  reads = 0;
  writes = 0;
  private readonly next: AccessSpy | null;

  constructor(next: AccessSpy | null) {
    this.next = next;
  }

  read(offset: number, width: Width, value: number): void {
    this.reads++;
    this.next?.read(offset, width, value);
  }

  write(offset: number, width: Width, value: number): void {
    this.writes++;
    this.next?.write(offset, width, value);
  }
}

/** The same PCI function, its registers watched. */
export function watched(card: PciFunction, spy: AccessSpy): PciFunction {
  return {
    readConfig: (offset, width) => card.readConfig(offset, width),
    writeConfig: (offset, width, value) => card.writeConfig(offset, width, value),
    readBar: (bar, offset, width) => {
      const value = card.readBar(bar, offset, width);
      spy.read(offset, width, value);
      return value;
    },
    writeBar: (bar, offset, width, value) => {
      spy.write(offset, width, value);
      card.writeBar(bar, offset, width, value);
    },
  };
}

/** Station addresses of the host and of whoever is at the far end: locally administered. */
export const HOST_MAC = Uint8Array.of(0x02, 0, 0, 0, 0, 0x01);
export const FAR_MAC = Uint8Array.of(0x02, 0, 0, 0, 0, 0x02);
/** Where the card is plugged in. */
export const CARD_SLOT = 4;
