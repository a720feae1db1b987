// What a DHCP server is told to do, checked: addresses that fit together, names that fit into a message.

import type { NetDevice } from '../net/device.ts';
import { ETH_ALEN, formatMac } from '../net/ether.ts';
import { formatAddress, maskOf, type Network, parseNetwork } from './address.ts';
import {
  bytesOf,
  type DhcpOptions,
  FILE_BYTES,
  OPTION_BROADCAST,
  OPTION_DNS,
  OPTION_DOMAIN,
  OPTION_MASK,
  OPTION_ROUTER,
  SNAME_BYTES,
  wordsOf,
} from './dhcp-packet.ts';
import type { Interfaces } from './interfaces.ts';

/** Addresses of a pool: a /16. */
export const DHCP_POOL_LIMIT = 65_536;
/** Never ends. */
export const INFINITE_LEASE = 0xffffffff;
/** So that what every client must have fits into the 576 bytes that every client takes. */
const DNS_LIMIT = 8;
const NAME_LIMIT = 63;

export interface DhcpReservation {
  /** Station address: 6 bytes. */
  mac: Uint8Array;
  address: number;
}

/** Addresses are numbers as parseAddress gives them, or int32. */
export interface DhcpServerOptions {
  /** Where clients are; it must have an address. */
  device: NetDevice;
  /** The pool, both ends included. */
  first: number;
  last: number;
  /** `10.1.0.0/24`: the clients' network, for one behind a relay; the device's own unless told. */
  network?: string;
  router?: number;
  dns?: readonly number[];
  domain?: string;
  /** Longest lease, and the one of clients that do not ask for less: 1 h unless told; 2^32 - 1: for ever. */
  leaseSeconds?: number;
  /** What network boot loads: field `file`, and option 67 for who asks for it. */
  bootFile?: string;
  /** The same for iPXE (user class "iPXE"), so that it does not load itself again and again. */
  ipxeBootFile?: string;
  /** The TFTP server, field siaddr; the server itself unless told. */
  nextServer?: number;
  /** Its name: field sname, option 66. */
  serverName?: string;
  reservations?: readonly DhcpReservation[];
  /** Refuses addresses it knows nothing of instead of leaving them to another server; right where there is no other. */
  authoritative?: boolean;
}

/** The options, complete and checked. Addresses are int32. */
export interface DhcpSettings {
  /** The server's own. */
  address: number;
  network: number;
  mask: number;
  first: number;
  last: number;
  leaseSeconds: number;
  bootFile: string;
  ipxeBootFile: string;
  nextServer: number;
  serverName: string;
  authoritative: boolean;
  /** By station address as formatMac writes it. */
  reservations: Map<string, number>;
  /** Addresses that nobody gets from the pool. */
  excluded: Set<number>;
  /** Network parameters for clients. */
  parameters: DhcpOptions;
}

/** Throws with what would be right. */
export function checkDhcpOptions(options: DhcpServerOptions, interfaces: Interfaces): DhcpSettings {
  const { device, leaseSeconds = 3600, serverName = '', bootFile = '' } = options;
  const first = options.first >>> 0;
  const last = options.last >>> 0;
  const range = `${formatAddress(first)}-${formatAddress(last)}`;
  const address = interfaces.sourceFor(device, first | 0);
  if (address === 0) throw new Error(`a DHCP server on ${device.name}: give the device an address first`);
  if (first > last) throw new Error(`a DHCP range of ${range}: the first must not be above the last`);
  if (last - first >= DHCP_POOL_LIMIT)
    throw new Error(`a DHCP range of ${range}: at most ${DHCP_POOL_LIMIT} addresses are possible`);
  const own = interfaces.findOn(device, address);
  const { address: at, prefix } =
    options.network === undefined
      ? { address, prefix: own === null ? 32 : own.prefix }
      : parseNetwork(options.network);
  const mask = maskOf(prefix);
  const network = at & mask;
  const where = `${formatAddress(network)}/${prefix}`;
  if (((first ^ network) & mask) !== 0 || ((last ^ network) & mask) !== 0)
    throw new Error(`a DHCP range of ${range}: it must lie in the clients' network, ${where}`);
  if (!Number.isInteger(leaseSeconds) || leaseSeconds < 1 || leaseSeconds > INFINITE_LEASE)
    throw new RangeError(`a lease of ${leaseSeconds} seconds: 1 to ${INFINITE_LEASE} (for ever) is possible`);
  checkText('boot file', bootFile, FILE_BYTES);
  checkText('boot file for iPXE', options.ipxeBootFile ?? '', FILE_BYTES);
  checkText('server name', serverName, Math.min(SNAME_BYTES, NAME_LIMIT));
  const excluded = new Set<number>([network, network | ~mask]);
  for (const entry of interfaces.addresses) excluded.add(entry.address);
  if (options.router !== undefined) excluded.add(options.router | 0);
  const reservations = checkReservations(options, { address: network >>> 0, prefix }, excluded);
  return {
    address,
    network,
    mask,
    first,
    last,
    leaseSeconds,
    bootFile,
    ipxeBootFile: options.ipxeBootFile ?? bootFile,
    nextServer: options.nextServer === undefined ? address : options.nextServer | 0,
    serverName,
    authoritative: options.authoritative ?? false,
    reservations,
    excluded,
    parameters: parametersOf(options, network, prefix),
  };
}

function checkReservations(
  options: DhcpServerOptions,
  { address: network, prefix }: Network,
  excluded: Set<number>,
): Map<string, number> {
  const reservations = new Map<string, number>();
  const mask = maskOf(prefix);
  for (const { mac, address } of options.reservations ?? []) {
    if (mac.length !== ETH_ALEN)
      throw new Error(`a reservation for a station address of ${mac.length} bytes: 6 wanted`);
    const text = `${formatAddress(address)} for ${formatMac(mac)}`;
    if (((address ^ network) & mask) !== 0)
      throw new Error(`the reservation of ${text}: it must be in ${formatAddress(network)}/${prefix}`);
    if (reservations.has(formatMac(mac)))
      throw new Error(`the reservation of ${text}: the station has one already`);
    if (excluded.has(address | 0))
      throw new Error(`the reservation of ${text}: the address is somebody else's`);
    reservations.set(formatMac(mac), address | 0);
    excluded.add(address | 0);
  }
  return reservations;
}

function parametersOf(options: DhcpServerOptions, network: number, prefix: number): DhcpOptions {
  const { router, dns = [], domain } = options;
  const mask = maskOf(prefix);
  if (dns.length > DNS_LIMIT)
    throw new Error(`${dns.length} DNS servers: a DHCP message has room for ${DNS_LIMIT}`);
  const parameters: DhcpOptions = new Map([[OPTION_MASK, wordsOf(mask)]]);
  // Before the router: clients apply them in order (RFC 2132, 3.3).
  if (router !== undefined) parameters.set(OPTION_ROUTER, wordsOf(router));
  if (dns.length > 0) parameters.set(OPTION_DNS, wordsOf(...dns));
  if (domain !== undefined) {
    checkText('domain', domain, NAME_LIMIT);
    if (domain !== '') parameters.set(OPTION_DOMAIN, bytesOf(domain));
  }
  if (prefix < 31) parameters.set(OPTION_BROADCAST, wordsOf(network | ~mask));
  return parameters;
}

function checkText(what: string, text: string, limit: number): void {
  if (text.length > limit) throw new Error(`the ${what} "${text}" is too long: ${limit} characters fit`);
  bytesOf(text);
}
