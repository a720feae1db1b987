// What cannot be started, and what is left when QEMU or the one who started it dies.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Board, closeBoards, hasQemu } from '../../../test/vocabulary/qemu.ts';
import { numbered } from '../../../test/vocabulary/station.ts';
import { SystemClock, VirtualClock } from '../../kernel/clock.ts';
import { FramePool } from '../../wire/frame.ts';
import { Link } from '../../wire/link.ts';
import { AttachError, QemuMachine, type QemuMachineOptions } from './machine.ts';

const BUILT = new URL('../../../dist/', import.meta.url);

afterEach(closeBoards);

const clock = new SystemClock(() => performance.now());
const link = new Link({ name: 'cable', clock, pool: new FramePool() });
const nic = { model: 'pcnet', mac: [2, 0, 0, 0, 0, 1], slot: 3, medium: link.a };

function refusal(options: Partial<QemuMachineOptions>): string {
  try {
    new QemuMachine({ clock, memoryBytes: 4 << 20, nics: [nic], ...options }).close();
  } catch (error) {
    expect(error).toBeInstanceOf(AttachError);
    return (error as Error).message;
  }
  throw new Error('it started');
}

/** Descriptors that are open, without those that come and go with the test's own work. */
function descriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return /memfd|socket/.test(target) ? [target.replace(/\d+/, '')] : [];
    } catch {
      return [];
    }
  });
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** A program that is no QEMU. */
function script(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'no-emulator-'));
  folders.push(folder);
  const path = join(folder, 'program');
  writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return path;
}

/** True while a process runs; a zombie does not. */
function runs(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function gone(pid: number): Promise<void> {
  for (let i = 0; i < 1000 && runs(pid); i++) await sleep(10);
  expect(runs(pid), `process ${pid} runs`).toBe(false);
}

/** Files that could be somebody's sockets or memory. */
function litter(): string[] {
  return ['/dev/shm', tmpdir()].flatMap((place) =>
    readdirSync(place).filter((name) => /softnet|qemu|qtest/i.test(name)),
  );
}

describe('what cannot be right is refused before QEMU is asked', () => {
  it.each<[string, Partial<QemuMachineOptions>, RegExp]>([
    ['a virtual clock', { clock: new VirtualClock() }, /a SystemClock would be right/],
    ['too little memory', { memoryBytes: 1000 }, /memory of 1000 bytes: .*2 MiB.* to .*2 GiB/],
    ['too much memory', { memoryBytes: 2 ** 32 }, /2 GiB\) would be right/],
    ['no number of bytes', { memoryBytes: Number.NaN }, /would be right/],
    ['a slot of the board', { nics: [{ ...nic, slot: 1 }] }, /slot 1: 3 to 31 would be right/],
    ['no slot', { nics: [{ ...nic, slot: 3.5 }] }, /slot 3.5: 3 to 31/],
    ['a slot twice', { nics: [nic, nic] }, /slot 3 is taken twice/],
    ['a MAC too short', { nics: [{ ...nic, mac: [2] }] }, /MAC of 1 bytes: 6 would be right/],
    ["a group's MAC", { nics: [{ ...nic, mac: [1, 0, 0, 0, 0, 0] }] }, /01:00:00:00:00:00 is a group/],
    ['a model with options', { nics: [{ ...nic, model: 'pcnet,addr=9' }] }, /a name like pcnet/],
    ['a property of ours', { nics: [{ ...nic, properties: { mac: 'x' } }] }, /"mac" follows from/],
    ['a property that is none', { nics: [{ ...nic, properties: { 'a=b': 1 } }] }, /no name of a property/],
    ['no time for answers', { answerTimeoutMs: 0 }, /more than 0/],
    ['no program', { program: 'no-such-qemu' }, /^no-such-qemu is not installed: the path of a QEMU/],
    ['a folder', { program: '/tmp' }, /^\/tmp is not installed/],
  ])('%s', (_, options, message) => {
    const before = descriptors();
    expect(refusal(options)).toMatch(message);
    expect(descriptors()).toEqual(before);
  });

  it('a machine without QEMU: what would help', () => {
    const { PATH } = process.env;
    process.env.PATH = '/nowhere';
    try {
      expect(refusal({})).toBe('qemu-system-x86_64 is not installed: apt install qemu-system-x86 would help');
    } finally {
      process.env.PATH = PATH;
    }
  });
});

