// Each rule has a small driver that breaks it and no other. A verifier that never fires would prove nothing.

import { describe, expect, test } from 'vitest';
import { BROKEN_DRIVERS } from './broken/all.ts';
import { CHECKS } from './checks/all.ts';
import { formatFinding } from './finding.ts';
import { RULES } from './rules.ts';
import { verify } from './run.ts';
import { subjectsNamed } from './subjects.ts';

const SEED = Number(process.env.SOFTNET_SEED ?? 1);

describe('each broken driver breaks its rule and no other', () => {
  test.each(BROKEN_DRIVERS.map((driver) => [driver.rule, driver.what, driver] as const))(
    '%s: %s',
    (...row) => {
      const [rule, , { subject }] = row;
      const { findings } = verify(subject, { seed: SEED });
      const text = findings.map(formatFinding).join('\n');
      expect([...new Set(findings.map((finding) => finding.rule))], text).toEqual([rule]);
      const [finding] = findings;
      expect(finding.seed).toBe(SEED);
      expect(finding.context).not.toBe('');
      expect(finding.message).not.toBe('');
      expect(finding.timeNs).toBeGreaterThanOrEqual(0);
      expect(finding.command).toMatch(/^softnet verify .* --rule \w+ --seed \d+$/);
    },
  );
});

test('every rule has a broken driver, and every check a rule', () => {
  const broken = new Set(BROKEN_DRIVERS.map(({ rule }) => rule));
  expect(RULES.filter(({ id }) => !broken.has(id)).map(({ id }) => id)).toEqual([]);
  const known = new Set(RULES.map(({ id }) => id));
  expect(CHECKS.flatMap(({ rules }) => rules).filter((id) => !known.has(id))).toEqual([]);
  expect(known.size).toBe(RULES.length);
});

test('one rule alone finds the same, and names are checked', () => {
  const driver = BROKEN_DRIVERS.find(({ rule }) => rule === 'P07')!;
  const all = verify(driver.subject, { seed: SEED });
  const one = verify(driver.subject, { seed: SEED, rule: 'P07' });
  expect(one.findings).toEqual(all.findings);
  expect(one.results.map(({ rule }) => rule)).toEqual(['P07']);
  expect(() => verify(driver.subject, { rule: 'Q99' })).toThrow(/there are: I01, /);
  expect(() => subjectsNamed('nosuch', null)).toThrow(/there are: speedo, pcn, pcnet32, xx, devn-/);
  expect(() => subjectsNamed('pcn', 'i82550')).toThrow(/there are: Am79C970A, Am79C973/);
});
