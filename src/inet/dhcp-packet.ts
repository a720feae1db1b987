// DHCP messages: RFC 2131, section 2, in BOOTP's frame (RFC 951, RFC 1542), with the options of RFC 2132 and, on reading,
// options in the file and sname fields (52) and in pieces (RFC 3396). Left out: authentication (RFC 3118).
//
//     0        1        2        3        4                 8        10       12
//   +--------+--------+--------+--------+-----------------+--------+--------+--------+--------+
//   | op     | htype  | hlen   | hops   | xid             | secs   | flags  | ciaddr          |    flags: B, 15 zeros
//   +--------+--------+--------+--------+-----------------+--------+--------+-----------------+
//   16                20                24                28                44       108      236      240
//   | yiaddr          | siaddr          | giaddr          | chaddr 16       | sname  | file   | cookie | options
//   +-----------------+-----------------+-----------------+-----------------+--------+--------+--------+---------
//
//   an option:  code | length | value         pad: 0        end: 255

import { readAddress, writeAddress } from './address.ts';

export const DHCP_SERVER_PORT = 67;

export const BOOTREQUEST = 1;
export const BOOTREPLY = 2;
/** The client cannot take a unicast before it has its address. */
export const DHCP_BROADCAST = 0x8000;

/** Values of option 53. */
export const DHCPDISCOVER = 1;
export const DHCPOFFER = 2;
export const DHCPREQUEST = 3;
export const DHCPDECLINE = 4;
export const DHCPACK = 5;
export const DHCPNAK = 6;
export const DHCPRELEASE = 7;
export const DHCPINFORM = 8;

export const OPTION_MASK = 1;
export const OPTION_ROUTER = 3;
export const OPTION_DNS = 6;
export const OPTION_HOST_NAME = 12;
export const OPTION_DOMAIN = 15;
export const OPTION_BROADCAST = 28;
export const OPTION_REQUESTED_ADDRESS = 50;
export const OPTION_LEASE_TIME = 51;
export const OPTION_OVERLOAD = 52;
export const OPTION_MESSAGE_TYPE = 53;
export const OPTION_SERVER_ID = 54;
export const OPTION_PARAMETERS = 55;
export const OPTION_MESSAGE = 56;
export const OPTION_MAX_SIZE = 57;
export const OPTION_RENEWAL_TIME = 58;
export const OPTION_REBINDING_TIME = 59;
export const OPTION_CLIENT_ID = 61;
export const OPTION_TFTP_SERVER = 66;
export const OPTION_BOOT_FILE = 67;
export const OPTION_USER_CLASS = 77;
export const OPTION_RELAY_AGENT = 82;
const OPTION_PAD = 0;
const OPTION_END = 255;

const CHADDR = 28;
const SNAME = 44;
const FILE = 108;
const COOKIE = 236;
const OPTIONS = 240;
const CHADDR_BYTES = 16;
/** Bytes of text in the fields, without the 0 at their end. */
export const SNAME_BYTES = FILE - SNAME - 1;
export const FILE_BYTES = COOKIE - FILE - 1;
/** 99.130.83.99 says that options follow. */
const MAGIC_COOKIE = 0x63825363;
/** BOOTP's length: relays and old clients throw shorter ones away. */
const SHORTEST = 300;
/** Longest datagram that is read: more than any link of a lab carries. */
export const DHCP_DATAGRAM_LIMIT = 9216;
/** What every client takes: a datagram of 576 bytes (RFC 2131, section 2) without the headers of IP and UDP. */
export const DHCP_MAX_BYTES = 548;

export type DhcpOptions = Map<number, Uint8Array>;

/** Addresses are int32, 0 for none. */
export interface DhcpMessage {
  op: number;
  htype: number;
  hops: number;
  xid: number;
  secs: number;
  flags: number;
  ciaddr: number;
  yiaddr: number;
  siaddr: number;
  giaddr: number;
  /** The hardware address: hlen bytes. */
  chaddr: Uint8Array;
  sname: string;
  file: string;
  /** Option 53; 0 in BOOTP messages. */
  type: number;
  options: DhcpOptions;
}

