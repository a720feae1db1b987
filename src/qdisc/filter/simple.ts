// Filters that look at one thing: matchall (everything), fw (the packet's mark), flow (a hash of what its flow is told by).

import type { Mbuf } from '../../mbuf/mbuf.ts';
import { flowHash, ipOffset } from '../../net/flow-hash.ts';
import { type Filter, NO_MATCH } from './chain.ts';

/** tc-matchall(8). */
export class Matchall implements Filter {
  readonly kind = 'matchall';
  readonly handle: number;
  readonly id: number;

  constructor(handle: number, id: number) {
    this.handle = handle;
    this.id = id;
  }

  match(): number {
    return this.id;
  }
}

/** tc-fw(8): the mark is the filter's handle; without a handle the mark is the class itself, in the discipline's numbers. */
export class Fw implements Filter {
  readonly kind = 'fw';
  readonly handle: number;
  readonly mask: number;
  readonly id: number;
  private readonly major: number;

  /** `handle` 0: none. `major`: of the discipline. */
  constructor(handle: number, mask: number, id: number, major: number) {
    this.handle = handle;
    this.mask = mask;
    this.id = id;
    this.major = major;
  }

  match(m: Mbuf): number {
    if (this.handle !== 0) return (m.mark & this.mask) >>> 0 === this.handle ? this.id : NO_MATCH;
    const { mark } = m;
    if (mark === 0 || (mark >>> 16 !== 0 && mark >>> 16 !== this.major)) return NO_MATCH;
    return mark & 0xffff;
  }
}

export const FLOW_KEYS = [
  'src',
  'dst',
  'proto',
  'proto-src',
  'proto-dst',
  'priority',
  'mark',
  'rxhash',
] as const;
export type FlowKey = (typeof FLOW_KEYS)[number];

export interface FlowOptions {
  keys: readonly FlowKey[];
  /** hash: all keys together, scattered; map: the one key itself. */
  mode: 'hash' | 'map';
  /** Classes that they are spread over; 0, of map only: as many as the key has values. */
  divisor: number;
  /** The first of them. */
  base: number;
  seed: number;
}

/** tc-flow(8). Packets that lack a key have 0 there. */
export class Flow implements Filter {
  readonly kind = 'flow';
  readonly handle: number;
  readonly options: Readonly<FlowOptions>;
  private readonly u8: Uint8Array;
  private readonly wholeFlow: boolean;

  constructor(u8: Uint8Array, handle: number, options: FlowOptions) {
    this.u8 = u8;
    this.handle = handle;
    this.options = { ...options };
    const five: readonly FlowKey[] = ['src', 'dst', 'proto', 'proto-src', 'proto-dst'];
    this.wholeFlow = options.keys.length === five.length && five.every((key) => options.keys.includes(key));
  }

  match(m: Mbuf): number {
    const { mode, divisor, base, seed, keys } = this.options;
    if (mode === 'map') {
      const key = this.key(m, keys[0]);
      return base + (divisor === 0 ? key & 0xffff : key % divisor);
    }
    let hash = seed;
    if (this.wholeFlow) hash = flowHash(this.u8, m, seed);
    else for (let i = 0; i < keys.length; i++) hash = mix(hash, this.key(m, keys[i]));
    return base + ((hash >>> 0) % divisor);
  }

  private key(m: Mbuf, key: FlowKey): number {
    if (key === 'priority') return m.priority >>> 0;
    if (key === 'mark') return m.mark >>> 0;
    if (key === 'rxhash') return flowHash(this.u8, m, 0) >>> 0;
    return this.header(m, key);
  }

  private header(m: Mbuf, key: FlowKey): number {
    const { u8 } = this;
    const offset = ipOffset(u8, m);
    if (offset < 0) return 0;
    const at = m.data + offset;
    const isV4 = u8[at] >> 4 === 4;
    switch (key) {
      case 'src':
        return isV4 ? word(u8, at + 12) : folded(u8, at + 8);
      case 'dst':
        return isV4 ? word(u8, at + 16) : folded(u8, at + 24);
      case 'proto':
        return u8[at + (isV4 ? 9 : 6)];
      default: {
        const ports = portsAt(u8, at, isV4);
        if (ports < 0) return 0;
        const port = ports + (key === 'proto-dst' ? 2 : 0);
        return port + 2 <= m.data + m.length ? (u8[port] << 8) | u8[port + 1] : 0;
      }
    }
  }
}

/** TCP, UDP, DCCP, SCTP, UDP-Lite. */
const WITH_PORTS = [6, 17, 33, 132, 136];
const FRAGMENT = 0x3fff;

/** Where the ports are; below 0: it has none, or they are in another fragment. Extension headers of IPv6 are not read. */
function portsAt(u8: Uint8Array, at: number, isV4: boolean): number {
  if (!WITH_PORTS.includes(u8[at + (isV4 ? 9 : 6)])) return -1;
  if (!isV4) return at + 40;
  const header = (u8[at] & 15) << 2;
  const fragment = ((u8[at + 6] << 8) | u8[at + 7]) & FRAGMENT;
  return header < 20 || fragment !== 0 ? -1 : at + header;
}

function word(u8: Uint8Array, at: number): number {
  return ((u8[at] << 24) | (u8[at + 1] << 16) | (u8[at + 2] << 8) | u8[at + 3]) >>> 0;
}

/** An IPv6 address in 32 bits. */
function folded(u8: Uint8Array, at: number): number {
  return (word(u8, at) ^ word(u8, at + 4) ^ word(u8, at + 8) ^ word(u8, at + 12)) >>> 0;
}

/** The finisher of MurmurHash3 over both: every bit of the value reaches every bit of the hash. */
function mix(hash: number, value: number): number {
  let mixed = Math.imul(hash, 0x9e3779b1) ^ value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
