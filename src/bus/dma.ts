// The driver's side of DMA: memory that driver and device share for good (descriptor rings), and the two calls that
// hand a buffer to the device and take it back. Buses here are coherent, so the calls move no bytes; they charge for
// the cache lines that change hands, and they are where a verifier looks.

import type { Machine } from '../kernel/machine.ts';

export class DmaApi {
  private readonly machine: Machine;
  private readonly owned = new Set<number>();

  constructor(machine: Machine) {
    this.machine = machine;
  }

  /** Zeroed memory for a ring or an init block: its physical address. Throws when memory is full. */
  allocCoherent(size: number, align = 16): number {
    const address = this.machine.memory.alloc(size, align);
    this.owned.add(address);
    return address;
  }

  /** Gives it back; the address must be one that allocCoherent gave this device. */
  freeCoherent(address: number): void {
    if (!this.owned.delete(address))
      throw new Error(`coherent memory at 0x${address.toString(16)} is not this device's`);
    this.machine.memory.free(address);
  }

  /** Coherent blocks not given back. */
  get coherentBlocks(): number {
    return this.owned.size;
  }

  /** Before the CPU looks at what the device wrote at `address`: a descriptor or a buffer. */
  syncForCpu(_address: number, _length: number): void {
    const { cpu } = this.machine;
    cpu.charge(cpu.profile.descriptor);
  }

  /** Before the device is told of what the CPU wrote. */
  syncForDevice(_address: number, _length: number): void {}
}
