// Memory base addresses of cards in v86's map of physical addresses. v86 asks per block of 128 KiB; a card's registers
// take less, so that a block is shared by windows and by whoever had it before.
//
// v86 splits what it reads: 16 bits come as two reads of 8 bits. Writes come as they are.

import type { Width } from '../../bus/host.ts';
import type { V86Cpu } from './emulator.ts';

const BLOCK_BITS = 17;

export interface MemoryWindow {
  readonly size: number;
  /** First physical address; null while it does not decode. */
  base: number | null;
  read(offset: number, width: Width): number;
  write(offset: number, width: Width, value: number): void;
}

interface Before {
  read8: V86Cpu['memory_map_read8'][number];
  read32: V86Cpu['memory_map_read32'][number];
  write8: V86Cpu['memory_map_write8'][number];
  write32: V86Cpu['memory_map_write32'][number];
}

export class GuestMmio {
  private readonly cpu: V86Cpu;
  private readonly windows: MemoryWindow[] = [];
  /** Who answered in the blocks that have windows now. */
  private readonly before = new Map<number, Before>();

  constructor(cpu: V86Cpu) {
    this.cpu = cpu;
    const write16 = cpu.mmap_write16.bind(cpu);
    cpu.mmap_write16 = (address, value) => {
      const window = this.before.has(address >>> BLOCK_BITS) ? this.find(address >>> 0) : null;
      if (window === null) write16(address, value);
      else window.write((address >>> 0) - (window.base as number), 2, value & 0xffff);
    };
  }

  /** Puts a window at `base`, or takes it away (null). */
  move(window: MemoryWindow, base: number | null): void {
    const known = this.windows.indexOf(window);
    if (known >= 0) this.windows.splice(known, 1);
    if (window.base !== null) this.release(window.base, window.size);
    window.base = base;
    if (base === null) return;
    this.windows.push(window);
    this.claim(base, window.size);
  }

  /** The first address from `start` on, aligned to `size`, that is no other window's. */
  findFree(start: number, size: number): number {
    let base = Math.ceil(start / size) * size;
    for (let tries = 0; tries <= this.windows.length; tries++) {
      const inTheWay = this.windows.find(({ base: at, size: length }) => overlap(base, size, at, length));
      if (inTheWay === undefined) break;
      base = Math.ceil(((inTheWay.base as number) + inTheWay.size) / size) * size;
    }
    return base;
  }

  private claim(base: number, size: number): void {
    const { cpu, before } = this;
    for (let block = base >>> BLOCK_BITS; block <= (base + size - 1) >>> BLOCK_BITS; block++) {
      if (before.has(block)) continue;
      before.set(block, {
        read8: cpu.memory_map_read8[block],
        read32: cpu.memory_map_read32[block],
        write8: cpu.memory_map_write8[block],
        write32: cpu.memory_map_write32[block],
      });
      cpu.memory_map_read8[block] = (address) => this.read(address >>> 0, 1);
      cpu.memory_map_read32[block] = (address) => this.read(address >>> 0, 4) | 0;
      cpu.memory_map_write8[block] = (address, value) => this.write(address >>> 0, 1, value & 0xff);
      cpu.memory_map_write32[block] = (address, value) => this.write(address >>> 0, 4, value >>> 0);
    }
  }

  /** Blocks without a window go back to those who had them. */
  private release(base: number, size: number): void {
    const { cpu, before } = this;
    for (let block = base >>> BLOCK_BITS; block <= (base + size - 1) >>> BLOCK_BITS; block++) {
      const start = block * 2 ** BLOCK_BITS;
      if (this.windows.some(({ base: at, size: length }) => overlap(start, 2 ** BLOCK_BITS, at, length)))
        continue;
      const was = before.get(block);
      if (was === undefined) continue;
      before.delete(block);
      cpu.memory_map_read8[block] = was.read8;
      cpu.memory_map_read32[block] = was.read32;
      cpu.memory_map_write8[block] = was.write8;
      cpu.memory_map_write32[block] = was.write32;
    }
  }

  private find(address: number): MemoryWindow | null {
    for (const window of this.windows) {
      const offset = address - (window.base as number);
      if (offset >= 0 && offset < window.size) return window;
    }
    return null;
  }

  private read(address: number, width: Width): number {
    const window = this.find(address);
    if (window !== null) return window.read(address - (window.base as number), width);
    const was = this.before.get(address >>> BLOCK_BITS);
    const read = width === 4 ? was?.read32 : was?.read8;
    // Nobody: all ones.
    return read === undefined ? 2 ** (8 * width) - 1 : read(address);
  }

  private write(address: number, width: Width, value: number): void {
    const window = this.find(address);
    if (window !== null) {
      window.write(address - (window.base as number), width, value);
      return;
    }
    const was = this.before.get(address >>> BLOCK_BITS);
    const write = width === 4 ? was?.write32 : was?.write8;
    write?.(address, value);
  }
}

function overlap(base: number, size: number, otherBase: number | null, otherSize: number): boolean {
  return otherBase !== null && base < otherBase + otherSize && otherBase < base + size;
}
