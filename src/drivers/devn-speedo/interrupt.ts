// The driver's thread: interrupts and the MDI library's timer come as pulses. The kernel masks the line at each interrupt, so the
// card's own mask is not needed while the thread works.

import { CSR, CUS, CUS_SHIFT, RUS, RUS_SHIFT, SCB_STATUS, STAT_ACK } from '../../chips/i8255x/sheet.ts';
import { InterruptUnmask, MsgReceivePulse, MsgSendPulse } from '../../ionet/neutrino.ts';
import { EOK, MDI_TIMER } from '../../ionet/shared.ts';
import { BLOCK, type ThreadBody } from '../../kernel/thread.ts';
import { GONE, speedo_mask, speedo_reset } from './hardware.ts';
import { SETUP_MS, speedo_begin, speedo_go, speedo_stop } from './init.ts';
import { speedo_monitor, speedo_set_phy } from './mii.ts';
import { speedo_receive, speedo_rx_done, speedo_rx_resume } from './receive.ts';
import { speedo_setup_done, speedo_tell } from './setup.ts';
import { PULSE_FLUSH, PULSE_INTERRUPT, PULSE_QUIT, type speedo_t } from './state.ts';
import { speedo_update_stats } from './statistics.ts';
import { speedo_lock, speedo_reap, speedo_unlock } from './transmit.ts';

const { CX, CNA, RNR } = STAT_ACK;
/** Rounds for one pulse: then the others that wait are served. */
const ROUNDS = 4;
/** Ticks of two seconds without a block coming back. The longest a full ring takes at 10 Mb/s is 1.3 s. */
const STUCK_TICKS = 3;
const MS = 1_000_000;
/** What was to be sent is waited for so long when all packets are wanted back: a full ring at 10 Mb/s may lose its end. */
const FLUSH_MS = 800;

export function* speedo_thread(speedo: speedo_t): ThreadBody {
  const { pulse } = speedo;
  for (;;) {
    if (MsgReceivePulse(speedo.chid, pulse) === -1) {
      yield BLOCK;
      continue;
    }
    if (pulse.code === PULSE_QUIT) return;
    if (pulse.code === PULSE_INTERRUPT) interrupt(speedo);
    else if (pulse.code === MDI_TIMER) {
      if (!tick(speedo)) yield* restart(speedo);
      speedo_monitor(speedo);
    } else if (pulse.code === PULSE_FLUSH) yield* flush(speedo);
  }
}

// ---- interrupts

/** The line is unmasked once for its pulse: now, or when a pulse of our own has come round. */
function interrupt(speedo: speedo_t): void {
  while (!work(speedo)) if (MsgSendPulse(speedo.coid, speedo.priority, PULSE_INTERRUPT, 0) === EOK) return;
  InterruptUnmask(speedo.pci.irq, speedo.iid);
}

/**
 * Acknowledges causes first and works on the lists then, so that what comes in between asks again; as long as there are causes.
 * What has arrived is counted before a register is read: then it is there as a whole. False: there may be more.
 */
function work(speedo: speedo_t): boolean {
  const { regs } = speedo;
  for (let round = 0; round < ROUNDS; round++) {
    if (!speedo.running) {
      // A card that was away, was never halted therefore, and is back: it would ask for ever.
      speedo_mask(speedo);
      return true;
    }
    const done = speedo_rx_done(speedo);
    const causes = regs.read8(CSR.SCB_STAT_ACK);
    if (causes === GONE || (causes === 0 && done === 0)) return true;
    if (causes !== 0) regs.write8(CSR.SCB_STAT_ACK, causes);
    // Out of buffers the receive unit writes no more: all of them are whole, and it begins anew behind the last.
    speedo_receive(speedo, (causes & RNR) !== 0 ? speedo_rx_done(speedo) : done);
    if ((causes & RNR) !== 0) speedo_rx_resume(speedo);
    if ((causes & (CX | CNA)) !== 0) complete(speedo);
  }
  return false;
}

function complete(speedo: speedo_t): void {
  speedo_lock(speedo);
  speedo_reap(speedo);
  speedo_tell(speedo);
  speedo_unlock(speedo);
}

// ---- every two seconds

/** False: the chip is to be started afresh. */
function tick(speedo: speedo_t): boolean {
  if (!speedo.running || !healthy(speedo)) return false;
  speedo_lock(speedo);
  speedo_update_stats(speedo);
  speedo_reap(speedo);
  speedo_tell(speedo);
  speedo_unlock(speedo);
  if (!stuck(speedo)) return true;
  speedo.events.tx_timeouts++;
  speedo.dispatch.machine.log(`${speedo.name}: transmit hangs, and is started afresh`);
  return false;
}

/** Both units are where they should be: what the bus did not answer to leaves a unit idle. */
function healthy({ regs }: speedo_t): boolean {
  const status = regs.read8(CSR.SCB_STATUS);
  const cu = (status & SCB_STATUS.CUS) >> CUS_SHIFT;
  const ru = (status & SCB_STATUS.RUS) >> RUS_SHIFT;
  return status !== GONE && cu !== CUS.IDLE && ru !== RUS.IDLE;
}

/** Nothing has left for seconds. */
function stuck(speedo: speedo_t): boolean {
  const idle = speedo.tx_free === speedo.tx_count || speedo.tx_dirty !== speedo.tx_seen;
  speedo.tx_seen = speedo.tx_dirty;
  speedo.tx_stuck = idle ? 0 : speedo.tx_stuck + 1;
  return speedo.tx_stuck >= STUCK_TICKS;
}

/** What was to be sent has failed, what was received is passed up, and the chip is started afresh; or it is lost. */
function* restart(speedo: speedo_t): ThreadBody {
  speedo_stop(speedo);
  speedo_receive(speedo, speedo_rx_done(speedo));
  let begun = speedo_begin(speedo);
  for (let ms = 0; begun && !speedo_setup_done(speedo); ms++) {
    if (ms === SETUP_MS) begun = false;
    else yield MS;
    if (speedo.dying) return;
  }
  if (!begun) {
    speedo_reset(speedo);
    if (!speedo.lost) speedo.dispatch.machine.log(`${speedo.name}: the card does not answer`);
    speedo.lost = true;
    return;
  }
  // What was away comes back fresh from reset, and its PHY with it.
  speedo_set_phy(speedo);
  speedo.events.restarts++;
  speedo_go(speedo);
}

// ---- flush

/** Few blocks ask for an interrupt, so nobody else takes the last ones back; and a chip that hangs never gives them. */
function* flush(speedo: speedo_t): ThreadBody {
  for (let ms = 0; speedo.tx_free < speedo.tx_count && !speedo.dying; ms++) {
    if (ms === FLUSH_MS) {
      yield* restart(speedo);
      return;
    }
    yield MS;
    complete(speedo);
  }
}
