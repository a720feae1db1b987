// What is verified: a driver on a card. Those of the tree by name; a driver module for the made-up card of the io-pkt tests.

import type { I8255xModel } from '../chips/i8255x/model.ts';
import type { PcnetVariant } from '../chips/pcnet/model.ts';
import { IOPKT_DRIVERS } from '../drivers/iopkt.ts';
import { pcnet32Driver } from '../drivers/pcnet32/pcnet32.ts';
import type { DriverModule } from '../iopkt/entry.ts';
import { IoPkt } from '../iopkt/manager.ts';
import { TestCard } from '../iopkt/testing-card.ts';
import { xxModule } from '../iopkt/testing-driver.ts';
import type { DriverFunctions } from '../iopkt/testing-softc.ts';
import { VirtualClock } from '../kernel/clock.ts';
import { Machine } from '../kernel/machine.ts';
import { IDEAL, X86_DESKTOP } from '../kernel/profile.ts';
import { DeviceLayer } from '../net/layer.ts';
import { PfifoFast } from '../qdisc/pfifo-fast.ts';
import { openModel } from '../scenario/model-subject.ts';
import { HOST_MAC } from '../scenario/subject.ts';
import { MadeUpCard, ModelCard } from './card.ts';
import { Rig, type RigOptions, type RigParts } from './rig.ts';

export interface VerifierSubject {
  readonly driver: string;
  readonly chip: string;
  readonly kind: 'io-pkt' | 'core';
  /** Ways to load it that behave differently. */
  readonly variants: readonly (string | null)[];
  open(options: RigOptions): Rig;
}

const MADE_UP = 'made-up';
const MADE_UP_MEMORY = 4 << 20;
const MADE_UP_IRQ = 9;
const MADE_UP_SLOTS = 32;
/** A ring that fills: a frame takes as long as one of 1500 bytes at 100 Mb/s. */
const MADE_UP_FRAME_NS = 120_000;

// ---- chips of ours

function onModel(
  driver: string,
  chip: PcnetVariant | I8255xModel,
  variants: readonly (string | null)[],
): VerifierSubject {
  const kind = driver === 'pcnet32' ? 'core' : 'io-pkt';
  return {
    driver,
    chip,
    kind,
    variants,
    open: (options) => openOnModel(driver, chip, options),
  };
}

function openOnModel(driver: string, chip: PcnetVariant | I8255xModel, options: RigOptions): Rig {
  const card = new ModelCard(options.mac ?? HOST_MAC);
  const subject = openModel(chip, chip, options.costs === true ? X86_DESKTOP : IDEAL, {
    seed: options.seed,
    debugMbufs: options.guarded,
    mac: card.mac,
    card: (inner) => card.onBus(inner),
    cardWire: (medium) => card.onWire(medium),
  });
  card.plug = (up) => subject.setLink(up);
  const { machine, layer, bus, pci, log } = subject;
  const base = { machine, layer, clock: machine.clock as VirtualClock, card, irq: pci.irq, pci, log };
  const rig = (parts: Pick<RigParts, 'io' | 'mount' | 'unmount'>): Rig =>
    new Rig({ ...base, ...parts }, options);
  if (driver !== 'pcnet32') {
    const io = new IoPkt(layer, { pci: bus, sigsegv: options.sigsegv ?? false, drivers: IOPKT_DRIVERS });
    return rig({
      io,
      mount: (text) => void io.mount(driver, text),
      unmount: () => io.destroy(io.ifnets[0].if_xname),
    });
  }
  const core = pcnet32Driver(layer);
  return rig({
    io: null,
    mount: () => {
      if (!bus.register(core).includes(pci)) throw new Error(`the probe failed: ${log.join('; ')}`);
    },
    unmount: () => bus.unregister(core),
  });
}

// ---- the made-up card

/** A machine with the made-up card, and what a driver's loader needs of it. */
export function madeUpMachine(options: RigOptions): Omit<RigParts, 'io' | 'mount' | 'unmount'> & {
  made: TestCard;
} {
  const clock = new VirtualClock();
  const log: string[] = [];
  const machine = new Machine({
    name: 'host',
    clock,
    memory: MADE_UP_MEMORY,
    mbufs: 512,
    clusters: 256,
    profile: options.costs === true ? X86_DESKTOP : IDEAL,
    seed: options.seed,
    debugMbufs: options.guarded,
    log: (line) => void log.push(line),
  });
  const layer = new DeviceLayer(machine);
  layer.defaultQdisc = (length) => new PfifoFast(length);
  const made = new TestCard(machine, {
    irq: MADE_UP_IRQ,
    frameNs: MADE_UP_FRAME_NS,
    mac: options.mac ?? HOST_MAC,
    slots: MADE_UP_SLOTS,
  });
  return { machine, layer, clock, card: new MadeUpCard(made), made, irq: MADE_UP_IRQ, pci: null, log };
}

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
      return new Rig({ ...parts, io, mount, unmount: () => io.destroy(io.ifnets[0].if_xname) }, options);
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

export const SUBJECTS: readonly VerifierSubject[] = [
  onModel('speedo', 'i82557b', [null, 'kermask']),
  onModel('speedo', 'i82559er', [null]),
  onModel('speedo', 'i82550', [null]),
  onModel('pcn', 'Am79C970A', [null]),
  onModel('pcn', 'Am79C973', [null]),
  onModel('pcnet32', 'Am79C970A', [null]),
  onModel('pcnet32', 'Am79C973', [null]),
  xxSubject(),
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
