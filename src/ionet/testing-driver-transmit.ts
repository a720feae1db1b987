// The driver of testing-driver.ts, the way down: ring, a queue for what does not fit, tx_done. tx_done is called without the
// mutex: from there the next rx_down may come.

import { GONE, TX_LAST } from '../iopkt/testing-card.ts';
import { TX_DOWN_FAILED, TX_DOWN_OK } from './interface.ts';
import { npkt_msg_t } from './message.ts';
import { pthread_mutex_lock, pthread_mutex_unlock } from './neutrino.ts';
import { _NPKT_MSG, _NPKT_NOT_TXED, type npkt_t } from './npkt.ts';
import { EOK } from './shared.ts';
import { xx_groups } from './testing-driver-control.ts';
import type { xx_dev } from './testing-driver-state.ts';

/** One packet: the shim gives no lists. */
export function xx_rx_down(npkt: npkt_t, xx: xx_dev): number {
  if ((npkt.flags & _NPKT_MSG) !== 0) return xx_message(npkt, xx);
  pthread_mutex_lock(xx.mutex);
  const taken = xx.linkUp && (xx_encapsulate(xx, npkt) || xx_enqueue(xx, npkt));
  pthread_mutex_unlock(xx.mutex);
  if (taken) return TX_DOWN_OK;
  return xx_refuse(xx, npkt);
}

export function xx_refuse(xx: xx_dev, npkt: npkt_t): number {
  npkt.flags |= _NPKT_NOT_TXED;
  xx.ion.tx_done(xx.reg_hdl.value, npkt);
  return TX_DOWN_FAILED;
}

function xx_message(npkt: npkt_t, xx: xx_dev): number {
  const error = npkt instanceof npkt_msg_t && npkt.msg !== null ? xx_groups(xx, npkt.msg) : EOK;
  if (error !== EOK) return xx_refuse(xx, npkt);
  xx.ion.tx_done(xx.reg_hdl.value, npkt);
  return TX_DOWN_OK;
}

/** Mutex held. False: the ring has no room. */
function xx_encapsulate(xx: xx_dev, npkt: npkt_t): boolean {
  const { card } = xx;
  if (npkt.tot_iov > xx.txFree || xx.queueLength > 0) return false;
  const first = xx.txNext;
  let firstLength = 0;
  let slot = first;
  let left = npkt.tot_iov;
  for (let buf = npkt.buffers.first; buf !== null; buf = buf.ptrs) {
    for (let i = 0; i < buf.niov; i++) {
      slot = xx.txNext;
      card.txAddress[slot] = buf.net_iov[i].iov_phys;
      const length = buf.net_iov[i].iov_len | (--left === 0 ? TX_LAST : 0);
      // The first one last: from there on the packet is the card's.
      if (slot === first) firstLength = length;
      else card.txLength[slot] = length;
      xx.txNext = (slot + 1) % card.slots;
      xx.txFree--;
    }
  }
  xx.tx[slot] = npkt;
  card.txLength[first] = firstLength;
  card.kick();
  return true;
}

/** Mutex held. A packet of more pieces than the card has slots will never fit. */
function xx_enqueue(xx: xx_dev, npkt: npkt_t): boolean {
  if (npkt.tot_iov > xx.card.slots || xx.queueLength >= xx.queueLimit) return false;
  npkt.next = null;
  if (xx.queuedLast === null) xx.queued = npkt;
  else xx.queuedLast.next = npkt;
  xx.queuedLast = npkt;
  xx.queueLength++;
  return true;
}

/** What has been sent goes back, what waited goes into the ring. */
export function xx_reap(xx: xx_dev): void {
  const { card } = xx;
  pthread_mutex_lock(xx.mutex);
  let sent: npkt_t | null = null;
  let last: npkt_t | null = null;
  while (xx.txFree < card.slots && card.txLength[xx.txOldest] === 0) {
    const npkt = xx.tx[xx.txOldest];
    xx.tx[xx.txOldest] = null;
    xx.txOldest = (xx.txOldest + 1) % card.slots;
    xx.txFree++;
    if (npkt === null) continue;
    xx.stats.txed_ok++;
    xx.stats.octets_txed_ok += npkt.framelen;
    npkt.next = null;
    if (last === null) sent = npkt;
    else last.next = npkt;
    last = npkt;
  }
  xx_refill(xx);
  pthread_mutex_unlock(xx.mutex);
  done(xx, sent);
}

/** Mutex held. */
function xx_refill(xx: xx_dev): void {
  for (let npkt = xx.queued; npkt !== null && npkt.tot_iov <= xx.txFree; npkt = xx.queued) {
    const length = xx.queueLength;
    xx_unqueue(xx, npkt);
    xx.queueLength = 0;
    xx_encapsulate(xx, npkt);
    xx.queueLength = length - 1;
  }
}

function xx_unqueue(xx: xx_dev, npkt: npkt_t): void {
  xx.queued = npkt.next;
  if (xx.queued === null) xx.queuedLast = null;
  xx.queueLength--;
  npkt.next = null;
}

function done(xx: xx_dev, list: npkt_t | null): void {
  for (let npkt = list; npkt !== null; ) {
    // From tx_done on the packet is nobody's business here.
    const { next }: npkt_t = npkt;
    npkt.next = null;
    xx.ion.tx_done(xx.reg_hdl.value, npkt);
    npkt = next;
  }
}

/** Drops what is queued, and what is in the ring of a card that is gone: it will not be sent. */
export function xx_flush(xx: xx_dev): number {
  pthread_mutex_lock(xx.mutex);
  const list = xx.queued;
  xx.queued = xx.queuedLast = null;
  xx.queueLength = 0;
  pthread_mutex_unlock(xx.mutex);
  for (let npkt = list; npkt !== null; npkt = npkt.next) npkt.flags |= _NPKT_NOT_TXED;
  done(xx, list);
  if (xx.card.peekCause() === GONE) xx_drop(xx);
  return EOK;
}

/** The card is halted, or gone: what was in its ring is not sent. */
export function xx_drop(xx: xx_dev): void {
  for (let slot = 0; slot < xx.card.slots; slot++) {
    const npkt = xx.tx[slot];
    xx.tx[slot] = null;
    if (npkt === null) continue;
    npkt.flags |= _NPKT_NOT_TXED;
    xx.ion.tx_done(xx.reg_hdl.value, npkt);
  }
}
