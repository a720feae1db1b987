// A driver with bad intentions: writes to a card whatever a seed says, registers of every width at every offset, descriptors and
// initialization blocks that point anywhere, while frames come and go and time passes.

import { expect } from 'vitest';
import type { Width } from '../../src/bus/host.ts';
import { COMMAND_INTX_DISABLE, COMMAND_MASTER, PCI_COMMAND } from '../../src/bus/pci-config.ts';
import type { Registers } from '../../src/bus/registers.ts';
import { RECEIVE_DROPS, TRANSMIT_ERRORS } from '../../src/chips/pcnet/counters.ts';
import { CSR, CSR0, DWIO, WIO } from '../../src/chips/pcnet/sheet.ts';
import { Random } from '../../src/kernel/random.ts';
import { frame, type Host, MILLISECOND } from './bench.ts';

/** Lengths around every limit, without FCS. */
export const FRAME_LENGTHS = [0, 13, 60, 1514, 1519, 9000] as const;

const AREA_BYTES = 0x4000;
const { INIT, STRT, STOP, TDMD, IENA } = CSR0;
/** CSR0 as drivers write it, and as none should. */
const COMMANDS = [STOP, INIT, STRT | IENA, INIT | STRT | IENA, TDMD | IENA, TDMD, 0x7f00, 0xffff, 0];
/** Registers whose values decide where the card reads and writes. */
const POINTERS = [CSR.IADR_LOW, CSR.BADR, CSR.BADX];
const LENGTH_REGISTERS = [CSR.RCVRL, CSR.XMTRL];

export class Rogue {
  /** Register accesses so far. */
  accesses = 0;
  private readonly host: Host;
  private readonly random: Random;
  private readonly windows: Registers[];
  /** Memory of its own, for descriptors and blocks. */
  private readonly area: number;
  /** Other places whose words it changes: the rings of the real driver. */
  private readonly victims: number[];

  constructor(host: Host, seed: number, victims: number[] = []) {
    this.host = host;
    this.random = new Random(seed, 'rogue');
    this.windows = [host.pci.registers(0), host.pci.registers(1)];
    this.area = host.pci.dma.allocCoherent(AREA_BYTES, 4096);
    this.victims = victims;
    host.pci.enable();
    host.pci.setMaster();
  }

  /** Serves the card's interrupts as badly as all the rest. */
  takeInterrupts(): void {
    this.host.pci.requestIrq('rogue', () => {
      if (this.random.chance(0.5)) this.writeCsr(0, this.word() & 0xffff);
      return this.random.chance(0.9);
    });
  }

  /** `count` acts of malice. */
  act(count: number): void {
    for (let i = 0; i < count; i++) this.once();
  }

  private once(): void {
    const { host, random } = this;
    const act = random.below(100);
    if (act < 15) this.inProcess(() => this.anyAccess());
    else if (act < 18) this.inProcess(() => this.writeCsr(random.below(128), this.word()));
    else if (act < 21) this.inProcess(() => this.writeBcr(random.below(64), this.word()));
    else if (act < 23) this.inProcess(() => this.writeCsr(0, this.pick(COMMANDS)));
    else if (act < 26) this.inProcess(() => this.repoint());
    else if (act < 32) this.inProcess(() => this.setUp());
    else if (act < 42) this.inProcess(() => this.writeCsr(0, TDMD | IENA | STRT));
    else if (act < 55) this.scribble();
    else if (act < 85) this.arrive();
    else if (act < 90) this.unplugSomething();
    else host.run(random.below(MILLISECOND));
  }

  private inProcess(work: () => void): void {
    this.host.machine.process(work);
  }

  /** Any width at any offset, past the end as well. */
  private anyAccess(): void {
    const { random } = this;
    const registers = this.pick(this.windows);
    const width = this.pick([1, 2, 4] as const);
    const offset = random.below(36) - 1;
    this.accesses++;
    if (random.chance(0.5)) this.read(registers, offset, width);
    else this.write(registers, offset, width, this.word());
  }

  private read(registers: Registers, offset: number, width: Width): void {
    const value =
      width === 1
        ? registers.read8(offset)
        : width === 2
          ? registers.read16(offset)
          : registers.read32(offset);
    expect(value >= 0 && value < 2 ** (8 * width), `${width}-byte read at ${offset} gave ${value}`).toBe(
      true,
    );
  }

  private write(registers: Registers, offset: number, width: Width, value: number): void {
    if (width === 1) registers.write8(offset, value);
    else if (width === 2) registers.write16(offset, value);
    else registers.write32(offset, value);
  }

  /** Rings, blocks and lengths: in memory, across its end, outside, on odd addresses. */
  private repoint(): void {
    const { random } = this;
    this.writeCsr(0, STOP);
    this.writeCsr(CSR.SWS, this.pick([0, 0, 2, 2, 3, 3, 1, this.word()]));
    for (const register of POINTERS) {
      const address = this.address();
      this.writeCsr(register, address & 0xffff);
      this.writeCsr(register + 1, address >>> 16);
    }
    for (const register of LENGTH_REGISTERS) {
      this.writeCsr(register, this.pick([0, 1, 0xffff, 0xfff0, -random.below(64) & 0xffff, this.word()]));
    }
    this.writeCsr(CSR.MODE, random.chance(0.5) ? 0x8000 : this.word());
    this.writeCsr(0, this.pick([STRT | IENA, INIT | STRT | IENA]));
  }

