// Save and restore of the chip: whatever happened to it, a fresh one that takes up its state cannot be told from it.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ChipState, StateObject } from '../../bus/host.ts';
import { TX_NO_CARRIER } from '../../wire/medium.ts';
import { fromText, toText } from '../socket.ts';
import { FakeHost, FakeMedium } from '../testing.ts';
import { HistoryBench, histories } from './history.ts';
import { Pcnet, type PcnetVariant } from './model.ts';
import { ether, MAC, OTHER, PcnetBench } from './testing.ts';

const VARIANTS: readonly PcnetVariant[] = ['Am79C970A', 'Am79C973'];
const OWNED = true;

function another(bench: PcnetBench, host = new FakeHost(), medium = new FakeMedium()): Pcnet {
  const { carrier, bitsPerSecond, fullDuplex } = bench.medium;
  Object.assign(medium, { carrier, bitsPerSecond, fullDuplex });
  return new Pcnet(host, medium, { variant: bench.variant, mac: [2, 0, 0, 0, 0, 9] });
}

const seen = {
  flight: 0,
  phyTimer: 0,
  poll: 0,
  suspended: 0,
  loopback: 0,
  interrupt: 0,
  abandoned: 0,
  dwio: 0,
};

function note(state: ChipState, line: boolean): void {
  const flight = state.flight as StateObject | null;
  if (flight !== null) seen.flight++;
  if (flight?.abandoned === true) seen.abandoned++;
  if ((state.phy as StateObject | null)?.timerNs != null) seen.phyTimer++;
  if (state.pollNs !== null) seen.poll++;
  if (((state.csr5 as number) & 1) !== 0) seen.suspended++;
  if (((state.csr15 as number) & 4) !== 0) seen.loopback++;
  if (line) seen.interrupt++;
  if (state.dwio === true) seen.dwio++;
}

describe.each(VARIANTS)('%s', (variant) => {
  test('save, restore, save gives the same, in another chip and in its own, by way of text or not', () => {
    fc.assert(
      fc.property(histories, histories, (first, second) => {
        const bench = new HistoryBench(variant);
        for (const act of first) bench.act(act);
        const state = bench.chip.save();
        const text = toText(state);
        const other = another(bench);
        other.restore(structuredClone(state));
        expect(other.save()).toEqual(state);
        // Into its own self of later on, when its medium is what it was.
        const { carrier, bitsPerSecond, fullDuplex } = bench.medium;
        for (const act of second) bench.act(act);
        bench.finishAll();
        bench.medium.change({ carrier, bitsPerSecond, fullDuplex });
        bench.chip.restore(fromText(text));
        expect(bench.chip.save()).toEqual(state);
        expect(toText(state)).toBe(text);
      }),
      { numRuns: 150, seed: 1 },
    );
  });

  test('a chip that is exchanged after every act shows the same as one that is not', () => {
    const before = { ...seen };
    fc.assert(
      fc.property(histories, fc.boolean(), fc.integer({ min: 1, max: 7 }), (history, answers, every) => {
        const plain = new HistoryBench(variant);
        const exchanged = new HistoryBench(variant, true);
        for (const bench of [plain, exchanged]) {
          if (answers) bench.host.onInterrupt = () => bench.writeCsr(0, 0x7f40);
        }
        history.forEach((act, i) => {
          expect(exchanged.act(act), `act ${i}: ${act}`).toEqual(plain.act(act));
          if (i % every === 0) note(exchanged.socket!.exchange(), exchanged.host.line);
        });
        for (const bench of [plain, exchanged]) {
          bench.finishAll();
          bench.host.wait(20_000_000);
        }
        expect(exchanged.look()).toEqual(plain.look());
        expect(exchanged.chip.save()).toEqual(plain.chip.save());
      }),
      { numRuns: 250, seed: 2 },
    );
    for (const [what, count] of Object.entries(seen)) {
      if (what === 'phyTimer' && variant === 'Am79C970A') continue;
      expect(count - before[what as keyof typeof seen], what).toBeGreaterThan(0);
    }
  });

  test('a chip that was reset and gets its own state back shows the same as one that was not', () => {
    fc.assert(
      fc.property(histories, fc.integer({ min: 1, max: 7 }), (history, every) => {
        const plain = new HistoryBench(variant);
        const disturbed = new HistoryBench(variant, true);
        history.forEach((act, i) => {
          expect(disturbed.act(act), `act ${i}: ${act}`).toEqual(plain.act(act));
          if (i % every === 0) disturbed.socket!.restoreInPlace((chip) => chip.reset());
        });
        for (const bench of [plain, disturbed]) {
          bench.finishAll();
          bench.host.wait(20_000_000);
        }
        expect(disturbed.look()).toEqual(plain.look());
        expect(disturbed.chip.save()).toEqual(plain.chip.save());
      }),
      { numRuns: 150, seed: 3 },
    );
  });
});

