// Receiving. Software Developer Manual 6.4.3.1 (receive frame descriptor, simplified mode) and 6.5.4.
//
// The list is a ring of buffers with one end: the descriptor before the next one to be filled has EL. A buffer that has been
// taken goes to the end: it gets EL, then the old end is linked to it and loses EL. If the chip was there first, it has run
// out of resources, says so (RNR), and is started again.

import { RFD, RFD_COMMAND, RFD_COUNT, RFD_STATUS } from '../../chips/i8255x/blocks.ts';
import { CSR, RUS, RUS_SHIFT, SCB_STATUS } from '../../chips/i8255x/sheet.ts';
import { NW_SIGLOCK_P, NW_SIGUNLOCK_P } from '../../iopkt/locks.ts';
import {
  CACHE_FLUSH,
  CACHE_INVAL,
  M_DONTWAIT,
  MT_DATA,
  m_freem,
  m_getcl,
  m_getcl_wtp,
  m_set_rcvif,
  mbuf_phys,
} from '../../iopkt/mbuf.ts';
import type { nw_work_thread } from '../../iopkt/threads.ts';
import { M_PKTHDR, type Mbuf } from '../../mbuf/mbuf.ts';
import { ETH_FRAME_LEN, ETH_HLEN } from '../../net/ether.ts';
import { speedo_ru_start } from './hardware.ts';
import { SPEEDO_RFD_OFFSET, SPEEDO_RX_DATA, SPEEDO_RX_SPACE, type speedo_dev } from './softc.ts';

const { C, OK } = RFD_STATUS;
const { EL } = RFD_COMMAND;
const ETH_P_8021Q = 0x8100;
const LONGEST = ETH_FRAME_LEN + 4;

/**
 * Buffers with a status, from the next one on. What belongs to it may still be on its way: a bridge holds writes back, and
 * QEMU's chips write count and data after it. A register that is read from here on pushes all of that out in front of it.
 */
export function speedo_receive_done(sc: speedo_dev): number {
  const { u16 } = sc.iopkt.machine.memory;
  const { rx_count, rx_rfd } = sc;
  let done = 0;
  let slot = sc.rx_next;
  while (done < rx_count && sc.rx_mbuf[slot] !== null) {
    sc.pci.dma.syncForCpu(rx_rfd[slot], SPEEDO_RX_DATA);
    if ((u16[(rx_rfd[slot] + RFD.STATUS) >> 1] & C) === 0) break;
    done++;
    slot = slot + 1 === rx_count ? 0 : slot + 1;
  }
  return done;
}

/** Passes up what speedo_receive_done has counted. Stack context after the chip was halted, too. */
export function speedo_receive(sc: speedo_dev, wtp: nw_work_thread, done: number): void {
  const { u16 } = sc.iopkt.machine.memory;
  const { rx_count, rx_rfd } = sc;
  const ifp = sc.ecom.ec_if;
  for (let i = 0; i < done; i++) {
    const slot = sc.rx_next;
    const rfd = rx_rfd[slot];
    const m = sc.rx_mbuf[slot];
    // A protocol may have stopped us from within if_input, which took the rest, or for good.
    if (m === null) return;
    const status = u16[(rfd + RFD.STATUS) >> 1];
    if ((status & C) === 0) return;
    sc.rx_next = slot + 1 === rx_count ? 0 : slot + 1;
    const length = u16[(rfd + RFD.ACTUAL_COUNT) >> 1] & RFD_COUNT.BYTES;
    CACHE_INVAL(null, m.data, mbuf_phys(m), Math.min(length, SPEEDO_RX_SPACE));
    if ((status & OK) === 0 || !plausible(sc, m.data, length)) {
      refuse(sc, length);
      recycle(sc, slot);
      continue;
    }
    const fresh = m_getcl_wtp(M_DONTWAIT, MT_DATA, M_PKTHDR, wtp);
    if (fresh === null) {
      sc.stats.rx_failed_allocs++;
      ifp.if_ierrors++;
      recycle(sc, slot);
      continue;
    }
    place(sc, slot, fresh);
    recycle(sc, slot);
    m.length = length;
    m.packetLength = length;
    m_set_rcvif(m, ifp);
    ifp.if_ipackets++;
    ifp.if_input(ifp, m);
  }
}

