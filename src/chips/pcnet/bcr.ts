// The bus configuration registers, kept over S_RESET and STOP. Data sheets 19436 and 21510, "Bus Configuration
// Registers". The EEPROM's pins are not modelled; PREAD reads it in no time.

import type { Core } from './core.ts';
import type { ControlRegisters } from './csr.ts';
import {
  BCR,
  BCR2,
  BCR4,
  BCR9,
  BCR18,
  BCR19,
  BCR33,
  BCR33_PHYAD_SHIFT,
  CSR,
  INTERNAL_PHY_ADDRESS,
} from './sheet.ts';

/** Values after H_RESET ("Register Programming Summary"). */
const RESET_VALUES: readonly [number, number][] = [
  [BCR.MSRDA, 0x0005],
  [BCR.MSWRA, 0x0005],
  [BCR.MC, 0x0002],
  [BCR.LNKST, 0x00c0],
  [BCR.LED1, 0x0084],
  [BCR.LED2, 0x0088],
  [BCR.LED3, 0x0090],
  [BCR.FDC, 0x0000],
  [BCR.BSBC, 0x9001],
  [BCR.EECAS, 0x0002 | BCR19.PVALID | BCR19.EEDET],
  [BCR.PCILAT, 0xff06],
];
const RESET_VALUES_973: readonly [number, number][] = [
  [BCR.STVAL, 0xffff],
  [BCR.MIICAS, 0x0400],
  [BCR.MIIADDR, 0x0000],
  [BCR.PCIVID, 0x1022],
];
const READ_ONLY_18 = BCR18.DWIO;
/** No PHY answers: the management data line floats high. */
const NO_PHY = 0xffff;

export class BusRegisters {
  private readonly core: Core;
  private readonly control: ControlRegisters;
  private readonly reloadEeprom: () => void;
  /** DWIO as the ports are. */
  dwio = false;

  constructor(core: Core, control: ControlRegisters, reloadEeprom: () => void) {
    this.core = core;
    this.control = control;
    this.reloadEeprom = reloadEeprom;
  }

  reset(): void {
    const { bcr } = this.core;
    bcr.fill(0);
    for (const [register, value] of RESET_VALUES) bcr[register] = value;
    if (this.core.fast) for (const [register, value] of RESET_VALUES_973) bcr[register] = value;
    this.dwio = false;
  }

  read(register: number): number {
    const { core } = this;
    const { bcr } = core;
    switch (register) {
      case BCR.LNKST:
      case BCR.LED1:
      case BCR.LED2:
      case BCR.LED3:
        return bcr[register] | (this.lit(bcr[register]) ? BCR4.LEDOUT : 0);
      case BCR.BSBC:
        return bcr[register] | (this.dwio ? BCR18.DWIO : 0);
      case BCR.SWS:
        return core.csr[CSR.SWS];
      case BCR.MIIMDR:
        return this.readPhy();
      default:
        return register < bcr.length ? bcr[register] : 0;
    }
  }

  write(register: number, value: number): void {
    const { core } = this;
    const { bcr } = core;
    switch (register) {
      case BCR.MSRDA:
      case BCR.MSWRA:
      case BCR.PCISVID:
      case BCR.PCISID:
      case BCR.PCIVID:
        // Reserved or read only.
        return;
      case BCR.LNKST:
      case BCR.LED1:
      case BCR.LED2:
      case BCR.LED3:
        if (core.fast && (bcr[BCR.MC] & BCR2.LEDPE) === 0) return;
        bcr[register] = value & ~BCR4.LEDOUT;
        return;
      case BCR.FDC:
        bcr[register] = value & (BCR9.FDRPAD | BCR9.AUIFD | BCR9.FDEN);
        core.derive();
        return;
      case BCR.BSBC:
        bcr[register] = value & ~READ_ONLY_18;
        return;
      case BCR.EECAS:
        bcr[register] = (bcr[register] & (BCR19.PVALID | BCR19.EEDET)) | (value & 0x001f);
        if ((value & BCR19.PREAD) !== 0) this.reloadEeprom();
        return;
      case BCR.SWS:
        this.control.writeSoftwareStyle(value);
        return;
      case BCR.PCILAT:
        if (core.writable) bcr[register] = value;
        return;
      case BCR.MIIMDR:
        this.writePhy(value);
        return;
      default:
        // Registers above 22 came with later chips than the 970A.
        if (register < (core.fast ? bcr.length : BCR.PCILAT)) bcr[register] = value;
    }
  }

  private lit(value: number): boolean {
    const { core } = this;
    if (!core.linkUp) return false;
    if ((value & BCR4.LNKSE) !== 0) return true;
    if ((value & BCR4.FDLSE) !== 0 && core.fullDuplex) return true;
    return (value & BCR4.SPEED100) !== 0 && core.phy?.link.bitsPerSecond === 100_000_000;
  }

  private readPhy(): number {
    const { core } = this;
    if (core.phy === null) return 0;
    const address = core.bcr[BCR.MIIADDR];
    const phy = (address & BCR33.PHYAD) >>> BCR33_PHYAD_SHIFT;
    return phy === INTERNAL_PHY_ADDRESS ? core.phy.readRegister(address & BCR33.REGAD) : NO_PHY;
  }

  private writePhy(value: number): void {
    const { core } = this;
    const address = core.bcr[BCR.MIIADDR];
    const phy = (address & BCR33.PHYAD) >>> BCR33_PHYAD_SHIFT;
    if (phy === INTERNAL_PHY_ADDRESS) core.phy?.writeRegister(address & BCR33.REGAD, value);
  }
}
