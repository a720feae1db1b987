// A machine with one card: a chip model of ours, or the made-up card of the io-pkt tests. No driver is loaded.

import type { PciBus } from '../bus/pci.ts';
import type { I8255xModel } from '../chips/i8255x/model.ts';
import type { PcnetVariant } from '../chips/pcnet/model.ts';
import { TestCard } from '../iopkt/testing-card.ts';
import { VirtualClock } from '../kernel/clock.ts';
import { Machine } from '../kernel/machine.ts';
import { IDEAL, X86_DESKTOP } from '../kernel/profile.ts';
import { DeviceLayer } from '../net/layer.ts';
import { PfifoFast } from '../qdisc/pfifo-fast.ts';
import { openModel } from '../scenario/model-subject.ts';
import { HOST_MAC } from '../scenario/subject.ts';
import { MadeUpCard, ModelCard } from './card.ts';
import type { RigOptions, RigParts } from './rig.ts';

export type Chip = PcnetVariant | I8255xModel;
export type MachineParts = Omit<RigParts, 'kind' | 'io' | 'mount' | 'unmount'>;

const MADE_UP_MEMORY = 2 << 20;
const MADE_UP_IRQ = 9;
const MADE_UP_SLOTS = 32;
/** A ring that fills: a frame takes as long as one of 1500 bytes at 100 Mb/s. */
const MADE_UP_FRAME_NS = 120_000;

/** A machine with a model of this chip on its PCI bus. */
export function modelMachine(chip: Chip, options: RigOptions): MachineParts & { bus: PciBus } {
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
  return { machine, layer, clock: machine.clock as VirtualClock, card, irq: pci.irq, pci, log, bus };
}

/** A machine with the made-up card; a driver's loader wants the card itself. */
export function madeUpMachine(options: RigOptions): MachineParts & { made: TestCard } {
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
