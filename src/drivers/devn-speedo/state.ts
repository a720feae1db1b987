// What the driver keeps of one card.
//
//   transmit   a ring of transmit command blocks (TxCB), each with the TBDs of one packet behind it. tx_dirty ... tx_next - 1 are
//              the chip's or finished, tx_free is what is left; tx_npkt has the packet of a block. What does not fit waits
//              in a list by npkt.next. The last block of all has the S bit: there the command unit waits (cu_tail).
//   set-up     three blocks of their own: configure, individual address, multicast. A change while traffic flows is linked
//              into the ring by a block that does nothing (setup_slot) and leads there.
//              Both are guarded by `mutex`, and with them the SCB's commands.
//   receive    a ring of packets of the pool, each of which begins with its receive frame descriptor (RFD) and has the frame
//              right behind it (simplified mode). rx_next is the next one that the chip fills; the one before it has the EL
//              bit. The thread's; `spare` are those of the pool that are free: tx_done puts them there, in any thread.

import type { PciDevice } from '../../bus/pci.ts';
import type { Registers } from '../../bus/registers.ts';
import { CB, MULTICAST_COUNT_MASK, RFD, TBD_BYTES } from '../../chips/i8255x/blocks.ts';
import { STANDARD_CONFIG_BYTES } from '../../chips/i8255x/config.ts';
import { STATISTICS } from '../../chips/i8255x/sheet.ts';
import type { dispatch_t, io_net_self_t, Ref } from '../../ionet/interface.ts';
import { type _pulse, pthread_mutex_t, sigevent } from '../../ionet/neutrino.ts';
import type { net_buf_t, npkt_t } from '../../ionet/npkt.ts';
import { type mdi_t, NIC_FLAG_PROMISCUOUS, type nic_config_t, nic_stats_t } from '../../ionet/shared.ts';
import type { speedo_options } from './options.ts';

/** Fragments of a packet: a packet with more is copied together. */
export const TX_FRAGMENTS = 8;
/** A transmit command block with its TBDs. */
export const TXCB_BYTES = CB.DATA + TX_FRAGMENTS * TBD_BYTES;
/**
 * Free blocks that a packet wants: one for itself, one for a change of set-up, and the one that the command unit may be waiting
 * behind, whose S bit it looks at again.
 */
export const TX_RESERVE = 3;
export const SETUP_RESERVE = 2;
/** A packet of the longest kind, for those that are copied together. */
export const BOUNCE_BYTES = 1536;

/** Where in a receive buffer its RFD is: so that the frame has the same place within a word as on the wire. */
export const RFD_OFFSET = 18;
/** Room for a frame behind its RFD: the longest with a VLAN tag, and as much more as shows that one was longer. */
export const RX_SPACE = 1522;
export const RX_DATA = RFD.DATA;
export const RX_BUFFER_BYTES = 2048;

/** Group addresses that the multicast command gets; more of them mean all groups. */
export const MAX_MULTICAST = 64;

// The set-up blocks, behind each other in one piece of memory.
export const SETUP_CONFIG = 0;
export const SETUP_ADDRESS = 32;
export const SETUP_MULTICAST = 48;
export const SETUP_BYTES = SETUP_MULTICAST + 16 * Math.ceil((CB.MULTICAST_LIST + 6 * MAX_MULTICAST) / 16);
/** Two of them in turn: the command unit may be waiting behind the other one. */
export const SETUPS = 2;
if (CB.CONFIG + STANDARD_CONFIG_BYTES > SETUP_ADDRESS || 6 * MAX_MULTICAST > MULTICAST_COUNT_MASK)
  throw new Error('devn-speedo: the set-up blocks overlap');
/** The statistics and the word behind them. */
export const DUMP_AREA_BYTES = 4 * (STATISTICS + 1);

/** Codes of the driver's pulses; MDI_TIMER is the library's. */
export const PULSE_INTERRUPT = 1;
export const PULSE_QUIT = 2;
export const PULSE_FLUSH = 3;

/** A packet of the pool: its one buffer, its descriptor and its frame as the CPU and as the chip see them. */
export interface rx_packet {
  readonly npkt: npkt_t;
  readonly buf: net_buf_t;
  readonly rfd: number;
  readonly rfd_phys: number;
  readonly data: number;
  readonly data_phys: number;
}

