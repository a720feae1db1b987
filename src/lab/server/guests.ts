// Guests of a lab in their emulators: machines are made before the lab is built, since that takes a moment, and plugged into
// its wires when it is.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { attachNic } from '../../attach/v86/attach.ts';
import { OwnCard } from '../../attach/v86/own-card.ts';
import type { DeviceHost, PciChip } from '../../bus/host.ts';
import { type CardBooks, plugBooks } from '../card-books.ts';
import { makeChip } from '../chips.ts';
import type { GuestNic, GuestParts, LabGuest, OpenGuest } from '../guest.ts';
import { unplugged } from '../hosts.ts';
import { LabRunError } from '../problem.ts';
import type { ReadFile } from '../services.ts';
import type { GuestNicSpec, GuestSpec } from '../spec.ts';
import { GuestConsole } from './guest-console.ts';
import { ConsoleSocket } from './guest-socket.ts';
import { checkImage, type Emulator, GuestError, type GuestImage, makeEmulator } from './v86.ts';

/** Where `npm run guests` puts what it fetches, from dist/lab/server as from src/lab/server; and Debian's package seabios. */
const FETCHED = fileURLToPath(new URL('../../../labs/guests/', import.meta.url));
const FIRMWARE = {
  bios: [`${FETCHED}bios.bin`, '/usr/share/seabios/bios.bin'],
  vgaBios: [`${FETCHED}vgabios.bin`, '/usr/share/seabios/vgabios-stdvga.bin'],
} as const;

const OWN_CARDS = { 'v86:ne2k': 'ne2k', 'v86:virtio': 'virtio' } as const;
/** ECMA-48: control sequences, and control strings up to their end. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they begin with one.
const TERMINAL_SEQUENCE = /\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|.)/g;
/** Lines of the console that a report shows. */
const TAIL_LINES = 8;

/** A guest of the lab as its machine is: what it writes and what can be typed. */
export class Guest implements LabGuest {
  readonly spec: GuestSpec;
  readonly nics: GuestNic[];
  readonly console: GuestConsole;
  private readonly emulator: Emulator;
  private readonly socket: ConsoleSocket | null;
  private closed = false;

  constructor(spec: GuestSpec, emulator: Emulator, parts: GuestParts) {
    this.spec = spec;
    this.emulator = emulator;
    this.nics = spec.nics.map((nic) => ({ spec: nic, card: plugIn(emulator, spec, nic, parts) }));
    this.console = new GuestConsole(emulator);
    this.socket =
      spec.console === undefined ? null : new ConsoleSocket(spec.console, this.console, parts.log);
  }

  start(): void {
    void this.emulator.run();
  }

  consoleTail(): string[] {
    const serial = printable(this.console.serialTail(TAIL_LINES));
    return serial.length > 0 ? serial : printable(this.console.screenText()).slice(-TAIL_LINES);
  }

  listen(listener: (text: string) => void): () => void {
    return this.console.listen(listener);
  }

  type(bytes: Uint8Array): void {
    this.console.write(bytes);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.socket?.close();
    this.console.close();
    void this.emulator.destroy();
  }
}

/** The lines with something in them, without what a terminal would obey: its answers would land in somebody's shell. */
export function printable(lines: readonly string[]): string[] {
  return lines
    .map((line) => line.replace(TERMINAL_SEQUENCE, '').replace(/\p{Cc}/gu, ''))
    .filter((line) => line !== '');
}

/** Makes the machines of all guests. Throws LabRunError with what would help. */
export async function prepareGuests(specs: readonly GuestSpec[], readFile: ReadFile): Promise<OpenGuest> {
  const emulators = new Map<string, Emulator>();
  try {
    for (const spec of specs) {
      const own = spec.nics.find((nic) => nic.chip in OWN_CARDS);
      const netDevice = own === undefined ? 'none' : OWN_CARDS[own.chip as keyof typeof OWN_CARDS];
      const image = readImage(spec, readFile);
      emulators.set(spec.name, await makeEmulator(image, { netDevice, mac: own?.mac }).catch(sayWhose(spec)));
    }
  } catch (error) {
    for (const emulator of emulators.values()) void emulator.destroy();
    throw error;
  }
  return (spec, parts) => new Guest(spec, emulators.get(spec.name)!, parts);
}

/** What would keep guests from starting: files that are not there or not what they should be. */
export function tryGuests(specs: readonly GuestSpec[], readFile: ReadFile): LabRunError[] {
  return specs.flatMap((spec) => {
    try {
      const image = readImage(spec, readFile);
      try {
        checkImage(image);
      } catch (error) {
        sayWhose(spec)(error);
      }
      return [];
    } catch (error) {
      if (error instanceof LabRunError) return [error];
      throw error;
    }
  });
}

function sayWhose(spec: GuestSpec): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof GuestError)) throw error;
    throw new LabRunError(`guest "${spec.name}": ${error.message}`, ['hosts', spec.name]);
  };
}

function readImage(spec: GuestSpec, readFile: ReadFile): GuestImage {
  const read = (key: 'cdrom' | 'kernel' | 'initrd'): Uint8Array | undefined => {
    const name = spec[key];
    return name === undefined ? undefined : readNamed(spec, key, name, readFile);
  };
  const firmware = (key: 'bios' | 'vgaBios'): Uint8Array => {
    const name = spec[key];
    if (name !== undefined) return readNamed(spec, key, name, readFile);
    const path = FIRMWARE[key].find((each) => existsSync(each));
    if (path !== undefined) return readFileSync(path);
    const help = 'npm run guests, or apt install seabios, would help';
    throw new LabRunError(`guest "${spec.name}": there is no SeaBIOS: ${help}`, ['hosts', spec.name]);
  };
  return {
    bios: firmware('bios'),
    vgaBios: firmware('vgaBios'),
    cdrom: read('cdrom'),
    kernel: read('kernel'),
    initrd: read('initrd'),
    commandLine: spec.commandLine,
    memoryBytes: spec.memory,
  };
}

function readNamed(spec: GuestSpec, key: string, name: string, readFile: ReadFile): Uint8Array {
  try {
    return readFile(name);
  } catch (error) {
    const help = name.startsWith('guests/') ? '; npm run guests fetches it' : '';
    const message = `guest "${spec.name}": ${name}: ${(error as Error).message}${help}`;
    throw new LabRunError(message, ['hosts', spec.name, key]);
  }
}

function plugIn(emulator: Emulator, guest: GuestSpec, spec: GuestNicSpec, parts: GuestParts): CardBooks {
  const { clock, wires, log } = parts;
  const medium = wires.socket(`${guest.name}.${spec.name}`) ?? unplugged(spec.name, clock, wires);
  if (spec.chip in OWN_CARDS) {
    const card = new OwnCard(emulator, medium);
    return plugBooks(() => card.report());
  }
  const say = (message: string): void => log(`${guest.name}: ${message}`);
  let card!: CardBooks;
  const make = (host: DeviceHost): PciChip => {
    const made = makeChip(host, spec, medium);
    card = made.card;
    return made.chip;
  };
  attachNic(emulator, make, { clock, log: say });
  return card;
}
