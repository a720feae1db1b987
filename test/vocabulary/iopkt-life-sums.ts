// What must hold of a life of an interface (iopkt-life.ts) when it has been lived, whoever drives the card.

import { stripVTControlCharacters } from 'node:util';
import { expect } from 'vitest';
import {
  RECEIVE_DROPS as I8255X_DROPS,
  TRANSMIT_ERRORS as I8255X_ERRORS,
} from '../../src/chips/i8255x/counters.ts';
import { I8255x } from '../../src/chips/i8255x/model.ts';
import {
  RECEIVE_DROPS as PCNET_DROPS,
  TRANSMIT_ERRORS as PCNET_ERRORS,
} from '../../src/chips/pcnet/counters.ts';
import type { ShimDevice } from '../../src/ionet/shim/device.ts';
import { conservation, dropsOf } from '../../src/net/conservation.ts';
import { frame } from './bench.ts';
import type { IopktLife } from './iopkt-life.ts';
import { ShimmedHost } from './shim-host.ts';

const total = <T>(of: readonly T[], what: (each: T) => number): number =>
  of.reduce((sum, each) => sum + what(each), 0);

function sums(life: IopktLife): Record<string, unknown> {
  const { host, devices, ifnets } = life;
  const { wire, chip } = host;
  const counters = chip.counters as unknown as Record<string, number>;
  const [drops, errors] =
    chip instanceof I8255x ? [I8255X_DROPS, I8255X_ERRORS] : [PCNET_DROPS, PCNET_ERRORS];
  const lost = total<string>(drops, (name) => counters[name]);
  const failed = total<string>(errors, (name) => counters[name]);
  const tx = total(devices, (device) => device.tx.packets);
  const rx = total(devices, (device) => device.rx.packets);
  return {
    books: devices.map((device) => conservation(device).text).join(''),
    held: total(devices, (device) => device.queued + (device.ops.held?.() ?? 0)),
    'card: arrived, received': life.arrived - counters.received,
    'card: received, delivered, dropped':
      counters.received + (counters.looped ?? 0) - counters.delivered - lost,
    'card: taken, transmitted, failed':
      counters.taken - counters.transmitted - failed - (counters.waiting ?? 0),
    waiting: counters.waiting ?? 0,
    'ifnet and device: opackets': total(ifnets, (ifp) => ifp.if_opackets) - tx,
    'ifnet and device: ipackets': total(ifnets, (ifp) => ifp.if_ipackets) - rx + refused(life, rx),
    // An io-net driver has given a packet back, as sent, when the wire fails it.
    sentMoreThanWire: Math.max(0, tx - wire.sent - (host instanceof ShimmedHost ? failed : 0)),
    wireUnbooked: Math.max(0, wire.sent - tx - total(devices, (d) => dropsOf(d, 'transmit'))),
    offeredTooFew: Math.max(0, life.sent - total(devices, (device) => device.offered)),
    in: counters.delivered - rx - total(ifnets, (ifp) => ifp.if_ierrors) + keptBack(life, counters),
    rules: host instanceof ShimmedHost ? host.rules.join('; ') : '',
    mutexes: host.io.held.length,
    masks: total(host.io.interrupts.handlers, ({ masks }) => masks),
  };
}

/** Of frames that a driver passed up to an interface that was down, or whose list was full, only the device knows: as drops. */
function refused({ host, ifnets, devices }: IopktLife, rx: number): number {
  if (!(host instanceof ShimmedHost)) return 0;
  const difference = rx - total(ifnets, (ifp) => ifp.if_ipackets);
  const drops = total(devices, (device) => dropsOf(device, 'receive'));
  return difference >= 0 && difference <= drops ? difference : 0;
}

/**
 * Of the errors of interfaces and the frames that a card delivered, those that are not both: a native driver counts as errors what
 * the card alone knows of; an io-net driver does not, and has counters of its own for what it did not pass up.
 */
function keptBack(life: IopktLife, counters: Record<string, number>): number {
  if (!(life.host instanceof ShimmedHost))
    return (counters.noResources ?? 0) + (counters.crcError ?? 0) + (counters.missed ?? 0) - life.unheard;
  return -total(life.ifnets, ({ if_softc }) => {
    const dev = if_softc as ShimDevice;
    const { events } = dev.registrant.func_hdl as { events: { rx_dropped: number } };
    return events.rx_dropped + dev.returned + dev.listed.count;
  });
}

/** Lives it. Throws what does not hold, with what was done, and `again`: how to repeat it. */
export function live(life: IopktLife, again: string): void {
  try {
    life.run();
    const { host, stack } = life;
    const { name } = host.device();
    host.stats();
    const wrong = Object.entries(sums(life)).filter(([, value]) => value !== 0 && value !== '');
    expect(wrong.map(([sum, value]) => `${sum}: ${value}`).join('; ')).toBe('');
    // It works.
    const before = host.receivedCount;
    const sent = host.wire.sent;
    for (let i = 0; i < 5; i++) {
      host.wire.deliver(frame(60 + i * 363, i));
      host.send(frame(60 + i * 363, i));
      host.run();
    }
    life.words.push('five frames each way');
    expect([host.receivedCount - before, host.wire.sent - sent]).toEqual([5, 5]);
    host.io.destroy(name);
    expect(host.machine.mbufs.inUse).toBe(stack.balance().held);
    expect({ ...host.census(), callouts: [] }).toEqual({ ...life.fresh, callouts: [] });
    for (const device of life.devices) expect(conservation(device).text).toBe('');
  } catch (error) {
    const said = stripVTControlCharacters((error as Error).message);
    const last = life.host.log.slice(-5).join('\n  ');
    throw new Error(`${again}\n${said}\n  ${life.words.join('\n  ')}\nlog:\n  ${last}`, {
      cause: error,
    });
  }
}
