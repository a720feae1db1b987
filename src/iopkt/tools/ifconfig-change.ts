// What ifconfig does: each change as the ioctl, or the request to the protocols, that it is.

import { EADDRNOTAVAIL, EINVAL, EOK, ErrnoError } from '../errno.ts';
import { ETHERMIN, maxMtu } from '../ether.ts';
import { IFF_UP } from '../flags.ts';
import { IFM_ETHER, IFM_IMASK, IFM_MAKEWORD } from '../ifmedia-words.ts';
import type { ifnet } from '../ifnet.ts';
import type { IoPkt } from '../manager.ts';
import { ifmediareq_init, SIOCGIFMEDIA, SIOCSIFFLAGS, SIOCSIFMEDIA, SIOCSIFMTU } from '../sockio.ts';
import { formatMedia } from './ifconfig-show.ts';
import type { Changes } from './ifconfig-words.ts';
import { type AddressBook, classPrefix, formatDotted, parseDotted } from './inet.ts';
import { interfaceView } from './view.ts';

/** Interfaces that an ifconfig put into promiscuous mode: it takes effect once however often it is said. */
const promiscuous = new WeakSet<ifnet>();

/** Throws ErrnoError with what is refused; what came before that is done. `book` null: no IPv4. */
export function changeInterface(io: IoPkt, book: AddressBook | null, ifp: ifnet, changes: Changes): void {
  if (changes.destroy) {
    io.destroy(ifp.if_xname);
    return;
  }
  if (changes.address !== null || changes.alias !== null) changeAddress(io, book, ifp, changes);
  if (changes.mtu !== null) setMtu(io, ifp, changes.mtu);
  if (changes.media !== null || changes.mediaOn !== 0 || changes.mediaOff !== 0 || changes.instance !== null)
    setMedia(io, book, ifp, changes);
  if (changes.promisc !== null) setPromiscuous(io, ifp, changes.promisc);
  const { up, flagsOn, flagsOff } = changes;
  const flags = ((ifp.if_flags | flagsOn) & ~flagsOff) | (up === true ? IFF_UP : 0);
  const wanted = up === false ? flags & ~IFF_UP : flags;
  if (wanted !== ifp.if_flags) demand(io, ifp, SIOCSIFFLAGS, { ifr_flags: wanted }, 'flags are');
}

function changeAddress(io: IoPkt, book: AddressBook | null, ifp: ifnet, changes: Changes): void {
  if (book === null) throw new ErrnoError(EINVAL, 'ifconfig: there is no IPv4 on this machine');
  const device = ifp.if_netdev!;
  const [first] = book.addressesOf(device);
  const { address, prefix, alias } = changes;
  if (address === null) {
    if (first === undefined)
      throw new ErrnoError(EADDRNOTAVAIL, `ifconfig: ${ifp.if_xname} has no address to delete`);
    book.removeAddress(device, first);
    return;
  }
  if (alias === 'remove') {
    removeAddress(book, ifp, address, prefix);
    return;
  }
  const text = `${address}/${prefix ?? classPrefix(parseDotted(address)!)}`;
  if (alias === 'add') refused(() => addAddress(book, ifp, text));
  // The same again: routes stay, and the driver is initialised as at every address.
  else if (first === text) io.layer.notify(device, 'address');
  else if (first === undefined) refused(() => addAddress(book, ifp, text));
  else refused(() => replaceAddress(book, ifp, first, text));
}

/** Without a prefix it is the address that counts. */
function removeAddress(book: AddressBook, ifp: ifnet, address: string, prefix: number | null): void {
  const device = ifp.if_netdev!;
  const dotted = formatDotted(parseDotted(address)!);
  const typed = prefix === null ? dotted : `${dotted}/${prefix}`;
  const found = book.addressesOf(device).find((text) => `${text}/`.startsWith(`${typed}/`));
  if (found === undefined)
    throw new ErrnoError(EADDRNOTAVAIL, `ifconfig: ${ifp.if_xname} has no address ${typed}`);
  refused(() => book.removeAddress(device, found));
}

