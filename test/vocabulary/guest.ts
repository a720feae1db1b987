// Guests for tests: real operating systems in the emulator v86, with our cards plugged in. The images come from
// `npm run guests`. A Linux guest is started once for each set of cards; its state at the first prompt is kept in
// labs/guests/states and put back for every test after that.

import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { SystemClock } from '../../src/kernel/clock.ts';
import { GuestConsole } from '../../src/lab/server/guest-console.ts';
import {
  type Emulator,
  type EmulatorOptions,
  emulatorVersion,
  type GuestImage,
  LINUX_COMMAND_LINE,
  makeEmulator,
} from '../../src/lab/server/v86.ts';
import { GuestShell } from './guest-shell.ts';
import { requirement } from './require.ts';

/** The benches are compiled into a folder of their own, further down. */
const here = dirname(fileURLToPath(import.meta.url));
const root = [join(here, '..', '..'), join(here, '..', '..', '..')].find((path) =>
  existsSync(join(path, 'package.json')),
)!;
/** Where the images are. */
export const guestFolder = join(root, 'labs', 'guests');
const states = join(guestFolder, 'states');
/** States that are kept, at about 60 MB each. */
const MAX_STATES = 16;
const BOOT_TIMEOUT_MS = 240_000;
const SHELL_TIMEOUT_MS = 60_000;

/** Whether the images are there; says how to get them if not. */
export function hasGuests(): boolean {
  return requirement(
    'guests',
    existsSync(join(guestFolder, 'MANIFEST.json')),
    'npm run guests would fetch them',
  );
}

/** Debian's i386 kernel with a busybox shell on its serial port. `parameters` are added to the command line. */
export function linuxImage(parameters = ''): GuestImage {
  return {
    ...firmware(),
    kernel: readFileSync(join(guestFolder, 'vmlinuz')),
    // Unpacked here, which is quicker than in the guest.
    initrd: gunzipSync(readFileSync(join(guestFolder, 'initrd.cpio.gz'))),
    commandLine: `${LINUX_COMMAND_LINE} ${parameters}`.trim(),
    memoryBytes: 128 * 1024 * 1024,
  };
}

/** iPXE on a boot CD; it speaks on the VGA screen. */
export function ipxeImage(): GuestImage {
  return { ...firmware(), cdrom: readFileSync(join(guestFolder, 'ipxe.iso')), memoryBytes: 32 * 1024 * 1024 };
}

function firmware() {
  return {
    bios: readFileSync(join(guestFolder, 'bios.bin')),
    vgaBios: readFileSync(join(guestFolder, 'vgabios.bin')),
  };
}

export interface GuestSetup<Attached> extends EmulatorOptions {
  image: GuestImage;
  /** Plugs cards in, before the guest runs. */
  attach?: (emulator: Emulator) => Attached;
  /** Says in words which cards `attach` plugs in, with slots and addresses: a state is for one set of cards only. */
  cards?: string;
  /** The clock of the cards and of what is at the other end of their cables; it is kept going. */
  clock?: SystemClock;
}

export interface Guest<Attached> {
  readonly emulator: Emulator;
  readonly console: GuestConsole;
  readonly shell: GuestShell;
  readonly attached: Attached;
  /** Waits until the VGA's text screen shows `pattern`; gives the screen. */
  expectScreen(pattern: RegExp, timeoutMs: number): Promise<string>;
  destroy(): Promise<void>;
}

/** Makes a guest and lets it run from its firmware on. */
export async function startGuest<Attached>(setup: GuestSetup<Attached>): Promise<Guest<Attached>> {
  const guest = await makeGuest(setup);
  await guest.emulator.run();
  return guest;
}

/** A Linux guest whose shell is ready for `shell.run`: from a kept state, or started for the first time. */
export async function linuxGuest<Attached>(setup: GuestSetup<Attached>): Promise<Guest<Attached>> {
  const file = join(states, `${await stateKey(setup)}.state`);
  const guest = await makeGuest(setup);
  const { emulator, shell } = guest;
  try {
    if (existsSync(file)) {
      const state = readFileSync(file);
      utimesSync(file, new Date(), new Date());
      await emulator.restore_state(state.buffer.slice(state.byteOffset, state.byteOffset + state.length));
      await emulator.run();
    } else {
      await emulator.run();
      await shell.expect('guest# ', BOOT_TIMEOUT_MS);
      await shell.quiet(SHELL_TIMEOUT_MS);
      await emulator.stop();
      keep(file, new Uint8Array(await emulator.save_state()));
      await emulator.run();
    }
    await shell.run(':', SHELL_TIMEOUT_MS);
    return guest;
  } catch (error) {
    await guest.destroy();
    throw error;
  }
}

async function makeGuest<Attached>(setup: GuestSetup<Attached>): Promise<Guest<Attached>> {
  const { image, attach, clock, netDevice, mac } = setup;
  const emulator = await makeEmulator(image, { netDevice, mac });
  const guestConsole = new GuestConsole(emulator);
  const attached = attach?.(emulator) as Attached;
  const stopClock = clock === undefined ? () => {} : keepGoing(clock);
  return {
    emulator,
    console: guestConsole,
    shell: new GuestShell(guestConsole),
    attached,
    expectScreen: (pattern, timeoutMs) => expectScreen(guestConsole, pattern, timeoutMs),
    async destroy() {
      stopClock();
      guestConsole.close();
      await emulator.destroy();
    },
  };
}

/** Runs what is due on the clock, turn by turn of the event loop; gives a function that ends it. */
export function keepGoing(clock: SystemClock): () => void {
  let going = true;
  const turn = () => {
    if (!going) return;
    clock.poll();
    setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    going = false;
  };
}

async function expectScreen(guestConsole: GuestConsole, pattern: RegExp, timeoutMs: number): Promise<string> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const screen = guestConsole.screenText().join('\n').trimEnd();
    if (pattern.test(screen)) return screen;
    if (performance.now() > end) {
      throw new Error(
        `the guest's screen has not shown ${pattern} within ${timeoutMs} ms; it shows:\n${screen}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What a state depends on: the guest, the emulator, and the cards with the code that makes them. */
async function stateKey(setup: GuestSetup<unknown>): Promise<string> {
  const { image, cards = '', netDevice = 'none' } = setup;
  const hash = createHash('sha256');
  const parts = [await emulatorVersion(), image.commandLine ?? '', `${image.memoryBytes}`, netDevice, cards];
  hash.update(JSON.stringify(parts));
  for (const bytes of [image.bios, image.vgaBios, image.kernel, image.initrd]) hash.update(bytes ?? '');
  for (const part of cards === '' ? [] : ['src/chips', 'src/attach/v86', 'src/bus']) {
    for (const name of readdirSync(join(root, part), { recursive: true }).map(String).sort()) {
      if (name.endsWith('.ts') && !name.endsWith('.test.ts'))
        hash.update(readFileSync(join(root, part, name)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}

/** Writes a state whole or not at all, and forgets the ones used longest ago. */
function keep(file: string, state: Uint8Array): void {
  mkdirSync(states, { recursive: true });
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, state);
  renameSync(fresh, file);
  const byAge = readdirSync(states)
    .map((name) => join(states, name))
    .map((path) => ({ path, usedMs: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.usedMs - a.usedMs);
  for (const { path } of byAge.slice(MAX_STATES)) rmSync(path, { force: true });
}
