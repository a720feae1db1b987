// The way down: ring, a queue for what does not fit, and tx_done, which is called without the mutex, since the next rx_down
// may come from there. Data sheets AMD 19436 and 21510, "Transmit Descriptor Table Entry".

import { TMD1, TMD2 } from '../../chips/pcnet/ring.ts';
import { CSR0 } from '../../chips/pcnet/sheet.ts';
import { TX_DOWN_FAILED, TX_DOWN_OK } from '../../ionet/interface.ts';
import { CACHE_FLUSH, MsgSendPulse, pthread_mutex_lock, pthread_mutex_unlock } from '../../ionet/neutrino.ts';
import { _NPKT_BCAST, _NPKT_MCAST, _NPKT_MSG, _NPKT_NOT_TXED, type npkt_t } from '../../ionet/npkt.ts';
import { EOK } from '../../ionet/shared.ts';
import { BOUNCE_BYTES, MAX_FRAGMENTS, PRIORITY, PULSE_FLUSH, type pcnet_t } from './state.ts';

const { ERR, MORE, ONE, DEF, STP, ENP } = TMD1;
const { BUFF, UFLO, LCOL, LCAR, RTRY, TRC } = TMD2;
const { TDMD, IENA } = CSR0;

/** Packets that wait for the ring; one more is not sent. */
const QUEUE_LIMIT = 256;

/** rx_down of the registrant: a packet, or a list of them. */
export function pcnet_rx_down(list: npkt_t, pcnet: pcnet_t): number {
  let result = TX_DOWN_OK;
  for (let npkt: npkt_t | null = list; npkt !== null; ) {
    // Once it is sent, or refused, it is nobody's business here.
    const next: npkt_t | null = npkt.next;
    npkt.next = null;
    if (!sendOne(pcnet, npkt)) result = TX_DOWN_FAILED;
    npkt = next;
  }
  return result;
}

function sendOne(pcnet: pcnet_t, npkt: npkt_t): boolean {
  const { ion, reg_hdl } = pcnet;
  // Groups come by devctl; no other message means anything here.
  if ((npkt.flags & _NPKT_MSG) !== 0) {
    ion.tx_done(reg_hdl.value, npkt);
    return true;
  }
  pthread_mutex_lock(pcnet.mutex);
  let taken = pcnet.link_up && pcnet.running;
  if (taken && pcnet.queued === 0 && encapsulate(pcnet, npkt)) pcnet.regs.writeCsr0(TDMD | IENA);
  else taken = taken && enqueue(pcnet, npkt);
  pthread_mutex_unlock(pcnet.mutex);
  if (taken) return true;
  npkt.flags |= _NPKT_NOT_TXED;
  ion.tx_done(reg_hdl.value, npkt);
  return false;
}

// ---- mutex held

/** Descriptors that a packet takes. */
function descriptors(pcnet: pcnet_t, npkt: npkt_t): number {
  return npkt.tot_iov > Math.min(MAX_FRAGMENTS, pcnet.tx_ring.count / 2) ? 1 : npkt.tot_iov;
}

/** Puts a packet into the ring. False: there is no room, or no memory. */
function encapsulate(pcnet: pcnet_t, npkt: npkt_t): boolean {
  const { tx_ring: ring } = pcnet;
  const wanted = descriptors(pcnet, npkt);
  if (wanted > pcnet.tx_free || wanted === 0) return false;
  const mask = ring.count - 1;
  const first = pcnet.tx_next;
  let last = first;
  if (wanted !== npkt.tot_iov) {
    if (!flatten(pcnet, npkt, first)) return false;
  } else {
    let left = wanted;
    let index = first;
    for (let buf = npkt.buffers.first; buf !== null; buf = buf.ptrs) {
      for (let i = 0; i < buf.niov; i++) {
        const { iov_base, iov_phys, iov_len } = buf.net_iov[i];
        left--;
        CACHE_FLUSH(null, iov_base, iov_phys, iov_len);
        ring.prepare(index, iov_phys, iov_len, (index === first ? STP : 0) | (left === 0 ? ENP : 0));
        // The chip stops at the first descriptor, which is still ours.
        if (index !== first) ring.give(index);
        last = index;
        index = (index + 1) & mask;
      }
    }
  }
  pcnet.tx_npkt[last] = npkt;
  pcnet.tx_next = (last + 1) & mask;
  pcnet.tx_free -= wanted;
  // From here the controller owns the packet.
  ring.give(first);
  return true;
}

