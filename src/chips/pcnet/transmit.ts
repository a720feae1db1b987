// The transmitter: polling, chains of descriptors, padding, FCS, status. Data sheets 19436 and 21510, "Transmit
// Operation", "Transmit Descriptor Table Entry", "Polling"; layouts in ring.ts.
// The FIFO is not modelled: a frame is read whole before it is sent. Retries are the medium's business, so DRTY does
// nothing; neither do the deferral settings of CSR3.

import { ClockEvent } from '../../kernel/clock.ts';
import { copyBytes } from '../../kernel/copy.ts';
import { FRAME_START, type Frame, MAX_FRAME_BYTES } from '../../wire/frame.ts';
import { TX_COLLISIONS, TX_DEFERRED, TX_LATE_COLLISION, TX_NO_CARRIER, TX_RETRY } from '../../wire/medium.ts';
import { type Core, ENDING } from './core.ts';
import type { Receiver } from './receive.ts';
import { TMD1, TMD1_LTINT, TMD2 } from './ring.ts';
import { CSR, CSR0, CSR3, CSR4, CSR5, CSR15 } from './sheet.ts';

const { OWN, ERR, ADD_FCS, MORE, ONE, DEF, STP, ENP } = TMD1;
const { TINT, TXON, BABL, CERR } = CSR0;
const { TXDPOLL, APAD_XMT, TXSTRT } = CSR4;
const { LOOP, INTL, FCOLL, DXMTFCS } = CSR15;

const { EXPECTED, ABANDONED, UNSEEN, REPLACED, FORGOTTEN } = ENDING;

const FCS_BYTES = 4;
const MINIMUM_BYTES = 60;
/** Longest frame with FCS that is not babble. */
const BABBLE_BYTES = 1518;
/** Period of the PCI clock, 33 MHz, that the polling interval counts. */
const PCI_CLOCK_NS = 30;
/** Shortest time between two looks at the ring: a poll takes the bus for about as long. */
const POLL_NS = 1_000;
/** Status bits of TMD1 that the chip writes; the rest stays as the host wrote it. */
const TMD1_KEPT = ~(OWN | ERR | MORE | ONE | DEF);

export class Transmitter {
  private readonly core: Core;
  private readonly receiver: Receiver;

  // Not private: what save.ts looks at.

  readonly poll: ClockEvent;
  /** The end of a frame that was restored, if no medium tells it. */
  readonly left: ClockEvent;
  pumping = false;
  /** The budget of a call was used up: the poll event, which is armed, goes on with the ring, also with TXDPOLL. */
  unfinished = false;
  /** Word of the descriptor that ends the frame with the medium, and what it said. */
  lastAt = 0;
  lastStatus = 0;
  lastBytes = 0;

  constructor(core: Core, receiver: Receiver) {
    this.core = core;
    this.receiver = receiver;
    this.poll = new ClockEvent('pcnet transmit poll', () => this.pollNow());
    this.left = new ClockEvent('pcnet restored frame has left', () => this.transmitted(0));
    core.onStop = () => this.stopped();
  }

  /** Sends what the ring holds: on TDMD, on STRT, at every poll, and after each frame. */
  pump(): void {
    if (this.pumping) return;
    const { core } = this;
    this.pumping = true;
    // A driver that refills while we send may not keep us here for ever.
    let budget = core.tx.length;
    while (core.mayTransmit && !core.sending && budget > 0 && this.next()) budget--;
    this.pumping = false;
    this.unfinished = budget === 0;
    // Not at once: a loopback that gives its own descriptors back would hold the time.
    if (this.unfinished) core.clock.armIn(this.poll, POLL_NS);
    // Last: a handler that runs in here may stop the chip, or pump.
    core.updateInterrupt();
  }

  /** A frame has just been received: the ring is polled then too ("Polling"). */
  pollAfterReceive(): void {
    const { core } = this;
    if ((core.csr4 & TXDPOLL) !== 0 || core.sending || this.pumping || !core.mayTransmit) return;
    const address = core.descriptorAddress(core.tx, core.tx.index);
    if (!core.reaches(address, core.descriptorBytes)) return;
    if ((core.memory.u32[(address >>> 2) + core.statusWord] & OWN) !== 0) this.pump();
  }

