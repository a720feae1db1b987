// The flat physical memory of a machine: one buffer, seen as bytes, half-words and words, and an allocator for what
// must not move (descriptor rings, packet buffers). Addresses are byte offsets into it; page 0 is never handed out, so
// that 0 can mean "none".

import { ViewCache } from './copy.ts';

const PAGE = 4096;
/** A cluster every 2 KiB takes one slot in 32: enough for 1024 clusters without sharing. */
const VIEW_SLOTS = 32768;

if (new Uint8Array(new Uint32Array([1]).buffer)[0] !== 1) {
  throw new Error('Softnet needs a little-endian machine: PCI devices and its typed arrays share memory');
}

export class PhysicalMemory {
  readonly size: number;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly views: ViewCache;
  private top: number;
  /** Freed blocks, by size, for the next allocation of that size. */
  private readonly freed = new Map<number, number[]>();
  private readonly sizes = new Map<number, number>();

  /**
   * `source`: a size in bytes (rounded up to a page), or bytes that somebody else shares (a guest, QEMU), which begin at a
   * multiple of 4. `firstFree`: allocations begin here, past what is not memory on that board.
   */
  constructor(source: number | ArrayBufferLike | Uint8Array, firstFree = PAGE) {
    const bytes = source instanceof Uint8Array ? source : new Uint8Array(asBuffer(source));
    const { buffer, byteOffset } = bytes;
    this.top = firstFree;
    this.size = bytes.length - (bytes.length % 4);
    this.u8 = new Uint8Array(buffer, byteOffset, this.size);
    this.u16 = new Uint16Array(buffer, byteOffset, this.size >> 1);
    this.u32 = new Uint32Array(buffer, byteOffset, this.size >> 2);
    this.views = new ViewCache(this.u8, VIEW_SLOTS);
  }

  /** Address of `size` zeroed bytes aligned to `align` (a power of two). Throws when memory is full. */
  alloc(size: number, align = 16): number {
    if (!Number.isInteger(size) || size < 1)
      throw new RangeError(`allocation of ${size} bytes of physical memory`);
    const again = this.freed.get(size);
    if (again !== undefined) {
      for (let i = again.length - 1; i >= 0; i--) {
        const address = again[i];
        if ((address & (align - 1)) !== 0) continue;
        again.splice(i, 1);
        this.sizes.set(address, size);
        this.u8.fill(0, address, address + size);
        return address;
      }
    }
    const address = Math.ceil(this.top / align) * align;
    if (address + size > this.size) {
      throw new RangeError(
        `out of physical memory: ${size} bytes wanted, ${this.size - this.top} of ${this.size} left`,
      );
    }
    this.top = address + size;
    this.sizes.set(address, size);
    this.u8.fill(0, address, address + size);
    return address;
  }

  /** Returns a block; the address must be one that alloc gave. */
  free(address: number): void {
    const size = this.sizes.get(address);
    if (size === undefined)
      throw new Error(`free of physical address 0x${address.toString(16)}, which is not allocated`);
    this.sizes.delete(address);
    const list = this.freed.get(size);
    if (list === undefined) this.freed.set(size, [address]);
    else list.push(address);
  }

  /** Blocks that are allocated now: 0 after everything was given back. */
  get blocks(): number {
    return this.sizes.size;
  }
}

function asBuffer(source: number | ArrayBufferLike): ArrayBufferLike {
  return typeof source === 'number' ? new ArrayBuffer(Math.ceil(source / PAGE) * PAGE) : source;
}