/** One copy in place of too many pieces, in memory that belongs to the descriptor. */
function flatten(pcnet: pcnet_t, npkt: npkt_t, index: number): boolean {
  const { ion, tx_bounce, stats } = pcnet;
  if (npkt.framelen > BOUNCE_BYTES) return false;
  if (tx_bounce[index] === 0) tx_bounce[index] = ion.alloc(BOUNCE_BYTES, 0);
  const address = tx_bounce[index];
  if (address === 0) {
    stats.tx_failed_allocs++;
    return false;
  }
  ion.memcpy_from_npkt(address, npkt, 0, npkt.framelen);
  CACHE_FLUSH(null, address, address, npkt.framelen);
  pcnet.tx_ring.prepare(index, ion.mphys(address), npkt.framelen, STP | ENP);
  return true;
}

function enqueue(pcnet: pcnet_t, npkt: npkt_t): boolean {
  if (pcnet.queued >= QUEUE_LIMIT || npkt.tot_iov === 0 || npkt.framelen > BOUNCE_BYTES) return false;
  if (pcnet.queue_last === null) pcnet.queue = npkt;
  else pcnet.queue_last.next = npkt;
  pcnet.queue_last = npkt;
  pcnet.queued++;
  return true;
}

/** What waited goes into the ring. */
function refill(pcnet: pcnet_t): void {
  let sent = false;
  for (let npkt = pcnet.queue; npkt !== null; npkt = pcnet.queue) {
    const { next }: npkt_t = npkt;
    if (!encapsulate(pcnet, npkt)) break;
    npkt.next = null;
    pcnet.queue = next;
    if (next === null) pcnet.queue_last = null;
    pcnet.queued--;
    sent = true;
  }
  if (sent) pcnet.regs.writeCsr0(TDMD | IENA);
}

// ---- back

/** Takes back what the chip is done with, and goes on with what waited. */
export function pcnet_reap(pcnet: pcnet_t): void {
  pthread_mutex_lock(pcnet.mutex);
  const sent = collect(pcnet);
  if (pcnet.running && !pcnet.broken) refill(pcnet);
  pthread_mutex_unlock(pcnet.mutex);
  finish(pcnet, sent);
}

/** Packets that are through, as a list. Mutex held. */
function collect(pcnet: pcnet_t): npkt_t | null {
  const { tx_ring: ring, tx_npkt } = pcnet;
  const { dma } = pcnet.pci;
  let list: npkt_t | null = null;
  let last: npkt_t | null = null;
  while (pcnet.tx_free < ring.count) {
    const index = pcnet.tx_dirty;
    dma.syncForCpu(ring.address, 4);
    if (ring.owned(index)) break;
    const status = ring.status(index);
    if ((status & (ERR | MORE | ONE | DEF)) !== 0) noteStatus(pcnet, index, status);
    const npkt = tx_npkt[index];
    tx_npkt[index] = null;
    pcnet.tx_dirty = (index + 1) & (ring.count - 1);
    pcnet.tx_free++;
    if (npkt === null) continue;
    count(pcnet, npkt);
    npkt.next = null;
    if (last === null) list = npkt;
    else last.next = npkt;
    last = npkt;
  }
  return list;
}