/** The length is the chip's word; a VLAN tag makes four bytes more of the longest frame. */
function plausible(sc: speedo_dev, at: number, length: number): boolean {
  if (length >= ETH_HLEN && length <= ETH_FRAME_LEN) return true;
  if (length < ETH_HLEN || length > LONGEST) return false;
  const { u8 } = sc.iopkt.machine.memory;
  return ((u8[at + 12] << 8) | u8[at + 13]) === ETH_P_8021Q;
}

function refuse(sc: speedo_dev, length: number): void {
  sc.ecom.ec_if.if_ierrors++;
  if (length < ETH_HLEN) sc.stats.un_estats.short_packets++;
  else {
    sc.stats.un_estats.oversized_packets++;
    sc.events.rx_length_errors++;
  }
}

/** A fresh buffer's descriptor is in front of its data. */
function place(sc: speedo_dev, slot: number, m: Mbuf): void {
  const rfd = m.data + SPEEDO_RFD_OFFSET;
  m.data = rfd + SPEEDO_RX_DATA;
  sc.rx_mbuf[slot] = m;
  sc.rx_rfd[slot] = rfd;
}

/** The slot's buffer is the end of the list now. */
function recycle(sc: speedo_dev, slot: number): void {
  const { u16 } = sc.iopkt.machine.memory;
  const { rx_rfd } = sc;
  const rfd = rx_rfd[slot];
  clear(u16, rfd, EL);
  CACHE_FLUSH(null, rfd, rfd, SPEEDO_RX_DATA);
  const end = rx_rfd[slot === 0 ? sc.rx_count - 1 : slot - 1];
  link(u16, end, rfd);
  // From here the controller owns the buffer.
  u16[(end + RFD.COMMAND) >> 1] = 0;
}

function clear(u16: Uint16Array, rfd: number, command: number): void {
  u16[(rfd + RFD.STATUS) >> 1] = 0;
  u16[(rfd + RFD.COMMAND) >> 1] = command;
  link(u16, rfd, 0xffffffff);
  // The reserved word, which flexible mode has an address in.
  u16[(rfd + 8) >> 1] = 0xffff;
  u16[(rfd + 10) >> 1] = 0xffff;
  u16[(rfd + RFD.ACTUAL_COUNT) >> 1] = 0;
  u16[(rfd + RFD.SIZE) >> 1] = SPEEDO_RX_SPACE;
}

/** In halves: the descriptor lies at an even address. */
function link(u16: Uint16Array, rfd: number, to: number): void {
  u16[(rfd + RFD.LINK) >> 1] = to;
  u16[(rfd + RFD.LINK + 2) >> 1] = to >>> 16;
}

/** The receive unit left the ready state: on it goes, where the next free buffer is. */
export function speedo_receive_resume(sc: speedo_dev, wtp: nw_work_thread): void {
  const mutex = sc.ecom.ec_if.if_snd_ex!;
  const state = (sc.regs.read8(CSR.SCB_STATUS) & SCB_STATUS.RUS) >> RUS_SHIFT;
  if (state === RUS.READY) return;
  sc.events.rx_restarts++;
  NW_SIGLOCK_P(mutex, sc.iopkt, wtp);
  speedo_ru_start(sc);
  NW_SIGUNLOCK_P(mutex, sc.iopkt, wtp);
}

/** A buffer for every slot, those that have one keep it, and all of them free; false: there were too few. */
export function speedo_receive_fill(sc: speedo_dev): boolean {
  const { u16 } = sc.iopkt.machine.memory;
  const { rx_count, rx_mbuf, rx_rfd } = sc;
  for (let slot = 0; slot < rx_count; slot++) {
    if (rx_mbuf[slot] !== null) continue;
    const m = m_getcl(M_DONTWAIT, MT_DATA, M_PKTHDR);
    if (m === null) return false;
    place(sc, slot, m);
    // It is looked at when the card is stopped, also when this fails at a later one.
    clear(u16, sc.rx_rfd[slot], 0);
  }
  for (let slot = 0; slot < rx_count; slot++) {
    const last = slot === rx_count - 1;
    clear(u16, rx_rfd[slot], last ? EL : 0);
    if (!last) link(u16, rx_rfd[slot], rx_rfd[slot + 1]);
  }
  sc.rx_next = 0;
  return true;
}

/** Frees the buffers of a chip that was reset. */
export function speedo_receive_drain(sc: speedo_dev): void {
  for (let slot = 0; slot < sc.rx_count; slot++) {
    m_freem(sc.rx_mbuf[slot]);
    sc.rx_mbuf[slot] = null;
  }
}
