// The control/status registers: the SCB with its commands (6.3.2), PORT (6.3.3), the pins of the EEPROM (6.3.4), MDI
// (6.3.5), flow control and the status of the later chips. All fields can be accessed as bytes, words and double words.

import type { Width } from '../../bus/host.ts';
import { dumpStatistics, writeDump, writeSelfTest } from './actions.ts';
import { GENERATION } from './models.ts';
import type { I8255xParts } from './save.ts';
import {
  CSR,
  CUC,
  CUC_SHIFT,
  FLOW_COMMAND,
  FLOW_THRESHOLD_MASK,
  GENERAL_CONTROL_MASK,
  GENERAL_STATUS,
  HDS_MASK,
  MDI_CONTROL,
  MDI_OPCODE_SHIFT,
  MDI_PHY_SHIFT,
  MDI_READ,
  MDI_REGISTER_SHIFT,
  MDI_WRITE,
  PHY_ADDRESS,
  PORT,
  PORT_FUNCTION,
  RUC,
  RUC_MASK,
  RUS,
  SCB_CONTROL,
  STAT_ACK,
} from './sheet.ts';

const { I82558, I82559 } = GENERATION;
/** What the 82557 has of the control byte. */
const OLD_CONTROL = SCB_CONTROL.SI | SCB_CONTROL.M;
/** An absent PHY leaves the data line high. */
const NO_PHY = 0xffff;
/** Last byte of a register that acts when it is written: the low bytes may come before it, one by one. */
const PORT_LAST = CSR.PORT + 3;
const MDI_LAST = CSR.MDI_CONTROL + 3;

export class ControlStatus {
  private readonly parts: I8255xParts;
  /** Bytes of PORT, of which the last one acts. */
  port = 0;
  mdi = 0;
  flowThreshold = 0;
  generalControl = 0;

  constructor(parts: I8255xParts) {
    this.parts = parts;
  }

  /** RST#, a software reset, and what a self-test leaves behind. */
  reset(): void {
    const { core, eeprom, receiver, unit } = this.parts;
    this.stop();
    unit.forget();
    receiver.rfd = 0;
    this.port = 0;
    this.mdi = MDI_CONTROL.READY;
    this.flowThreshold = 0;
    this.generalControl = 0;
    // The 82558 and later take their address from the EEPROM, to be woken before a driver is there.
    core.addressKnown = core.since(I82558);
    for (let i = 0; i < 6; i++)
      core.address[i] = core.addressKnown ? eeprom.words[i >> 1] >> (8 * (i & 1)) : 0xff;
    core.reset();
    core.updateInterrupt();
  }

  /** Selective reset: the units stop and causes are cleared; configuration, addresses, statistics and masks stay. */
  stop(): void {
    const { core, unit, transmitter } = this.parts;
    unit.stop();
    transmitter.abort();
    core.ruState = RUS.IDLE;
    core.causes = 0;
  }

  read(offset: number, width: Width): number {
    if (width === 1) return this.readByte(offset);
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + this.readByte(offset + i);
    return value;
  }

  /** Stores the bytes, and lets those registers act whose last byte is written. */
  write(offset: number, width: Width, value: number): void {
    if (width === 1 && offset === CSR.SCB_COMMAND) {
      this.command(value);
      return;
    }
    if (offset < CSR.SCB_POINTER) {
      this.writeScb(offset, width, value);
      return;
    }
    for (let i = 0; i < width; i++) this.writeByte(offset + i, (value >>> (8 * i)) & 0xff);
  }

  /** The first double word of the SCB: masks count already for what the command beside them does. */
  private writeScb(offset: number, width: Width, value: number): void {
    // Bytes in front of `offset` are not written: zeros, which do nothing.
    const scb = value << (8 * offset);
    const end = offset + width;
    if (offset <= CSR.SCB_STAT_ACK && end > CSR.SCB_STAT_ACK) this.acknowledge((scb >>> 8) & 0xff);
    if (end > CSR.SCB_CONTROL) this.setControl(scb >>> 24);
    if (offset <= CSR.SCB_COMMAND && end > CSR.SCB_COMMAND) this.command((scb >>> 16) & 0xff);
    // An unaligned access that goes on behind: no bus makes one, but nothing is lost.
    for (let at = CSR.SCB_POINTER; at < end; at++) this.writeByte(at, (value >>> (8 * (at - offset))) & 0xff);
  }