  /** Rings as a driver would make them, with a lie here and there. */
  private setUp(): void {
    const { random, host } = this;
    const style = this.pick([0, 2, 3] as const);
    this.writeCsr(0, STOP);
    host.pci.setMaster();
    this.writeCsr(CSR.SWS, style);
    const words = host.machine.memory.u32.subarray(this.area >>> 2, (this.area + AREA_BYTES) >>> 2);
    const ring = (register: number, lengthRegister: number, offset: number): void => {
      const count = this.pick([1, 2, 8, 16]);
      const address = this.area + offset;
      this.writeCsr(register, address & 0xffff);
      this.writeCsr(register + 1, address >>> 16);
      this.writeCsr(lengthRegister, -count & 0xffff);
      const at = offset >>> 2;
      for (let i = 0; i < count; i++) {
        const buffer = random.chance(0.95) ? this.area + 0x1000 + random.below(0x1000) : this.address();
        const bytes = random.below(0x1000);
        const flags = random.chance(0.8) ? 0x83000000 : 0x80000000 | (this.word() & 0x7f000000);
        if (style === 0) {
          words[at + 2 * i] = flags | (buffer & 0x00ffffff);
          words[at + 2 * i + 1] = 0xf000 | bytes;
        } else {
          words[at + 4 * i + (style === 3 ? 2 : 0)] = buffer;
          words[at + 4 * i + 1] = flags | 0xf000 | bytes;
        }
      }
    };
    ring(CSR.BADR, CSR.RCVRL, 0);
    ring(CSR.BADX, CSR.XMTRL, 0x800);
    // Everybody's frames; sometimes the card's own as well, in loopback.
    this.writeCsr(CSR.MODE, 0x8000 | (random.chance(0.2) ? this.word() & 0x00fc : 0));
    this.writeCsr(0, STRT | IENA);
  }

  private writeCsr(register: number, value: number): void {
    this.select(register, WIO.RDP, DWIO.RDP, value);
  }

  private writeBcr(register: number, value: number): void {
    this.select(register, WIO.BDP, DWIO.BDP, value);
  }

  /** In both modes: the wrong one of the two does nothing, or does something else. */
  private select(register: number, wordPort: number, doublePort: number, value: number): void {
    const registers = this.windows[1];
    this.accesses += 4;
    registers.write16(WIO.RAP, register);
    registers.write16(wordPort, value & 0xffff);
    registers.write32(DWIO.RAP, register);
    registers.write32(doublePort, value & 0xffff);
  }

  /** Changes a word of a descriptor or a block. */
  private scribble(): void {
    const { random, host } = this;
    const { u32 } = host.machine.memory;
    const at =
      random.chance(0.5) && this.victims.length > 0
        ? this.pick(this.victims) + random.below(1024)
        : this.area + random.below(AREA_BYTES);
    u32[at >>> 2] = random.chance(0.5) ? this.address() : (this.word() | 0x80000000) >>> 0;
  }

  private arrive(): void {
    const { random, host } = this;
    const length = random.chance(0.5) ? this.pick(FRAME_LENGTHS) : random.below(2000);
    const bytes = length < 14 ? new Uint8Array(length) : frame(length, random.below(256));
    if (random.chance(0.2)) host.wire.deliverDamaged(bytes);
    else host.wire.deliver(bytes);
  }

  /** Now and then: bus mastering, the interrupt pin or the cable, on or off. */
  private unplugSomething(): void {
    const { random, host } = this;
    if (random.chance(0.8)) return;
    if (random.chance(0.5)) {
      host.wire.setCarrier(random.chance(0.8));
      return;
    }
    const { pci } = host;
    const command = pci.readConfig(PCI_COMMAND, 2);
    pci.writeConfig(PCI_COMMAND, 2, command ^ this.pick([COMMAND_MASTER, COMMAND_INTX_DISABLE]));
  }

  private address(): number {
    const { random, host } = this;
    const { size } = host.machine.memory;
    switch (random.below(5)) {
      case 0:
        return this.word();
      case 1:
        return size - random.below(64);
      case 2:
        return (0xffffffff - random.below(64)) >>> 0;
      default:
        return this.area + random.below(AREA_BYTES);
    }
  }

  private word(): number {
    return this.random.next32();
  }

  private pick<T>(choices: readonly T[]): T {
    return choices[this.random.below(choices.length)];
  }
}

/** Everything that came to the card and left it is accounted for; `sending` frames are with the medium. */
export function expectCardSums(host: Host, sending = 0): void {
  const { counters } = host.chip;
  let drops = 0;
  for (const reason of RECEIVE_DROPS) drops += counters[reason];
  expect(counters.received + counters.looped, 'received').toBe(counters.delivered + drops);
  let errors = 0;
  for (const reason of TRANSMIT_ERRORS) errors += counters[reason];
  expect(counters.taken, 'sent').toBe(counters.transmitted + errors + sending);
  expect(host.wire.pool.inUse, 'frames').toBe(sending);
}
