// Intel 82557, 82558, 82559, 82559ER, 82550 and 82551: Ethernet controllers behind PCI that master the bus. After Intel's
// "8255x 10/100 Mbps Ethernet Controller Family Open Source Software Developer Manual", revision 1.3, January 2006.
// This file is the chip's outside: PCI identity, the control/status registers, resets, the plug to the medium. Inside:
// command-unit.ts, actions.ts and tx-block.ts what the driver's lists say, transmit.ts and receive.ts the frames, core.ts
// their state. What is left out is listed in README.md.

import type { ChipState, DeviceHost, PciChip, PciIdentity, Width } from '../../bus/host.ts';
import type { Frame } from '../../wire/frame.ts';
import type { Medium, Station } from '../../wire/medium.ts';
import { Phy } from '../phy/model.ts';
import { CommandUnit } from './command-unit.ts';
import { Core } from './core.ts';
import type { I8255xCounters } from './counters.ts';
import { ControlStatus } from './csr.ts';
import { Eeprom, eepromWords } from './eeprom.ts';
import { eepromSizes, GENERATION, type I8255xModel, identityOf, MODELS, registerBytes } from './models.ts';
import { Receiver } from './receive.ts';
import { type I8255xParts, restoreI8255x, saveI8255x } from './save.ts';
import { Transmitter } from './transmit.ts';

export type { I8255xModel } from './models.ts';

export interface I8255xOptions {
  model: I8255xModel;
  /** Six octets, as the EEPROM holds them. */
  mac: ArrayLike<number>;
  /** Time the PHY takes to negotiate, in ns; its own default when left out. */
  negotiationNs?: number;
  /** Size of the EEPROM: 64, or 256 from the 82559 on. Default 64. */
  eepromWords?: number;
}

const MEMORY_BAR = 0;
const IO_BAR = 1;

export class I8255x implements PciChip, Station {
  readonly identity: PciIdentity;
  readonly counters: I8255xCounters;
  readonly phy: Phy;
  private readonly core: Core;
  private readonly eeprom: Eeprom;
  private readonly receiver: Receiver;
  private readonly transmitter: Transmitter;
  private readonly unit: CommandUnit;
  private readonly registers: ControlStatus;
  private readonly registerBytes: number;

  /** Throws a RangeError for a model, an address or a size of EEPROM that cannot be. */
  constructor(host: DeviceHost, medium: Medium, options: I8255xOptions) {
    const { model, mac, negotiationNs } = options;
    const words = checkOptions(options);
    const traits = MODELS[model];
    this.identity = identityOf(traits);
    this.registerBytes = registerBytes(traits);
    // Drivers write on right behind a reset: it is over within the 25.6 us that a management frame takes at least.
    const phyOptions = { id1: traits.phyId1, id2: traits.phyId2, negotiationNs, resetNs: 0 };
    this.phy = new Phy(host.clock, medium, phyOptions);
    this.core = new Core(host, medium, model, this.phy);
    this.counters = this.core.counters;
    const controllerType = traits.generation === GENERATION.I82557 ? 1 : 2;
    this.eeprom = new Eeprom(eepromWords(words, mac, controllerType, traits.subsystemId));
    this.receiver = new Receiver(this.core);
    this.transmitter = new Transmitter(this.core, this.receiver);
    this.unit = new CommandUnit(this.core, this.transmitter);
    this.registers = new ControlStatus(this.parts);
    this.phy.onLinkChange = () => this.linkChanged();
    this.registers.reset();
    medium.attach(this);
  }

  /** RST#. */
  reset(): void {
    this.phy.reset();
    this.eeprom.write(0);
    this.registers.reset();
  }

  save(): ChipState {
    return saveI8255x(this.parts, this.registers);
  }

  restore(state: ChipState): void {
    restoreI8255x(this.parts, this.registers, state);
    this.core.updateInterrupt();
  }

  /** BAR0 (memory) and BAR1 (I/O) lead to the same registers. BAR2 of the 82557 is flash, and none is there. */
  readBar(bar: number, offset: number, width: Width): number {
    if (this.decodes(bar, offset, width)) return this.registers.read(offset, width);
    if (bar === MEMORY_BAR || bar === IO_BAR) this.warn('read', offset, width);
    return width === 4 ? 0xffffffff : width === 2 ? 0xffff : 0xff;
  }

  writeBar(bar: number, offset: number, width: Width, value: number): void {
    if (this.decodes(bar, offset, width)) this.registers.write(offset, width, value);
    else this.warn('write', offset, width);
  }

  /** Station: a frame arrived. */
  receive(frame: Frame): void {
    this.receiver.receive(frame);
    this.core.medium.pool.put(frame);
  }

  /** Station: the frame that was sent has left. */
  transmitted(status: number): void {
    this.transmitter.transmitted(status);
  }

  /** Station: look at the medium again. */
  carrierChanged(): void {
    this.phy.carrierChanged();
    this.linkChanged();
  }

  private get parts(): I8255xParts {
    const { core, eeprom, receiver, transmitter, unit } = this;
    return { core, eeprom, receiver, transmitter, unit };
  }

  private linkChanged(): void {
    this.core.derive();
  }

  private decodes(bar: number, offset: number, width: Width): boolean {
    return (bar === MEMORY_BAR || bar === IO_BAR) && offset >= 0 && offset + width <= this.registerBytes;
  }

  private warn(what: string, offset: number, width: Width): void {
    this.core.host.warn(
      `${this.core.model}: ${width}-byte ${what} at 0x${offset.toString(16)}: no register is there`,
    );
  }
}

/** Words of EEPROM. */
function checkOptions({ model, mac, eepromWords: words = 64 }: I8255xOptions): number {
  if (!Object.hasOwn(MODELS, model))
    throw new RangeError(`8255x model "${model}": one of ${Object.keys(MODELS).join(', ')} would be right`);
  if (mac.length !== 6) throw new RangeError(`${model}: a MAC of ${mac.length} bytes: 6 would be right`);
  const sizes = eepromSizes(MODELS[model]);
  if (!sizes.includes(words))
    throw new RangeError(`${model}: an EEPROM of ${words} words: ${sizes.join(' or ')} would be right`);
  return words;
}