  private readByte(offset: number): number {
    const { core, eeprom, transmitter } = this.parts;
    switch (offset) {
      case CSR.SCB_STATUS:
        return core.status;
      case CSR.SCB_STAT_ACK:
        return core.causes;
      case CSR.SCB_CONTROL:
        return core.control;
      case CSR.SCB_POINTER:
      case CSR.SCB_POINTER + 1:
      case CSR.SCB_POINTER + 2:
      case CSR.SCB_POINTER + 3:
        return (core.generalPointer >>> (8 * (offset - CSR.SCB_POINTER))) & 0xff;
      case CSR.EEPROM_CONTROL:
        return eeprom.read();
      case CSR.MDI_CONTROL:
      case CSR.MDI_CONTROL + 1:
      case CSR.MDI_CONTROL + 2:
      case MDI_LAST:
        return (this.mdi >>> (8 * (offset - CSR.MDI_CONTROL))) & 0xff;
      case CSR.EARLY_RECEIVE:
        return core.earlyReceive;
      case CSR.FLOW_THRESHOLD:
        return this.flowThreshold;
      case CSR.FLOW_COMMAND:
        return transmitter.pause.armed ? FLOW_COMMAND.PAUSED : 0;
      case CSR.GENERAL_CONTROL:
        return this.generalControl;
      case CSR.GENERAL_STATUS:
        return this.generalStatus();
      default:
        // SCB command: accepted. PORT, flash, receive DMA count, PMDR, CardBus: nothing to say.
        return 0;
    }
  }

  private writeByte(offset: number, value: number): void {
    const { core, eeprom, transmitter } = this.parts;
    switch (offset) {
      case CSR.SCB_POINTER:
      case CSR.SCB_POINTER + 1:
      case CSR.SCB_POINTER + 2:
      case CSR.SCB_POINTER + 3:
        core.generalPointer = withByte(core.generalPointer, offset - CSR.SCB_POINTER, value);
        return;
      case CSR.PORT:
      case CSR.PORT + 1:
      case CSR.PORT + 2:
      case PORT_LAST:
        this.port = withByte(this.port, offset - CSR.PORT, value);
        if (offset === PORT_LAST) this.portCommand();
        return;
      case CSR.EEPROM_CONTROL:
        eeprom.write(value);
        return;
      case CSR.MDI_CONTROL:
      case CSR.MDI_CONTROL + 1:
      case CSR.MDI_CONTROL + 2:
      case MDI_LAST:
        this.mdi = withByte(this.mdi, offset - CSR.MDI_CONTROL, value);
        if (offset === MDI_LAST) this.mdiCommand();
        return;
    }
    if (!core.since(I82558)) return;
    switch (offset) {
      case CSR.EARLY_RECEIVE:
        core.earlyReceive = value;
        return;
      case CSR.FLOW_THRESHOLD:
        this.flowThreshold = value & FLOW_THRESHOLD_MASK;
        return;
      case CSR.FLOW_COMMAND:
        if ((value & FLOW_COMMAND.XON) !== 0) transmitter.sendPause(0);
        else if ((value & FLOW_COMMAND.XOFF) !== 0) transmitter.sendPause(transmitter.configuredPause);
        return;
      case CSR.GENERAL_CONTROL:
        if (core.since(I82559)) this.generalControl = value & GENERAL_CONTROL_MASK;
    }
  }

  private generalStatus(): number {
    const { core } = this.parts;
    if (!core.since(I82559)) return 0;
    const { up, bitsPerSecond, fullDuplex } = core.phy.link;
    if (!up) return 0;
    const speed = bitsPerSecond === 100_000_000 ? GENERAL_STATUS.SPEED_100 : 0;
    return GENERAL_STATUS.LINK | speed | (fullDuplex ? GENERAL_STATUS.FULL_DUPLEX : 0);
  }

  private acknowledge(bits: number): void {
    const { core } = this.parts;
    core.causes &= ~bits;
    core.updateInterrupt();
  }

  private setControl(value: number): void {
    const { core } = this.parts;
    const kept = core.since(I82558) ? value : value & OLD_CONTROL;
    core.control = kept & ~SCB_CONTROL.SI;
    if ((kept & SCB_CONTROL.SI) !== 0) core.causes |= STAT_ACK.SWI;
    core.updateInterrupt();
  }

