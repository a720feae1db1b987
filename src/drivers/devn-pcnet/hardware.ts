// The chip: rings, start and stop, the receive filter. Data sheets AMD 19436 and 21510, "Initialization": set-up registers
// while stopped, INIT, IDON, STRT.

import { initBlockBytes, writeInitBlock } from '../../chips/pcnet/init-block.ts';
import { descriptorBytes, ReceiveRing, TransmitRing } from '../../chips/pcnet/ring.ts';
import {
  BCR,
  BCR4,
  BCR9,
  BCR18,
  CSR,
  CSR0,
  CSR3,
  CSR4,
  CSR5,
  CSR15,
  logicalAddressHash,
} from '../../chips/pcnet/sheet.ts';
import { delay } from '../../ionet/neutrino.ts';
import { pcnet_rx_give } from './receive.ts';
import { GONE } from './registers.ts';
import { type pcnet_t, SWSTYLE } from './state.ts';
import { pcnet_tx_clear } from './transmit.ts';

/** Of the causes in CSR0, IDON is waited for. */
const CSR3_SETTING = CSR3.IDONM;
/** Short frames are padded by the chip; no cause of CSR4 interrupts. */
const CSR4_SETTING = CSR4.APAD_XMT | CSR4.MFCOM | CSR4.RCVCCOM | CSR4.TXSTRTM | CSR4.JABM;
/** Reads of CSR0 that IDON is waited for: the block is read in a few microseconds, a read takes about one. */
const INIT_READS = 1000;
/** Milliseconds that the frame being sent is waited for. */
const SUSPEND_MS = 20;

/** Memory that the chip shares. False: there is none, and what was taken is given back. */
export function pcnet_take_rings(pcnet: pcnet_t, receive: number, transmit: number): boolean {
  const { dma } = pcnet.pci;
  const bytes = descriptorBytes(SWSTYLE);
  try {
    pcnet.init_block = dma.allocCoherent(initBlockBytes(SWSTYLE), 16);
    pcnet.rx_ring_at = dma.allocCoherent(receive * bytes, 16);
    pcnet.tx_ring_at = dma.allocCoherent(transmit * bytes, 16);
  } catch {
    pcnet_give_rings(pcnet);
    return false;
  }
  const { u32 } = pcnet.dispatch.machine.memory;
  pcnet.rx_ring = new ReceiveRing(u32, pcnet.rx_ring_at, receive, SWSTYLE);
  pcnet.tx_ring = new TransmitRing(u32, pcnet.tx_ring_at, transmit, SWSTYLE);
  for (let i = 0; i < transmit; i++) {
    pcnet.tx_npkt.push(null);
    pcnet.tx_bounce.push(0);
  }
  return true;
}

export function pcnet_give_rings(pcnet: pcnet_t): void {
  const { dma } = pcnet.pci;
  for (const at of [pcnet.init_block, pcnet.rx_ring_at, pcnet.tx_ring_at]) if (at !== 0) dma.freeCoherent(at);
  pcnet.init_block = pcnet.rx_ring_at = pcnet.tx_ring_at = 0;
}

/** Resets the chip and starts it with empty rings. False: it does not answer. */
export function pcnet_start(pcnet: pcnet_t): boolean {
  const { regs } = pcnet;
  pcnet.broken = false;
  for (let i = 0; i < pcnet.rx_ring.count; i++) pcnet_rx_give(pcnet, i);
  pcnet.rx_next = 0;
  pcnet.rx_in_frame = false;
  pcnet_tx_clear(pcnet);
  if (!regs.reset()) return false;
  pcnet.missed = 0;
  regs.writeBcr(BCR.SWS, SWSTYLE);
  regs.writeBcr(BCR.BSBC, regs.readBcr(BCR.BSBC) | BCR18.BREADE | BCR18.BWRITE);
  if (pcnet.fast) regs.writeBcr(BCR.FDC, BCR9.FDRPAD);
  // The link is read from LED0, and S_RESET leaves it as whoever had the card before us set it.
  else regs.writeBcr(BCR.LNKST, (regs.readBcr(BCR.LNKST) & BCR4.LEDPOL) | BCR4.PSE | BCR4.LNKSE);
  regs.writeCsr(3, CSR3_SETTING);
  regs.writeCsr(4, CSR4_SETTING);
  const { mode, low, high } = wantedFilter(pcnet);
  writeInitBlock(pcnet.dispatch.machine.memory.u32, pcnet.init_block, SWSTYLE, {
    mode,
    stationAddress: pcnet.cfg.current_address,
    filterLow: low,
    filterHigh: high,
    receiveRing: pcnet.rx_ring.address,
    receiveCount: pcnet.rx_ring.count,
    transmitRing: pcnet.tx_ring.address,
    transmitCount: pcnet.tx_ring.count,
  });
  regs.writeCsr(CSR.IADR_LOW, pcnet.init_block & 0xffff);
  regs.writeCsr(CSR.IADR_HIGH, pcnet.init_block >>> 16);
  regs.writeCsr0(CSR0.INIT);
  if (!initDone(pcnet)) return false;
  pcnet.running = true;
  // From here the controller owns the rings and may interrupt.
  regs.writeCsr0(CSR0.STRT | CSR0.IDON | CSR0.IENA);
  return true;
}

function initDone(pcnet: pcnet_t): boolean {
  for (let i = 0; i < INIT_READS; i++) {
    const csr0 = pcnet.regs.readCsr0();
    if (csr0 === GONE || (csr0 & CSR0.MERR) !== 0) return false;
    if ((csr0 & CSR0.IDON) !== 0) return true;
  }
  return false;
}

export function pcnet_stop(pcnet: pcnet_t): void {
  pcnet.running = false;
  pcnet.regs.halt();
}

// ---- filter

function wantedFilter(pcnet: pcnet_t): { mode: number; low: number; high: number } {
  const { groups, promiscuous } = pcnet;
  let low = 0;
  let high = 0;
  // A range of addresses: all of them, which the hash cannot say otherwise.
  const all = promiscuous || groups.some((range) => range.low.some((byte, i) => byte !== range.high[i]));
  for (const range of groups) {
    const bit = logicalAddressHash(range.low);
    if (bit < 32) low |= 1 << bit;
    else high |= 1 << (bit - 32);
  }
  if (all) low = high = 0xffffffff;
  return { mode: promiscuous ? CSR15.PROM : 0, low: low >>> 0, high: high >>> 0 };
}

/** Brings the chip's filter to what is wanted: suspended, so that no frame is lost. False: it is too busy for that. */
export function pcnet_set_filter(pcnet: pcnet_t): boolean {
  const { regs } = pcnet;
  if (!pcnet.running) return true;
  if (!suspend(pcnet)) return false;
  const { mode, low, high } = wantedFilter(pcnet);
  regs.writeCsr(CSR.LADRF, low & 0xffff);
  regs.writeCsr(CSR.LADRF + 1, low >>> 16);
  regs.writeCsr(CSR.LADRF + 2, high & 0xffff);
  regs.writeCsr(CSR.LADRF + 3, high >>> 16);
  regs.writeCsr(CSR.MODE, mode);
  regs.writeCsr(5, 0);
  // What was put into the ring meanwhile rang in vain.
  regs.writeCsr0(CSR0.TDMD | CSR0.IENA);
  return true;
}

function suspend({ regs }: pcnet_t): boolean {
  regs.writeCsr(5, CSR5.SPND);
  for (let ms = 0; ms < SUSPEND_MS; ms++) {
    if ((regs.readCsr(5) & CSR5.SPND) !== 0) return true;
    delay(1);
  }
  return false;
}
