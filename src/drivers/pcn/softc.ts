// What the driver keeps of one card: struct pcn_softc.
//
//   transmit ring    sc_txdirty ... sc_txnext - 1 are the chip's or finished, sc_txfree is what is left; guarded by if_snd_ex.
//                    sc_txmbuf has a packet at the descriptor of its last fragment.
//   receive ring     sc_rxnext is the next descriptor that the chip gives back; each has a buffer in sc_rxmbuf. It is the
//                    interrupt thread's; init and stop touch it while the chip is halted and sc_running is false.

import type { PciDevice } from '../../bus/pci.ts';
import type { ReceiveRing, TransmitRing } from '../../chips/pcnet/ring.ts';
import { callout } from '../../iopkt/callout.ts';
import { device } from '../../iopkt/device.ts';
import { ethercom } from '../../iopkt/ether.ts';
import type { shutdownhook } from '../../iopkt/hooks.ts';
import { ifmedia } from '../../iopkt/ifmedia.ts';
import type { ifnet } from '../../iopkt/ifnet.ts';
import { _iopkt_inter } from '../../iopkt/interrupt.ts';
import type { IoPkt } from '../../iopkt/manager.ts';
import type { mdi_t } from '../../iopkt/mdi.ts';
import type { Mbuf } from '../../mbuf/mbuf.ts';
import type { pcn_registers } from './registers.ts';

/** Software style: 32-bit structures in the order that the chip can burst. */
export const PCN_SWSTYLE = 3;
/** Fragments of a packet: a packet with more is copied together. */
export const PCN_NTXSEGS = 8;
/** Receive buffers: the longest frame with a VLAN tag and its FCS. What is longer needs a second one and is refused. */
export const PCN_RXBYTES = 1522;
/** In front of a received frame: the same place within a word as on the wire, and room for a longer header. */
export const PCN_RXOFFSET = 34;

/** Event counters (evcnt(9)). */
export class pcn_events {
  rx_missed_frames = 0;
  rx_length_errors = 0;
  rx_crc_errors = 0;
  rx_frame_errors = 0;
  rx_fifo_errors = 0;
  rx_no_buffer = 0;
  tx_linearised = 0;
  tx_linearise_failures = 0;
  tx_late_collisions = 0;
  tx_carrier_errors = 0;
  tx_retry_errors = 0;
  tx_underflows = 0;
  tx_timeouts = 0;
  tx_ring_full = 0;
  bus_errors = 0;
  restarts = 0;
}

export class pcn_softc extends device {
  readonly sc_ethercom = new ethercom();
  readonly sc_inter = new _iopkt_inter<pcn_softc>();
  readonly sc_tick_ch = new callout();
  readonly sc_recover_ch = new callout();
  readonly sc_media = new ifmedia();
  readonly sc_mdi: { value: mdi_t | null } = { value: null };
  readonly sc_ev = new pcn_events();
  sc_iopkt!: IoPkt;
  sc_pci!: PciDevice;
  sc_regs!: pcn_registers;
  sc_hook: shutdownhook | null = null;
  sc_iid = -1;
  sc_irq = 0;
  /** `Am79C973`. */
  sc_chip = '';
  /** Am79C973: the link is its PHY's. */
  sc_fast = false;
  sc_promiscuous = false;
  sc_dying = false;
  /** The chip was started and not halted since. */
  sc_running = false;
  /** It does not answer; sc_tick looks for it. */
  sc_lost = false;

  // Shared with the chip; 0 and null before they are taken.
  sc_initblock = 0;
  sc_rxring!: ReceiveRing;
  sc_txring!: TransmitRing;
  sc_rxring_at = 0;
  sc_txring_at = 0;
  readonly sc_rxmbuf: (Mbuf | null)[] = [];
  readonly sc_txmbuf: (Mbuf | null)[] = [];

  sc_rxnext = 0;
  /** Between the first and the last descriptor of a frame that took more than one. */
  sc_rxinframe = false;
  sc_txnext = 0;
  sc_txdirty = 0;
  sc_txfree = 0;
  /** TMD2 errors of the packet whose descriptors are coming back. */
  sc_txerrors = 0;
  sc_txsegs = PCN_NTXSEGS;

  /** CSR15, and CSR8 to CSR11 as the chip has them. */
  sc_mode = 0;
  sc_filterlow = 0;
  sc_filterhigh = 0;
  /** if_flags that the filter was made of. */
  sc_if_flags = 0;
  /** CSR112 at the last look. */
  sc_missed = 0;
  /** Media word that the hardware was set to; -1: none yet. */
  sc_media_set = -1;
  /** bit/s and duplex of the link; 0 while it is down. */
  sc_rate = 0;
  sc_fdx = false;
}

export function softcOf(ifp: ifnet): pcn_softc {
  return ifp.if_softc as pcn_softc;
}
