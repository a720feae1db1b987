// `softnet scenarios --driver`: which cards and scenarios a driver is run on, and what is said of those that make no sense.

import { expect, test } from 'vitest';
import type { ScenarioResult } from '../scenario/run.ts';
import type { Io } from './io.ts';
import { main } from './main.ts';

async function scenarios(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const printed = { out: '', err: '' };
  const io: Io = {
    errIsTerminal: false,
    columns: 0,
    out: (text) => {
      printed.out += text;
    },
    err: (text) => {
      printed.err += text;
    },
    onInterrupt: () => () => {},
    onInput: () => () => {},
    now: () => 0,
  };
  const code = await main(['scenarios', ...argv], io);
  return { code, ...printed };
}

test('speedo and pcn on the cards one asks for', async () => {
  const speedo = await scenarios(
    '--driver',
    'speedo',
    '--on',
    'i82557b,i82559er',
    '--only',
    'bring-up,giants',
  );
  expect([speedo.code, speedo.err]).toEqual([0, '']);
  // The 82557 says nothing of long frames.
  expect(speedo.out).toMatch(/bring-up +pass +pass\n.*giants +- +pass\n/s);
  expect(speedo.out).toContain('3 passed, 0 differ for a known reason, 0 failed');
  const pcn = await scenarios(
    '--driver',
    'pcn',
    '--on',
    'pcnet',
    '--only',
    'every size',
    '--seed',
    '5',
    '--json',
  );
  expect(JSON.parse(pcn.out) as ScenarioResult[]).toMatchObject([
    { subject: 'pcnet', scenario: 'every size', outcome: 'pass', seed: 5 },
  ]);
});

test('without --driver it is pcnet32, as ever', async () => {
  const { code, out } = await scenarios('--on', 'pcnet', '--only', 'register dump');
  expect(code).toBe(0);
  expect(out).toMatch(/register dump +pass\n/);
});

test('what makes no sense is refused, with what would', async () => {
  const refused: [string[], RegExp][] = [
    [['--driver', 'e1000'], /Allowed choices are pcnet32, pcn, speedo/],
    [
      ['--driver', 'speedo', '--on', 'pcnet'],
      /speedo does not drive "pcnet"; it drives: i82557a, .*qemu:i82801/,
    ],
    [
      ['--driver', 'pcn', '--on', 'i82557b'],
      /pcn does not drive "i82557b"; it drives: pcnet, am79c970a, qemu:pcnet/,
    ],
    [['--on', 'i82559er'], /pcnet32 does not drive "i82559er"/],
    [['--on', 'pcent'], /no subject is called "pcent"/],
    [['--driver', 'speedo', '--only', 'boot'], /no scenario is called "boot"/],
    [
      ['--driver', 'speedo', '--on', 'i82557b', '--only', 'register dump'],
      /none of these makes sense for speedo there; those that do: bring-up, every size, /,
    ],
  ];
  for (const [argv, words] of refused) {
    const { code, out, err } = await scenarios(...argv);
    expect(code, err).not.toBe(0);
    expect(err).toMatch(words);
    expect(out).toBe('');
  }
});
