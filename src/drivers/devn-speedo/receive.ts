// The way up: a pool of packets of the driver's own, the ring, and what comes back by tx_done. Software Developer Manual 6.4.3.1
// (receive frame descriptor, simplified mode) and 6.5.4.
//
// The list is a ring of buffers with one end: the descriptor before the next one to be filled has EL. A buffer that has been
// taken is replaced by another at the end: that gets EL, then the old end is linked to it and loses EL. If the chip was there
// first, it has run out of resources, says so (RNR), and is started again.

import { RFD, RFD_COMMAND, RFD_COUNT, RFD_STATUS } from '../../chips/i8255x/blocks.ts';
import { CSR, RUS, RUS_SHIFT, SCB_STATUS } from '../../chips/i8255x/sheet.ts';
import { CACHE_FLUSH, CACHE_INVAL } from '../../ionet/neutrino.ts';
import {
  _NPKT_BCAST,
  _NPKT_MCAST,
  _NPKT_MSG,
  _NPKT_UP,
  net_buf_t,
  type npkt_t,
  setSingle,
} from '../../ionet/npkt.ts';
import { ETH_FRAME_LEN, ETH_HLEN } from '../../net/ether.ts';
import { speedo_ru_start } from './hardware.ts';
import { RFD_OFFSET, RX_BUFFER_BYTES, RX_DATA, RX_SPACE, type rx_packet, type speedo_t } from './state.ts';
import { speedo_lock, speedo_unlock } from './transmit.ts';

const { C, OK } = RFD_STATUS;
const { EL } = RFD_COMMAND;
const ETH_P_8021Q = 0x8100;
const LONGEST = ETH_FRAME_LEN + 4;

/** A packet for each descriptor, and as many that may be on their way. False: no memory; speedo_rx_free what there is. */
export function speedo_rx_alloc(speedo: speedo_t): boolean {
  const { ion, pool, spare, rx, options } = speedo;
  const { u16 } = speedo.dispatch.machine.memory;
  const room = { value: 0 };
  for (let i = 0; i < 2 * options.receive; i++) {
    const npkt = ion.alloc_up_npkt(RX_BUFFER_BYTES, room);
    if (npkt === null) return false;
    const rfd = room.value + RFD_OFFSET;
    const data = rfd + RX_DATA;
    const packet = {
      npkt,
      buf: new net_buf_t(),
      rfd,
      rfd_phys: ion.mphys(rfd),
      data,
      data_phys: ion.mphys(data),
    };
    npkt.org_data = packet;
    pool.push(packet);
    // It is looked at when the card is stopped, also when it was never started.
    clear(u16, rfd, 0);
    if (i < options.receive) rx.push(packet);
    else spare.push(packet);
  }
  return true;
}

/** The whole pool: nobody has a packet of it any more. */
export function speedo_rx_free(speedo: speedo_t): void {
  for (const { npkt } of speedo.pool) speedo.ion.free(npkt);
  speedo.pool.length = speedo.spare.length = speedo.rx.length = 0;
}

/** tx_done of the registrant: a packet of the driver's own is back. */
export function speedo_tx_done(npkt: npkt_t, _done_hdl: unknown, speedo: speedo_t): number {
  if ((npkt.flags & _NPKT_MSG) === 0) speedo.spare.push(npkt.org_data as rx_packet);
  return 0;
}

// ---- the ring

/** All buffers are free, for a chip that was reset. */
export function speedo_rx_fill(speedo: speedo_t): void {
  const { u16 } = speedo.dispatch.machine.memory;
  const { rx } = speedo;
  for (let slot = 0; slot < rx.length; slot++) {
    const last = slot === rx.length - 1;
    clear(u16, rx[slot].rfd, last ? EL : 0);
    if (!last) link(u16, rx[slot].rfd, rx[slot + 1].rfd_phys);
  }
  speedo.rx_next = 0;
}

/** The slot's buffer is the end of the list now. */
function recycle(speedo: speedo_t, slot: number): void {
  const { u16 } = speedo.dispatch.machine.memory;
  const { rx } = speedo;
  const { rfd, rfd_phys } = rx[slot];
  clear(u16, rfd, EL);
  CACHE_FLUSH(null, rfd, rfd_phys, RX_DATA);
  const end = rx[slot === 0 ? rx.length - 1 : slot - 1].rfd;
  link(u16, end, rfd_phys);
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
  u16[(rfd + RFD.SIZE) >> 1] = RX_SPACE;
}

/** In halves: the descriptor lies at an even address. */
function link(u16: Uint16Array, rfd: number, to: number): void {
  u16[(rfd + RFD.LINK) >> 1] = to;
  u16[(rfd + RFD.LINK + 2) >> 1] = to >>> 16;
}

