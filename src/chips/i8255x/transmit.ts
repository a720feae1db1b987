// The transmit side behind the command unit: the FIFO, the medium, loopback, flow control, statistics. Software Developer
// Manual 6.4.2.5 and 6.6. A command block is done when its frame is in the FIFO, so the driver has its buffers back
// before the frame has left; how it left shows in the statistics only.

import { ClockEvent } from '../../kernel/clock.ts';
import { FRAME_START, type Frame } from '../../wire/frame.ts';
import { TX_COLLISIONS, TX_DEFERRED, TX_LATE_COLLISION, TX_NO_CARRIER, TX_RETRY } from '../../wire/medium.ts';
import { FC_DELAY_BYTE, LOOPBACK } from './config.ts';
import type { Core } from './core.ts';
import { networkWord } from './frames.ts';
import type { Receiver } from './receive.ts';
import { STAT_ACK, STATISTIC } from './sheet.ts';

/** Of the transmit FIFO (2.2.1.1: 3 KiB in each direction). */
const FIFO_BYTES = 3072;
/** Frames in the FIFO and on the medium; a power of two. More than this many short ones do not fit anyway. */
const SLOTS = 64;
/** Of these, for frames of command blocks: pause frames find room. */
const COMMAND_SLOTS = SLOTS - 4;
/** Frames of a turn: a loopback whose driver refills at once may not hold the time. */
const FRAMES_PER_TURN = 128;
/** Until the next turn: about as long as that many short frames take at 100 Mb/s. */
const TURN_NS = 128 * 6_720;

const RETRY_COLLISIONS = 16;
const MINIMUM_BYTES = 60;
const PAUSE_OPCODE = 1;
/** Bit times in a unit of pause time. */
const PAUSE_UNIT_BITS = 512;
const PAUSE_ADDRESS = [0x01, 0x80, 0xc2, 0x00, 0x00, 0x01] as const;
const PAUSE_ADDRESS_LOW = 0x8001;
const PAUSE_ADDRESS_HIGH = 0x010000c2;

/** What it means when the frame that was sent has left; see PciChip.restore. */
export const ENDING = {
  /** The medium's word goes to the statistics. */
  EXPECTED: 0,
  /** A reset came in between, and the frame was counted then: the medium is busy, that is all. */
  ABANDONED: 1,
  /** Restored, and no medium has it from this object: as EXPECTED, if need be by a timer. */
  UNSEEN: 2,
  /** Restored, and the medium is busy with another one: that one's end is the end, and this one was sent. */
  REPLACED: 3,
  /** Sent before a restore, of no state: as ABANDONED, but nobody saves it. */
  FORGOTTEN: 4,
} as const;

const { EXPECTED, ABANDONED, UNSEEN, REPLACED, FORGOTTEN } = ENDING;

export class Transmitter {
  private readonly core: Core;
  private readonly receiver: Receiver;
  /** Runs when the FIFO has room again. */
  onRoom: () => void = () => {};

  // Not private: what save.ts looks at.

  private readonly slots: (Frame | null)[] = new Array<Frame | null>(SLOTS).fill(null);
  private first = 0;
  /** Frames in the FIFO that were not begun. */
  queued = 0;
  /** Bytes of those and of the one on the medium. */
  bytes = 0;
  sending = false;
  sendingBytes = 0;
  /** Frames given to the medium, or back to ourselves, so far. */
  begun = 0;
  ending: number = EXPECTED;
  draining = false;
  /** The transmitter waits until this fires: flow control. */
  readonly pause: ClockEvent;
  /** The end of a frame that was restored, if no medium tells it. */
  readonly left: ClockEvent;
  /** A turn was used up: goes on with the FIFO. */
  readonly turn: ClockEvent;

  constructor(core: Core, receiver: Receiver) {
    this.core = core;
    this.receiver = receiver;
    this.pause = new ClockEvent('i8255x pause', () => this.go());
    this.left = new ClockEvent('i8255x restored frame has left', () => this.transmitted(0));
    this.turn = new ClockEvent('i8255x transmit turn', () => this.go());
    receiver.onControl = (frame) => this.control(frame);
  }

  /** Frames that the FIFO can hold at all. */
  get slotCount(): number {
    return this.slots.length;
  }

  /** Nothing is in the FIFO or on the medium. */
  get empty(): boolean {
    return this.queued === 0 && !this.occupied;
  }

