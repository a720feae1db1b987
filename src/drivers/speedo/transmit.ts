// Sending. Software Developer Manual 6.4.2.5 (transmit command block, flexible mode) and 6.5.3 (resume).
//
// A block is done when its frame is in the chip's FIFO. Few ask for an interrupt: what was sent is taken back by the next
// start, by the interrupt of every eighth block, which also gets a full ring going again, or by the monitor.

import { CB, CMD, COMMAND, STATUS, TBD_BYTES, TX_COUNT } from '../../chips/i8255x/blocks.ts';
import { CUC } from '../../chips/i8255x/sheet.ts';
import { IFF_OACTIVE, IFF_RUNNING } from '../../iopkt/flags.ts';
import type { ifnet } from '../../iopkt/ifnet.ts';
import { IFQ_DEQUEUE } from '../../iopkt/ifq.ts';
import { NW_SIGUNLOCK_P } from '../../iopkt/locks.ts';
import { CACHE_FLUSH, M_DONTWAIT, m_freem, mbuf_phys } from '../../iopkt/mbuf.ts';
import { M_COPYALL, m_dup } from '../../iopkt/mbuf-ops.ts';
import type { Mbuf } from '../../mbuf/mbuf.ts';
import { speedo_cu } from './hardware.ts';
import { speedo_append, speedo_block, speedo_change_setup, speedo_setup_done } from './setup.ts';
import { SPEEDO_TX_FRAGMENTS, SPEEDO_TX_RESERVE, type speedo_dev, speedoOf } from './softc.ts';

const TRANSMIT = CMD.TRANSMIT | COMMAND.SF | COMMAND.S;
const { C, U } = STATUS;
/** Of an extended TxCB the first two TBDs are inside. */
const INNER_TBD_BYTES = 2 * TBD_BYTES;
/** In units of 8 bytes: 256 to begin with, a whole frame at most. */
export const TX_THRESHOLD_FIRST = 32;
const TX_THRESHOLD_STEP = 32;
const TX_THRESHOLD_MOST = 192;
/** Blocks after which the command unit is told at the latest: QEMU's executes 16 at a resume, and leaves the rest for the next. */
const RESUME_AFTER = 16;
/** Seconds until the watchdog looks: the longest a full ring takes at 10 Mb/s is a third of one. */
const TX_TIMEOUT = 5;

/** if_start: if_snd_ex is held, and given back on every path. Interrupt work and the monitor call it too. */
export function speedo_start(ifp: ifnet): void {
  const sc = speedoOf(ifp);
  if ((ifp.if_flags_tx & IFF_RUNNING) === 0) {
    NW_SIGUNLOCK_P(ifp.if_snd_ex!, sc.iopkt, sc.iopkt.thread);
    return;
  }
  ifp.if_flags_tx |= IFF_OACTIVE;
  let untold = 0;
  for (;;) {
    if (sc.tx_free < SPEEDO_TX_RESERVE) {
      // The completion may append a set-up: what is in front of it is told first.
      if (untold > 0) speedo_cu(sc, CUC.RESUME, -1);
      untold = 0;
      speedo_transmit_complete(sc);
    }
    if (sc.tx_free < SPEEDO_TX_RESERVE) {
      // OACTIVE stays: one of the blocks in the ring interrupts, and that goes on from here.
      sc.events.tx_ring_full++;
      break;
    }
    const m = IFQ_DEQUEUE(ifp.if_snd);
    if (m === null) {
      ifp.if_flags_tx &= ~IFF_OACTIVE;
      break;
    }
    if (!encapsulate(sc, m)) continue;
    ifp.if_timer = TX_TIMEOUT;
    if (++untold < RESUME_AFTER) continue;
    speedo_cu(sc, CUC.RESUME, -1);
    untold = 0;
  }
  if (untold > 0) speedo_cu(sc, CUC.RESUME, -1);
  NW_SIGUNLOCK_P(ifp.if_snd_ex!, sc.iopkt, sc.iopkt.thread);
}

function fragments(packet: Mbuf): number {
  let count = 0;
  for (let m: Mbuf | null = packet; m !== null; m = m.next) if (m.length > 0) count++;
  return count;
}

