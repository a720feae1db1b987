// What the chip is told about itself and about whom to hear: the configure, individual address and multicast commands, one
// behind the other. Software Developer Manual 6.4.2.2 to 6.4.2.4.

import { CB, CMD, COMMAND, STATUS } from '../../chips/i8255x/blocks.ts';
import { CONFIG, DEFAULT_CONFIG, STANDARD_CONFIG_BYTES } from '../../chips/i8255x/config.ts';
import { CUC } from '../../chips/i8255x/sheet.ts';
import { ETHER_FIRST_MULTI, ETHER_NEXT_MULTI, type ether_multistep, sameAddress } from '../../iopkt/ether.ts';
import { IFF_ALLMULTI, IFF_PROMISC } from '../../iopkt/flags.ts';
import { NIC_FLAG_MULTICAST, NIC_FLAG_PROMISCUOUS } from '../../iopkt/nic.ts';
import { speedo_cu } from './hardware.ts';
import {
  SETUP_ADDRESS,
  SETUP_BYTES,
  SETUP_CONFIG,
  SETUP_MULTICAST,
  SPEEDO_MAX_MULTICAST,
  SPEEDO_SETUP_RESERVE,
  SPEEDO_TXCB_BYTES,
  type speedo_dev,
} from './softc.ts';

interface Bit {
  readonly byte: number;
  readonly bit: number;
}

/** Byte 8, bit 0: an MII PHY, not a serial one (82557). */
const MII: Bit = { byte: 8, bit: 0x01 };

/** Whom to hear, as flags and group addresses want it. */
interface Filter {
  promiscuous: boolean;
  allMulticast: boolean;
  /** Octets of the group addresses. */
  groups: number[];
}

function wantedFilter(sc: speedo_dev): Filter {
  const { ecom, cfg } = sc;
  const ifp = ecom.ec_if;
  const groups: number[] = [];
  let ranges = false;
  const step: ether_multistep = { list: [], next: 0 };
  for (let enm = ETHER_FIRST_MULTI(step, ecom); enm !== null; enm = ETHER_NEXT_MULTI(step)) {
    // A range has no hash: all groups, then.
    if (!sameAddress(enm.enm_addrlo, enm.enm_addrhi)) ranges = true;
    groups.push(...enm.enm_addrlo);
  }
  const able = (cfg.flags & NIC_FLAG_MULTICAST) !== 0;
  const allMulticast = able && (ranges || groups.length > 6 * SPEEDO_MAX_MULTICAST);
  if (allMulticast) ifp.if_flags |= IFF_ALLMULTI;
  else ifp.if_flags &= ~IFF_ALLMULTI;
  return {
    promiscuous: (cfg.flags & NIC_FLAG_PROMISCUOUS) !== 0 || (ifp.if_flags & IFF_PROMISC) !== 0,
    allMulticast,
    groups: able && !allMulticast ? groups : [],
  };
}

/** Writes the three blocks; the last leads to `next`, and the command unit waits behind it. No set-up is under way. */
function writeSetup(sc: speedo_dev, next: number): void {
  sc.setup = sc.setup === sc.setups ? sc.setups + SETUP_BYTES : sc.setups;
  const { memory } = sc.iopkt.machine;
  const { u8, u16 } = memory;
  const ifp = sc.ecom.ec_if;
  const filter = wantedFilter(sc);
  sc.filter_flags = ifp.if_flags;
  const config = sc.setup + SETUP_CONFIG;
  const address = sc.setup + SETUP_ADDRESS;
  const multicast = sc.setup + SETUP_MULTICAST;
  speedo_write_block(sc, config, CMD.CONFIGURE, address);
  writeConfig(sc, config + CB.CONFIG, filter);
  speedo_write_block(sc, address, CMD.INDIVIDUAL_ADDRESS, multicast);
  u8.set(ifp.if_sadl, address + CB.ADDRESS);
  u16[(multicast + CB.MULTICAST_COUNT) >> 1] = filter.groups.length;
  u8.set(filter.groups, multicast + CB.MULTICAST_LIST);
  speedo_write_block(sc, multicast, CMD.MULTICAST | COMMAND.S | COMMAND.I, next);
}

