// ifconfig: what it shows, and what its arguments do. Layout as ifconfig of NetBSD, which io-pkt's is.
//
//   ifconfig [-m] [-v] [-a | interface]
//   ifconfig interface [address [netmask mask]] [alias | -alias] [up | down] [mtu n] [media type] [mediaopt opts]
//                      [-mediaopt opts] [promisc | -promisc] [link0 | -link0 ...] [destroy]

import { EINVAL, ENXIO, EOK, ErrnoError } from '../errno.ts';
import { IFF_LINK0, IFF_LINK1, IFF_LINK2, IFF_NAMES, IFF_UP } from '../flags.ts';
import {
  IFM_ACTIVE,
  IFM_AVALID,
  IFM_ETHER,
  IFM_IMASK,
  MEDIA_OPTION_NAMES,
  MEDIA_SUBTYPE_NAMES,
  mediaName,
  mediaOptionNames,
  mediaOptions,
  mediaSubtype,
  mediaSubtypeName,
} from '../ifmedia-words.ts';
import type { ifnet } from '../ifnet.ts';
import type { IoPkt } from '../manager.ts';
import { parseNumber } from '../nic-options.ts';
import { ifmediareq_init, SIOCGIFMEDIA, SIOCSIFFLAGS, SIOCSIFMEDIA, SIOCSIFMTU } from '../sockio.ts';
import { type AddressBook, classPrefix, formatDotted, maskOfPrefix, parseDotted, parseMask } from './inet.ts';
import { type InterfaceView, interfaceView } from './view.ts';

/** Runs `ifconfig args`; returns what it prints. Throws ErrnoError with what is wrong. */
export function ifconfig(io: IoPkt, book: AddressBook | null, args: readonly string[]): string {
  const words = [...args];
  const show = { media: false, verbose: false };
  while (words[0] !== undefined && /^-[amv]+$/.test(words[0])) {
    const word = words.shift()!;
    show.media ||= word.includes('m');
    show.verbose ||= word.includes('v');
  }
  const name = words.shift();
  if (name === undefined) {
    return io.ifnets.map((ifp) => formatInterface(interfaceView(io, ifp, book), show)).join('\n');
  }
  const ifp = io.find(name);
  if (ifp === null) throw new ErrnoError(ENXIO, `ifconfig: interface ${name} does not exist`);
  if (words.length > 0) {
    change(io, book, ifp, words);
    return '';
  }
  return formatInterface(interfaceView(io, ifp, book), show);
}

// ---- showing

export function formatFlags(flags: number): string {
  const names = IFF_NAMES.filter(([, value]) => (flags & value) !== 0).map(([name]) => name);
  return `${flags.toString(16)}<${names.join(',')}>`;
}

export function formatInterface(view: InterfaceView, show: { media: boolean; verbose: boolean }): string {
  const lines = [
    `${view.name}: flags=${formatFlags(view.flags)} mtu ${view.mtu}`,
    `\taddress: ${view.station}`,
  ];
  const { media, data } = view;
  if (media !== null) {
    const chosen = mediaName(media.current);
    const active = media.active === media.current ? '' : ` (${mediaName(media.active)})`;
    lines.push(`\tmedia: Ethernet ${chosen}${active}`);
    if ((media.status & IFM_AVALID) !== 0)
      lines.push(`\tstatus: ${(media.status & IFM_ACTIVE) !== 0 ? 'active' : 'no carrier'}`);
  }
  for (const text of view.addresses) lines.push(`\t${formatAddress(text)}`);
  if (show.media && media !== null) {
    lines.push('\tsupported Ethernet media:');
    for (const word of media.supported) {
      const options = mediaOptionNames(word);
      const suffix = options.length > 0 ? ` mediaopt ${options.join(',')}` : '';
      lines.push(`\t\tmedia ${mediaSubtypeName(word)}${suffix}`);
    }
  }
  if (show.verbose) {
    lines.push(
      `\tinput: ${data.ifi_ipackets} packets, ${data.ifi_ibytes} bytes, ${data.ifi_imcasts} multicasts, ` +
        `${data.ifi_ierrors} errors, ${data.ifi_iqdrops} queue drops, ${data.ifi_noproto} unknown protocol`,
      `\toutput: ${data.ifi_opackets} packets, ${data.ifi_obytes} bytes, ${data.ifi_omcasts} multicasts, ` +
        `${data.ifi_oerrors} errors, ${data.ifi_collisions} collisions`,
    );
  }
  return lines.join('\n');
}

