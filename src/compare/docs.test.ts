// The figures of docs/porting/worked-port.md are those of the comparison: counts as they are, times within 5%, rates within 10%. A driver that
// has become cheaper by more than that wants a new run of `softnet compare devn-speedo speedo --sensitivity`, and the page mended.
// And docs/compare.md names every field of the JSON.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LOW_POWER, X86_DESKTOP } from '../kernel/profile.ts';
import { frameTimeNs } from '../wire/medium.ts';
import { type ComparedDriver, treeDriver } from './drivers.ts';
import { type Figures, measureLoad, type Workload } from './figures.ts';
import { conclude } from './sensitivity.ts';
import { crossovers, SWEEP_SIZES } from './sweep.ts';

const PAIR = { old: treeDriver('devn-speedo'), next: treeDriver('speedo'), chip: 'i82559er', seed: 1 };
const PAGE = page('porting/worked-port.md');

function page(name: string): string {
  return readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
}

/** Cells of the table between two remarks: its head, and its rows. */
function tableAt(name: string): [head: string[], ...rows: string[][]] {
  const [, text] = new RegExp(`<!-- ${name} -->([\\s\\S]*?)<!-- end of ${name} -->`).exec(PAGE)!;
  const lines = text.split('\n').filter((line) => line.startsWith('|') && !line.startsWith('|-'));
  return lines.map((line) => line.slice(2, -2).split(' | ')) as [string[], ...string[][]];
}

/** Times in ns. */
const TIMES: Record<string, (figures: Figures) => number> = {
  'CPU time': ({ cpuNs }) => cpuNs,
  process: ({ cpuNsIn }) => cpuNsIn.process,
  softirq: ({ cpuNsIn }) => cpuNsIn.softirq,
  hardirq: ({ cpuNsIn }) => cpuNsIn.hardirq,
  'latency, median': ({ latencyNs }) => latencyNs?.p50 ?? Number.NaN,
};
const COUNTS: Record<string, (figures: Figures) => number> = {
  interrupts: ({ interrupts }) => interrupts,
  'thread switches': ({ contextSwitches }) => contextSwitches,
  'system calls': ({ charges }) => charges.systemCall,
  'register reads': ({ registerReads }) => registerReads,
  'register writes': ({ registerWrites }) => registerWrites,
  locks: ({ charges }) => charges.lock,
  copies: ({ charges }) => charges.copyByte,
};

/** ns of `4.98 us`; NaN of `-`. */
function ns(text: string): number {
  const [number, unit] = text.split(' ');
  return Number(number) * (unit === 'us' ? 1000 : 1);
}

/** What the page says is what was measured, within a share of it. */
function near(said: number, measured: number, share = 0.05): boolean {
  return Object.is(said, measured) || Math.abs(said - measured) <= share * measured;
}

test('a frame, before and after the port', () => {
  const [[, ...loads], ...rows] = tableAt('figures');
  expect(rows.map(([name]) => name)).toEqual([...Object.keys(TIMES), ...Object.keys(COUNTS)]);
  const measured = loads.map((load) => {
    const [workload, bytes] = load.split(' ');
    const measure = (driver: ComparedDriver): Figures =>
      measureLoad({
        driver,
        chip: PAIR.chip,
        seed: PAIR.seed,
        profile: X86_DESKTOP,
        workload: workload as Workload,
        frameBytes: Number(bytes),
        bitsPerSecond: 100e6,
        framesPerSecond: 2000,
      });
    return [measure(PAIR.old), measure(PAIR.next)];
  });
  const wrong: string[] = [];
  for (const [name, ...cells] of rows)
    cells.forEach((cell, column) => {
      const right = measured[column].map(TIMES[name] ?? COUNTS[name]);
      const said = cell.split(', ');
      const holds = right.every((value, i) =>
        name in TIMES ? near(ns(said[i]), value) : said[i] === value.toFixed(2),
      );
      if (!holds) wrong.push(`${name}, ${loads[column]}: ${cell}; measured ${right.join(', ')}`);
    });
  expect(wrong).toEqual([]);
});

test('a slow processor at 1 Gbit/s, before and after the port', () => {
  const [, ...rows] = tableAt('sweep');
  expect(rows.map(([size]) => Number(size))).toEqual(SWEEP_SIZES);
  const measured = crossovers(PAIR, { profiles: [LOW_POWER] });
  const wrong = measured.filter(({ frameBytes, old, next, ratio }, i) => {
    const said = rows[i].slice(1).map((cell) => Number(cell.replaceAll(',', '')));
    return ![1e9 / frameTimeNs(frameBytes, 1000e6), old, next, ratio].every((value, j) =>
      near(said[j], value, 0.1),
    );
  });
  expect(wrong).toEqual([]);
});

test('what the technote concludes', () => {
  const { fast, slow } = conclude(PAIR);
  const prose = PAGE.replaceAll(/\s+/g, ' ');
  const [, mbps, oldCpu, nextCpu] =
    /([\d.]+) Mbit\/s of payload with either, ([\d.]+)% and ([\d.]+)% of the CPU/.exec(prose)!;
  const [, ratio] = /\(([\d.]+) with the table as it is/.exec(prose)!;
  expect([fast.alike, slow.ahead]).toEqual([true, true]);
  expect(near(Number(mbps), fast.nextMbps), mbps).toBe(true);
  expect(near(Number(oldCpu), 100 * fast.oldCpu), oldCpu).toBe(true);
  expect(near(Number(nextCpu), 100 * fast.nextCpu), nextCpu).toBe(true);
  expect(near(Number(ratio), slow.ratio), ratio).toBe(true);
});

test('every field of the figures is in the table of JSON fields', () => {
  const figures = measureLoad({
    driver: PAIR.next,
    chip: PAIR.chip,
    profile: X86_DESKTOP,
    workload: 'receive',
    frameBytes: 60,
    bitsPerSecond: 100e6,
    framesPerSecond: 1000,
  });
  const text = page('compare.md').split('## JSON')[1];
  expect(Object.keys(figures).filter((field) => !text.includes(`\`${field}\``))).toEqual([]);
});
