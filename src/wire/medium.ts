// The contract between a station (a MAC, a switch port, a TAP, a generator) and the medium it is plugged into.
// Links, hubs, impairments, taps and tests all speak it, so that they wrap one another.

import type { Frame, FramePool } from './frame.ts';

/** How a transmission ended, for `Station.transmitted`: bits, with the collision count in the low four. */
export const TX_COLLISIONS = 0x0f;
/** Waited for the medium before the first try. */
export const TX_DEFERRED = 0x10;
/** 16 tries failed: the frame was given up. */
export const TX_RETRY = 0x20;
/** Collision after the slot time (64 bytes): the frame was given up. */
export const TX_LATE_COLLISION = 0x40;
/** The carrier was lost or absent while sending: the frame is gone. */
export const TX_NO_CARRIER = 0x80;

export interface Station {
  /** Takes a frame that arrived whole. Give it back with `medium.pool.put` when done. */
  receive(frame: Frame): void;
  /** The frame given to `send` has left the station; it may send the next one. May come during `send`. */
  transmitted(status: number): void;
  /** Carrier came or went, or the rate or duplex behind it changed: read the medium's fields. */
  carrierChanged(): void;
}

/** Modes of a PHY as bits, in the order of the technology ability field of clause 28 (annex 28B.2). */
export const MODE_10 = 0x1;
export const MODE_10_FULL = 0x2;
export const MODE_100 = 0x4;
export const MODE_100_FULL = 0x8;
export const ALL_MODES = 0xf;

/** What a PHY puts on its cable. */
export interface LinkOffer {
  /** `MODE_...` bits; just one when forced. */
  readonly modes: number;
  /** It sends link code words; else it is forced, and the other end sees its speed only. */
  readonly negotiates: boolean;
  /** It has heard enough and waits for nobody but its partner: the link is there once both ends are ready. */
  readonly ready: boolean;
}

/** One socket of a link, hub or switch: what a station plugs into. */
export interface Medium {
  readonly name: string;
  readonly pool: FramePool;
  /** Somebody is plugged in at the other side and the cable is whole. */
  readonly carrier: boolean;
  /** Bits per second; 0 when sending takes no time. */
  readonly bitsPerSecond: number;
  readonly fullDuplex: boolean;
  /** Plugs a station in, or pulls it out with null. */
  attach(station: Station | null): void;
  /** Takes a frame; `station.transmitted` says when it has left. One frame at a time. */
  send(frame: Frame): void;
  /**
   * On a cable whose ends negotiate: what the other end offers, null while nothing is heard of it. Left out or undefined
   * on other media. `carrierChanged` tells of a change.
   */
  readonly partner?: LinkOffer | null | undefined;
  /**
   * Says what the station's PHY offers from now on, null for silence. Does not call the station. One that never says
   * anything counts as one that negotiates and can do everything. Forgotten when the station is pulled out.
   */
  offer?(offer: LinkOffer | null): void;
}

/** Bits that go with a frame on Ethernet: preamble and SFD 8 bytes, FCS 4, inter-frame gap 12. */
export const FRAME_OVERHEAD_BYTES = 24;
/** The last of them, when the medium is silent: 96 bit times. */
export const INTER_FRAME_GAP_BYTES = 12;

/** Time in ns a frame of `length` bytes (without FCS) occupies the medium, gap included. */
export function frameTimeNs(length: number, bitsPerSecond: number): number {
  if (bitsPerSecond === 0) return 0;
  return Math.round(((length + FRAME_OVERHEAD_BYTES) * 8e9) / bitsPerSecond);
}
