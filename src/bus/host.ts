// What a device sees of its host: memory by DMA, one interrupt line, the clock. A chip model uses nothing else, so the
// same model serves our machines and, later, a guest in an emulator.

import type { Clock } from '../kernel/clock.ts';
import { type Bytes, copyBytes } from '../kernel/copy.ts';
import type { PhysicalMemory } from '../kernel/memory.ts';

/** Width of a register access in bytes. */
export type Width = 1 | 2 | 4;

/**
 * Bus mastering: how a device reads and writes the host's memory. An access outside memory, or while the host has not
 * enabled bus mastering, is a master abort: it is counted, reads give all ones, writes go nowhere.
 */
export class Dma {
  readonly memory: PhysicalMemory;
  /** Bus master enable of the PCI command register. */
  enabled = false;
  /** Accesses that nobody answered. */
  masterAborts = 0;
  /** Runs when nobody answered an access that did go out on the bus. */
  onMasterAbort: () => void = () => {};

  constructor(memory: PhysicalMemory) {
    this.memory = memory;
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
    const { u8 } = this.memory;
    u8[address] = value;
    u8[address + 1] = value >>> 8;
  }

  write32(address: number, value: number): void {
    if (!this.reaches(address, 4)) return;
    if ((address & 3) === 0) {
      this.memory.u32[address >>> 2] = value;
      return;
    }
    const { u8 } = this.memory;
    u8[address] = value;
    u8[address + 1] = value >>> 8;
    u8[address + 2] = value >>> 16;
    u8[address + 3] = value >>> 24;
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
    return true;
  }

  private reaches(address: number, length: number): boolean {
    if (this.enabled && address >= 0 && address + length <= this.memory.size) return true;
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

/** A chip behind a PCI function. Offsets are relative to the BAR; values are unsigned. Never throws. */
export interface PciChip {
  readonly identity: PciIdentity;
  readBar(bar: number, offset: number, width: Width): number;
  writeBar(bar: number, offset: number, width: Width, value: number): void;
  /** RST#: back to the state after power on. */
  reset(): void;
}
