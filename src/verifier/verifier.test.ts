// The contract of drivers: every driver of the tree keeps every rule, and each rule has a small driver that breaks it and no
// other. A verifier that never fires would prove nothing.

import { describe, expect, test } from 'vitest';
import { IFF_RUNNING } from '../iopkt/flags.ts';
import type { ifnet } from '../iopkt/ifnet.ts';
import type { IoPkt } from '../iopkt/manager.ts';
import { BROKEN_DRIVERS } from './broken/all.ts';
import { CHECKS } from './checks/all.ts';
import { formatFinding } from './finding.ts';
import type { Rig, RigOptions } from './rig.ts';
import { RULES } from './rules.ts';
import { verify } from './run.ts';
import { SUBJECTS, subjectsNamed } from './subjects.ts';
import { coreSubject } from './testing-core.ts';

const SEED = Number(process.env.SOFTNET_SEED ?? 1);

describe('every driver of the tree keeps every rule', () => {
  test.each([...SUBJECTS, coreSubject()].map((subject) => [subject.driver, subject.chip, subject] as const))(
    '%s on %s',
    (...row) => {
      const verdict = verify(row[2], { seed: SEED });
      expect(verdict.findings.map(formatFinding).join('\n')).toBe('');
      const missed = verdict.results.filter(({ outcome }) => outcome !== 'pass');
      expect(missed.map(({ rule, detail }) => `${rule}: ${detail}`)).toEqual([]);
    },
  );
});

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
      expect(finding.command).toMatch(/^softnet verify .* --rule \w+ --seed \d+$/);
    },
  );
});

describe('what is broken on a chip of ours is seen there too', () => {
  const tampers: [rule: string, (rig: Rig) => void][] = [
    ['I06', ({ source }) => void Object.assign(source.inter, { enable: () => 1 })],
    ['P19', ({ io }) => void Object.assign(io.hooks[0], { func: () => {} })],
    ['N12', ({ ifp }) => void Object.assign(ifp, { if_stop: () => clearRunning(ifp) })],
    ['P05', ({ ifp }) => void Object.assign(ifp, { if_start: startUnlessStopped(ifp) })],
    ['P08', ({ ifp }) => void Object.assign(ifp, { if_input: longer(ifp.if_input) })],
    ['P14', ({ ifp, io }) => void Object.assign(ifp, { if_init: disarming(io, ifp.if_init!) })],
  ];
  const chips = SUBJECTS.filter(({ chip, kind }) => kind === 'io-pkt' && chip !== 'made-up');
  test.each(tampers)('%s', (rule, tamper) => {
    for (const subject of chips) {
      const open = (options: RigOptions): Rig => {
        const rig = subject.open(options);
        const mount = rig.mount.bind(rig);
        rig.mount = (text) => {
          if (text === undefined) mount();
          else mount(text);
          tamper(rig);
        };
        return rig;
      };
      const { findings } = verify({ ...subject, open }, { seed: SEED, rule });
      const found = findings.map((finding) => finding.rule);
      expect(found, `${subject.driver} on ${subject.chip}`).toEqual([rule]);
    }
  });
});

function clearRunning(ifp: ifnet): void {
  ifp.if_flags &= ~IFF_RUNNING;
  ifp.if_flags_tx &= ~IFF_RUNNING;
}

function startUnlessStopped({ if_start }: ifnet): (ifp: ifnet) => void {
  return (ifp) => {
    if ((ifp.if_flags_tx & IFF_RUNNING) !== 0) if_start!(ifp);
  };
}

function longer(input: ifnet['if_input']): ifnet['if_input'] {
  return (ifp, m) => {
    m.length = m.packetLength += 4;
    input(ifp, m);
  };
}

function disarming(io: IoPkt, init: (ifp: ifnet) => number): (ifp: ifnet) => number {
  return (ifp) => {
    const error = init(ifp);
    // The periodic callout runs out, and is not armed again.
    for (const each of io.callouts) each.c_func = () => {};
    return error;
  };
}

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
  expect(() => subjectsNamed('nosuch', null)).toThrow(/there are: speedo, pcn, pcnet32, xx/);
  expect(() => subjectsNamed('pcn', 'i82550')).toThrow(/there are: Am79C970A, Am79C973/);
});
