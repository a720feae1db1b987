// ifconfig: what it shows, and what its arguments do. Options and layout as ifconfig of NetBSD, which io-pkt's is.
//
//   ifconfig [-a] [-m] [-v] [-z] [-b] [-d | -u] [-s]       all interfaces, or those that are up, down, connected
//   ifconfig -l [-b] [-d | -u] [-s]                        their names only
//   ifconfig [-m] [-v] [-z] interface                      one
//   ifconfig interface words                               changes it: ifconfig-words.ts
//
// Left out: IPv6, cloned interfaces, wireless, VLANs.

import { EINVAL, ENXIO, ErrnoError } from '../errno.ts';
import { IFF_BROADCAST, IFF_UP } from '../flags.ts';
import { interfaceData } from '../if-data.ts';
import type { ifnet } from '../ifnet.ts';
import type { IoPkt } from '../manager.ts';
import { SIOCZIFDATA } from '../sockio.ts';
import { changeInterface } from './ifconfig-change.ts';
import { formatInterface, mediaStatus } from './ifconfig-show.ts';
import { parseWords } from './ifconfig-words.ts';
import type { AddressBook } from './inet.ts';
import { type InterfaceView, interfaceView } from './view.ts';

export interface IfconfigAnswer {
  /** What it prints. */
  text: string;
  /** What is shown, or was changed; one that was destroyed is not among them. */
  interfaces: InterfaceView[];
}

const USAGE =
  'usage: ifconfig [-amvz] [-bdus] [interface], ifconfig -l [-bdus], or ifconfig interface words: ' +
  'address, netmask, alias, -alias, delete, up, down, mtu, media, mediaopt, -mediaopt, instance, promisc, -promisc, destroy';

/** Runs `ifconfig args`; returns what it prints. Throws ErrnoError with what is wrong. */
export function ifconfig(io: IoPkt, book: AddressBook | null, args: readonly string[]): string {
  return runIfconfig(io, book, args).text;
}

/** The same with what programs want. */
export function runIfconfig(io: IoPkt, book: AddressBook | null, args: readonly string[]): IfconfigAnswer {
  io.refuseDead();
  const { letters, words } = parseOptions(args);
  const [name, ...rest] = words;
  if (name === undefined || letters.has('a') || letters.has('l')) {
    if (rest.length > 0 || (name !== undefined && name !== 'inet' && name !== 'link'))
      throw new ErrnoError(EINVAL, `ifconfig: ${words.join(' ')}: -a and -l take no interface`);
    const ifnets = [...io.ifnets];
    const views = ifnets.map((ifp) => interfaceView(io, ifp, book));
    const answer = showViews(views, letters);
    for (const view of answer.interfaces) zeroIfAsked(io, ifnets[views.indexOf(view)], letters);
    return answer;
  }
  const ifp = io.find(name);
  if (ifp === null) throw new ErrnoError(ENXIO, `ifconfig: ${noInterface(io, name)}`);
  if (rest.length === 0) {
    const answer = showViews([interfaceView(io, ifp, book)], letters);
    zeroIfAsked(io, ifp, letters);
    return answer;
  }
  const changes = parseWords(rest);
  changeInterface(io, book, ifp, changes);
  return { text: '', interfaces: changes.destroy ? [] : [interfaceView(io, ifp, book)] };
}

/** The interfaces of a machine whose drivers are not io-pkt's: they can be looked at, not changed. */
export function showInterfaces(views: readonly InterfaceView[], args: readonly string[]): IfconfigAnswer {
  const { letters, words } = parseOptions(args);
  const [name, ...rest] = words;
  if (rest.length > 0)
    throw new ErrnoError(EINVAL, `ifconfig: ${name} is none of io-pkt's: it can be shown, not changed`);
  if (name === undefined) return showViews(views, letters);
  const view = views.find((each) => each.name === name);
  const there = views.map((each) => each.name).join(', ') || 'none';
  if (view === undefined)
    throw new ErrnoError(ENXIO, `ifconfig: interface ${name} does not exist; there are: ${there}`);
  return showViews([view], letters);
}

/** `interface fxp9 does not exist; there are: fxp0, fxp1`. */
export function noInterface(io: IoPkt, name: string): string {
  const names = io.ifnets.map((ifp) => ifp.if_xname).join(', ');
  const right = names === '' ? 'there is none: mount loads a driver' : `there are: ${names}`;
  return `interface ${name} does not exist; ${right}`;
}

function parseOptions(args: readonly string[]): { letters: Set<string>; words: string[] } {
  const letters = new Set<string>();
  const words = [...args];
  while (words[0]?.startsWith('-')) {
    const word = words.shift()!;
    if (!/^-[aAbdlLmsuvz]+$/.test(word)) throw new ErrnoError(EINVAL, `ifconfig: ${word}: ${USAGE}`);
    for (const letter of word.slice(1)) letters.add(letter === 'A' ? 'a' : letter);
  }
  return { letters, words };
}

function showViews(views: readonly InterfaceView[], letters: ReadonlySet<string>): IfconfigAnswer {
  const interfaces = views.filter((view) => isWanted(view, letters));
  if (letters.has('l')) return { text: interfaces.map(({ name }) => name).join(' '), interfaces };
  const show = { media: letters.has('m'), verbose: letters.has('v') || letters.has('z') };
  return { text: interfaces.map((view) => formatInterface(view, show)).join('\n'), interfaces };
}

function isWanted(view: InterfaceView, letters: ReadonlySet<string>): boolean {
  const up = (view.flags & IFF_UP) !== 0;
  if (letters.has('u') && !up) return false;
  if (letters.has('d') && up) return false;
  if (letters.has('b') && (view.flags & IFF_BROADCAST) === 0) return false;
  return !letters.has('s') || view.media === null || mediaStatus(view.media) !== 'no carrier';
}

/** -z: counts from 0 from here on. */
function zeroIfAsked(io: IoPkt, ifp: ifnet, letters: ReadonlySet<string>): void {
  if (letters.has('z')) io.ioctl(ifp.if_xname, SIOCZIFDATA, interfaceData(ifp));
}
