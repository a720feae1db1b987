// The state of a PCnet as plain data. What a frame on the medium means is told at PciChip.restore and ENDING (core.ts):
// the medium keeps its bytes, the state only says which descriptor waits for its end.

import type { ChipState, StateObject } from '../../bus/host.ts';
import { chipStateReader, restoreTimer, type StateReader, saveCounts, timerLeft } from '../../bus/state.ts';
import { frameTimeNs } from '../../wire/medium.ts';
import type { PhyState } from '../phy/save.ts';
import type { BusRegisters } from './bcr.ts';
import { type Core, ENDING, type RingPosition } from './core.ts';
import type { PcnetCounters } from './counters.ts';
import type { Receiver } from './receive.ts';
import { descriptorBytes } from './ring.ts';
import { APROM_BYTES, CSR, CSR58 } from './sheet.ts';
import type { Transmitter } from './transmit.ts';

const VERSION = 1;
/** A restored descriptor does not wait longer than that for a medium which does not know of it, however slow. */
const LONGEST_FLIGHT_NS = 1e9;
const HALF_WORD = 0xffff;
const WORD = 0xffffffff;

/** What a chip is made of, as far as it has state; `rap` and the interrupt line are its own business. */
export interface PcnetParts {
  core: Core;
  receiver: Receiver;
  transmitter: Transmitter;
  bus: BusRegisters;
  /** Six octets, from the EEPROM. */
  mac: Uint8Array;
  aprom: Uint8Array;
}

/** A frame that is under way. */
interface FlightState {
  /** Physical address of the descriptor that ends it, and its status as the host gave it away. */
  descriptor: number;
  status: number;
  bytes: number;
  abandoned: boolean;
  /** The most it takes to leave, should no medium tell. */
  leftNs: number;
}

/** A state that was looked at. */
interface Checked {
  rap: number;
  dwio: boolean;
  mac: Uint8Array;
  aprom: Uint8Array;
  csr0: number;
  csr3: number;
  csr4: number;
  csr5: number;
  csr7: number;
  csr15: number;
  csr: Uint16Array;
  bcr: Uint16Array;
  rx: RingState;
  tx: RingState;
  runts: number;
  collisions: number;
  pollNs: number | null;
  unfinished: boolean;
  flight: FlightState | null;
  counters: Map<string, number>;
  phy: PhyState | null;
}

type RingState = { base: number; length: number; index: number };

export function savePcnet(parts: PcnetParts, rap: number): ChipState {
  const { core, receiver, transmitter, bus } = parts;
  betweenFrames(parts, 'save');
  return {
    chip: core.variant,
    version: VERSION,
    rap,
    dwio: bus.dwio,
    mac: parts.mac.slice(),
    aprom: parts.aprom.slice(),
    csr0: core.csr0,
    csr3: core.csr3,
    csr4: core.csr4,
    csr5: core.csr5,
    csr7: core.csr7,
    csr15: core.csr15,
    csr: core.csr.slice(),
    bcr: core.bcr.slice(),
    rx: saveRing(core.rx),
    tx: saveRing(core.tx),
    runts: receiver.runts,
    collisions: receiver.collisions,
    pollNs: timerLeft(core.clock, transmitter.poll),
    unfinished: transmitter.unfinished,
    flight: saveFlight(core, transmitter),
    counters: saveCounts(core.counters),
    phy: core.phy?.save() ?? null,
  };
}

/** Takes up everything but RAP, which it returns; the caller sets it and then drives the interrupt line. */
export function restorePcnet(parts: PcnetParts, state: ChipState): number {
  const { core, receiver, transmitter, bus } = parts;
  betweenFrames(parts, 'restore');
  const checked = check(core, state);
  // From here on nothing throws. First of all, while the books are still those of the frame on the medium:
  restoreFlight(core, transmitter, checked);
  bus.dwio = checked.dwio;
  parts.mac.set(checked.mac);
  parts.aprom.set(checked.aprom);
  core.csr0 = checked.csr0;
  core.csr3 = checked.csr3;
  core.csr4 = checked.csr4;
  core.csr5 = checked.csr5;
  core.csr7 = checked.csr7;
  core.csr15 = checked.csr15;
  core.csr.set(checked.csr);
  core.bcr.set(checked.bcr);
  Object.assign(core.rx, checked.rx);
  Object.assign(core.tx, checked.tx);
  receiver.runts = checked.runts;
  receiver.collisions = checked.collisions;
  transmitter.unfinished = checked.unfinished;
  restoreTimer(core.clock, transmitter.poll, checked.pollNs);
  for (const [name, count] of checked.counters) core.counters[name as keyof PcnetCounters] = count;
  if (checked.phy !== null) core.phy?.restore(checked.phy);
  core.derive();
  return checked.rap;
}

/** A frame that is half read or half sent is on the stack, and nowhere else. */
function betweenFrames({ core, transmitter }: PcnetParts, what: string): void {
  if (!transmitter.pumping) return;
  throw new Error(`${core.variant}: ${what} from within a transmission: call it between clock events`);
}

