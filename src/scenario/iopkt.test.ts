// The scenarios on io-pkt's drivers: our models on the virtual clock, and QEMU's cards.

import { describe, expect, test } from 'vitest';
import { hasQemu } from '../../test/vocabulary/qemu.ts';
import { X86_DESKTOP } from '../kernel/profile.ts';
import { DIFFERENCES } from './differences.ts';
import { DRIVER_SCENARIOS } from './driver/all.ts';
import { driverNamed, lacksOf } from './drivers.ts';
import { iopktDriver, scenariosFor } from './iopkt-driver.ts';
import { modelSubject } from './model-subject.ts';
import { runScenarios } from './run.ts';
import { QEMU_I8255X, subjectNamed } from './subjects.ts';

const now = (): number => performance.now();

describe.each([
  ['pcn', 'Am79C970A', undefined],
  ['pcn', 'Am79C973', undefined],
  ['pcn', 'Am79C973', X86_DESKTOP],
  ['speedo', 'i82557b', undefined],
  ['speedo', 'i82558b', undefined],
  ['speedo', 'i82559er', X86_DESKTOP],
  ['speedo', 'i82551', undefined],
  ['speedo', 'i82801', undefined],
] as const)('%s on our %s', (driver, chip, profile) => {
  const open = modelSubject(chip, chip, profile);
  const lacks = lacksOf(driver, chip);
  test.each(scenariosFor(driver, DRIVER_SCENARIOS, lacks).map(({ name }) => name))(
    'passes "%s"',
    async (scenario) => {
      const [result] = await runScenarios(open, { names: [scenario], makeDriver: iopktDriver(driver) });
      expect(result.outcome, result.detail).toBe('pass');
      expect(result.registerReads).toBeGreaterThan(10);
    },
  );
});

describe.runIf(hasQemu).each([
  ['pcn', 'qemu:pcnet'],
  ['speedo', 'qemu:i82557b'],
  ['speedo', 'qemu:i82558b'],
  ['speedo', 'qemu:i82559er'],
] as const)('%s on %s', (driver, subject) => {
  const open = subjectNamed(subject, now);
  test.each(scenariosFor(driver, DRIVER_SCENARIOS, lacksOf(driver, subject)).map(({ name }) => name))(
    'goes through "%s"',
    { timeout: 120_000 },
    async (scenario) => {
      const [result] = await runScenarios(open, { names: [scenario], makeDriver: iopktDriver(driver) });
      const known = DIFFERENCES.some((row) => row.scenario === scenario && row.subject === subject);
      expect(result.outcome, result.detail).toBe(known ? 'differs' : 'pass');
    },
  );
});

describe.runIf(hasQemu)("speedo on each of QEMU's family", () => {
  test.each(QEMU_I8255X)(
    '%s comes up, and frames of every size pass',
    { timeout: 120_000 },
    async (model) => {
      const results = await runScenarios(subjectNamed(`qemu:${model}`, now), {
        names: ['bring-up', 'every size'],
        makeDriver: iopktDriver('speedo'),
      });
      for (const { scenario, subject, outcome, detail } of results) {
        const known = DIFFERENCES.some((row) => row.scenario === scenario && row.subject === subject);
        expect(outcome, detail).toBe(known ? 'differs' : 'pass');
      }
      expect(results[1].frames).toBeGreaterThan(1000);
    },
  );
});

test('a driver is told which cards are not its own', () => {
  expect(() => driverNamed('speedo').scenarios('pcnet')).toThrow(
    /speedo does not drive "pcnet"; it drives: i82557a, /,
  );
  expect(() => driverNamed('pcnet32').scenarios('i82557b')).toThrow(
    /it drives: pcnet, am79c970a, qemu:pcnet/,
  );
});
