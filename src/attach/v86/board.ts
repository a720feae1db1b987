// What the cards of one emulator share: its memory, its tables, its interrupt lines. And where v86 has to be listened to:
// writes to configuration space, the reset button, saving and taking up a state.

import type { ChipState, StateObject, Width } from '../../bus/host.ts';
import { internals, type V86Cpu, type V86Emulator } from './emulator.ts';
import type { GuestFunction } from './function.ts';
import { IntxLines } from './lines.ts';
import { GuestMemory } from './memory.ts';
import { GuestMmio } from './mmio.ts';
import { GuestPorts } from './ports.ts';
import { type BoardState, decodeState, encodeState } from './state.ts';

const boards = new WeakMap<V86Cpu, Board>();

/** The board of an emulator, made when it is first asked for. Throws when there is no machine yet, or an unknown one. */
export function boardOf(emulator: V86Emulator): Board {
  const cpu = internals(emulator);
  let board = boards.get(cpu);
  if (board === undefined) {
    board = new Board(cpu);
    boards.set(cpu, board);
  }
  return board;
}

export class Board {
  readonly cpu: V86Cpu;
  readonly memory: GuestMemory;
  readonly ports: GuestPorts;
  readonly mmio: GuestMmio;
  readonly lines: IntxLines;
  private readonly functions = new Map<number, GuestFunction>();

  constructor(cpu: V86Cpu) {
    this.cpu = cpu;
    this.memory = new GuestMemory(cpu);
    this.ports = new GuestPorts(cpu);
    this.mmio = new GuestMmio(cpu);
    this.lines = new IntxLines(cpu);
    this.listenToConfig();
    this.listenToReset();
    this.listenToState();
  }

  isTaken(slot: number): boolean {
    return this.cpu.devices.pci.devices[slot << 3] !== undefined;
  }

  plug(card: GuestFunction, bases: number[]): void {
    const { pci } = this.cpu.devices;
    const { slot } = card;
    // v86 does not get to see base addresses: it moves ports in its own way, and memory not at all.
    const space = pci.register_device({
      pci_id: slot << 3,
      pci_space: Array.from(card.bytes),
      pci_bars: [],
      name: `softnet ${slot}`,
    });
    this.functions.set(slot, card);
    card.plugIn(bases, new Uint8Array(space.buffer, space.byteOffset, space.byteLength));
  }

  unplug(card: GuestFunction): void {
    const { pci } = this.cpu.devices;
    if (this.functions.get(card.slot) !== card) return;
    card.unplug();
    this.functions.delete(card.slot);
    pci.devices[card.slot << 3] = undefined;
    pci.device_spaces[card.slot << 3] = undefined;
  }

  private listenToConfig(): void {
    const { pci } = this.cpu.devices;
    const listen =
      (width: Width, write: (address: number, value: number) => void) =>
      (address: number, value: number): void => {
        const id = (address >>> 8) & 0xffff;
        // v86 throws here, for 8 and 16 bits.
        if (pci.device_spaces[id] === undefined) return;
        const card = (id & 7) === 0 ? this.functions.get(id >> 3) : undefined;
        if (card === undefined) write(address, value);
        else {
          card.writeConfig(address & 0xff, width, value);
          // v86 has an answer ready since the address was written; who reads without writing it anew gets the new value.
          pci.pci_query();
        }
        this.ports.settle();
        for (const each of this.functions.values()) each.drive();
      };
    pci.pci_write8 = listen(1, pci.pci_write8.bind(pci));
    pci.pci_write16 = listen(2, pci.pci_write16.bind(pci));
    pci.pci_write32 = listen(4, pci.pci_write32.bind(pci));
  }

  private listenToReset(): void {
    const reboot = this.cpu.reboot_internal.bind(this.cpu);
    this.cpu.reboot_internal = () => {
      for (const card of this.functions.values()) card.reset();
      reboot();
    };
  }

  private listenToState(): void {
    const { cpu } = this;
    const getState = cpu.get_state.bind(cpu);
    const setState = cpu.set_state.bind(cpu);
    cpu.get_state = () => {
      const list = getState();
      if (this.functions.size > 0) list.push(encodeState(this.save()));
      return list;
    };
    cpu.set_state = (list) => {
      const state = decodeState(list) ?? { lines: [], nics: [] };
      this.check(state);
      this.tryOut(state);
      forgetTime(cpu);
      setState(list);
      this.lines.restore(state.lines);
      for (const { slot, state: card } of state.nics) this.functions.get(slot)?.restore(card);
    };
  }

  private save(): BoardState {
    return {
      lines: this.lines.save(),
      nics: [...this.functions].map(([slot, card]) => ({ slot, state: card.save() })),
    };
  }

  /** Throws unless the state is of an emulator with the same cards in the same slots. */
  private check(state: BoardState): void {
    const was = state.nics.map(({ slot, state: card }) => `${chipName(card)} in slot ${slot}`);
    const is = [...this.functions].map(([slot, card]) => `${chipName(card.save())} in slot ${slot}`);
    if (was.sort().join() === is.sort().join()) return;
    throw new Error(
      `the state is of an emulator with ${list(was)}, this one has ${list(is)}: attach the same cards to the same slots`,
    );
  }

  /** What one card refuses is to be found out before v86 or another card has changed. */
  private tryOut(state: BoardState): void {
    const undo: { card: GuestFunction; before: StateObject }[] = [];
    try {
      for (const { slot, state: wanted } of state.nics) {
        const card = this.functions.get(slot) as GuestFunction;
        const before = card.save();
        card.restore(wanted, true);
        undo.push({ card, before });
      }
    } catch (error) {
      for (const { card, before } of undo) card.restore(before);
      throw error;
    }
  }
}

/**
 * v86 works out a restored time stamp counter from what the counter shows then, not from its own time: right once, and by
 * the age of the process wrong the next time, which stops a guest's clock for as long. Set to what it shows, it starts over.
 */
function forgetTime(cpu: V86Cpu): void {
  cpu.store_current_tsc();
  cpu.set_tsc(cpu.current_tsc[0], cpu.current_tsc[1]);
}

function chipName(card: StateObject): string {
  const { chip } = (card.chip ?? {}) as Partial<ChipState>;
  return typeof chip === 'string' ? chip : 'something';
}

function list(names: string[]): string {
  return names.length === 0 ? 'no cards of ours' : names.join(', ');
}
