// Sets up a Linux network interface by ioctl, as ifconfig does (netdevice(7)), without starting a program.
//
//   struct ifreq, 40 bytes, in the machine's byte order
//   0          16
//   +----------+--------------------------------------------+
//   | name     | flags 16 | mtu 32 | sockaddr: family 16 ... |
//   +----------+--------------------------------------------+

import { closeSync } from 'node:fs';
import { AF_INET, type Linux, PortError, SOCK_DGRAM } from './linux.ts';

const IFREQ_BYTES = 40;
/** IFNAMSIZ with the final zero. */
const NAME_BYTES = 16;

const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const SIOCSIFADDR = 0x8916;
const SIOCSIFNETMASK = 0x891c;
const SIOCSIFMTU = 0x8922;
const SIOCSIFHWADDR = 0x8924;
const IFF_UP = 1;
const ARPHRD_ETHER = 1;

/** An ifreq for an interface. Throws PortError when the name is none. */
export function ifreq(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  if (bytes.length === 0 || bytes.length >= NAME_BYTES || !/^[^\s/:]+$/.test(name) || name.startsWith('.')) {
    throw new PortError(
      `interface name "${name}": 1 to 15 characters without blanks, "/" and ":" would be right`,
    );
  }
  const request = new Uint8Array(IFREQ_BYTES);
  request.set(bytes);
  return request;
}

/** The name in an ifreq. */
export function ifreqName(request: Uint8Array): string {
  const name = request.subarray(0, NAME_BYTES);
  const end = name.indexOf(0);
  return new TextDecoder().decode(name.subarray(0, end < 0 ? NAME_BYTES : end));
}

export function setShort(request: Uint8Array, value: number): void {
  new Int16Array(request.buffer, NAME_BYTES, 1)[0] = value;
}

export interface InterfaceSettings {
  /** IPv4 address with prefix length: `10.0.0.1/24`. */
  address?: string;
  /** Six bytes. */
  macAddress?: Uint8Array;
  mtu?: number;
  up?: boolean;
}

/** Applies the settings, in the namespace the thread is in. Throws PortError that names the one that failed. */
export function configureInterface(linux: Linux, name: string, settings: InterfaceSettings): void {
  const socket = linux.socket(AF_INET, SOCK_DGRAM, 0);
  if (socket < 0) throw new PortError(`no socket to set up ${name}: ${linux.errorName(linux.errno())}`);
  const apply = (request: number, what: string, fill: (request: Uint8Array) => void): void => {
    const argument = ifreq(name);
    fill(argument);
    if (linux.ioctl(socket, request, argument) === 0) return;
    const code = linux.errorName(linux.errno());
    const advice = code === 'EPERM' ? '; root or CAP_NET_ADMIN would be right' : '';
    throw new PortError(`${name}: cannot set ${what}: ${code}${advice}`, code);
  };
  try {
    const { macAddress, mtu, address } = settings;
    if (macAddress !== undefined) {
      if (macAddress.length !== 6)
        throw new PortError(`a MAC address of ${macAddress.length} bytes: 6 would be right`);
      apply(SIOCSIFHWADDR, 'the MAC address', (request) => {
        setShort(request, ARPHRD_ETHER);
        request.set(macAddress, NAME_BYTES + 2);
      });
    }
    if (mtu !== undefined) {
      apply(SIOCSIFMTU, `MTU ${mtu}`, (request) => {
        new Int32Array(request.buffer, NAME_BYTES, 1)[0] = mtu;
      });
    }
    if (address !== undefined) {
      const { ip, mask } = parsePrefix(address);
      apply(SIOCSIFADDR, `address ${address}`, (request) => setInet(request, ip));
      apply(SIOCSIFNETMASK, `the netmask of ${address}`, (request) => setInet(request, mask));
    }
    if (settings.up === true) bringUp(linux, socket, name, apply);
  } finally {
    closeSync(socket);
  }
}

function bringUp(
  linux: Linux,
  socket: number,
  name: string,
  apply: (request: number, what: string, fill: (request: Uint8Array) => void) => void,
): void {
  const current = ifreq(name);
  const known = linux.ioctl(socket, SIOCGIFFLAGS, current) === 0;
  const flags = known ? new Int16Array(current.buffer, NAME_BYTES, 1)[0] : 0;
  // One that is up already, set up by root for this user, needs no right to change it.
  if ((flags & IFF_UP) !== 0) return;
  apply(SIOCSIFFLAGS, 'it up', (request) => setShort(request, flags | IFF_UP));
}

/** struct sockaddr_in: family, port 0, address in network order. */
function setInet(request: Uint8Array, address: readonly number[]): void {
  setShort(request, AF_INET);
  request.set(address, NAME_BYTES + 4);
}

/** Takes `10.0.0.1/24` apart. Throws PortError. */
function parsePrefix(text: string): { ip: number[]; mask: number[] } {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  const numbers = match === null ? [] : match.slice(1).map(Number);
  if (match === null || numbers.slice(0, 4).some((byte) => byte > 255) || numbers[4] > 32) {
    throw new PortError(
      `address "${text}": four numbers and a prefix length, as 10.0.0.1/24, would be right`,
    );
  }
  const bits = numbers[4];
  const mask = [0, 1, 2, 3].map((i) => 256 - 2 ** (8 - Math.min(8, Math.max(0, bits - 8 * i))));
  return { ip: numbers.slice(0, 4), mask };
}
