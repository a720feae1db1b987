// What is verified: a driver on a card. Those of the tree by name; a driver module for the made-up card of the io-pkt tests.

import { IONET_DRIVERS } from '../drivers/ionet.ts';
import { IOPKT_DRIVERS } from '../drivers/iopkt.ts';
import { pcnet32Driver } from '../drivers/pcnet32/pcnet32.ts';
import type { DriverModule } from '../iopkt/entry.ts';
import { IoPkt } from '../iopkt/manager.ts';
import type { TestCard } from '../iopkt/testing-card.ts';
import { xxModule } from '../iopkt/testing-driver.ts';
import type { DriverFunctions } from '../iopkt/testing-softc.ts';
import { ionetOnModel, MADE_UP, xxIonetSubject } from './ionet-subjects.ts';
import { type Chip, madeUpMachine, modelMachine } from './machines.ts';
import { Rig, type RigOptions } from './rig.ts';
import type { Kind } from './rules.ts';

export interface VerifierSubject {
  readonly driver: string;
  readonly chip: string;
  readonly kind: Kind;
  /** Ways to load it that behave differently. */
  readonly variants: readonly (string | null)[];
  open(options: RigOptions): Rig;
}

// ---- chips of ours

/** A driver of io-pkt's own interface. */
function onModel(driver: string, chip: Chip, variants: readonly (string | null)[] = [null]): VerifierSubject {
  return {
    driver,
    chip,
    kind: 'io-pkt',
    variants,
    open(options) {
      const { bus, ...parts } = modelMachine(chip, options);
      const io = new IoPkt(parts.layer, {
        pci: bus,
        sigsegv: options.sigsegv ?? false,
        drivers: IOPKT_DRIVERS,
      });
      const mount = (text: string | null): void => void io.mount(driver, text);
      const unmount = (): void => io.destroy(io.ifnets[0].if_xname);
      return new Rig({ ...parts, kind: 'io-pkt', io, mount, unmount }, options);
    },
  };
}

/** pcnet32, a driver of the core's own interface. */
function coreOnModel(chip: Chip): VerifierSubject {
  return {
    driver: 'pcnet32',
    chip,
    kind: 'core',
    variants: [null],
    open(options) {
      const { bus, ...parts } = modelMachine(chip, options);
      const { layer, pci, log } = parts;
      const core = pcnet32Driver(layer);
      const mount = (): void => {
        if (!bus.register(core).includes(pci!)) throw new Error(`the probe failed: ${log.join('; ')}`);
      };
      const unmount = (): void => bus.unregister(core);
      return new Rig({ ...parts, kind: 'core', io: null, mount, unmount }, options);
    },
  };
}

// ---- the made-up card

/** An io-pkt driver of the made-up card. */
export function onMadeUpCard(
  driver: string,
  moduleFor: (card: TestCard) => DriverModule,
  variants: readonly (string | null)[] = [null],
): VerifierSubject {
  return {
    driver,
    chip: MADE_UP,
    kind: 'io-pkt',
    variants,
    open(options) {
      const { made, ...parts } = madeUpMachine(options);
      const io = new IoPkt(parts.layer, { sigsegv: options.sigsegv ?? false });
      // A fresh module each time: as the real ones, which ask the bus, it must find a card that was given back.
      const mount = (text: string | null): void => {
        io.register('devnp-it.so', moduleFor(made));
        io.mount('it', text);
      };
      const unmount = (): void => io.destroy(io.ifnets[0].if_xname);
      return new Rig({ ...parts, kind: 'io-pkt', io, mount, unmount }, options);
    },
  };
}

/** The driver of the io-pkt tests, some of its functions replaced. */
export function xxSubject(
  functions: Partial<DriverFunctions> = {},
  name = 'xx',
  variants: readonly (string | null)[] = [null, 'kermask'],
): VerifierSubject {
  return onMadeUpCard(name, (card) => xxModule([card], functions), variants);
}

// ---- all of the tree

/** Drivers for io-net, as far as they are there, and the chips they are tried on. */
const IONET_ON: readonly (readonly [driver: string, chip: Chip])[] = [
  ['devn-speedo', 'i82557b'],
  ['devn-speedo', 'i82559er'],
  ['devn-pcnet', 'Am79C970A'],
  ['devn-pcnet', 'Am79C973'],
];

export const SUBJECTS: readonly VerifierSubject[] = [
  onModel('speedo', 'i82557b', [null, 'kermask']),
  onModel('speedo', 'i82559er'),
  onModel('speedo', 'i82550'),
  onModel('pcn', 'Am79C970A'),
  onModel('pcn', 'Am79C973'),
  coreOnModel('Am79C970A'),
  coreOnModel('Am79C973'),
  xxSubject(),
  ...IONET_ON.filter(([driver]) => `${driver}.so` in IONET_DRIVERS).map((pair) => ionetOnModel(...pair)),
  xxIonetSubject(),
];

/** Those of a driver, on one chip if so wanted. Throws with the names there are. */
export function subjectsNamed(driver: string | null, chip: string | null): readonly VerifierSubject[] {
  const drivers = [...new Set(SUBJECTS.map((subject) => subject.driver))];
  if (driver !== null && !drivers.includes(driver))
    throw new RangeError(`no driver is called "${driver}"; there are: ${drivers.join(', ')}`);
  const mine = SUBJECTS.filter((subject) => driver === null || subject.driver === driver);
  const found = mine.filter((subject) => chip === null || subject.chip.toLowerCase() === chip.toLowerCase());
  if (found.length > 0) return found;
  const chips = [...new Set(mine.map((subject) => subject.chip))];
  throw new RangeError(
    `${driver ?? 'no driver'} runs on no chip "${chip}" here; there are: ${chips.join(', ')}`,
  );
}
