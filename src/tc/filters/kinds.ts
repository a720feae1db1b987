// The kinds of filters: their words and how they are shown. tc-u32(8), tc-fw(8), tc-flow(8), tc-matchall(8).

import type { Filter } from '../../qdisc/filter/chain.ts';
import { FLOW_KEYS, Flow, type FlowKey, Fw, Matchall } from '../../qdisc/filter/simple.ts';
import { U32 } from '../../qdisc/filter/u32.ts';
import { formatClassId } from '../handle.ts';
import type { Printer } from '../printer.ts';
import type { Words } from '../words.ts';
import { readMatch } from './u32-words.ts';

/** What a line gives the filter to be made of. */
export interface FilterParts {
  u8: Uint8Array;
  handle: number;
  /** Of the class; 0: none. */
  id: number;
  /** Of the discipline. */
  major: number;
  /** It has actions. */
  acts: boolean;
}

export interface FilterKind {
  readonly name: string;
  readonly usage: string;
  /** Reads a word of its own, and what belongs to it; false: the next word is none of its own. */
  word(words: Words, taken: Taken): boolean;
  make(taken: Taken, parts: FilterParts): Filter;
  /** What stands behind `chain 0`, and lines below. */
  print(out: Printer, filter: Filter): void;
  /** Line of the pref's own, if it has one. */
  table?(filter: Filter): string;
}

/** What has been read so far: each kind keeps its own. */
export interface Taken {
  matches: ReturnType<typeof readMatch>[number][];
  mask: number;
  keys: FlowKey[];
  mode: 'hash' | 'map' | null;
  divisor: number;
  base: number;
}

export function nothingTaken(): Taken {
  return { matches: [], mask: 0xffffffff, keys: [], mode: null, divisor: 0, base: 0 };
}

const u32: FilterKind = {
  name: 'u32',
  usage: '... u32 match SELECTOR [ match SELECTOR ]... [ flowid CLASSID ] [ action ACTION ]',
  word(words, taken) {
    if (words.take('match') === '') return false;
    taken.matches.push(...readMatch(words));
    return true;
  },
  make({ matches }, { u8, handle, id, acts }) {
    return new U32(u8, handle, id, matches, id !== 0 || acts);
  },
  print(out, filter) {
    const { handle, id, matches, ends } = filter as U32;
    const table = (handle >>> 20).toString(16);
    const order = handle & 0xfff;
    out.put(`fh ${table}::${order.toString(16)}`, 'fh', `${table}::${order.toString(16)}`);
    out.put(`order ${order}`, 'order', order).put(`key ht ${table} bkt 0`, 'key_ht', table);
    if (id !== 0) out.put(`*flowid ${formatClassId(id)}`, 'flowid', formatClassId(id));
    else if (ends) out.put('terminal flowid');
    out.put('not_in_hw', 'not_in_hw', true);
    for (const { value, mask, offset, next } of matches)
      out.line(`  match ${hex(value & mask)}/${hex(mask)} at ${next ? 'nexthdr+' : ''}${offset}`);
    out.json.match = matches.map(({ value, mask, offset, next }) => ({
      value: ((value & mask) >>> 0).toString(16),
      mask: (mask >>> 0).toString(16),
      offmask: next ? 'nexthdr+' : '',
      off: offset,
    }));
  },
  table: ({ handle }) => `fh ${(handle >>> 20).toString(16)}: ht divisor 1 `,
};

const fw: FilterKind = {
  name: 'fw',
  usage: '... [ handle MARK[/MASK] ] fw [ classid CLASSID ] [ action ACTION ]',
  word: () => false,
  make: ({ mask }, { handle, id, major }) => new Fw(handle, mask, id, major),
  print(out, filter) {
    const { handle, mask, id } = filter as Fw;
    const ofMask = mask === 0xffffffff ? '' : `/0x${mask.toString(16)}`;
    out.put(`handle 0x${handle.toString(16)}${ofMask}`, 'handle', handle);
    if (id !== 0) out.put(`classid ${formatClassId(id)}`, 'classid', formatClassId(id));
  },
};

const matchall: FilterKind = {
  name: 'matchall',
  usage: '... matchall [ classid CLASSID ] [ action ACTION ]',
  word: () => false,
  make: (_, { handle, id }) => new Matchall(handle, id),
  print(out, filter) {
    const { handle, id } = filter as Matchall;
    out.put(`handle 0x${handle.toString(16)}`, 'handle', handle);
    if (id !== 0) out.put(`flowid ${formatClassId(id)}`, 'flowid', formatClassId(id));
    out.line('  not_in_hw');
  },
};

const flow: FilterKind = {
  name: 'flow',
  usage: `... flow { hash keys KEY[,KEY...] | map key KEY } divisor NUMBER [ baseclass CLASSID ] [ action ACTION ]    KEY: ${FLOW_KEYS.join(', ')}`,
  word(words, taken) {
    const word = words.take('hash', 'map', 'keys', 'key', 'divisor', 'baseclass');
    if (word === '') return false;
    if (word === 'hash' || word === 'map') taken.mode = word;
    else if (word === 'divisor') taken.divisor = words.whole(word, 1, 0xffff);
    else if (word === 'baseclass') taken.base = words.classId(word);
    else taken.keys = words.parsed(parseKeys, `${word}: of ${FLOW_KEYS.join(', ')}, with commas between`);
    return true;
  },
  make({ mode, keys, divisor, base }, { u8, handle, id, major }) {
    const first = firstClass(base !== 0 ? base : id, major);
    return new Flow(u8, handle, {
      mode: mode ?? 'hash',
      keys,
      divisor: divisor === 0 ? 1 : divisor,
      base: first,
      seed: 0x5eed,
    });
  },
  print(out, filter) {
    const { handle, options } = filter as Flow;
    const { mode, keys, divisor, base } = options;
    out.put(`handle 0x${handle.toString(16)}`, 'handle', handle);
    out.put(`${mode} ${mode === 'map' ? 'key' : 'keys'} ${keys.join(',')}`, 'keys', keys);
    out
      .put(`divisor ${divisor}`, 'divisor', divisor)
      .put(`baseclass ${formatClassId(base)}`, 'baseclass', formatClassId(base));
  },
};

export const FILTER_KINDS: ReadonlyMap<string, FilterKind> = new Map(
  [u32, fw, matchall, flow].map((kind) => [kind.name, kind]),
);

/** A class without a number behind the colon is the first one. */
function firstClass(id: number, major: number): number {
  const own = id >>> 16 === 0 ? major * 0x10000 + id : id;
  return (own & 0xffff) === 0 ? own + 1 : own;
}

function parseKeys(text: string): FlowKey[] | null {
  const keys = text.split(',') as FlowKey[];
  return keys.every((key) => FLOW_KEYS.includes(key)) ? keys : null;
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
