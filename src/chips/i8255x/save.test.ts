// Save and restore of the chip: whatever happened to it, a fresh one that takes up its state cannot be told from it.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ChipState, StateObject } from '../../bus/host.ts';
import { TX_RETRY } from '../../wire/medium.ts';
import { fromText, toText } from '../socket.ts';
import { FakeHost, FakeMedium } from '../testing.ts';
import { CB } from './blocks.ts';
import { HistoryBench, histories } from './history.ts';
import { I8255x, type I8255xModel } from './model.ts';
import { CSR, CUC } from './sheet.ts';
import { ether, I8255xBench, MAC, OTHER, pauseFrame } from './testing.ts';

const SOME: readonly I8255xModel[] = ['i82557b', 'i82559c'];

function another(bench: I8255xBench, host = new FakeHost(), medium = new FakeMedium()): I8255x {
  const { carrier, bitsPerSecond, fullDuplex } = bench.medium;
  Object.assign(medium, { carrier, bitsPerSecond, fullDuplex });
  return new I8255x(host, medium, { model: bench.model, mac: [2, 0, 0, 0, 0, 9] });
}

/** What the random histories have to come across for the properties to mean something. */
const seen = {
  flight: 0,
  abandoned: 0,
  queue: 0,
  cuActive: 0,
  cuSuspended: 0,
  ready: 0,
  pause: 0,
  phy: 0,
  line: 0,
  eeprom: 0,
};

function note(state: ChipState, line: boolean): void {
  const flight = state.flight as StateObject | null;
  if (flight !== null) seen.flight++;
  if (flight?.abandoned === true) seen.abandoned++;
  if ((state.queue as unknown[]).length > 0) seen.queue++;
  if (state.cuState === 2) seen.cuActive++;
  if (state.cuState === 1) seen.cuSuspended++;
  if (state.ruState === 4) seen.ready++;
  if (state.pauseNs !== null) seen.pause++;
  if ((state.phy as StateObject).timerNs !== null) seen.phy++;
  if ((state.eeprom as StateObject).bits !== -1) seen.eeprom++;
  if (line) seen.line++;
}

