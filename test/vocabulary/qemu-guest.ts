// The Linux guest of guest.ts in QEMU, on QEMU's own cards, none of which is plugged into anything: what the same kernel and
// the same driver say of somebody else's models. It runs without KVM, so that it does not depend on the computer.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LINUX_COMMAND_LINE } from '../../src/lab/server/v86.ts';
import { guestFolder } from './guest.ts';
import { GuestShell, type ShellConsole } from './guest-shell.ts';

const PROGRAM = 'qemu-system-x86_64';
const BOOT_TIMEOUT_MS = 240_000;
const SHELL_TIMEOUT_MS = 60_000;
/** What is kept of the serial port and of QEMU's own words. */
const KEPT_CHARACTERS = 64 * 1024;

export interface QemuGuest {
  readonly shell: GuestShell;
  /** What QEMU itself has written so far. */
  words(): string;
  /** The frames that a card has sent or been given so far, FCS left out. */
  frames(index: number): Uint8Array[];
  destroy(): void;
}

/** Starts it with these cards, eth0 first; resolves at its first prompt. */
export async function qemuLinuxGuest(models: readonly string[]): Promise<QemuGuest> {
  const folder = mkdtempSync(join(tmpdir(), 'softnet-qemu-'));
  const capture = (index: number): string => join(folder, `${index}.pcap`);
  const cards = models.flatMap((model, i) => [
    ...['-netdev', `hubport,id=n${i},hubid=${i}`],
    ...['-device', `${model},netdev=n${i},addr=${(3 + i).toString(16)},romfile=`],
    ...['-object', `filter-dump,id=f${i},netdev=n${i},file=${capture(i)}`],
  ]);
  const command = [
    // It ends with us, however we end.
    ...['setpriv', '--pdeathsig', 'KILL', PROGRAM, '-accel', 'tcg', '-m', '128', '-no-reboot'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-serial', 'stdio'],
    ...['-kernel', join(guestFolder, 'vmlinuz'), '-initrd', join(guestFolder, 'initrd.cpio.gz')],
    ...['-append', `${LINUX_COMMAND_LINE} noapic`, ...cards],
  ];
  const child = spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'pipe'] });
  child.on('error', () => {});
  // A guest that has gone takes no more.
  child.stdin.on('error', () => {});
  let words = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text: string) => {
    words = (words + text).slice(-KEPT_CHARACTERS);
  });
  const destroy = (): void => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  const shell = new GuestShell(serialConsole(child, () => words));
  const gone = new Promise<never>((_, reject) => {
    child.on('close', () => reject(new Error(`QEMU has ended: ${words.trim()}`)));
  });
  // It ends after the test, too.
  gone.catch(() => {});
  try {
    await Promise.race([shell.expect('guest# ', BOOT_TIMEOUT_MS), gone]);
    await Promise.race([shell.quiet(SHELL_TIMEOUT_MS), gone]);
  } catch (error) {
    destroy();
    throw error;
  }
  return { shell, words: () => words, frames: (index) => framesOf(readFileSync(capture(index))), destroy };
}

/** Of a pcap file that is still written: those that are whole. */
function framesOf(bytes: Buffer): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 24; at + 16 <= bytes.length; ) {
    const end = at + 16 + bytes.readUInt32LE(at + 8);
    if (end > bytes.length) break;
    frames.push(bytes.subarray(at + 16, end));
    at = end;
  }
  return frames;
}

function serialConsole({ stdin, stdout }: ChildProcess, words: () => string): ShellConsole {
  const listeners = new Set<(text: string) => void>();
  let kept = '';
  stdout!.setEncoding('utf8');
  stdout!.on('data', (text: string) => {
    kept = (kept + text).slice(-KEPT_CHARACTERS);
    for (const listener of listeners) listener(text);
  });
  return {
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    write: (data) => void stdin!.write(data),
    serialTail: (lines) => [
      ...kept.trimEnd().replaceAll('\r', '').split('\n').slice(-lines),
      `QEMU: ${words().trim()}`,
    ],
  };
}