/** The receive unit left the ready state: on it goes, where the next free buffer is. */
export function speedo_rx_resume(speedo: speedo_t): void {
  const state = (speedo.regs.read8(CSR.SCB_STATUS) & SCB_STATUS.RUS) >> RUS_SHIFT;
  if (state === RUS.READY) return;
  speedo.events.rx_restarts++;
  speedo_lock(speedo);
  speedo_ru_start(speedo);
  speedo_unlock(speedo);
}

// ---- what has arrived

/**
 * Buffers with a status, from the next one on. What belongs to it may still be on its way: a bridge holds writes back, and
 * QEMU's chips write count and data after it. A register that is read from here on pushes all of that out in front of it.
 */
export function speedo_rx_done(speedo: speedo_t): number {
  const { u16 } = speedo.dispatch.machine.memory;
  const { rx } = speedo;
  let done = 0;
  let slot = speedo.rx_next;
  while (done < rx.length) {
    const { rfd } = rx[slot];
    speedo.pci.dma.syncForCpu(rfd, RX_DATA);
    if ((u16[(rfd + RFD.STATUS) >> 1] & C) === 0) break;
    done++;
    slot = slot + 1 === rx.length ? 0 : slot + 1;
  }
  return done;
}

/** Passes up what speedo_rx_done has counted, as one list. The thread's. */
export function speedo_receive(speedo: speedo_t, done: number): void {
  let list: npkt_t | null = null;
  let last: npkt_t | null = null;
  for (let i = 0; i < done; i++) {
    const slot = speedo.rx_next;
    const { rfd } = speedo.rx[slot];
    const status = speedo.dispatch.machine.memory.u16[(rfd + RFD.STATUS) >> 1];
    speedo.rx_next = slot + 1 === speedo.rx.length ? 0 : slot + 1;
    const npkt = take(speedo, slot, status);
    recycle(speedo, slot);
    if (npkt === null) continue;
    if (last === null) list = npkt;
    else last.next = npkt;
    last = npkt;
  }
  if (list !== null) passUp(speedo, list);
}

function passUp(speedo: speedo_t, list: npkt_t): void {
  const { ion, reg_hdl, cell, endpoint } = speedo;
  let back = ion.tx_up_start(reg_hdl.value, list, 0, 0, cell.value, endpoint.value, 0, speedo);
  while (back !== null) {
    const { next }: npkt_t = back;
    back.next = null;
    speedo_tx_done(back, speedo, speedo);
    back = next;
  }
}

/** The frame of a slot, which gets another buffer; null: it is refused, and the buffer stays. */
function take(speedo: speedo_t, slot: number, status: number): npkt_t | null {
  const { stats, spare } = speedo;
  const { u8, u16 } = speedo.dispatch.machine.memory;
  const { npkt, buf, rfd, data, data_phys } = speedo.rx[slot];
  const length = u16[(rfd + RFD.ACTUAL_COUNT) >> 1] & RFD_COUNT.BYTES;
  CACHE_INVAL(null, data, data_phys, Math.min(length, RX_SPACE));
  if ((status & OK) === 0 || !plausible(u8, data, length)) {
    if (length < ETH_HLEN) stats.un_estats.short_packets++;
    else {
      stats.un_estats.oversized_packets++;
      speedo.events.rx_length_errors++;
    }
    speedo.events.rx_dropped++;
    return null;
  }
  const fresh = spare.pop();
  if (fresh === undefined) {
    stats.rx_failed_allocs++;
    speedo.events.rx_dropped++;
    return null;
  }
  speedo.rx[slot] = fresh;
  npkt.next = null;
  npkt.flags = _NPKT_UP;
  npkt.ref_cnt = 1;
  setSingle(npkt, buf, data, data_phys, length);
  if ((u8[data] & 1) !== 0) countGroup(speedo, npkt, u8, data);
  stats.rxed_ok++;
  stats.octets_rxed_ok += length;
  return npkt;
}

/** The length is the chip's word; a VLAN tag makes four bytes more of the longest frame. */
function plausible(u8: Uint8Array, at: number, length: number): boolean {
  if (length >= ETH_HLEN && length <= ETH_FRAME_LEN) return true;
  if (length < ETH_HLEN || length > LONGEST) return false;
  return ((u8[at + 12] << 8) | u8[at + 13]) === ETH_P_8021Q;
}

function countGroup({ stats }: speedo_t, npkt: npkt_t, u8: Uint8Array, at: number): void {
  let every = 0xff;
  for (let i = 0; i < 6; i++) every &= u8[at + i];
  if (every === 0xff) {
    npkt.flags |= _NPKT_BCAST;
    stats.rxed_broadcast++;
  } else {
    npkt.flags |= _NPKT_MCAST;
    stats.rxed_multicast++;
  }
}
