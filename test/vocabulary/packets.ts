// Frames by hand, for tests: each function gives the bytes of one layer around those of the next. Right by default; what
// is to be wrong is said.

import { parseAddress } from '../../src/inet/address.ts';
import { internetChecksum } from '../../src/net/checksum.ts';

export type Bytes = Uint8Array;

export const BROADCAST = Uint8Array.from([255, 255, 255, 255, 255, 255]);
/** A station that nobody in a test is. */
export const STRANGER = Uint8Array.from([2, 0xee, 0, 0, 0, 9]);

export function join(...parts: (Bytes | readonly number[])[]): Bytes {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

export function word(value: number): number[] {
  return [(value >> 8) & 0xff, value & 0xff];
}

export function address(text: string): number[] {
  const value = parseAddress(text);
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

/** Ethernet II, or 802.3 when `type` is a length. */
export function ethernet(to: Bytes, from: Bytes, type: number, payload: Bytes): Bytes {
  return join(to, from, word(type), payload);
}

export interface Ipv4Fields {
  from: string;
  to: string;
  protocol?: number;
  ttl?: number;
  versionIhl?: number;
  totalLength?: number;
  fragment?: number;
  tos?: number;
  /** Bytes between header and payload. */
  options?: readonly number[];
  /** Added to the right checksum. */
  checksumError?: number;
}

export function ipv4(fields: Ipv4Fields, payload: Bytes): Bytes {
  const options = fields.options ?? [];
  const headerLength = 20 + options.length;
  const header = join(
    [fields.versionIhl ?? 0x40 | (headerLength >> 2), fields.tos ?? 0],
    word(fields.totalLength ?? headerLength + payload.length),
    word(0x1234),
    word(fields.fragment ?? 0),
    [fields.ttl ?? 64, fields.protocol ?? 17, 0, 0],
    address(fields.from),
    address(fields.to),
    options,
  );
  const checksum = (internetChecksum(header, 0, header.length) + (fields.checksumError ?? 0)) & 0xffff;
  header[10] = checksum >> 8;
  header[11] = checksum & 0xff;
  return join(header, payload);
}

export interface UdpFields {
  fromPort?: number;
  toPort?: number;
  length?: number;
  checksum?: number;
}

/** Without checksum unless one is given. */
export function udp(fields: UdpFields, payload: Bytes): Bytes {
  return join(
    word(fields.fromPort ?? 4000),
    word(fields.toPort ?? 9),
    word(fields.length ?? 8 + payload.length),
    word(fields.checksum ?? 0),
    payload,
  );
}

export function icmp(type: number, code: number, rest: Bytes, checksumError = 0): Bytes {
  const message = join([type, code, 0, 0], rest);
  const checksum = (internetChecksum(message, 0, message.length) + checksumError) & 0xffff;
  message[2] = checksum >> 8;
  message[3] = checksum & 0xff;
  return message;
}

export interface ArpFields {
  operation?: number;
  sender: string;
  senderStation: Bytes;
  target: string;
  targetStation?: Bytes;
  hardware?: number;
  protocol?: number;
  hardwareLength?: number;
  protocolLength?: number;
}

export function arp(fields: ArpFields): Bytes {
  return join(
    word(fields.hardware ?? 1),
    word(fields.protocol ?? 0x0800),
    [fields.hardwareLength ?? 6, fields.protocolLength ?? 4],
    word(fields.operation ?? 1),
    fields.senderStation,
    address(fields.sender),
    fields.targetStation ?? new Uint8Array(6),
    address(fields.target),
  );
}

export function zeros(length: number): Bytes {
  return new Uint8Array(length);
}
