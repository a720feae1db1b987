// Starts QEMU as a board without a program: its processor executes a halt, its clock runs, and whoever holds the qtest
// socket is its processor. After QEMU's documentation ("System Emulation", "qtest"), seen with QEMU 7.2.
//
// QEMU gets everything as open descriptors: memory and firmware as files without names, the connections as one end of a
// socket pair. So there is no file, no socket name and no port that could be left over, be met by somebody else, or be taken.
//
//   descriptor   2 last words   3 memory   4 firmware   5 qtest   6 QMP   7 ... frames of each NIC
//
// It dies with us, however we die (PR_SET_PDEATHSIG, set by setpriv), and has a session of its own, so that a Ctrl-C is
// for us to handle.

import { type ChildProcess, spawn } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { delimiter, resolve } from 'node:path';
import {
  AF_UNIX,
  type Linux,
  MFD_CLOEXEC,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_STREAM,
} from '../../ports/linux.ts';
import { AttachError } from './error.ts';
import { formatMac, MIB, type QemuMachineOptions, type QemuNicOptions } from './options.ts';

const PROGRAMS = ['qemu-system-x86_64', 'qemu-system-i386'];
const FIRMWARE_BYTES = 0x10000;
/** Where a PC begins: cli, hlt, and back to the hlt. */
const RESET_VECTOR = 0xfff0;
const HALT = [0xfa, 0xf4, 0xeb, 0xfd];
/** QEMU's descriptors, in the order of `stdio`. */
const FD = { ram: 3, firmware: 4, qtest: 5, monitor: 6, frames: 7 } as const;
/** What is kept of what QEMU writes, and what of it is shown. */
const LAST_WORDS_KEPT = MIB;
const LAST_WORDS_SHOWN = 2000;

/** QEMUs that run, for the moment when we end. */
const running = new Set<ChildProcess>();
let watchingExit = false;

export interface QemuProcess {
  readonly program: string;
  readonly pid: number;
  readonly child: ChildProcess;
  /** Our ends. The last words' is a file; the others are sockets. */
  readonly ram: number;
  readonly qtest: number;
  readonly monitor: number;
  /** One for each NIC, in their order. */
  readonly frames: number[];
  readonly lastWords: number;
}

/** Starts it; returns before it has done anything. Throws AttachError and leaves nothing behind. */
export function startQemu(linux: Linux, options: QemuMachineOptions, ramBytes: number): QemuProcess {
  const program = findQemu(options.program);
  const setpriv = findProgram('setpriv');
  if (setpriv === null) throw new AttachError('setpriv is not installed: apt install util-linux would help');
  const ours: number[] = [];
  const theirs: number[] = [];
  const keep = (fd: number): number => {
    if (fd < 0) throw new AttachError(`QEMU's descriptors: ${linux.errorName(linux.errno())}`);
    ours.push(fd);
    return fd;
  };
  const pair = (type: number): number => {
    const fds = new Int32Array(2);
    if (linux.socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) !== 0) {
      throw new AttachError(`a socket for QEMU: ${linux.errorName(linux.errno())}`);
    }
    theirs.push(fds[1]);
    return keep(fds[0]);
  };
  try {
    const ram = keep(linux.memfd('softnet-ram', MFD_CLOEXEC));
    ftruncateSync(ram, ramBytes);
    const firmware = keep(linux.memfd('softnet-firmware', MFD_CLOEXEC));
    writeSync(firmware, haltingFirmware());
    const nameless = keep(linux.memfd('softnet-stderr', MFD_CLOEXEC));
    const lastWords = keep(openSync(`/proc/self/fd/${nameless}`, constants.O_RDWR | constants.O_APPEND));
    const qtest = pair(SOCK_STREAM);
    const monitor = pair(SOCK_STREAM);
    const frames = options.nics.map(() => pair(SOCK_DGRAM));
    const command = ['--pdeathsig', 'KILL', program, ...qemuArguments(options.nics, ramBytes)];
    const stdio = ['ignore', 'ignore', lastWords, ram, firmware, ...theirs];
    const child = spawn(setpriv, command, { detached: true, stdio: stdio as ('ignore' | number)[] });
    // Told by `pid` here and now; without a listener the event would end the program.
    child.on('error', () => {});
    if (child.pid === undefined) throw new AttachError(`${setpriv} could not be started`);
    child.unref();
    endWithUs(child);
    for (const fd of [firmware, nameless]) {
      closeSync(fd);
      ours.splice(ours.indexOf(fd), 1);
    }
    return { program, pid: child.pid, child, ram, qtest, monitor, frames, lastWords };
  } catch (error) {
    for (const fd of ours) closeSync(fd);
    throw error;
  } finally {
    // QEMU's ends: while we hold them too, its death would not show.
    for (const fd of theirs) closeSync(fd);
  }
}

