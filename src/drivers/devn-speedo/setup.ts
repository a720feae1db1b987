// What the chip is told about itself and about whom to hear: the configure, individual address and multicast commands, one
// behind the other. Software Developer Manual 6.4.2.2 to 6.4.2.4.

import { CB, CMD, COMMAND, STATUS } from '../../chips/i8255x/blocks.ts';
import { CONFIG, DEFAULT_CONFIG, STANDARD_CONFIG_BYTES } from '../../chips/i8255x/config.ts';
import { CUC } from '../../chips/i8255x/sheet.ts';
import { NIC_FLAG_MULTICAST } from '../../ionet/shared.ts';
import { speedo_cu } from './hardware.ts';
import {
  MAX_MULTICAST,
  SETUP_ADDRESS,
  SETUP_BYTES,
  SETUP_CONFIG,
  SETUP_MULTICAST,
  SETUP_RESERVE,
  type speedo_t,
  TXCB_BYTES,
} from './state.ts';

interface Bit {
  readonly byte: number;
  readonly bit: number;
}

/** Byte 8, bit 0: an MII PHY, not a serial one (82557). */
const MII: Bit = { byte: 8, bit: 0x01 };

/** Whom to hear. */
interface Filter {
  promiscuous: boolean;
  allMulticast: boolean;
  /** Octets of the group addresses. */
  groups: number[];
}

function wantedFilter({ cfg, groups, promiscuous, always_promiscuous }: speedo_t): Filter {
  const able = (cfg.flags & NIC_FLAG_MULTICAST) !== 0;
  // A range has no hash: all groups, then.
  const ranges = groups.some(({ low, high }) => low.some((octet, i) => octet !== high[i]));
  const allMulticast = able && (ranges || groups.length > MAX_MULTICAST);
  return {
    promiscuous: promiscuous || always_promiscuous,
    allMulticast,
    groups: able && !allMulticast ? groups.flatMap(({ low }) => [...low]) : [],
  };
}

/** Writes the three blocks; the last leads to `next`, and the command unit waits behind it. No set-up is under way. */
function writeSetup(speedo: speedo_t, next: number): void {
  speedo.setup = speedo.setup === speedo.setups ? speedo.setups + SETUP_BYTES : speedo.setups;
  const { u8, u16 } = speedo.dispatch.machine.memory;
  const filter = wantedFilter(speedo);
  const config = speedo.setup + SETUP_CONFIG;
  const address = speedo.setup + SETUP_ADDRESS;
  const multicast = speedo.setup + SETUP_MULTICAST;
  writeBlock(speedo, config, CMD.CONFIGURE, address);
  writeConfig(speedo, config + CB.CONFIG, filter);
  writeBlock(speedo, address, CMD.INDIVIDUAL_ADDRESS, multicast);
  u8.set(speedo.cfg.current_address.subarray(0, 6), address + CB.ADDRESS);
  u16[(multicast + CB.MULTICAST_COUNT) >> 1] = filter.groups.length;
  u8.set(filter.groups, multicast + CB.MULTICAST_LIST);
  writeBlock(speedo, multicast, CMD.MULTICAST | COMMAND.S | COMMAND.I, next);
}

function writeConfig(speedo: speedo_t, at: number, { promiscuous, allMulticast }: Filter): void {
  const { u8 } = speedo.dispatch.machine.memory;
  u8.set(DEFAULT_CONFIG, at);
  u8[at] = STANDARD_CONFIG_BYTES;
  const set = ({ byte, bit }: Bit, on: boolean): void => {
    u8[at + byte] = on ? u8[at + byte] | bit : u8[at + byte] & ~bit;
  };
  // No interrupt each time the command unit has nothing to do; 16 counters, which all of the family have.
  set(CONFIG.CI, true);
  set(CONFIG.STANDARD_STATISTICS, true);
  set(CONFIG.STANDARD_TCB, !speedo.extended);
  set(MII, true);
  set(CONFIG.PROMISCUOUS, promiscuous);
  set(CONFIG.MULTICAST_ALL, allMulticast);
  // Frames with a VLAN tag. The 82557 cannot.
  set(CONFIG.LONG_OK, speedo.extended);
  // Nothing was negotiated about pause frames.
  set(CONFIG.FC_DISABLE, speedo.extended);
}

/** Status zero, command and link; the rest of a block is its command's own. */
function writeBlock(speedo: speedo_t, at: number, command: number, link: number): void {
  const { u16, u32 } = speedo.dispatch.machine.memory;
  u16[(at + CB.STATUS) >> 1] = 0;
  u16[(at + CB.COMMAND) >> 1] = command;
  u32[(at + CB.LINK) >> 2] = link;
}

/** Address of a block of the transmit ring. */
export function speedo_block(speedo: speedo_t, index: number): number {
  return speedo.tx_blocks + index * TXCB_BYTES;
}

/** The last of the three has been carried out. */
export function speedo_setup_done(speedo: speedo_t): boolean {
  const { u16 } = speedo.dispatch.machine.memory;
  return (u16[(speedo.setup + SETUP_MULTICAST + CB.STATUS) >> 1] & STATUS.C) !== 0;
}

/** A list with nothing else in it: the first of a command unit that was reset. The ring is empty and begins at its block 0. */
export function speedo_first_setup(speedo: speedo_t): boolean {
  speedo.setup_again = false;
  writeSetup(speedo, speedo_block(speedo, 0));
  speedo.cu_tail = speedo.setup + SETUP_MULTICAST;
  return speedo_cu(speedo, CUC.START, speedo.setup + SETUP_CONFIG);
}

/**
 * The same between packets. When one is under way already, another follows it. Mutex held; a block is free, unless the ring is
 * full of what has not left: then the completion tries again.
 */
export function speedo_change_setup(speedo: speedo_t): void {
  if (!speedo.running || speedo.setup_slot >= 0 || speedo.tx_free < SETUP_RESERVE) {
    speedo.setup_again = true;
    return;
  }
  speedo.setup_again = false;
  speedo_tell(speedo);
  const index = speedo.tx_next;
  const next = index + 1 === speedo.tx_count ? 0 : index + 1;
  writeSetup(speedo, speedo_block(speedo, next));
  writeBlock(speedo, speedo_block(speedo, index), CMD.NOP, speedo.setup + SETUP_CONFIG);
  speedo.tx_next = next;
  speedo.tx_free--;
  speedo.setup_slot = index;
  speedo_append(speedo, speedo.setup + SETUP_MULTICAST);
  speedo.tx_untold = 1;
  speedo_tell(speedo);
}

/** Tells the command unit of blocks that were appended, if there are such. */
export function speedo_tell(speedo: speedo_t): void {
  if (speedo.tx_untold === 0) return;
  speedo.tx_untold = 0;
  speedo_cu(speedo, CUC.RESUME, -1);
}

/** `tail` is the last block of all now: the command unit may go on to it. It must be told. */
export function speedo_append(speedo: speedo_t, tail: number): void {
  // From here the controller owns what was appended.
  speedo.dispatch.machine.memory.u16[(speedo.cu_tail + CB.COMMAND) >> 1] &= ~COMMAND.S;
  speedo.cu_tail = tail;
}
