// A station that plays a capture onto a medium: with the gaps it was captured with, at a rate, or as fast as the medium
// takes frames. It sends one frame at a time and makes each only when it is its turn, so a large file costs no memory.
//
// What cannot be sent as it was is skipped and counted, never guessed: packets cut by the snap length, other link types,
// frames shorter than an Ethernet header or longer than the wire knows. Frames below 60 bytes, as a sender's own
// capture shows them, are padded with zeros as a network card does.

import { type Clock, ClockEvent } from '../kernel/clock.ts';
import { FRAME_START, type Frame, MAX_FRAME_BYTES } from '../wire/frame.ts';
import {
  frameTimeNs,
  type Medium,
  type Station,
  TX_LATE_COLLISION,
  TX_NO_CARRIER,
  TX_RETRY,
} from '../wire/medium.ts';
import { type Capture, CaptureError, type CaptureRecord, LINKTYPE_ETHERNET } from './capture.ts';

/** When a frame's turn comes. Bits per second count preamble, FCS and gap, as the wire does. */
export type ReplayPacing = 'capture' | 'flat-out' | { framesPerSecond: number } | { bitsPerSecond: number };

export interface ReplayOptions {
  clock: Clock;
  medium: Medium;
  capture: Capture;
  /** As captured when not given. */
  pacing?: ReplayPacing;
  /** For the pacing of the capture: 2 plays it in half the time. */
  speed?: number;
  /** How often it is played; 1 when not given, Infinity until stopped. */
  loops?: number;
  /** Gap between two rounds with the pacing of the capture; its mean gap when not given. */
  loopGapNs?: number;
  /** Six bytes put in place of every destination address. */
  destination?: Uint8Array;
  /** Six bytes put in place of every source address. */
  source?: Uint8Array;
  /** Called once, when the last frame has left or the file turned out faulty. */
  onEnd?: () => void;
}

export interface ReplayCounters {
  sent: number;
  sentBytes: number;
  /** Of those sent, made up to 60 bytes. */
  padded: number;
  skippedTruncated: number;
  skippedLinkType: number;
  /** Less than 14 bytes: no Ethernet header. */
  skippedShort: number;
  skippedLong: number;
  lostNoCarrier: number;
  lostCollisions: number;
  /** Frames that came in and were let go: a replay does not listen. */
  ignored: number;
  /** Rounds played to the end. */
  rounds: number;
}

const HEADER_BYTES = 14;
/** Shortest frame on Ethernet without FCS. */
const MIN_FRAME_BYTES = 60;
/** Frames sent in one go before other work of the clock gets its turn: a NAPI budget's worth. */
const BURST = 64;
/** Gap between rounds of a capture with one packet, which has none of its own. */
const LONE_PACKET_GAP_NS = 1_000_000;

export class Replay implements Station {
  readonly counters: ReplayCounters = {
    sent: 0,
    sentBytes: 0,
    padded: 0,
    skippedTruncated: 0,
    skippedLinkType: 0,
    skippedShort: 0,
    skippedLong: 0,
    lostNoCarrier: 0,
    lostCollisions: 0,
    ignored: 0,
    rounds: 0,
  };
  /** What was wrong with the file, when it ended early. */
  fault: CaptureError | null = null;
  ended = false;
  private readonly options: ReplayOptions;
  private readonly speed: number;
  private readonly loops: number;
  private readonly event: ClockEvent;
  private records: Iterator<CaptureRecord> | null = null;
  /** The frame whose turn is next, and when that is. */
  private pending: Frame | null = null;
  private due = 0;
  /** With a rate: how long after it the next one's turn is. */
  private gapNs = 0;
  private busy = false;
  private inAdvance = false;
  private sendingLength = 0;
  private roundStart = 0;
  private roundRecords = 0;
  private roundFrames = 0;
  private roundSpan = 0;

  /** Plugs itself into the medium. Throws when speed, rate, loops or an address make no sense. */
  constructor(options: ReplayOptions) {
    this.options = options;
    this.speed = positive('speed', options.speed ?? 1);
    this.loops = positive('loops', options.loops ?? 1);
    const { pacing } = options;
    if (typeof pacing === 'object') {
      if ('framesPerSecond' in pacing) positive('framesPerSecond', pacing.framesPerSecond);
      else positive('bitsPerSecond', pacing.bitsPerSecond);
    }
    for (const address of [options.destination, options.source]) {
      if (address !== undefined && address.length !== 6) {
        throw new RangeError(`an Ethernet address of ${address.length} bytes: 6 would be right`);
      }
    }
    this.event = new ClockEvent('replay', () => this.advance());
    options.medium.attach(this);
  }

  /** Starts from the first packet, whose turn is `delayNs` from now. Throws when it is running. */
  start(delayNs = 0): void {
    if (this.records !== null) throw new Error('the replay is running already');
    this.ended = false;
    this.fault = null;
    this.counters.rounds = 0;
    this.due = this.options.clock.now() + delayNs;
    this.gapNs = 0;
    this.beginRound(this.due);
    this.options.clock.arm(this.event, this.due);
  }

