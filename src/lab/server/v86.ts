// A guest machine in the emulator v86, from Node: finds the package, hands it firmware, kernel or boot CD, and gives the
// machine as it is before it starts, so that cards can be plugged in. The package is optional and loaded when it is needed.
// After v86.d.ts and the kernel's boot protocol (Documentation/arch/x86/boot.rst); v86 puts an initrd at 64 MiB.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface GuestImage {
  /** SeaBIOS or the like, 64 KiB to 256 KiB. */
  bios: Uint8Array;
  vgaBios: Uint8Array;
  /** An ISO image in the CD-ROM drive. */
  cdrom?: Uint8Array;
  /** A Linux kernel in the bzImage format; started in place of what the BIOS would boot. */
  kernel?: Uint8Array;
  /** A root file system for the kernel: a cpio archive, packed or not. */
  initrd?: Uint8Array;
  commandLine?: string;
  /** A power of two. 128 MiB carries a Linux with a small root file system; an initrd lies at 64 MiB. */
  memoryBytes: number;
}

export interface EmulatorOptions {
  /** v86's own network card. Default 'none'. */
  netDevice?: 'none' | 'ne2k' | 'virtio';
  /** Address of v86's own card, six octets; v86 draws one when it is left out. */
  mac?: ArrayLike<number>;
}

/** What is used of v86's class V86. */
export interface Emulator {
  /** The machine inside; not part of v86's documented interface. */
  // biome-ignore lint/suspicious/noExplicitAny: internals of another package; who uses them says which.
  readonly v86: any;
  run(): Promise<void>;
  stop(): Promise<void>;
  /** Ends it for good; its memory goes when nobody holds it any more. */
  destroy(): Promise<void>;
  is_running(): boolean;
  save_state(): Promise<ArrayBuffer>;
  restore_state(state: ArrayBuffer): Promise<void>;
  // biome-ignore lint/suspicious/noExplicitAny: each event has an argument of its own.
  add_listener(event: string, listener: (argument: any) => void): void;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  remove_listener(event: string, listener: (argument: any) => void): void;
  serial_send_bytes(serial: number, bytes: Uint8Array): void;
  keyboard_send_scancodes(codes: readonly number[], delayMs?: number): Promise<void>;
  keyboard_send_text(text: string, delayMs?: number): Promise<void>;
  readonly screen_adapter?: { get_text_screen(): string[] };
}

/**
 * Command line for Debian's i386 kernels: console on the first serial port, and without what takes most of their start in
 * an emulator (self-tests of ciphers alone are two thirds of its instructions).
 */
export const LINUX_COMMAND_LINE =
  'console=ttyS0 loglevel=2 panic=-1 tsc=reliable mitigations=off random.trust_cpu=on cryptomgr.notests noisapnp nokaslr';

/** A guest cannot be made; the message says what would help. */
export class GuestError extends Error {}

const MIB = 1024 * 1024;
const INITRD_ADDRESS = 64 * MIB;
/** The kernel's limit for x86, its final zero included. */
const COMMAND_LINE_BYTES = 2048;
const CD_SECTOR_BYTES = 2048;
/** "HdrS" in the setup header of a bzImage. */
const BZIMAGE_MAGIC_AT = 0x202;
const BZIMAGE_MAGIC = 'HdrS';
/** Making a machine takes about 100 ms; this is for a computer that is very busy. */
const READY_TIMEOUT_MS = 60_000;

/** What is used of it; Node's types do not have it. */
interface WebAssemblyApi {
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(module: object, imports: object): Promise<{ exports: object }>;
}
const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyApi };

interface V86Package {
  V86: new (options: Record<string, unknown>) => Emulator;
  module: object;
  version: string;
}
let loaded: Promise<V86Package> | null = null;

/** Version of the package v86, since states of one version are not for another. Throws GuestError without it. */
export async function emulatorVersion(): Promise<string> {
  return (await loadPackage()).version;
}

/** Makes a machine that has not started. Throws GuestError for an image that cannot work, or without the package v86. */
export async function makeEmulator(image: GuestImage, options: EmulatorOptions = {}): Promise<Emulator> {
  checkImage(image);
  const { V86, module } = await loadPackage();
  const { netDevice = 'none', mac } = options;
  if (mac !== undefined && (mac.length !== 6 || netDevice === 'none')) {
    throw new GuestError('a MAC address has six octets and belongs to a netDevice: ne2k or virtio');
  }
  const file = (bytes: Uint8Array | undefined) =>
    bytes === undefined ? undefined : { buffer: ownBuffer(bytes) };
  const emulator = new V86({
    wasm_fn: async (imports: object) => (await WebAssembly.instantiate(module, imports)).exports,
    bios: file(image.bios),
    vga_bios: file(image.vgaBios),
    cdrom: file(image.cdrom),
    bzimage: file(image.kernel),
    initrd: file(image.initrd),
    cmdline: image.commandLine ?? '',
    memory_size: image.memoryBytes,
    vga_memory_size: 2 * MIB,
    net_device: { type: netDevice },
    preserve_mac_from_state_image: true,
    acpi: false,
    autostart: false,
    disable_mouse: true,
    disable_speaker: true,
  });
  await isReady(emulator);
  if (mac !== undefined) setOwnMac(emulator, netDevice, mac);
  return emulator;
}

