// What the parts of the PCnet model share: the state behind the registers, the interrupt, the two ring positions and
// what happens when the bus does not answer. Data sheets 19436 and 21510.

import type { DeviceHost, Dma, DmaMemory } from '../../bus/host.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Medium } from '../../wire/medium.ts';
import type { Phy } from '../phy/model.ts';
import { PcnetCounters } from './counters.ts';
import { addressWord, descriptorBytes, extraWord, RMD1, type SoftwareStyle } from './ring.ts';
import { BCR, BCR9, CSR, CSR0, CSR4, CSR5, CSR15, CSR58, CSR124 } from './sheet.ts';

export type PcnetVariant = 'Am79C970A' | 'Am79C973';

/** CSR0 causes that can interrupt; CERR cannot. Their masks are the same bits of CSR3. */
const { TXON, INTR, IENA, STOP } = CSR0;
const { UINT } = CSR4;
const { SPND } = CSR5;
const CSR0_INTERRUPTS = CSR0.BABL | CSR0.MISS | CSR0.MERR | CSR0.RINT | CSR0.TINT | CSR0.IDON;
/** CSR4 causes with a mask one bit below that disables. */
const CSR4_INTERRUPTS = CSR4.MFCO | CSR4.RCVCCO | CSR4.TXSTRT | CSR4.JAB;
/** What STOP clears in CSR4. */
const CSR4_STOP = CSR4_INTERRUPTS | CSR4.UINT | CSR4.UINTCMD;
/** CSR5 causes with an enable one bit below. */
const CSR5_INTERRUPTS = CSR5.SINT | CSR5.SLPINT | CSR5.EXDINT | CSR5.MPINT;
/** CSR7 causes with an enable one bit below. */
const CSR7_INTERRUPTS = 0x0aaa;

/** What it means for the transmitter when the frame that was sent has left. */
export const ENDING = {
  /** The medium's word is written to the descriptor. */
  EXPECTED: 0,
  /** STOP came in between: nobody waits for a status, the frame is counted. */
  ABANDONED: 1,
  /** Restored, and no medium has it from this object: as EXPECTED, if need be by a timer. */
  UNSEEN: 2,
  /** Restored, and the medium is busy with another one: that one's end is the end, and this one was sent. */
  REPLACED: 3,
  /** Sent before a restore, of no state: the medium is busy, that is all. */
  FORGOTTEN: 4,
} as const;

/** Where the chip is in a ring. */
export class RingPosition {
  /** Physical address of descriptor 0. */
  base = 0;
  /** Descriptors, 1 to 65536. */
  length = 65536;
  index = 0;

  advance(): void {
    this.index = this.index + 1 === this.length ? 0 : this.index + 1;
  }

  /** Index of the descriptor `ahead` (0 to 2) of the current one, or one before it (-1). */
  at(ahead: number): number {
    return (this.index + ahead + this.length) % this.length;
  }

  /** From a length register: the two's complement of the length, so that 0 is 65536. */
  setLength(register: number): void {
    this.length = 0x10000 - (register & 0xffff);
    this.index = 0;
  }

  /** The counter register: the length register's value at descriptor 0, counting up from there. */
  get counter(): number {
    return (this.index - this.length) & 0xffff;
  }

  /** Zero, one past the last value, stands for the last descriptor. */
  set counter(value: number) {
    const index = (value + this.length) & 0xffff;
    this.index = index < this.length ? index : this.length - 1;
  }
}

export class Core {
  readonly host: DeviceHost;
  readonly clock: Clock;
  readonly dma: Dma;
  readonly memory: DmaMemory;
  readonly medium: Medium;
  readonly variant: PcnetVariant;
  /** Am79C973: 100 Mb/s, internal PHY. */
  readonly fast: boolean;
  readonly phy: Phy | null;
  readonly counters = new PcnetCounters();