  /** Stops at once; a frame on its way is let go. `onEnd` is not called. */
  stop(): void {
    this.options.clock.cancel(this.event);
    if (this.pending !== null) this.options.medium.pool.put(this.pending);
    this.pending = null;
    this.records = null;
    this.ended = true;
  }

  receive(frame: Frame): void {
    this.counters.ignored++;
    this.options.medium.pool.put(frame);
  }

  transmitted(status: number): void {
    this.busy = false;
    const { counters } = this;
    if ((status & TX_NO_CARRIER) !== 0) counters.lostNoCarrier++;
    else if ((status & (TX_RETRY | TX_LATE_COLLISION)) !== 0) counters.lostCollisions++;
    else {
      counters.sent++;
      counters.sentBytes += this.sendingLength;
    }
    if (!this.inAdvance) this.advance();
  }

  carrierChanged(): void {}

  /** Sends what is due; leaves when the medium is busy, the next frame's time has not come, or others want a turn. */
  private advance(): void {
    const { clock, medium } = this.options;
    this.inAdvance = true;
    for (let burst = 0; !this.busy && this.records !== null; burst++) {
      if (this.pending === null) this.pending = this.nextFrame();
      const frame = this.pending;
      if (frame === null) {
        this.end();
        break;
      }
      const now = clock.now();
      if (this.due > now || burst === BURST) {
        clock.arm(this.event, Math.max(this.due, now));
        break;
      }
      this.pending = null;
      this.busy = true;
      this.sendingLength = frame.length;
      medium.send(frame);
    }
    this.inAdvance = false;
  }

  private end(): void {
    this.records = null;
    this.ended = true;
    this.options.onEnd?.();
  }

  private beginRound(startNs: number): void {
    this.records = this.options.capture[Symbol.iterator]();
    this.roundStart = startNs;
    this.roundRecords = 0;
    this.roundFrames = 0;
    this.roundSpan = 0;
  }

  /** The next frame that can be sent, with `due` set; null at the end of the last round. */
  private nextFrame(): Frame | null {
    while (this.records !== null) {
      let step: IteratorResult<CaptureRecord>;
      try {
        step = this.records.next();
      } catch (error) {
        if (!(error instanceof CaptureError)) throw error;
        this.fault = error;
        return null;
      }
      if (step.done === true) {
        this.counters.rounds++;
        // A round without a frame would go on for ever.
        if (this.counters.rounds >= this.loops || this.roundFrames === 0) return null;
        this.beginRound(this.roundStart + this.roundSpan / this.speed + this.loopGap());
        continue;
      }
      const record = step.value;
      this.roundRecords++;
      if (record.timeNs > this.roundSpan) this.roundSpan = record.timeNs;
      const frame = this.make(record);
      if (frame === null) continue;
      this.roundFrames++;
      this.setDue(record.timeNs, frame.length);
      return frame;
    }
    return null;
  }

  private loopGap(): number {
    if (this.options.loopGapNs !== undefined) return this.options.loopGapNs;
    if (this.roundRecords < 2) return LONE_PACKET_GAP_NS;
    return this.roundSpan / (this.roundRecords - 1) / this.speed;
  }

  private setDue(timeNs: number, length: number): void {
    const { pacing = 'capture' } = this.options;
    if (pacing === 'capture') this.due = Math.round(this.roundStart + timeNs / this.speed);
    else if (pacing === 'flat-out') this.due = 0;
    else {
      this.due += this.gapNs;
      this.gapNs =
        'framesPerSecond' in pacing
          ? 1e9 / pacing.framesPerSecond
          : frameTimeNs(length, pacing.bitsPerSecond);
    }
  }

  private make(record: CaptureRecord): Frame | null {
    const { counters, options } = this;
    const { data, fcsLength } = record;
    const length = data.length - fcsLength;
    if (record.linkType !== LINKTYPE_ETHERNET) counters.skippedLinkType++;
    else if (record.originalLength > record.capturedLength) counters.skippedTruncated++;
    else if (length < HEADER_BYTES) counters.skippedShort++;
    else if (length > MAX_FRAME_BYTES) counters.skippedLong++;
    else {
      const padded = length < MIN_FRAME_BYTES;
      const frame = options.medium.pool.get(padded ? MIN_FRAME_BYTES : length);
      frame.u8.set(fcsLength === 0 ? data : data.subarray(0, length), FRAME_START);
      if (padded) {
        counters.padded++;
        frame.u8.fill(0, FRAME_START + length, FRAME_START + MIN_FRAME_BYTES);
      }
      // An FCS of the capture is kept, good or bad; with other addresses it would only be wrong.
      if (fcsLength === 4 && !padded && options.destination === undefined && options.source === undefined) {
        frame.fcsExplicit = true;
        frame.fcs = fcsAt(data, length);
      }
      if (options.destination !== undefined) frame.u8.set(options.destination, FRAME_START);
      if (options.source !== undefined) frame.u8.set(options.source, FRAME_START + 6);
      return frame;
    }
    return null;
  }
}

function fcsAt(data: Uint8Array, at: number): number {
  return (data[at] | (data[at + 1] << 8) | (data[at + 2] << 16) | (data[at + 3] << 24)) >>> 0;
}

function positive(name: string, value: number): number {
  if (value > 0) return value;
  throw new RangeError(`${name} ${value}: more than 0 would be right`);
}
