// What the tools need of IPv4: io-pkt's protocols are somebody else's (InetStack has these methods), and addresses come as
// text.

import type { NetDevice } from '../../net/device.ts';
import { EINVAL, ErrnoError } from '../errno.ts';

/** Addresses of interfaces, as `10.0.0.1/24`. */
export interface AddressBook {
  /** Throws with what is wrong. */
  addAddress(device: NetDevice, text: string): unknown;
  removeAddress(device: NetDevice, text: string): void;
  addressesOf(device: NetDevice): string[];
}

/** Four bytes of dotted decimal as an unsigned number; null: it is none. */
export function parseDotted(text: string): number | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return null;
  const bytes = match.slice(1).map(Number);
  if (bytes.some((byte) => byte > 255)) return null;
  return ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0;
}

export function formatDotted(address: number): string {
  return [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255].join('.');
}

export function maskOfPrefix(prefix: number): number {
  return prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0;
}

/** Prefix of `255.255.255.0`, `0xffffff00` or `24`. Throws on what is no mask. */
export function parseMask(text: string): number {
  const mask = /^0x[0-9a-f]{1,8}$/i.test(text) ? Number.parseInt(text, 16) : parseDotted(text);
  if (mask === null) {
    const prefix = /^\d{1,2}$/.test(text) ? Number(text) : -1;
    if (prefix < 0 || prefix > 32)
      throw new ErrnoError(EINVAL, `netmask ${text}: 255.255.255.0 or 0xffffff00 is one`);
    return prefix;
  }
  const prefix = Math.clz32(~mask);
  if (maskOfPrefix(prefix) !== mask >>> 0) throw new ErrnoError(EINVAL, `netmask ${text} has a hole`);
  return prefix;
}

/** Prefix of an address without mask, by its class. */
export function classPrefix(address: number): number {
  const first = address >>> 24;
  return first < 128 ? 8 : first < 192 ? 16 : 24;
}
