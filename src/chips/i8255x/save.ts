// The state of an 8255x as plain data. A frame on the medium is the medium's, and the state only says that its end is
// waited for (PciChip.restore, ENDING in transmit.ts); frames in the FIFO are in the state with their bytes.

import type { ChipState, StateObject } from '../../bus/host.ts';
import { chipStateReader, restoreTimer, StateReader, saveCounts, timerLeft } from '../../bus/state.ts';
import { FRAME_START, type Frame, MAX_FRAME_BYTES } from '../../wire/frame.ts';
import { frameTimeNs } from '../../wire/medium.ts';
import type { PhyState } from '../phy/save.ts';
import type { CommandUnit } from './command-unit.ts';
import type { Core } from './core.ts';
import type { I8255xCounters } from './counters.ts';
import type { ControlStatus } from './csr.ts';
import type { Eeprom } from './eeprom.ts';
import type { Receiver } from './receive.ts';
import { CUS, GENERAL_CONTROL_MASK, HDS_MASK, RUS } from './sheet.ts';
import { ENDING, type Transmitter } from './transmit.ts';

const VERSION = 1;
/** A restored frame is not waited for longer than that, however slow the medium. */
const LONGEST_FLIGHT_NS = 1e9;
const BYTE = 0xff;
const WORD = 0xffffffff;

/** What a chip is made of, as far as it has state. */
export interface I8255xParts {
  core: Core;
  eeprom: Eeprom;
  receiver: Receiver;
  transmitter: Transmitter;
  unit: CommandUnit;
}

/** Fields of the parts that are plain 32-bit numbers, and the bits they can have. */
const CORE_WORDS = {
  causes: BYTE,
  control: BYTE & ~2,
  generalPointer: WORD,
  cuBase: WORD,
  ruBase: WORD,
  dumpAddress: WORD,
  headerBytes: HDS_MASK,
  earlyReceive: BYTE,
} as const;
const REGISTER_WORDS = {
  port: WORD,
  mdi: WORD,
  flowThreshold: 7,
  generalControl: GENERAL_CONTROL_MASK,
} as const;
const UNIT_WORDS = { block: WORD, lastBlock: WORD, startAt: WORD } as const;

interface FrameState {
  bytes: Uint8Array;
  /** The sender's own, or null. */
  fcs: number | null;
}

interface FlightState {
  bytes: number;
  abandoned: boolean;
  /** The most it takes to leave, should no medium tell. */
  leftNs: number;
}

export function saveI8255x(parts: I8255xParts, registers: ControlStatus): ChipState {
  const { core, eeprom, receiver, transmitter, unit } = parts;
  betweenFrames(parts, 'save');
  return {
    chip: core.model,
    version: VERSION,
    ...pick(core, CORE_WORDS),
    ...pick(registers, REGISTER_WORDS),
    cuState: core.cuState,
    ruState: core.ruState,
    config: core.config.slice(),
    address: core.address.slice(),
    addressKnown: core.addressKnown,
    hashLow: core.hashLow >>> 0,
    hashHigh: core.hashHigh >>> 0,
    statistics: new Uint8Array(core.statistics.buffer).slice(),
    rfd: receiver.rfd,
    unit: {
      ...pick(unit, UNIT_WORDS),
      startRequested: unit.startRequested,
      resumeRequested: unit.resumeRequested,
      turnNs: timerLeft(core.clock, unit.turn),
    },
    queue: Array.from({ length: transmitter.queued }, (_, i) => saveFrame(transmitter.peek(i))),
    flight: saveFlight(core, transmitter),
    begun: transmitter.begun,
    pauseNs: timerLeft(core.clock, transmitter.pause),
    turnNs: timerLeft(core.clock, transmitter.turn),
    eeprom: {
      words: eeprom.words.slice(),
      pins: eeprom.pins,
      out: eeprom.out,
      bits: eeprom.bits,
      head: eeprom.head,
      data: eeprom.data,
      writeEnabled: eeprom.writeEnabled,
    },
    counters: saveCounts(core.counters),
    phy: core.phy.save(),
  };
}

