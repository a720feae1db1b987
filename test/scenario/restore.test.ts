// Rule F10 of a driver verifier: to snapshot and restore the card at every k-th occasion changes nothing on the wire, neither
// times nor bytes, whatever the card is in the middle of. The driver goes on with a fresh chip, or with its own after it was
// reset, and does not notice.

import { describe, expect, test } from 'vitest';
import type { ChipState, PciChip, StateObject } from '../../src/bus/host.ts';
import { LOW_POWER, X86_DESKTOP } from '../../src/kernel/profile.ts';
import { TX_RETRY } from '../../src/wire/medium.ts';
import { frame, type Host, type HostOptions, MILLISECOND, makeHost } from '../vocabulary/bench.ts';
import { expectCardSums } from '../vocabulary/rogue.ts';

const GROUPS = [1, 2, 3, 4].map((i) => Uint8Array.of(0x01, 0x00, 0x5e, 0, 0, i));
const PERIODS = [1, 2, 3, 5, 7, 13, 29, 64, 150, 300];

/** How often the card was in the middle of what, when it was saved. */
interface Moments {
  saves: number;
  negotiating: number;
  linkDown: number;
  sending: number;
  suspending: number;
  loopback: number;
  interrupt: number;
  stopped: number;
}

interface Played {
  wire: string[];
  rest: unknown;
  moments: Moments;
}

type How = 'exchange' | 'reset';

/** One play, the same but for what happens to the chip at each `period`-th occasion; 0 is never. */
function play(options: HostOptions, period: number, how: How): Played {
  const host = makeHost({ ...options, socket: true, open: false, negotiationNs: 2 * MILLISECOND });
  const wire: string[] = [];
  host.wire.onFrame = (bytes) => wire.push(`${host.clock.now()} ${Buffer.from(bytes).toString('base64')}`);
  const moments = disturb(host, period, how);
  script(host);
  expectCardSums(host);
  host.expectConserved();
  return {
    wire,
    rest: {
      received: host.received.map((bytes) => Buffer.from(bytes).toString('base64')),
      stats: host.stats,
      drops: host.device.dropReport(),
      card: { ...host.chip.counters },
      interrupts: host.machine.cpu.interrupts,
      timeNs: host.clock.now(),
      log: host.log,
    },
    moments,
  };
}

/** Counts occasions: a clock event has fired, or code that no event started is about to access a register. */
function disturb(host: Host, period: number, how: How): Moments {
  const moments: Moments = {
    saves: 0,
    negotiating: 0,
    linkDown: 0,
    sending: 0,
    suspending: 0,
    loopback: 0,
    interrupt: 0,
    stopped: 0,
  };
  const { clock, card } = host;
  const socket = host.socket!;
  let occasions = 0;
  let depth = 0;
  const occasion = (): void => {
    occasions++;
    // What is on the stack cannot be saved: the next occasion does.
    if (period === 0 || occasions < period || depth > 0 || !socket.quiet) return;
    occasions = 0;
    note(moments, how === 'exchange' ? socket.exchange() : socket.restoreInPlace(ruin), socket.line);
  };
  const fireNext = clock.fireNext.bind(clock);
  clock.fireNext = () => {
    depth++;
    fireNext();
    depth--;
    occasion();
  };
  card.onAccess = occasion;
  return moments;
}

/** What a state must bring back: everything, after a reset and a few registers of another life. */
function ruin(chip: PciChip): void {
  chip.reset();
  for (const [register, value] of [
    [1, 0xdead],
    [8, 0xffff],
    [15, 0x8040],
    [24, 0x1230],
    [47, 0xff00],
    [76, 0xffff],
  ]) {
    chip.writeBar(0, 0x12, 2, register);
    chip.writeBar(0, 0x10, 2, value);
  }
}

function note(moments: Moments, state: ChipState, line: boolean): void {
  const { csr0, csr5, csr15 } = state as unknown as Record<string, number>;
  const phy = state.phy as StateObject | null;
  moments.saves++;
  if (phy !== null && phy.timerNs !== null) moments.negotiating++;
  if (phy !== null && phy.linkUp === false) moments.linkDown++;
  if (state.flight !== null) moments.sending++;
  if ((csr5 & 1) !== 0) moments.suspending++;
  if ((csr15 & 4) !== 0) moments.loopback++;
  if (line) moments.interrupt++;
  if ((csr0 & 4) !== 0) moments.stopped++;
}

