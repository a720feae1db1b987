// What the parts of the 8255x model share: the state behind the SCB, the configuration with what follows from it, the
// chip's statistics, the interrupt, and what happens when the bus does not answer.

import type { DeviceHost, Dma, DmaMemory } from '../../bus/host.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Medium } from '../../wire/medium.ts';
import type { Phy } from '../phy/model.ts';
import {
  CONFIG,
  CONFIG_BYTES,
  type ConfigBit,
  DEFAULT_CONFIG,
  LOOPBACK,
  LOOPBACK_BYTE,
  LOOPBACK_SHIFT,
} from './config.ts';
import { I8255xCounters } from './counters.ts';
import { GENERATION, type I8255xModel, MODELS, type ModelTraits } from './models.ts';
import { CUS, CUS_SHIFT, RUS, RUS_SHIFT, SCB_CONTROL, STAT_ACK, STATISTICS } from './sheet.ts';

/** Causes whose mask is the same bit of the control byte; ER and FCP are two lower than theirs. */
const SAME_BIT = 0xf0;
const LATE_CAUSES = STAT_ACK.ER | STAT_ACK.FCP;
/** Causes with a mask of their own. */
const MASKABLE = SAME_BIT | LATE_CAUSES;
const { M } = SCB_CONTROL;

export class Core {
  readonly host: DeviceHost;
  readonly clock: Clock;
  readonly dma: Dma;
  readonly memory: DmaMemory;
  readonly medium: Medium;
  readonly model: I8255xModel;
  readonly traits: ModelTraits;
  readonly phy: Phy;
  readonly counters = new I8255xCounters();

  /** STAT/ACK. */
  causes = 0;
  /** Interrupt control byte without SI. */
  control = 0;
  generalPointer = 0;
  cuState: number = CUS.IDLE;
  ruState: number = RUS.IDLE;
  cuBase = 0;
  ruBase = 0;
  /** Where statistics are dumped. */
  dumpAddress = 0;
  /** Header data size; 0 until it is loaded. */
  headerBytes = 0;
  /** EARLY_RECEIVE. */
  earlyReceive = 0;
  readonly config = new Uint8Array(CONFIG_BYTES);
  /** Individual address; `addressKnown` is false until there is one. */
  readonly address = new Uint8Array(6);
  addressKnown = false;
  /** The multicast hash table. */
  hashLow = 0;
  hashHigh = 0;
  readonly statistics = new Uint32Array(STATISTICS);

  // What follows is derived from the configuration, the PHY and the medium by `derive`, so that a frame need not look.

  loopback: number = LOOPBACK.NONE;
  promiscuous = false;
  broadcast = false;
  multicastAll = false;
  multiIa = false;
  saveBad = false;
  discardShort = false;
  longOk = false;
  stripping = false;
  transferCrc = false;
  padding = false;
  insertSource = false;
  ciOnly = false;
  tnoInterrupt = false;
  extendedTcb = false;
  dynamicTbd = false;
  twoFrames = false;
  extendedRfd = false;
  vlanStrip = false;
  checksum = false;
  /** Received frames go to memory as they are: nothing is cut off or put behind. */
  storesPlainly = true;
  rejectFlowControl = false;
  /** Pause frames stop the transmitter. */
  obeysPause = false;
  /** MAC control frames are looked at. */
  seesControl = false;
  fullDuplex = false;
  linkUp = false;
  /** Individual address as the words of a frame hold it; -1 when nothing can match. The mask leaves U/L out if told to. */
  stationLow = -1;
  stationHigh = 0;
  stationMask = 0xffff;

  private line = false;

  constructor(host: DeviceHost, medium: Medium, model: I8255xModel, phy: Phy) {
    this.host = host;
    this.clock = host.clock;
    this.dma = host.dma;
    this.memory = host.dma.memory;
    this.medium = medium;
    this.model = model;
    this.traits = MODELS[model];
    this.phy = phy;
  }

  /** The chip is of this generation or a later one. */
  since(generation: number): boolean {
    return this.traits.generation >= generation;
  }

  /** The SCB status byte. */
  get status(): number {
    return (this.cuState << CUS_SHIFT) | (this.ruState << RUS_SHIFT);
  }

  /** Registers and configuration as after RST# or a software reset; the units have been stopped. */
  reset(): void {
    this.control = 0;
    this.generalPointer = 0;
    this.cuBase = 0;
    this.ruBase = 0;
    this.dumpAddress = 0;
    this.headerBytes = 0;
    this.earlyReceive = 0;
    this.config.fill(0);
    this.config.set(DEFAULT_CONFIG);
    this.hashLow = 0;
    this.hashHigh = 0;
    this.statistics.fill(0);
    this.derive();
  }

