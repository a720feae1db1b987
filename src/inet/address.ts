// IPv4 addresses as 32-bit numbers, and their text. Dotted quads and prefixes as in RFC 4632; the special ranges as in
// RFC 6890 and RFC 1112. Left out: the forms with fewer than four parts, octal and hex that inet_aton takes.
//
// Text gives numbers from 0 to 2^32 - 1. Code that runs for each packet keeps the same 32 bits as an int32, which needs no
// heap number; every function here takes either form.

/** 255.255.255.255, as an int32. */
export const INADDR_BROADCAST = -1;
/** 127.0.0.1. */
export const INADDR_LOOPBACK = 0x7f000001;
/** 224.0.0.1, all hosts: every interface is a member. */
export const INADDR_ALLHOSTS = 0xe0000001 | 0;

export interface Network {
  /** Address with its host part, 0 to 2^32 - 1. */
  address: number;
  /** Bits of the network part. */
  prefix: number;
}

/** `10.0.0.1` as a number; throws with what would be right. */
export function parseAddress(text: string): number {
  const parts = text.split('.');
  if (parts.length !== 4) {
    throw new Error(
      `"${text}" is not an IPv4 address: four numbers with dots between are wanted, like 10.0.0.1`,
    );
  }
  let address = 0;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,9})$/.test(part)) {
      const hint = /^0[0-9]+$/.test(part) ? 'without leading zeros' : 'in decimal';
      throw new Error(`"${text}" is not an IPv4 address: "${part}" must be a number from 0 to 255, ${hint}`);
    }
    const value = Number(part);
    if (value > 255)
      throw new Error(`"${text}" is not an IPv4 address: ${part} must be a number from 0 to 255`);
    address = address * 256 + value;
  }
  return address;
}

/** `10.0.0.1/24`; throws with what would be right. A prefix is wanted, since guessing one from the class is history. */
export function parseNetwork(text: string): Network {
  const slash = text.indexOf('/');
  if (slash < 0) {
    const address = parseAddress(text);
    throw new Error(`"${text}" has no prefix length: ${formatAddress(address)}/24, say, is wanted`);
  }
  const address = parseAddress(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]?)$/.test(length) || Number(length) > 32) {
    throw new Error(
      `"${text}": the prefix length "${length}" must be a number from 0 to 32, like ${formatAddress(address)}/24`,
    );
  }
  return { address, prefix: Number(length) };
}

/** `10.0.0.1`. */
export function formatAddress(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

/** `10.0.0.1/24`. */
export function formatNetwork(address: number, prefix: number): string {
  return `${formatAddress(address)}/${prefix}`;
}

/** Network mask of a prefix length, as an int32. */
export function maskOf(prefix: number): number {
  // A shift by 32 is a shift by 0.
  return prefix === 0 ? 0 : -1 << (32 - prefix);
}

/** The four bytes at `at`, as an int32. */
export function readAddress(u8: Uint8Array, at: number): number {
  return (u8[at] << 24) | (u8[at + 1] << 16) | (u8[at + 2] << 8) | u8[at + 3];
}

export function writeAddress(u8: Uint8Array, at: number, address: number): void {
  u8[at] = address >>> 24;
  u8[at + 1] = address >>> 16;
  u8[at + 2] = address >>> 8;
  u8[at + 3] = address;
}

/** 224.0.0.0/4. */
export function isMulticast(address: number): boolean {
  return address >>> 28 === 14;
}

/** 127.0.0.0/8. */
export function isLoopback(address: number): boolean {
  return address >>> 24 === 127;
}

/** Neither a packet's source nor a station's own may be this: 0/8, 127/8, multicast, reserved and broadcast. */
export function isMartian(address: number): boolean {
  const top = address >>> 24;
  return top === 0 || top === 127 || top >= 224;
}
