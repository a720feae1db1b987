// Reading the initialization block into the registers, which is all that INIT does. Layouts in init-block.ts; data
// sheets 19436 and 21510, "Initialization".

import type { Core } from './core.ts';
import { initBlockBytes } from './init-block.ts';
import { CSR, CSR0 } from './sheet.ts';

/** Longest ring of a 32-bit block: codes above 9 are taken for it. */
const LONGEST_CODE = 9;

/** Reads the block that CSR1 and CSR2 point to and sets IDON; false when it could not, which was reported as a bus fault. */
export function initialize(core: Core): boolean {
  const { csr, dma, rx, tx } = core;
  const pointer = (csr[CSR.IADR_LOW] | (csr[CSR.IADR_HIGH] << 16)) >>> 0;
  // A 32-bit block starts at a word, a 16-bit one at a half-word.
  const block = core.style === 0 ? pointer - (pointer & 1) : pointer - (pointer & 3);
  if (!core.reaches(block, initBlockBytes(core.style))) {
    core.busFault();
    return false;
  }
  let rlen: number;
  let tlen: number;
  if (core.style === 0) {
    core.csr15 = dma.read16(block);
    for (let i = 0; i < 3; i++) csr[CSR.PADR + i] = dma.read16(block + 2 + 2 * i);
    for (let i = 0; i < 4; i++) csr[CSR.LADRF + i] = dma.read16(block + 8 + 2 * i);
    const receiveHigh = dma.read16(block + 0x12);
    const transmitHigh = dma.read16(block + 0x16);
    rx.base = dma.read16(block + 0x10) + (receiveHigh & 0xff) * 0x10000 + core.addressHigh;
    tx.base = dma.read16(block + 0x14) + (transmitHigh & 0xff) * 0x10000 + core.addressHigh;
    rlen = receiveHigh >>> 13;
    tlen = transmitHigh >>> 13;
  } else {
    const first = dma.read32(block);
    core.csr15 = first & 0xffff;
    rlen = Math.min((first >>> 20) & 15, LONGEST_CODE);
    tlen = Math.min(first >>> 28, LONGEST_CODE);
    for (let i = 0; i < 3; i++) csr[CSR.PADR + i] = dma.read16(block + 4 + 2 * i);
    for (let i = 0; i < 4; i++) csr[CSR.LADRF + i] = dma.read16(block + 12 + 2 * i);
    rx.base = dma.read32(block + 0x14);
    tx.base = dma.read32(block + 0x18);
  }
  csr[CSR.RXTX] = (tlen << 12) | (rlen << 8);
  rx.setLength(-(1 << rlen));
  tx.setLength(-(1 << tlen));
  core.csr0 |= CSR0.IDON;
  core.derive();
  return true;
}