  /** A frame of this many bytes fits. One that is longer than the FIFO passes through it alone. */
  hasRoom(bytes: number): boolean {
    const frames = this.queued + (this.occupied ? 1 : 0);
    if (frames === 0) return true;
    return this.bytes + bytes <= FIFO_BYTES && frames < (this.core.twoFrames ? 2 : COMMAND_SLOTS);
  }

  /** Takes a frame into the FIFO; `taken` has been counted. */
  push(frame: Frame): void {
    if (this.queued === 0 && !this.sending && !this.draining && !this.pause.armed) {
      // Nobody is in front of it.
      this.bytes += frame.length;
      this.core.counters.waiting++;
      this.draining = true;
      this.begin(frame);
      this.draining = false;
      if (this.queued === 0) return;
    } else this.enqueue(frame);
    this.drain();
  }

  /** The same without beginning to send: for a state that is restored. */
  enqueue(frame: Frame): void {
    this.slots[(this.first + this.queued) & (SLOTS - 1)] = frame;
    this.queued++;
    this.bytes += frame.length;
    this.core.counters.waiting++;
  }

  /** A frame of the FIFO, oldest first. */
  peek(index: number): Frame {
    return this.slots[(this.first + index) & (SLOTS - 1)]!;
  }

  /** The medium is done with the frame. */
  transmitted(status: number): void {
    if (!this.sending) return;
    this.sending = false;
    if (this.ending === EXPECTED) this.complete(status);
    else this.endOtherwise(status);
    if (this.draining) return;
    this.go();
  }

  /** A reset: the FIFO is emptied. What the medium has is out of our hands. */
  abort(): void {
    const { core } = this;
    core.counters.txAborted += this.queued;
    this.dropQueue();
    core.clock.cancel(this.pause);
    core.clock.cancel(this.turn);
    if (!this.occupied) return;
    core.counters.txAborted++;
    this.settle();
    this.ending = ABANDONED;
  }

  /** Empties the FIFO without a count. */
  dropQueue(): void {
    const { core } = this;
    while (this.queued > 0) {
      const frame = this.take();
      this.bytes -= frame.length;
      core.counters.waiting--;
      core.medium.pool.put(frame);
    }
  }

  /** XON and XOFF: sends a pause frame; `units` of 512 bit times, 0 for XON. */
  sendPause(units: number): void {
    const { core } = this;
    const { counters, medium } = core;
    counters.taken++;
    if (this.queued >= SLOTS - 1) {
      counters.txFifoFull++;
      return;
    }
    const frame = medium.pool.get(MINIMUM_BYTES);
    const { u8 } = frame;
    u8.fill(0, FRAME_START, FRAME_START + MINIMUM_BYTES);
    for (let i = 0; i < 6; i++) {
      u8[FRAME_START + i] = PAUSE_ADDRESS[i];
      u8[FRAME_START + 6 + i] = core.address[i];
    }
    u8[FRAME_START + 12] = 0x88;
    u8[FRAME_START + 13] = 0x08;
    u8[FRAME_START + 15] = PAUSE_OPCODE;
    u8[FRAME_START + 16] = units >> 8;
    u8[FRAME_START + 17] = units;
    core.statistics[STATISTIC.FC_TX_PAUSE]++;
    this.push(frame);
  }

  /** The pause time of XOFF, as configured. */
  get configuredPause(): number {
    const { config } = this.core;
    return config[FC_DELAY_BYTE] | (config[FC_DELAY_BYTE + 1] << 8);
  }

  /** After anything that may let frames go: what waits is sent, and then whoever waits for room goes on. */
  go(): void {
    this.drain();
    this.onRoom();
  }

  /** A frame that somebody waits for is on the medium, or is said to be. */
  private get occupied(): boolean {
    return this.sending && this.ending !== ABANDONED && this.ending !== FORGOTTEN;
  }

  private drain(): void {
    if (this.draining) return;
    this.draining = true;
    let left = FRAMES_PER_TURN;
    while (this.queued > 0 && !this.sending && !this.pause.armed && left-- > 0) this.begin(this.take());
    this.draining = false;
    if (left < 0) this.core.clock.armIn(this.turn, TURN_NS);
  }

  private begin(frame: Frame): void {
    this.sending = true;
    this.sendingBytes = frame.length;
    this.begun++;
    this.launch(frame);
  }

  private take(): Frame {
    const frame = this.slots[this.first]!;
    this.slots[this.first] = null;
    this.first = (this.first + 1) & (SLOTS - 1);
    this.queued--;
    return frame;
  }