describe.skipIf(!hasQemu)('a QEMU that does not start', () => {
  it('says what models there are, and which is near', () => {
    const message = refusal({ nics: [{ ...nic, model: 'pcnett' }] });
    expect(message).toMatch(
      /^QEMU has no NIC "pcnett": did you mean "pcnet"\? QEMU has e1000, .*i82559er.*pcnet/,
    );
    expect(message).not.toMatch(/ne2k_isa|usb-net/);
    expect(refusal({ nics: [{ ...nic, model: 'zzzzzz' }] })).not.toMatch(/did you mean/);
  });

  it('is quoted: a property that is unknown, a device of another bus, a program that is no QEMU', () => {
    expect(refusal({ nics: [{ ...nic, properties: { wings: 2 } }] })).toMatch(
      /Property 'pcnet.wings' not found/,
    );
    expect(refusal({ nics: [{ ...nic, model: 'ne2k_isa' }] })).toMatch(/did not start.*ne2k_isa/);
    expect(refusal({ program: 'true' })).toMatch(/QEMU did not start: it ended/);
    const message = refusal({ program: script('echo "the fan is broken" >&2; exit 3') });
    expect(message).toBe('QEMU did not start: it ended; its words: the fan is broken');
  });

  it('hangs, and is given up and ended', async () => {
    const program = script('echo $$ >"$0.pid"; exec sleep 60');
    expect(refusal({ program, answerTimeoutMs: 1000 })).toBe(
      'QEMU did not start: it has not answered for 1 s',
    );
    await gone(Number(readFileSync(`${program}.pid`, 'utf8')));
  });

  it('leaves no process and no descriptor', () => {
    const before = descriptors();
    refusal({ nics: [{ ...nic, model: 'pcnett' }] });
    refusal({ program: 'true' });
    expect(descriptors()).toEqual(before);
    expect(link.pool.inUse).toBe(0);
  });
});

describe.skipIf(!hasQemu)('a QEMU that dies', () => {
  it('is as cards pulled out: reads give ones, people are told once, with what it said', async () => {
    const program = script('echo "smoke comes out" >&2; exec qemu-system-x86_64 "$@"');
    const board = new Board({ nics: ['pcnet', 'e1000'], program });
    const [{ pci, far, link: cable }] = board.nics;
    pci.enable();
    const registers = pci.registers(0);
    expect(registers.read16(0)).toBe(0x0002);
    process.kill(board.qemu.pid, 'SIGTERM');
    await gone(board.qemu.pid);
    expect([registers.read16(0), registers.read32(0), registers.read8(0)]).toEqual([
      0xffff, 0xffffffff, 0xff,
    ]);
    registers.write16(0x12, 4);
    expect(pci.vendorId).toBe(0xffff);
    expect(board.qemu.dead).toBe(true);
    expect(board.log).toEqual([
      expect.stringMatching(/^QEMU \(pid \d+\) is lost: it ended.*; its last words: smoke comes out/),
    ]);
    // Its cable fell out of the card.
    expect(cable.b.carrier).toBe(false);
    far.offer(numbered(1, 60));
    board.clock.poll();
    expect([board.qemu.poll(10), await board.qemu.waitReadable(1)]).toEqual([0, false]);
    board.expectConserved();
    expect(board.pool.inUse).toBe(0);
    board.qemu.setLink(3, true);
    board.qemu.close();
    board.qemu.close();
    expect(board.log.length).toBe(1);
  });

  it('is noticed while nobody asks it anything', async () => {
    const board = new Board({ nics: ['pcnet'] });
    process.kill(board.qemu.pid, 'SIGKILL');
    await board.until(() => board.qemu.dead, 'the end of QEMU');
    expect(board.log.length).toBe(1);
  });

  it('or hangs is given up after the time that was said', async () => {
    const board = new Board({ nics: ['pcnet'], answerTimeoutMs: 400 });
    process.kill(board.qemu.pid, 'SIGSTOP');
    expect(board.nics[0].pci.vendorId).toBe(0xffff);
    expect(board.log).toEqual([expect.stringMatching(/it has not answered for 0.4 s/)]);
    await gone(board.qemu.pid);
  });

  it('or hangs while its cable is pulled', async () => {
    const board = new Board({ nics: ['pcnet'], answerTimeoutMs: 400 });
    process.kill(board.qemu.pid, 'SIGSTOP');
    board.nics[0].link.setCarrier(false);
    expect(board.log).toEqual([expect.stringMatching(/has not answered set_link for 0.4 s/)]);
    await gone(board.qemu.pid);
  });

  it('leaves nothing when it is closed: no process, no descriptor, no frame', async () => {
    const before = descriptors();
    const board = new Board({ nics: ['pcnet', 'i82559er'] });
    const { pid } = board.qemu;
    expect(runs(pid)).toBe(true);
    const wait = board.qemu.waitReadable(60_000);
    board.qemu.close();
    expect(await wait).toBe(false);
    await gone(pid);
    expect(descriptors()).toEqual(before);
    expect(board.pool.inUse).toBe(0);
    // Its memory stays good for who still looks.
    expect(board.qemu.memory.u32[0x100000 >> 2]).toBeTypeOf('number');
  });
});

