// What the driver keeps of one card: speedo_dev_t.
//
//   transmit  a ring of transmit command blocks (TxCB), each with the TBDs of one packet behind it. tx_dirty ... tx_next - 1
//             are the chip's or finished, tx_free is what is left; tx_mbuf has the packet of a block. Guarded by if_snd_ex,
//             which start is called with, and with the ring the SCB's commands.
//             The last block of all has the S bit: there the command unit waits (cu_tail).
//   set-up    three blocks of their own: configure, individual address, multicast. A change while traffic flows is linked
//             into the ring by a block that does nothing (setup_slot) and leads there.
//   receive   a ring of buffers, each of which begins with its receive frame descriptor (RFD) and has the frame right behind
//             it (simplified mode). rx_next is the next one the chip fills; the one before it has the EL bit. It is the
//             interrupt thread's; init and stop touch it while the chip is halted and `running` is false.

import type { PciDevice } from '../../bus/pci.ts';
import type { Registers } from '../../bus/registers.ts';
import { CB, MULTICAST_COUNT_MASK, RFD, TBD_BYTES } from '../../chips/i8255x/blocks.ts';
import { STANDARD_CONFIG_BYTES } from '../../chips/i8255x/config.ts';
import { STATISTICS } from '../../chips/i8255x/sheet.ts';
import { callout } from '../../iopkt/callout.ts';
import { device } from '../../iopkt/device.ts';
import { ethercom } from '../../iopkt/ether.ts';
import type { shutdownhook } from '../../iopkt/hooks.ts';
import { ifmedia } from '../../iopkt/ifmedia.ts';
import type { ifnet } from '../../iopkt/ifnet.ts';
import { _iopkt_inter } from '../../iopkt/interrupt.ts';
import type { IoPkt } from '../../iopkt/manager.ts';
import type { mdi_t } from '../../iopkt/mdi.ts';
import { nic_config_t, nic_stats_t } from '../../iopkt/nic.ts';
import type { Mbuf } from '../../mbuf/mbuf.ts';

/** Fragments of a packet: a packet with more is copied together. */
export const SPEEDO_TX_FRAGMENTS = 8;
/** A transmit command block with its TBDs. */
export const SPEEDO_TXCB_BYTES = CB.DATA + SPEEDO_TX_FRAGMENTS * TBD_BYTES;
/**
 * Free blocks that start wants: one for a packet, one for a change of set-up, and the one that the command unit may be
 * waiting behind, whose S bit it looks at again.
 */
export const SPEEDO_TX_RESERVE = 3;
export const SPEEDO_SETUP_RESERVE = 2;

/** Where in a receive buffer its RFD is: so that the frame has the same place within a word as on the wire. */
export const SPEEDO_RFD_OFFSET = 18;
/** Room for a frame behind its RFD: the longest with a VLAN tag, and as much more as shows that one was longer. */
export const SPEEDO_RX_SPACE = 1522;
export const SPEEDO_RX_DATA = RFD.DATA;

/** Group addresses that the multicast command gets; more of them mean all groups. */
export const SPEEDO_MAX_MULTICAST = 64;

// The set-up blocks, behind each other in one piece of memory.
export const SETUP_CONFIG = 0;
export const SETUP_ADDRESS = 32;
export const SETUP_MULTICAST = 48;
export const SETUP_BYTES =
  SETUP_MULTICAST + 16 * Math.ceil((CB.MULTICAST_LIST + 6 * SPEEDO_MAX_MULTICAST) / 16);
/** Two of them in turn: the command unit may be waiting behind the other one. */
export const SETUPS = 2;
if (CB.CONFIG + STANDARD_CONFIG_BYTES > SETUP_ADDRESS || 6 * SPEEDO_MAX_MULTICAST > MULTICAST_COUNT_MASK)
  throw new Error('speedo: the set-up blocks overlap');
/** The statistics and the word behind them. */
export const DUMP_AREA_BYTES = 4 * (STATISTICS + 1);

/** What nicinfo has no field for. */
export class speedo_events {
  rx_missed_frames = 0;
  rx_length_errors = 0;
  rx_restarts = 0;
  tx_linearised = 0;
  tx_ring_full = 0;
  tx_timeouts = 0;
  restarts = 0;
}

export class speedo_dev extends device {
  readonly ecom = new ethercom();
  readonly inter = new _iopkt_inter<speedo_dev>();
  readonly cfg = new nic_config_t();
  readonly stats = new nic_stats_t();
  readonly events = new speedo_events();
  readonly bsd_media = new ifmedia();
  readonly mii_callout = new callout();
  readonly mdi: { value: mdi_t | null } = { value: null };
  iopkt!: IoPkt;
  pci!: PciDevice;
  regs!: Registers;
  sd_hook: shutdownhook | null = null;
  iid = -1;
  kermask = false;
  /** By option, whatever the flag says. */
  always_promiscuous = false;
  dying = false;
  /** The chip works, and interrupts are welcome. */
  running = false;
  /** It does not answer; the monitor looks for it. */
  lost = false;

  /** 82558 or later: extended TxCBs, long frames. */
  extended = false;
  /** Medium of the options: no negotiation. */
  force_media = false;
  /** Duplex that the options limit a negotiation to; -1: either. */
  only_duplex = -1;
  /** Media word that the PHY was set to; -1: none yet. */
  media_set = -1;
  /** if_flags that the filter was made of. */
  filter_flags = 0;
  /** if_ipackets when the monitor last looked. */
  rx_seen = -1;
  /** Monitors in a row that did not look at the PHY. */
  phy_unseen = 0;

  // Shared with the chip: physical addresses, 0 before they are taken.
  tx_blocks = 0;
  setups = 0;
  /** Of the set-up that was made last. */
  setup = 0;
  dump = 0;

  tx_count = 64;
  readonly tx_mbuf: (Mbuf | null)[] = [];
  tx_next = 0;
  tx_dirty = 0;
  tx_free = 0;
  /** A block in so many asks for an interrupt. */
  tx_interval = 8;
  /** Bytes in the FIFO at which a transmission begins, in units of 8. */
  tx_threshold = 0;
  /** Frames that went into the FIFO, less those that are known to have left it, or to have failed there. */
  tx_fifo = 0;
  /** Address of the block with the S bit. */
  cu_tail = 0;
  /** Ring index of the block that leads to the set-up; -1: none is under way. */
  setup_slot = -1;
  /** The set-up has changed again meanwhile. */
  setup_again = false;

  rx_count = 64;
  readonly rx_mbuf: (Mbuf | null)[] = [];
  /** Address of each buffer's RFD. */
  rx_rfd = new Int32Array(0);
  rx_next = 0;
}

export function speedoOf(ifp: ifnet): speedo_dev {
  return ifp.if_softc as speedo_dev;
}