/** Self test, open, negotiation, traffic both ways with collisions, multicast groups, a lost cable, close, open, traffic. */
function script(host: Host): void {
  const { machine, wire, device, clock } = host;
  const process = (act: () => void): void => machine.process(act);
  const wait = (ms: number): void => void clock.run(clock.now() + ms * MILLISECOND);
  const carrier = (): void => host.runUntil(() => device.carrier);
  host.echo();
  process(() => expect(device.ops.selfTest!()).toEqual([]));
  process(() => device.open());
  carrier();
  wire.outcomes.push(0, 1, 0, 0, 3, TX_RETRY, 0, 0x10);
  wire.stream(
    Array.from({ length: 40 }, (_, i) => frame(60 + ((i * 131) % 1400), i)),
    90_000,
  );
  for (let i = 0; i < 12; i++) {
    wait(0.31);
    host.send(frame(64 + i * 97, 100 + i));
    if (i % 3 === 2) process(() => device.addMulticast(GROUPS[(i - 2) / 3]));
  }
  wait(1);
  // The cable goes while a frame is on it, and comes back.
  host.send(frame(1514, 1));
  wire.setCarrier(false);
  wait(1);
  for (let i = 0; i < 5; i++) host.send(frame(300, i));
  wait(3_000);
  wire.setCarrier(true);
  carrier();
  wire.stream(
    Array.from({ length: 10 }, (_, i) => frame(200 + i, i, i % 2 === 0 ? GROUPS[0] : undefined)),
    50_000,
  );
  wait(0.3);
  process(() => device.close());
  wait(0.5);
  process(() => device.open());
  carrier();
  wire.stream(
    Array.from({ length: 10 }, (_, i) => frame(700 + i, i)),
    70_000,
  );
  for (let i = 0; i < 6; i++) host.send(frame(1000 + i, i));
  wait(80);
}

const cases: [string, HostOptions][] = [
  ['Am79C970A at 10 Mb/s', { chip: 'Am79C970A', bitsPerSecond: 10_000_000 }],
  ['Am79C973 at 100 Mb/s', { chip: 'Am79C973', bitsPerSecond: 100_000_000 }],
  [
    'Am79C970A in style 0 without NAPI, on a CPU that takes time',
    {
      chip: 'Am79C970A',
      bitsPerSecond: 100_000_000,
      driver: { softwareStyle: 0, napi: false, txRing: 8, rxRing: 8, access: 'word' },
      machine: { profile: X86_DESKTOP },
    },
  ],
  [
    'Am79C973 on a slow CPU',
    { chip: 'Am79C973', bitsPerSecond: 100_000_000, machine: { profile: LOW_POWER } },
  ],
];

describe.each(cases)('%s', (_name, options) => {
  const plain = play(options, 0, 'exchange');

  test.each(['exchange', 'reset'] as const)(
    '%s and restore at every k-th occasion leaves the wire as it is',
    (how) => {
      expect(plain.wire.length).toBeGreaterThan(20);
      const sums: Record<string, number> = {};
      for (const period of PERIODS) {
        const { wire, rest, moments } = play(options, period, how);
        expect(wire, `k = ${period}`).toEqual(plain.wire);
        expect(rest, `k = ${period}`).toEqual(plain.rest);
        expect(moments.saves, `k = ${period}`).toBeGreaterThan(0);
        for (const [what, count] of Object.entries(moments)) sums[what] = (sums[what] ?? 0) + count;
      }
      // The card was caught in the middle of everything.
      for (const [what, count] of Object.entries(sums)) {
        if (options.chip === 'Am79C970A' && (what === 'negotiating' || what === 'linkDown')) continue;
        expect(count, `${what} of ${JSON.stringify(sums)}`).toBeGreaterThan(0);
      }
    },
  );
});