  /** Brings the derived fields up to date: after every change of configuration, address, link or medium. */
  derive(): void {
    const { phy } = this;
    const from558 = this.since(GENERATION.I82558);
    const from559 = this.since(GENERATION.I82559);
    const from550 = this.since(GENERATION.I82550);
    this.loopback = this.config[LOOPBACK_BYTE] >> LOOPBACK_SHIFT;
    this.promiscuous = this.on(CONFIG.PROMISCUOUS);
    this.broadcast = !this.on(CONFIG.BROADCAST_DISABLE);
    this.multicastAll = this.on(CONFIG.MULTICAST_ALL);
    this.multiIa = this.on(CONFIG.MULTI_IA);
    this.saveBad = this.on(CONFIG.SAVE_BAD);
    this.discardShort = this.on(CONFIG.DISCARD_SHORT);
    this.longOk = from558 && this.on(CONFIG.LONG_OK);
    this.stripping = this.on(CONFIG.STRIPPING);
    this.transferCrc = this.on(CONFIG.TRANSFER_CRC);
    this.padding = this.on(CONFIG.PADDING);
    this.insertSource = !this.on(CONFIG.NSAI);
    this.ciOnly = this.on(CONFIG.CI);
    this.tnoInterrupt = !from559 && this.on(CONFIG.TNO_OR_TCO);
    this.extendedTcb = from558 && !this.on(CONFIG.STANDARD_TCB);
    this.dynamicTbd = from558 && this.on(CONFIG.DYNAMIC_TBD);
    this.twoFrames = from558 && this.on(CONFIG.TWO_FRAMES);
    this.extendedRfd = from550 && this.on(CONFIG.EXTENDED_RFD);
    this.vlanStrip = this.extendedRfd && this.on(CONFIG.VLAN_STRIP);
    // The 82550's own receive mode has the checksum among its parser's results instead.
    this.checksum = from559 && this.on(CONFIG.RX_CHECKSUM) && !(from550 && this.on(CONFIG.GAMLA));
    this.storesPlainly = !(this.extendedRfd || this.stripping || this.transferCrc || this.checksum);
    this.rejectFlowControl = from558 && this.on(CONFIG.REJECT_FC);
    this.obeysPause = from558 && !this.on(CONFIG.FC_DISABLE);
    this.seesControl = this.obeysPause || this.rejectFlowControl;
    this.fullDuplex = this.on(CONFIG.FORCE_FDX) || (this.on(CONFIG.FDX_PIN) && phy.link.fullDuplex);
    this.linkUp = phy.link.up && !phy.silent;
    this.stationMask = from558 && this.on(CONFIG.IGNORE_UL) ? 0xfffd : 0xffff;
    const { address } = this;
    const low = (address[0] | (address[1] << 8)) & this.stationMask;
    this.stationLow = this.addressKnown ? low : -1;
    this.stationHigh = (address[2] | (address[3] << 8) | (address[4] << 16) | (address[5] << 24)) >>> 0;
  }

  /** Statistics that a dump writes, completion word aside: 16, 19 or 20 (6.3.2.4). */
  get dumpedStatistics(): number {
    if (this.since(GENERATION.I82559) && this.on(CONFIG.TNO_OR_TCO)) return 20;
    if (this.since(GENERATION.I82558) && !this.on(CONFIG.STANDARD_STATISTICS)) return 19;
    return 16;
  }

  /** Drives the interrupt line from causes and masks; the driver may run in here. */
  updateInterrupt(): void {
    const { control } = this;
    const masked = (control & SAME_BIT) | ((control >> 2) & LATE_CAUSES);
    const line = (control & M) === 0 && (this.causes & ~(masked & MASKABLE)) !== 0;
    if (line === this.line) return;
    this.line = line;
    this.host.setInterrupt(line);
  }

  /** The chip may master the bus and memory answers at these bytes. A negative answer is not yet an error. */
  reaches(address: number, length: number): boolean {
    return this.dma.enabled && this.dma.answers(address, length);
  }

  /** A word in memory for which `reaches` has answered. */
  read16(address: number): number {
    const { u8 } = this.memory;
    return u8[address] | (u8[address + 1] << 8);
  }

  read32(address: number): number {
    if ((address & 3) === 0) return this.memory.u32[address >>> 2];
    return (this.read16(address) | (this.read16(address + 2) << 16)) >>> 0;
  }

  /** The same for writing; whoever calls tells `dma.wrote`. */
  write16(address: number, value: number): void {
    const { u8, u16 } = this.memory;
    if ((address & 1) === 0) u16[address >>> 1] = value;
    else {
      u8[address] = value;
      u8[address + 1] = value >>> 8;
    }
  }

  /**
   * An access failed: bus mastering is off, or nobody claimed the address. The manual says nothing of what follows; the
   * unit concerned becomes idle, which a driver can see in the SCB, and the rest of the chip goes on.
   */
  busFault(): void {
    this.counters.busFaults++;
    this.dma.masterAborts++;
    if (this.dma.enabled) this.dma.onMasterAbort();
  }

  private on({ byte, bit }: ConfigBit): boolean {
    return (this.config[byte] & bit) !== 0;
  }
}
