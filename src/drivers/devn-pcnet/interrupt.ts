// The driver's thread: interrupts and the MDI library's timer come as pulses. Causes are acknowledged first and the rings
// looked at then; what comes after that sets its cause again, and the level is still there when the line is unmasked.

import { CSR0, CSR0_CAUSES } from '../../chips/pcnet/sheet.ts';
import { InterruptUnmask, MsgReceivePulse } from '../../ionet/neutrino.ts';
import { MDI_MonitorPhy, MDI_TIMER } from '../../ionet/shared.ts';
import { BLOCK, type ThreadBody } from '../../kernel/thread.ts';
import { pcnet_start, pcnet_stop } from './hardware.ts';
import { pcnet_count_missed, pcnet_receive } from './receive.ts';
import { GONE } from './registers.ts';
import { PULSE_FLUSH, PULSE_INTERRUPT, PULSE_QUIT, PULSE_RESTART, type pcnet_t } from './state.ts';
import { pcnet_fail_ring, pcnet_reap } from './transmit.ts';

const { MERR, RINT, TINT, INTR, IENA, STOP } = CSR0;
/** Rounds for one pulse: the line is asserted still, if there is more, and comes again. */
const ROUNDS = 4;
/** Ticks of two seconds without a descriptor coming back. The longest a full ring takes at 10 Mb/s is 0.6 s. */
const STUCK_TICKS = 3;
const MS = 1_000_000;
/** What was to be sent is waited for so long when all packets are wanted back. */
const FLUSH_MS = 800;

export function* pcnet_thread(pcnet: pcnet_t): ThreadBody {
  const { pulse, pci } = pcnet;
  for (;;) {
    if (MsgReceivePulse(pcnet.chid, pulse) === -1) {
      yield BLOCK;
      continue;
    }
    if (pulse.code === PULSE_QUIT) return;
    if (pulse.code === MDI_TIMER) tick(pcnet);
    else if (pulse.code === PULSE_RESTART) restart(pcnet);
    else if (pulse.code === PULSE_FLUSH) yield* flush(pcnet);
    else if (pulse.code === PULSE_INTERRUPT) {
      interrupt(pcnet);
      InterruptUnmask(pci.irq, pcnet.iid);
    }
  }
}

function interrupt(pcnet: pcnet_t): void {
  const { regs } = pcnet;
  for (let round = 0; round < ROUNDS; round++) {
    const csr0 = regs.readCsr0();
    if ((csr0 & INTR) === 0 || csr0 === GONE) return;
    if (!pcnet.running) {
      // A card that was away is back, and would ask for ever.
      regs.writeCsr0(0);
      return;
    }
    regs.writeCsr0((csr0 & CSR0_CAUSES) | IENA);
    if ((csr0 & RINT) !== 0) pcnet_receive(pcnet);
    if ((csr0 & TINT) !== 0) pcnet_reap(pcnet);
    if ((csr0 & MERR) !== 0) pcnet.broken = true;
    if (pcnet.broken) restart(pcnet);
  }
}

/** Every two seconds. */
function tick(pcnet: pcnet_t): void {
  const csr0 = pcnet.regs.readCsr0();
  // It has stopped by itself, as a master abort does; it was away; or it did not start the last time.
  if (csr0 === GONE || (csr0 & STOP) !== 0 || !pcnet.running || stuck(pcnet)) restart(pcnet);
  else {
    pcnet_count_missed(pcnet);
    pcnet_reap(pcnet);
  }
  MDI_MonitorPhy(pcnet.mdi.value!);
}

/** Nothing has left for seconds. */
function stuck(pcnet: pcnet_t): boolean {
  const idle = pcnet.tx_free === pcnet.tx_ring.count || pcnet.tx_dirty !== pcnet.tx_seen;
  pcnet.tx_seen = pcnet.tx_dirty;
  pcnet.tx_stuck = idle ? 0 : pcnet.tx_stuck + 1;
  return pcnet.tx_stuck >= STUCK_TICKS;
}

/** What was to be sent has failed, what was received is passed up, and the chip is started afresh. */
function restart(pcnet: pcnet_t): void {
  pcnet_stop(pcnet);
  pcnet_fail_ring(pcnet);
  pcnet_receive(pcnet);
  if (pcnet_start(pcnet)) pcnet_reap(pcnet);
}

/** A chip that hangs, or has no link, never gives back what it was given. */
function* flush(pcnet: pcnet_t): ThreadBody {
  for (let ms = 0; pcnet.tx_free < pcnet.tx_ring.count && !pcnet.dying; ms++) {
    if (ms === FLUSH_MS) {
      restart(pcnet);
      return;
    }
    yield MS;
    pcnet_reap(pcnet);
  }
}