describe('a frame on the medium', () => {
  const begun = (variant: PcnetVariant = 'Am79C970A'): PcnetBench => {
    const bench = new PcnetBench(variant);
    if (variant === 'Am79C973') bench.linkUp();
    bench.medium.slow = true;
    bench.medium.bitsPerSecond = 10_000_000;
    return bench.start();
  };
  const tint = (bench: PcnetBench): boolean => (bench.csr(0) & 0x0200) !== 0;

  test('is completed as the medium says when the chip is the same', () => {
    const bench = begun();
    bench.send(0, ether(OTHER));
    const state = bench.chip.save();
    bench.chip.reset();
    bench.chip.restore(state);
    bench.host.wait(1_000_000_000);
    expect(bench.transmitRing.owned(0)).toBe(OWNED);
    bench.medium.finish(3);
    expect(bench.transmitRing.errors(0)).toBe(3);
    expect([bench.transmitRing.owned(0), tint(bench)]).toEqual([false, true]);
    expect(bench.medium.sent.length).toBe(1);
    bench.expectSums();
  });

  test('counts as sent, after the time it takes, when no medium has it from this chip', () => {
    const bench = begun();
    bench.send(0, ether(OTHER));
    const state = bench.chip.save();
    bench.chip.reset();
    const medium = new FakeMedium();
    medium.bitsPerSecond = 10_000_000;
    const other = another(bench, bench.host, medium);
    other.restore(state);
    other.restore(other.save());
    bench.host.wait(67_199);
    expect(bench.transmitRing.owned(0)).toBe(OWNED);
    bench.host.wait(1);
    expect(bench.transmitRing.owned(0)).toBe(false);
    expect(other.readBar(0, 0x10, 2) & 0x0200).toBe(0x0200);
    expect([other.counters.taken, other.counters.transmitted]).toEqual([1, 1]);
    expect(medium.sent).toEqual([]);
    // The next one goes out, and only once.
    medium.slow = true;
    bench.fill(1, ether(OTHER, 100));
    other.writeBar(0, 0x10, 2, 0x0048);
    expect(medium.sent.map((sent) => sent.bytes.length)).toEqual([100]);
    bench.host.wait(1_000_000);
    expect(bench.transmitRing.owned(1)).toBe(OWNED);
    medium.finish();
    expect(bench.transmitRing.owned(1)).toBe(false);
  });

  test('is over when a medium says so after all, and the timer does not end the next one', () => {
    const bench = new PcnetBench('Am79C970A', true);
    bench.medium.slow = true;
    bench.medium.bitsPerSecond = 10_000_000;
    bench.start().send(0, ether(OTHER));
    bench.socket!.exchange();
    bench.host.wait(1_000);
    bench.medium.finish(2);
    expect([bench.transmitRing.owned(0), bench.transmitRing.errors(0)]).toEqual([false, 2]);
    bench.send(1, ether(OTHER));
    bench.host.wait(1_000_000);
    expect(bench.transmitRing.owned(1)).toBe(OWNED);
    bench.medium.finish();
    expect(bench.transmitRing.owned(1)).toBe(false);
    bench.expectSums();
  });

  test('does not take longer because it is restored again and again', () => {
    const bench = begun();
    bench.send(0, ether(OTHER));
    let chip = bench.chip;
    for (let i = 0; i < 70; i++) {
      const state = chip.save();
      chip.reset();
      chip = another(bench, bench.host);
      chip.restore(state);
      bench.host.wait(1_000);
    }
    expect(bench.transmitRing.owned(0)).toBe(false);
    expect(chip.counters).toMatchObject({ taken: 1, transmitted: 1 });
  });

  test('of another time ends without a trace, and the next frame waits for it', () => {
    const bench = begun();
    const idle = bench.chip.save();
    bench.send(0, ether(OTHER, 200));
    bench.chip.restore(idle);
    bench.send(0, ether(OTHER, 100));
    expect(bench.medium.sent.length).toBe(1);
    // Nothing is under way for the driver: it may suspend the chip and write registers.
    bench.writeCsr(5, 1);
    expect(bench.csr(5) & 1).toBe(1);
    bench.writeCsr(5, 0);
    expect(bench.chip.save()).toMatchObject({ flight: null });
    bench.medium.finish(TX_NO_CARRIER);
    expect(bench.transmitRing.owned(0)).toBe(OWNED);
    expect(bench.medium.sent.length).toBe(2);
    expect(tint(bench)).toBe(false);
    expect(bench.chip.counters).toMatchObject({ taken: 1, transmitted: 0, txNoCarrier: 0 });
    bench.medium.finish();
    expect(bench.transmitRing.owned(0)).toBe(false);
    expect(bench.chip.counters).toMatchObject({ taken: 1, transmitted: 1 });
    bench.expectSums();
  });

  test('of another time ends without a trace also when the driver stops the chip before', () => {
    const bench = begun();
    const idle = bench.chip.save();
    bench.send(0, ether(OTHER, 200));
    bench.chip.restore(idle);
    bench.writeCsr(0, 0x0004);
    bench.medium.finish();
    expect(bench.chip.counters).toMatchObject({ taken: 0, txAborted: 0, transmitted: 0 });
    bench.expectSums();
  });

  test('that the medium has no more is completed well when the one it has instead leaves', () => {
    const bench = begun();
    bench.send(0, ether(OTHER, 200));
    const state = bench.chip.save();
    const memory = bench.host.memory.u8.slice();
    bench.medium.finish();
    bench.send(1, ether(OTHER, 100));
    bench.host.memory.u8.set(memory);
    bench.chip.restore(state);
    // Also when it was told so before: the medium has not changed by that.
    bench.chip.restore(state);
    bench.host.wait(100_000_000);
    expect(bench.transmitRing.owned(0)).toBe(OWNED);
    bench.medium.finish(TX_NO_CARRIER);
    expect([bench.transmitRing.owned(0), bench.transmitRing.errors(0)]).toEqual([false, 0]);
    expect(bench.chip.counters).toMatchObject({ taken: 1, transmitted: 1, txNoCarrier: 0 });
    bench.expectSums();
  });

  test('that was stopped is counted as aborted by the chip that takes it up', () => {
    const bench = begun();
    bench.send(0, ether(OTHER));
    bench.writeCsr(0, 0x0004);
    const other = another(bench, bench.host);
    other.restore(bench.chip.save());
    bench.host.wait(1_000_000);
    expect(other.counters).toMatchObject({ taken: 1, txAborted: 1, transmitted: 0 });
    expect(bench.transmitRing.owned(0)).toBe(OWNED);
  });

  test('whose descriptor can no longer be reached is counted, and told as a bus fault', () => {
    const bench = begun();
    bench.send(0, ether(OTHER));
    const host = new FakeHost();
    host.dma.enabled = false;
    const other = another(bench, host);
    other.restore(bench.chip.save());
    host.wait(1_000_000);
    expect(other.counters).toMatchObject({ taken: 1, txBusError: 1 });
  });

  test('is not in reach of a handler that runs in the middle of sending', () => {
    const bench = new PcnetBench().start({ mode: 0x0044 });
    const state = bench.chip.save();
    const tried: string[] = [];
    bench.host.onInterrupt = () => {
      for (const act of [() => bench.chip.save(), () => bench.chip.restore(state)]) {
        try {
          act();
        } catch (error) {
          tried.push((error as Error).message);
        }
      }
    };
    bench.send(0, ether(MAC));
    expect(tried).toEqual([
      'Am79C970A: save from within a transmission: call it between clock events',
      'Am79C970A: restore from within a transmission: call it between clock events',
    ]);
    bench.expectSums();
  });
});

