// The PCI bus of a machine: slots with functions, the placement of their BARs, interrupt routing, and the handles by
// which drivers see devices. A function is a chip model in this process, or anything else that implements PciFunction.

import type { IrqAction, IrqHandler, IrqLine } from '../kernel/irq.ts';
import type { Machine } from '../kernel/machine.ts';
import { DmaApi } from './dma.ts';
import type { DeviceHost, PciChip, StateObject, Width } from './host.ts';
import { LocalFunction } from './local-function.ts';
import {
  COMMAND_IO,
  COMMAND_MASTER,
  COMMAND_MEMORY,
  PCI_BASE_ADDRESS_0,
  PCI_CAPABILITY_LIST,
  PCI_CLASS_CODE,
  PCI_COMMAND,
  PCI_DEVICE_ID,
  PCI_INTERRUPT_LINE,
  PCI_INTERRUPT_PIN,
  PCI_REVISION_ID,
  PCI_STATUS,
  PCI_SUBSYSTEM_ID,
  PCI_SUBSYSTEM_VENDOR_ID,
  PCI_VENDOR_ID,
  STATUS_CAPABILITIES,
} from './pci-config.ts';
import { Registers } from './registers.ts';

/** One function in a slot: configuration space and what its BARs decode. */
export interface PciFunction {
  readConfig(offset: number, width: Width): number;
  writeConfig(offset: number, width: Width, value: number): void;
  readBar(bar: number, offset: number, width: Width): number;
  writeBar(bar: number, offset: number, width: Width, value: number): void;
  /** See PciDevice; a function that lives elsewhere may have neither. */
  save?(): StateObject;
  restore?(state: StateObject): void;
}

/** Which devices a driver serves; a missing field matches anything. */
export interface PciId {
  vendorId: number;
  deviceId: number;
  subsystemVendorId?: number;
  subsystemId?: number;
}

/** A device as its driver sees it. */
export class PciDevice {
  readonly machine: Machine;
  readonly slot: number;
  /** `0000:00:03.0` and the like, as lspci prints it. */
  readonly name: string;
  readonly dma: DmaApi;
  /** Set by `probe`, for `remove`. */
  driverData: unknown = null;
  private readonly function: PciFunction;
  /** Lines on which handlers of this device are. */
  private readonly irqs = new Map<IrqAction, number>();

  constructor(machine: Machine, slot: number, pciFunction: PciFunction) {
    this.machine = machine;
    this.slot = slot;
    this.name = `0000:00:${slot.toString(16).padStart(2, '0')}.0`;
    this.function = pciFunction;
    this.dma = new DmaApi(machine);
  }

  readConfig(offset: number, width: Width): number {
    return this.function.readConfig(offset, width);
  }

  writeConfig(offset: number, width: Width, value: number): void {
    this.function.writeConfig(offset, width, value);
  }

  get vendorId(): number {
    return this.readConfig(PCI_VENDOR_ID, 2);
  }

  get deviceId(): number {
    return this.readConfig(PCI_DEVICE_ID, 2);
  }

  get subsystemVendorId(): number {
    return this.readConfig(PCI_SUBSYSTEM_VENDOR_ID, 2);
  }

  get subsystemId(): number {
    return this.readConfig(PCI_SUBSYSTEM_ID, 2);
  }

  get revision(): number {
    return this.readConfig(PCI_REVISION_ID, 1);
  }

  get classCode(): number {
    return this.readConfig(PCI_CLASS_CODE, 1) | (this.readConfig(PCI_CLASS_CODE + 1, 2) << 8);
  }

  /** Line of the interrupt controller, as the firmware wrote it into configuration space. */
  get irq(): number {
    return this.readConfig(PCI_INTERRUPT_LINE, 1);
  }

  /** pci_enable_device: I/O and memory decoding on. */
  enable(): void {
    this.setCommand(COMMAND_IO | COMMAND_MEMORY, true);
  }

  /** pci_disable_device: decoding and bus mastering off. */
  disable(): void {
    this.setCommand(COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER, false);
  }

