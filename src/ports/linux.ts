// The Linux calls that ports need and Node does not have: ioctl, non-blocking read and write without a hop through
// libuv, network namespaces. koffi makes them; a call costs about a third of a microsecond.
//
// Request numbers are those of asm-generic/ioctl.h: x86-64, arm64, riscv64; not mips, powerpc or sparc.
// Man pages: netdevice(7), setns(2), unix(7), memfd_create(2), mmap(2); kernel documentation: networking/tuntap.

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
  /** Two sockets that are connected to each other, into `pair`. */
  socketpair(family: number, type: number, protocol: number, pair: Int32Array): number;
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number): number;
  send(fd: number, address: number, length: number, flags: number): number;
  recv(fd: number, address: number, length: number, flags: number): number;
  /** A file without a name: it is gone when nobody has it open any more. */
  memfd(name: string, flags: number): number;
  /** Where `length` bytes of an open file appear in memory; null on failure. */
  mapShared(fd: number, length: number): bigint | null;
  unmap(address: bigint, length: number): number;
  setns(fd: number, type: number): number;
  errno(): number;
  /** `EPERM` for 1; the number when it has no name. */
  errorName(errno: number): string;
  /** Where an array's bytes are. It must stay reachable, and have more than 64 bytes, while the address is used. */
  addressOf(bytes: Uint8Array): number;
}

export const AF_UNIX = 1;
export const AF_INET = 2;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
/** Not for programs that this one starts, unless they are given it. */
export const SOCK_CLOEXEC = 0x80000;
export const MFD_CLOEXEC = 1;
export const SOL_SOCKET = 1;
export const SO_RCVTIMEO = 20;
export const MSG_DONTWAIT = 0x40;
/** For `recv` of a datagram: its whole length, also when it did not fit. */
export const MSG_TRUNC = 0x20;
/** EPIPE and no signal when the other side is gone. */
export const MSG_NOSIGNAL = 0x4000;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_FAILED = 0xffffffffffffffffn;
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
  const mmap = libc.func(
    'void *mmap(void *near, size_t length, int protection, int flags, int fd, int64 offset)',
  );
  const names = new Map(Object.entries(koffi.os.errno).map(([name, value]) => [value, name]));
  // EWOULDBLOCK is another name for the same number.
  names.set(koffi.os.errno.EAGAIN, 'EAGAIN');
  loaded = {
    koffi,
    ioctl: libc.func('int ioctl(int fd, unsigned long request, void *argument)'),
    read: libc.func('long read(int fd, uintptr_t buffer, size_t length)'),
    write: libc.func('long write(int fd, uintptr_t buffer, size_t length)'),
    socket: libc.func('int socket(int family, int type, int protocol)'),
    socketpair: libc.func('int socketpair(int family, int type, int protocol, void *pair)'),
    setsockopt: libc.func('int setsockopt(int fd, int level, int option, void *value, uint length)'),
    send: libc.func('long send(int fd, uintptr_t buffer, size_t length, int flags)'),
    recv: libc.func('long recv(int fd, uintptr_t buffer, size_t length, int flags)'),
    memfd: libc.func('int memfd_create(str name, uint flags)'),
    mapShared: (fd, length) => {
      const address: bigint = mmap(null, length, PROT_READ_WRITE, MAP_SHARED, fd, 0);
      return address === MAP_FAILED ? null : address;
    },
    unmap: libc.func('int munmap(void *address, size_t length)'),
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
