// QEMU's memory as ours: one file, mapped by both, so that DMA costs no message.

import { PhysicalMemory } from '../../kernel/memory.ts';
import type { Linux } from '../../ports/linux.ts';
import { AttachError } from './error.ts';
import { MIB } from './options.ts';

/**
 * Gives a mapping back when nobody can reach its buffer any more: drivers and reports may look into the memory long after
 * QEMU has ended, and a look past an unmapped page would end the program.
 */
const mappings = new FinalizationRegistry(({ linux, address, bytes }: Mapping) => {
  linux.unmap(address, bytes);
});

interface Mapping {
  linux: Linux;
  address: bigint;
  bytes: number;
}

/** Maps an open file of `bytes` bytes. Allocations begin above the hole that a PC has from 640 KiB to 1 MiB. */
export function sharedMemory(linux: Linux, fd: number, bytes: number): PhysicalMemory {
  const address = linux.mapShared(fd, bytes);
  if (address === null) {
    throw new AttachError(`${bytes} bytes of memory to share with QEMU: ${linux.errorName(linux.errno())}`);
  }
  const buffer = linux.koffi.view(address, bytes);
  mappings.register(buffer, { linux, address, bytes });
  return new PhysicalMemory(buffer, MIB);
}