  /** pci_set_master. */
  setMaster(): void {
    this.setCommand(COMMAND_MASTER, true);
  }

  /** The registers behind a BAR. */
  registers(bar: number): Registers {
    return new Registers(this.machine, this.function, bar, `${this.name} bar${bar}`);
  }

  /** Base address and kind of a BAR; null where the device has none. */
  barAddress(bar: number): { kind: 'io' | 'memory'; address: number } | null {
    const value = this.readConfig(PCI_BASE_ADDRESS_0 + 4 * bar, 4);
    if (value === 0) return null;
    return (value & 1) !== 0
      ? { kind: 'io', address: (value & ~3) >>> 0 }
      : { kind: 'memory', address: (value & ~15) >>> 0 };
  }

  /** Offset of a capability in configuration space, 0 when the device has none of this id. */
  findCapability(id: number): number {
    if ((this.readConfig(PCI_STATUS, 2) & STATUS_CAPABILITIES) === 0) return 0;
    let at = this.readConfig(PCI_CAPABILITY_LIST, 1) & ~3;
    // 48 is all the capabilities the space has room for: a list that is longer loops.
    for (let i = 0; i < 48 && at >= 0x40; i++) {
      if (this.readConfig(at, 1) === id) return at;
      at = this.readConfig(at + 1, 1) & ~3;
    }
    return 0;
  }

  /** request_irq on the device's line; keep the action for `freeIrq`. */
  requestIrq(name: string, handler: IrqHandler): IrqAction {
    if (this.readConfig(PCI_INTERRUPT_PIN, 1) === 0) throw new Error(`${this.name} has no interrupt pin`);
    const { irq } = this;
    const action = this.machine.irq.request(irq, name, handler);
    this.irqs.set(action, irq);
    return action;
  }

  /** Also of a card that was pulled out meanwhile: its configuration space does not tell the line any more. */
  freeIrq(action: IrqAction): void {
    this.machine.irq.free(this.irqs.get(action) ?? this.irq, action);
    this.irqs.delete(action);
  }

  /**
   * The state of the hardware: configuration space and chip, without what its driver holds. Throws when the function
   * cannot be saved, or is in the middle of something (see PciChip).
   */
  save(): StateObject {
    const { function: pciFunction } = this;
    if (pciFunction.save === undefined)
      throw new Error(`${this.name}: its state is not within reach: only a chip model can be saved`);
    return pciFunction.save();
  }

  /**
   * Takes up a state that `save` gave, of this device or one of its kind. Throws with what is wrong before anything was
   * changed. The interrupt pin moves last, once, if at all.
   */
  restore(state: StateObject): void {
    const { function: pciFunction } = this;
    if (pciFunction.restore === undefined)
      throw new Error(`${this.name}: its state is not within reach: only a chip model can be restored`);
    pciFunction.restore(state);
  }

  private setCommand(bits: number, on: boolean): void {
    const command = this.readConfig(PCI_COMMAND, 2);
    this.writeConfig(PCI_COMMAND, 2, on ? command | bits : command & ~bits);
  }
}

export interface PciDriver {
  readonly name: string;
  readonly ids: readonly PciId[];
  /** Takes the device and sets `driverData`, or throws with what is wrong and leaves nothing behind. */
  probe(device: PciDevice): void;
  /** Gives everything back. */
  remove(device: PciDevice): void;
}

/** Type bits of a memory BAR that takes two registers. */
const BAR_MEMORY_64 = 4;

/** Lines that INTA# of the slots is routed to, in turn, as on a PC: 9, 10, 11 and 5. */
const INTX_LINES = [9, 10, 11, 5] as const;

export class PciBus {
  readonly devices: PciDevice[] = [];
  private readonly machine: Machine;
  private readonly bound = new Map<PciDevice, PciDriver>();
  private nextIo = 0x1000;
  private nextMemory = 0xe0000000;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  /** Puts a chip into a slot (0 to 31), places its BARs and routes its interrupt, as firmware would. */
  plug(slot: number, makeChip: (host: DeviceHost) => PciChip): PciDevice {
    return this.plugFunction(slot, (line) => new LocalFunction(this.machine, `pci ${slot}`, line, makeChip));
  }

