// A machine of v86 that does not run: the test is its processor. Registers are reached as by instructions, through v86's
// own tables of ports and of memory.

import type { V86Cpu } from '../../src/attach/v86/emulator.ts';
import type { ChipState, DeviceHost, PciChip, PciIdentity, Width } from '../../src/bus/host.ts';
import { type Emulator, type EmulatorOptions, makeEmulator } from '../../src/lab/server/v86.ts';

/** No firmware: nothing of it is run. */
const IMAGE = {
  bios: new Uint8Array(64 * 1024),
  vgaBios: Uint8Array.from({ length: 512 }, (_, i) => (i === 0 ? 0x55 : i === 1 ? 0xaa : 0)),
  memoryBytes: 16 * 1024 * 1024,
};
const CONFIG_ADDRESS = 0xcf8;
const CONFIG_DATA = 0xcfc;
const DISK_SLOT = 30;

/** What of v86's processor only the bench uses: stores and loads by physical address, as compiled code does them. */
interface BenchCpu extends V86Cpu {
  io: V86Cpu['io'] & {
    port_read8(port: number): number;
    port_read16(port: number): number;
    port_read32(port: number): number;
    port_write8(port: number, value: number): void;
    port_write16(port: number, value: number): void;
    port_write32(port: number, value: number): void;
  };
  wasm_memory: { readonly buffer: ArrayBuffer; grow(pages: number): void };
  read8(address: number): number;
  read16(address: number): number;
  read32s(address: number): number;
  write8(address: number, value: number): void;
  write16(address: number, value: number): void;
  write32(address: number, value: number): void;
}

export class V86Bench {
  readonly emulator: Emulator;
  readonly cpu: BenchCpu;
  /** Lines of the interrupt controller that are up. */
  readonly lines = new Set<number>();
  /** What v86 was told to forget of its compiled code: start and end. */
  readonly dirty: [start: number, end: number][] = [];

  constructor(emulator: Emulator) {
    this.emulator = emulator;
    const cpu: BenchCpu = emulator.v86.cpu;
    this.cpu = cpu;
    const { device_raise_irq: raise, device_lower_irq: lower, jit_dirty_cache: forget } = cpu;
    cpu.device_raise_irq = (line) => {
      this.lines.add(line);
      raise(line);
    };
    cpu.device_lower_irq = (line) => {
      this.lines.delete(line);
      lower(line);
    };
    cpu.jit_dirty_cache = (start, end) => {
      this.dirty.push([start, end]);
      forget(start, end);
    };
    // As firmware leaves the disk controller, and as v86 wants it when it takes up a state.
    for (let bar = 0; bar < 4; bar++) this.writeConfig(DISK_SLOT, 0x10 + 4 * bar, 4, 0);
  }

  in(port: number, width: Width): number {
    const { io } = this.cpu;
    if (width === 4) return io.port_read32(port) >>> 0;
    return width === 2 ? io.port_read16(port) : io.port_read8(port);
  }

  out(port: number, width: Width, value: number): void {
    const { io } = this.cpu;
    if (width === 4) io.port_write32(port, value | 0);
    else if (width === 2) io.port_write16(port, value);
    else io.port_write8(port, value);
  }

  readConfig(slot: number, offset: number, width: Width): number {
    this.selectConfig(slot, offset);
    return this.in(CONFIG_DATA + (offset & 3), width);
  }

  writeConfig(slot: number, offset: number, width: Width, value: number): void {
    this.selectConfig(slot, offset);
    this.out(CONFIG_DATA + (offset & 3), width, value);
  }

  /** A load from a physical address by v86's own code. */
  load(address: number, width: Width): number {
    const { cpu } = this;
    if (width === 4) return cpu.read32s(address) >>> 0;
    return width === 2 ? cpu.read16(address) : cpu.read8(address);
  }

  store(address: number, width: Width, value: number): void {
    const { cpu } = this;
    if (width === 4) cpu.write32(address, value);
    else if (width === 2) cpu.write16(address, value);
    else cpu.write8(address, value);
  }

  private selectConfig(slot: number, offset: number): void {
    this.out(CONFIG_ADDRESS, 4, 0x80000000 + slot * 0x800 + (offset & 0xfc));
  }
}

export async function v86Bench(options?: EmulatorOptions): Promise<V86Bench> {
  return new V86Bench(await makeEmulator(IMAGE, options));
}

/** An access to the registers of a NotingChip. */
export type Access = [what: 'read' | 'write', bar: number, offset: number, width: Width, value: number];

/** A chip without a function: it notes what reaches it, and reads give what was written last at that byte. */
export class NotingChip implements PciChip {
  readonly identity: PciIdentity;
  readonly host: DeviceHost;
  readonly accesses: Access[] = [];
  readonly registers: Uint8Array[];
  resets = 0;
  /** Runs at every access. */
  onAccess: () => void = () => {};

  constructor(host: DeviceHost, bars: PciIdentity['bars'], interruptPin = 1) {
    this.host = host;
    this.identity = {
      vendorId: 0x1234,
      deviceId: 0x5678,
      revision: 9,
      classCode: 0x020000,
      subsystemVendorId: 0x4321,
      subsystemId: 0x8765,
      interruptPin,
      minGrant: 1,
      maxLatency: 2,
      bars,
    };
    this.registers = bars.map(({ size }) => new Uint8Array(size));
  }

  readBar(bar: number, offset: number, width: Width): number {
    this.onAccess();
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + this.registers[bar][offset + i];
    this.accesses.push(['read', bar, offset, width, value]);
    return value;
  }

  writeBar(bar: number, offset: number, width: Width, value: number): void {
    this.onAccess();
    for (let i = 0; i < width; i++) this.registers[bar][offset + i] = value >>> (8 * i);
    this.accesses.push(['write', bar, offset, width, value]);
  }

  reset(): void {
    this.resets++;
    this.host.setInterrupt(false);
  }

  save(): ChipState {
    return { chip: 'noting', version: 1, registers: this.registers.map((bytes) => bytes.slice()) };
  }

  restore(state: ChipState): void {
    if (state.chip !== 'noting')
      throw new TypeError(`this is the state of ${state.chip}: that of noting is wanted`);
    (state.registers as Uint8Array[]).forEach((bytes, bar) => {
      this.registers[bar].set(bytes);
    });
  }
}
