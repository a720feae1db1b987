// `tc filter add | change | replace | delete | show`.

import type { NetDevice } from '../net/device.ts';
import type { Action } from '../qdisc/action/action.ts';
import { ANY_PROTOCOL, type FilterEntry } from '../qdisc/filter/chain.ts';
import type { Tc, TcAnswer } from './command.ts';
import { parseMark, printActions, readActions, readPolice } from './filters/actions.ts';
import { FILTER_KINDS, type FilterKind, nothingTaken } from './filters/kinds.ts';
import {
  checkPref,
  type FilterPlace,
  find,
  freePref,
  nextHandle,
  placeOf,
  tableOf,
} from './filters/table.ts';
import {
  classId,
  formatClassId,
  INGRESS_HANDLE,
  TC_H_MIN_EGRESS,
  TC_H_MIN_INGRESS,
  TC_H_ROOT,
} from './handle.ts';
import { Printer } from './printer.ts';
import { answer, type ShowOptions } from './show.ts';
import { refused } from './tree.ts';
import { TcError, type Words } from './words.ts';

const USAGE =
  'usage: tc filter { add | change | replace | delete } dev DEVICE [ parent CLASSID | root | ingress | egress ] [ protocol PROTO ] [ prio PRIORITY ] [ handle HANDLE ] KIND ...';
const PROTOCOLS: Readonly<Record<string, number>> = {
  all: ANY_PROTOCOL,
  ip: 0x0800,
  ipv4: 0x0800,
  ipv6: 0x86dd,
  arp: 0x0806,
  '802.1q': 0x8100,
  '802.1ad': 0x88a8,
  ipx: 0x8137,
};
const INGRESS = classId(INGRESS_HANDLE, TC_H_MIN_INGRESS);
const EGRESS = classId(INGRESS_HANDLE, TC_H_MIN_EGRESS);

interface Head {
  device: NetDevice | null;
  parent: number;
  protocol: number | null;
  pref: number | null;
  /** As written: what it means is the kind's. */
  handle: string | null;
  kind: FilterKind | null;
}

export function changeFilter(
  tc: Tc,
  verb: 'add' | 'change' | 'replace' | 'link' | 'delete',
  words: Words,
): void {
  const head = readHead(tc, words);
  const { device, kind } = head;
  if (device === null) return void words.fail('dev DEVICE');
  const place = placeOf(tc.of(device), head.parent);
  if (verb === 'delete') deleteFilters(place, head, words);
  else if (kind === null) words.fail(`a kind of filter: ${[...FILTER_KINDS.keys()].join(', ')}`);
  else if (words.take('help') !== '') throw new TcError(`usage: ${kind.usage}`, null);
  else addFilter(tc, device, place, head, kind, verb, words);
}

function readHead(tc: Tc, words: Words): Head {
  const head: Head = {
    device: null,
    parent: TC_H_ROOT,
    protocol: null,
    pref: null,
    handle: null,
    kind: null,
  };
  while (!words.done && head.kind === null) {
    const word = words.take(
      'dev',
      'parent',
      'root',
      'ingress',
      'egress',
      'protocol',
      'prio',
      'pref',
      'priority',
      'handle',
      'chain',
      'help',
    );
    switch (word) {
      case 'dev':
        head.device = tc.device(words);
        break;
      case 'parent':
        head.parent = words.classId(word);
        break;
      case 'root':
        head.parent = TC_H_ROOT;
        break;
      case 'ingress':
        head.parent = INGRESS;
        break;
      case 'egress':
        head.parent = EGRESS;
        break;
      case 'protocol':
        head.protocol = words.parsed(
          parseProtocol,
          `protocol: ${Object.keys(PROTOCOLS).join(', ')} or a number`,
        );
        break;
      case 'handle':
        head.handle = words.next('handle: a handle');
        break;
      case 'chain':
        if (words.whole(word) !== 0) words.refuse('chain 0: there is one only');
        break;
      case 'help':
        throw new TcError(USAGE, null);
      case '':
        head.kind = words.parsed(
          (name) => FILTER_KINDS.get(name) ?? null,
          `dev, parent, protocol, prio, handle or a kind of filter: ${[...FILTER_KINDS.keys()].join(', ')}`,
        );
        break;
      default:
        head.pref = words.whole(word, 1, 0xffff);
    }
  }
  return head;
}

function addFilter(
  tc: Tc,
  device: NetDevice,
  place: FilterPlace,
  head: Head,
  kind: FilterKind,
  verb: 'add' | 'change' | 'replace' | 'link',
  words: Words,
): void {
  const taken = nothingTaken();
  const actions: Action[] = [];
  const where = { tc, device, incoming: place.incoming };
  let id = 0;
  while (!words.done) {
    const word = words.take('flowid', 'classid', 'action', 'police');
    if (word === 'action') actions.push(...readActions(words, where));
    else if (word === 'police') actions.push(readPolice(words, where));
    else if (word !== '') id = words.classId(word);
    else if (!kind.word(words, taken))
      words.fail(`a word of ${kind.name}, flowid, action or police (${kind.usage})`);
  }
  if (kind.name === 'u32' && taken.matches.length === 0) words.fail('match SELECTOR');
  if (kind.name === 'flow' && taken.keys.length === 0) words.fail('hash keys KEYS or map key KEY');
  const pref = head.pref ?? freePref(place);
  const there = verb === 'change' ? find(place, pref, null)[0] : undefined;
  const protocol = head.protocol ?? there?.protocol ?? ANY_PROTOCOL;
  if (kind.name === 'fw' && head.handle === null && (id !== 0 || actions.length > 0))
    throw refused(
      'Invalid argument',
      'fw without a handle takes the mark for the class: no flowid, no action',
    );
  checkPref(place, pref, protocol, kind.name);
  const given =
    head.handle === null ? null : readHandle(kind, head.handle, taken, words, tableOf(place, pref));
  const old = given === null ? undefined : find(place, pref, given)[0];
  if (old !== undefined && verb === 'add') throw refused('Filter already exists', 'replace would be right');
  if (old === undefined && verb === 'change') throw refused('Filter not found', 'add would be right');
  if (old !== undefined) place.chain.remove(place.at, old);
  const handle = given ?? (kind.name === 'fw' ? 0 : nextHandle(place, pref, kind.name));
  const { u8 } = device.layer.machine.memory;
  const filter = kind.make(taken, {
    u8,
    handle,
    id: id !== 0 && id >>> 16 === 0 ? place.handle * 0x10000 + id : id,
    major: place.handle,
    acts: actions.length > 0,
  });
  place.chain.add(place.at, { filter, protocol, pref, actions });
}