/** What can be wrong with a datagram. */
export type DhcpFault =
  | 'short'
  | 'operation'
  | 'hardware'
  | 'cookie'
  | 'optionRunsOver'
  | 'optionLength'
  | 'type';

/** Lengths of the options that are read here; others may be of any length. */
const LENGTHS = new Map<number, number>([
  [OPTION_MASK, 4],
  [OPTION_REQUESTED_ADDRESS, 4],
  [OPTION_LEASE_TIME, 4],
  [OPTION_OVERLOAD, 1],
  [OPTION_MESSAGE_TYPE, 1],
  [OPTION_SERVER_ID, 4],
  [OPTION_MAX_SIZE, 2],
  [OPTION_RENEWAL_TIME, 4],
  [OPTION_REBINDING_TIME, 4],
]);

/** Reads the message in the first `length` bytes; what it keeps is copied. Anything may come: a fault is returned. */
export function parseDhcp(bytes: Uint8Array, length: number): DhcpMessage | DhcpFault {
  if (length < OPTIONS || bytes.length < length) return 'short';
  const op = bytes[0];
  if (op !== BOOTREQUEST && op !== BOOTREPLY) return 'operation';
  const hlen = bytes[2];
  if (hlen === 0 || hlen > CHADDR_BYTES) return 'hardware';
  if (readAddress(bytes, COOKIE) !== MAGIC_COOKIE) return 'cookie';
  const pieces = new Map<number, number[]>();
  if (!readOptions(bytes, OPTIONS, length, pieces)) return 'optionRunsOver';
  const overload = pieces.get(OPTION_OVERLOAD)?.[0] ?? 0;
  // In this order, since an option may start in one field and go on in the next.
  if ((overload & 1) !== 0 && !readOptions(bytes, FILE, COOKIE, pieces)) return 'optionRunsOver';
  if ((overload & 2) !== 0 && !readOptions(bytes, SNAME, FILE, pieces)) return 'optionRunsOver';
  const options: DhcpOptions = new Map();
  for (const [code, piece] of pieces) {
    if (piece.length !== (LENGTHS.get(code) ?? piece.length)) return 'optionLength';
    options.set(code, Uint8Array.from(piece));
  }
  const type = options.get(OPTION_MESSAGE_TYPE)?.[0] ?? 0;
  if (options.has(OPTION_MESSAGE_TYPE) && (type < DHCPDISCOVER || type > DHCPINFORM)) return 'type';
  // At least a type and a byte (RFC 2132, 9.14).
  if ((options.get(OPTION_CLIENT_ID)?.length ?? 2) < 2) return 'optionLength';
  return {
    op,
    htype: bytes[1],
    hops: bytes[3],
    xid: readAddress(bytes, 4) >>> 0,
    secs: (bytes[8] << 8) | bytes[9],
    flags: (bytes[10] << 8) | bytes[11],
    ciaddr: readAddress(bytes, 12),
    yiaddr: readAddress(bytes, 16),
    siaddr: readAddress(bytes, 20),
    giaddr: readAddress(bytes, 24),
    chaddr: bytes.slice(CHADDR, CHADDR + hlen),
    sname: (overload & 2) === 0 ? textOf(bytes.subarray(SNAME, FILE)) : '',
    file: (overload & 1) === 0 ? textOf(bytes.subarray(FILE, COOKIE)) : '',
    type,
    options,
  };
}

/** Adds the options of one field; pieces of one option are put together. False: one runs over the end. */
function readOptions(bytes: Uint8Array, from: number, end: number, pieces: Map<number, number[]>): boolean {
  for (let at = from; at < end; ) {
    const code = bytes[at++];
    if (code === OPTION_END) return true;
    if (code === OPTION_PAD) continue;
    if (at >= end || at + 1 + bytes[at] > end) return false;
    const length = bytes[at++];
    const piece = pieces.get(code) ?? [];
    for (let i = 0; i < length; i++) piece.push(bytes[at + i]);
    pieces.set(code, piece);
    at += length;
  }
  // Old clients forget the end.
  return true;
}