  /** The same for a function that lives elsewhere; `make` gets the interrupt line to drive. */
  plugFunction(slot: number, make: (line: IrqLine) => PciFunction): PciDevice {
    if (slot < 0 || slot > 31) throw new RangeError(`PCI slot ${slot}: 0 to 31`);
    if (this.devices.some((device) => device.slot === slot)) throw new Error(`PCI slot ${slot} is taken`);
    const irq = INTX_LINES[slot % INTX_LINES.length];
    const device = new PciDevice(this.machine, slot, make(this.machine.irq.line(irq)));
    this.placeBars(device);
    if (device.readConfig(PCI_INTERRUPT_PIN, 1) !== 0) device.writeConfig(PCI_INTERRUPT_LINE, 1, irq);
    this.devices.push(device);
    return device;
  }

  /** Offers every device that has no driver to this one; returns those it took. A failing probe is logged. */
  register(driver: PciDriver): PciDevice[] {
    const taken: PciDevice[] = [];
    for (const device of this.devices) {
      if (this.bound.has(device) || !driver.ids.some((id) => matches(id, device))) continue;
      try {
        this.machine.process(() => driver.probe(device));
      } catch (error) {
        this.machine.log(`${driver.name}: probe of ${device.name} failed: ${(error as Error).message}`);
        continue;
      }
      this.bound.set(device, driver);
      taken.push(device);
    }
    return taken;
  }

  /** Takes the driver off its devices; it removes in process context. */
  unregister(driver: PciDriver): void {
    for (const [device, owner] of this.bound) {
      if (owner !== driver) continue;
      this.machine.process(() => driver.remove(device));
      this.bound.delete(device);
    }
  }

  driverOf(device: PciDevice): PciDriver | null {
    return this.bound.get(device) ?? null;
  }

  /** Learns each BAR's size by writing all ones (PCI 2.2, section 6.2.5.1) and gives it an address. */
  private placeBars(device: PciDevice): void {
    for (let bar = 0; bar < 6; bar++) {
      const offset = PCI_BASE_ADDRESS_0 + 4 * bar;
      device.writeConfig(offset, 4, 0xffffffff);
      const answer = device.readConfig(offset, 4);
      if (answer === 0) continue;
      device.writeConfig(offset, 4, this.placeBar(device, bar, answer));
      if ((answer & 7) !== BAR_MEMORY_64) continue;
      // The next register is the upper half; everything is placed below 4 GiB.
      device.writeConfig(offset + 4, 4, 0);
      bar++;
    }
  }

  private placeBar(device: PciDevice, bar: number, answer: number): number {
    const io = (answer & 1) !== 0;
    // A function may decode only 16 bits of I/O addresses; the upper ones then read as zero.
    const mask = io ? (answer & ~3) | (answer <= 0xffff ? 0xffff0000 : 0) : answer & ~15;
    const size = (~mask + 1) >>> 0;
    const base = io ? align(this.nextIo, size) : align(this.nextMemory, Math.max(size, 4096));
    if (base + size > (io ? 0x10000 : 0xfec00000)) {
      throw new RangeError(
        `${device.name} bar${bar}: no room for ${size} bytes of ${io ? 'I/O' : 'memory'} space`,
      );
    }
    if (io) this.nextIo = base + size;
    else this.nextMemory = base + size;
    return base;
  }
}

function align(address: number, size: number): number {
  return Math.ceil(address / size) * size;
}

function matches(id: PciId, device: PciDevice): boolean {
  return (
    id.vendorId === device.vendorId &&
    id.deviceId === device.deviceId &&
    (id.subsystemVendorId === undefined || id.subsystemVendorId === device.subsystemVendorId) &&
    (id.subsystemId === undefined || id.subsystemId === device.subsystemId)
  );
}
