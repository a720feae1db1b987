// What u32 is told to match, as words of a header or as bits at an offset: tc-u32(8), "SELECTORS".

import type { U32Match } from '../../qdisc/filter/u32.ts';
import { parseWhole, type Words } from '../words.ts';

/** Fields of IPv4: offset of the 32 bits they are in, how far up, and their width in bits. */
const IP_FIELDS = {
  tos: [0, 16, 8],
  dsfield: [0, 16, 8],
  precedence: [0, 16, 8],
  ihl: [0, 24, 4],
  protocol: [8, 16, 8],
  sport: [20, 16, 16],
  dport: [20, 0, 16],
  icmp_type: [20, 24, 8],
  icmp_code: [20, 16, 8],
} as const;
/** And of IPv6. */
const IP6_FIELDS = {
  priority: [0, 20, 8],
  dsfield: [0, 20, 8],
  protocol: [4, 8, 8],
  sport: [40, 16, 16],
  dport: [40, 0, 16],
  icmp_type: [40, 24, 8],
  icmp_code: [40, 16, 8],
} as const;
const FLAGS = {
  nofrag: [4, 0x3fff, 0],
  firstfrag: [4, 0x3fff, 0x2000],
  df: [4, 0x4000, 0x4000],
  mf: [4, 0x2000, 0x2000],
} as const;
const SELECTORS = ['ip', 'ip6', 'tcp', 'udp', 'u32', 'u16', 'u8'] as const;

/** Reads what follows `match`. */
export function readMatch(words: Words): U32Match[] {
  const selector = words.oneOf(SELECTORS, 'match');
  if (selector === 'ip') return readIp(words);
  if (selector === 'ip6') return readIp6(words);
  if (selector === 'tcp' || selector === 'udp') return [readPort(words)];
  return [readBits(words, selector === 'u32' ? 32 : selector === 'u16' ? 16 : 8)];
}

function readIp(words: Words): U32Match[] {
  const field = words.oneOf(['src', 'dst', ...keysOf(IP_FIELDS), ...keysOf(FLAGS)], 'ip');
  if (field === 'src' || field === 'dst') {
    const { value, mask } = words.parsed(parsePrefix4, `${field}: an IPv4 address, like 10.0.0.0/8`);
    return [{ value, mask, offset: field === 'src' ? 12 : 16, next: false }];
  }
  if (field in FLAGS) {
    const [offset, mask, value] = FLAGS[field as keyof typeof FLAGS];
    return [{ offset, mask, value, next: false }];
  }
  return [readField(words, field, IP_FIELDS[field as keyof typeof IP_FIELDS])];
}

function readIp6(words: Words): U32Match[] {
  const field = words.oneOf(['src', 'dst', ...keysOf(IP6_FIELDS)], 'ip6');
  if (field !== 'src' && field !== 'dst') return [readField(words, field, IP6_FIELDS[field])];
  const { address, prefix } = words.parsed(parsePrefix6, `${field}: an IPv6 address, like fd00::/8`);
  const start = field === 'src' ? 8 : 24;
  return address.flatMap((value, i) => {
    const bits = Math.min(32, Math.max(0, prefix - 32 * i));
    return bits === 0 ? [] : [{ value, mask: maskOf(bits), offset: start + 4 * i, next: false }];
  });
}

function readField(
  words: Words,
  name: string,
  [offset, shift, width]: readonly [number, number, number],
): U32Match {
  const most = 2 ** width - 1;
  const value = words.parsed((text) => within(parseWhole(text), most), `${name}: a number from 0 to ${most}`);
  const mask = words.parsed(
    (text) => within(parseMask(text), most),
    `${name} ${value}: a mask, like 0x${most.toString(16)}`,
  );
  return { value: (value << shift) | 0, mask: (mask << shift) | 0, offset, next: false };
}

function readPort(words: Words): U32Match {
  const field = words.oneOf(['src', 'dst']);
  const match = readField(words, field, [0, field === 'src' ? 16 : 0, 16]);
  return { ...match, next: true };
}

/** VALUE MASK at [nexthdr+]OFFSET; values are hex for a mask, as the man page has it. */
function readBits(words: Words, width: 32 | 16 | 8): U32Match {
  const most = 2 ** width - 1;
  const value = words.parsed(
    (text) => within(parseWhole(text), most),
    `u${width}: a value, like 0x${most.toString(16)}`,
  );
  const mask = words.parsed(
    (text) => within(parseMask(text), most),
    `u${width}: a mask, like 0x${most.toString(16)}`,
  );
  if (words.take('at') === '') return place(value, mask, width, 0, false);
  const text = words.next('at: an offset, like 8 or nexthdr+0');
  const match = /^(nexthdr\+)?(-?\d+|0x[0-9a-f]+)$/i.exec(text);
  const offset = match === null ? Number.NaN : Number(match[2]);
  if (match === null || !Number.isInteger(offset) || offset % (width / 8) !== 0 || Math.abs(offset) > 1500)
    words.refuse(`at: an offset in bytes, a multiple of ${width / 8}, like 8 or nexthdr+0`);
  return place(value, mask, width, offset, match![1] !== undefined);
}

function place(value: number, mask: number, width: number, offset: number, next: boolean): U32Match {
  const inWord = ((offset % 4) + 4) % 4;
  const shift = 32 - width - 8 * inWord;
  return { value: (value << shift) | 0, mask: (mask << shift) | 0, offset: offset - inWord, next };
}

function within(value: number | null, most: number): number | null {
  return value !== null && value <= most ? value : null;
}

/** Hex, with or without 0x. */
function parseMask(text: string): number | null {
  return /^(0x)?[0-9a-f]{1,8}$/i.test(text) ? Number.parseInt(text, 16) : null;
}

function maskOf(bits: number): number {
  return bits === 0 ? 0 : (0xffffffff << (32 - bits)) | 0;
}

function parsePrefix4(text: string): { value: number; mask: number } | null {
  if (text === 'any' || text === 'default') return { value: 0, mask: 0 };
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  if (match === null) return null;
  const bytes = match.slice(1, 5).map(Number);
  const prefix = Number(match[5] ?? 32);
  if (bytes.some((byte) => byte > 255) || prefix > 32) return null;
  const value = bytes.reduce((word, byte) => (word << 8) | byte, 0);
  return { value, mask: maskOf(prefix) };
}

function parsePrefix6(text: string): { address: number[]; prefix: number } | null {
  const [address, length = '128'] = text.split('/');
  const prefix = Number(length);
  const halves = address.split('::');
  if (!/^[0-9a-f:]+$/i.test(address) || halves.length > 2 || !/^\d+$/.test(length) || prefix > 128)
    return null;
  const groups = (half: string): string[] => (half === '' ? [] : half.split(':'));
  const [left, right] = [groups(halves[0]), groups(halves[1] ?? '')];
  const missing = 8 - left.length - right.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const all = [...left, ...new Array<string>(missing).fill('0'), ...right];
  if (all.some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) return null;
  const words = all.map((group) => Number.parseInt(group, 16));
  return { address: [0, 2, 4, 6].map((i) => (words[i] << 16) | words[i + 1]), prefix };
}

function keysOf<Table extends object>(table: Table): (keyof Table & string)[] {
  return Object.keys(table) as (keyof Table & string)[];
}