  /** To the medium, or back to ourselves (configuration byte 10, BMCR of the PHY). */
  private launch(frame: Frame): void {
    const { core } = this;
    const { medium, loopback, phy } = core;
    const inside = loopback === LOOPBACK.INTERNAL || loopback === LOOPBACK.EXTERNAL_PIN;
    if (inside || phy.loopback) {
      // A half-duplex MAC does not hear itself through the PHY unless it was told to listen.
      if (loopback !== LOOPBACK.NONE || core.fullDuplex) this.receiver.loop(frame);
      medium.pool.put(frame);
      this.transmitted(0);
    } else if (core.linkUp) medium.send(frame);
    else {
      medium.pool.put(frame);
      this.transmitted(TX_NO_CARRIER);
    }
  }

  /** The frame that was on the medium is no longer waiting. */
  private settle(): void {
    this.bytes -= this.sendingBytes;
    this.core.counters.waiting--;
  }

  private complete(status: number): void {
    const { core } = this;
    const { counters, statistics } = core;
    this.settle();
    if (status === 0) {
      counters.transmitted++;
      counters.transmittedBytes += this.sendingBytes;
      statistics[STATISTIC.TX_GOOD]++;
      return;
    }
    const collisions = status & TX_COLLISIONS;
    if ((status & TX_DEFERRED) !== 0) statistics[STATISTIC.TX_DEFERRED]++;
    if ((status & (TX_RETRY | TX_LATE_COLLISION | TX_NO_CARRIER)) === 0) {
      counters.transmitted++;
      counters.transmittedBytes += this.sendingBytes;
      statistics[STATISTIC.TX_GOOD]++;
      if (collisions === 1) statistics[STATISTIC.TX_SINGLE_COLLISION]++;
      else if (collisions > 1) statistics[STATISTIC.TX_MULTIPLE_COLLISIONS]++;
      statistics[STATISTIC.TX_TOTAL_COLLISIONS] += collisions;
      return;
    }
    if ((status & TX_RETRY) !== 0) {
      counters.txRetry++;
      statistics[STATISTIC.TX_MAX_COLLISIONS]++;
      statistics[STATISTIC.TX_TOTAL_COLLISIONS] += RETRY_COLLISIONS;
    } else if ((status & TX_LATE_COLLISION) !== 0) {
      counters.txLateCollision++;
      statistics[STATISTIC.TX_LATE_COLLISIONS]++;
      statistics[STATISTIC.TX_TOTAL_COLLISIONS] += collisions;
    } else {
      counters.txNoCarrier++;
      // In full duplex a MAC does not look at the carrier: the frame is gone and nobody knows.
      if (core.fullDuplex) {
        statistics[STATISTIC.TX_GOOD]++;
        return;
      }
      statistics[STATISTIC.TX_LOST_CRS]++;
    }
    if (!core.tnoInterrupt) return;
    core.causes |= STAT_ACK.CX;
    core.updateInterrupt();
  }

  /** The end of a frame that a reset gave up, or of one before or after a restore. */
  private endOtherwise(status: number): void {
    const { core, ending } = this;
    this.ending = EXPECTED;
    core.clock.cancel(this.left);
    if (ending === UNSEEN) this.complete(status);
    else if (ending === REPLACED) this.complete(0);
  }

  /** MAC control from the partner; true when the chip keeps the frame. */
  private control(frame: Frame): boolean {
    const { core } = this;
    const { statistics } = core;
    if (frame.damaged || !this.isForUs(frame)) return false;
    if (networkWord(frame, 14) !== PAUSE_OPCODE) statistics[STATISTIC.FC_RX_UNSUPPORTED]++;
    else if (core.obeysPause) {
      statistics[STATISTIC.FC_RX_PAUSE]++;
      this.pauseFor(networkWord(frame, 16));
      core.causes |= STAT_ACK.FCP;
      core.updateInterrupt();
    }
    return core.rejectFlowControl;
  }

  private isForUs(frame: Frame): boolean {
    const { core } = this;
    const low = frame.u32[0] >>> 16;
    const high = frame.u32[1];
    return (
      (low === PAUSE_ADDRESS_LOW && high === PAUSE_ADDRESS_HIGH) ||
      (low === core.stationLow && high === core.stationHigh)
    );
  }

  /** In units of 512 bit times at the link's rate; 0 lets the transmitter go on. */
  private pauseFor(units: number): void {
    const { core } = this;
    const { bitsPerSecond } = core.phy.link;
    core.clock.cancel(this.pause);
    if (units > 0 && bitsPerSecond > 0)
      core.clock.armIn(this.pause, (units * PAUSE_UNIT_BITS * 1e9) / bitsPerSecond);
    else if (!this.draining) this.go();
  }
}
