// The way down: ring, a queue for what does not fit, and tx_done, which is called without the mutex, since the next rx_down may
// come from there. Software Developer Manual 6.4.2.5 (transmit command block, flexible mode) and 6.5.3 (resume).
//
// A block is done when its frame is in the chip's FIFO. Few ask for an interrupt: what was sent goes back when the ring is short
// of blocks, with the interrupt of every eighth block, which also gets a full ring going again, or at the next tick.

import { CB, CMD, COMMAND, STATUS, TBD_BYTES, TX_COUNT } from '../../chips/i8255x/blocks.ts';
import { TX_DOWN_FAILED, TX_DOWN_OK } from '../../ionet/interface.ts';
import type { npkt_msg_t } from '../../ionet/message.ts';
import { CACHE_FLUSH, pthread_mutex_lock, pthread_mutex_unlock } from '../../ionet/neutrino.ts';
import { _NPKT_BCAST, _NPKT_MCAST, _NPKT_MSG, _NPKT_NOT_TXED, type npkt_t } from '../../ionet/npkt.ts';
import { EOK } from '../../ionet/shared.ts';
import { speedo_multicast } from './multicast.ts';
import { speedo_append, speedo_block, speedo_change_setup, speedo_setup_done, speedo_tell } from './setup.ts';
import { BOUNCE_BYTES, type speedo_t, TX_FRAGMENTS, TX_RESERVE } from './state.ts';

const TRANSMIT = CMD.TRANSMIT | COMMAND.SF | COMMAND.S;
const { C, U } = STATUS;
/** Of an extended TxCB the first two TBDs are inside. */
const INNER_TBD_BYTES = 2 * TBD_BYTES;
/** In units of 8 bytes: 256 to begin with, a whole frame at most. */
export const TX_THRESHOLD_FIRST = 32;
const TX_THRESHOLD_STEP = 32;
const TX_THRESHOLD_MOST = 192;
/** Blocks after which the command unit is told at the latest: QEMU's executes 16 at a resume, and leaves the rest for the next. */
const TELL_AFTER = 16;
/** Packets that wait for the ring; one more is not sent. */
const QUEUE_LIMIT = 256;

/** rx_down of the registrant: a packet, a message, or a list of them. */
export function speedo_rx_down(list: npkt_t, speedo: speedo_t): number {
  let result = TX_DOWN_OK;
  speedo_lock(speedo);
  for (let npkt: npkt_t | null = list; npkt !== null; ) {
    // Once it is sent, or refused, it is nobody's business here.
    const next: npkt_t | null = npkt.next;
    npkt.next = null;
    if ((npkt.flags & _NPKT_MSG) !== 0) {
      speedo_reap(speedo);
      if (speedo_multicast(speedo, (npkt as npkt_msg_t).msg) === EOK) finish(speedo, npkt);
      else result = refuse(speedo, npkt);
    } else if (!submit(speedo, npkt)) result = refuse(speedo, npkt);
    npkt = next;
  }
  speedo_tell(speedo);
  speedo_unlock(speedo);
  return result;
}

// ---- mutex

export function speedo_lock(speedo: speedo_t): void {
  pthread_mutex_lock(speedo.mutex);
}

/** Gives the mutex back, and then what was finished while it was held. */
export function speedo_unlock(speedo: speedo_t): void {
  const { ion, reg_hdl, mutex, done } = speedo;
  speedo.done = speedo.done_last = null;
  pthread_mutex_unlock(mutex);
  for (let npkt = done; npkt !== null; ) {
    const { next }: npkt_t = npkt;
    npkt.next = null;
    ion.tx_done(reg_hdl.value, npkt);
    npkt = next;
  }
}

// ---- mutex held

function finish(speedo: speedo_t, npkt: npkt_t): void {
  npkt.next = null;
  if (speedo.done_last === null) speedo.done = npkt;
  else speedo.done_last.next = npkt;
  speedo.done_last = npkt;
}

function refuse(speedo: speedo_t, npkt: npkt_t): number {
  npkt.flags |= _NPKT_NOT_TXED;
  finish(speedo, npkt);
  return TX_DOWN_FAILED;
}

