// What can be compared: two drivers for one card, on our models, on the virtual clock. Drivers of the tree by name, or somebody's own
// module.

import { type I8255xModel, MODELS } from '../chips/i8255x/models.ts';
import type { PcnetVariant } from '../chips/pcnet/model.ts';
import { pcnet32Driver } from '../drivers/pcnet32/pcnet32.ts';
import type { DriverModule } from '../iopkt/entry.ts';
import type { MakeDriver } from '../scenario/bench.ts';
import { DRIVER_SCENARIOS } from '../scenario/driver/all.ts';
import { driverNamed, SCENARIO_DRIVERS } from '../scenario/drivers.ts';
import { ownIopktDriver } from '../scenario/iopkt-driver.ts';

export interface ComparedDriver {
  readonly name: string;
  readonly makeDriver: MakeDriver;
  /** By their names in lab files. */
  readonly chips: readonly string[];
  /** It is one of the tree's: the verifier and the bench know it by its name. */
  readonly known: boolean;
  /** Names of the scenarios that make sense for it. */
  scenarios(chip: string): readonly string[];
}

const PCNET_CHIPS: Readonly<Record<string, PcnetVariant>> = {
  am79c973: 'Am79C973',
  am79c970a: 'Am79C970A',
};
const INTEL_CHIPS = Object.keys(MODELS);
/** Of each family the one that is taken when nobody says which. */
const USUAL = ['i82559er', 'am79c973'];

/** Scenarios that choose the length of the ring: of a driver whose options nobody knows they cannot. */
const KNOWS_RING = ['receive ring full'];

/** A driver of the tree. Throws RangeError with those there are. */
export function treeDriver(name: string): ComparedDriver {
  const found = SCENARIO_DRIVERS.find((each) => each === name);
  if (found === undefined)
    throw new RangeError(
      `no driver is called "${name}"; there are: ${SCENARIO_DRIVERS.join(', ')}, or a file: ./my-driver.mjs`,
    );
  const { makeDriver = pcnet32Driver, scenarios } = driverNamed(found);
  return {
    name,
    makeDriver,
    known: true,
    chips: name.endsWith('speedo') ? INTEL_CHIPS : Object.keys(PCNET_CHIPS),
    // The scenarios call the Am79C973 after the lab file's usual card.
    scenarios: (chip) => scenarios(chip === 'am79c973' ? 'pcnet' : chip).map((each) => each.name),
  };
}

/** What a driver's file exports. It is tried with what any driver can do. */
export function ownDriver(name: string, module: DriverModule): ComparedDriver {
  const general = DRIVER_SCENARIOS.filter(
    (each) => each.needs === undefined && !KNOWS_RING.includes(each.name),
  );
  return {
    name,
    makeDriver: ownIopktDriver(name, module),
    known: false,
    chips: [...Object.keys(PCNET_CHIPS), ...INTEL_CHIPS],
    scenarios: () => general.map((each) => each.name),
  };
}

/** The chip by its name in lab files, or the usual one. Throws RangeError when the two do not both drive it. */
export function comparedChip(old: ComparedDriver, next: ComparedDriver, chip: string | null): string {
  const chips = old.chips.filter((each) => next.chips.includes(each));
  if (chips.length === 0) throw new RangeError(`${old.name} and ${next.name} drive no card that is the same`);
  if (chip === null) return USUAL.find((each) => chips.includes(each))!;
  if (chips.includes(chip.toLowerCase())) return chip.toLowerCase();
  if (chip.startsWith('qemu:'))
    throw new RangeError(
      `${chip} runs in real time: softnet scenarios --driver ${next.name} --on ${chip} would be right`,
    );
  throw new RangeError(
    `${old.name} and ${next.name} do not both drive "${chip}" here; they do: ${chips.join(', ')}`,
  );
}

/** The model behind such a name. */
export function modelOf(chip: string): PcnetVariant | I8255xModel {
  return PCNET_CHIPS[chip] ?? (chip as I8255xModel);
}