/** What nic_stats_t has no field for. */
export class speedo_events {
  /** Frames that the card delivered and the driver did not pass up. */
  rx_dropped = 0;
  /** Of these, too long. */
  rx_length_errors = 0;
  rx_restarts = 0;
  tx_linearised = 0;
  tx_queued = 0;
  tx_timeouts = 0;
  restarts = 0;
}

export class speedo_t {
  readonly ion: io_net_self_t;
  readonly dispatch: dispatch_t;
  readonly pci: PciDevice;
  readonly regs: Registers;
  readonly cfg: nic_config_t;
  readonly options: speedo_options;
  readonly stats = new nic_stats_t();
  readonly events = new speedo_events();
  readonly mutex = new pthread_mutex_t('speedo');
  readonly reg_hdl: Ref<number> = { value: 0 };
  readonly cell: Ref<number> = { value: 0 };
  readonly endpoint: Ref<number> = { value: 0 };

  chid = -1;
  coid = -1;
  iid = -1;
  readonly tid: Ref<number> = { value: -1 };
  readonly priority: number;
  readonly interrupt_event = new sigevent();
  readonly timer_event = new sigevent();
  readonly pulse: _pulse = { code: 0, value: 0 };
  readonly mdi: Ref<mdi_t | null> = { value: null };
  /** 82558 or later: extended TxCBs, long frames. */
  extended = false;
  link_up = false;
  /** The chip works, and interrupts are welcome. */
  running = false;
  /** It does not answer; every tick looks for it. */
  lost = false;
  dying = false;
  /** rxed_ok at the last tick. */
  rx_seen = -1;
  /** Ticks in a row that did not look at the PHY. */
  phy_unseen = 0;

  // Shared with the chip; 0 before they are taken.
  tx_blocks = 0;
  setups = 0;
  /** Of the set-up that was made last. */
  setup = 0;
  dump = 0;

  readonly pool: rx_packet[] = [];
  readonly spare: rx_packet[] = [];
  readonly rx: rx_packet[] = [];
  rx_next = 0;

  readonly tx_npkt: (npkt_t | null)[] = [];
  /** Memory for a packet of too many pieces, one for each block; 0: not needed yet. */
  readonly tx_bounce: number[] = [];
  readonly tx_count: number;
  tx_next = 0;
  tx_dirty = 0;
  tx_free = 0;
  /** A block in so many asks for an interrupt. */
  readonly tx_interval: number;
  /** Bytes in the FIFO at which a transmission begins, in units of 8. */
  tx_threshold = 0;
  /** Frames that went into the FIFO, less those that are known to have left it, or to have failed there. */
  tx_fifo = 0;
  /** Blocks that the command unit has not been told of. */
  tx_untold = 0;
  /** tx_dirty at the last tick, and ticks since it moved. */
  tx_seen = 0;
  tx_stuck = 0;
  /** Waits for the ring. */
  queue: npkt_t | null = null;
  queue_last: npkt_t | null = null;
  queued = 0;
  /** Finished: tx_done when the mutex is given back. */
  done: npkt_t | null = null;
  done_last: npkt_t | null = null;

  /** Address of the block with the S bit. */
  cu_tail = 0;
  /** Ring index of the block that leads to the set-up; -1: none is under way. */
  setup_slot = -1;
  /** The set-up has changed again meanwhile. */
  setup_again = false;

  /** By option, whatever devctl says. */
  readonly always_promiscuous: boolean;
  promiscuous = false;
  /** First and last address of each range of groups. */
  readonly groups: { low: Uint8Array; high: Uint8Array }[] = [];

  constructor(
    ion: io_net_self_t,
    dispatch: dispatch_t,
    pci: PciDevice,
    cfg: nic_config_t,
    options: speedo_options,
  ) {
    this.ion = ion;
    this.dispatch = dispatch;
    this.pci = pci;
    this.regs = pci.registers(0);
    this.cfg = cfg;
    this.options = options;
    this.priority = cfg.priority === -1 ? PRIORITY : cfg.priority;
    this.tx_count = options.transmit;
    this.tx_interval = Math.min(8, options.transmit >> 2);
    this.always_promiscuous = (cfg.flags & NIC_FLAG_PROMISCUOUS) !== 0;
  }

  /** Receive buffers. */
  get rxRing(): number {
    return this.rx.length;
  }

  /** For the log. */
  get name(): string {
    return `${this.cfg.uptype}${this.cfg.lan}`;
  }
}

/** Of the thread and its pulses, unless an option says otherwise. */
const PRIORITY = 21;