function formatAddress(text: string): string {
  const [dotted, length] = text.split('/');
  const address = parseDotted(dotted) ?? 0;
  const mask = maskOfPrefix(Number(length));
  const broadcast = Number(length) < 31 ? ` broadcast ${formatDotted((address | ~mask) >>> 0)}` : '';
  return `inet ${dotted} netmask 0x${mask.toString(16).padStart(8, '0')}${broadcast}`;
}

// ---- changing

interface Changes {
  address: string | null;
  prefix: number | null;
  alias: 'replace' | 'add' | 'remove';
  up: boolean | null;
  mtu: number | null;
  media: number | null;
  mediaOn: number;
  mediaOff: number;
  promisc: boolean | null;
  flagsOn: number;
  flagsOff: number;
  destroy: boolean;
}

const LINKS: Record<string, number> = { link0: IFF_LINK0, link1: IFF_LINK1, link2: IFF_LINK2 };
/** Interfaces that an ifconfig put into promiscuous mode: it takes effect once however often it is said. */
const promiscuous = new WeakSet<ifnet>();

function change(io: IoPkt, book: AddressBook | null, ifp: ifnet, words: readonly string[]): void {
  // All of it is read before any of it is done.
  const changes = parseChanges(words);
  if (changes.destroy) {
    io.destroy(ifp.if_xname);
    return;
  }
  if (changes.address !== null) setAddress(book, ifp, changes);
  if (changes.mtu !== null) demand(io, ifp, SIOCSIFMTU, { ifr_mtu: changes.mtu }, `mtu ${changes.mtu}`);
  if (changes.media !== null || changes.mediaOn !== 0 || changes.mediaOff !== 0) setMedia(io, ifp, changes);
  if (changes.promisc !== null) setPromiscuous(io, ifp, changes.promisc);
  const { up, flagsOn, flagsOff } = changes;
  const flags = ((ifp.if_flags | flagsOn) & ~flagsOff) | (up === true ? IFF_UP : 0);
  const wanted = up === false ? flags & ~IFF_UP : flags;
  if (wanted !== ifp.if_flags) demand(io, ifp, SIOCSIFFLAGS, { ifr_flags: wanted }, 'flags');
}

function parseChanges(words: readonly string[]): Changes {
  const changes: Changes = {
    address: null,
    prefix: null,
    alias: 'replace',
    up: null,
    mtu: null,
    media: null,
    mediaOn: 0,
    mediaOff: 0,
    promisc: null,
    flagsOn: 0,
    flagsOff: 0,
    destroy: false,
  };
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    const value = (): string => {
      const text = words[++i];
      if (text === undefined) throw new ErrnoError(EINVAL, `ifconfig: ${word} wants a value`);
      return text;
    };
    if (word === 'inet') continue;
    if (word === 'netmask') changes.prefix = parseMask(value());
    else if (word === 'prefixlen') changes.prefix = parseMask(value());
    else if (word === 'mtu') changes.mtu = parseMtu(value());
    else if (word === 'media') changes.media = parseMedia(value());
    else if (word === 'mediaopt') changes.mediaOn |= parseMediaOptions(value());
    else if (word === '-mediaopt') changes.mediaOff |= parseMediaOptions(value());
    else if (!parseSimple(word, changes)) parseAddressWord(word, changes);
  }
  return changes;
}

