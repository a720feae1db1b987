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