  /** Starts, or stops, the poll timer as TXON and TXDPOLL say. */
  schedulePoll(): void {
    const { core } = this;
    if (this.unfinished) return;
    const polls = (core.csr0 & TXON) !== 0 && (core.csr4 & TXDPOLL) === 0;
    if (!polls) core.clock.cancel(this.poll);
    else if (!this.poll.armed) core.clock.arm(this.poll, core.clock.now() + this.pollInterval());
  }

  /** The medium is done with the frame. */
  transmitted(status: number): void {
    const { core } = this;
    if (!core.sending) return;
    core.sending = false;
    if (core.ending === EXPECTED) this.complete(status);
    else this.endOtherwise(status);
    if (!this.pumping) this.pump();
  }

  /** The end of a frame that was stopped, or of one before or after a restore. */
  private endOtherwise(status: number): void {
    const { core } = this;
    const { ending } = core;
    core.ending = EXPECTED;
    core.clock.cancel(this.left);
    if (ending === ABANDONED) core.counters.txAborted++;
    else if (ending === UNSEEN) this.complete(status);
    else if (ending === REPLACED) this.complete(0);
  }

  /** CSR47 holds the two's complement of the interval in PCI clocks; its reset value 0 is 65536 of them, 1.966 ms. */
  private pollInterval(): number {
    return Math.max((0x10000 - this.core.csr[CSR.TXPOLLINT]) * PCI_CLOCK_NS, POLL_NS);
  }

  private pollNow(): void {
    this.pump();
    this.schedulePoll();
  }

  private stopped(): void {
    const { core } = this;
    core.clock.cancel(this.poll);
    this.unfinished = false;
    if (core.sending && core.ending !== FORGOTTEN) core.ending = ABANDONED;
  }

  /** Takes one descriptor or one frame; false when the ring has nothing for us. */
  private next(): boolean {
    const { core } = this;
    const { tx, memory } = core;
    const address = tx.base + tx.index * core.descriptorBytes;
    if (!core.reaches(address, core.descriptorBytes)) {
      core.busFault();
      return false;
    }
    const at = address >>> 2;
    // Signed: with OWN set the unsigned word would be a heap number, 16 bytes of garbage a frame.
    const status = memory.u32[at + core.statusWord] | 0;
    if ((status & OWN) === 0) return false;
    if ((status & STP) === 0) {
      // Not the start of a frame: given back unread, so that the ring gets in step again.
      memory.u32[at + core.statusWord] = status & ~OWN;
      core.dma.wrote(address, core.descriptorBytes);
      core.counters.skippedDescriptors++;
      tx.advance();
      return true;
    }
    core.counters.taken++;
    if ((status & ENP) === 0) return this.chain(at, status);

    const bytes = core.bufferBytes(at);
    const buffer = core.bufferAddress(at);
    if (!core.dma.answers(buffer, bytes)) {
      core.counters.txBusError++;
      core.busFault();
      return false;
    }
    const padded = bytes < MINIMUM_BYTES && (core.csr4 & APAD_XMT) !== 0;
    const frame = core.medium.pool.get(padded ? MINIMUM_BYTES : bytes);
    copyBytes(memory, buffer, frame, FRAME_START, bytes);
    tx.advance();
    this.launch(frame, bytes, padded, status, at, status);
    return true;
  }