describe('a host or medium that is not as it was', () => {
  test('the interrupt line follows the state', () => {
    const bench = new PcnetBench();
    const quiet = bench.chip.save();
    bench.start();
    bench.arrive(ether(MAC));
    expect(bench.host.line).toBe(true);
    const asserted = bench.chip.save();
    bench.chip.restore(quiet);
    expect(bench.host.line).toBe(false);
    bench.chip.restore(asserted);
    expect(bench.host.line).toBe(true);
    const other = new FakeHost();
    another(bench, other).restore(asserted);
    expect(other.line).toBe(true);
  });

  test('a handler that runs in restore finds the whole state', () => {
    const bench = new PcnetBench().start();
    bench.arrive(ether(MAC));
    bench.chip.writeBar(0, 0x12, 2, 88);
    const asserted = bench.chip.save();
    bench.chip.reset();
    let rap = 0;
    let chipId = 0;
    bench.host.onInterrupt = () => {
      rap = bench.chip.readBar(0, 0x12, 2);
      chipId = bench.chip.readBar(0, 0x10, 2);
    };
    bench.chip.restore(asserted);
    expect([rap, chipId]).toEqual([88, 0x1003]);
  });

  test('without a carrier the link is down at once; when it comes the PHY negotiates', () => {
    const bench = new PcnetBench('Am79C973').linkUp();
    bench.start();
    const state = bench.chip.save();
    const host = new FakeHost();
    const medium = new FakeMedium();
    medium.carrier = false;
    const other = new Pcnet(host, medium, { variant: 'Am79C973', mac: MAC });
    other.restore(state);
    expect(other.phy!.link.up).toBe(false);
    expect(host.clock.nextEventTime()).toBeLessThan(Infinity); // the poll
    medium.change({ carrier: true });
    host.wait(2_000_000_000);
    expect(other.phy!.link.up).toBe(true);
  });

  test('a cable that came in the meantime is noticed', () => {
    const bench = new PcnetBench('Am79C973');
    bench.medium.change({ carrier: false });
    const state = bench.chip.save();
    bench.medium.change({ carrier: true });
    bench.chip.restore(state);
    bench.linkUp();
    expect(bench.chip.phy!.link.up).toBe(true);
  });

  test('the station address goes with the state, as the EEPROM does', () => {
    const bench = new PcnetBench();
    const other = another(bench);
    other.restore(bench.chip.save());
    other.reset();
    expect([0, 1, 2, 3, 4, 5].map((i) => other.readBar(0, i, 1))).toEqual(MAC);
  });
});

test('a transmitter that was turned on while the chip is suspended polls its ring', () => {
  // DTX at the start: no poll is armed. It goes away while suspended ("CSR15": writable then).
  const bench = new PcnetBench().start({ mode: 0x0002 });
  bench.writeCsr(5, 1);
  bench.writeCsr(15, 0);
  bench.writeCsr(5, 0);
  bench.fill(0, ether(OTHER));
  bench.host.wait(3_000_000);
  expect(bench.medium.sent.length).toBe(1);
});

test('a hard reset forgets the runts and collisions that were seen', () => {
  const bench = new PcnetBench().start();
  bench.arrive(ether(MAC, 30));
  bench.arrive(ether(MAC, 30), 0x12345678);
  bench.chip.reset();
  bench.start();
  bench.arrive(ether(MAC));
  expect([bench.receiveRing.runts(0), bench.receiveRing.collisions(0)]).toEqual([0, 0]);
});