function writeConfig(sc: speedo_dev, at: number, { promiscuous, allMulticast }: Filter): void {
  const { u8 } = sc.iopkt.machine.memory;
  u8.set(DEFAULT_CONFIG, at);
  u8[at] = STANDARD_CONFIG_BYTES;
  const set = ({ byte, bit }: Bit, on: boolean): void => {
    u8[at + byte] = on ? u8[at + byte] | bit : u8[at + byte] & ~bit;
  };
  // No interrupt each time the command unit has nothing to do; 16 counters, which all of the family have.
  set(CONFIG.CI, true);
  set(CONFIG.STANDARD_STATISTICS, true);
  set(CONFIG.STANDARD_TCB, !sc.extended);
  set(MII, true);
  set(CONFIG.PROMISCUOUS, promiscuous);
  set(CONFIG.MULTICAST_ALL, allMulticast);
  // Frames with a VLAN tag. The 82557 cannot.
  set(CONFIG.LONG_OK, sc.extended);
  // Nothing was negotiated about pause frames.
  set(CONFIG.FC_DISABLE, sc.extended);
}

/** Status zero, command and link; the rest of a block is its command's own. */
export function speedo_write_block(sc: speedo_dev, at: number, command: number, link: number): void {
  const { u16, u32 } = sc.iopkt.machine.memory;
  u16[(at + CB.STATUS) >> 1] = 0;
  u16[(at + CB.COMMAND) >> 1] = command;
  u32[(at + CB.LINK) >> 2] = link;
}

/** Address of a block of the transmit ring. */
export function speedo_block(sc: speedo_dev, index: number): number {
  return sc.tx_blocks + index * SPEEDO_TXCB_BYTES;
}

/** The last of the three has been carried out. */
export function speedo_setup_done(sc: speedo_dev): boolean {
  const { u16 } = sc.iopkt.machine.memory;
  return (u16[(sc.setup + SETUP_MULTICAST + CB.STATUS) >> 1] & STATUS.C) !== 0;
}

/** A list with nothing else in it: the first of a command unit that was reset. The ring is empty and begins at its block 0. */
export function speedo_first_setup(sc: speedo_dev): boolean {
  writeSetup(sc, speedo_block(sc, 0));
  sc.cu_tail = sc.setup + SETUP_MULTICAST;
  return speedo_cu(sc, CUC.START, sc.setup + SETUP_CONFIG);
}

/**
 * The same between packets. When one is under way already, another follows it. if_snd_ex held; a block is free, unless the
 * ring is full of what has not left: then the completion tries again.
 */
export function speedo_change_setup(sc: speedo_dev): void {
  if (sc.setup_slot >= 0 || sc.tx_free < SPEEDO_SETUP_RESERVE) {
    sc.setup_again = true;
    return;
  }
  sc.setup_again = false;
  const index = sc.tx_next;
  const next = index + 1 === sc.tx_count ? 0 : index + 1;
  writeSetup(sc, speedo_block(sc, next));
  speedo_write_block(sc, speedo_block(sc, index), CMD.NOP, sc.setup + SETUP_CONFIG);
  sc.tx_next = next;
  sc.tx_free--;
  sc.setup_slot = index;
  speedo_append(sc, sc.setup + SETUP_MULTICAST);
  speedo_cu(sc, CUC.RESUME, -1);
}

/** `tail` is the last block of all now: the command unit may go on to it. A resume must follow. */
export function speedo_append(sc: speedo_dev, tail: number): void {
  // From here the controller owns what was appended.
  sc.iopkt.machine.memory.u16[(sc.cu_tail + CB.COMMAND) >> 1] &= ~COMMAND.S;
  sc.cu_tail = tail;
}
