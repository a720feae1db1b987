// The interrupt handler and the poll function. Data sheets 19436 and 21510, "Interrupts", CSR0, CSR3, CSR4.
//
// How no event is lost: causes latch in CSR0 also while CSR3 masks them. The poll function clears RINT and TINT first and
// looks at the rings then; what comes after that sets its cause again, and asks for service as soon as CSR3 lets it.

import { CSR0, CSR0_CAUSES, CSR4 } from '../../chips/pcnet/sheet.ts';
import type { Cpu } from '../../kernel/cpu.ts';
import type { Adapter } from './adapter.ts';
import { CSR3_INTERRUPTS, CSR3_POLLING, countMissed } from './chip.ts';
import { receive } from './receive.ts';
import { GONE } from './registers.ts';
import { completeTransmit, wakeQueue } from './transmit.ts';

const { BABL, MISS, MERR, RINT, TINT, INTR, IENA } = CSR0;
const TROUBLE = BABL | MISS | MERR;
/** After a bus error the chip is left alone for this long before it is restarted: 1 ms, so that a dead bus is no storm. */
const BUS_ERROR_PAUSE_NS = 1_000_000;

/** IrqHandler: hard interrupt context. */
export function handleInterrupt(a: Adapter, cpu: Cpu): boolean {
  const { regs, lock, device } = a;
  lock.lock(cpu);
  const csr0 = regs.readCsr(0);
  if ((csr0 & INTR) === 0 || csr0 === GONE) {
    // Or it is ours and RAP is elsewhere: what was written to a card that did not answer for a while went nowhere. If so
    // the line asks again, and the second answer is true.
    regs.doubt();
    lock.unlock(cpu);
    return false;
  }
  device.interrupts++;
  // What is masked is somebody's who looks after it without us, and stays for him.
  const causes = csr0 & CSR0_CAUSES & ~a.csr3;
  regs.writeCsr(0, causes | IENA);
  if ((causes & TROUBLE) !== 0) handleTrouble(a, causes);
  if ((causes & (RINT | TINT | TROUBLE)) === 0) handleOverflow(a);
  let take = false;
  if ((causes & (RINT | TINT)) !== 0) {
    if (a.settings.napi) schedulePoll(a);
    else {
      take = (causes & RINT) !== 0;
      completeTransmit(a);
      wakeQueue(a);
    }
  }
  lock.unlock(cpu);
  // Once around at most: what comes meanwhile interrupts again.
  if (take) receive(a, a.rxRing.count);
  return true;
}

/** From interrupts to polling. */
function schedulePoll(a: Adapter): void {
  if (!a.napi.schedulePrep()) return;
  a.csr3 |= CSR3_POLLING;
  a.regs.writeCsr(3, a.csr3);
  a.napi.schedule();
}

function handleTrouble(a: Adapter, causes: number): void {
  const { stats, device } = a;
  if ((causes & BABL) !== 0) {
    stats.tx_babbles++;
    device.tx.errors++;
  }
  // How many were missed, CSR112 tells.
  if ((causes & MISS) !== 0) stats.rx_missed_interrupts++;
  if ((causes & MERR) === 0) return;
  stats.bus_errors++;
  a.csr3 |= MERR;
  a.regs.writeCsr(3, a.csr3);
  a.recovery.reset(BUS_ERROR_PAUSE_NS);
}

/** Of the causes outside of CSR0 only the wrap of the missed frame counter is enabled ("CSR4", MFCO). */
function handleOverflow(a: Adapter): void {
  const { regs } = a;
  const csr4 = regs.readCsr(4);
  // Written back as it reads: settings stay, causes clear. UINTCMD would be a command and reads as zero.
  regs.writeCsr(4, csr4);
  if ((csr4 & CSR4.MFCO) === 0) return;
  countMissed(a, 0x10000 - a.lastMissed);
  a.lastMissed = 0;
}

/** NapiPoll: softirq context. */
export function poll(a: Adapter, budget: number): number {
  const { lock, regs, machine, napi } = a;
  const { cpu } = machine;
  lock.lockIrq(cpu);
  if (budget > 0) regs.writeCsr(0, RINT | TINT | MISS | IENA);
  completeTransmit(a);
  wakeQueue(a);
  lock.unlockIrq(cpu);
  if (budget === 0) return 0;

  const work = receive(a, budget);
  if (work === budget) return work;

  lock.lockIrq(cpu);
  if (napi.complete()) {
    a.csr3 = (a.csr3 & ~CSR3_POLLING) | CSR3_INTERRUPTS;
    regs.writeCsr(3, a.csr3);
  }
  lock.unlockIrq(cpu);
  return work;
}
