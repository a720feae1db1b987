// A subject whose card is our PCnet model, on the virtual clock: deterministic, and as fast as the computer.

import { LocalFunction } from '../bus/local-function.ts';
import { PciBus } from '../bus/pci.ts';
import { I8255x, type I8255xModel } from '../chips/i8255x/model.ts';
import { Pcnet, type PcnetVariant } from '../chips/pcnet/model.ts';
import { VirtualClock } from '../kernel/clock.ts';
import { Machine } from '../kernel/machine.ts';
import { type CpuProfile, IDEAL } from '../kernel/profile.ts';
import { DeviceLayer } from '../net/layer.ts';
import { PfifoFast } from '../qdisc/pfifo-fast.ts';
import { FramePool } from '../wire/frame.ts';
import { Link } from '../wire/link.ts';
import { chipKind, isPcnet } from './chip-kinds.ts';
import { FarEnd } from './far-end.ts';
import {
  AccessCount,
  CARD_SLOT,
  HOST_MAC,
  type OpenSubject,
  type Subject,
  type SubjectOptions,
  watched,
} from './subject.ts';

const MS = 1_000_000;
/** How far the clock goes between two looks at whether what was waited for has come. */
const STEP_NS = 100_000;
/** The cable delays by 1 us, about 200 m. */
const DELAY_NS = 1_000;

/**
 * Opens machines with a model of this chip; `name` is what results call it. On a processor that takes no time, unless
 * `profile` says otherwise: then interrupts come in the middle of the driver's work.
 */
export function modelSubject(
  name: string,
  chip: PcnetVariant | I8255xModel,
  profile: CpuProfile = IDEAL,
): OpenSubject {
  return (options) => openModel(name, chip, profile, options);
}

/** Opens one at once. */
export function openModel(
  name: string,
  model: PcnetVariant | I8255xModel,
  profile: CpuProfile,
  options: SubjectOptions,
): Subject {
  const log: string[] = [];
  const kind = { ...chipKind(model) };
  if (options.bitsPerSecond !== undefined) kind.bitsPerSecond = options.bitsPerSecond;
  const clock = new VirtualClock();
  const machine = new Machine({
    name: 'host',
    clock,
    profile,
    seed: options.seed,
    debugMbufs: options.debugMbufs,
    log: (message) => log.push(message),
  });
  const layer = new DeviceLayer(machine);
  layer.defaultQdisc = (length) => new PfifoFast(length);
  const link = new Link({
    name: 'cable',
    clock,
    pool: new FramePool(),
    bitsPerSecond: kind.bitsPerSecond,
    delayNs: DELAY_NS,
  });
  const bus = new PciBus(machine);
  const accesses = new AccessCount(options.spy ?? null);
  const { mac = HOST_MAC } = options;
  const plug = options.cardWire === undefined ? link.a : options.cardWire(link.a);
  const pci = bus.plugFunction(CARD_SLOT, (line) => {
    const card = new LocalFunction(machine, `pci ${CARD_SLOT}`, line, (host) =>
      isPcnet(model)
        ? new Pcnet(host, plug, { variant: model, mac })
        : new I8255x(host, plug, { model, mac }),
    );
    return watched(options.card === undefined ? card : options.card(card), accesses);
  });
  const far = new FarEnd(options.wire === undefined ? link.b : options.wire(link.b, clock));
  return {
    name,
    ...kind,
    machine,
    layer,
    bus,
    pci,
    mac,
    far,
    log,
    accesses,
    wireLosses: () => 0,
    wirePadded: () => 0,
    setLink: (up) => link.setCarrier(up),
    run: async (until, limitMs) => {
      const end = clock.now() + limitMs * MS;
      while (!until()) {
        if (clock.now() >= end) return false;
        clock.run(Math.min(clock.now() + STEP_NS, end));
      }
      return true;
    },
    rest: async (ms) => {
      clock.run(clock.now() + ms * MS);
    },
    close: () => {},
  };
}
