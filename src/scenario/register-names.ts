// The PCnet's registers as people read them: which register an access reaches, and its value with the data sheet's names.

import { type BitTable, formatBits } from '../bus/format-bits.ts';
import type { Width } from '../bus/host.ts';
import {
  APROM_BYTES,
  BCR,
  BCR2,
  BCR4,
  BCR9,
  BCR18,
  BCR19,
  BCR32,
  CSR,
  CSR0,
  CSR3,
  CSR4,
  CSR5,
  CSR7,
  CSR15,
  CSR58,
  CSR80,
  DWIO,
  WIO,
} from '../chips/pcnet/sheet.ts';

const CSR_TABLES: Readonly<Record<number, BitTable>> = {
  0: CSR0,
  3: CSR3,
  4: CSR4,
  5: CSR5,
  7: CSR7,
  [CSR.MODE]: CSR15,
  [CSR.SWS]: CSR58,
  [CSR.DMATCFW]: CSR80,
};
const BCR_TABLES: Readonly<Record<number, BitTable>> = {
  [BCR.MC]: BCR2,
  [BCR.LNKST]: BCR4,
  [BCR.LED1]: BCR4,
  [BCR.LED2]: BCR4,
  [BCR.LED3]: BCR4,
  [BCR.FDC]: BCR9,
  [BCR.BSBC]: BCR18,
  [BCR.EECAS]: BCR19,
  [BCR.SWS]: CSR58,
  [BCR.MIICAS]: BCR32,
};

export type Port = 'csr' | 'bcr' | 'rap' | 'reset' | 'aprom' | 'nothing';

/** What lies at an offset, for an access of this width: 32 bits wide is double word mode. */
export function portAt(offset: number, width: Width): Port {
  if (offset < APROM_BYTES) return 'aprom';
  const ports = width === 4 ? DWIO : WIO;
  if (width === 1) return 'nothing';
  switch (offset) {
    case ports.RDP:
      return 'csr';
    case ports.BDP:
      return 'bcr';
    case ports.RAP:
      return 'rap';
    case ports.RESET:
      return 'reset';
    default:
      return 'nothing';
  }
}

/** `CSR0` or `BCR18`; a register that nobody knows is the one that RAP points to. */
export function registerName(port: 'csr' | 'bcr', pointer: number): string {
  const kind = port === 'csr' ? 'CSR' : 'BCR';
  return pointer < 0 ? `${kind}?` : `${kind}${pointer}`;
}

export function registerValue(port: 'csr' | 'bcr', pointer: number, value: number): string {
  const table = (port === 'csr' ? CSR_TABLES : BCR_TABLES)[pointer];
  const word = value & 0xffff;
  return table === undefined ? `0x${word.toString(16).padStart(4, '0')}` : formatBits(word, table);
}