/** Writes a message, at least 300 bytes long, and returns its length. Throws when it does not fit. */
export function buildDhcp(message: DhcpMessage, into: Uint8Array): number {
  const { chaddr, options } = message;
  if (chaddr.length > CHADDR_BYTES)
    throw new RangeError(`a hardware address of ${chaddr.length} bytes: 16 fit`);
  if (into.length < SHORTEST) throw new RangeError(`${into.length} bytes for a DHCP message: 300 are wanted`);
  into.fill(0);
  into[0] = message.op;
  into[1] = message.htype;
  into[2] = chaddr.length;
  into[3] = message.hops;
  writeAddress(into, 4, message.xid);
  into[8] = message.secs >> 8;
  into[9] = message.secs & 0xff;
  into[10] = message.flags >> 8;
  into[11] = message.flags & 0xff;
  writeAddress(into, 12, message.ciaddr);
  writeAddress(into, 16, message.yiaddr);
  writeAddress(into, 20, message.siaddr);
  writeAddress(into, 24, message.giaddr);
  into.set(chaddr, CHADDR);
  writeText(into, SNAME, SNAME_BYTES, message.sname);
  writeText(into, FILE, FILE_BYTES, message.file);
  writeAddress(into, COOKIE, MAGIC_COOKIE);
  let at = OPTIONS;
  if (message.type !== 0) at = writeOption(into, at, OPTION_MESSAGE_TYPE, Uint8Array.of(message.type));
  for (const [code, value] of options) {
    if (code !== OPTION_MESSAGE_TYPE) at = writeOption(into, at, code, value);
  }
  into[at++] = OPTION_END;
  return Math.max(at, SHORTEST);
}

/** Bytes that an option with a value of `length` takes. */
export function optionBytes(length: number): number {
  return length + 2 * Math.max(1, Math.ceil(length / 255));
}

/** In pieces of 255 bytes (RFC 3396). Returns where the next goes; leaves room for the end. */
function writeOption(into: Uint8Array, from: number, code: number, value: Uint8Array): number {
  const pieces = Math.max(1, Math.ceil(value.length / 255));
  if (from + optionBytes(value.length) >= into.length) {
    throw new RangeError(
      `DHCP option ${code} of ${value.length} bytes does not fit: ${into.length} bytes are all`,
    );
  }
  let at = from;
  for (let i = 0; i < pieces; i++) {
    const piece = value.subarray(i * 255, (i + 1) * 255);
    into[at] = code;
    into[at + 1] = piece.length;
    into.set(piece, at + 2);
    at += 2 + piece.length;
  }
  return at;
}

function writeText(into: Uint8Array, at: number, limit: number, text: string): void {
  if (text.length > limit) throw new RangeError(`"${text}" is longer than ${limit} bytes`);
  into.set(bytesOf(text), at);
}

/** Text of a field or option, to its first 0; one character a byte. */
export function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return String.fromCharCode(...(end < 0 ? bytes : bytes.subarray(0, end)));
}

/** One byte a character; throws for those beyond Latin-1. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    if (character.length > 1 || code === 0 || code > 0xff)
      throw new RangeError(`"${text}": a DHCP message can have Latin letters only`);
    return code;
  });
}

/** An option's address: int32, 0 when it is not there. */
export function addressOption(options: DhcpOptions, code: number): number {
  const value = options.get(code);
  return value === undefined || value.length < 4 ? 0 : readAddress(value, 0);
}

/** An option's seconds, 0 to 2^32 - 1; null when it is not there. */
export function secondsOption(options: DhcpOptions, code: number): number | null {
  const value = options.get(code);
  return value === undefined || value.length !== 4 ? null : readAddress(value, 0) >>> 0;
}

/** The value of an option of addresses or of 32-bit numbers. */
export function wordsOf(...words: number[]): Uint8Array {
  const bytes = new Uint8Array(4 * words.length);
  words.forEach((word, i) => {
    writeAddress(bytes, 4 * i, word);
  });
  return bytes;
}
