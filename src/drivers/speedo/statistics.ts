// The chip's counters, taken over into nicinfo's and io-pkt's. Software Developer Manual 6.3.2.4, table 17.

import { CSR, CUC, DUMP_RESET_COMPLETE, STATISTIC } from '../../chips/i8255x/sheet.ts';
import { speedo_cu } from './hardware.ts';
import type { speedo_dev } from './softc.ts';
import { speedo_underrun } from './transmit.ts';

/** Counters of the standard dump: the word behind them says that it is complete. */
const STANDARD = 16;
/** Reads until the dump is complete: it takes some microseconds. */
const DUMP_READS = 1000;

/** Has the chip dump and clear its counters, and adds them. if_snd_ex held. False: it does not answer. */
export function speedo_update_stats(sc: speedo_dev): boolean {
  const { u32 } = sc.iopkt.machine.memory;
  const base = sc.dump >> 2;
  u32[base + STANDARD] = 0;
  if (!speedo_cu(sc, CUC.DUMP_RESET_STATISTICS, -1)) return false;
  for (let i = 0; u32[base + STANDARD] !== DUMP_RESET_COMPLETE; i++) {
    if (i === DUMP_READS) return false;
    sc.regs.read8(CSR.SCB_STATUS);
  }
  add(sc, u32, base);
  return true;
}

/**
 * Before a reset: frames that went into the FIFO, and were counted as sent by that, and have not left it will not leave it
 * any more. if_snd_ex held, and completions looked at.
 */
export function speedo_last_stats(sc: speedo_dev): void {
  if (speedo_update_stats(sc)) failed(sc, sc.tx_fifo);
}

/** Frames that were counted as sent have not been. */
function failed(sc: speedo_dev, frames: number): void {
  if (frames <= 0) return;
  const ifp = sc.ecom.ec_if;
  ifp.if_opackets -= frames;
  ifp.if_oerrors += frames;
}

function add(sc: speedo_dev, u32: Uint32Array, base: number): void {
  const ifp = sc.ecom.ec_if;
  const { un_estats: e } = sc.stats;
  const count = (which: number): number => u32[base + which];
  const noResources = count(STATISTIC.RX_RESOURCE_ERRORS);
  const overruns = count(STATISTIC.RX_OVERRUNS);
  const crc = count(STATISTIC.RX_CRC_ERRORS);
  const alignment = count(STATISTIC.RX_ALIGNMENT_ERRORS);
  e.fcs_errors += crc;
  e.align_errors += alignment;
  e.internal_rx_errors += noResources + overruns;
  e.short_packets += count(STATISTIC.RX_SHORT);
  sc.events.rx_missed_frames += noResources;
  ifp.if_ierrors += crc + alignment + noResources + overruns;

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
  ifp.if_collisions += count(STATISTIC.TX_TOTAL_COLLISIONS);
  for (let i = 0; i < underruns && i < 8; i++) speedo_underrun(sc);
  // Their blocks were done when they were in the FIFO, and they were counted as sent.
  const lost = late + excessive + underruns + lostCarrier;
  sc.tx_fifo -= lost + count(STATISTIC.TX_GOOD);
  failed(sc, lost);
}
