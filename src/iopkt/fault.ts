// What SIGSEGV is on the real thing: an exception inside of driver code. io-pkt is one process, so one faulting driver
// ends it for all: the shutdown hooks silence the hardware, then the interfaces are down and every call is refused. The
// report says who faulted where. With `-S` there is no handler, and the exception goes on to whoever runs the machine.

import { type HookResult, runHooks } from './hooks.ts';
import { releaseAll } from './locks.ts';
import type { IoPkt } from './manager.ts';
import { CONTEXT_NAMES, CTX_HOOK, FaultError, IoPktError } from './self.ts';

export interface FaultReport {
  /** Device whose driver faulted, or the machine when it was none's. */
  driver: string;
  /** Entry point: `process_interrupt`, `if_start`, ... */
  entry: string;
  context: string;
  timeNs: number;
  message: string;
  /** Rule that was broken, when it was one of the interface's; else empty. */
  rule: string;
  hooks: HookResult[];
}

/**
 * To be called while the entry that threw is still the innermost. Returns after the end of io-pkt; throws the error on when
 * there is no handler.
 */
export function fault(io: IoPkt, error: unknown): void {
  if (!io.sigsegv) throw error;
  // The second fault, or the first seen again further out.
  if (io.dead) return;
  const { contexts, machine } = io;
  const report: FaultReport = {
    driver: contexts.dev?.dv_xname ?? machine.name,
    entry: contexts.what,
    context: CONTEXT_NAMES[contexts.context],
    timeNs: machine.cpu.now(),
    message: error instanceof Error ? error.message : String(error),
    rule: error instanceof IoPktError ? error.rule : '',
    hooks: [],
  };
  io.fault = report;
  io.dead = true;
  contexts.live = 1 << CTX_HOOK;
  report.hooks.push(...runHooks(io));
  releaseAll(io);
  io.collapse();
  machine.log(formatFault(report));
}

/** The same for callers that need an answer. */
export function faultInCall(io: IoPkt, error: unknown): never {
  fault(io, error);
  throw error instanceof FaultError ? error : new FaultError(io.deadText());
}

/** One line, and one for each hook that failed. */
export function formatFault(report: FaultReport): string {
  const { driver, entry, context, timeNs, message, hooks } = report;
  const failed = hooks.filter((hook) => !hook.ok);
  const lines = [
    `io-pkt: SIGSEGV in ${driver}: ${entry}, ${context} context, at ${timeNs} ns: ${message}`,
    `io-pkt: ${hooks.length} shutdown hooks ran, ${failed.length} of them faulted`,
    ...failed.map((hook) => `io-pkt: shutdown hook of ${hook.driver}: ${hook.message}`),
  ];
  return lines.join('\n');
}
