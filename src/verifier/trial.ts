// One run of one check on one driver: what the check is given, and how it says what it found.

import { shimFindings } from '../ionet/shim/findings.ts';
import { IoPktError } from '../iopkt/self.ts';
import { Random } from '../kernel/random.ts';
import type { Rig, RigOptions } from './rig.ts';
import type { Bound } from './rules.ts';
import { isRule } from './rules.ts';
import type { VerifierSubject } from './subjects.ts';

export interface Check {
  /** Rules it is after, the first of which names it. Any check may run into others. */
  readonly rules: readonly string[];
  readonly bound: Bound;
  /** It ends with the driver gone: not for a way of loading that does not allow it. */
  readonly unloads?: boolean;
  /** Throws what it finds, by `trial`; returns when all is well. */
  readonly run: (trial: Trial) => void;
}

/** What a driver did, as it was seen. */
export class Found extends Error {
  readonly rule: string;
  readonly context: string;
  /** Virtual time; -1: when it was thrown. */
  readonly timeNs: number;

  constructor(rule: string, context: string, message: string, timeNs = -1) {
    super(message);
    this.rule = rule;
    this.context = context;
    this.timeNs = timeNs;
  }
}

/** The driver does so little that the check could not get to its point. */
export class NotReached extends Error {}

/** With shimrxcopy=0 the stack may have buffers of the driver's, and the interface cannot be destroyed. */
export function staysLoaded(options: string | null): boolean {
  return options?.includes('shimrxcopy=0') === true;
}

export class Trial {
  readonly subject: VerifierSubject;
  readonly seed: number;
  readonly random: Random;
  /** Options the driver is loaded with. */
  readonly options: string | null;
  readonly costs: boolean;
  private readonly rule: string;
  private rig: Rig | null = null;
  /** The first thing that the shim logged on a machine before this one. */
  private before: Found | null = null;

  constructor(
    subject: VerifierSubject,
    rule: string,
    seed: number,
    { options, costs }: { options: string | null; costs: boolean },
  ) {
    this.subject = subject;
    this.rule = rule;
    this.seed = seed;
    this.options = options;
    this.costs = costs;
    this.random = new Random(seed, `verifier/${rule}`);
  }

  /** Virtual time of the machine at hand. */
  get now(): number {
    return this.rig?.now ?? 0;
  }

  /** A machine with the card; nothing is loaded. */
  rigUp(options: Partial<RigOptions> = {}): Rig {
    const { seed, costs } = this;
    this.before = this.logged();
    this.rig = this.subject.open({ seed, costs, options: this.options, ...options });
    return this.rig;
  }

  /** The same with the driver loaded, up, and frames passing: what most checks start from. */
  working(options: Partial<RigOptions> = {}): Rig {
    const rig = this.rigUp(options);
    rig.mount();
    this.need(rig.up(), 'the link does not come up');
    this.needs(rig.exchange());
    rig.forget();
    return rig;
  }

  /** What the shim has logged of an io-net driver, and did not throw, is a finding of this check. */
  askShim(): void {
    const found = this.logged();
    if (found !== null) throw found;
  }

  /** The same for a check that has ended early, if by nothing worse. */
  whatShimSaw(error: unknown): unknown {
    return error instanceof IoPktError ? error : (this.logged() ?? error);
  }

  private logged(): Found | null {
    const io = this.rig?.ioOrNull ?? null;
    if (this.before !== null || io === null) return this.before;
    const [finding] = shimFindings(io);
    return finding === undefined ? null : new Found(finding.rule, 'shim', finding.message, finding.timeNs);
  }

  /** Breaks off: the rule of this check is broken. */
  fail(context: string, message: string): never {
    throw new Found(this.rule, context, message);
  }

  /** The same unless it holds. */
  expect(holds: boolean, context: string, message: string | (() => string)): void {
    if (!holds) this.fail(context, typeof message === 'string' ? message : message());
  }

  /** Breaks off without a finding unless it holds. */
  need(holds: boolean, what: string): void {
    if (!holds) throw new NotReached(what);
  }

  /** The same unless the text is empty. */
  needs(problem: string): void {
    if (problem !== '') throw new NotReached(problem);
  }
}

/** Rule, context and message of whatever came out of a run of a driver. */
export function judge(error: unknown): { rule: string; context: string; message: string } {
  if (error instanceof Found) return error;
  const message = error instanceof Error ? error.message : String(error);
  // Errors of io-pkt and of the device layer name their rule and context.
  const named = /\(rule ([A-Z]\d\d|manual)(?:; \d+ ns, ([^)]*(?:\(\))?[^)]*) context)?\)/.exec(message);
  const rule = error instanceof IoPktError ? error.rule : (named?.[1] ?? '');
  const context = named?.[2] ?? 'driver';
  if (isRule(rule)) return { rule, context, message };
  return { rule: error instanceof IoPktError ? 'manual' : 'crash', context, message };
}