/** Takes up everything; the caller then drives the interrupt line. */
export function restoreI8255x(parts: I8255xParts, registers: ControlStatus, state: ChipState): void {
  const { core, eeprom, receiver, transmitter, unit } = parts;
  const { clock } = core;
  betweenFrames(parts, 'restore');
  const checked = check(parts, state);
  // From here on nothing throws.
  transmitter.dropQueue();
  restoreFlight(core, transmitter, checked.flight, checked.begun);
  Object.assign(core, checked.core);
  Object.assign(registers, checked.registers);
  core.config.set(checked.config);
  core.address.set(checked.address);
  new Uint8Array(core.statistics.buffer).set(checked.statistics);
  receiver.rfd = checked.rfd;
  Object.assign(unit, checked.unit);
  restoreTimer(clock, unit.turn, checked.unitTurnNs);
  for (const frame of checked.queue) transmitter.enqueue(makeFrame(core, frame));
  transmitter.begun = checked.begun;
  restoreTimer(clock, transmitter.pause, checked.pauseNs);
  restoreTimer(clock, transmitter.turn, checked.turnNs);
  eeprom.words.set(checked.words);
  Object.assign(eeprom, checked.eeprom);
  // Last of the numbers: emptying and filling the FIFO has moved some of them.
  for (const [name, count] of checked.counters) core.counters[name as keyof I8255xCounters] = count;
  core.phy.restore(checked.phy);
  core.derive();
  wake(parts);
}

/** What waits for nobody goes on by the clock: the medium that it waited for may have been this object's only. */
function wake({ core, transmitter, unit }: I8255xParts): void {
  const { sending, pause, turn } = transmitter;
  const stuck = !sending && !pause.armed && !turn.armed;
  if (stuck && transmitter.queued > 0) core.clock.armIn(turn, 0);
  else if (stuck && core.cuState === CUS.ACTIVE && !unit.turn.armed) core.clock.armIn(unit.turn, 0);
}

/** A frame that is half read or half sent is on the stack, and nowhere else. */
function betweenFrames({ core, transmitter, unit }: I8255xParts, what: string): void {
  if (!transmitter.draining && !unit.pumping) return;
  throw new Error(`${core.model}: ${what} from within a transmission: call it between clock events`);
}

function saveFrame(frame: Frame): StateObject {
  return {
    length: frame.length,
    bytes: frame.bytes().slice(),
    fcs: frame.fcsExplicit ? frame.fcs >>> 0 : null,
  };
}

function makeFrame(core: Core, { bytes, fcs }: FrameState): Frame {
  const frame = core.medium.pool.get(bytes.length);
  frame.u8.set(bytes, FRAME_START);
  if (fcs === null) return frame;
  frame.fcsExplicit = true;
  frame.fcs = fcs;
  return frame;
}

function saveFlight(core: Core, transmitter: Transmitter): StateObject | null {
  const { sending, ending, sendingBytes, left } = transmitter;
  if (!sending || ending === ENDING.FORGOTTEN) return null;
  return {
    bytes: sendingBytes,
    abandoned: ending === ENDING.ABANDONED,
    leftNs:
      timerLeft(core.clock, left) ??
      Math.min(frameTimeNs(sendingBytes, core.medium.bitsPerSecond), LONGEST_FLIGHT_NS),
  };
}

/** Brings together the frame of the state with the one that the medium has from this object, if any. */
function restoreFlight(
  core: Core,
  transmitter: Transmitter,
  flight: FlightState | null,
  begun: number,
): void {
  // While `left` runs no medium has a frame from this object.
  const onMedium = transmitter.sending && !transmitter.left.armed;
  const { ending } = transmitter;
  const ownBooks = ending === ENDING.EXPECTED || ending === ENDING.ABANDONED;
  const same = onMedium && ownBooks && transmitter.begun === begun;
  restoreTimer(core.clock, transmitter.left, onMedium || flight === null ? null : flight.leftNs);
  transmitter.sending = onMedium || flight !== null;
  transmitter.ending = ENDING.EXPECTED;
  transmitter.sendingBytes = flight?.bytes ?? 0;
  transmitter.bytes = flight === null || flight.abandoned ? 0 : flight.bytes;
  if (flight === null) {
    if (onMedium) transmitter.ending = ENDING.FORGOTTEN;
  } else if (flight.abandoned) transmitter.ending = ENDING.ABANDONED;
  else if (!onMedium) transmitter.ending = ENDING.UNSEEN;
  else if (!same) transmitter.ending = ENDING.REPLACED;
}