  /** A frame in several buffers. First its length, then the bytes; each buffer but the last is given back at once. */
  private chain(firstAt: number, firstStatus: number): boolean {
    const { core } = this;
    const { tx, memory, counters } = core;
    const { u32 } = memory;
    let total = 0;
    let buffers = 0;
    let at = firstAt;
    let lastStatus = firstStatus;
    for (;;) {
      buffers++;
      total += core.bufferBytes(at);
      if (!core.dma.answers(core.bufferAddress(at), core.bufferBytes(at))) {
        counters.txBusError++;
        core.busFault();
        return false;
      }
      if ((lastStatus & ENP) !== 0) break;
      const address = core.descriptorAddress(tx, (tx.index + buffers) % tx.length);
      if (!core.dma.answers(address, core.descriptorBytes)) {
        counters.txBusError++;
        core.busFault();
        return false;
      }
      const next = address >>> 2;
      lastStatus = u32[next + core.statusWord];
      // Once around the ring is a chain without an end.
      if (buffers === tx.length || (lastStatus & OWN) === 0) {
        this.underflow(at, buffers);
        return true;
      }
      at = next;
    }
    if (total > MAX_FRAME_BYTES) {
      this.giveBack(buffers - 1);
      tx.advance();
      counters.txOversize++;
      core.csr0 |= BABL;
      this.writeStatus(at, lastStatus, 0, 0);
      this.interruptFor(lastStatus, false);
      return true;
    }
    const padded = total < MINIMUM_BYTES && (core.csr4 & APAD_XMT) !== 0;
    const frame = core.medium.pool.get(padded ? MINIMUM_BYTES : total);
    let offset = FRAME_START;
    for (let i = 0; i < buffers; i++) {
      const part = core.descriptorAddress(tx, (tx.index + i) % tx.length) >>> 2;
      const bytes = core.bufferBytes(part);
      copyBytes(memory, core.bufferAddress(part), frame, offset, bytes);
      offset += bytes;
    }
    this.giveBack(buffers - 1);
    tx.advance();
    this.launch(frame, total, padded, firstStatus, at, lastStatus);
    return true;
  }

  /** Clears OWN of the next descriptors and passes them. */
  private giveBack(count: number): void {
    const { core } = this;
    const { tx, memory } = core;
    for (let i = 0; i < count; i++) {
      const address = core.descriptorAddress(tx, tx.index);
      memory.u32[(address >>> 2) + core.statusWord] &= ~OWN;
      core.dma.wrote(address, core.descriptorBytes);
      tx.advance();
    }
  }

  /** The chain ended in a descriptor that is not ours: BUFF and UFLO, and the transmitter off unless DXSUFLO. */
  private underflow(at: number, buffers: number): void {
    const { core } = this;
    const status = core.memory.u32[at + core.statusWord];
    this.giveBack(buffers - 1);
    core.tx.advance();
    core.counters.txUnderflow++;
    this.writeStatus(at, status, ERR, TMD2.BUFF | TMD2.UFLO);
    if ((core.csr3 & CSR3.DXSUFLO) === 0) core.csr0 &= ~TXON;
    this.interruptFor(status, true);
  }

  /** Pads, settles the FCS and sends. `first` is the status with STP, `last` the one with ENP, at word `lastAt`. */
  private launch(
    frame: Frame,
    bytes: number,
    padded: boolean,
    first: number,
    lastAt: number,
    last: number,
  ): void {
    const { core } = this;
    const { u8 } = frame;
    this.lastAt = lastAt;
    this.lastStatus = last;
    if (padded) u8.fill(0, FRAME_START + bytes, FRAME_START + MINIMUM_BYTES);
    // A padded frame always gets an FCS; with APAD_XMT, ADD_FCS means nothing ("TMD1", ADD_FCS).
    const addFcs = (first & ADD_FCS) !== 0 && (core.csr4 & APAD_XMT) === 0;
    if (!padded && !addFcs && (core.csr15 & DXMTFCS) !== 0) takeFcs(frame);
    this.lastBytes = frame.length;
    if (frame.length + FCS_BYTES > BABBLE_BYTES) core.csr0 |= BABL;
    core.csr4 |= TXSTRT;
    core.sending = true;
    if ((core.csr15 & LOOP) !== 0 || core.phy?.loopback === true || !core.linkUp) this.sendSpecially(frame);
    else core.medium.send(frame);
  }