/** fw: MARK[/MASK]; u32: 800::800, or ::800 in `table`; others: a number. */
function readHandle(
  kind: FilterKind,
  text: string,
  taken: { mask: number },
  words: Words,
  table: number,
): number {
  if (kind.name === 'fw') {
    const read = parseMark(text);
    if (read === null) throw new TcError(`handle "${text}": expected MARK or MARK/MASK`, null);
    taken.mask = read.mask;
    return read.mark;
  }
  if (kind.name === 'u32') {
    const match = /^([0-9a-f]{1,3})?:([0-9a-f]{1,2})?:([0-9a-f]{1,3})$/i.exec(text);
    if (match === null) throw new TcError(`handle "${text}": expected a number like 800::800`, null);
    return (
      (match[1] === undefined ? table : Number.parseInt(match[1], 16)) * 0x100000 +
      Number.parseInt(match[3], 16)
    );
  }
  const value = /^(0x[0-9a-f]{1,8}|\d{1,9})$/i.test(text) ? Number(text) : 0;
  if (value === 0) throw words.wrong('handle: a number, 1 or more');
  return value;
}

function deleteFilters(place: FilterPlace, { pref, handle, kind, protocol }: Head, words: Words): void {
  words.end('nothing more: what is deleted has no options');
  if (pref === null && (handle !== null || kind !== null)) words.fail('prio PRIORITY, to say which');
  const wanted = place.chain.list(place.at).filter((entry) => pref === null || entry.pref === pref);
  const number =
    handle === null
      ? null
      : readHandle(
          kind ?? FILTER_KINDS.get(wanted[0]?.filter.kind ?? 'u32')!,
          handle,
          { mask: 0 },
          words,
          tableOf(place, pref ?? 0),
        );
  const gone = wanted.filter(
    (entry) =>
      (number === null || entry.filter.handle === number) &&
      (kind === null || entry.filter.kind === kind.name) &&
      (protocol === null || protocol === entry.protocol),
  );
  if (gone.length === 0 && pref !== null)
    throw refused('Filter with specified priority/protocol not found', `there is none with pref ${pref}`);
  for (const entry of gone) place.chain.remove(place.at, entry);
}

export function showFilters(tc: Tc, words: Words, options: ShowOptions): TcAnswer {
  const { device, parent, pref, protocol, kind } = readHead(tc, words);
  if (device === null) return words.fail('dev DEVICE');
  const tree = tc.of(device);
  const asked = parent !== TC_H_ROOT;
  // A device that nobody gave a discipline has no filters.
  if (!asked && (tree.root === null || tree.root.handle === 0)) return answer([], options);
  const place = placeOf(tree, parent);
  const shown: Printer[] = [];
  let last: FilterEntry | null = null;
  for (const entry of place.chain.list(place.at)) {
    if (pref !== null && entry.pref !== pref) continue;
    if (protocol !== null && entry.protocol !== protocol) continue;
    if (kind !== null && entry.filter.kind !== kind.name) continue;
    const of = FILTER_KINDS.get(entry.filter.kind)!;
    if (last?.pref !== entry.pref) {
      shown.push(begin(entry, place, asked, options).raw(' '));
      const table = of.table?.(entry.filter);
      if (table !== undefined) shown.push(begin(entry, place, asked, options).raw(` ${table}`));
    }
    last = entry;
    const out = begin(entry, place, asked, options);
    const own = new Printer(options.statistics, options.details);
    of.print(own, entry.filter);
    printActions(own, entry.actions);
    shown.push(out.put(own.toString(), 'options', own.json).raw(' '));
  }
  return answer(shown, options);
}

/** A parent that was asked for is not repeated. */
function begin(
  { protocol, pref, filter }: FilterEntry,
  place: FilterPlace,
  asked: boolean,
  options: ShowOptions,
): Printer {
  const out = new Printer(options.statistics, options.details);
  const parent = formatClassId(place.parent);
  const name = protocolName(protocol);
  out
    .put('filter')
    .put(asked ? '' : `parent ${parent}`, 'parent', parent)
    .put(`protocol ${name}`, 'protocol', name);
  return out
    .put(`pref ${pref}`, 'pref', pref)
    .put(filter.kind, 'kind', filter.kind)
    .put('chain 0', 'chain', 0);
}

function protocolName(protocol: number): string {
  const name = Object.keys(PROTOCOLS).find((key) => PROTOCOLS[key] === protocol);
  return name ?? `[${protocol}]`;
}

function parseProtocol(text: string): number | null {
  const named = PROTOCOLS[text.toLowerCase()];
  if (named !== undefined) return named;
  const value = /^(0x[0-9a-f]{1,4}|\d{1,5})$/i.test(text) ? Number(text) : -1;
  return value >= 0 && value <= 0xffff ? value : null;
}
