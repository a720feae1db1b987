// Access to the registers of a PCnet chip in double word I/O mode. Data sheets AMD 19436 and 21510, "I/O Resources".
//
// RAP selects, RDP and BDP read and write. rx_down comes in the middle of what the driver's thread does, so RAP rests at 0:
// CSR0 is one access, and every other register is selected, accessed and RAP put back under a mutex.

import type { Registers } from '../../bus/registers.ts';
import { BCR, BCR33_PHYAD_SHIFT, CSR, CSR0, DWIO } from '../../chips/pcnet/sheet.ts';
import { pthread_mutex_lock, pthread_mutex_t, pthread_mutex_unlock } from '../../ionet/neutrino.ts';

/** What a read gives when nobody answers. No CSR0 reads so: STOP excludes RXON. */
export const GONE = 0xffff;

export class pcnet_registers {
  private readonly window: Registers;
  private readonly lock = new pthread_mutex_t('pcnet registers');

  constructor(window: Registers) {
    this.window = window;
  }

  /** CSR0, where RAP rests. */
  readCsr0(): number {
    return this.window.read32(DWIO.RDP) & 0xffff;
  }

  writeCsr0(value: number): void {
    this.window.write32(DWIO.RDP, value);
  }

  readCsr(register: number): number {
    return this.access(register, DWIO.RDP, -1);
  }

  writeCsr(register: number, value: number): void {
    this.access(register, DWIO.RDP, value);
  }

  readBcr(register: number): number {
    return this.access(register, DWIO.BDP, -1);
  }

  writeBcr(register: number, value: number): void {
    this.access(register, DWIO.BDP, value);
  }

  /** Reads, or writes a `value` that is not negative. */
  private access(register: number, port: number, value: number): number {
    const { window, lock } = this;
    pthread_mutex_lock(lock);
    window.write32(DWIO.RAP, register);
    let got = value;
    if (value < 0) got = window.read32(port) & 0xffff;
    else window.write32(port, value);
    window.write32(DWIO.RAP, 0);
    pthread_mutex_unlock(lock);
    return got;
  }

  /** A register of a PHY on the management port (Am79C973). */
  readPhy(phy: number, register: number): number {
    this.writeBcr(BCR.MIIADDR, (phy << BCR33_PHYAD_SHIFT) | register);
    return this.readBcr(BCR.MIIMDR);
  }

  writePhy(phy: number, register: number, value: number): void {
    this.writeBcr(BCR.MIIADDR, (phy << BCR33_PHYAD_SHIFT) | register);
    this.writeBcr(BCR.MIIMDR, value);
  }

  /**
   * S_RESET: everything stops at once. The double word written to RDP switches the mode, if need be; the reset makes good
   * what it hit. False when CSR0 does not read STOP alone afterwards: nobody is there.
   */
  reset(): boolean {
    const { window } = this;
    window.write32(DWIO.RDP, 0);
    window.read32(DWIO.RESET);
    window.write32(DWIO.RDP, 0);
    window.write32(DWIO.RAP, 0);
    return this.readCsr0() === CSR0.STOP;
  }

  /** No DMA and no interrupt any more. */
  halt(): void {
    this.writeCsr0(CSR0.STOP);
  }

  /** CSR88 and CSR89. */
  readChipId(): number {
    return (this.readCsr(CSR.CHIPID_LOW) | (this.readCsr(CSR.CHIPID_HIGH) << 16)) >>> 0;
  }

  /** The address PROM, in double words as this mode wants it. */
  readStationAddress(): Uint8Array {
    const low = this.window.read32(0);
    const high = this.window.read32(4);
    return Uint8Array.of(low, low >>> 8, low >>> 16, low >>> 24, high, high >>> 8);
  }
}
