// Access to the registers of a PCnet chip: CSRs and BCRs through the address port, in word or double word I/O mode, and
// the PHY behind BCR33 and BCR34. Data sheets 19436 and 21510, "I/O Resources" and "User Accessible Registers".
//
//           word        double word           RAP selects; RDP reads and writes the CSR it points to, BDP the BCR.
//   10      RDP  16     RDP  32               Two accesses make one: an interrupt in between would move RAP away under
//   12/14   RAP  16     RAP  32               the interrupted code. So every method here is called with the adapter's
//   14/18   RESET       RESET                 lock held and interrupts off.
//   16/1C   BDP  16     BDP  32

import type { Registers } from '../../bus/registers.ts';
import {
  BCR,
  BCR33_PHYAD_SHIFT,
  CSR,
  CSR0,
  DWIO,
  INTERNAL_PHY_ADDRESS,
  WIO,
} from '../../chips/pcnet/sheet.ts';

/** What a read of 16 bits gives when nobody answers: the card was pulled out. No CSR0 can read so: STOP excludes RXON. */
export const GONE = 0xffff;
/** RAP is not known. */
const NOWHERE = -1;
/** S_RESET leaves CSR0 with STOP and nothing else. */
const AFTER_RESET = CSR0.STOP;

export type AccessMode = 'word' | 'double-word';

export class PcnetRegisters {
  readonly mode: AccessMode;
  private readonly window: Registers;
  private readonly wide: boolean;
  /** Where RAP points: it keeps its value, so it is written only when another register is wanted. */
  private pointer = NOWHERE;

  constructor(window: Registers, mode: AccessMode) {
    this.window = window;
    this.mode = mode;
    this.wide = mode === 'double-word';
  }

  readCsr(register: number): number {
    if (this.pointer !== register) this.point(register);
    return this.wide ? this.window.read32(DWIO.RDP) & 0xffff : this.window.read16(WIO.RDP);
  }

  writeCsr(register: number, value: number): void {
    if (this.pointer !== register) this.point(register);
    if (this.wide) this.window.write32(DWIO.RDP, value);
    else this.window.write16(WIO.RDP, value);
  }

  readBcr(register: number): number {
    if (this.pointer !== register) this.point(register);
    return this.wide ? this.window.read32(DWIO.BDP) & 0xffff : this.window.read16(WIO.BDP);
  }

  writeBcr(register: number, value: number): void {
    if (this.pointer !== register) this.point(register);
    if (this.wide) this.window.write32(DWIO.BDP, value);
    else this.window.write16(WIO.BDP, value);
  }

  /** A register of the Am79C973's own PHY. */
  readPhy(register: number): number {
    this.writeBcr(BCR.MIIADDR, (INTERNAL_PHY_ADDRESS << BCR33_PHYAD_SHIFT) | register);
    return this.readBcr(BCR.MIIMDR);
  }

  /**
   * S_RESET, by reading the reset port: everything stops at once ("Software Reset"). False when CSR0 does not read as it
   * must then: nobody is there, or the chip is in the other I/O mode, which only H_RESET leaves.
   */
  reset(): boolean {
    if (this.wide) {
      // A double word written to RDP switches the mode; zero harms no register, and RAP is 0 after a reset.
      this.window.write32(DWIO.RDP, 0);
      this.window.read32(DWIO.RESET);
      this.window.write32(DWIO.RDP, 0);
    } else {
      this.window.read16(WIO.RESET);
    }
    this.pointer = NOWHERE;
    return this.readCsr(0) === AFTER_RESET;
  }

  /** CSR88 and CSR89: the chip's JEDEC id and version. */
  readChipId(): number {
    const low = this.readCsr(CSR.CHIPID_LOW);
    return (low | (this.readCsr(CSR.CHIPID_HIGH) << 16)) >>> 0;
  }

  /** The station address out of the address PROM, in accesses as wide as the mode wants them. */
  readStationAddress(): Uint8Array {
    const address = new Uint8Array(6);
    for (let i = 0; i < 6; i += 2) {
      const half = this.wide ? this.window.read32(i & ~3) >>> (8 * (i & 3)) : this.window.read16(i);
      address[i] = half;
      address[i + 1] = half >>> 8;
    }
    return address;
  }

  /** Where RAP points is not taken on trust any more: who else has the window may have moved it. */
  doubt(): void {
    this.pointer = NOWHERE;
  }

  private point(register: number): void {
    this.pointer = register;
    if (this.wide) this.window.write32(DWIO.RAP, register);
    else this.window.write16(WIO.RAP, register);
  }
}
