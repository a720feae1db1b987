// io-net drivers under the shim, to be verified: those of the tree on models of their chips, and any for the made-up card. To
// them belongs what the shim cannot see by itself: whether a card reads a packet that its driver has given back (S03).

import { IOPKT_DRIVERS, linkRate } from '../drivers/iopkt.ts';
import type { io_net_dll_entry_t } from '../ionet/interface.ts';
import { shimModule } from '../ionet/shim/shim.ts';
import { xxEntry } from '../ionet/testing-driver.ts';
import type { TestFunctions } from '../ionet/testing-driver-state.ts';
import { IoPkt } from '../iopkt/manager.ts';
import type { TestCard } from '../iopkt/testing-card.ts';
import { type Chip, type MachineParts, madeUpMachine, modelMachine } from './machines.ts';
import { Rig, type RigOptions } from './rig.ts';
import { watchSent } from './sent-watch.ts';
import type { VerifierSubject } from './subjects.ts';

export const MADE_UP = 'made-up';
/** Copy and loan: the shim's two ways to hand up what was received. */
const RXCOPY: readonly (string | null)[] = [null, 'shimrxcopy=0'];

/** A driver of the tree on a chip of ours. */
export function ionetOnModel(driver: string, chip: Chip): VerifierSubject {
  return {
    driver,
    chip,
    kind: 'io-net',
    variants: RXCOPY,
    open(options) {
      const { bus, ...parts } = modelMachine(chip, options);
      const io = new IoPkt(parts.layer, {
        pci: bus,
        sigsegv: options.sigsegv ?? false,
        drivers: IOPKT_DRIVERS,
      });
      return shimmed(parts, io, options, (text) => io.mount(driver, text));
    },
  };
}

/** A driver of the made-up card. */
export function ionetOnMadeUpCard(
  driver: string,
  entryFor: (card: TestCard) => io_net_dll_entry_t,
  variants: readonly (string | null)[] = RXCOPY,
): VerifierSubject {
  return {
    driver,
    chip: MADE_UP,
    kind: 'io-net',
    variants,
    open(options) {
      const { made, ...parts } = madeUpMachine(options);
      const io = new IoPkt(parts.layer, { sigsegv: options.sigsegv ?? false });
      io.register('devnp-shim.so', shimModule);
      return shimmed(parts, io, options, (text) => {
        io.register('devn-it.so', { io_net_dll_entry: entryFor(made) });
        return io.mount('it', text);
      });
    },
  };
}

/** The driver of the io-net tests, some of its functions replaced. */
export function xxIonetSubject(
  functions: Partial<TestFunctions> = {},
  name = 'devn-xx',
  variants: readonly (string | null)[] = RXCOPY,
): VerifierSubject {
  return ionetOnMadeUpCard(name, (card) => xxEntry([card], functions), variants);
}

function shimmed(
  parts: MachineParts,
  io: IoPkt,
  options: RigOptions,
  mountIt: (text: string | null) => string[],
): Rig {
  const watch = watchSent(io, parts.card);
  const mount = (text: string | null): void => {
    for (const name of mountIt(text)) watch(io.find(name)!);
  };
  // io-net has no word for a link: what the driver says of its rate tells.
  const linked = (): boolean => linkRate(io, io.ifnets[0]) > 0;
  const unmount = (): void => io.destroy(io.ifnets[0].if_xname);
  return new Rig({ ...parts, kind: 'io-net', io, linked, mount, unmount }, options);
}