function parseSimple(word: string, changes: Changes): boolean {
  const on = !word.startsWith('-');
  const bare = on ? word : word.slice(1);
  if (bare === 'up' || bare === 'down') changes.up = bare === 'up';
  else if (bare === 'alias') changes.alias = on ? 'add' : 'remove';
  else if (bare === 'delete') changes.alias = 'remove';
  else if (bare === 'promisc') changes.promisc = on;
  else if (bare === 'destroy') changes.destroy = true;
  else if (LINKS[bare] === undefined) return false;
  else if (on) changes.flagsOn |= LINKS[bare];
  else changes.flagsOff |= LINKS[bare];
  return true;
}

function parseAddressWord(word: string, changes: Changes): void {
  const [dotted, prefix] = word.split('/');
  if (parseDotted(dotted) === null)
    throw new ErrnoError(EINVAL, `ifconfig: ${word}: neither an address nor a parameter that is known`);
  changes.address = dotted;
  if (prefix !== undefined) changes.prefix = parseMask(prefix);
}

function parseMtu(text: string): number {
  const mtu = parseNumber(text);
  if (mtu === null) throw new ErrnoError(EINVAL, `ifconfig: mtu ${text} is no number`);
  return mtu;
}

function parseMedia(text: string): number {
  const subtype = mediaSubtype(text);
  if (subtype === null)
    throw new ErrnoError(
      EINVAL,
      `ifconfig: media ${text} is unknown: ${MEDIA_SUBTYPE_NAMES.join(', ')} are known`,
    );
  return subtype;
}

function parseMediaOptions(text: string): number {
  const options = mediaOptions(text);
  if (options === null)
    throw new ErrnoError(
      EINVAL,
      `ifconfig: mediaopt ${text} is unknown: ${MEDIA_OPTION_NAMES.join(', ')} are known`,
    );
  return options;
}

function setAddress(book: AddressBook | null, ifp: ifnet, { address, prefix, alias }: Changes): void {
  if (book === null) throw new ErrnoError(EINVAL, 'ifconfig: there is no IPv4 on this machine');
  const device = ifp.if_netdev!;
  const text = `${address}/${prefix ?? classPrefix(parseDotted(address!)!)}`;
  if (alias === 'remove') {
    book.removeAddress(device, text);
    return;
  }
  const [first] = book.addressesOf(device);
  const replaced = alias === 'replace' ? first : undefined;
  if (replaced !== undefined) book.removeAddress(device, replaced);
  try {
    book.addAddress(device, text);
  } catch (error) {
    if (replaced !== undefined) book.addAddress(device, replaced);
    throw error;
  }
}

function setMedia(io: IoPkt, ifp: ifnet, { media, mediaOn, mediaOff }: Changes): void {
  const imr = ifmediareq_init(ifp.if_xname, 0);
  demand(io, ifp, SIOCGIFMEDIA, imr, 'media');
  const base = media === null ? imr.ifm_current : (imr.ifm_current & IFM_IMASK) | IFM_ETHER | media;
  const word = ((base | mediaOn) & ~mediaOff) >>> 0;
  demand(io, ifp, SIOCSIFMEDIA, { ifr_media: word }, `media ${mediaName(word)}`);
}

function setPromiscuous(io: IoPkt, ifp: ifnet, on: boolean): void {
  if (promiscuous.has(ifp) === on) return;
  if (on) promiscuous.add(ifp);
  else promiscuous.delete(ifp);
  io.request('promisc', () => ifp.if_netdev!.setPromiscuity(on ? 1 : -1));
}

function demand(io: IoPkt, ifp: ifnet, cmd: number, data: object, what: string): void {
  const argument = 'ifm_name' in data ? data : { ifr_name: ifp.if_xname, ...data };
  const error = io.ioctl(ifp.if_xname, cmd, argument);
  if (error !== EOK) throw new ErrnoError(error, `ifconfig: ${ifp.if_xname}: ${what} is refused`);
}