function isReady(emulator: Emulator): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new GuestError(`v86 has not made a machine within ${READY_TIMEOUT_MS / 1000} s`)),
      READY_TIMEOUT_MS,
    );
    emulator.add_listener('emulator-ready', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function loadPackage(): Promise<V86Package> {
  loaded ??= findPackage();
  return loaded;
}

async function findPackage(): Promise<V86Package> {
  const { resolve } = createRequire(import.meta.url);
  let entry: string;
  try {
    entry = resolve('v86');
  } catch {
    throw new GuestError('the package v86 is not installed: npm install v86 would help');
  }
  const folder = dirname(entry);
  const { V86 } = await import(pathToFileURL(entry).href);
  const wasm = await readFile(join(folder, 'v86.wasm')).catch(() => {
    throw new GuestError(`the package v86 has no v86.wasm beside ${entry}: npm install v86 would help`);
  });
  const { version } = JSON.parse(await readFile(join(folder, '..', 'package.json'), 'utf8'));
  return { V86, version, module: await WebAssembly.compile(wasm) };
}

/** A copy that v86 may write to, as it does with a kernel's header, and may see as words. */
function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  const own = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  own.set(bytes);
  return own.buffer;
}

/** Throws GuestError with what is wrong with an image, as far as it can be seen without starting it. */
export function checkImage(image: GuestImage): void {
  const { bios, vgaBios, cdrom, kernel, initrd, commandLine = '', memoryBytes } = image;
  if (!(memoryBytes >= 16 * MIB && memoryBytes <= 2048 * MIB) || !Number.isInteger(Math.log2(memoryBytes))) {
    throw new GuestError(
      `memory of ${memoryBytes} bytes: a power of two from 16 MiB to 2 GiB would be right`,
    );
  }
  if (bios.length < 64 * 1024 || bios.length > 256 * 1024 || bios.length % 4096 !== 0) {
    throw new GuestError(`BIOS of ${bios.length} bytes: SeaBIOS's bios.bin has 131072`);
  }
  if (vgaBios.length < 512 || vgaBios[0] !== 0x55 || vgaBios[1] !== 0xaa) {
    throw new GuestError(
      "the VGA BIOS does not begin with 55 AA: SeaBIOS's vgabios-stdvga.bin would be right",
    );
  }
  if (cdrom !== undefined && (cdrom.length === 0 || cdrom.length % CD_SECTOR_BYTES !== 0)) {
    throw new GuestError(`CD-ROM of ${cdrom.length} bytes: an ISO image is a multiple of ${CD_SECTOR_BYTES}`);
  }
  if (kernel === undefined) {
    if (initrd !== undefined || commandLine !== '')
      throw new GuestError('an initrd and a command line need a kernel');
    return;
  }
  const magic = String.fromCharCode(...kernel.subarray(BZIMAGE_MAGIC_AT, BZIMAGE_MAGIC_AT + 4));
  if (magic !== BZIMAGE_MAGIC) throw new GuestError('the kernel is not in the bzImage format');
  if (commandLine.length >= COMMAND_LINE_BYTES) {
    throw new GuestError(
      `command line of ${commandLine.length} characters: at most ${COMMAND_LINE_BYTES - 1}`,
    );
  }
  if (kernel.length > INITRD_ADDRESS - MIB)
    throw new GuestError(`kernel of ${kernel.length} bytes: at most 63 MiB`);
  if (initrd !== undefined && INITRD_ADDRESS + initrd.length > memoryBytes) {
    throw new GuestError(
      `an initrd of ${initrd.length} bytes from 64 MiB on does not fit into ${memoryBytes} bytes`,
    );
  }
}

/** v86 has no option for it: the register copy and, on the NE2000, the PROM that holds every octet twice. */
function setOwnMac(emulator: Emulator, netDevice: string, mac: ArrayLike<number>): void {
  const { devices } = emulator.v86.cpu;
  const card = netDevice === 'ne2k' ? devices.net : devices.virtio_net;
  if (!(card?.mac instanceof Uint8Array)) {
    throw new GuestError(
      `this version of v86 keeps the address of its ${netDevice} elsewhere: leave mac out`,
    );
  }
  for (let i = 0; i < 6; i++) {
    card.mac[i] = mac[i];
    if (netDevice === 'ne2k') card.memory[2 * i] = card.memory[2 * i + 1] = mac[i];
  }
}
