// The cards that a lab file can name: our models, and those of QEMU's devices that our drivers know.

import type { DeviceHost, PciChip } from '../bus/host.ts';
import { I8255x } from '../chips/i8255x/model.ts';
import { type I8255xModel, MODELS } from '../chips/i8255x/models.ts';
import { Pcnet, type PcnetVariant } from '../chips/pcnet/model.ts';
import type { Medium } from '../wire/medium.ts';
import { type CardBooks, i8255xBooks, pcnetBooks } from './card-books.ts';

/** `pcnet` is the later of the two. */
const PCNET_VARIANTS = {
  pcnet: 'Am79C973',
  am79c973: 'Am79C973',
  am79c970a: 'Am79C970A',
} as const satisfies Record<string, PcnetVariant>;

const PCNET_CHIPS = [
  'pcnet',
  'am79c973',
  'am79c970a',
] as const satisfies readonly (keyof typeof PCNET_VARIANTS)[];
const I8255X_CHIPS = [
  'i82557a',
  'i82557b',
  'i82557c',
  'i82558a',
  'i82558b',
  'i82559a',
  'i82559b',
  'i82559c',
  'i82559er',
  'i82550',
  'i82551',
  'i82801',
] as const satisfies readonly (keyof typeof MODELS)[];

/** Our own models. */
export const CHIPS = [...PCNET_CHIPS, ...I8255X_CHIPS] as const;
export type ChipName = (typeof CHIPS)[number];

const REMOTE = 'qemu:';
/** Devices of QEMU's that our drivers know, by the names they have there, and the model of ours that is nearest. */
const QEMU_DEVICES: Readonly<Record<string, ChipName>> = {
  pcnet: 'pcnet',
  ...Object.fromEntries(I8255X_CHIPS.map((name) => [name, name])),
  // The PHY of Intel's chip sets, with an 82559 in front of it.
  i82562: 'i82559c',
};
export const QEMU_CHIPS: readonly string[] = Object.keys(QEMU_DEVICES).map((name) => `${REMOTE}${name}`);

/** No card at all: the device is the end of its cable (plain-device.ts). */
export const NO_CHIP = 'none';

/** Drivers that know a chip: of the core, and of io-pkt. */
const DRIVERS = {
  pcnet: { core: 'pcnet32', 'io-pkt': 'pcn' },
  i8255x: { core: null, 'io-pkt': 'speedo' },
} as const;
export type StackName = 'core' | 'io-pkt';

/** Name of the driver for a chip on a host with this stack; null: there is none, or none is wanted. */
export function driverFor(chip: string, stack: StackName): string | null {
  if (chip === NO_CHIP) return null;
  return DRIVERS[isI8255x(ourChip(chip)) ? 'i8255x' : 'pcnet'][stack];
}

export function isRemote(chip: string): boolean {
  return chip.startsWith(REMOTE);
}

/** `pcnet` of `qemu:pcnet`. */
export function remoteModel(chip: string): string {
  return chip.slice(REMOTE.length);
}

/** The chip itself, or the model of ours that is nearest to QEMU's device. */
export function ourChip(chip: string): ChipName {
  return isRemote(chip) ? QEMU_DEVICES[remoteModel(chip)] : (chip as ChipName);
}

export interface ChipParts {
  chip: string;
  mac: Uint8Array;
  /** ns; as a real PHY unless told. */
  negotiation?: number;
}

/** A model for a NIC of a host or a guest, and its books. */
export function makeChip(
  host: DeviceHost,
  { chip, mac, negotiation: negotiationNs }: ChipParts,
  medium: Medium,
): { chip: PciChip; card: CardBooks } {
  if (isI8255x(chip)) {
    const made = new I8255x(host, medium, { model: chip, mac, negotiationNs });
    return { chip: made, card: i8255xBooks(made.counters) };
  }
  const variant = PCNET_VARIANTS[chip as keyof typeof PCNET_VARIANTS];
  const made = new Pcnet(host, medium, { variant, mac, negotiationNs });
  return { chip: made, card: pcnetBooks(made.counters) };
}

function isI8255x(chip: string): chip is I8255xModel {
  return chip in MODELS;
}
