// The Linux calls that ports need and Node does not have: ioctl, non-blocking read and write without a hop through
// libuv, network namespaces. koffi makes them; a call costs about a third of a microsecond.
//
// Request numbers are those of asm-generic/ioctl.h: x86-64, arm64, riscv64; not mips, powerpc or sparc.
// Man pages: netdevice(7), setns(2); kernel documentation: networking/tuntap.

import { closeSync, constants, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { platform } from 'node:process';

type Koffi = typeof import('koffi');

/** A port to the outside cannot be opened; the message says what would help. */
export class PortError extends Error {
  /** The system's name of the error, `EPERM`, or empty. */
  readonly code: string;

  constructor(message: string, code = '') {
    super(message);
    this.name = 'PortError';
    this.code = code;
  }
}

/** The calls, as C has them: -1 and `errno()` on failure. Addresses are numbers, so that nothing is made per call. */
export interface Linux {
  readonly koffi: Koffi;
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  read(fd: number, address: number, length: number): number;
  write(fd: number, address: number, length: number): number;
  socket(family: number, type: number, protocol: number): number;
  setns(fd: number, type: number): number;
  errno(): number;
  /** `EPERM` for 1; the number when it has no name. */
  errorName(errno: number): string;
  /** Where an array's bytes are. It must stay reachable, and have more than 64 bytes, while the address is used. */
  addressOf(bytes: Uint8Array): number;
}

export const AF_INET = 2;
export const SOCK_DGRAM = 2;
const CLONE_NEWNET = 0x40000000;

let loaded: Linux | null = null;

/** Loads the calls, once. Throws PortError where they do not exist. */
export function loadLinux(): Linux {
  if (loaded !== null) return loaded;
  if (platform !== 'linux') throw new PortError(`this port needs Linux; this is ${platform}`);
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)('koffi');
  } catch (error) {
    throw new PortError(
      `this port needs the package koffi: npm install koffi (${String(error).split('\n')[0]})`,
    );
  }
  const libc = koffi.load(null);
  const names = new Map(Object.entries(koffi.os.errno).map(([name, value]) => [value, name]));
  // EWOULDBLOCK is another name for the same number.
  names.set(koffi.os.errno.EAGAIN, 'EAGAIN');
  loaded = {
    koffi,
    ioctl: libc.func('int ioctl(int fd, unsigned long request, void *argument)'),
    read: libc.func('long read(int fd, uintptr_t buffer, size_t length)'),
    write: libc.func('long write(int fd, uintptr_t buffer, size_t length)'),
    socket: libc.func('int socket(int family, int type, int protocol)'),
    setns: libc.func('int setns(int fd, int type)'),
    errno: () => koffi.errno(),
    errorName: (errno) => names.get(errno) ?? `${errno}`,
    addressOf: (bytes) => Number(koffi.address(bytes)),
  };
  return loaded;
}

/**
 * Runs `work` with this thread in a network namespace made by `ip netns add`. What it opens stays there; the thread
 * is back when this returns. `work` must not wait.
 */
export function inNamespace<T>(linux: Linux, namespace: string, work: () => T): T {
  if (namespace === '' || namespace.includes('/')) {
    throw new PortError(`network namespace "${namespace}": a name without a slash would be right`);
  }
  let there: number;
  try {
    there = openSync(`/run/netns/${namespace}`, constants.O_RDONLY);
  } catch {
    throw new PortError(`there is no network namespace ${namespace}: ip netns add ${namespace}`, 'ENOENT');
  }
  const here = openSync('/proc/thread-self/ns/net', constants.O_RDONLY);
  const enter = (descriptor: number): void => {
    if (linux.setns(descriptor, CLONE_NEWNET) === 0) return;
    const name = linux.errorName(linux.errno());
    throw new PortError(`network namespace ${namespace}: ${name}; root would be right`, name);
  };
  try {
    enter(there);
    try {
      return work();
    } finally {
      enter(here);
    }
  } finally {
    closeSync(here);
    closeSync(there);
  }
}