/** Looks at every field. Throws with the first that cannot be. */
function check({ core, eeprom, transmitter }: I8255xParts, state: unknown) {
  const name = `state of ${core.model}`;
  const reader = chipStateReader(state, core.model, VERSION);
  const unit = reader.object('unit');
  const pins = reader.object('eeprom');
  const checked = {
    core: {
      ...readWords(reader, CORE_WORDS),
      cuState: oneOf(reader, name, 'cuState', Object.values(CUS)),
      ruState: oneOf(reader, name, 'ruState', Object.values(RUS)),
      addressKnown: reader.boolean('addressKnown'),
      hashLow: reader.bits('hashLow', WORD) | 0,
      hashHigh: reader.bits('hashHigh', WORD) | 0,
    },
    registers: readWords(reader, REGISTER_WORDS),
    config: reader.bytes('config', core.config.length),
    address: reader.bytes('address', core.address.length),
    statistics: reader.bytes('statistics', core.statistics.byteLength),
    rfd: reader.bits('rfd', WORD),
    unit: {
      ...readWords(unit, UNIT_WORDS),
      startRequested: unit.boolean('startRequested'),
      resumeRequested: unit.boolean('resumeRequested'),
    },
    unitTurnNs: unit.timer('turnNs'),
    queue: readQueue(reader.rest('queue'), name, transmitter.slotCount),
    flight: readFlight(reader.objectOrNull('flight')),
    begun: reader.integer('begun', 0, Number.MAX_SAFE_INTEGER),
    pauseNs: reader.timer('pauseNs'),
    turnNs: reader.timer('turnNs'),
    words: pins.halfWords('words', eeprom.words.length),
    eeprom: {
      pins: pins.bits('pins', 7),
      out: pins.integer('out', 0, 1),
      bits: pins.integer('bits', -1, 0xffff),
      head: pins.bits('head', 0xffff),
      data: pins.bits('data', 0xffff),
      writeEnabled: pins.boolean('writeEnabled'),
    },
    counters: reader.counts('counters', core.counters),
    phy: core.phy.check(reader.rest('phy')) as PhyState,
  };
  unit.end();
  pins.end();
  reader.end();
  const { flight, queue } = checked;
  const waiting = queue.length + (flight === null || flight.abandoned ? 0 : 1);
  if (checked.counters.get('waiting') !== waiting)
    throw new RangeError(`${name}.counters.waiting: ${waiting} is wanted, as many frames are there`);
  return checked;
}

function readFlight(reader: StateReader | null): FlightState | null {
  if (reader === null) return null;
  const flight = {
    bytes: reader.integer('bytes', 0, MAX_FRAME_BYTES),
    abandoned: reader.boolean('abandoned'),
    leftNs: Math.min(reader.timer('leftNs') ?? 0, LONGEST_FLIGHT_NS),
  };
  reader.end();
  return flight;
}

function readQueue(value: unknown, name: string, most: number): FrameState[] {
  if (!Array.isArray(value) || value.length > most)
    throw new TypeError(`${name}.queue: an array of at most ${most} frames is wanted`);
  return value.map((item, i) => {
    const reader = new StateReader(item, `${name}.queue[${i}]`);
    const length = reader.integer('length', 0, MAX_FRAME_BYTES);
    const bytes = reader.bytes('bytes', length);
    const fcs = reader.rest('fcs') === null ? null : reader.bits('fcs', WORD);
    reader.end();
    return { bytes, fcs };
  });
}

function oneOf(reader: StateReader, name: string, field: string, values: readonly number[]): number {
  const value = reader.bits(field, BYTE);
  if (!values.includes(value))
    throw new RangeError(`${name}.${field} is ${value}: one of ${values.join(', ')} is wanted`);
  return value;
}

function pick<Words extends Record<string, number>>(from: object, words: Words): Record<keyof Words, number> {
  const picked: Record<string, number> = {};
  for (const field of Object.keys(words)) picked[field] = (from as Record<string, number>)[field] >>> 0;
  return picked as Record<keyof Words, number>;
}

function readWords<Words extends Record<string, number>>(
  reader: StateReader,
  words: Words,
): Record<keyof Words, number> {
  const read: Record<string, number> = {};
  for (const [field, mask] of Object.entries(words)) read[field] = reader.bits(field, mask);
  return read as Record<keyof Words, number>;
}
