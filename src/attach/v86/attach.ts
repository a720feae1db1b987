// Plugging a chip model of ours into a guest in v86: `attachNic`.

import type { DeviceHost, PciChip, StateObject } from '../../bus/host.ts';
import type { Clock } from '../../kernel/clock.ts';
import { type Board, boardOf } from './board.ts';
import type { V86Emulator } from './emulator.ts';
import { GuestFunction } from './function.ts';

export type { V86Emulator } from './emulator.ts';

export interface AttachOptions {
  /** Of the chip and its medium. Somebody polls it: the lab, or `startPolling`. */
  clock: Clock;
  /** PCI slot, 1 to 31. Default: the first from 3 on that v86 leaves free. */
  slot?: number;
  /** Line of the interrupt controller, 3 to 15, until the guest's firmware routes the slot's INTA#. Default 11. */
  irq?: number;
  /** Where the first I/O BAR stands at first; firmware and guest may move it. A multiple of its size. Default: from 0xe000 on. */
  ioBase?: number;
  /** The same for the first memory BAR. Above the guest's memory. Default: from 0xfd000000 on. */
  memoryBase?: number;
  /** Gets what people should know, each message once. Default: `console.warn`. */
  log?: (message: string) => void;
}

export interface AttachedNic<Chip> {
  readonly chip: Chip;
  readonly slot: number;
  /** The line of the interrupt controller it leads to now. */
  readonly irq: number;
  /** Where the first I/O BAR is now; 0 when the chip has none, or the guest has not placed it. */
  readonly ioBase: number;
  /** The same of the first memory BAR. */
  readonly memoryBase: number;
  /** Exceptions in chip or medium that the guest was kept from; the log has them. */
  readonly faults: number;
  /** The card alone, as plain data; v86's save_state has it too. */
  save(): unknown;
  /** Throws with what is wrong, before anything was changed, for what is not this card's. */
  restore(state: unknown): void;
  /** Takes the card out of its slot; the medium keeps its plug. Harmless when repeated. */
  detach(): void;
}

const FIRST_SLOT = 3;
const LAST_SLOT = 31;
const DEFAULT_IRQ = 11;
const IO_START = 0xe000;
const IO_END = 0x10000;
const MEMORY_START = 0xfd000000;
/** Behind it are interrupt controllers and ROMs. */
const MEMORY_END = 0xfec00000;

/**
 * Puts a chip into a slot of an emulator's PCI bus, before the guest starts: construct it with `autostart: false` and wait
 * for 'emulator-ready'. From then on v86's `save_state` and `restore_state` carry the card along. Throws with what would
 * be right when an option cannot be, the slot is taken, or this version of v86 is not known.
 */
export function attachNic<Chip extends PciChip>(
  emulator: V86Emulator,
  makeChip: (host: DeviceHost) => Chip,
  options: AttachOptions,
): AttachedNic<Chip> {
  const board = boardOf(emulator);
  const slot = options.slot ?? freeSlot(board);
  checkSlot(board, slot);
  const unroutedIrq = options.irq ?? DEFAULT_IRQ;
  if (!Number.isInteger(unroutedIrq) || unroutedIrq < 3 || unroutedIrq > 15)
    throw new RangeError(`irq ${unroutedIrq}: 3 to 15 would be right`);
  const { clock, log = (message: string) => console.warn(message) } = options;
  const card = new GuestFunction(board, { slot, clock, unroutedIrq, log }, makeChip);
  const bases = placeBars(board, card.chip, options);
  board.plug(card, bases);
  const { bars } = card.chip.identity;
  const firstIo = bars.findIndex(({ kind }) => kind === 'io');
  const firstMemory = bars.findIndex(({ kind }) => kind === 'memory');
  return {
    chip: card.chip,
    slot,
    get irq() {
      return card.irq;
    },
    get ioBase() {
      return firstIo < 0 ? 0 : card.barBase(firstIo);
    },
    get memoryBase() {
      return firstMemory < 0 ? 0 : card.barBase(firstMemory);
    },
    get faults() {
      return card.faults;
    },
    save: () => card.save(),
    restore: (state) => card.restore(state as StateObject),
    detach: () => board.unplug(card),
  };
}

function freeSlot(board: Board): number {
  for (let slot = FIRST_SLOT; slot <= LAST_SLOT; slot++) if (!board.isTaken(slot)) return slot;
  throw new Error(`PCI slots ${FIRST_SLOT} to ${LAST_SLOT} are all taken`);
}

function checkSlot(board: Board, slot: number): void {
  if (!Number.isInteger(slot) || slot < 1 || slot > LAST_SLOT)
    throw new RangeError(`PCI slot ${slot}: 1 to ${LAST_SLOT} would be right`);
  if (board.isTaken(slot)) throw new Error(`PCI slot ${slot} is taken: ${freeSlot(board)} is free`);
}

/** Where each BAR stands at first. */
function placeBars(board: Board, chip: PciChip, options: AttachOptions): number[] {
  let io = options.ioBase ?? IO_START;
  let memory = options.memoryBase ?? MEMORY_START;
  let firstIo = true;
  let firstMemory = true;
  return chip.identity.bars.map(({ kind, size }) => {
    if (kind === 'io') {
      const base =
        firstIo && options.ioBase !== undefined
          ? checkIo(board, options.ioBase, size)
          : freeIo(board, io, size);
      firstIo = false;
      io = base + size;
      return base;
    }
    const given = firstMemory ? options.memoryBase : undefined;
    const base = given === undefined ? freeMemory(board, memory, size) : checkMemory(board, given, size);
    firstMemory = false;
    memory = base + size;
    return base;
  });
}

function checkIo(board: Board, base: number, size: number): number {
  if (!Number.isInteger(base) || base < 0x100 || base + size > IO_END || base % size !== 0)
    throw new RangeError(
      `ioBase ${hex(base)}: a multiple of ${size} from 0x100 to ${hex(IO_END - size)} would be right`,
    );
  if (!board.ports.isFree(base, size))
    throw new RangeError(
      `ioBase ${hex(base)}: ports there are taken, ${hex(freeIo(board, IO_START, size))} is free`,
    );
  return base;
}

function freeIo(board: Board, start: number, size: number): number {
  const base = board.ports.findFree(start, size) ?? board.ports.findFree(0x1000, size);
  if (base === null) throw new Error(`there are no ${size} I/O ports in a row left`);
  return base;
}

function checkMemory(board: Board, base: number, size: number): number {
  const least = board.memory.size;
  if (!Number.isInteger(base) || base < least || base + size > MEMORY_END || base % size !== 0)
    throw new RangeError(
      `memoryBase ${hex(base)}: a multiple of ${size} from ${hex(least)} to ${hex(MEMORY_END - size)} would be right`,
    );
  if (board.mmio.findFree(base, size) !== base)
    throw new RangeError(
      `memoryBase ${hex(base)} is another card's: ${hex(freeMemory(board, MEMORY_START, size))} is free`,
    );
  return base;
}

function freeMemory(board: Board, start: number, size: number): number {
  const base = board.mmio.findFree(start, size);
  if (base + size > MEMORY_END) throw new Error(`there is no room left for ${size} bytes of registers`);
  return base;
}

function hex(address: number): string {
  return `0x${address.toString(16)}`;
}
