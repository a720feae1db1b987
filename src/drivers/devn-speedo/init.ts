// Memory that the chip shares, and bringing the chip up and down: at init, at the end, and when the thread starts it afresh.

import { CUC, RUC } from '../../chips/i8255x/sheet.ts';
import { delay } from '../../ionet/neutrino.ts';
import { speedo_cu, speedo_reset, speedo_ru, speedo_ru_start, speedo_unmask } from './hardware.ts';
import { speedo_rx_fill } from './receive.ts';
import { speedo_first_setup, speedo_setup_done } from './setup.ts';
import { DUMP_AREA_BYTES, SETUP_BYTES, SETUPS, type speedo_t, TXCB_BYTES } from './state.ts';
import { speedo_last_stats } from './statistics.ts';
import { speedo_fail_ring, speedo_lock, speedo_reap, speedo_unlock, TX_THRESHOLD_FIRST } from './transmit.ts';

/** Milliseconds that the first set-up may take: it waits for a frame that was being sent when the chip was reset. */
export const SETUP_MS = 100;

/** False: there is no memory, and what was taken is given back. */
export function speedo_take_memory(speedo: speedo_t): boolean {
  const { dma } = speedo.pci;
  try {
    speedo.tx_blocks = dma.allocCoherent(speedo.tx_count * TXCB_BYTES, 16);
    speedo.setups = dma.allocCoherent(SETUPS * SETUP_BYTES, 16);
    speedo.dump = dma.allocCoherent(DUMP_AREA_BYTES, 16);
  } catch {
    speedo_give_memory(speedo);
    return false;
  }
  for (let i = 0; i < speedo.tx_count; i++) {
    speedo.tx_npkt.push(null);
    speedo.tx_bounce.push(0);
  }
  speedo.tx_free = speedo.tx_count;
  speedo.tx_threshold = TX_THRESHOLD_FIRST;
  return true;
}

export function speedo_give_memory(speedo: speedo_t): void {
  for (const at of [speedo.tx_blocks, speedo.setups, speedo.dump])
    if (at !== 0) speedo.pci.dma.freeCoherent(at);
  speedo.tx_blocks = speedo.setups = speedo.dump = 0;
}

/** Init's: the chip runs; false: it does not. */
export function speedo_start(speedo: speedo_t): boolean {
  let begun = speedo_begin(speedo);
  for (let ms = 0; begun && !speedo_setup_done(speedo); ms++) {
    if (ms === SETUP_MS) begun = false;
    else delay(1);
  }
  if (begun) speedo_go(speedo);
  else speedo_reset(speedo);
  return begun;
}

/**
 * Empty rings; and a chip fresh from reset gets bases, dump address, configuration and addresses. False: it does not take them.
 * speedo_go when speedo_setup_done.
 */
export function speedo_begin(speedo: speedo_t): boolean {
  speedo_stop(speedo);
  speedo_rx_fill(speedo);
  speedo_lock(speedo);
  const given =
    speedo_cu(speedo, CUC.LOAD_BASE, 0) &&
    speedo_ru(speedo, RUC.LOAD_BASE, 0) &&
    speedo_cu(speedo, CUC.LOAD_DUMP_ADDRESS, speedo.dump) &&
    speedo_first_setup(speedo);
  speedo_unlock(speedo);
  return given;
}

export function speedo_go(speedo: speedo_t): void {
  speedo.lost = false;
  speedo.running = true;
  speedo_lock(speedo);
  // From here the controller owns the receive buffers.
  speedo_ru_start(speedo);
  speedo_unlock(speedo);
  // The first set-up interrupts now: with its completion comes what was wanted of the filter while it began.
  speedo_unmask(speedo);
}

/** Halts the chip. What it has not sent has failed; what it has received is in the ring still. */
export function speedo_stop(speedo: speedo_t): void {
  speedo_lock(speedo);
  const wasRunning = speedo.running;
  speedo.running = false;
  if (wasRunning) {
    speedo_reap(speedo);
    speedo_last_stats(speedo);
  }
  speedo_reset(speedo);
  speedo_fail_ring(speedo);
  speedo_unlock(speedo);
}
