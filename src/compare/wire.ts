// The same frames through two drivers, in both directions: what leaves the card and what reaches the protocols is to be the same,
// byte for byte and in order (rule T02).
//
// Frames of every size, those to send also of less than the wire's 60 bytes, in bursts, to everybody a frame can be for; packets to send in one to four pieces; now and then the card
// is promiscuous, or a group joins or goes. All of it follows from the seed, so each driver is compared with what was to come; of
// the frames only a hash of each is kept.

import { Random } from '../kernel/random.ts';
import { ETH_FRAME_LEN, ETH_ZLEN } from '../net/ether.ts';
import { BROADCAST, compare, NUMBERED_BYTES, padded, testFrame } from '../scenario/frames.ts';
import { HostEnd } from '../scenario/host-end.ts';
import { FAR_MAC } from '../scenario/subject.ts';
import type { ComparedDriver } from './drivers.ts';
import { CompareRig, type RigOptions } from './rig.ts';

const MS = 1_000_000;
/** Frames of a burst, at most: no ring runs over. */
const BURST = 24;
/** A burst may take so long. */
const BURST_NS = 50 * MS;
const STRANGER = Uint8Array.of(0x02, 0, 0, 0, 0, 0x77);
const GROUPS: readonly Uint8Array[] = [1, 2, 3].map((last) => Uint8Array.of(0x01, 0, 0x5e, 0, 0, last));

export interface WireSide {
  /** Frames that were to come, and that came. */
  expected: number;
  came: number;
  /** FNV-1a over the hashes of all frames in order, hexadecimal. */
  hash: string;
  /** First frame that is not as it was to be; empty: none. */
  difference: string;
}

export interface WireResult {
  driver: string;
  /** What left the card. */
  out: WireSide;
  /** What reached the protocols. */
  up: WireSide;
}

/** One side's frames, held against what was to come. */
class Side {
  expected = 0;
  came = 0;
  difference = '';
  private hash = 0x811c9dc5;
  private readonly wanted: Uint8Array[] = [];

  want(bytes: Uint8Array): void {
    this.expected++;
    this.wanted.push(bytes);
  }

  take(bytes: Uint8Array): void {
    const number = this.came++;
    this.hash = fnv(bytes, this.hash);
    const wanted = this.wanted.shift();
    if (this.difference !== '') return;
    if (wanted === undefined) this.difference = `frame ${number} is one too many: ${hex(bytes)}`;
    else {
      const difference = compare(bytes, wanted);
      if (difference !== '') this.difference = `frame ${number}: ${difference}; it begins ${hex(bytes)}`;
    }
  }

  get complete(): boolean {
    return this.wanted.length === 0;
  }

  /** What has not come will not. */
  giveUp(): void {
    if (this.wanted.length === 0) return;
    if (this.difference === '')
      this.difference = `frame ${this.came} never came, nor did the ${this.wanted.length - 1} after it`;
    this.wanted.length = 0;
  }

  get report(): WireSide {
    const { expected, came, difference } = this;
    return { expected, came, hash: (this.hash >>> 0).toString(16).padStart(8, '0'), difference };
  }
}

export interface WireOptions {
  driver: ComparedDriver;
  chip: string;
  /** Both ways together, about. */
  frames: number;
  seed: number;
  progress?: (done: number) => void;
  /** What is wrong with the wire, for tests that want a difference. */
  wire?: RigOptions['wire'];
}

/** Sends the frames, half of them each way. */
export function driveWire(options: WireOptions): WireResult {
  const { driver, frames, seed, progress = () => {} } = options;
  const rig = new CompareRig(options);
  const host = new HostEnd(rig.machine, rig.subject.layer);
  const random = new Random(seed, 'compare/wire');
  const [out, up] = [new Side(), new Side()];
  rig.far.onFrame = (bytes) => out.take(bytes);
  const mode = { promiscuous: false, groups: new Set<number>() };
  let number = 1;
  for (let done = 0; done < frames; ) {
    if (random.chance(0.05)) changeMode(rig, mode, random);
    const burst = 1 + random.below(BURST);
    for (let i = 0; i < burst; i++) {
      if (random.chance(0.5)) {
        const length = lengthFrom(random, NUMBERED_BYTES);
        const bytes = testFrame(length, number++, recipient(random, FAR_MAC), rig.device.address);
        out.want(padded(bytes));
        host.send(rig.device, bytes, cuts(random, length));
      } else {
        const length = lengthFrom(random, ETH_ZLEN);
        const to = recipient(random, rig.device.address);
        const bytes = testFrame(length, number++, to, FAR_MAC);
        if (isFor(rig, mode, to)) up.want(bytes);
        rig.far.send(bytes);
      }
    }
    rig.until(() => {
      for (const bytes of host.received) up.take(bytes);
      host.clear();
      return out.complete && up.complete && rig.far.queued === 0;
    }, BURST_NS);
    // Nothing is under way any more, also of what was not to come.
    rig.run(MS);
    for (const bytes of host.received) up.take(bytes);
    host.clear();
    out.giveUp();
    up.giveUp();
    done += burst;
    progress(done);
  }
  return { driver: driver.name, out: out.report, up: up.report };
}

function lengthFrom(random: Random, least: number): number {
  return least + random.below(ETH_FRAME_LEN - least + 1);
}

function changeMode(
  rig: CompareRig,
  mode: { promiscuous: boolean; groups: Set<number> },
  random: Random,
): void {
  const { device, machine } = rig;
  const which = random.below(GROUPS.length + 1);
  machine.process(() => {
    if (which === GROUPS.length) {
      mode.promiscuous = !mode.promiscuous;
      device.setPromiscuity(mode.promiscuous ? 1 : -1);
    } else if (mode.groups.delete(which)) device.removeMulticast(GROUPS[which]);
    else {
      mode.groups.add(which);
      device.addMulticast(GROUPS[which]);
    }
  });
  rig.until(() => rig.settled, 1000 * MS);
  rig.run(5 * MS);
}

function recipient(random: Random, usual: Uint8Array): Uint8Array {
  const draw = random.below(10);
  if (draw < 6) return usual;
  if (draw === 6) return BROADCAST;
  return draw === 7 ? STRANGER : GROUPS[random.below(GROUPS.length)];
}

/** The card lets it in. The hash filter may let in groups that nobody joined: these three have bits of their own. */
function isFor(
  rig: CompareRig,
  mode: { promiscuous: boolean; groups: Set<number> },
  to: Uint8Array,
): boolean {
  if (mode.promiscuous || to === BROADCAST || to === rig.device.address) return true;
  return mode.groups.has(GROUPS.indexOf(to));
}

/** Lengths of all pieces but the last. */
function cuts(random: Random, length: number): number[] {
  const pieces = 1 + random.below(4);
  return Array.from({ length: pieces - 1 }, () => 1 + random.below(Math.floor(length / 4)));
}

function fnv(bytes: Uint8Array, start: number): number {
  let hash = start ^ bytes.length;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, 24), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