describe.each(SOME)('%s', (model) => {
  test('save, restore, save gives the same, in another chip and in its own', () => {
    fc.assert(
      fc.property(histories, histories, (first, second) => {
        const bench = new HistoryBench(model);
        for (const act of first) bench.act(act);
        const state = bench.chip.save();
        const text = toText(state);
        const other = another(bench);
        other.restore(structuredClone(state));
        expect(other.save()).toEqual(state);
        const { carrier, bitsPerSecond, fullDuplex } = bench.medium;
        for (const act of second) bench.act(act);
        bench.finishAll();
        bench.medium.change({ carrier, bitsPerSecond, fullDuplex });
        bench.chip.restore(fromText(text));
        expect(bench.chip.save()).toEqual(state);
        expect(toText(state)).toBe(text);
      }),
      { numRuns: 30, seed: 1 },
    );
  });

  test('a chip that is exchanged after every few acts shows the same as one that is not', () => {
    const before = { ...seen };
    fc.assert(
      fc.property(histories, fc.boolean(), fc.integer({ min: 1, max: 7 }), (history, answers, every) => {
        const plain = new HistoryBench(model);
        const exchanged = new HistoryBench(model, true);
        for (const bench of [plain, exchanged])
          if (answers) bench.host.onInterrupt = () => bench.acknowledge();
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
      { numRuns: 60, seed: 2 },
    );
    for (const [what, count] of Object.entries(seen)) {
      if (what === 'pause' && model === 'i82557b') continue;
      expect(count - before[what as keyof typeof seen], what).toBeGreaterThan(0);
    }
  });

  test('a chip that was reset and gets its own state back shows the same as one that was not', () => {
    fc.assert(
      fc.property(histories, fc.integer({ min: 1, max: 7 }), (history, every) => {
        const plain = new HistoryBench(model);
        const disturbed = new HistoryBench(model, true);
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
      { numRuns: 30, seed: 3 },
    );
  });
});

describe('frames under way', () => {
  const busy = (): I8255xBench => {
    const bench = new I8255xBench().start();
    bench.medium.slow = true;
    bench.medium.bitsPerSecond = 10_000_000;
    for (let i = 0; i < 3; i++) bench.send(ether(OTHER, 100 + i));
    return bench;
  };

  test('in the FIFO are sent by the chip that takes the state up, each once', () => {
    const bench = busy();
    const state = bench.chip.save();
    const medium = new FakeMedium();
    const other = another(bench, new FakeHost(), medium);
    other.restore(state);
    expect(medium.sent.length).toBe(0);
    other.transmitted(0);
    expect(medium.sent.map((sent) => sent.bytes)).toEqual([ether(OTHER, 101), ether(OTHER, 102)]);
    expect(other.counters).toMatchObject({ taken: 3, transmitted: 3, waiting: 0 });
  });

  test('on a medium that knows of nothing have left after the time they take', () => {
    const bench = busy();
    const host = new FakeHost();
    const medium = new FakeMedium();
    const other = another(bench, host, medium);
    other.restore(bench.chip.save());
    expect([medium.sent.length, other.counters.waiting]).toEqual([0, 3]);
    host.wait(90_000);
    expect(medium.sent.length).toBe(0);
    host.wait(20_000);
    expect([medium.sent.length, other.counters.transmitted]).toEqual([2, 3]);
  });

  test('are not confused with a later one that the medium has by now', () => {
    const bench = new I8255xBench().start();
    bench.medium.slow = true;
    bench.send(ether(OTHER));
    const state = bench.chip.save();
    bench.medium.finish();
    bench.send(ether(OTHER));
    bench.chip.restore(state);
    expect(bench.chip.counters).toMatchObject({ taken: 1, transmitted: 0, waiting: 1 });
    // Of the other frame, whose end is all that it tells.
    bench.medium.finish(TX_RETRY);
    expect(bench.chip.counters).toMatchObject({ taken: 1, transmitted: 1, txRetry: 0, waiting: 0 });
  });

  test('wait for a medium that is busy with what belongs to no state', () => {
    const bench = new I8255xBench().start();
    const idle = bench.chip.save();
    bench.medium.slow = true;
    bench.send(ether(OTHER));
    bench.chip.restore(idle);
    bench.send(ether(OTHER, 70));
    expect([bench.medium.sent.length, bench.chip.counters.waiting]).toEqual([1, 1]);
    bench.medium.finish();
    expect([bench.medium.sent.length, bench.chip.counters.transmitted]).toEqual([2, 0]);
    bench.medium.finish();
    expect(bench.chip.counters.transmitted).toBe(1);
    bench.expectSums();
  });

  test('nothing is saved from within a transmission', () => {
    const bench = new I8255xBench().start();
    let message = '';
    bench.medium.send = (frame) => {
      try {
        bench.chip.save();
      } catch (error) {
        message = (error as Error).message;
      }
      bench.medium.pool.put(frame);
      bench.chip.transmitted(0);
    };
    bench.send(ether(OTHER));
    expect(message).toMatch(/between clock events/);
  });
});

describe('states that cannot be', () => {
  const busy = (): I8255xBench => {
    const bench = new I8255xBench().start();
    bench.medium.slow = true;
    bench.send(ether(OTHER));
    bench.send(ether(OTHER));
    return bench;
  };

  test.each<[string, StateObject, RegExp]>([
    ['another model', { chip: 'i82557b' }, /"i82559c" is wanted/],
    ['a CU in a state that there is not', { cuState: 3 }, /cuState is 3: one of 0, 1, 2/],
    ['an RU likewise', { ruState: 15 }, /ruState/],
    ['bits that no register has', { control: 2 }, /control is 2/],
    ['frames that nobody counted', { queue: [] }, /waiting: 1 is wanted/],
    ['more frames than the FIFO holds', { queue: new Array(65).fill(0) }, /queue/],
    ['a frame without its bytes', { queue: [{ length: 7, bytes: new Uint8Array(8), fcs: null }] }, /bytes/],
    [
      'a flight of a frame longer than frames are',
      { flight: { bytes: 1e6, abandoned: false, leftNs: 0 } },
      /flight/,
    ],
  ])('%s', (_, change, message) => {
    const bench = busy();
    const before = toText(bench.chip.save());
    expect(() => bench.chip.restore({ ...bench.chip.save(), ...change })).toThrow(message);
    expect(toText(bench.chip.save())).toBe(before);
  });

  test('an EEPROM of another size', () => {
    const bench = busy();
    const large = new I8255xBench('i82559c', 256);
    expect(() => bench.chip.restore(large.chip.save())).toThrow(/words/);
  });
});

test('a list without an end goes on at its next turn', () => {
  const bench = new I8255xBench();
  const at = bench.block(0);
  bench.host.dma.write32(at + CB.LINK, at);
  bench.cu(CUC.START, at);
  const host = new FakeHost();
  host.memory.u8.set(bench.host.memory.u8);
  const other = another(bench, host);
  other.restore(bench.chip.save());
  host.wait(63_000);
  expect(other.counters.commands).toBe(128);
  host.wait(2_000);
  expect(other.counters.commands).toBe(256);
});

test('the pause goes on for what is left of it', () => {
  const bench = new I8255xBench().start();
  bench.arrive(pauseFrame(1000));
  bench.send(ether(OTHER));
  bench.host.wait(5_000_000);
  const host = new FakeHost();
  const medium = new FakeMedium();
  const other = another(bench, host, medium);
  other.restore(bench.chip.save());
  expect(other.readBar(0, CSR.FLOW_COMMAND, 1)).toBe(4);
  host.wait(100_000);
  expect(medium.sent.length).toBe(0);
  host.wait(30_000);
  expect(medium.sent.length).toBe(1);
  medium.arrive(ether(MAC));
  expect(other.counters).toMatchObject({ received: 2, filtered: 1, truncated: 1 });
});