/** Into the ring, or behind those that wait for it. False: it is not sent. */
function submit(speedo: speedo_t, npkt: npkt_t): boolean {
  if (!speedo.link_up || !speedo.running) return false;
  if (speedo.queued > 0 || speedo.tx_free < TX_RESERVE) speedo_reap(speedo);
  if (speedo.queued === 0 && speedo.tx_free >= TX_RESERVE) return encapsulate(speedo, npkt);
  if (speedo.queued >= QUEUE_LIMIT) return false;
  if (speedo.queue_last === null) speedo.queue = npkt;
  else speedo.queue_last.next = npkt;
  speedo.queue_last = npkt;
  speedo.queued++;
  speedo.events.tx_queued++;
  return true;
}

function fragments(npkt: npkt_t): number {
  let count = 0;
  for (let buf = npkt.buffers.first; buf !== null; buf = buf.ptrs)
    for (let i = 0; i < buf.niov; i++) if (buf.net_iov[i].iov_len > 0) count++;
  return count;
}

/** Takes a packet into the ring, where a block is free. False: it cannot be sent. */
function encapsulate(speedo: speedo_t, npkt: npkt_t): boolean {
  const { u8, u16, u32 } = speedo.dispatch.machine.memory;
  const index = speedo.tx_next;
  const next = index + 1 === speedo.tx_count ? 0 : index + 1;
  const at = speedo_block(speedo, index);
  const array = at + CB.DATA;
  let count = fragments(npkt);
  if (count === 0) return false;
  if (count > TX_FRAGMENTS) {
    if (!flatten(speedo, npkt, index, array)) return false;
    count = 1;
  } else writeTbds(u32, npkt, array);
  // Both TBDs inside an extended block may be read, whatever the number says.
  if (count === 1) u32[(array + TBD_BYTES + 4) >> 2] = 0;
  u32[(at + CB.TBD_ARRAY) >> 2] = speedo.extended ? array + INNER_TBD_BYTES : array;
  u16[(at + CB.BYTE_COUNT) >> 1] = TX_COUNT.EOF;
  u8[at + CB.THRESHOLD] = speedo.tx_threshold;
  u8[at + CB.TBD_NUMBER] = count;
  u32[(at + CB.LINK) >> 2] = speedo_block(speedo, next);
  u16[(at + CB.STATUS) >> 1] = 0;
  u16[(at + CB.COMMAND) >> 1] = index % speedo.tx_interval === 0 ? TRANSMIT | COMMAND.I : TRANSMIT;
  speedo.tx_npkt[index] = npkt;
  speedo.tx_next = next;
  speedo.tx_free--;
  speedo_append(speedo, at);
  if (++speedo.tx_untold === TELL_AFTER) speedo_tell(speedo);
  return true;
}

function writeTbds(u32: Uint32Array, npkt: npkt_t, array: number): void {
  let tbd = array >> 2;
  for (let buf = npkt.buffers.first; buf !== null; buf = buf.ptrs) {
    for (let i = 0; i < buf.niov; i++) {
      const { iov_base, iov_phys, iov_len } = buf.net_iov[i];
      if (iov_len === 0) continue;
      CACHE_FLUSH(null, iov_base, iov_phys, iov_len);
      u32[tbd] = iov_phys;
      u32[tbd + 1] = iov_len;
      tbd += 2;
    }
  }
}

/** One copy in place of too many pieces, in memory that belongs to the block. */
function flatten(speedo: speedo_t, npkt: npkt_t, index: number, array: number): boolean {
  const { ion, tx_bounce, stats } = speedo;
  const { framelen } = npkt;
  if (framelen > BOUNCE_BYTES) return false;
  if (tx_bounce[index] === 0) tx_bounce[index] = ion.alloc(BOUNCE_BYTES, 0);
  const address = tx_bounce[index];
  if (address === 0) {
    stats.tx_failed_allocs++;
    return false;
  }
  speedo.events.tx_linearised++;
  ion.memcpy_from_npkt(address, npkt, 0, framelen);
  CACHE_FLUSH(null, address, address, framelen);
  const { u32 } = speedo.dispatch.machine.memory;
  u32[array >> 2] = ion.mphys(address);
  u32[(array + 4) >> 2] = framelen;
  return true;
}

