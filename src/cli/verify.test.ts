// The command of the verifier: tables, JSON, exit status, a driver of somebody's own.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import type { Finding } from '../verifier/finding.ts';
import type { RuleResult } from '../verifier/run.ts';
import type { Io } from './io.ts';
import { main } from './main.ts';

const folder = mkdtempSync(join(tmpdir(), 'softnet-verify-'));
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
  const code = await main(['verify', ...args], io);
  return { code, out, err };
}

/** A driver of somebody's: the one of the tests, with a function replaced. */
function ownDriver(name: string, functions: string): string {
  const path = join(folder, name);
  const source = fileURLToPath(new URL('../iopkt/testing-driver.ts', import.meta.url));
  const text = `import { XX, xxModule } from ${JSON.stringify(source)};
export default (card) => xxModule([card], ${functions});
`;
  writeFileSync(path, text);
  return path;
}

test('a table of the rules, and exit status 0 when all are kept', async () => {
  const { code, out } = await run('xx', '--rule', 'P05');
  expect(out).toMatch(/xx +made-up +P05 +returns from start with if_snd_ex locked.* pass/);
  expect(out).toMatch(/1 kept, 0 broken, 0 not reached/);
  expect(code).toBe(0);
});

test('a driver of ones own that breaks a rule: the finding in full, the command, exit status 1', async () => {
  const path = ownDriver('leaky.mts', '{ monitor(sc) { XX.monitor(sc); XX.monitor(sc); }, shutdown() {} }');
  const { code, out, err } = await run(path, '--rule', 'p19', '--seed', '7');
  expect(err).toBe('');
  expect(out).toMatch(
    /P19 error: .*leaky\.mts on made-up, \d+ ns, after the hook\n {2}the card .* after the hook/,
  );
  expect(out).toContain(`seed 7; to see it again: softnet verify ${path} --chip made-up --rule P19 --seed 7`);
  expect(code).toBe(1);
});

test('a driver of ones own for io-net: what it exports says so', async () => {
  const path = join(folder, 'old.mts');
  const source = (name: string): string =>
    JSON.stringify(fileURLToPath(new URL(`../ionet/${name}`, import.meta.url)));
  writeFileSync(
    path,
    `import { XX, xxEntry } from ${source('testing-driver.ts')};
const advert = (xx) => (xx.pulse.value++ === 0 ? XX.advert(xx) : 0);
export default (card) => ({ io_net_dll_entry: xxEntry([card], { advert }) });
`,
  );
  const { code, out, err } = await run(path, '--rule', 's12');
  expect(err).toBe('');
  expect(out).toMatch(/S12 error: .*old\.mts on made-up, .*\n {2}.*dl_advert was called, and sent no advert/);
  expect(code).toBe(1);
});

test('JSON has every rule and every finding', async () => {
  const { code, out } = await run('pcn', '--chip', 'am79c970a', '--rule', 'P16', '--json');
  const { results, findings } = JSON.parse(out) as { results: RuleResult[]; findings: Finding[] };
  expect(results).toEqual([
    {
      rule: 'P16',
      broken: expect.any(String),
      driver: 'pcn',
      chip: 'Am79C970A',
      outcome: 'pass',
      detail: '',
    },
  ]);
  expect(findings).toEqual([]);
  expect(code).toBe(0);
});

test('what does not exist is said, with what there is', async () => {
  for (const [args, wanted] of [
    [['nosuch'], /no driver is called "nosuch"; there are: speedo, pcn, pcnet32, xx, devn-/],
    [['pcn', '--chip', 'i82550'], /there are: Am79C970A, Am79C973/],
    [['xx', '--rule', 'Q1'], /no rule is called "Q1"; there are: I01/],
    [['pcnet32', '--rule', 'P05'], /rule P05 binds none of these drivers/],
    [['./nosuch.mjs'], /nosuch\.mjs/],
    [['xx', '--seed', 'x'], /a whole number/],
    [['pcn', '--rule', 'S05'], /rule S05 binds none of these drivers/],
    [['devn-pcnet', '--rule', 'P05'], /rule P05 binds none of these drivers/],
    [[join(folder, 'neither.mjs')], /neither iopkt_drvr_entry nor io_net_dll_entry/],
    [[join(folder, 'empty.mjs')], /its default export is to be a function/],
  ] as const) {
    writeFileSync(join(folder, 'empty.mjs'), 'export const nothing = 0;\n');
    writeFileSync(join(folder, 'neither.mjs'), 'export default () => ({});\n');
    const { code, out, err } = await run(...args);
    expect(err).toMatch(wanted);
    expect(out).toBe('');
    expect(code).toBe(1);
  }
});

test('a driver whose entry throws keeps no rule that was never looked at', async () => {
  const path = join(folder, 'throws.mjs');
  writeFileSync(
    path,
    `export default () => ({ iopkt_drvr_entry: { name: 'yy', drvr_init: () => { throw new Error('boo'); } } });\n`,
  );
  const { code, out } = await run(path, '--json');
  const { results, findings } = JSON.parse(out) as { results: RuleResult[]; findings: Finding[] };
  expect(findings.map(({ rule }) => rule)).toEqual(['crash']);
  expect(results.filter(({ outcome }) => outcome === 'pass')).toEqual([]);
  expect(code).toBe(1);
});
