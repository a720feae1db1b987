// Sending: packets into the transmit ring, and out of it when they have left. Data sheets 19436 and 21510, "Transmit
// Operation" and "Transmit Descriptor Table Entry".

import { TMD1, TMD2 } from '../../chips/pcnet/ring.ts';
import { CSR0 } from '../../chips/pcnet/sheet.ts';
import type { Mbuf } from '../../mbuf/mbuf.ts';
import { NETDEV_TX_BUSY, NETDEV_TX_OK } from '../../net/device.ts';
import { DROP_NOMEM, DROP_PKT_TOO_SHORT } from '../../net/drop-reason.ts';
import type { Adapter } from './adapter.ts';

const { ERR, MORE, ONE, DEF, STP, ENP } = TMD1;
const { BUFF, UFLO, EXDEF, LCOL, LCAR, RTRY, TRC } = TMD2;
const { TDMD, IENA, TXON } = CSR0;

/** Tries after which the chip gives up. */
const ATTEMPTS = 16;

/** Descriptors a packet takes: its members that hold bytes. */
function countFragments(m: Mbuf): number {
  let count = 0;
  for (let part: Mbuf | null = m; part !== null; part = part.next) if (part.length > 0) count++;
  return count;
}

/** NetDeviceOps.startXmit. */
export function startXmit(a: Adapter, m: Mbuf): boolean {
  const { device, lock, txRing, machine } = a;
  const { dma } = a.pci;
  const { cpu } = machine;
  const queue = device.txQueues[0];
  let fragments = countFragments(m);
  if (fragments > a.maxFragments) {
    if (!copyTogether(a, m)) return NETDEV_TX_OK;
    fragments = 1;
  } else if (fragments === 0) {
    device.drop(m, DROP_PKT_TOO_SHORT);
    return NETDEV_TX_OK;
  }
  lock.lockIrq(cpu);
  // Never so while the queue stops in time.
  if (fragments >= a.txFree) {
    queue.stop();
    lock.unlockIrq(cpu);
    return NETDEV_TX_BUSY;
  }
  const mask = txRing.count - 1;
  const first = a.txNext;
  let index = first;
  let last = first;
  let left = fragments;
  for (let part: Mbuf | null = m; part !== null; part = part.next) {
    if (part.length === 0) continue;
    left--;
    dma.syncForDevice(part.data, part.length);
    txRing.prepare(index, part.data, part.length, (index === first ? STP : 0) | (left === 0 ? ENP : 0));
    // The chip stops at the first descriptor, which is still ours.
    if (index !== first) txRing.give(index);
    last = index;
    index = (index + 1) & mask;
  }
  a.txBuffers[last] = m;
  a.txNext = index;
  a.txFree -= fragments;
  // From here the controller owns the packet.
  txRing.give(first);
  if (a.txFree < a.txStopBelow) queue.stop();
  queue.sent(m.packetLength);
  // One doorbell for a batch; the chip's own polling of the ring would find it within 2 ms too.
  if (!device.xmitMore || queue.stopped) a.regs.writeCsr(0, TDMD | IENA);
  lock.unlockIrq(cpu);
  return NETDEV_TX_OK;
}

/** One piece out of too many. False: there was no buffer, and the packet is dropped and counted. */
function copyTogether(a: Adapter, m: Mbuf): boolean {
  const { cpu, mbufs } = a.machine;
  cpu.charge(cpu.profile.buffer + cpu.profile.copyByte * m.packetLength);
  if (mbufs.linearise(m) !== null) {
    a.stats.tx_linearised++;
    return true;
  }
  a.stats.tx_linearise_failures++;
  a.device.drop(m, DROP_NOMEM);
  return false;
}

/** Takes back what the chip is done with. Lock held. */
export function completeTransmit(a: Adapter): void {
  const { txRing, txBuffers, device } = a;
  const { dma } = a.pci;
  const { count } = txRing;
  let troubles = 0;
  let bytes = 0;
  while (a.txFree < count) {
    const index = a.txOldest;
    dma.syncForCpu(txRing.address, 4);
    if (txRing.owned(index)) break;
    const status = txRing.status(index);
    if ((status & (ERR | MORE | ONE | DEF)) !== 0) noteStatus(a, index, status);
    const m = txBuffers[index];
    a.txOldest = (index + 1) & (count - 1);
    a.txFree++;
    if (m === null) continue;
    txBuffers[index] = null;
    a.txDone++;
    bytes += m.packetLength;
    if (!a.txFailed) device.transmitDone(m, true);
    else {
      troubles |= countErrors(a);
      device.transmitDone(m, false);
    }
  }
  device.txQueues[0].completed(bytes);
  // An underflow turns the transmitter off ("CSR3", DXSUFLO).
  if ((troubles & (UFLO | BUFF)) !== 0 && a.running && (a.regs.readCsr(0) & TXON) === 0) a.recovery.reset(0);
}

/** Lets the queue go on when there is room for a while. Lock held. */
export function wakeQueue(a: Adapter): void {
  const queue = a.device.txQueues[0];
  if (queue.stopped && a.running && a.txFree >= a.txWakeFrom) queue.wake();
}

/** Collisions and errors in a descriptor; those of a packet may be spread over its descriptors. */
function noteStatus(a: Adapter, index: number, status: number): void {
  const { stats } = a;
  const errors = a.txRing.errors(index);
  if ((status & DEF) !== 0) stats.tx_deferred++;
  if ((status & ONE) !== 0) stats.tx_collisions++;
  // Style 0 tells only that there was more than one.
  if ((status & MORE) !== 0) stats.tx_collisions += a.settings.softwareStyle === 0 ? 2 : errors & TRC;
  if ((status & ERR) === 0) return;
  a.txFailed = true;
  a.txErrors |= errors;
}

/** Counts the errors of the packet at hand by kind and forgets them; returns them. */
function countErrors(a: Adapter): number {
  const { stats, txErrors } = a;
  if ((txErrors & RTRY) !== 0) {
    stats.tx_retry_errors++;
    stats.tx_collisions += ATTEMPTS;
  }
  if ((txErrors & LCAR) !== 0) stats.tx_carrier_errors++;
  if ((txErrors & LCOL) !== 0) stats.tx_late_collisions++;
  if ((txErrors & EXDEF) !== 0) stats.tx_excessive_deferrals++;
  if ((txErrors & UFLO) !== 0) stats.tx_underflows++;
  if ((txErrors & BUFF) !== 0) stats.tx_buffer_errors++;
  a.txErrors = 0;
  a.txFailed = false;
  return txErrors;
}

/** Drops every packet that is still in the ring of a stopped chip. Lock held. */
export function abandonTransmit(a: Adapter, reason: number): void {
  const { txBuffers, device } = a;
  for (let i = 0; i < txBuffers.length; i++) {
    const m = txBuffers[i];
    if (m === null) continue;
    txBuffers[i] = null;
    device.drop(m, reason);
  }
  device.txQueues[0].resetLimits();
}
