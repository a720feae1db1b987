// Every scenario on QEMU's card, in real time, and the comparison of what passes between the driver and either card.

import { describe, expect, test } from 'vitest';
import { hasQemu } from '../../test/vocabulary/qemu.ts';
import { pcnet32Driver } from '../drivers/pcnet32/pcnet32.ts';
import { diffTraces, explain, renderTraces } from './diff-traces.ts';
import { DIFFERENCES, TRACE_DIFFERENCES } from './differences.ts';
import { traceDriver } from './differential.ts';
import { DRIVER_SCENARIOS } from './driver/all.ts';
import { runScenarios } from './run.ts';
import { subjectNamed } from './subjects.ts';

const QEMU = 'qemu:pcnet';
const now = (): number => performance.now();

describe.runIf(hasQemu)(QEMU, () => {
  test.each(DRIVER_SCENARIOS.map(({ name }) => name))('goes through "%s"', async (scenario) => {
    const [result] = await runScenarios(subjectNamed(QEMU, now), { names: [scenario] });
    const known = DIFFERENCES.some((row) => row.scenario === scenario && row.subject === QEMU);
    expect(result.outcome, result.detail).toBe(known ? 'differs' : 'pass');
    expect(result.registerReads).toBeGreaterThan(10);
  });

  test('and our model differ only as the table says', { timeout: 120_000 }, async () => {
    const ours = await traceDriver(subjectNamed('am79c970a', now));
    const theirs = await traceDriver(subjectNamed(QEMU, now));
    const { unexplained, gone } = explain(diffTraces(ours, theirs), TRACE_DIFFERENCES);
    expect(unexplained, renderTraces(ours, theirs)).toEqual([]);
    expect(gone).toEqual([]);
  });

  test('that dies in the middle fails the scenario with what there is to say', async () => {
    const open = subjectNamed(QEMU, now);
    let pid = 0;
    const [result] = await runScenarios(
      async (options) => {
        const subject = await open(options);
        pid = subject.pid ?? 0;
        return subject;
      },
      {
        names: ['long run'],
        makeDriver: (layer, options) => {
          const driver = pcnet32Driver(layer, options);
          setTimeout(() => process.kill(pid, 'SIGKILL'), 300);
          return driver;
        },
      },
    );
    expect(result.outcome).toBe('fail');
    expect(result.detail).toMatch(/^QEMU is gone: .*is lost: /);
  });
});

test('rows of the table say whose mistake it is and how to see it', () => {
  const scenarios = new Set(DRIVER_SCENARIOS.map(({ name }) => name));
  for (const { scenario, reason, seen } of DIFFERENCES) {
    expect(scenarios).toContain(scenario);
    expect(reason).toMatch(/\(".+"/);
    expect(seen).not.toBe('');
  }
  for (const { reason, seen } of TRACE_DIFFERENCES) {
    expect(reason).toMatch(/QEMU bug|No bug/);
    expect(seen).not.toBe('');
  }
});
