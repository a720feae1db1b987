// What the chip has to know of a frame's inside: VLAN tags, 802.3 pads, the sum that the 82559 appends, MAC control.

import { FRAME_START, type Frame } from '../../wire/frame.ts';

const HEADER_BYTES = 14;
const VLAN_TYPE = 0x8100;
const MAC_CONTROL_TYPE = 0x8808;
/** Payload below which an 802.3 frame carries a pad. */
const UNPADDED_BYTES = 46;
/** Opcode and pause time reach to here. */
const CONTROL_BYTES = 18;

/** Sixteen bits in network order at byte `offset` of a frame. */
export function networkWord(frame: Frame, offset: number): number {
  return (frame.u8[FRAME_START + offset] << 8) | frame.u8[FRAME_START + offset + 1];
}

export function tagged(frame: Frame): boolean {
  return frame.length >= HEADER_BYTES + 4 && networkWord(frame, 12) === VLAN_TYPE;
}

/** A whole MAC control frame (IEEE 802.3 clause 31). */
export function isMacControl(frame: Frame): boolean {
  return frame.length >= CONTROL_BYTES && networkWord(frame, 12) === MAC_CONTROL_TYPE;
}

/** Bytes of a frame without its pad: an 802.3 length below 46 says how much is not pad. */
export function strippedLength(frame: Frame): number {
  const { length } = frame;
  if (length < HEADER_BYTES) return length;
  const payload = networkWord(frame, 12);
  return payload < UNPADDED_BYTES && HEADER_BYTES + payload <= length ? HEADER_BYTES + payload : length;
}

/**
 * One's complement sum over what follows the MAC header, in words with the low byte first, not inverted: what the 82559
 * appends to a frame (6.4.3.5, with two worked examples).
 */
export function internetChecksum(frame: Frame): number {
  const { u8, length } = frame;
  const end = FRAME_START + length;
  let sum = 0;
  for (let i = FRAME_START + HEADER_BYTES; i < end; i += 2) sum += u8[i] | (i + 1 < end ? u8[i + 1] << 8 : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}
