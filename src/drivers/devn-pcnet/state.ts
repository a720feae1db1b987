// What the driver keeps of one card.
//
//   transmit   tx_dirty ... tx_next - 1 are the chip's or finished, tx_free is what is left; tx_npkt has a packet at the
//              descriptor of its last fragment; what does not fit waits in a list by npkt.next. Guarded by `mutex`.
//   receive    rx_next is the next descriptor that the chip gives back; each has a packet of the pool in rx. The thread's;
//              `spare` are those of the pool that are free: tx_done puts them there, in any thread.

import type { PciDevice } from '../../bus/pci.ts';
import type { ReceiveRing, TransmitRing } from '../../chips/pcnet/ring.ts';
import type { dispatch_t, io_net_self_t, Ref } from '../../ionet/interface.ts';
import { type _pulse, pthread_mutex_t, sigevent } from '../../ionet/neutrino.ts';
import type { net_buf_t, npkt_t } from '../../ionet/npkt.ts';
import { type mdi_t, type nic_config_t, nic_stats_t } from '../../ionet/shared.ts';
import type { pcnet_registers } from './registers.ts';

/** Software style: 32-bit structures in the order that the chip can burst. */
export const SWSTYLE = 3;
/** Fragments of a packet: a packet with more is copied together. */
export const MAX_FRAGMENTS = 8;
/** Receive buffers: the longest frame with a VLAN tag and its FCS. */
export const RX_BYTES = 1522;
/** A packet of the longest kind, for those that are copied together. */
export const BOUNCE_BYTES = 1536;

/** Of the driver's thread and its pulses. */
export const PRIORITY = 21;
/** Codes of the driver's pulses; MDI_TIMER is the library's. */
export const PULSE_INTERRUPT = 1;
export const PULSE_QUIT = 2;
export const PULSE_RESTART = 3;
export const PULSE_FLUSH = 4;

/** A packet of the pool, with its one buffer and the bytes behind it. */
export interface rx_packet {
  readonly npkt: npkt_t;
  readonly buf: net_buf_t;
  readonly address: number;
  readonly phys: number;
}

export class pcnet_t {
  readonly ion: io_net_self_t;
  readonly dispatch: dispatch_t;
  readonly pci: PciDevice;
  readonly regs: pcnet_registers;
  readonly cfg: nic_config_t;
  readonly stats = new nic_stats_t();
  /** What nic_stats_t has no field for. rx_dropped: frames that the card delivered and the driver did not pass up. */
  readonly events = { rx_dropped: 0 };
  readonly mutex = new pthread_mutex_t('pcnet');
  readonly reg_hdl: Ref<number> = { value: 0 };
  readonly cell: Ref<number> = { value: 0 };
  readonly endpoint: Ref<number> = { value: 0 };
  /** Am79C973: it has a PHY. */
  fast = false;

  chid = -1;
  coid = -1;
  iid = -1;
  readonly tid: Ref<number> = { value: -1 };
  readonly interrupt_event = new sigevent();
  readonly timer_event = new sigevent();
  readonly pulse: _pulse = { code: 0, value: 0 };
  readonly mdi: Ref<mdi_t | null> = { value: null };
  link_up = false;
  running = false;
  /** shutdown2 has begun. */
  dying = false;

  // Shared with the chip; 0 before they are taken.
  init_block = 0;
  rx_ring!: ReceiveRing;
  tx_ring!: TransmitRing;
  rx_ring_at = 0;
  tx_ring_at = 0;

  readonly pool: rx_packet[] = [];
  readonly spare: rx_packet[] = [];
  readonly rx: rx_packet[] = [];
  rx_next = 0;
  rx_in_frame = false;
  /** CSR112 at the last look. */
  missed = 0;

  readonly tx_npkt: (npkt_t | null)[] = [];
  /** Memory for a packet of too many pieces, one for each descriptor; 0: not needed yet. */
  readonly tx_bounce: number[] = [];
  tx_next = 0;
  tx_dirty = 0;
  tx_free = 0;
  /** TMD2 errors of the packet whose descriptors are coming back. */
  tx_errors = 0;
  /** The transmitter has stopped, or the bus has failed. */
  broken = false;
  /** tx_dirty at the last tick, and ticks since it moved. */
  tx_seen = 0;
  tx_stuck = 0;
  queue: npkt_t | null = null;
  queue_last: npkt_t | null = null;
  queued = 0;

  promiscuous = false;
  /** First and last address of each range of groups. */
  readonly groups: { low: Uint8Array; high: Uint8Array }[] = [];

  constructor(
    ion: io_net_self_t,
    dispatch: dispatch_t,
    pci: PciDevice,
    regs: pcnet_registers,
    cfg: nic_config_t,
  ) {
    this.ion = ion;
    this.dispatch = dispatch;
    this.pci = pci;
    this.regs = regs;
    this.cfg = cfg;
  }

  /** Receive descriptors. */
  get rxRing(): number {
    return this.rx_ring.count;
  }
}