  /** Causes and state; ERR is computed on reading, TDMD is never kept. */
  csr0: number = STOP;
  csr3 = 0;
  csr4 = 0x0115;
  csr5 = 0;
  csr7 = 0;
  csr15 = 0;
  /** Registers without behaviour of their own, and the filter, address and counters. */
  readonly csr = new Uint16Array(128);
  readonly bcr = new Uint16Array(64);

  readonly rx = new RingPosition();
  readonly tx = new RingPosition();

  // What follows is derived from the registers by `derive`, so that a frame need not look at them.

  style: SoftwareStyle = 0;
  descriptorBytes = 8;
  /** Words of the descriptor: status, buffer address, RMD2 or TMD2. */
  statusWord = 0;
  addressWord = 0;
  extraWord = 1;
  /** Upper byte of every address in style 0: IADR 31 to 24. */
  addressHigh = 0;
  /** Frames from the medium are looked at: receiver on, link up, no internal loopback, no Magic Packet mode. */
  rxOpen = false;
  /** Frames shorter than 64 bytes are received. */
  runtsAccepted = false;
  /** Station address as the words of a frame hold it; stationLow is -1 when nothing can match. */
  stationLow = -1;
  stationHigh = 0;
  fullDuplex = false;
  linkUp = false;

  /** A frame is with the medium. Kept by the transmitter. */
  sending = false;
  /** What its end will mean: see ENDING. */
  ending: number = ENDING.EXPECTED;
  /** Called when the chip stopped, so that the transmitter lets go of its frame. */
  onStop: () => void = () => {};

  private line = false;

  constructor(host: DeviceHost, medium: Medium, variant: PcnetVariant, phy: Phy | null) {
    this.host = host;
    this.clock = host.clock;
    this.dma = host.dma;
    this.memory = host.dma.memory;
    this.medium = medium;
    this.variant = variant;
    this.fast = variant === 'Am79C973';
    this.phy = phy;
  }

  /** SPND reads as one: nothing is under way any more. */
  get suspended(): boolean {
    return (this.csr5 & SPND) !== 0 && (!this.sending || this.ending === ENDING.FORGOTTEN);
  }

  /** Registers that set up rings and filters may be written. */
  get writable(): boolean {
    return (this.csr0 & STOP) !== 0 || this.suspended;
  }

  get loopback(): boolean {
    return (this.csr15 & CSR15.LOOP) !== 0;
  }

  get internalLoopback(): boolean {
    return (this.csr15 & (CSR15.LOOP | CSR15.INTL)) === (CSR15.LOOP | CSR15.INTL);
  }

  get magicPacketMode(): boolean {
    return (this.csr5 & (CSR5.MPEN | CSR5.MPMODE)) === (CSR5.MPEN | CSR5.MPMODE);
  }

  /** The transmitter may begin a frame. */
  get mayTransmit(): boolean {
    return (this.csr0 & TXON) !== 0 && (this.csr5 & SPND) === 0;
  }

  /** Brings the derived fields up to date. After every change of a register, the link or the medium. */
  derive(): void {
    const swstyle = this.csr[CSR.SWS] & CSR58.SWSTYLE;
    // Style 1 (ILACC) and the undefined ones are taken for style 2, the closest.
    this.style = swstyle === 0 ? 0 : swstyle === 3 ? 3 : 2;
    this.descriptorBytes = descriptorBytes(this.style);
    this.statusWord = this.style === 0 ? 0 : 1;
    this.addressWord = addressWord(this.style);
    this.extraWord = this.style === 0 ? 1 : extraWord(this.style);
    this.addressHigh = this.style === 0 ? (this.csr[CSR.IADR_HIGH] & 0xff00) * 0x10000 : 0;

    const { phy, medium } = this;
    this.linkUp = phy === null ? medium.carrier : phy.link.up && !phy.silent;
    this.fullDuplex = (this.bcr[BCR.FDC] & BCR9.FDEN) !== 0 || (phy?.link.fullDuplex ?? false);
    const runtsInFullDuplex = this.fullDuplex && (this.bcr[BCR.FDC] & BCR9.FDRPAD) === 0;
    this.runtsAccepted = (this.csr[CSR.TEST] & CSR124.RPA) !== 0 || runtsInFullDuplex;
    this.rxOpen =
      (this.csr0 & CSR0.RXON) !== 0 &&
      (this.csr5 & SPND) === 0 &&
      this.linkUp &&
      !this.internalLoopback &&
      !this.magicPacketMode;
    const padr = CSR.PADR;
    const group = (this.csr[padr] & 1) !== 0;
    this.stationLow = group || (this.csr15 & CSR15.DRCVPA) !== 0 ? -1 : this.csr[padr];
    this.stationHigh = (this.csr[padr + 1] | (this.csr[padr + 2] << 16)) >>> 0;
  }