  /** The command byte: accepted at once, and the RU's part first (6.5.1). */
  private command(value: number): void {
    const { core } = this.parts;
    const receive = value & RUC_MASK;
    const command = value >>> CUC_SHIFT;
    if (receive !== RUC.NOP && !this.receiveCommand(receive)) this.ignored(`RU command ${receive}`);
    if (command !== CUC.NOP && !this.unitCommand(command)) this.ignored(`CU command ${command}`);
    core.updateInterrupt();
  }

  private ignored(what: string): void {
    const { core } = this.parts;
    core.counters.ignoredScbCommands++;
    core.host.warn(`${core.model}: ${what} means nothing, or nothing in this state`);
  }

  private receiveCommand(command: number): boolean {
    const { core, receiver } = this.parts;
    switch (command) {
      case RUC.START:
        receiver.start(core.generalPointer);
        return true;
      case RUC.RESUME:
        return receiver.resume();
      case RUC.ABORT:
        receiver.abort();
        return true;
      case RUC.LOAD_HDS:
        core.headerBytes = core.generalPointer & HDS_MASK;
        return true;
      case RUC.LOAD_BASE:
        core.ruBase = core.generalPointer;
        return true;
      default:
        return false;
    }
  }

  private unitCommand(command: number): boolean {
    const { core, unit } = this.parts;
    switch (command) {
      case CUC.START:
        unit.start(core.generalPointer);
        return true;
      case CUC.RESUME:
        return unit.resume(false);
      case CUC.STATIC_RESUME:
        return core.since(I82558) && unit.resume(true);
      case CUC.LOAD_DUMP_ADDRESS:
        core.dumpAddress = core.generalPointer;
        return true;
      case CUC.DUMP_STATISTICS:
      case CUC.DUMP_RESET_STATISTICS:
        if (!dumpStatistics(core, command === CUC.DUMP_RESET_STATISTICS)) core.busFault();
        return true;
      case CUC.LOAD_BASE:
        core.cuBase = core.generalPointer;
        return true;
      default:
        return false;
    }
  }

  private portCommand(): void {
    const { core } = this.parts;
    const { port } = this;
    const address = (port & ~PORT_FUNCTION) >>> 0;
    switch (port & PORT_FUNCTION) {
      case PORT.SOFTWARE_RESET:
        this.reset();
        return;
      case PORT.SELF_TEST:
        if (!writeSelfTest(core, address)) core.busFault();
        this.reset();
        return;
      case PORT.SELECTIVE_RESET:
        this.stop();
        core.updateInterrupt();
        return;
      case PORT.DUMP:
        if (!writeDump(core, address)) core.busFault();
        return;
      default:
        this.ignored(`PORT function ${port & PORT_FUNCTION}`);
    }
  }

  /** A management frame takes no time here: READY is set when the write returns. */
  private mdiCommand(): void {
    const { core } = this.parts;
    const { mdi } = this;
    const { phy } = core;
    const present = (mdi & MDI_CONTROL.PHYADD) >>> MDI_PHY_SHIFT === PHY_ADDRESS;
    const register = (mdi & MDI_CONTROL.REGADD) >>> MDI_REGISTER_SHIFT;
    const opcode = (mdi & MDI_CONTROL.OPCODE) >>> MDI_OPCODE_SHIFT;
    let data = mdi & MDI_CONTROL.DATA;
    if (opcode === MDI_WRITE) {
      if (present) phy.writeRegister(register, data);
    } else if (opcode === MDI_READ) data = present ? phy.readRegister(register) : NO_PHY;
    else this.ignored(`MDI opcode ${opcode}`);
    this.mdi = ((mdi & ~MDI_CONTROL.DATA) | MDI_CONTROL.READY | data) >>> 0;
    if ((mdi & MDI_CONTROL.IE) === 0) return;
    core.causes |= STAT_ACK.MDI;
    core.updateInterrupt();
  }
}

/** A word with its byte `index` replaced. */
function withByte(word: number, index: number, value: number): number {
  const shift = 8 * index;
  return ((word & ~(0xff << shift)) | (value << shift)) >>> 0;
}
