// QEMU's cards under a host of the lab: a QEMU process for each host that has any.

import { QemuMachine, type QemuNicReport } from '../../attach/qtest/machine.ts';
import { type PlugWay, plugBooks } from '../card-books.ts';
import type { OpenBoard, RemoteBoard } from '../hosts.ts';

/** Enough for the default pools, above the first MiB that a PC has other uses for. */
const MEMORY_BYTES = 32 * 1024 * 1024;

/** Starts QEMU. Throws AttachError with what would help. */
export const openBoard: OpenBoard = ({ nics, memoryBytes = MEMORY_BYTES, clock, log }): RemoteBoard => {
  const qemu = new QemuMachine({ nics, memoryBytes, clock, log });
  /** Whether it was gone before we ended it. */
  let lost: boolean | null = null;
  return {
    memory: qemu.memory,
    plug: (bus, slot) => bus.plugFunction(slot, qemu.function(slot)),
    books: (slot) => plugBooks(() => waysOf(qemu.report(slot))),
    poll: (limit) => qemu.poll(limit),
    waitReadable: (timeoutMs) => qemu.waitReadable(timeoutMs),
    cancelWait: () => qemu.cancelWait(),
    close: () => {
      lost ??= qemu.dead;
      qemu.close();
    },
    get lost() {
      return lost ?? qemu.dead;
    },
  };
};

function waysOf({ fromQemu, toQemu }: QemuNicReport): { in: PlugWay; out: PlugWay } {
  return {
    in: { taken: toQemu.frames, passed: toQemu.written, waiting: toQemu.waiting, drops: dropsOf(toQemu) },
    out: {
      taken: fromQemu.frames,
      passed: fromQemu.sent,
      waiting: fromQemu.waiting,
      drops: dropsOf(fromQemu),
    },
  };
}

function dropsOf(counters: object): Record<string, number> {
  return Object.fromEntries(Object.entries(counters).filter(([name]) => name.startsWith('drop')));
}