  /** Loopback, or no link to send on. */
  private sendSpecially(frame: Frame): void {
    const { core } = this;
    const { medium, csr15 } = core;
    const internal = (csr15 & (LOOP | INTL)) === (LOOP | INTL);
    if (internal && (csr15 & FCOLL) !== 0) {
      // A collision is forced at every try ("Loopback Operation").
      medium.pool.put(frame);
      this.transmitted(TX_RETRY);
    } else if (internal || core.phy?.loopback === true) {
      // A half-duplex MAC does not hear itself through the PHY unless it was told to listen.
      if (internal || core.loopback || core.fullDuplex) this.receiver.loop(frame);
      medium.pool.put(frame);
      this.transmitted(0);
    } else if (core.linkUp) {
      this.receiver.loop(frame);
      medium.send(frame);
    } else {
      medium.pool.put(frame);
      this.transmitted(TX_NO_CARRIER);
    }
  }

  /** Writes the status of a frame that has left, or failed, and raises what goes with it. */
  private complete(status: number): void {
    const { core } = this;
    const { counters } = core;
    if (!core.dma.enabled) {
      counters.txBusError++;
      core.busFault();
      return;
    }
    const collisions = status & TX_COLLISIONS;
    let flags = (status & TX_DEFERRED) !== 0 ? DEF : 0;
    let errors = collisions;
    let failed = false;
    if ((status & (TX_RETRY | TX_LATE_COLLISION | TX_NO_CARRIER)) === 0) {
      counters.transmitted++;
      counters.transmittedBytes += this.lastBytes;
      if (collisions === 1) flags |= ONE;
      else if (collisions > 1) flags |= MORE;
    } else if ((status & TX_RETRY) !== 0) {
      // The retry count wraps to zero with RTRY ("TMD2", TRC).
      counters.txRetry++;
      errors = TMD2.RTRY;
      failed = true;
    } else if ((status & TX_LATE_COLLISION) !== 0) {
      counters.txLateCollision++;
      errors |= TMD2.LCOL;
      failed = true;
    } else {
      counters.txNoCarrier++;
      // In full duplex a MAC on an MII does not look at the carrier: the frame is gone and nobody knows.
      if (!core.fast || !core.fullDuplex) {
        errors |= TMD2.LCAR;
        failed = true;
      }
      // Without a link the 10BASE-T port gives no SQE test either.
      if (!core.fast && !core.fullDuplex) core.csr0 |= CERR;
    }
    this.writeStatus(this.lastAt, this.lastStatus, failed ? flags | ERR : flags, errors);
    this.interruptFor(this.lastStatus, failed);
  }

  /** From the store of TMD1 on, the driver owns the descriptor. */
  private writeStatus(at: number, status: number, flags: number, errors: number): void {
    const { core } = this;
    const { u32 } = core.memory;
    if (core.style === 0) {
      // The half-word has a TDR and no retry count.
      u32[at + 1] = (u32[at + 1] & 0xffff) | (errors & 0xfc000000);
    } else u32[at + core.extraWord] = errors;
    u32[at + core.statusWord] = (status & TMD1_KEPT) | flags;
    core.dma.wrote(at * 4, core.descriptorBytes);
  }

  /** TINT after a frame: TOKINTD and LTINTEN save those for frames that went well ("CSR5"). */
  private interruptFor(status: number, failed: boolean): void {
    const { core } = this;
    if (!failed) {
      // LTINTEN overrides TOKINTD ("TMD1", LTINT).
      if ((core.csr5 & CSR5.LTINTEN) !== 0) {
        if ((status & TMD1_LTINT) === 0) return;
      } else if ((core.csr5 & CSR5.TOKINTD) !== 0) return;
    }
    core.csr0 |= TINT;
    // The batch is still going out: pump tells the host when it is through.
  }
}

/** The last four bytes in the buffer are the sender's own FCS. */
function takeFcs(frame: Frame): void {
  const { u8 } = frame;
  const length = frame.length > FCS_BYTES ? frame.length - FCS_BYTES : 0;
  const at = FRAME_START + length;
  let fcs = 0;
  for (let i = 0; i < frame.length - length; i++) fcs |= u8[at + i] << (8 * i);
  frame.length = length;
  frame.fcs = fcs >>> 0;
  frame.fcsExplicit = true;
}
