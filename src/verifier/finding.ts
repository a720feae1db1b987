// A finding: which rule a driver broke, when, in which context, and how to see it again.

import type { Severity } from './rules.ts';

export interface Finding {
  readonly rule: string;
  readonly severity: Severity;
  readonly driver: string;
  readonly chip: string;
  /** Virtual time. */
  readonly timeNs: number;
  /** `ISR`, `interrupt thread`, `stack`, `start()`; or what the check did when it saw it. */
  readonly context: string;
  readonly message: string;
  readonly seed: number;
  /** The check that found it: any check may run into any rule. */
  readonly check: string;
  /** Shows it again. */
  readonly command: string;
}

/** Over three lines. */
export function formatFinding(finding: Finding): string {
  const { rule, severity, driver, chip, timeNs, context, message, seed, command } = finding;
  return [
    `${rule} ${severity}: ${driver} on ${chip}, ${timeNs} ns, ${context}`,
    `  ${message}`,
    `  seed ${seed}; to see it again: ${command}`,
  ].join('\n');
}
