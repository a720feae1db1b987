// u32: bits of the packet, 32 at a time, against a value: tc-u32(8). Offsets count from the network header; nexthdr is where the
// header behind that of IP begins, by its own length (the man page's needs a hash table with an offset for that). Left out: hash
// tables and links. What lies behind the packet's first member matches nothing.

import type { Mbuf } from '../../mbuf/mbuf.ts';
import { ETH_HLEN } from '../../net/ether.ts';
import { type Filter, NO_MATCH } from './chain.ts';

export interface U32Match {
  /** 32 bits each. */
  value: number;
  mask: number;
  /** Bytes from the network header, or from the header behind it; a multiple of 4. */
  offset: number;
  next: boolean;
}

const IPV6_HLEN = 40;
const UNKNOWN = -1;

export class U32 implements Filter {
  readonly kind = 'u32';
  readonly handle: number;
  readonly id: number;
  readonly matches: readonly U32Match[];
  readonly ends: boolean;
  private readonly u8: Uint8Array;
  /** Of each match: value, mask, offset, next. */
  private readonly code: Int32Array;

  /** `id`: the class. `ends`: it decides; one with neither class nor action only looks, and the next filter is asked. */
  constructor(u8: Uint8Array, handle: number, id: number, matches: readonly U32Match[], ends = true) {
    this.ends = ends;
    this.u8 = u8;
    this.handle = handle;
    this.id = id;
    this.matches = matches.map((match) => ({ ...match }));
    this.code = Int32Array.from(
      matches.flatMap(({ value, mask, offset, next }) => [value & mask, mask, offset, next ? 1 : 0]),
    );
  }

  match(m: Mbuf): number {
    const { code, u8 } = this;
    const start = m.data + ETH_HLEN;
    const end = m.data + m.length;
    for (let i = 0; i < code.length; i += 4) {
      let at = start + code[i + 2];
      if (code[i + 3] === 1) {
        const header = ipHeaderBytes(u8, start, end);
        if (header === UNKNOWN) return NO_MATCH;
        at += header;
      }
      const mask = code[i + 1];
      // Nothing is asked for, so nothing has to be there.
      if (mask === 0) continue;
      if (at < m.data || at + 4 > end) return NO_MATCH;
      const word = (u8[at] << 24) | (u8[at + 1] << 16) | (u8[at + 2] << 8) | u8[at + 3];
      if ((word & mask) !== code[i]) return NO_MATCH;
    }
    return this.ends ? this.id : NO_MATCH;
  }
}

function ipHeaderBytes(u8: Uint8Array, at: number, end: number): number {
  if (at >= end) return UNKNOWN;
  const version = u8[at] >> 4;
  if (version === 6) return IPV6_HLEN;
  return version === 4 ? (u8[at] & 15) << 2 : UNKNOWN;
}
