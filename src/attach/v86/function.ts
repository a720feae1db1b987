// A chip model as a PCI function of a guest in v86: configuration space, decoding, bus mastering, the INTx pin. Registers
// are reached through v86's tables of ports and of memory blocks (ports.ts, mmio.ts).
//
// While the guest has its time slice nobody else runs, so that the clock's hardware events that have come due run at its
// register accesses. Nothing may throw from here: above is v86's WebAssembly, which would stop the guest for good.

import type { ChipState, DeviceHost, Dma, PciChip, StateObject, Width } from '../../bus/host.ts';
import {
  COMMAND_INTX_DISABLE,
  COMMAND_IO,
  COMMAND_MASTER,
  COMMAND_MEMORY,
  PCI_BASE_ADDRESS_0,
  PCI_COMMAND,
  PCI_INTERRUPT_LINE,
  PCI_STATUS,
  PciConfig,
  STATUS_INTERRUPT,
  STATUS_RECEIVED_MASTER_ABORT,
} from '../../bus/pci-config.ts';
import { StateReader } from '../../bus/state.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Board } from './board.ts';
import type { V86Port } from './emulator.ts';
import { guestDma } from './memory.ts';
import type { MemoryWindow } from './mmio.ts';
import { PortWindow } from './ports.ts';

/** Hardware events at one register access: enough for a ring of frames, and an end for a clock that never catches up. */
const DUE_LIMIT = 256;
const PORTS = 0x10000;

export interface FunctionOptions {
  slot: number;
  clock: Clock;
  /** The line INTA# leads to while the firmware has routed it nowhere. */
  unroutedIrq: number;
  log: (message: string) => void;
}

export class GuestFunction<Chip extends PciChip = PciChip> implements DeviceHost {
  readonly slot: number;
  readonly clock: Clock;
  readonly dma: Dma;
  readonly chip: Chip;
  /** Exceptions that the guest was kept from: 0, unless something of ours is wrong. */
  faults = 0;
  private readonly board: Board;
  private readonly options: FunctionOptions;
  private readonly warned = new Set<string>();
  private readonly windows: (PortWindow | MemoryWindow)[];
  /** Bases as they were placed at first, for a reset. */
  private bases: number[] = [];
  private config: PciConfig;
  /** Configuration space as v86 shows it to the guest. */
  private shown: Uint8Array = new Uint8Array(256);
  private wanted = false;
  private restoring = false;
  private firing = false;

  constructor(board: Board, options: FunctionOptions, makeChip: (host: DeviceHost) => Chip) {
    this.board = board;
    this.options = options;
    this.slot = options.slot;
    this.clock = options.clock;
    this.dma = guestDma(board.cpu, board.memory);
    this.dma.onMasterAbort = () => this.setStatus(STATUS_RECEIVED_MASTER_ABORT, true);
    this.chip = makeChip(this);
    const { identity } = this.chip;
    this.config = new PciConfig(identity);
    this.windows = identity.bars.map(({ kind, size }, bar) =>
      kind === 'io' ? new PortWindow(this.makePorts(bar, size)) : this.makeMemoryWindow(bar, size),
    );
  }

  /** Configuration space as it is. */
  get bytes(): Uint8Array {
    return this.config.bytes;
  }

  barBase(bar: number): number {
    return this.config.barBase(bar);
  }

  /** The line of the interrupt controller that INTA# leads to now. */
  get irq(): number {
    const { interruptPin } = this.chip.identity;
    return this.board.lines.route(this.slot, interruptPin, this.options.unroutedIrq);
  }

  /** As the firmware of a PC leaves a card: base addresses set, decoding on, bus mastering off. `space` is v86's copy. */
  plugIn(bases: number[], space: Uint8Array): void {
    this.bases = bases;
    this.shown = space;
    this.place();
  }

  /** Leaves nothing in v86's tables; the chip is as after RST#, without a bus. */
  unplug(): void {
    this.powerOn();
    for (const window of this.windows) this.move(window, null);
  }

  /** RST#. */
  reset(): void {
    this.powerOn();
    this.place();
  }

  setInterrupt(asserted: boolean): void {
    if (asserted === this.wanted) return;
    this.wanted = asserted;
    this.drive();
  }

  warn(message: string): void {
    if (this.warned.has(message)) return;
    this.warned.add(message);
    this.options.log(`pci ${this.slot}: ${message}`);
  }

  writeConfig(offset: number, width: Width, value: number): void {
    this.config.write(offset, width, value);
    const { command } = this.config;
    this.dma.enabled = (command & COMMAND_MASTER) !== 0;
    if (offset < PCI_BASE_ADDRESS_0 + 24 && offset + width > PCI_COMMAND) this.decode();
    this.show();
    this.drive();
  }

  /** The pin, if there is one, follows the chip unless the command register disables INTx; the line may be another one. */
  drive(): void {
    if (this.restoring) return;
    this.setStatus(STATUS_INTERRUPT, this.wanted);
    const on =
      this.wanted &&
      (this.config.command & COMMAND_INTX_DISABLE) === 0 &&
      this.chip.identity.interruptPin !== 0;
    this.board.lines.drive(this.slot, on ? this.irq : 0);
  }

