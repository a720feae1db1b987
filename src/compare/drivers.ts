// What can be compared: two drivers for one card, on our models, on the virtual clock.

import { type I8255xModel, MODELS } from '../chips/i8255x/models.ts';
import type { PcnetVariant } from '../chips/pcnet/model.ts';
import { pcnet32Driver } from '../drivers/pcnet32/pcnet32.ts';
import type { MakeDriver } from '../scenario/bench.ts';
import { driverNamed, SCENARIO_DRIVERS, type ScenarioDriverName } from '../scenario/drivers.ts';

export type ComparedChip = PcnetVariant | I8255xModel;

const PCNET_CHIPS: Readonly<Record<string, PcnetVariant>> = {
  am79c973: 'Am79C973',
  am79c970a: 'Am79C970A',
};
const INTEL_CHIPS = Object.keys(MODELS);
/** Of each family the one that is taken when nobody says which. */
const DEFAULT_PCNET = 'am79c973';
const DEFAULT_INTEL = 'i82559er';

/** Drivers that go under the shim. */
export function isIoNet(driver: string): boolean {
  return driver.startsWith('devn-');
}

function chipsOf(driver: string): readonly string[] {
  return driver.endsWith('speedo') ? INTEL_CHIPS : Object.keys(PCNET_CHIPS);
}

/** Throws RangeError with the drivers there are. */
export function comparedDriver(name: string): ScenarioDriverName {
  const found = SCENARIO_DRIVERS.find((each) => each === name);
  if (found !== undefined) return found;
  throw new RangeError(`no driver is called "${name}"; there are: ${SCENARIO_DRIVERS.join(', ')}`);
}

/** The chip by its name in lab files, or the usual one. Throws RangeError when the two do not both drive it. */
export function comparedChip(old: ScenarioDriverName, next: ScenarioDriverName, chip: string | null): string {
  const chips = chipsOf(old).filter((each) => chipsOf(next).includes(each));
  if (chips.length === 0) throw new RangeError(`${old} and ${next} drive no card that is the same`);
  if (chip === null) return chips.includes(DEFAULT_INTEL) ? DEFAULT_INTEL : DEFAULT_PCNET;
  if (chips.includes(chip.toLowerCase())) return chip.toLowerCase();
  if (chip.startsWith('qemu:'))
    throw new RangeError(
      `${chip} runs in real time: softnet scenarios --driver ${next} --on ${chip} would be right`,
    );
  throw new RangeError(`${old} and ${next} do not both drive "${chip}" here; they do: ${chips.join(', ')}`);
}

/** The model behind such a name. */
export function modelOf(chip: string): ComparedChip {
  return PCNET_CHIPS[chip] ?? (chip as I8255xModel);
}

export function makerOf(driver: ScenarioDriverName): MakeDriver {
  return driverNamed(driver).makeDriver ?? pcnet32Driver;
}
