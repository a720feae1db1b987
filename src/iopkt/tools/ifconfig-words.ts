// The words after the interface's name: what ifconfig is to change. All of them are read before anything is done.
//
//   [inet] address[/prefix] [netmask mask | prefixlen n] [broadcast address] [alias | -alias | delete]
//   up  down  mtu n  media type  mediaopt opts  -mediaopt opts  instance n
//   promisc  -promisc  debug  -debug  link0  -link0 ...  destroy

import { EINVAL, ErrnoError } from '../errno.ts';
import { IFF_DEBUG, IFF_LINK0, IFF_LINK1, IFF_LINK2 } from '../flags.ts';
import { MEDIA_OPTION_NAMES, MEDIA_SUBTYPE_NAMES, mediaOptions, mediaSubtype } from '../ifmedia-words.ts';
import { parseNumber } from '../nic-options.ts';
import { classPrefix, formatDotted, maskOfPrefix, parseDotted, parseMask } from './inet.ts';

export interface Changes {
  address: string | null;
  prefix: number | null;
  broadcast: string | null;
  /** What is done with the address; null: no word said so, and it takes the first one's place. */
  alias: 'add' | 'remove' | null;
  up: boolean | null;
  mtu: number | null;
  media: number | null;
  mediaOn: number;
  mediaOff: number;
  instance: number | null;
  promisc: boolean | null;
  flagsOn: number;
  flagsOff: number;
  destroy: boolean;
}

const FLAGS: Readonly<Record<string, number>> = {
  debug: IFF_DEBUG,
  link0: IFF_LINK0,
  link1: IFF_LINK1,
  link2: IFF_LINK2,
};
const MAX_INSTANCE = 15;

/** Throws ErrnoError with what is wrong. */
export function parseWords(words: readonly string[]): Changes {
  const changes: Changes = {
    address: null,
    prefix: null,
    broadcast: null,
    alias: null,
    up: null,
    mtu: null,
    media: null,
    mediaOn: 0,
    mediaOff: 0,
    instance: null,
    promisc: null,
    flagsOn: 0,
    flagsOff: 0,
    destroy: false,
  };
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    if (Object.hasOwn(VALUES, word)) {
      const text = words[++i];
      if (text === undefined) throw wrong(`${word} wants a value`);
      VALUES[word](changes, text);
    } else if (!parseSimple(word, changes)) parseAddress(word, changes);
  }
  checkTogether(changes, words);
  return changes;
}

/** Words with a value behind them. */
const VALUES: Readonly<Record<string, (changes: Changes, text: string) => void>> = {
  netmask: (changes, text) => {
    changes.prefix = mask(text);
  },
  prefixlen: (changes, text) => {
    changes.prefix = prefixLength(text);
  },
  broadcast: (changes, text) => {
    if (parseDotted(text) === null) throw wrong(`broadcast ${text} is no address`);
    changes.broadcast = text;
  },
  mtu: (changes, text) => {
    changes.mtu = parseNumber(text);
    if (changes.mtu === null) throw wrong(`mtu ${text} is no number`);
  },
  media: (changes, text) => {
    changes.media = mediaSubtype(text);
    if (changes.media === null)
      throw wrong(`media ${text} is unknown: ${MEDIA_SUBTYPE_NAMES.join(', ')} are known`);
  },
  mediaopt: (changes, text) => {
    changes.mediaOn |= options(text);
  },
  '-mediaopt': (changes, text) => {
    changes.mediaOff |= options(text);
  },
  instance,
  inst: instance,
};

function parseSimple(word: string, changes: Changes): boolean {
  const on = !word.startsWith('-');
  const bare = on ? word : word.slice(1);
  if (word === 'inet') return true;
  if (word === 'up' || word === 'down') changes.up = word === 'up';
  else if (bare === 'alias') changes.alias = on ? 'add' : 'remove';
  else if (word === 'delete') changes.alias = 'remove';
  else if (bare === 'promisc') changes.promisc = on;
  else if (word === 'destroy') changes.destroy = true;
  else if (!Object.hasOwn(FLAGS, bare)) return false;
  else if (on) changes.flagsOn |= FLAGS[bare];
  else changes.flagsOff |= FLAGS[bare];
  return true;
}

function parseAddress(word: string, changes: Changes): void {
  if (word === 'create')
    throw wrong('create: Ethernet interfaces come with their driver: mount -T io-pkt DRIVER would be right');
  if (word === 'inet6') throw wrong('inet6: there is no IPv6 here');
  const [dotted, prefix, more] = word.split('/');
  if (parseDotted(dotted) === null || more !== undefined)
    throw wrong(`${word}: neither an address nor a parameter that is known`);
  if (changes.address !== null) throw wrong(`${word}: one address at a time, the others by alias`);
  changes.address = dotted;
  if (prefix !== undefined) changes.prefix = prefixLength(prefix);
}

/** Words that say nothing without another, or against it. */
function checkTogether(changes: Changes, words: readonly string[]): void {
  const { address, prefix, broadcast, alias } = changes;
  if (changes.destroy && words.length > 1) throw wrong('destroy stands alone');
  if (address === null) {
    if (prefix !== null || broadcast !== null)
      throw wrong('netmask and broadcast want an address before them');
    // `delete` alone takes the first address away.
    if (alias !== null && !words.includes('delete')) throw wrong(`${words.join(' ')}: which address?`);
    return;
  }
  if (broadcast === null) return;
  const right = broadcastOf(address, prefix);
  if (broadcast !== right) throw wrong(`broadcast ${broadcast}: of ${address} it is ${right}`);
}

function broadcastOf(address: string, prefix: number | null): string {
  const number = parseDotted(address)!;
  return formatDotted((number | ~maskOfPrefix(prefix ?? classPrefix(number))) >>> 0);
}

function mask(text: string): number {
  try {
    return parseMask(text);
  } catch (error) {
    throw wrong((error as Error).message.replace(/ \(E\w+\)$/, ''));
  }
}

/** Masks will do, too. */
function prefixLength(text: string): number {
  try {
    return parseMask(text);
  } catch {
    throw wrong(`prefix ${text}: 0 to 32 is possible`);
  }
}

function options(text: string): number {
  const bits = mediaOptions(text);
  if (bits === null) throw wrong(`mediaopt ${text} is unknown: ${MEDIA_OPTION_NAMES.join(', ')} are known`);
  return bits;
}

function instance(changes: Changes, text: string): void {
  changes.instance = parseNumber(text);
  if (changes.instance === null || changes.instance > MAX_INSTANCE)
    throw wrong(`instance ${text}: 0 to ${MAX_INSTANCE} is possible`);
}

function wrong(what: string): ErrnoError {
  return new ErrnoError(EINVAL, `ifconfig: ${what}`);
}
