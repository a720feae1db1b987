// TFTP packets: RFC 1350, with the options of RFC 2347, 2348 (blksize), 2349 (timeout, tsize) and 7440 (windowsize).
//
//   RRQ, WRQ  | opcode 1, 2 | file | 0 | mode | 0 | option | 0 | value | 0 | ...
//   DATA      | opcode 3    | block    | 0 to blksize bytes; fewer than blksize end the file
//   ACK       | opcode 4    | block    |
//   ERROR     | opcode 5    | code     | message | 0 |
//   OACK      | opcode 6    | option | 0 | value | 0 | ...

export const TFTP_PORT = 69;

export const TFTP_RRQ = 1;
export const TFTP_WRQ = 2;
export const TFTP_DATA = 3;
export const TFTP_ACK = 4;
export const TFTP_ERROR = 5;
export const TFTP_OACK = 6;

export const TFTP_UNDEFINED = 0;
export const TFTP_NOT_FOUND = 1;
export const TFTP_ACCESS = 2;
export const TFTP_ILLEGAL = 4;
export const TFTP_UNKNOWN_TID = 5;
export const TFTP_OPTION = 8;

export const TFTP_HLEN = 4;
/** Bytes of a block unless agreed otherwise; the last is shorter. */
export const TFTP_BLOCK = 512;
export const TFTP_BLOCK_MIN = 8;
export const TFTP_BLOCK_MAX = 65464;
/** Octets of a request (RFC 2347). */
export const TFTP_REQUEST_LIMIT = 512;

export interface TftpRequest {
  opcode: number;
  file: string;
  /** In lower case. */
  mode: string;
  /** Names in lower case. */
  options: Map<string, string>;
}

/** What is wrong with a request: an error code and its message. */
export interface TftpFault {
  code: number;
  message: string;
}

/** Reads a read or write request of `length` bytes; anything may come. */
export function parseRequest(bytes: Uint8Array, length: number): TftpRequest | TftpFault {
  if (length > TFTP_REQUEST_LIMIT) return illegal('a request has 512 bytes at most');
  const strings = readStrings(bytes, 2, length);
  if (strings === null) return illegal('a string without its end');
  if (strings.length < 2) return illegal('a file and a mode are wanted');
  const [file, mode] = strings;
  if (file === '') return { code: TFTP_NOT_FOUND, message: 'a file without a name' };
  const options = readOptions(strings, 2);
  if (typeof options === 'string') return { code: TFTP_OPTION, message: options };
  return { opcode: bytes[1], file, mode: mode.toLowerCase(), options };
}

/** Reads an OACK; null: malformed. */
export function parseOack(bytes: Uint8Array, length: number): Map<string, string> | null {
  const strings = readStrings(bytes, 2, length);
  if (strings === null) return null;
  const options = readOptions(strings, 0);
  return typeof options === 'string' ? null : options;
}

/** Text of an ERROR, whatever it is, for people. */
export function errorText(bytes: Uint8Array, length: number): string {
  let text = '';
  for (let at = TFTP_HLEN; at < length && bytes[at] !== 0 && text.length < 100; at++) {
    const printable = bytes[at] >= 0x20 && bytes[at] < 0x7f;
    text += printable ? String.fromCharCode(bytes[at]) : '?';
  }
  return text;
}

function illegal(message: string): TftpFault {
  return { code: TFTP_ILLEGAL, message };
}

/** Null: the last one is not ended. */
function readStrings(bytes: Uint8Array, from: number, length: number): string[] | null {
  const strings: string[] = [];
  let text = '';
  let open = false;
  for (let at = from; at < length; at++) {
    open = bytes[at] !== 0;
    if (open) text += String.fromCharCode(bytes[at]);
    else {
      strings.push(text);
      text = '';
    }
  }
  return open ? null : strings;
}

/** Pairs from place `from` on; a string says what is wrong. */
function readOptions(strings: string[], from: number): Map<string, string> | string {
  const options = new Map<string, string>();
  if ((strings.length - from) % 2 !== 0) return 'an option without a value';
  for (let i = from; i < strings.length; i += 2) {
    const name = strings[i].toLowerCase();
    if (options.has(name)) return `the option ${name} is there twice`;
    options.set(name, strings[i + 1]);
  }
  return options;
}

/** A whole number from `least` to `most` in decimal; null for everything else. */
export function numberOption(text: string | undefined, least: number, most: number): number | null {
  if (text === undefined || !/^[0-9]{1,15}$/.test(text)) return null;
  const value = Number(text);
  return value >= least && value <= most ? value : null;
}

export function buildRequest(file: string, mode: string, options: Map<string, string>): Uint8Array {
  return strings(TFTP_RRQ, [file, mode, ...[...options].flat()]);
}

export function buildOack(options: Map<string, string>): Uint8Array {
  return strings(TFTP_OACK, [...options].flat());
}

export function buildError(code: number, message: string): Uint8Array {
  const text = strings(TFTP_ERROR, [message]);
  const bytes = new Uint8Array(text.length + 2);
  bytes[1] = TFTP_ERROR;
  bytes[3] = code;
  bytes.set(text.subarray(2), TFTP_HLEN);
  return bytes;
}

export function buildAck(block: number): Uint8Array {
  return Uint8Array.of(0, TFTP_ACK, block >> 8, block & 0xff);
}

/** Characters beyond Latin-1 become question marks. */
function strings(opcode: number, texts: string[]): Uint8Array {
  const all = texts.map((text) => `${text}\0`).join('');
  return Uint8Array.of(
    0,
    opcode,
    ...Array.from(all, (c) => (c.charCodeAt(0) > 0xff ? 0x3f : c.charCodeAt(0))),
  );
}

/** A file as netascii (RFC 764): lines end with CR LF, a CR of its own is CR NUL. */
export function toNetascii(file: Uint8Array): Uint8Array {
  let extra = 0;
  for (let i = 0; i < file.length; i++) if (file[i] === 0x0a || file[i] === 0x0d) extra++;
  const bytes = new Uint8Array(file.length + extra);
  let at = 0;
  for (let i = 0; i < file.length; i++) {
    if (file[i] === 0x0a) bytes[at++] = 0x0d;
    bytes[at++] = file[i];
    if (file[i] === 0x0d) bytes[at++] = 0;
  }
  return bytes;
}
