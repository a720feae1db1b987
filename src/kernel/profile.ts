// What work costs on a CPU: the one table of charges. The framework charges them on the virtual clock; drivers and
// protocols never mention them. On the system clock, and in profile `ideal`, nothing is charged.
//
// The numbers are nanoseconds (or ns a byte). docs/costs.md says for each on which public measurement it stands, or that it
// is an estimate. They are meant to be right within a factor of two; what is concluded from them must survive that.

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
 * A desktop PC of the last decade, about 3 GHz. Its sources: docs/costs.md.
 *
 * | charge | ns | reason |
 * |---|---|---|
 * | registerRead | 800 | a round trip over PCI or PCIe: 400 to 900 measured |
 * | registerWrite | 60 | posted: 50 to 300 measured, one after the other |
 * | interruptEntry, Exit | 600, 200 | estimate: about 2,000 cycles |
 * | softirqEntry | 100 | estimate: flag test, loop set-up |
 * | contextSwitch | 1,500 | lmbench: 1 to 1.7 us |
 * | systemCall | 150 | lmbench: 75 to 1,010 |
 * | descriptor | 60 | estimate: one miss, and several descriptors share a line |
 * | buffer | 40 | 19 to 45 measured |
 * | copyByte, checksumByte | 0.1, 0.1 | estimate: 10 Gbyte/s; a PC of 2003 took 2 to 3 ns to copy |
 * | poll, layer | 50, 50 | estimate: 150 cycles |
 * | lock | 10 | one atomic operation: 8 measured |
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
 * A board with a PowerPC of the 603e kind (MPC8240, MPC5200), an ARM9 or an SH-4 at 200 to 400 MHz, PCI at 33 MHz, SDRAM.
 * Its sources: docs/costs.md.
 *
 * | charge | ns | reason |
 * |---|---|---|
 * | registerRead | 1,000 | 330 at best, about 1,000 as a rule |
 * | registerWrite | 300 | estimate: posted, but the bridge's buffer is shallow |
 * | interruptEntry, Exit | 5,000, 2,000 | line to handler 6 to 13 us on an MVME2100 |
 * | softirqEntry | 1,000 | estimate: some 300 instructions with cold caches |
 * | contextSwitch | 12,000 | 2 to 11 us on an MVME2100, 33 us on an MPC8xx: the widest range of the table |
 * | systemCall | 1,500 | estimate: 0.44 us on a PC of 790 MHz, by the clock |
 * | descriptor | 400 | estimate: 175 on the same PC, slower memory |
 * | buffer | 1,500 | estimate: a few hundred instructions |
 * | copyByte | 10 | 8 on the same PC, 17 to 31 on a ColdFire of 240 MHz |
 * | checksumByte | 5 | estimate: one read instead of a read and a write; 2.8 on the same PC |
 * | poll, layer | 500, 2,500 | estimate: 150 and 750 instructions |
 * | lock | 100 | estimate: interrupt flag save and restore |
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

/** The profile with one charge multiplied: how far does a conclusion hang on that figure? Throws on a factor below 0. */
export function withCost(profile: CpuProfile, charge: keyof CpuProfile, factor: number): CpuProfile {
  if (!(factor >= 0 && Number.isFinite(factor))) {
    throw new RangeError(`factor ${factor} of charge ${charge}: a finite number from 0 up is needed`);
  }
  const value = profile[charge];
  if (typeof value !== 'number') {
    throw new RangeError(`no charge ${charge} in profile ${profile.name}: see CpuProfile for their names`);
  }
  return {
    ...profile,
    name: `${profile.name}, ${charge} x ${factor}`,
    [charge]: value * factor,
  };
}
