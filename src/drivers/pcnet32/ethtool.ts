// What people ask the driver: counters (ethtool -S) and registers (ethtool -d).

import { type BitTable, formatBits } from '../../bus/format-bits.ts';
import {
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
} from '../../chips/pcnet/sheet.ts';
import type { RegisterDump } from '../../net/device.ts';
import type { Adapter } from './adapter.ts';
import { readCounters } from './chip.ts';

/** Registers that say something and whose reading changes nothing. A table gives names to the bits. */
const CSRS: readonly [number, BitTable | null][] = [
  [0, CSR0],
  [CSR.IADR_LOW, null],
  [CSR.IADR_HIGH, null],
  [3, CSR3],
  [4, CSR4],
  [5, CSR5],
  [CSR.LADRF, null],
  [CSR.LADRF + 1, null],
  [CSR.LADRF + 2, null],
  [CSR.LADRF + 3, null],
  [CSR.PADR, null],
  [CSR.PADR + 1, null],
  [CSR.PADR + 2, null],
  [CSR.MODE, CSR15],
  [CSR.BADR, null],
  [CSR.BADR + 1, null],
  [CSR.BADX, null],
  [CSR.BADX + 1, null],
  [CSR.SWS, CSR58],
  [CSR.RCVRC, null],
  [CSR.XMTRC, null],
  [CSR.RCVRL, null],
  [CSR.XMTRL, null],
  [CSR.DMATCFW, CSR80],
  [CSR.CHIPID_LOW, null],
  [CSR.CHIPID_HIGH, null],
  [CSR.MFC, null],
  [CSR.RCC, null],
];
const BCRS: readonly [number, BitTable | null][] = [
  [BCR.MC, BCR2],
  [BCR.LNKST, BCR4],
  [BCR.LED1, BCR4],
  [BCR.LED2, BCR4],
  [BCR.LED3, BCR4],
  [BCR.FDC, BCR9],
  [BCR.BSBC, BCR18],
  [BCR.EECAS, BCR19],
  [BCR.SWS, CSR58],
];
/** Of the Am79C973. BCR34 is left out: reading it would clear what latches in the PHY. */
const CSRS_973: readonly [number, BitTable | null][] = [[7, CSR7]];
const BCRS_973: readonly [number, BitTable | null][] = [
  [BCR.MIICAS, BCR32],
  [BCR.MIIADDR, null],
];

/** NetDeviceOps.registerDump. While it runs the ring registers show the moment; the chip is not disturbed for them. */
export function registerDump(a: Adapter): RegisterDump {
  const { regs, lock, machine } = a;
  const { cpu } = machine;
  const registers: { name: string; value: number; text: string }[] = [];
  const add = (name: string, value: number, table: BitTable | null): void => {
    const text = table === null ? `0x${value.toString(16).padStart(4, '0')}` : formatBits(value, table);
    registers.push({ name, value, text });
  };
  lock.lockIrq(cpu);
  for (const [number, table] of CSRS) add(`CSR${number}`, regs.readCsr(number), table);
  if (a.fast) for (const [number, table] of CSRS_973) add(`CSR${number}`, regs.readCsr(number), table);
  for (const [number, table] of BCRS) add(`BCR${number}`, regs.readBcr(number), table);
  if (a.fast) for (const [number, table] of BCRS_973) add(`BCR${number}`, regs.readBcr(number), table);
  lock.unlockIrq(cpu);
  return { registers };
}

/** NetDeviceOps.driverStats. */
export function driverStats(a: Adapter): Record<string, number> {
  const { lock, machine } = a;
  const { cpu } = machine;
  if (a.running) {
    lock.lockIrq(cpu);
    readCounters(a);
    lock.unlockIrq(cpu);
  }
  return { ...a.stats };
}

/** One line for the log when something hangs. */
export function describeState(a: Adapter): string {
  const { lock, machine, txRing } = a;
  const { cpu } = machine;
  lock.lockIrq(cpu);
  const csr0 = a.regs.readCsr(0);
  const csr3 = a.regs.readCsr(3);
  lock.unlockIrq(cpu);
  const oldest = txRing.owned(a.txOldest) ? "the chip's" : 'done';
  return (
    `csr0=${formatBits(csr0, CSR0)} csr3=${formatBits(csr3, CSR3)} ` +
    `transmit ${a.txOldest}..${a.txNext} (${a.txFree} of ${txRing.count} free, oldest ${oldest}) receive ${a.rxNext}`
  );
}
