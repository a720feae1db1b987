// The system control block and PORT: commands, resets. Software Developer Manual 6.3.2 and 6.3.3.

import { CSR, CUC_SHIFT, PORT, RUC, SCB_CONTROL } from '../../chips/i8255x/sheet.ts';
import type { speedo_t } from './state.ts';

/** What a byte reads when nobody answers: states 3 of the CU and 15 of the RU do not exist. */
export const GONE = 0xff;
/** Reads until a command is accepted: that takes some microseconds, and a read about one. */
const SCB_READS = 1000;
/** Reads after a reset: the chip wants ten microseconds (6.3.3.1), a read on the bus takes more than a quarter of one. */
const RESET_READS = 40;

/** The command byte is free. False: it never is, or nobody answers. */
function accepted({ regs }: speedo_t): boolean {
  for (let i = 0; i < SCB_READS; i++) {
    const command = regs.read8(CSR.SCB_COMMAND);
    if (command === 0) return true;
    if (command === GONE) return false;
  }
  return false;
}

/**
 * Gives a CU command, with `pointer` unless that is negative. False: the chip does not take it. Mutex held, as for every command:
 * it is two writes, and must have been accepted before the next.
 */
export function speedo_cu(speedo: speedo_t, command: number, pointer: number): boolean {
  return scb(speedo, command << CUC_SHIFT, pointer);
}

/** The same for an RU command. */
export function speedo_ru(speedo: speedo_t, command: number, pointer: number): boolean {
  return scb(speedo, command, pointer);
}

function scb(speedo: speedo_t, command: number, pointer: number): boolean {
  const { regs } = speedo;
  if (regs.read8(CSR.SCB_COMMAND) !== 0 && !accepted(speedo)) return false;
  if (pointer >= 0) regs.write32(CSR.SCB_POINTER, pointer);
  regs.write8(CSR.SCB_COMMAND, command);
  return true;
}

/** Lets the receive unit begin at the next free descriptor. Mutex held. */
export function speedo_ru_start(speedo: speedo_t): boolean {
  return speedo_ru(speedo, RUC.START, speedo.rx[speedo.rx_next].rfd_phys);
}

export function speedo_mask({ regs }: speedo_t): void {
  regs.write8(CSR.SCB_CONTROL, SCB_CONTROL.M);
}

export function speedo_unmask({ regs }: speedo_t): void {
  regs.write8(CSR.SCB_CONTROL, 0);
}

/** Both units stop, first in order, so that no bus cycle is cut off, then all of the chip. Interrupts are masked. */
export function speedo_reset(speedo: speedo_t): void {
  const { regs } = speedo;
  speedo_mask(speedo);
  regs.write32(CSR.PORT, PORT.SELECTIVE_RESET);
  settle(speedo);
  regs.write32(CSR.PORT, PORT.SOFTWARE_RESET);
  settle(speedo);
  speedo_mask(speedo);
}

/** Reads, which also push what was written out to the chip. */
function settle({ regs }: speedo_t): void {
  for (let i = 0; i < RESET_READS; i++) regs.read8(CSR.SCB_STATUS);
}
