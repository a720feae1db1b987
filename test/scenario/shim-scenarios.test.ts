// The scenarios on the io-net drivers under the shim: our models on the virtual clock, and QEMU's cards. Rules that a driver
// breaks show when it is unbound.

import { describe, expect, test } from 'vitest';
import { X86_DESKTOP } from '../../src/kernel/profile.ts';
import { DIFFERENCES } from '../../src/scenario/differences.ts';
import { driverNamed } from '../../src/scenario/drivers.ts';
import { modelSubject } from '../../src/scenario/model-subject.ts';
import { runScenarios } from '../../src/scenario/run.ts';
import { subjectNamed } from '../../src/scenario/subjects.ts';
import { hasQemu } from '../vocabulary/qemu.ts';

type Driver = 'devn-pcnet' | 'devn-speedo';

/** What each of them must be able to do at least. */
const NAMES = [
  'every size',
  'short frames',
  'unicast',
  'broadcast',
  'multicast',
  'promiscuous',
  'mode changes',
  'restarts',
  'remove and probe',
  'long run',
];

const scenariosOn = (driver: Driver, subject: string): string[] =>
  driverNamed(driver)
    .scenarios(subject)
    .map(({ name }) => name);

test('the scenarios are there', () => {
  for (const [driver, subject] of [
    ['devn-pcnet', 'am79c970a'],
    ['devn-speedo', 'i82557b'],
    ['devn-speedo', 'qemu:i82559er'],
  ] as const)
    expect(scenariosOn(driver, subject)).toEqual(expect.arrayContaining(NAMES));
});

describe.each([
  ['devn-pcnet', 'Am79C970A', undefined],
  ['devn-pcnet', 'Am79C970A', X86_DESKTOP],
  ['devn-speedo', 'i82557b', undefined],
  ['devn-speedo', 'i82557b', X86_DESKTOP],
  ['devn-speedo', 'i82559er', undefined],
  ['devn-speedo', 'i82559er', X86_DESKTOP],
] as const)('%s on our %s', (driver, chip, profile) => {
  const open = modelSubject(chip, chip, profile);
  const { makeDriver } = driverNamed(driver);
  test.each(scenariosOn(driver, chip === 'Am79C970A' ? 'am79c970a' : chip))(
    'passes "%s"',
    async (scenario) => {
      const [result] = await runScenarios(open, { names: [scenario], makeDriver });
      expect(result.outcome, result.detail).toBe('pass');
      expect(result.registerReads).toBeGreaterThan(10);
    },
  );
});

describe.runIf(hasQemu).each([
  ['devn-pcnet', 'qemu:pcnet'],
  ['devn-speedo', 'qemu:i82557b'],
  ['devn-speedo', 'qemu:i82559er'],
] as const)('%s on %s', (driver, subject) => {
  const open = subjectNamed(subject, () => performance.now());
  const { makeDriver } = driverNamed(driver);
  test.each(scenariosOn(driver, subject))('goes through "%s"', { timeout: 120_000 }, async (scenario) => {
    const [result] = await runScenarios(open, { names: [scenario], makeDriver });
    const known = DIFFERENCES.some((row) => row.scenario === scenario && row.subject === subject);
    expect(result.outcome, result.detail).toBe(known ? 'differs' : 'pass');
  });
});
