// The command blocks that are not transmissions (6.4.2), and what PORT and the SCB write into the host's memory:
// self-test, dump, statistics. Each says whether the bus answered.

import { crc32 } from '../../wire/crc32.ts';
import { CB, CMD, MICROCODE_BYTES, MULTICAST_COUNT_MASK } from './blocks.ts';
import { CONFIG_BYTES, CONFIG_COUNT_MASK, STANDARD_CONFIG_BYTES } from './config.ts';
import type { Core } from './core.ts';
import { GENERATION } from './models.ts';
import { hashOf } from './receive.ts';
import { DUMP_BYTES, DUMP_COMPLETE, DUMP_RESET_COMPLETE } from './sheet.ts';

const ADDRESS_BYTES = 6;
/** Where our dump has what: the manual gives no layout that a driver could use. */
const DUMP = { CONFIG: 0, ADDRESS: 32, HASH: 40, STATISTICS: 48 } as const;

/** Carries out the block at `at`; false when it, or what it points to, is out of reach. */
export function carryOut(core: Core, at: number, what: number): boolean {
  switch (what) {
    case CMD.INDIVIDUAL_ADDRESS:
      return setAddress(core, at + CB.ADDRESS);
    case CMD.CONFIGURE:
      return configure(core, at + CB.CONFIG);
    case CMD.MULTICAST:
      return setMulticast(core, at);
    case CMD.LOAD_MICROCODE:
      // It is run by nobody: the chip behaves as without.
      core.counters.microcodeLoads++;
      return core.reaches(at + CB.MICROCODE, MICROCODE_BYTES);
    case CMD.DUMP:
      return core.reaches(at, CB.DATA) && writeDump(core, core.dma.read32(at + CB.ADDRESS));
    default:
      return true; // diagnose: passed
  }
}

function setAddress(core: Core, at: number): boolean {
  if (!core.reaches(at, ADDRESS_BYTES)) return false;
  const { u8 } = core.memory;
  for (let i = 0; i < ADDRESS_BYTES; i++) core.address[i] = u8[at + i];
  core.addressKnown = true;
  core.derive();
  return true;
}

/** Bytes beyond those the chip knows are not read. */
function configure(core: Core, at: number): boolean {
  if (!core.reaches(at, 1)) return false;
  const { u8 } = core.memory;
  const known = core.since(GENERATION.I82550) ? CONFIG_BYTES : STANDARD_CONFIG_BYTES;
  const count = Math.min(u8[at] & CONFIG_COUNT_MASK, known);
  if (!core.reaches(at, count)) return false;
  for (let i = 0; i < count; i++) core.config[i] = u8[at + i];
  core.derive();
  return true;
}

/** A new hash table; an address at the end that is not whole has no effect (6.4.2.4). */
function setMulticast(core: Core, at: number): boolean {
  if (!core.reaches(at, CB.MULTICAST_LIST)) return false;
  const count = core.dma.read16(at + CB.MULTICAST_COUNT) & MULTICAST_COUNT_MASK;
  const list = at + CB.MULTICAST_LIST;
  if (!core.reaches(list, count)) return false;
  core.hashLow = 0;
  core.hashHigh = 0;
  const { u8 } = core.memory;
  for (let i = 0; i + ADDRESS_BYTES <= count; i += ADDRESS_BYTES) {
    const bit = hashOf(crc32(u8, list + i, ADDRESS_BYTES));
    if (bit < 32) core.hashLow |= 1 << bit;
    else core.hashHigh |= 1 << (bit & 31);
  }
  return true;
}

/** DUMP_BYTES of the chip's inside. */
export function writeDump(core: Core, address: number): boolean {
  if (!core.reaches(address, DUMP_BYTES)) return false;
  const { u8 } = core.memory;
  u8.fill(0, address, address + DUMP_BYTES);
  u8.set(core.config, address + DUMP.CONFIG);
  u8.set(core.address, address + DUMP.ADDRESS);
  core.dma.write32(address + DUMP.HASH, core.hashLow);
  core.dma.write32(address + DUMP.HASH + 4, core.hashHigh);
  for (let i = 0; i < core.statistics.length; i++)
    core.dma.write32(address + DUMP.STATISTICS + 4 * i, core.statistics[i]);
  core.dma.wrote(address, DUMP_BYTES);
  return true;
}

/** The self-test passes (6.3.3.2): a signature that is not zero, and no bit of a failure. */
export function writeSelfTest(core: Core, address: number): boolean {
  if (!core.reaches(address, 8)) return false;
  core.dma.write32(address, core.traits.romSignature);
  core.dma.write32(address + 4, 0);
  return true;
}

/** The statistics, and behind them the word that says so (6.3.2.4). */
export function dumpStatistics(core: Core, reset: boolean): boolean {
  const { dma, dumpAddress, statistics } = core;
  const count = core.dumpedStatistics;
  if (!core.reaches(dumpAddress, 4 * (count + 1))) return false;
  for (let i = 0; i < count; i++) dma.write32(dumpAddress + 4 * i, statistics[i]);
  dma.write32(dumpAddress + 4 * count, reset ? DUMP_RESET_COMPLETE : DUMP_COMPLETE);
  if (reset) statistics.fill(0);
  return true;
}