function saveFlight(core: Core, transmitter: Transmitter): StateObject | null {
  if (!core.sending || core.ending === ENDING.FORGOTTEN) return null;
  const { lastAt, lastStatus, lastBytes, left } = transmitter;
  return {
    descriptor: lastAt * 4,
    status: lastStatus >>> 0,
    bytes: lastBytes,
    abandoned: core.ending === ENDING.ABANDONED,
    leftNs:
      timerLeft(core.clock, left) ??
      Math.min(frameTimeNs(lastBytes, core.medium.bitsPerSecond), LONGEST_FLIGHT_NS),
  };
}

/** Brings together the frame of the state with the one that the medium has from this object, if any. */
function restoreFlight(core: Core, transmitter: Transmitter, { flight, counters }: Checked): void {
  const { clock } = core;
  // While `left` runs no medium has a frame from this object.
  const onMedium = core.sending && !transmitter.left.armed;
  const ownBooks = core.ending === ENDING.EXPECTED || core.ending === ENDING.ABANDONED;
  // Frames are taken one at a time: under the same number it is the same frame.
  const same = onMedium && ownBooks && core.counters.taken === counters.get('taken');
  restoreTimer(clock, transmitter.left, onMedium || flight === null ? null : flight.leftNs);
  core.sending = onMedium || flight !== null;
  core.ending = ENDING.EXPECTED;
  if (flight === null) {
    if (onMedium) core.ending = ENDING.FORGOTTEN;
    return;
  }
  transmitter.lastAt = flight.descriptor / 4;
  transmitter.lastStatus = flight.status | 0;
  transmitter.lastBytes = flight.bytes;
  if (!onMedium) core.ending = ENDING.UNSEEN;
  else if (!same) core.ending = ENDING.REPLACED;
  if (flight.abandoned) core.ending = ENDING.ABANDONED;
}

/** Looks at every field. Throws with the first that cannot be. */
function check(core: Core, state: unknown): Checked {
  const reader = chipStateReader(state, core.variant, VERSION);
  const checked: Checked = {
    rap: reader.integer('rap', 0, 0xff),
    dwio: reader.boolean('dwio'),
    mac: reader.bytes('mac', 6),
    aprom: reader.bytes('aprom', APROM_BYTES),
    csr0: reader.bits('csr0', HALF_WORD),
    csr3: reader.bits('csr3', HALF_WORD),
    csr4: reader.bits('csr4', HALF_WORD),
    csr5: reader.bits('csr5', HALF_WORD),
    csr7: reader.bits('csr7', HALF_WORD),
    csr15: reader.bits('csr15', HALF_WORD),
    csr: reader.halfWords('csr', core.csr.length),
    bcr: reader.halfWords('bcr', core.bcr.length),
    rx: readRing(reader.object('rx')),
    tx: readRing(reader.object('tx')),
    runts: reader.integer('runts', 0, Number.MAX_SAFE_INTEGER),
    collisions: reader.integer('collisions', 0, Number.MAX_SAFE_INTEGER),
    pollNs: reader.timer('pollNs'),
    unfinished: reader.boolean('unfinished'),
    flight: readFlight(reader.objectOrNull('flight')),
    counters: reader.counts('counters', core.counters),
    phy: core.phy === null ? null : core.phy.check(reader.rest('phy')),
  };
  if (core.phy === null && reader.rest('phy') !== null)
    throw new TypeError(`state of ${core.variant}.phy: null is wanted: this chip has none`);
  reader.end();
  const { flight } = checked;
  const style = checked.csr[CSR.SWS] & CSR58.SWSTYLE;
  // The status is written without looking again.
  if (flight !== null && !core.dma.answers(flight.descriptor, descriptorBytes(style === 0 ? 0 : 2)))
    throw new RangeError(
      `state of ${core.variant}.flight.descriptor is ${flight.descriptor}: there is no memory`,
    );
  if (checked.unfinished && checked.pollNs === null)
    throw new RangeError(`state of ${core.variant}: unfinished, and no timer goes on: pollNs is null`);
  return checked;
}

function readFlight(reader: StateReader | null): FlightState | null {
  if (reader === null) return null;
  const flight = {
    descriptor: reader.bits('descriptor', WORD - 3),
    status: reader.bits('status', WORD),
    bytes: reader.integer('bytes', 0, HALF_WORD),
    abandoned: reader.boolean('abandoned'),
    leftNs: Math.min(reader.timer('leftNs') ?? 0, LONGEST_FLIGHT_NS),
  };
  reader.end();
  return flight;
}

function saveRing({ base, length, index }: RingPosition): RingState {
  return { base, length, index };
}

function readRing(reader: StateReader): RingState {
  const length = reader.integer('length', 1, 65536);
  const ring = {
    base: reader.integer('base', 0, WORD),
    length,
    index: reader.integer('index', 0, length - 1),
  };
  reader.end();
  return ring;
}
