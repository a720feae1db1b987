// What a QEMU machine is made of, and the checks that need no QEMU.

import type { Clock } from '../../kernel/clock.ts';
import type { Medium } from '../../wire/medium.ts';
import { AttachError } from './error.ts';

export interface QemuNicOptions {
  /** QEMU's name of the device, as `-device help` has it: pcnet, i82559er, e1000 ... */
  model: string;
  /** Six bytes. */
  mac: ArrayLike<number>;
  /** PCI slot, 3 to 31: the board has the others. */
  slot: number;
  /** Where its cable ends. */
  medium: Medium;
  /** Properties of the device, as `-device MODEL,help` has them. */
  properties?: Record<string, string | number>;
}

export interface QemuMachineOptions {
  nics: QemuNicOptions[];
  /** Memory in bytes, rounded up to MiB: 2 MiB to 2 GiB. */
  memoryBytes: number;
  /** Default: qemu-system-x86_64, or else qemu-system-i386. */
  program?: string;
  log?: (message: string) => void;
  clock: Clock;
  /** Time in ms after which a QEMU that does not answer is given up; default 10,000. */
  answerTimeoutMs?: number;
}

export const MIB = 0x100000;
/** Below are the area that is not memory (640 KiB to 1 MiB) and room for something. */
const MIN_MEMORY_BYTES = 2 * MIB;
/** Above it the PC has its memory in two pieces. */
const MAX_MEMORY_BYTES = 2048 * MIB;
/** 0 to 2: host bridge, ISA bridge, and where a display would be. */
export const FIRST_SLOT = 3;
const LAST_SLOT = 31;

/** Set here from the other options. */
const OWN_PROPERTIES = ['driver', 'id', 'bus', 'netdev', 'mac', 'addr', 'romfile', 'multifunction'];

/** Throws AttachError on what cannot be right. */
export function checkOptions(options: QemuMachineOptions): void {
  const { nics, memoryBytes, clock, answerTimeoutMs = 1 } = options;
  if (clock.kind !== 'system') {
    throw new AttachError('QEMU runs in real time: a SystemClock would be right');
  }
  if (!(memoryBytes >= MIN_MEMORY_BYTES && memoryBytes <= MAX_MEMORY_BYTES)) {
    throw new AttachError(
      `memory of ${memoryBytes} bytes: ${MIN_MEMORY_BYTES} (2 MiB) to ${MAX_MEMORY_BYTES} (2 GiB) would be right`,
    );
  }
  if (!(answerTimeoutMs > 0)) throw new AttachError(`answerTimeoutMs ${answerTimeoutMs}: more than 0`);
  const taken = new Set<number>();
  for (const nic of nics) {
    checkNic(nic);
    if (taken.has(nic.slot)) throw new AttachError(`PCI slot ${nic.slot} is taken twice`);
    taken.add(nic.slot);
  }
}

function checkNic({ model, mac, slot, properties = {} }: QemuNicOptions): void {
  if (!/^[\w.-]+$/.test(model)) {
    throw new AttachError(`NIC model "${model}": a name like pcnet or e1000 would be right`);
  }
  if (!Number.isInteger(slot) || slot < FIRST_SLOT || slot > LAST_SLOT) {
    throw new AttachError(`${model}: PCI slot ${slot}: ${FIRST_SLOT} to ${LAST_SLOT} would be right`);
  }
  if (mac.length !== 6) throw new AttachError(`${model}: a MAC of ${mac.length} bytes: 6 would be right`);
  if ((mac[0] & 1) !== 0) {
    throw new AttachError(`${model}: MAC ${formatMac(mac)} is a group's: an even first byte would be right`);
  }
  for (const [name, value] of Object.entries(properties)) {
    if (!/^[\w.-]+$/.test(name)) throw new AttachError(`${model}: "${name}" is no name of a property`);
    if (OWN_PROPERTIES.includes(name)) {
      throw new AttachError(`${model}: property "${name}" follows from slot, mac and medium: leave it out`);
    }
    if (typeof value === 'string' && value.includes('\0')) {
      throw new AttachError(`${model}: property "${name}" has a zero byte in its value`);
    }
  }
}

export function formatMac(mac: ArrayLike<number>): string {
  return Array.from(mac, (byte) => (byte & 0xff).toString(16).padStart(2, '0')).join(':');
}