/** Takes back what the chip is done with, and goes on with what waited. speedo_tell must follow. */
export function speedo_reap(speedo: speedo_t): void {
  collect(speedo);
  if (!speedo.running) return;
  while (speedo.queue !== null && speedo.tx_free >= TX_RESERVE) {
    const npkt = speedo.queue;
    speedo.queue = npkt.next;
    if (speedo.queue === null) speedo.queue_last = null;
    speedo.queued--;
    npkt.next = null;
    if (!encapsulate(speedo, npkt)) refuse(speedo, npkt);
  }
}

function collect(speedo: speedo_t): void {
  const { u16 } = speedo.dispatch.machine.memory;
  const { tx_npkt, tx_count } = speedo;
  while (speedo.tx_free < tx_count) {
    const index = speedo.tx_dirty;
    const at = speedo_block(speedo, index);
    speedo.pci.dma.syncForCpu(at, CB.DATA);
    const status = u16[(at + CB.STATUS) >> 1];
    if ((status & C) === 0) break;
    if (index === speedo.setup_slot) {
      // The blocks that it leads to come before the next one of the ring.
      if (!speedo_setup_done(speedo)) break;
      speedo.setup_slot = -1;
    }
    const npkt = tx_npkt[index];
    if (npkt !== null) {
      tx_npkt[index] = null;
      count(speedo, npkt);
      finish(speedo, npkt);
      if ((status & U) !== 0) speedo_underrun(speedo);
    }
    speedo.tx_dirty = index + 1 === tx_count ? 0 : index + 1;
    speedo.tx_free++;
  }
  if (speedo.setup_again && speedo.running) speedo_change_setup(speedo);
}

function count(speedo: speedo_t, { flags, framelen }: npkt_t): void {
  const { stats } = speedo;
  speedo.tx_fifo++;
  stats.txed_ok++;
  stats.octets_txed_ok += framelen;
  if ((flags & _NPKT_BCAST) !== 0) stats.txed_broadcast++;
  if ((flags & _NPKT_MCAST) !== 0) stats.txed_multicast++;
}

/** The bus was too slow for the wire: more of a frame is to be in the FIFO before it begins. */
export function speedo_underrun(speedo: speedo_t): void {
  speedo.tx_threshold = Math.min(speedo.tx_threshold + TX_THRESHOLD_STEP, TX_THRESHOLD_MOST);
}

/** The chip was reset: what it had not sent by then has failed, and so has what waited. The ring is empty. */
export function speedo_fail_ring(speedo: speedo_t): void {
  const { tx_npkt, stats } = speedo;
  collect(speedo);
  for (let i = 0; i < tx_npkt.length; i++) {
    const npkt = tx_npkt[i];
    if (npkt === null) continue;
    tx_npkt[i] = null;
    stats.un_estats.internal_tx_errors++;
    refuse(speedo, npkt);
  }
  dropQueue(speedo);
  speedo.tx_next = speedo.tx_dirty = speedo.tx_seen = speedo.tx_stuck = 0;
  speedo.tx_free = speedo.tx_count;
  speedo.tx_fifo = speedo.tx_untold = 0;
  speedo.setup_slot = -1;
  speedo.setup_again = false;
}

function dropQueue(speedo: speedo_t): void {
  for (let npkt = speedo.queue; npkt !== null; ) {
    const { next }: npkt_t = npkt;
    refuse(speedo, npkt);
    npkt = next;
  }
  speedo.queue = speedo.queue_last = null;
  speedo.queued = 0;
}

// ---- flush

/** What waits is not sent; what the chip has taken goes back, as far as it is done. */
export function speedo_drop_queue(speedo: speedo_t): void {
  speedo_lock(speedo);
  dropQueue(speedo);
  collect(speedo);
  speedo_tell(speedo);
  speedo_unlock(speedo);
}

export function speedo_tx_free(speedo: speedo_t): void {
  for (const address of speedo.tx_bounce) if (address !== 0) speedo.ion.free(address);
  speedo.tx_bounce.length = speedo.tx_npkt.length = 0;
}
