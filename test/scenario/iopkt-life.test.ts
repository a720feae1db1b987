// A thousand lives of an interface, each made from a seed: whatever people, cables and protocols do to it and in which order, every
// counter adds up, nothing is left behind, and it works.

import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import {
  RECEIVE_DROPS as I8255X_DROPS,
  TRANSMIT_ERRORS as I8255X_ERRORS,
} from '../../src/chips/i8255x/counters.ts';
import { I8255x } from '../../src/chips/i8255x/model.ts';
import {
  RECEIVE_DROPS as PCNET_DROPS,
  TRANSMIT_ERRORS as PCNET_ERRORS,
} from '../../src/chips/pcnet/counters.ts';
import { conservation, dropsOf } from '../../src/net/conservation.ts';
import { frame } from '../vocabulary/bench.ts';
import { IopktLife } from '../vocabulary/iopkt-life.ts';

const LIVES = 1000;
const IN_ONE_TEST = 50;
/** A seed to repeat by itself, and how many and from where for a campaign. */
const ONLY = process.env.SOFTNET_IOPKT_SEED;
const [FROM, COUNT] = (process.env.SOFTNET_IOPKT_CAMPAIGN ?? `1,${LIVES}`).split(',').map(Number);
const seeds = ONLY === undefined ? Array.from({ length: COUNT }, (_, i) => FROM + i) : [Number(ONLY)];

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
    'ifnet and device: ipackets': total(ifnets, (ifp) => ifp.if_ipackets) - rx,
    sentMoreThanWire: Math.max(0, tx - wire.sent),
    wireUnbooked: Math.max(0, wire.sent - tx - total(devices, (d) => dropsOf(d, 'transmit'))),
    offeredTooFew: Math.max(0, life.sent - total(devices, (device) => device.offered)),
    in: counters.delivered - rx - total(ifnets, (ifp) => ifp.if_ierrors) + missed(counters) - life.unheard,
    mutexes: host.io.held.length,
    masks: total(host.io.interrupts.handlers, ({ masks }) => masks),
  };
}

/** What the driver learns of only from the card's counters. */
function missed(counters: Record<string, number>): number {
  return (counters.noResources ?? 0) + (counters.crcError ?? 0) + (counters.missed ?? 0);
}

function live(seed: number): void {
  const life = new IopktLife(seed);
  try {
    life.run();
    const { host, stack } = life;
    const { name } = host.device();
    host.stats();
    expect(Object.entries(sums(life)).filter(([, value]) => value !== 0 && value !== '')).toEqual([]);
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
    const repeat = `seed ${seed}: SOFTNET_IOPKT_SEED=${seed} npx vitest run test/scenario/iopkt-life.test.ts`;
    const said = stripVTControlCharacters((error as Error).message);
    const last = life.host.log.slice(-5).join('\n  ');
    throw new Error(`${repeat}\n${said}\n  ${life.words.join('\n  ')}\nlog:\n  ${last}`, {
      cause: error,
    });
  }
}

const groups = Array.from({ length: Math.ceil(seeds.length / IN_ONE_TEST) }, (_, i) =>
  seeds.slice(i * IN_ONE_TEST, (i + 1) * IN_ONE_TEST),
);

test.each(groups.map((group) => [group[0], group.at(-1)!, group] as const))(
  'lives %i to %i: every counter adds up',
  { timeout: 120_000 },
  (_from, _to, group) => {
    const failed: Error[] = [];
    for (const seed of group) {
      try {
        live(seed);
      } catch (error) {
        failed.push(error as Error);
      }
    }
    expect(failed.map(({ message }) => message).join('\n\n')).toBe('');
  },
);
