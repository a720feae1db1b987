// A chip model as a PCI function of a machine's bus: configuration space, decode enables, bus mastering, the INTx pin, and
// the state of all that.

import type { IrqLine } from '../kernel/irq.ts';
import type { Machine } from '../kernel/machine.ts';
import { type ChipState, type DeviceHost, Dma, type PciChip, type StateObject, type Width } from './host.ts';
import type { PciFunction } from './pci.ts';
import {
  COMMAND_INTX_DISABLE,
  COMMAND_IO,
  COMMAND_MASTER,
  COMMAND_MEMORY,
  PciConfig,
  STATUS_INTERRUPT,
  STATUS_RECEIVED_MASTER_ABORT,
} from './pci-config.ts';
import { StateReader } from './state.ts';

export class LocalFunction implements PciFunction, DeviceHost {
  readonly clock;
  readonly dma: Dma;
  private readonly machine: Machine;
  private readonly name: string;
  private readonly line: IrqLine;
  private readonly config: PciConfig;
  private readonly chip: PciChip;
  /** Of each base address register: bytes, and the bit of the command register that lets it answer. */
  private readonly sizes: readonly number[];
  private readonly enables: readonly number[];
  private readonly warned = new Set<string>();
  /** The command register: it is asked at every access. */
  private command = 0;
  private wanted = false;
  private driven = false;
  /** A state is being taken up: the pin stays as it is until all of it is there. */
  private restoring = false;

  constructor(machine: Machine, name: string, line: IrqLine, makeChip: (host: DeviceHost) => PciChip) {
    this.machine = machine;
    this.name = name;
    this.line = line;
    this.clock = machine.clock;
    this.dma = new Dma(machine.memory);
    this.chip = makeChip(this);
    const { bars } = this.chip.identity;
    this.sizes = bars.map(({ size }) => size);
    this.enables = bars.map(({ kind }) => (kind === 'io' ? COMMAND_IO : COMMAND_MEMORY));
    this.config = new PciConfig(this.chip.identity);
    this.config.onCommand = (command) => {
      this.command = command;
      this.dma.enabled = (command & COMMAND_MASTER) !== 0;
      this.drive();
    };
    this.dma.onMasterAbort = () => this.config.setStatus(STATUS_RECEIVED_MASTER_ABORT, true);
  }

  setInterrupt(asserted: boolean): void {
    if (asserted === this.wanted) return;
    this.wanted = asserted;
    this.drive();
  }

  warn(message: string): void {
    if (this.warned.has(message)) return;
    this.warned.add(message);
    this.machine.log(`${this.name}: ${message}`);
  }

  readConfig(offset: number, width: Width): number {
    return this.config.read(offset, width);
  }

  writeConfig(offset: number, width: Width, value: number): void {
    this.config.write(offset, width, value);
  }

  readBar(bar: number, offset: number, width: Width): number {
    if (!this.decodes(bar, offset, width)) return (2 ** (8 * width) - 1) >>> 0;
    return this.chip.readBar(bar, offset, width);
  }

  writeBar(bar: number, offset: number, width: Width, value: number): void {
    if (this.decodes(bar, offset, width)) this.chip.writeBar(bar, offset, width, value);
  }

  save(): StateObject {
    return { config: this.config.save(), chip: this.chip.save() };
  }

  restore(state: StateObject): void {
    const reader = new StateReader(state, `state of ${this.name}`);
    const config = this.config.check(reader.rest('config'));
    const chip = reader.rest('chip') as ChipState;
    reader.end();
    this.restoring = true;
    try {
      // The chip looks at its part before it changes anything, and the other part has been looked at.
      this.chip.restore(chip);
      this.config.restore(config);
    } finally {
      this.restoring = false;
    }
    this.drive();
  }

  private decodes(bar: number, offset: number, width: Width): boolean {
    if (offset < 0 || !(offset + width <= this.sizes[bar])) return false;
    return (this.command & this.enables[bar]) !== 0;
  }

  /** The pin, if there is one, follows the chip unless the command register disables INTx. */
  private drive(): void {
    if (this.restoring) return;
    this.config.setStatus(STATUS_INTERRUPT, this.wanted);
    const drive = this.wanted && (this.config.command & COMMAND_INTX_DISABLE) === 0;
    if (drive === this.driven || this.chip.identity.interruptPin === 0) return;
    this.driven = drive;
    this.line.setLevel(drive);
  }
}
