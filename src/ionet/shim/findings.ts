// What the shim has found a driver to do wrong. io-net took much of it; the shim does not, as the technote says. An error
// ends in a fault, as all wrong use of io-pkt; what shows when a driver has been unloaded, and warnings, are logged.

import type { IoPkt } from '../../iopkt/manager.ts';
import { ruleError } from '../../iopkt/self.ts';

export interface ShimFinding {
  /** `S02`: an id of the rules for drivers. */
  rule: string;
  severity: 'error' | 'warning';
  /** File of the driver, and what it did. */
  message: string;
  timeNs: number;
}

const findings = new WeakMap<IoPkt, ShimFinding[]>();

/** The findings so far, the oldest first. */
export function shimFindings(io: IoPkt): readonly ShimFinding[] {
  return findings.get(io) ?? [];
}

function note(io: IoPkt, severity: ShimFinding['severity'], rule: string, message: string): void {
  const list = findings.get(io);
  const finding = { rule, severity, message, timeNs: io.machine.cpu.now() };
  if (list === undefined) findings.set(io, [finding]);
  else list.push(finding);
}

/** Throws what is a fault of the driver. */
export function mistake(io: IoPkt, rule: string, message: string): never {
  note(io, 'error', rule, message);
  throw ruleError(io, rule, message);
}

/** What nobody can be stopped at any more. */
export function logMistake(io: IoPkt, rule: string, message: string): void {
  note(io, 'error', rule, message);
  io.machine.log(`shim: ${message} (rule ${rule})`);
}

/** Said once for each message. */
export function warn(io: IoPkt, rule: string, message: string): void {
  const known = findings.get(io);
  if (known?.some((finding) => finding.message === message) === true) return;
  note(io, 'warning', rule, message);
  io.machine.log(`shim: ${message} (rule ${rule})`);
}
