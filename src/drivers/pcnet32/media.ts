// The link: a callout looks at it, and at the same time after the chip's health. The Am79C970A shows its link by an LED
// register (BCR4); the Am79C973 has a PHY behind BCR32 to BCR34. Data sheets 19436, "BCR4"; 21510, "MII Management".

import { BCR, BCR4, BCR9, CSR0 } from '../../chips/pcnet/sheet.ts';
import { ANAR, BMCR, BMSR, MII } from '../../chips/phy/sheet.ts';
import { DROP_TX_ERROR, DROP_TX_TIMEOUT } from '../../net/drop-reason.ts';
import type { Adapter } from './adapter.ts';
import { readCounters, restart } from './chip.ts';
import { GONE } from './registers.ts';
import { abandonTransmit, completeTransmit, wakeQueue } from './transmit.ts';

/** While the link is up: a loss is seen in 2 s, and traffic flows again within 5 s of its return, negotiation included. */
const WATCH_UP_NS = 2_000_000_000;
/** While it is down somebody is waiting for it. */
const WATCH_DOWN_NS = 250_000_000;

const MBPS = 1_000_000;

/** The callout: looks, and arms itself again. */
export function watchLink(a: Adapter): void {
  if (!a.opened) return;
  checkHealth(a);
  checkLink(a);
  a.linkWatch.reset(a.device.carrier ? WATCH_UP_NS : WATCH_DOWN_NS);
}

/** Tells the device layer whether the link is there, at which speed and duplex. Lock not held. */
export function checkLink(a: Adapter): void {
  const { machine, lock, device } = a;
  const { cpu } = machine;
  let bitsPerSecond = 0;
  lock.lockIrq(cpu);
  const up = a.running && (a.fast ? phyLinkUp(a) : ledLinkUp(a));
  if (up) {
    const fullDuplex = a.fast ? phyFullDuplex(a) : (a.regs.readBcr(BCR.FDC) & BCR9.FDEN) !== 0;
    bitsPerSecond = a.fast ? phyRate(a) : 10 * MBPS;
    if (device.link.bitsPerSecond !== bitsPerSecond || device.link.fullDuplex !== fullDuplex) {
      device.link = { bitsPerSecond, fullDuplex };
    }
  }
  lock.unlockIrq(cpu);
  device.setCarrier(up);
}

/** LED0 is lit by the link alone: `initialise` saw to it. */
function ledLinkUp(a: Adapter): boolean {
  const led = a.regs.readBcr(BCR.LNKST);
  return led !== GONE && (led & BCR4.LEDOUT) !== 0;
}

/** The link bit latches low: the first read tells of a loss since the last look, the second how it is now. */
function phyLinkUp(a: Adapter): boolean {
  a.regs.readPhy(MII.BMSR);
  const status = a.regs.readPhy(MII.BMSR);
  return status !== GONE && (status & BMSR.LINK) !== 0;
}

/** What both ends can do, or what was set without asking. */
function phyAbilities(a: Adapter): number {
  const control = a.regs.readPhy(MII.BMCR);
  if ((control & BMCR.ANENABLE) !== 0) return a.regs.readPhy(MII.ANAR) & a.regs.readPhy(MII.ANLPAR);
  if ((control & BMCR.SPEED) !== 0) return (control & BMCR.DUPLEX) !== 0 ? ANAR.TXFD : ANAR.TX;
  return (control & BMCR.DUPLEX) !== 0 ? ANAR.T10FD : ANAR.T10;
}

function phyRate(a: Adapter): number {
  return (phyAbilities(a) & (ANAR.TXFD | ANAR.TX)) !== 0 ? 100 * MBPS : 10 * MBPS;
}

/** Full duplex of the rate that wins (annex 28B.3): 100BASE-TX of either kind beats 10BASE-T full duplex. */
function phyFullDuplex(a: Adapter): boolean {
  const abilities = phyAbilities(a);
  if ((abilities & ANAR.TXFD) !== 0) return true;
  return (abilities & ANAR.TX) === 0 && (abilities & ANAR.T10FD) !== 0;
}

/** Is it there, has it stopped by itself (a master abort does that), does it send? And reads its counters. */
function checkHealth(a: Adapter): void {
  const { machine, lock } = a;
  const { cpu } = machine;
  let reason = 0;
  lock.lockIrq(cpu);
  a.regs.doubt();
  const csr0 = a.regs.readCsr(0);
  if (csr0 === GONE && a.running) loseChip(a);
  // Also when nobody answers: a card that was put back is in word mode and cannot be read before a restart.
  else if (!a.running || (csr0 & CSR0.STOP) !== 0) reason = DROP_TX_ERROR;
  else {
    readCounters(a);
    completeTransmit(a);
    wakeQueue(a);
    // A full queue has the device layer's watchdog; one packet that never comes back has only us.
    const hangs = a.txFree < a.txRing.count && a.txDone === a.lastTxDone && a.device.carrier;
    if (hangs && !a.device.txQueues[0].stopped) reason = DROP_TX_TIMEOUT;
    a.lastTxDone = a.txDone;
  }
  lock.unlockIrq(cpu);
  if (reason === 0) return;
  if (reason === DROP_TX_TIMEOUT) a.stats.tx_timeouts++;
  restart(a, reason);
}

/** Nobody answers: the card was pulled out. What it had to send will not leave any more. Lock held. */
function loseChip(a: Adapter): void {
  a.running = false;
  a.device.txQueues[0].stop();
  completeTransmit(a);
  abandonTransmit(a, DROP_TX_ERROR);
  a.machine.log(`${a.device.name}: the card does not answer any more`);
}
