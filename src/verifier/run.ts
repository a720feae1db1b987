// Runs checks on subjects, each check on machines of its own, and collects what they found.

import { ErrnoError } from '../iopkt/errno.ts';
import { CHECKS } from './checks/all.ts';
import type { Finding } from './finding.ts';
import { binds, isRule, RULES, type Rule, ruleOf } from './rules.ts';
import type { VerifierSubject } from './subjects.ts';
import { type Check, Found, judge, NotReached, staysLoaded, Trial } from './trial.ts';

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
  const checks = CHECKS.filter((check) => binds(check.bound, subject.kind) && wanted(check, rule));
  if (checks.length === 0) return { results: [], findings: [] };
  const findings: Finding[] = [];
  const missed = new Map<string, string>();
  for (const check of checks) {
    options.onCheck?.(subject, check.rules[0]);
    const outcome = runCheck(check, subject, seed);
    if (outcome === null) continue;
    if (typeof outcome === 'string') for (const each of check.rules) missed.set(each, outcome);
    else {
      if (!findings.some((other) => other.rule === outcome.rule)) findings.push(outcome);
      // It was over before it could see what else it looks for.
      for (const each of check.rules)
        if (each !== outcome.rule) missed.set(each, `its check ended in ${outcome.rule}: ${outcome.message}`);
    }
  }
  const looked = new Set(rule === undefined ? checks.flatMap((check) => check.rules) : [rule]);
  const rules = RULES.filter(
    ({ id, bound }) =>
      binds(bound, subject.kind) && (looked.has(id) || findings.some((each) => each.rule === id)),
  );
  // What the interface refuses by itself may come up in any check, if one gets to its point.
  const reached = checks.some((check) => check.rules.some((id) => !missed.has(id)));
  if (!reached) for (const { id } of rules) if (!missed.has(id)) missed.set(id, 'no check got to its point');
  return { results: rules.map((each) => resultOf(each, subject, findings, missed)), findings };
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
    if (check.unloads === true && staysLoaded(options)) continue;
    for (const costs of [false, true]) {
      const trial = new Trial(subject, check.rules[0], seed, { options, costs });
      try {
        check.run(trial);
        trial.askShim();
      } catch (error) {
        const what = trial.whatShimSaw(error);
        // It does not load: no hardware, or a refusal with an error number.
        if (what instanceof NotReached || what instanceof ErrnoError) missed ??= what.message;
        else return findingOf(what, trial, check, subject, seed);
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
    timeNs: error instanceof Found && error.timeNs >= 0 ? error.timeNs : trial.now,
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