/** Ends it at once and closes our ends. */
export function endQemu(qemu: QemuProcess): void {
  running.delete(qemu.child);
  qemu.child.kill('SIGKILL');
  for (const fd of [qemu.ram, qemu.qtest, qemu.monitor, qemu.lastWords, ...qemu.frames]) closeSync(fd);
}

/** The end of what QEMU wrote, in one line. */
export function lastWords(qemu: QemuProcess): string {
  const { size } = fstatSync(qemu.lastWords);
  const bytes = new Uint8Array(Math.min(size, LAST_WORDS_SHOWN));
  const length = readSync(qemu.lastWords, bytes, 0, bytes.length, size - bytes.length);
  const text = new TextDecoder().decode(bytes.subarray(0, length));
  // It puts its own name before each line.
  return text
    .replaceAll(/^qemu-system-\w+: /gm, '')
    .trim()
    .replaceAll(/\s*\n\s*/g, '; ');
}

/** A QEMU that complains without end must not fill the memory. */
export function trimLastWords(qemu: QemuProcess): void {
  if (fstatSync(qemu.lastWords).size > LAST_WORDS_KEPT) ftruncateSync(qemu.lastWords, 0);
}

function endWithUs(child: ChildProcess): void {
  running.add(child);
  child.on('exit', () => running.delete(child));
  if (watchingExit) return;
  watchingExit = true;
  process.on('exit', () => {
    for (const one of running) one.kill('SIGKILL');
  });
}

function haltingFirmware(): Uint8Array {
  const bytes = new Uint8Array(FIRMWARE_BYTES).fill(HALT[1]);
  bytes.set(HALT, RESET_VECTOR);
  return bytes;
}

function qemuArguments(nics: readonly QemuNicOptions[], ramBytes: number): string[] {
  const mib = ramBytes / MIB;
  const path = (fd: number): string => `/proc/self/fd/${fd}`;
  return [
    ...['-machine', 'pc,memory-backend=ram', '-accel', 'tcg,tb-size=1', '-m', `${mib}`],
    ...['-object', `memory-backend-file,id=ram,size=${mib}M,mem-path=${path(FD.ram)},share=on`],
    ...['-bios', path(FD.firmware), '-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-chardev', `socket,id=qtest,fd=${FD.qtest}`, '-qtest', 'chardev:qtest', '-qtest-log', 'none'],
    ...['-chardev', `socket,id=monitor,fd=${FD.monitor}`, '-mon', 'chardev=monitor,mode=control'],
    ...nics.flatMap((nic, i) => [
      ...['-netdev', `dgram,id=${netdevName(nic.slot)},local.type=fd,local.str=${FD.frames + i}`],
      ...['-device', deviceArgument(nic)],
    ]),
  ];
}

/** QEMU's name of the cable of the NIC in a slot. */
export function netdevName(slot: number): string {
  return `wire${slot}`;
}

function deviceArgument({ model, mac, slot, properties = {} }: QemuNicOptions): string {
  const own = `${model},netdev=${netdevName(slot)},mac=${formatMac(mac)},addr=${slot.toString(16)},romfile=`;
  // A comma in a value is written twice.
  const more = Object.entries(properties).map(
    ([name, value]) => `,${name}=${`${value}`.replaceAll(',', ',,')}`,
  );
  return own + more.join('');
}

function findQemu(wanted: string | undefined): string {
  if (wanted !== undefined) {
    const found = findProgram(wanted);
    if (found !== null) return found;
    throw new AttachError(`${wanted} is not installed: ${packageAdvice(wanted)}`);
  }
  for (const name of PROGRAMS) {
    const found = findProgram(name);
    if (found !== null) return found;
  }
  throw new AttachError(`${PROGRAMS[0]} is not installed: ${packageAdvice(PROGRAMS[0])}`);
}

function packageAdvice(program: string): string {
  if (PROGRAMS.includes(program)) return 'apt install qemu-system-x86 would help';
  return `the path of a QEMU for x86 (${PROGRAMS.join(' or ')}) would be right`;
}

/** The program's path: a name without a slash is looked for where the shell looks. */
function findProgram(name: string): string | null {
  const places = name.includes('/') ? ['.'] : (process.env.PATH ?? '').split(delimiter);
  for (const place of places) {
    const path = resolve(place, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // Not here.
    }
  }
  return null;
}
