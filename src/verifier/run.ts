// Runs checks on subjects, each check on machines of its own, and collects what they found.

import { ErrnoError } from '../iopkt/errno.ts';
import { CHECKS } from './checks/all.ts';
import type { Finding } from './finding.ts';
import { isRule, RULES, type Rule, ruleOf } from './rules.ts';
import type { VerifierSubject } from './subjects.ts';
import { type Check, judge, NotReached, Trial } from './trial.ts';

export interface RuleResult {
  readonly rule: string;
  readonly broken: string;
  readonly driver: string;
  readonly chip: string;
  /** `not reached`: the driver does too little for the check to get to its point. */
  readonly outcome: 'pass' | 'broken' | 'not reached';
  readonly detail: string;
}

export interface Verdict {
  readonly results: readonly RuleResult[];
  /** The first of each rule. */
  readonly findings: readonly Finding[];
}

export interface VerifyOptions {
  /** One rule; all when left out. */
  rule?: string;
  seed?: number;
  onCheck?: (subject: VerifierSubject, rule: string) => void;
}

/** Verifies one driver on one card. Throws RangeError on a rule that there is none of, or that does not bind this driver. */
export function verify(subject: VerifierSubject, options: VerifyOptions = {}): Verdict {
  const { seed = 1, rule } = options;
  if (rule !== undefined) ruleOf(rule);
  const checks = CHECKS.filter((check) => binds(check.bound, subject) && wanted(check, rule));
  if (checks.length === 0) return { results: [], findings: [] };
  const findings: Finding[] = [];
  const missed = new Map<string, string>();
  for (const check of checks) {
    options.onCheck?.(subject, check.rules[0]);
    const outcome = runCheck(check, subject, seed);
    if (outcome === null) continue;
    if (typeof outcome === 'string') for (const each of check.rules) missed.set(each, outcome);
    else if (!findings.some((other) => other.rule === outcome.rule)) findings.push(outcome);
  }
  const looked = new Set(rule === undefined ? checks.flatMap((check) => check.rules) : [rule]);
  const rules = RULES.filter(
    ({ id, bound }) => binds(bound, subject) && (looked.has(id) || findings.some((each) => each.rule === id)),
  );
  return { results: rules.map((each) => resultOf(each, subject, findings, missed)), findings };
}

function binds(bound: Rule['bound'], subject: VerifierSubject): boolean {
  return bound === 'any' || bound === subject.kind;
}

/** A rule without a check of its own may come up in any. */
function wanted(check: Check, rule: string | undefined): boolean {
  if (rule === undefined) return true;
  return check.rules.includes(rule) || !CHECKS.some((other) => other.rules.includes(rule));
}

/** In every variant of loading, on a CPU without costs and on one with, until something is found. */
function runCheck(check: Check, subject: VerifierSubject, seed: number): Finding | string | null {
  let missed: string | null = null;
  for (const options of subject.variants) {
    for (const costs of [false, true]) {
      const trial = new Trial(subject, check.rules[0], seed, { options, costs });
      try {
        check.run(trial);
      } catch (error) {
        // It does not load: no hardware, or a refusal with an error number.
        if (error instanceof NotReached || error instanceof ErrnoError) missed ??= error.message;
        else return findingOf(error, trial, check, subject, seed);
      }
    }
  }
  return missed;
}

function findingOf(
  error: unknown,
  trial: Trial,
  check: Check,
  subject: VerifierSubject,
  seed: number,
): Finding {
  const { rule, context, message } = judge(error);
  const { driver, chip } = subject;
  const loaded = trial.options === null ? '' : ` (loaded with ${trial.options})`;
  return {
    rule,
    severity: isRule(rule) ? ruleOf(rule).severity : 'error',
    driver,
    chip,
    timeNs: trial.now,
    context,
    message: `${message}${loaded}`,
    seed,
    check: check.rules[0],
    command: `softnet verify ${driver} --chip ${chip} --rule ${check.rules[0]} --seed ${seed}`,
  };
}

function resultOf(
  { id, broken }: Rule,
  { driver, chip }: VerifierSubject,
  findings: readonly Finding[],
  missed: ReadonlyMap<string, string>,
): RuleResult {
  const finding = findings.find((each) => each.rule === id);
  const base = { rule: id, broken, driver, chip };
  if (finding !== undefined) return { ...base, outcome: 'broken', detail: finding.message };
  const why = missed.get(id);
  if (why !== undefined) return { ...base, outcome: 'not reached', detail: why };
  return { ...base, outcome: 'pass', detail: '' };
}
