// The chip's counters, taken over into nicinfo's. Software Developer Manual 6.3.2.4, table 17. Mutex held for all of it.

import { CSR, CUC, DUMP_RESET_COMPLETE, STATISTIC } from '../../chips/i8255x/sheet.ts';
import { speedo_cu } from './hardware.ts';
import type { speedo_t } from './state.ts';
import { speedo_underrun } from './transmit.ts';

/** Counters of the standard dump: the word behind them says that it is complete. */
const STANDARD = 16;
/** Reads until the dump is complete: it takes some microseconds. */
const DUMP_READS = 1000;

/** Has the chip dump and clear its counters, and adds them. False: it does not answer. */
export function speedo_update_stats(speedo: speedo_t): boolean {
  const { u32 } = speedo.dispatch.machine.memory;
  const base = speedo.dump >> 2;
  u32[base + STANDARD] = 0;
  if (!speedo_cu(speedo, CUC.DUMP_RESET_STATISTICS, -1)) return false;
  for (let i = 0; u32[base + STANDARD] !== DUMP_RESET_COMPLETE; i++) {
    if (i === DUMP_READS) return false;
    speedo.regs.read8(CSR.SCB_STATUS);
  }
  add(speedo, u32, base);
  return true;
}

/**
 * Before a reset: frames that went into the FIFO, and were counted as sent by that, and have not left it will not leave it
 * any more. Completions have been looked at.
 */
export function speedo_last_stats(speedo: speedo_t): void {
  if (!speedo_update_stats(speedo)) return;
  speedo.stats.un_estats.internal_tx_errors += Math.max(0, speedo.tx_fifo);
  failed(speedo, speedo.tx_fifo);
}

/**
 * Frames that were counted as sent have not been. Their packets went back long ago, as sent: that the medium failed them is
 * for nicinfo alone.
 */
function failed(speedo: speedo_t, frames: number): void {
  if (frames > 0) speedo.stats.txed_ok -= frames;
}

function add(speedo: speedo_t, u32: Uint32Array, base: number): void {
  const { un_estats: e } = speedo.stats;
  const count = (which: number): number => u32[base + which];
  e.fcs_errors += count(STATISTIC.RX_CRC_ERRORS);
  e.align_errors += count(STATISTIC.RX_ALIGNMENT_ERRORS);
  e.internal_rx_errors += count(STATISTIC.RX_RESOURCE_ERRORS) + count(STATISTIC.RX_OVERRUNS);
  e.short_packets += count(STATISTIC.RX_SHORT);

  const late = count(STATISTIC.TX_LATE_COLLISIONS);
  const excessive = count(STATISTIC.TX_MAX_COLLISIONS);
  const underruns = count(STATISTIC.TX_UNDERRUNS);
  const lostCarrier = count(STATISTIC.TX_LOST_CRS);
  e.tx_deferred += count(STATISTIC.TX_DEFERRED);
  e.single_collisions += count(STATISTIC.TX_SINGLE_COLLISION);
  e.multi_collisions += count(STATISTIC.TX_MULTIPLE_COLLISIONS);
  e.late_collisions += late;
  e.xcoll_aborted += excessive;
  e.internal_tx_errors += underruns;
  e.no_carrier += lostCarrier;
  for (let i = 0; i < underruns && i < 8; i++) speedo_underrun(speedo);
  // Their blocks were done when they were in the FIFO, and they were counted as sent.
  const lost = late + excessive + underruns + lostCarrier;
  speedo.tx_fifo -= lost + count(STATISTIC.TX_GOOD);
  failed(speedo, lost);
}