/** The new one comes first, so that routes which fit it stay. */
function replaceAddress(book: AddressBook, ifp: ifnet, first: string, text: string): void {
  const device = ifp.if_netdev!;
  if (first.split('/')[0] !== text.split('/')[0]) {
    addAddress(book, ifp, text);
    book.removeAddress(device, first);
    return;
  }
  // Another mask: both at a time cannot be.
  book.removeAddress(device, first);
  try {
    addAddress(book, ifp, text);
  } catch (error) {
    // The old one is there again, whatever the driver thinks of it.
    if (ifp.if_netdev !== null) attempt(() => book.addAddress(device, first));
    throw error;
  }
}

/** An interface whose driver does not take an address has not got it. */
function addAddress(book: AddressBook, ifp: ifnet, text: string): void {
  const device = ifp.if_netdev!;
  const before = book.addressesOf(device);
  try {
    book.addAddress(device, text);
  } catch (error) {
    if (!before.includes(text) && book.addressesOf(device).includes(text)) book.removeAddress(device, text);
    throw error;
  }
}

function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // Somebody has an error already, the first one.
  }
}

/** What the protocols refuse comes without an error number. */
function refused(work: () => void): void {
  try {
    work();
  } catch (error) {
    const { constructor: kind } = error as Error;
    if (kind !== Error && kind !== RangeError) throw error;
    throw new ErrnoError(EADDRNOTAVAIL, `ifconfig: ${(error as Error).message}`);
  }
}

function setMtu(io: IoPkt, ifp: ifnet, mtu: number): void {
  const right = `${ETHERMIN} to ${maxMtu(ifp)} is possible`;
  demand(io, ifp, SIOCSIFMTU, { ifr_mtu: mtu }, `mtu ${mtu} is`, right);
}

function setMedia(io: IoPkt, book: AddressBook | null, ifp: ifnet, changes: Changes): void {
  const { media, mediaOn, mediaOff, instance } = changes;
  const imr = ifmediareq_init(ifp.if_xname, 0);
  demand(io, ifp, SIOCGIFMEDIA, imr, 'media are');
  // Another subtype begins without options, in the same instance.
  const base = media === null ? imr.ifm_current : (imr.ifm_current & IFM_IMASK) | IFM_ETHER | media;
  const chosen = ((base | mediaOn) & ~mediaOff) >>> 0;
  const word = instance === null ? chosen : IFM_MAKEWORD(0, 0, chosen & ~IFM_IMASK, instance);
  const supported = interfaceView(io, ifp, book).media?.supported ?? [];
  const right = [...new Set(supported.map((each) => formatMedia(each, ' mediaopt ')))].join('; ');
  demand(io, ifp, SIOCSIFMEDIA, { ifr_media: word }, `media ${formatMedia(word)} is`, `supported: ${right}`);
}

function setPromiscuous(io: IoPkt, ifp: ifnet, on: boolean): void {
  if (promiscuous.has(ifp) === on) return;
  io.request('promisc', () => ifp.if_netdev!.setPromiscuity(on ? 1 : -1));
  if (on) promiscuous.add(ifp);
  else promiscuous.delete(ifp);
}

/** `right`: what would be, when the value is what is wrong. */
function demand(io: IoPkt, ifp: ifnet, cmd: number, data: object, what: string, right = ''): void {
  const argument = 'ifm_name' in data ? data : { ifr_name: ifp.if_xname, ...data };
  const error = io.ioctl(ifp.if_xname, cmd, argument);
  if (error === EOK) return;
  const hint = error === EINVAL && right !== '' ? `; ${right}` : '';
  throw new ErrnoError(error, `ifconfig: ${ifp.if_xname}: ${what} refused${hint}`);
}