/** Errors and collisions of a packet may be spread over its descriptors. */
function noteStatus(pcnet: pcnet_t, index: number, status: number): void {
  const { un_estats } = pcnet.stats;
  const errors = pcnet.tx_ring.errors(index);
  if ((status & ONE) !== 0) un_estats.single_collisions++;
  if ((status & MORE) !== 0) un_estats.multi_collisions++;
  if ((status & DEF) !== 0) un_estats.tx_deferred++;
  if ((status & ERR) === 0) return;
  // ERR alone is an error without a name.
  pcnet.tx_errors |= (errors & ~TRC) | 1;
  // It has turned the transmitter off ("CSR3", DXSUFLO), and the rest of the packet never comes back.
  if ((errors & (UFLO | BUFF)) !== 0) pcnet.broken = true;
}

function count(pcnet: pcnet_t, npkt: npkt_t): void {
  const { stats, tx_errors: errors } = pcnet;
  const { un_estats } = stats;
  pcnet.tx_errors = 0;
  if (errors === 0) {
    stats.txed_ok++;
    stats.octets_txed_ok += npkt.framelen;
    if ((npkt.flags & _NPKT_BCAST) !== 0) stats.txed_broadcast++;
    if ((npkt.flags & _NPKT_MCAST) !== 0) stats.txed_multicast++;
    return;
  }
  npkt.flags |= _NPKT_NOT_TXED;
  if ((errors & RTRY) !== 0) un_estats.xcoll_aborted++;
  if ((errors & LCAR) !== 0) un_estats.no_carrier++;
  if ((errors & LCOL) !== 0) un_estats.late_collisions++;
  if ((errors & (UFLO | BUFF)) !== 0) un_estats.internal_tx_errors++;
}

function finish(pcnet: pcnet_t, list: npkt_t | null): void {
  for (let npkt = list; npkt !== null; ) {
    const { next }: npkt_t = npkt;
    npkt.next = null;
    pcnet.ion.tx_done(pcnet.reg_hdl.value, npkt);
    npkt = next;
  }
}

/** flush of the registrant: what waits is not sent. */
export function pcnet_flush(pcnet: pcnet_t): number {
  pthread_mutex_lock(pcnet.mutex);
  const list = pcnet.queue;
  pcnet.queue = pcnet.queue_last = null;
  pcnet.queued = 0;
  pthread_mutex_unlock(pcnet.mutex);
  for (let npkt = list; npkt !== null; npkt = npkt.next) npkt.flags |= _NPKT_NOT_TXED;
  finish(pcnet, list);
  // The thread sees to it that what the chip has comes back too.
  if (pcnet.tx_free < pcnet.tx_ring.count) MsgSendPulse(pcnet.coid, PRIORITY, PULSE_FLUSH, 0);
  return EOK;
}

/** The chip is halted: what it has sent is sent, the rest of the ring is not. */
export function pcnet_fail_ring(pcnet: pcnet_t): void {
  pthread_mutex_lock(pcnet.mutex);
  const sent = collect(pcnet);
  let failed: npkt_t | null = null;
  const { tx_npkt } = pcnet;
  for (let i = 0; i < tx_npkt.length; i++) {
    const npkt = tx_npkt[i];
    tx_npkt[i] = null;
    if (npkt === null) continue;
    npkt.flags |= _NPKT_NOT_TXED;
    pcnet.stats.un_estats.internal_tx_errors++;
    npkt.next = failed;
    failed = npkt;
  }
  pthread_mutex_unlock(pcnet.mutex);
  finish(pcnet, sent);
  finish(pcnet, failed);
}

/** An empty ring, for a chip that is started. */
export function pcnet_tx_clear(pcnet: pcnet_t): void {
  const { tx_ring } = pcnet;
  for (let i = 0; i < tx_ring.count; i++) tx_ring.clear(i);
  pcnet.tx_next = 0;
  pcnet.tx_dirty = 0;
  pcnet.tx_seen = 0;
  pcnet.tx_stuck = 0;
  pcnet.tx_free = tx_ring.count;
  pcnet.tx_errors = 0;
}

export function pcnet_tx_free(pcnet: pcnet_t): void {
  for (const address of pcnet.tx_bounce) if (address !== 0) pcnet.ion.free(address);
  pcnet.tx_bounce.length = pcnet.tx_npkt.length = 0;
}
