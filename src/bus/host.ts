// What a device sees of its host: memory by DMA, one interrupt line, the clock. A chip model uses nothing else, so the
// same model serves our machines and, later, a guest in an emulator.

import type { Clock } from '../kernel/clock.ts';
import { type Bytes, copyBytes } from '../kernel/copy.ts';

/** Width of a register access in bytes. */
export type Width = 1 | 2 | 4;

/** Memory as a bus master sees it; addresses are offsets. PhysicalMemory is one, the memory of a guest another. */
export interface DmaMemory extends Bytes {
  readonly size: number;
}

/**
 * Bus mastering: how a device reads and writes the host's memory. An access outside memory, or while the host has not
 * enabled bus mastering, is a master abort: it is counted, reads give all ones, writes go nowhere.
 */
export class Dma {
  readonly memory: DmaMemory;
  /** Bus master enable of the PCI command register. */
  enabled = false;
  /** Accesses that nobody answered. */
  masterAborts = 0;
  /** Runs when nobody answered an access that did go out on the bus. */
  onMasterAbort: () => void = () => {};
  /** From `holeStart` up to `holeEnd` nobody answers: where a PC has its VGA window and its ROMs. */
  holeStart = 0;
  holeEnd = 0;
  /** Runs after a device has written, where somebody keeps what he derived from memory: an emulator its compiled code. */
  onWrite: ((address: number, length: number) => void) | null = null;

  constructor(memory: DmaMemory) {
    this.memory = memory;
  }

  /** There is memory at all these bytes. Bus mastering is not asked for and nothing is counted. */
  answers(address: number, length: number): boolean {
    const end = address + length;
    return address >= 0 && end <= this.memory.size && (address >= this.holeEnd || end <= this.holeStart);
  }

  /** To be called by a device that has written to `memory` past the functions of this class. */
  wrote(address: number, length: number): void {
    if (this.onWrite !== null) this.onWrite(address, length);
  }

  read16(address: number): number {
    if (!this.reaches(address, 2)) return 0xffff;
    const { u8 } = this.memory;
    return u8[address] | (u8[address + 1] << 8);
  }

  read32(address: number): number {
    if (!this.reaches(address, 4)) return 0xffffffff;
    if ((address & 3) === 0) return this.memory.u32[address >>> 2];
    const { u8 } = this.memory;
    return (u8[address] | (u8[address + 1] << 8) | (u8[address + 2] << 16) | (u8[address + 3] << 24)) >>> 0;
  }

  write16(address: number, value: number): void {
    if (!this.reaches(address, 2)) return;
    // At once, if it can be: a read of both bytes from two stores stalls the processor this runs on.
    if ((address & 1) === 0) this.memory.u16[address >>> 1] = value;
    else {
      const { u8 } = this.memory;
      u8[address] = value;
      u8[address + 1] = value >>> 8;
    }
    this.wrote(address, 2);
  }

  write32(address: number, value: number): void {
    if (!this.reaches(address, 4)) return;
    if ((address & 3) === 0) this.memory.u32[address >>> 2] = value;
    else {
      const { u8 } = this.memory;
      u8[address] = value;
      u8[address + 1] = value >>> 8;
      u8[address + 2] = value >>> 16;
      u8[address + 3] = value >>> 24;
    }
    this.wrote(address, 4);
  }

  /** Memory to device: copies `length` bytes at `address` into `to`. False on a master abort (nothing is copied). */
  readBlock(address: number, to: Bytes, toAt: number, length: number): boolean {
    if (!this.reaches(address, length)) return false;
    copyBytes(this.memory, address, to, toAt, length);
    return true;
  }

  /** Device to memory. False on a master abort (nothing is copied). */
  writeBlock(address: number, from: Bytes, fromAt: number, length: number): boolean {
    if (!this.reaches(address, length)) return false;
    copyBytes(from, fromAt, this.memory, address, length);
    this.wrote(address, length);
    return true;
  }

  private reaches(address: number, length: number): boolean {
    if (this.enabled && this.answers(address, length)) return true;
    this.masterAborts++;
    if (this.enabled) this.onMasterAbort();
    return false;
  }
}

export interface DeviceHost {
  readonly clock: Clock;
  readonly dma: Dma;
  /** Level of the device's interrupt line (INTA# for PCI). */
  setInterrupt(asserted: boolean): void;
  /** Says once, to people, that the driver did something odd: an unknown register, a reserved bit. */
  warn(message: string): void;
}

/** A base address register a device asks for. Size in bytes, a power of two, at least 4 (I/O) or 16 (memory). */
export interface BarSpec {
  kind: 'io' | 'memory';
  size: number;
}

/** What a PCI function says of itself in configuration space. */
export interface PciIdentity {
  vendorId: number;
  deviceId: number;
  revision: number;
  /** 24 bits: base class, subclass, programming interface; 0x020000 is an Ethernet controller. */
  classCode: number;
  subsystemVendorId: number;
  subsystemId: number;
  /** 1 to 4 for INTA# to INTD#; 0 for none. */
  interruptPin: number;
  /** In units of 250 ns. */
  minGrant: number;
  maxLatency: number;
  /** Status bit 7: as a target it takes back-to-back transactions that did not begin with it. */
  fastBackToBack?: boolean;
  bars: BarSpec[];
  /** Capabilities, in list order; `body` follows the two header bytes. */
  capabilities?: { id: number; body: Uint8Array }[];
}

/** What a state is made of: structuredClone holds it, and so does JSON with a rule for typed arrays. */
export type StateValue =
  | number
  | string
  | boolean
  | null
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | StateValue[]
  | StateObject;

export interface StateObject {
  [field: string]: StateValue;
}

/** The state of a chip as plain data that shares nothing with it. */
export interface ChipState extends StateObject {
  /** Which chip it is the state of. */
  chip: string;
  /** Of the fields; a chip takes only its own. */
  version: number;
}

/** A chip behind a PCI function. Offsets are relative to the BAR; values are unsigned. Only `restore` and `save` throw. */
export interface PciChip {
  readonly identity: PciIdentity;
  readBar(bar: number, offset: number, width: Width): number;
  writeBar(bar: number, offset: number, width: Width, value: number): void;
  /** RST#: back to the state after power on. */
  reset(): void;
  /**
   * All that the chip would do differently by: registers, ring positions, latches, counters, timers as the ns they have
   * left. Changes nothing. To be called between clock events: throws when the chip is in the middle of a frame further
   * down the stack.
   */
  save(): ChipState;
  /**
   * Takes up a state that `save` gave, of this chip or another of its kind; the host's memory is expected to be as it was
   * then. Throws with what is wrong, before anything was changed, when it is of another chip or version or not whole.
   *
   * Of two timers that end at the same ns it is not told which was armed first. A medium that is not as it was then is
   * noticed at once, as when a cable is plugged in. A frame that was on the medium was sent: it is not sent again, and its
   * descriptor is completed when the medium says so or, when the medium does not have it from this object, after the time
   * such a frame takes. What this object had on its medium for another state ends without a trace; until then the next
   * frame waits. The interrupt line is driven last: a driver may run in there.
   */
  restore(state: ChipState): void;
}
