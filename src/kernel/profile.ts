// What work costs on a CPU: the one table of charges. The framework charges them on the virtual clock; drivers and
// protocols never mention them. On the system clock, and in profile `ideal`, nothing is charged.
//
// The numbers are nanoseconds (or ns a byte) and say which public measurement or estimate they stand on.
// They are meant to be right within a factor of two, which is what conclusions drawn from them must survive.

export interface CpuProfile {
  readonly name: string;
  /** Uncached read of a device register: the CPU waits for the round trip over the bus. */
  readonly registerRead: number;
  /** Posted write of a device register. */
  readonly registerWrite: number;
  /** From the asserted line to the first instruction of the handler, and back again. */
  readonly interruptEntry: number;
  readonly interruptExit: number;
  /** Entering the softirq loop. */
  readonly softirqEntry: number;
  /** Switch from one thread to another, with the cache misses that follow. */
  readonly contextSwitch: number;
  /** System call: process context into the stack and back. */
  readonly systemCall: number;
  /** Reading or writing a descriptor the device wrote last: a cache miss to memory. */
  readonly descriptor: number;
  /** Taking a buffer from the pool and giving it back later, in all. */
  readonly buffer: number;
  /** Copying or checksumming one byte. */
  readonly copyByte: number;
  readonly checksumByte: number;
  /** One poll of a NAPI instance, without its packets. */
  readonly poll: number;
  /** One layer's work on a packet: demux, IP, UDP, a qdisc enqueue or dequeue. */
  readonly layer: number;
  /** An uncontended spin lock, taken and released. */
  readonly lock: number;
}

/** Nothing costs anything: for peers that must not be the bottleneck. */
export const IDEAL: CpuProfile = {
  name: 'ideal',
  registerRead: 0,
  registerWrite: 0,
  interruptEntry: 0,
  interruptExit: 0,
  softirqEntry: 0,
  contextSwitch: 0,
  systemCall: 0,
  descriptor: 0,
  buffer: 0,
  copyByte: 0,
  checksumByte: 0,
  poll: 0,
  layer: 0,
  lock: 0,
};

/**
 * A desktop PC of the last decade, about 3 GHz.
 *
 * | charge | ns | reason |
 * |---|---|---|
 * | registerRead | 800 | a non-posted PCI or PCIe read is a round trip to the device: published figures run from 0.4 to 1.2 us |
 * | registerWrite | 60 | posted: the CPU waits only for the store to leave it |
 * | interruptEntry, Exit | 600, 200 | vector, register save, controller acknowledge and cold caches: about 2,000 cycles |
 * | softirqEntry | 100 | flag test, loop set-up |
 * | contextSwitch | 1,500 | lmbench `lat_ctx` gives 1 to 2 us on such machines |
 * | systemCall | 150 | lmbench `lat_syscall null` gives 0.05 to 0.2 us, mitigations included |
 * | descriptor | 60 | one miss to DRAM is 60 to 100 ns, several descriptors share a line |
 * | buffer | 40 | allocation and release of a packet buffer from a per-CPU cache |
 * | copyByte | 0.1 | 10 Gbyte/s from memory |
 * | checksumByte | 0.1 | as the copy: bound by memory |
 * | poll | 50 | call through a pointer, list handling |
 * | layer | 50 | 100 to 200 cycles a layer |
 * | lock | 10 | about 20 cycles for the atomic operation, twice |
 */
export const X86_DESKTOP: CpuProfile = {
  name: 'x86-desktop',
  registerRead: 800,
  registerWrite: 60,
  interruptEntry: 600,
  interruptExit: 200,
  softirqEntry: 100,
  contextSwitch: 1500,
  systemCall: 150,
  descriptor: 60,
  buffer: 40,
  copyByte: 0.1,
  checksumByte: 0.1,
  poll: 50,
  layer: 50,
  lock: 10,
};

/**
 * A small embedded processor, about 200 to 400 MHz in order, slow memory.
 *
 * | charge | ns | reason |
 * |---|---|---|
 * | registerRead | 1,000 | 33 MHz PCI: address, turnaround, wait states and data of one read, 8 to 30 clocks of 30 ns |
 * | registerWrite | 300 | posted, but the bridge's buffer is shallow |
 * | interruptEntry, Exit | 5,000, 2,000 | lmbench and Linux latency tests on such cores: 5 to 15 us from line to handler |
 * | softirqEntry | 1,000 | some 300 instructions with cold caches |
 * | contextSwitch | 12,000 | lmbench `lat_ctx` on ARM9 class cores: 10 to 100 us with their virtually tagged caches |
 * | systemCall | 1,500 | lmbench null call on such cores: 1 to 3 us |
 * | descriptor | 400 | uncached or just invalidated line: two to four SDRAM bursts |
 * | buffer | 1,500 | a few hundred instructions |
 * | copyByte | 10 | 100 Mbyte/s, what such cores' memory gives a copy |
 * | checksumByte | 5 | one read instead of a read and a write |
 * | poll | 500 | as above, in proportion |
 * | layer | 2,500 | 500 to 1,000 instructions at 0.3 per ns |
 * | lock | 100 | interrupt flag save and restore |
 */
export const LOW_POWER: CpuProfile = {
  name: 'low-power',
  registerRead: 1000,
  registerWrite: 300,
  interruptEntry: 5000,
  interruptExit: 2000,
  softirqEntry: 1000,
  contextSwitch: 12000,
  systemCall: 1500,
  descriptor: 400,
  buffer: 1500,
  copyByte: 10,
  checksumByte: 5,
  poll: 500,
  layer: 2500,
  lock: 100,
};

export const CPU_PROFILES: Record<string, CpuProfile> = {
  ideal: IDEAL,
  'x86-desktop': X86_DESKTOP,
  'low-power': LOW_POWER,
};
