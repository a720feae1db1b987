// A whole Linux kernel as the judge of our disciplines and of our tc: Debian's, with every module of net/sched and iproute2,
// in QEMU with a root file system in memory (`npm run guests`, tc.cpio.gz). It is booted for one script and ends with it,
// which takes some five seconds. Without KVM, so that it depends neither on the computer nor on root: there are virtual
// machines whose /dev/kvm opens and then hangs.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LINUX_COMMAND_LINE } from '../../src/lab/server/v86.ts';
import { guestFolder, hasGuests } from './guest.ts';
import { hasProgram, requirement } from './require.ts';

const PROGRAM = 'qemu-system-x86_64';
const KERNEL = join(guestFolder, 'vmlinuz');
const ROOT = join(guestFolder, 'tc.cpio.gz');
/** Of the whole run, on a slow computer. */
const TIMEOUT_MS = 300_000;
/** What the serial port may bring. */
const MAX_CHARACTERS = 16 << 20;
/** Once the kernel was seen to fall over in QEMU's translation, with flags no instruction leaves; the script runs anew then. */
const ATTEMPTS = 3;
const END = 'END OF THE SCRIPT';
const REGULAR_EXECUTABLE = 0o100755;

/** Before the script: iproute2 instead of busybox's applets of these names, and every module, since nothing loads them by alias. */
const PRELUDE = `tc() { /usr/bin/tc "$@"; }
ip() { /usr/bin/ip "$@"; }
for module in /lib/modules/*/kernel/*.ko; do
  module=\${module##*/}
  case $module in dummy.ko|ifb.ko) modprobe \${module%.ko} num\${module%.ko}s=0 numifbs=0 ;; *) modprobe \${module%.ko} ;; esac
done 2>/dev/null
echo pfifo_fast >/proc/sys/net/core/default_qdisc
`;

/** Whether there is all that it takes; says how to get it if not. */
export function hasKernelVm(): boolean {
  return (
    hasGuests() &&
    requirement("tc's guest", existsSync(ROOT), 'npm run guests would fetch it') &&
    requirement('qemu', hasProgram(PROGRAM), 'apt install qemu-system-x86') &&
    requirement('setpriv', hasProgram('setpriv'), 'apt install util-linux')
  );
}

/** Runs a script of the shell as root in a kernel of its own; gives what it wrote. Throws when it does not come to its end. */
export async function runInKernel(script: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'softnet-kernel-'));
  try {
    const initrd = join(folder, 'initrd');
    // The kernel unpacks archives one behind the other, each from a multiple of four on.
    const own = `${PRELUDE}${script}\necho '${END}'\n`;
    writeFileSync(initrd, Buffer.concat([padded(readFileSync(ROOT)), archive('script', own)]));
    let output = '';
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      output = await boot(initrd);
      const end = output.lastIndexOf(END);
      if (end >= 0) return output.slice(0, end);
    }
    throw new Error(`the kernel did not come to the script's end; its last words: ${output.slice(-2000)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What was written behind each line `== NAME` of the output. */
export function sections(output: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of `\n${output}`.split('\n== ').slice(1)) {
    const [name, ...lines] = part.split('\n');
    found.set(name, lines.join('\n').trimEnd());
  }
  return found;
}

function boot(initrd: string): Promise<string> {
  const command = [
    // It ends with us, however we end.
    ...['setpriv', '--pdeathsig', 'KILL', PROGRAM, '-accel', 'tcg', '-m', '256', '-no-reboot'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-serial', 'null', '-serial', 'stdio'],
    ...['-kernel', KERNEL, '-initrd', initrd],
    // The second port has no shell on it. A full stop is a reboot, at which QEMU ends.
    ...['-append', `${LINUX_COMMAND_LINE} softnet="sh /script >/dev/ttyS1 2>&1; reboot -f"`],
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
    let output = '';
    let words = '';
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      output += text;
      if (output.length > MAX_CHARACTERS) child.kill('SIGKILL');
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-4096);
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      if (code === 0 || output.includes(END)) resolve(output.replaceAll('\r', ''));
      else reject(new Error(`QEMU has ended (${code ?? 'killed'}): ${words.trim()}\n${output.slice(-2000)}`));
    });
  });
}

/** One file as a cpio archive of format newc (cpio(5)). */
function archive(path: string, text: string): Buffer {
  return Buffer.concat([
    entry(path, REGULAR_EXECUTABLE, Buffer.from(text)),
    entry('TRAILER!!!', 0, Buffer.alloc(0)),
  ]);
}

function entry(path: string, mode: number, bytes: Buffer): Buffer {
  const name = Buffer.from(`${path}\0`);
  // inode, mode, uid, gid, links, mtime, size, device of the file (2), device it is (2), name size, check.
  const fields = [1, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return Buffer.concat([padded(Buffer.concat([Buffer.from(header), name])), padded(bytes)]);
}

function padded(bytes: Buffer): Buffer {
  const rest = bytes.length % 4;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - rest)]);
}
