// The first 16 bytes of what generators and pings send: whose packet it is, which one, and when it left. The rest is
// a pattern that counts up, as ping's does, so that a dump shows where bytes went wrong.
//
//   0        2        4                 8                                 16
//   +--------+--------+-----------------+----------------+----------------+-------------
//   | 0x534e | flow   | sequence number | time, high     | time, low      | 10 11 12 ...    big-endian
//   +--------+--------+-----------------+----------------+----------------+-------------
//
// Time is the sender's, in ns; sender and receiver of a lab share one clock.

/** "SN": tells our packets from others that come to the same port. */
export const PAYLOAD_MAGIC = 0x534e;
export const PAYLOAD_HEADER = 16;

const TWO_32 = 0x1_0000_0000;

export function writePayload(
  u8: Uint8Array,
  at: number,
  flow: number,
  sequence: number,
  timeNs: number,
): void {
  const high = Math.floor(timeNs / TWO_32);
  const low = (timeNs - high * TWO_32) >>> 0;
  u8[at] = PAYLOAD_MAGIC >> 8;
  u8[at + 1] = PAYLOAD_MAGIC & 0xff;
  u8[at + 2] = flow >> 8;
  u8[at + 3] = flow;
  write32(u8, at + 4, sequence);
  write32(u8, at + 8, high);
  write32(u8, at + 12, low);
}

export function hasPayloadHeader(u8: Uint8Array, at: number): boolean {
  return ((u8[at] << 8) | u8[at + 1]) === PAYLOAD_MAGIC;
}

export function payloadFlow(u8: Uint8Array, at: number): number {
  return (u8[at + 2] << 8) | u8[at + 3];
}

/** 0 to 2^32 - 1. */
export function payloadSequence(u8: Uint8Array, at: number): number {
  return read32(u8, at + 4);
}

/** The sender's time in ns, put into `to[index]`: on a hot path, where a number that is returned may be boxed. */
export function payloadTimeTo(u8: Uint8Array, at: number, to: Float64Array, index: number): void {
  const high = (u8[at + 8] << 24) | (u8[at + 9] << 16) | (u8[at + 10] << 8) | u8[at + 11];
  const low = (u8[at + 12] << 24) | (u8[at + 13] << 16) | (u8[at + 14] << 8) | u8[at + 15];
  to[index] = (high >>> 0) * TWO_32 + (low >>> 0);
}

/** Fills `length` bytes with the pattern, as it is `offset` bytes into a payload. */
export function fillPattern(u8: Uint8Array, at: number, length: number, offset: number): void {
  for (let i = 0; i < length; i++) u8[at + i] = offset + i;
}

function write32(u8: Uint8Array, at: number, value: number): void {
  u8[at] = value >>> 24;
  u8[at + 1] = value >>> 16;
  u8[at + 2] = value >>> 8;
  u8[at + 3] = value;
}

function read32(u8: Uint8Array, at: number): number {
  return ((u8[at] << 24) | (u8[at + 1] << 16) | (u8[at + 2] << 8) | u8[at + 3]) >>> 0;
}
