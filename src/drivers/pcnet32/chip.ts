// Starting, stopping and restarting the controller. Data sheets 19436 and 21510, "Initialization", "Re-Initialization",
// "Software Interface"; the order of writes is the sheet's: set-up registers while stopped, INIT, IDON, STRT.

import { writeInitBlock } from '../../chips/pcnet/init-block.ts';
import { RMD1 } from '../../chips/pcnet/ring.ts';
import { BCR, BCR4, BCR9, BCR18, CSR, CSR0, CSR3, CSR4 } from '../../chips/pcnet/sheet.ts';
import { DROP_DEV_READY } from '../../net/drop-reason.ts';
import { type Adapter, RX_BUFFER_BYTES } from './adapter.ts';
import { wantedFilter } from './filter.ts';
import { receive } from './receive.ts';
import { GONE } from './registers.ts';
import { abandonTransmit, completeTransmit } from './transmit.ts';

/**
 * CSR3 while interrupts are wanted, and while the poll function looks after receive and transmit. IDON is waited for. MISS
 * is masked while polling: under overload each frame without a descriptor would interrupt the poll that makes room.
 */
export const CSR3_INTERRUPTS = CSR3.IDONM;
export const CSR3_POLLING = CSR3.IDONM | CSR3.RINTM | CSR3.TINTM | CSR3.MISSM;
/** Short frames are padded by the chip; of CSR4's causes only the wrap of the missed frame counter interrupts. */
const CSR4_SETTING = CSR4.APAD_XMT | CSR4.RCVCCOM | CSR4.TXSTRTM | CSR4.JABM;
/** Reads of CSR0 that IDON is waited for: the block is seven words, read in a few microseconds; a read takes about one. */
const INIT_READS = 1000;

/**
 * Resets the chip, sets it up and has it read the initialization block. Lock held. `mode` is CSR15.
 * Throws when it does not answer or does not get through.
 */
export function initialise(a: Adapter, mode: number): void {
  const { regs, settings, device } = a;
  if (!regs.reset()) throw new Error('the chip does not come out of reset');
  a.lastMissed = 0;
  a.lastCollisions = 0;
  regs.writeBcr(BCR.SWS, settings.softwareStyle);
  if (settings.softwareStyle === 3) {
    regs.writeBcr(BCR.BSBC, regs.readBcr(BCR.BSBC) | BCR18.BREADE | BCR18.BWRITE);
  }
  // A full-duplex MAC takes runts unless FDRPAD says otherwise.
  if (settings.fullDuplex !== undefined) {
    regs.writeBcr(BCR.FDC, settings.fullDuplex ? BCR9.FDEN | BCR9.FDRPAD : 0);
  } else if (a.fast) regs.writeBcr(BCR.FDC, BCR9.FDRPAD);
  // The link is read from LED0, and S_RESET leaves it as whoever had the card before us set it.
  if (!a.fast) regs.writeBcr(BCR.LNKST, (regs.readBcr(BCR.LNKST) & BCR4.LEDPOL) | BCR4.PSE | BCR4.LNKSE);
  regs.writeCsr(3, a.csr3);
  regs.writeCsr(4, CSR4_SETTING);

  a.mode = mode;
  a.station.set(device.address);
  writeInitBlock(a.machine.memory.u32, a.initBlock, settings.softwareStyle, {
    mode,
    stationAddress: device.address,
    filterLow: a.filterLow,
    filterHigh: a.filterHigh,
    receiveRing: a.rxRing.address,
    receiveCount: a.rxRing.count,
    transmitRing: a.txRing.address,
    transmitCount: a.txRing.count,
  });
  regs.writeCsr(CSR.IADR_LOW, a.initBlock & 0xffff);
  regs.writeCsr(CSR.IADR_HIGH, a.initBlock >>> 16);
  regs.writeCsr(0, CSR0.INIT);
  for (let i = 0; i < INIT_READS; i++) {
    const csr0 = regs.readCsr(0);
    if (csr0 === GONE) break;
    if ((csr0 & CSR0.MERR) !== 0) throw new Error('nobody answers the chip on the bus (MERR)');
    if ((csr0 & CSR0.IDON) !== 0) return;
  }
  throw new Error('the chip does not read its initialization block (no IDON)');
}

/** Initialises it for traffic and starts it. Lock held. Throws what initialise throws; then the chip is stopped. */
export function startChip(a: Adapter): void {
  const wanted = wantedFilter(a.device);
  a.filterLow = wanted.low;
  a.filterHigh = wanted.high;
  try {
    initialise(a, wanted.mode);
  } catch (error) {
    a.regs.writeCsr(0, CSR0.STOP);
    throw error;
  }
  a.running = true;
  // From here the controller owns the rings and may interrupt.
  a.regs.writeCsr(0, CSR0.STRT | CSR0.IDON | CSR0.IENA);
}