describe.skipIf(!hasQemu)('a program that dies with a QEMU', () => {
  const program = `
    const { QemuMachine } = await import('${new URL('attach/qtest/machine.js', BUILT)}');
    const { SystemClock } = await import('${new URL('kernel/clock.js', BUILT)}');
    const { FramePool } = await import('${new URL('wire/frame.js', BUILT)}');
    const { Link } = await import('${new URL('wire/link.js', BUILT)}');
    const clock = new SystemClock(() => performance.now());
    const link = new Link({ name: 'cable', clock, pool: new FramePool() });
    const nics = [{ model: 'pcnet', mac: [2, 0, 0, 0, 0, 1], slot: 3, medium: link.a }];
    const qemu = new QemuMachine({ clock, memoryBytes: 4 << 20, nics });
    console.log(qemu.pid);
    if (process.argv[1] === 'exit') process.exit(0);
    if (process.argv[1] !== 'idle') setInterval(() => {}, 1000);`;

  async function child(how: string) {
    expect(existsSync(fileURLToPath(new URL('attach/qtest/machine.js', BUILT))), 'npm run build first').toBe(
      true,
    );
    const started = spawn(process.execPath, ['--input-type=module', '-e', program, how], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    const ended = once(started, 'exit');
    const [line] = await once(createInterface(started.stdout), 'line');
    return { started, ended, qemu: Number(line) };
  }

  it.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
    'by %s takes it along, and leaves no file',
    async (signal) => {
      const before = litter();
      const { started, ended, qemu } = await child('stay');
      expect(runs(qemu)).toBe(true);
      started.kill(signal);
      await ended;
      await gone(qemu);
      expect(litter().filter((name) => !before.includes(name))).toEqual([]);
    },
  );

  it.each(['exit', 'idle'])('by %s takes it along: QEMU keeps nobody from ending', async (how) => {
    const { ended, qemu } = await child(how);
    expect(await ended).toEqual([0, null]);
    await gone(qemu);
  });

  it('Ctrl-C on the terminal, a signal to the whole group, is not for QEMU', async () => {
    const { started, ended, qemu } = await child('stay');
    const group = (pid: number): string =>
      readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')[2];
    expect(group(qemu)).toBe(`${qemu}`);
    expect(group(started.pid!)).not.toBe(group(qemu));
    started.kill('SIGKILL');
    await ended;
    await gone(qemu);
  });
});
