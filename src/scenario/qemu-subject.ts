// A subject whose card is QEMU's, in real time: the same driver, registers and memory, a chip that somebody else wrote.

import { QemuMachine } from '../attach/qtest/machine.ts';
import { PciBus } from '../bus/pci.ts';
import type { I8255xModel } from '../chips/i8255x/model.ts';
import { SystemClock } from '../kernel/clock.ts';
import { Machine } from '../kernel/machine.ts';
import { DeviceLayer } from '../net/layer.ts';
import { PfifoFast } from '../qdisc/pfifo-fast.ts';
import { FramePool } from '../wire/frame.ts';
import { Link } from '../wire/link.ts';
import { chipKind } from './chip-kinds.ts';
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
/** Software style 0 reaches 16 MiB; the buffers take half of it. */
const MEMORY_BYTES = 16 * 1024 * 1024;
/** Frames taken from QEMU at a time. */
const POLL_LIMIT = 256;
/** Longest wait in one piece: what is waited for need not come from QEMU. */
const WAIT_MS = 10;
/** After so long the event loop gets its turn, whatever there is to do. */
const TURN_NS = 50 * MS;

/**
 * Opens machines with QEMU's card of this model. `now` gives milliseconds with fractions that never go back
 * (`performance.now`). Opening throws AttachError with what would help when QEMU cannot be started.
 */
export function qemuSubject(name: string, now: () => number, model = 'pcnet'): OpenSubject {
  return (options) => openQemu(name, model, now, options);
}

function openQemu(name: string, model: string, now: () => number, options: SubjectOptions): Subject {
  const log: string[] = [];
  const note = (message: string): void => void log.push(message);
  const clock = new SystemClock(now);
  const link = new Link({ name: 'cable', clock, pool: new FramePool() });
  const far = new FarEnd(options.wire === undefined ? link.b : options.wire(link.b, clock));
  const nic = { model, mac: HOST_MAC, slot: CARD_SLOT, medium: link.a };
  const qemu = new QemuMachine({ nics: [nic], memoryBytes: MEMORY_BYTES, clock, log: note });
  const accesses = new AccessCount(options.spy ?? null);
  const { seed, debugMbufs } = options;
  const machine = new Machine({ name: 'host', clock, seed, memory: qemu.memory, debugMbufs, log: note });
  const layer = new DeviceLayer(machine);
  layer.defaultQdisc = (length) => new PfifoFast(length);
  const bus = new PciBus(machine);
  const make = qemu.function(CARD_SLOT);
  const pci = bus.plugFunction(CARD_SLOT, (line) => watched(make(line), accesses));
  let turnAt = clock.now();

  /** Does what is due on either side; says whether there was anything. */
  const pump = (): boolean => {
    clock.poll();
    const busy = qemu.poll(POLL_LIMIT) > 0;
    clock.poll();
    return busy;
  };
  const run = async (until: () => boolean, limitMs: number): Promise<boolean> => {
    const end = clock.now() + limitMs * MS;
    for (;;) {
      const busy = pump();
      if (qemu.dead) throw new Error(`QEMU is gone: ${log.at(-1) ?? 'it said nothing'}`);
      if (until()) return true;
      const time = clock.now();
      if (time >= end) return false;
      if (time - turnAt > TURN_NS) {
        turnAt = time;
        await nextTurn();
      }
      // What `until` has sent, say, is due at once.
      const free = Math.min(clock.nextEventTime(), end) - time;
      if (!busy && free > 0) await qemu.waitReadable(Math.min(free / MS, WAIT_MS));
    }
  };
  return {
    name,
    ...chipKind(model === 'pcnet' ? 'Am79C970A' : (model as I8255xModel | 'i82562')),
    machine,
    layer,
    bus,
    pci,
    mac: HOST_MAC,
    far,
    log,
    accesses,
    pid: qemu.pid,
    wireLosses: () => losses(qemu),
    wirePadded: () => qemu.report(CARD_SLOT).fromQemu.padded,
    setLink: (up) => link.setCarrier(up),
    run,
    rest: async (ms) => {
      await run(() => false, ms);
    },
    close: () => qemu.close(),
  };
}

/** Frames that came to grief between QEMU and the cable. */
function losses(qemu: QemuMachine): number {
  const { fromQemu, toQemu } = qemu.report(CARD_SLOT);
  // A frame from QEMU that is neither sent nor waiting; of those to QEMU, runts and damaged ones are the card's to drop.
  const lost = fromQemu.frames - fromQemu.sent - fromQemu.waiting - fromQemu.dropNoCarrier;
  return lost + toQemu.dropQueueFull + toQemu.dropGone + toQemu.dropOther;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
