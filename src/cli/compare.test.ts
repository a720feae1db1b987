// The command: its tables, JSON, pictures, exit status, and what it says of wrong names.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Comparison } from '../compare/compare.ts';
import type { Io } from './io.ts';
import { main } from './main.ts';

const folder = mkdtempSync(join(tmpdir(), 'softnet-compare-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const io: Io = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    errIsTerminal: false,
    columns: 0,
    onInterrupt: () => () => {},
    onInput: () => () => {},
    now: () => 0,
  };
  const code = await main(['compare', ...args], io);
  return { code, out, err };
}

const QUICK = ['devn-speedo', 'speedo', '--quick', '--no-rules', '--frames', '400'];

function pictures(name: string): Record<string, string> {
  const path = join(folder, name);
  return Object.fromEntries(readdirSync(path).map((file) => [file, readFileSync(join(path, file), 'utf8')]));
}

test('a comparison as JSON and as pictures, the same ones again from the same seed', async () => {
  const first = await run(...QUICK, '--json', '--plots', join(folder, 'a'));
  expect(first.code, first.err).toBe(0);
  const { virtual, wall } = JSON.parse(first.out) as { virtual: Comparison; wall: null };
  expect(wall).toBeNull();
  expect(virtual).toMatchObject({
    old: 'devn-speedo',
    next: 'speedo',
    chip: 'i82559er',
    seed: 1,
    rules: null,
  });
  expect(virtual.wire.identical).toBe(true);
  expect(virtual.scenarios.map(({ next }) => next)).not.toContain('fail');
  expect(virtual.sweep).toHaveLength(2 * 2 * 3);
  expect(virtual.figures.map(({ old }) => `${old.workload} ${old.frameBytes}`)).toContain('echo 1514');
  const again = await run(...QUICK, '--json', '--plots', join(folder, 'b'));
  expect(again.out).toBe(first.out);
  const drawn = pictures('a');
  expect(drawn).toEqual(pictures('b'));
  expect(Object.keys(drawn).sort()).toEqual([
    'cpu-per-frame.svg',
    'latency.svg',
    'throughput-low-power-100.svg',
    'throughput-low-power-1000.svg',
    'throughput-x86-desktop-100.svg',
    'throughput-x86-desktop-1000.svg',
  ]);
  for (const svg of Object.values(drawn)) {
    expect(svg).toMatch(/^<svg /);
    expect(svg).toContain('devn-speedo');
    expect(svg).not.toMatch(/NaN|undefined/);
  }
});

test('tables for people', async () => {
  const { code, out, err } = await run('devn-pcnet', 'pcn', '--quick', '--no-sweep', '--frames', '200');
  expect(code, err).toBe(0);
  expect(out).toContain('devn-pcnet (old) and pcn (new) on am79c973, seed 1');
  expect(out).toMatch(/the same frames, byte for byte and in order/);
  expect(out).toMatch(/devn-pcnet: breaks none\n {2}pcn: breaks none/);
  expect(out).toMatch(/thread switches +1\.00 \| 0\.00/);
  expect(out).not.toMatch(/NaN|undefined/);
});

test('wrong names', async () => {
  expect(await run('devn-speedo', 'e1000')).toMatchObject({
    code: 1,
    err: expect.stringContaining('there are: pcnet32'),
  });
  expect((await run('pcn', 'speedo')).err).toContain('drive no card that is the same');
  expect((await run('pcn', 'pcnet32', '--chip', 'ne2k')).err).toContain('they do: am79c973, am79c970a');
  expect((await run('pcn')).code).not.toBe(0);
  expect((await run('pcn', 'pcnet32', '--frames', '0')).err).toContain('1 or more would be right');
});

test("a driver of somebody's own, from a file", async () => {
  const source = new URL('../drivers/pcn/pcn.ts', import.meta.url).href;
  const path = join(folder, 'mine.mjs');
  writeFileSync(path, `export { pcnModule as default } from ${JSON.stringify(source)};\n`);
  const { code, out, err } = await run('devn-pcnet', path, '--quick', '--no-sweep', '--frames', '100');
  expect(code, err).toBe(0);
  expect(out).toContain('devn-pcnet (old) and mine.mjs (new) on am79c973');
  expect(out).toContain('the same frames, byte for byte and in order');
  const nothing = join(folder, 'nothing.mjs');
  writeFileSync(nothing, 'export default {};\n');
  expect((await run('pcn', nothing)).err).toContain('is to have iopkt_drvr_entry or io_net_dll_entry');
  expect((await run('pcn', join(folder, 'none.mjs'))).code).toBe(1);
});