/** Takes a packet into the ring, where a block is free. False: it could not be sent, and is counted. */
function encapsulate(sc: speedo_dev, packet: Mbuf): boolean {
  const { u8, u16, u32 } = sc.iopkt.machine.memory;
  let m = packet;
  let count = fragments(m);
  if (count > SPEEDO_TX_FRAGMENTS || count === 0) {
    const flat = defragment(sc, m);
    if (flat === null) return false;
    m = flat;
    count = fragments(m);
  }
  const index = sc.tx_next;
  const next = index + 1 === sc.tx_count ? 0 : index + 1;
  const at = speedo_block(sc, index);
  const array = at + CB.DATA;
  let tbd = array >> 2;
  for (let part: Mbuf | null = m; part !== null; part = part.next) {
    const { length } = part;
    if (length === 0) continue;
    const address = mbuf_phys(part);
    CACHE_FLUSH(null, address, address, length);
    u32[tbd] = address;
    u32[tbd + 1] = length;
    tbd += 2;
  }
  // Both TBDs inside an extended block may be read, whatever the number says.
  if (count === 1) u32[tbd + 1] = 0;
  u32[(at + CB.TBD_ARRAY) >> 2] = sc.extended ? array + INNER_TBD_BYTES : array;
  u16[(at + CB.BYTE_COUNT) >> 1] = TX_COUNT.EOF;
  u8[at + CB.THRESHOLD] = sc.tx_threshold;
  u8[at + CB.TBD_NUMBER] = count;
  u32[(at + CB.LINK) >> 2] = speedo_block(sc, next);
  u16[(at + CB.STATUS) >> 1] = 0;
  u16[(at + CB.COMMAND) >> 1] = index % sc.tx_interval === 0 ? TRANSMIT | COMMAND.I : TRANSMIT;
  sc.tx_mbuf[index] = m;
  sc.tx_next = next;
  sc.tx_free--;
  speedo_append(sc, at);
  return true;
}

/** One copy with few pieces in place of too many. Takes `packet`; null: no buffer, or nothing in it. */
function defragment(sc: speedo_dev, packet: Mbuf): Mbuf | null {
  const flat = packet.packetLength > 0 ? m_dup(packet, 0, M_COPYALL, M_DONTWAIT) : null;
  m_freem(packet);
  if (flat !== null && fragments(flat) <= SPEEDO_TX_FRAGMENTS) {
    sc.events.tx_linearised++;
    return flat;
  }
  m_freem(flat);
  sc.ecom.ec_if.if_oerrors++;
  sc.stats.tx_failed_allocs++;
  return null;
}

/** Takes back what the chip is done with. if_snd_ex held. */
export function speedo_transmit_complete(sc: speedo_dev): void {
  const { u16 } = sc.iopkt.machine.memory;
  const { tx_mbuf, tx_count } = sc;
  const ifp = sc.ecom.ec_if;
  while (sc.tx_free < tx_count) {
    const index = sc.tx_dirty;
    const at = speedo_block(sc, index);
    sc.pci.dma.syncForCpu(at, CB.DATA);
    const status = u16[(at + CB.STATUS) >> 1];
    if ((status & C) === 0) break;
    if (index === sc.setup_slot) {
      // The blocks that it leads to come before the next one of the ring.
      if (!speedo_setup_done(sc)) break;
      sc.setup_slot = -1;
    }
    const m = tx_mbuf[index];
    if (m !== null) {
      tx_mbuf[index] = null;
      m_freem(m);
      ifp.if_opackets++;
      sc.tx_fifo++;
      if ((status & U) !== 0) speedo_underrun(sc);
    }
    sc.tx_dirty = index + 1 === tx_count ? 0 : index + 1;
    sc.tx_free++;
  }
  if (sc.tx_free === tx_count) ifp.if_timer = 0;
  if (sc.setup_again && sc.running) speedo_change_setup(sc);
}

/** The bus was too slow for the wire: more of a frame is to be in the FIFO before it begins. */
export function speedo_underrun(sc: speedo_dev): void {
  sc.tx_threshold = Math.min(sc.tx_threshold + TX_THRESHOLD_STEP, TX_THRESHOLD_MOST);
}

/** Empties the ring of a chip that was reset: uncounted, which io-pkt books as dropped, or as failed. if_snd_ex held. */
export function speedo_transmit_drain(sc: speedo_dev, failed: boolean): void {
  const { tx_mbuf } = sc;
  for (let i = 0; i < tx_mbuf.length; i++) {
    const m = tx_mbuf[i];
    if (m === null) continue;
    tx_mbuf[i] = null;
    m_freem(m);
    if (failed) sc.ecom.ec_if.if_oerrors++;
  }
  sc.tx_next = 0;
  sc.tx_dirty = 0;
  sc.tx_free = sc.tx_count;
  sc.tx_fifo = 0;
  sc.setup_slot = -1;
  sc.setup_again = false;
  sc.ecom.ec_if.if_timer = 0;
}
