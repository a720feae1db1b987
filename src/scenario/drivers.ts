// Which drivers the scenarios can be run with, what each drives, and which scenarios make sense for it on a card.

import type { MakeDriver } from './bench.ts';
import { DRIVER_SCENARIOS } from './driver/all.ts';
import { type IopktDriverName, iopktDriver, scenariosFor } from './iopkt-driver.ts';
import type { Need, Scenario } from './scenario.ts';
import { I8255X_SUBJECT_NAMES, SUBJECT_NAMES } from './subjects.ts';

export const SCENARIO_DRIVERS = ['pcnet32', 'pcn', 'speedo', 'devn-pcnet', 'devn-speedo'] as const;

export type ScenarioDriverName = (typeof SCENARIO_DRIVERS)[number];

interface ChosenDriver {
  /** Undefined: the scenarios' own, pcnet32. */
  readonly makeDriver: MakeDriver | undefined;
  /** Cards it is run on when nobody says which. */
  readonly subjects: readonly string[];
  /** Throws when it is none of this driver's cards, with those that are. */
  readonly scenarios: (subject: string) => readonly Scenario[];
}

const SPEEDO_SUBJECTS = ['i82557b', 'i82559er', 'qemu:i82559er'];

export function driverNamed(name: ScenarioDriverName): ChosenDriver {
  if (name === 'pcnet32')
    return {
      makeDriver: undefined,
      subjects: SUBJECT_NAMES,
      scenarios: (subject) => {
        demand(name, subject, SUBJECT_NAMES);
        return DRIVER_SCENARIOS;
      },
    };
  const intel = name.endsWith('speedo');
  const cards = intel ? I8255X_SUBJECT_NAMES : SUBJECT_NAMES;
  return {
    makeDriver: iopktDriver(name),
    subjects: intel ? SPEEDO_SUBJECTS : SUBJECT_NAMES,
    scenarios: (subject) => {
      demand(name, subject, cards);
      return scenariosFor(name, DRIVER_SCENARIOS, lacksOf(name, subject));
    },
  };
}

/**
 * What a card has not got. The 82557 drops frames above 1518 bytes and has no counter for them. QEMU's cards send while the
 * doorbell rings: io-pkt's drivers look at their ring again then, and it never fills. Its PHY of the 8255x says that there is a
 * link whatever the cable does.
 */
export function lacksOf(name: IopktDriverName, subject: string): readonly Need[] {
  const lacks: Need[] = [];
  if (subject.includes('i82557')) lacks.push('long frames');
  if (!subject.startsWith('qemu:')) return lacks;
  lacks.push('transmit ring');
  if (name.endsWith('speedo')) lacks.push('cable');
  return lacks;
}

function demand(name: string, subject: string, cards: readonly string[]): void {
  if (cards.includes(subject)) return;
  throw new RangeError(`${name} does not drive "${subject}"; it drives: ${cards.join(', ')}`);
}