  save(): StateObject {
    return { config: this.config.save(), chip: this.chip.save() };
  }

  /** Throws with what is wrong before anything was changed. With `trial`, v86 has not taken up its state yet. */
  restore(state: unknown, trial = false): void {
    const reader = new StateReader(state, `state of the card in slot ${this.slot}`);
    const config = this.config.check(reader.rest('config'));
    const chip = reader.rest('chip') as ChipState;
    reader.end();
    this.restoring = true;
    try {
      this.chip.restore(chip);
      this.config.restore(config);
    } finally {
      this.restoring = false;
    }
    if (trial) return;
    this.dma.enabled = (this.config.command & COMMAND_MASTER) !== 0;
    this.decode();
    this.show();
    this.drive();
  }

  read(bar: number, offset: number, width: Width): number {
    try {
      this.fireDue();
      const { size } = this.chip.identity.bars[bar];
      if (offset + width <= size) return this.chip.readBar(bar, offset, width);
      // Beyond the end the bus gives ones.
      let value = 0;
      for (let i = width - 1; i >= 0; i--)
        value = value * 256 + (offset + i < size ? this.chip.readBar(bar, offset + i, 1) : 0xff);
      return value;
    } catch (error) {
      this.failed(error);
      return 2 ** (8 * width) - 1;
    }
  }

  write(bar: number, offset: number, width: Width, value: number): void {
    try {
      const { size } = this.chip.identity.bars[bar];
      if (offset + width <= size) this.chip.writeBar(bar, offset, width, value);
      else
        for (let i = 0; offset + i < size; i++)
          this.chip.writeBar(bar, offset + i, 1, (value >>> (8 * i)) & 0xff);
      this.fireDue();
    } catch (error) {
      this.failed(error);
    }
  }

  private powerOn(): void {
    this.chip.reset();
    this.config = new PciConfig(this.chip.identity);
    this.dma.enabled = false;
    this.wanted = false;
    this.drive();
  }

  private place(): void {
    this.bases.forEach((base, bar) => {
      this.config.write(PCI_BASE_ADDRESS_0 + 4 * bar, 4, base);
    });
    this.config.write(PCI_COMMAND, 2, COMMAND_IO | COMMAND_MEMORY);
    if (this.chip.identity.interruptPin !== 0) this.config.write(PCI_INTERRUPT_LINE, 1, this.irq);
    this.decode();
    this.show();
  }

  /** Puts every window where its base address register says, as far as the command register lets it decode. */
  private decode(): void {
    const { command } = this.config;
    this.chip.identity.bars.forEach(({ kind, size }, bar) => {
      const window = this.windows[bar];
      const base = this.config.barBase(bar);
      const on = (command & (kind === 'io' ? COMMAND_IO : COMMAND_MEMORY)) !== 0 && base !== 0;
      const end = kind === 'io' ? PORTS : 2 ** 32;
      const reachable = base + size <= end && (kind === 'io' || base >= this.board.memory.size);
      // Software that asks for the size writes ones, which is no address.
      if (on && !reachable && kind === 'memory')
        this.warn(`its registers at 0x${base.toString(16)} lie in memory`);
      const where = on && reachable ? base : null;
      if (where !== window.base) this.move(window, where);
    });
  }

  private move(window: PortWindow | MemoryWindow, base: number | null): void {
    const { ports, mmio } = this.board;
    if (!(window instanceof PortWindow)) mmio.move(window, base);
    else if (!ports.move(window, base))
      this.warn(`its ports at 0x${(base as number).toString(16)} are another device's: it waits for them`);
  }

  private show(): void {
    this.shown.set(this.config.bytes);
  }

  private setStatus(bits: number, on: boolean): void {
    this.config.setStatus(bits, on);
    this.shown[PCI_STATUS] = this.config.bytes[PCI_STATUS];
    this.shown[PCI_STATUS + 1] = this.config.bytes[PCI_STATUS + 1];
  }

  private fireDue(): void {
    const { clock } = this;
    if (this.firing) return;
    this.firing = true;
    try {
      for (let steps = 0; steps < DUE_LIMIT && clock.nextEventTime() <= clock.now(); steps++)
        clock.fireNext();
    } finally {
      this.firing = false;
    }
  }

  private failed(error: unknown): void {
    this.faults++;
    this.warn(`fault, kept from the guest: ${error instanceof Error ? error.stack : String(error)}`);
  }

  private makePorts(bar: number, size: number): V86Port[] {
    return Array.from({ length: size }, (_, offset) => ({
      read8: () => this.read(bar, offset, 1),
      read16: () => this.read(bar, offset, 2),
      read32: () => this.read(bar, offset, 4) | 0,
      write8: (value: number) => this.write(bar, offset, 1, value & 0xff),
      write16: (value: number) => this.write(bar, offset, 2, value & 0xffff),
      write32: (value: number) => this.write(bar, offset, 4, value >>> 0),
      device: this,
    }));
  }

  private makeMemoryWindow(bar: number, size: number): MemoryWindow {
    return {
      size,
      base: null,
      read: (offset, width) => this.read(bar, offset, width),
      write: (offset, width, value) => this.write(bar, offset, width, value),
    };
  }
}
