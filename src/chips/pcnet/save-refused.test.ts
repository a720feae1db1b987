// States that somebody else kept, and perhaps changed: refused before anything has changed, or taken up without harm.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ChipState, StateObject, StateValue } from '../../bus/host.ts';
import { HistoryBench, histories } from './history.ts';
import type { PcnetVariant } from './model.ts';
import { ether, OTHER, PcnetBench } from './testing.ts';

const VARIANTS: readonly PcnetVariant[] = ['Am79C970A', 'Am79C973'];

describe('a state that cannot be', () => {
  const full = (variant: PcnetVariant): PcnetBench => {
    const bench = new PcnetBench(variant);
    if (variant === 'Am79C973') bench.linkUp();
    bench.medium.slow = true;
    bench.medium.bitsPerSecond = 10_000_000;
    bench.start().send(0, ether(OTHER));
    return bench;
  };

  test.each(VARIANTS)('of %s is refused wherever it is wrong, and nothing has changed', (variant) => {
    const bench = full(variant);
    const right = bench.chip.save();
    let refused = 0;
    for (const path of paths(right)) {
      for (const value of WRONG) {
        const state = structuredClone(right);
        if (!put(state, path, value)) continue;
        expect(() => bench.chip.restore(state), `${path.join('.')} = ${String(value)}`).toThrow(
          /state of|this is the state/,
        );
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(500);
    expect(bench.chip.save()).toEqual(right);
    bench.chip.restore(right);
    bench.medium.finish();
    bench.expectSums();
  });

  test('says what is wrong', () => {
    const { chip } = full('Am79C970A');
    const right = chip.save();
    const message = (change: StateObject): string => {
      try {
        chip.restore({ ...right, ...change });
        return 'taken';
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(message({})).toBe('taken');
    expect(message({ chip: 'Am79C973' })).toBe(
      'this is the state of "Am79C973": that of "Am79C970A" is wanted',
    );
    expect(message({ version: 2 })).toBe('state of Am79C970A in version 2: version 1 is wanted');
    expect(message({ csr0: 0x10000 })).toBe(
      'state of Am79C970A.csr0 is 65536: no bit outside of 0xffff is wanted',
    );
    expect(message({ csr: new Uint16Array(64) })).toBe(
      'state of Am79C970A.csr is a Uint16Array of 64: a Uint16Array of 128 is wanted',
    );
    expect(message({ rx: { base: 0, length: 8, index: 8 } })).toBe(
      'state of Am79C970A.rx.index is 8: a whole number from 0 to 7 is wanted',
    );
    expect(message({ fifo: 1 })).toBe('state of Am79C970A.fifo is not known');
    expect(message({ unfinished: true, pollNs: null })).toBe(
      'state of Am79C970A: unfinished, and no timer goes on: pollNs is null',
    );
    expect(message({ flight: { ...(right.flight as StateObject), descriptor: 0xfffffff0 } })).toBe(
      'state of Am79C970A.flight.descriptor is 4294967280: there is no memory',
    );
    expect(() => chip.restore(null as unknown as ChipState)).toThrow(
      'state of Am79C970A is null: an object is wanted',
    );
  });

  test('whatever its values, when it is taken the chip goes on without a throw', () => {
    const bits = fc.integer({ min: 0, max: 0xffff });
    const word = fc.integer({ min: 0, max: 0xffffffff });
    const ring = fc.record({
      base: fc.oneof(word, fc.nat(1 << 20)),
      length: fc.integer({ min: 9, max: 65536 }),
      index: fc.nat(8),
    });
    const registers = fc.record({
      csr0: bits,
      csr3: bits,
      csr4: bits,
      csr5: bits,
      csr15: bits,
      rap: fc.nat(255),
      dwio: fc.boolean(),
      rx: ring,
      tx: ring,
    });
    let taken = 0;
    fc.assert(
      fc.property(registers, bits, histories, (given, sws, history) => {
        const bench = new HistoryBench('Am79C973');
        bench.host.wait(20_000_000);
        const state: ChipState = { ...bench.chip.save(), ...given };
        (state.csr as Uint16Array)[58] = sws;
        bench.chip.restore(state);
        taken++;
        for (const act of history) bench.act(act);
        bench.medium.slow = false;
        bench.finishAll();
        bench.host.wait(10_000_000);
        bench.expectSums();
      }),
      { numRuns: 100, seed: 4 },
    );
    expect(taken).toBe(100);
  });
});

/** `undefined` takes the field away. */
const WRONG: readonly unknown[] = [
  undefined,
  'a word',
  -1,
  0.5,
  Number.NaN,
  Infinity,
  1e18,
  [],
  new Uint8Array(3),
  new Uint32Array(128),
  { length: 128 },
  Symbol('odd'),
  () => 1,
];

/** Every field of a state, fields of its objects included. */
function paths(value: StateValue): string[][] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return [[]];
  const inner = Object.entries(value).flatMap(([name, field]) =>
    paths(field as StateValue).map((path) => [name, ...path]),
  );
  return [...inner, ...Object.keys(value).map((name) => [name])].filter((path) => path.length > 0);
}

/** False when the value would be right there. */
function put(state: StateObject, path: string[], value: unknown): boolean {
  let object = state as Record<string, unknown>;
  for (const name of path.slice(0, -1)) object = object[name] as Record<string, unknown>;
  const last = path[path.length - 1];
  const timer = last.endsWith('Ns');
  if (timer && value === 0.5) return false;
  if (value === undefined) delete object[last];
  else object[last] = value;
  return true;
}
