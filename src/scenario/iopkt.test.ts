// The scenarios on io-pkt's drivers: our models on the virtual clock, and QEMU's cards.

import { describe, expect, test } from 'vitest';
import { hasQemu } from '../../test/vocabulary/qemu.ts';
import { X86_DESKTOP } from '../kernel/profile.ts';
import { DIFFERENCES } from './differences.ts';
import { DRIVER_SCENARIOS } from './driver/all.ts';
import { iopktDriver, scenariosFor } from './iopkt-driver.ts';
import { modelSubject } from './model-subject.ts';
import { qemuSubject } from './qemu-subject.ts';
import { runScenarios } from './run.ts';
import type { Need } from './scenario.ts';

const now = (): number => performance.now();

describe.each([
  ['pcn', 'Am79C970A', undefined],
  ['pcn', 'Am79C973', undefined],
  ['pcn', 'Am79C973', X86_DESKTOP],
  ['speedo', 'i82557b', undefined],
  ['speedo', 'i82558b', undefined],
  ['speedo', 'i82559er', X86_DESKTOP],
  ['speedo', 'i82551', undefined],
] as const)('%s on our %s', (driver, chip, profile) => {
  const open = modelSubject(chip, chip, profile);
  // The 82557 drops frames above 1518 bytes and has no counter for them.
  const lacks: Need[] = chip === 'i82557b' ? ['long frames'] : [];
  test.each(scenariosFor(driver, DRIVER_SCENARIOS, lacks).map(({ name }) => name))(
    'passes "%s"',
    async (scenario) => {
      const [result] = await runScenarios(open, { names: [scenario], makeDriver: iopktDriver(driver) });
      expect(result.outcome, result.detail).toBe('pass');
      expect(result.registerReads).toBeGreaterThan(10);
    },
  );
});

// QEMU's cards send while the doorbell rings: these drivers look at their ring again then, and it never fills. Its PHY of the
// 8255x says that there is a link whatever the cable does.
describe.runIf(hasQemu).each([
  ['pcn', 'pcnet', ['transmit ring']],
  ['speedo', 'i82557b', ['transmit ring', 'cable', 'long frames']],
  ['speedo', 'i82558b', ['transmit ring', 'cable']],
  ['speedo', 'i82559er', ['transmit ring', 'cable']],
] as const)('%s on the %s of QEMU', (driver, model, lacks) => {
  const subject = `qemu:${model}`;
  const open = qemuSubject(subject, now, model);
  test.each(scenariosFor(driver, DRIVER_SCENARIOS, lacks).map(({ name }) => name))(
    'goes through "%s"',
    { timeout: 120_000 },
    async (scenario) => {
      const [result] = await runScenarios(open, { names: [scenario], makeDriver: iopktDriver(driver) });
      const known = DIFFERENCES.some((row) => row.scenario === scenario && row.subject === subject);
      expect(result.outcome, result.detail).toBe(known ? 'differs' : 'pass');
    },
  );
});