  /** Computes INTR and drives the interrupt line; the driver may run in here. */
  updateInterrupt(): void {
    const { csr4, csr5, csr7 } = this;
    const pending =
      (this.csr0 & ~this.csr3 & CSR0_INTERRUPTS) |
      (csr4 & ~(csr4 << 1) & CSR4_INTERRUPTS) |
      (csr4 & UINT) |
      (csr5 & (csr5 << 1) & CSR5_INTERRUPTS) |
      (csr7 & (csr7 << 1) & CSR7_INTERRUPTS);
    if (pending !== 0) this.csr0 |= INTR;
    else this.csr0 &= ~INTR;
    const line = (this.csr0 & (INTR | IENA)) === (INTR | IENA);
    if (line === this.line) return;
    this.line = line;
    this.host.setInterrupt(line);
  }

  /** Sets a CSR0 cause. One that is set already changes nothing, which is what happens in a burst. */
  raise(cause: number): void {
    if ((this.csr0 & cause) !== 0) return;
    this.csr0 |= cause;
    this.updateInterrupt();
  }

  /** STOP, by the host or by the chip itself: what the sheets call STOP_RESET. */
  stop(): void {
    this.csr0 = STOP;
    this.csr4 &= ~CSR4_STOP;
    this.csr5 &= ~(SPND | CSR5.EXDINT | CSR5.MPINT | CSR5.MPMODE);
    this.csr7 &= ~CSR7_INTERRUPTS;
    this.csr[CSR.MFC] = 0;
    this.csr[CSR.RCC] = 0;
    this.onStop();
    this.derive();
    this.updateInterrupt();
  }

  /** Physical address of a descriptor. */
  descriptorAddress(ring: RingPosition, index: number): number {
    return ring.base + index * this.descriptorBytes;
  }

  /** The chip may master the bus and memory answers at these bytes. A negative answer is not yet an error. */
  reaches(address: number, length: number): boolean {
    return this.dma.enabled && this.dma.answers(address, length);
  }

  /**
   * An access failed. Without bus mastering REQ# is never granted: MERR, and the chip tries again at the next occasion.
   * With it, nobody claimed the address: a master abort sets SINT and stops the chip ("Master Abort").
   */
  busFault(): void {
    this.counters.busFaults++;
    this.dma.masterAborts++;
    if (!this.dma.enabled) {
      this.raise(CSR0.MERR);
      return;
    }
    this.dma.onMasterAbort();
    this.csr5 |= CSR5.SINT;
    this.stop();
  }

  /** A 16-bit event counter that sets a cause of CSR4 when it wraps. The caller updates the interrupt. */
  count(register: number, overflow: number): void {
    this.csr[register]++;
    if (this.csr[register] === 0) this.csr4 |= overflow;
  }

  /** Buffer address in a descriptor whose first word is at word `at` of memory. */
  bufferAddress(at: number): number {
    const { u32 } = this.memory;
    return this.style === 0 ? (u32[at] & 0x00ffffff) + this.addressHigh : u32[at + this.addressWord];
  }

  /** Buffer length in a descriptor, 1 to 4096. */
  bufferBytes(at: number): number {
    const { u32 } = this.memory;
    return 4096 - (u32[at + (this.style === 0 ? this.extraWord : this.statusWord)] & RMD1.BCNT);
  }
}
