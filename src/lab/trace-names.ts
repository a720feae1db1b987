// What the numbers in a trace record mean to people: devices, threads, drop reasons and softirqs by name.

import { SOFTIRQ_NAMES } from '../kernel/softirq.ts';
import type { Tracer } from '../kernel/trace.ts';
import { DROP_REASONS } from '../net/drop-reason.ts';

/** An argument of a tracepoint as text. */
export function traceArgument(tracer: Tracer, argument: string, value: number): string {
  switch (argument) {
    case 'dev':
    case 'thread':
      return tracer.names[value] ?? 'idle';
    case 'vec':
      return SOFTIRQ_NAMES[value] ?? String(value);
    case 'reason':
      return DROP_REASONS[value]?.name ?? String(value);
    case 'protocol':
    case 'offset':
    case 'value':
      return `0x${(value >>> 0).toString(16).padStart(4, '0')}`;
    default:
      return String(value);
  }
}