/** No DMA and no interrupt after this. Lock held. The chip's counters are read first: STOP clears them. */
export function stopChip(a: Adapter): void {
  // STOP has to arrive, whoever moved RAP meanwhile.
  a.regs.doubt();
  if (a.running) readCounters(a);
  a.running = false;
  a.regs.writeCsr(0, CSR0.STOP);
}

/** Adds what the chip counted since the last time: frames missed (CSR112), collisions while receiving (CSR114). Lock held. */
export function readCounters(a: Adapter): void {
  const { regs, stats } = a;
  const missed = regs.readCsr(CSR.MFC);
  const collisions = regs.readCsr(CSR.RCC);
  // All ones in both: gone, or a coincidence that the next reading makes good.
  if (missed === GONE && collisions === GONE) return;
  countMissed(a, (missed - a.lastMissed) & 0xffff);
  stats.receive_collisions += (collisions - a.lastCollisions) & 0xffff;
  a.lastMissed = missed;
  a.lastCollisions = collisions;
}

/** Frames that found no descriptor. */
export function countMissed(a: Adapter, frames: number): void {
  a.stats.rx_missed_frames += frames;
  a.device.rx.errors += frames;
}

/** Gives every receive descriptor, each of which has its buffer, to the chip. The chip is stopped. */
export function fillReceiveRing(a: Adapter): void {
  const { rxRing, rxBuffers, pci } = a;
  for (let i = 0; i < rxRing.count; i++) {
    const { data } = rxBuffers[i]!;
    pci.dma.syncForDevice(data, RX_BUFFER_BYTES);
    rxRing.prepare(i, data, RX_BUFFER_BYTES);
    rxRing.give(i);
  }
  a.rxNext = 0;
  a.rxInFrame = false;
}

/** Empties the transmit ring. The chip is stopped and no packet is in it. */
export function clearTransmitRing(a: Adapter): void {
  for (let i = 0; i < a.txRing.count; i++) a.txRing.clear(i);
  a.txNext = 0;
  a.txOldest = 0;
  a.txFree = a.txRing.count;
  a.txErrors = 0;
  a.txFailed = false;
  a.device.txQueues[0].resetLimits();
}

/**
 * Stops the chip and starts it afresh: after a hang, an underflow, a bus error. Packets it has sent are counted, those
 * it has not are dropped for `reason`; frames it has received go up. Softirq or process context, lock not held.
 */
export function restart(a: Adapter, reason: number): void {
  const { machine, device, lock } = a;
  if (!a.opened) return;
  const { cpu } = machine;
  const queue = device.txQueues[0];
  a.filterRetry.stop();
  a.recovery.stop();
  queue.stop();
  lock.lockIrq(cpu);
  stopChip(a);
  completeTransmit(a);
  abandonTransmit(a, reason);
  lock.unlockIrq(cpu);

  // At most once around: the chip is stopped, so nothing is added.
  receive(a, a.rxRing.count);

  lock.lockIrq(cpu);
  fillReceiveRing(a);
  clearTransmitRing(a);
  // Whoever polls now unmasks when he is done.
  a.csr3 = a.settings.napi && a.napi.scheduled ? CSR3_POLLING : CSR3_INTERRUPTS;
  let failure = '';
  try {
    startChip(a);
  } catch (error) {
    failure = (error as Error).message;
  }
  lock.unlockIrq(cpu);
  // The link watch tries again and again; people are told once.
  if (failure !== '' && failure !== a.lastFailure) machine.log(`${device.name}: restart failed: ${failure}`);
  a.lastFailure = failure;
  if (failure === '') {
    a.stats.restarts++;
    queue.wake();
  } else device.setCarrier(false);
}

/** Frees everything that waits in the rings of a stopped chip. Lock held. */
export function freeBuffers(a: Adapter): void {
  const { rxRing, rxBuffers, machine, stats } = a;
  completeTransmit(a);
  abandonTransmit(a, DROP_DEV_READY);
  clearTransmitRing(a);
  for (let i = 0; i < rxBuffers.length; i++) {
    const m = rxBuffers[i];
    if (m === null) continue;
    // Frames, not descriptors: a long one has several, and begins in one.
    if (!rxRing.owned(i) && (rxRing.status(i) & RMD1.STP) !== 0) stats.rx_flushed++;
    rxRing.clear(i);
    rxBuffers[i] = null;
    machine.mbufs.freem(m);
  }
}
