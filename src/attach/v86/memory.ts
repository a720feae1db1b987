// Guest memory as bus masters see it. It lies in the memory of v86's WebAssembly module, which grows when v86 wants more:
// every view of it is then cut off, so that each access looks whether its view still holds. That costs a load and a branch.

import { Dma, type DmaMemory } from '../../bus/host.ts';
import { ViewCache } from '../../kernel/copy.ts';
import type { V86Cpu } from './emulator.ts';

/** For buffers of 2 KiB as drivers have them: 4096 / 32 of them before two share a slot. */
const VIEW_SLOTS = 4096;
/** A PC's VGA window and, behind it, its ROMs. v86 keeps those in what is RAM to it. */
const HOLE_START = 0xa0000;
const HOLE_END = 0x100000;

export class GuestMemory implements DmaMemory {
  readonly size: number;
  private readonly wasm: V86Cpu['wasm_memory'];
  private readonly offset: number;
  private bytes!: Uint8Array;
  private halfWords!: Uint16Array;
  private words!: Uint32Array;
  private cache!: ViewCache;

  constructor(cpu: V86Cpu) {
    const { byteOffset, length } = cpu.mem8;
    if (byteOffset % 4 !== 0)
      throw new Error(`guest memory begins at byte ${byteOffset} of v86's: a multiple of 4 is wanted`);
    this.size = length - (length % 4);
    this.wasm = cpu.wasm_memory;
    this.offset = byteOffset;
    this.makeViews();
  }

  get u8(): Uint8Array {
    if (this.bytes.length === 0) this.makeViews();
    return this.bytes;
  }

  get u16(): Uint16Array {
    if (this.halfWords.length === 0) this.makeViews();
    return this.halfWords;
  }

  get u32(): Uint32Array {
    if (this.words.length === 0) this.makeViews();
    return this.words;
  }

  get views(): ViewCache {
    if (this.bytes.length === 0) this.makeViews();
    return this.cache;
  }

  private makeViews(): void {
    const { buffer } = this.wasm;
    const { offset, size } = this;
    this.bytes = new Uint8Array(buffer, offset, size);
    this.halfWords = new Uint16Array(buffer, offset, size >> 1);
    this.words = new Uint32Array(buffer, offset, size >> 2);
    this.cache = new ViewCache(this.bytes, VIEW_SLOTS);
  }
}

/** Bus mastering of one device: what it writes is told to v86, which may have compiled code from those bytes. */
export function guestDma(cpu: V86Cpu, memory: GuestMemory): Dma {
  const dma = new Dma(memory);
  dma.holeStart = HOLE_START;
  dma.holeEnd = HOLE_END;
  dma.onWrite = (address, length) => {
    if (length > 0) cpu.jit_dirty_cache(address, address + length);
  };
  return dma;
}
