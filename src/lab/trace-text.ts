// A trace as text, one record a line, in the manner of `trace-cmd report`:
//
//   alice/cpu0 [000]     1.650012345: napi_poll:            dev=eth0 work=3 budget=64
//
// Time is in seconds of the lab's clock. The same run gives the same text, byte for byte.

import { TRACE_RECORD, TRACEPOINTS, type Tracer, type TraceSink } from '../kernel/trace.ts';
import { traceArgument } from './trace-names.ts';

/** Takes text in order: a file, or a test's array. */
export type TextSink = (text: string) => void;

/** A sink for `tracer.start` that writes lines. */
export function traceToText(tracer: Tracer, write: TextSink): TraceSink {
  return (records, count) => {
    const lines: string[] = [];
    for (let i = 0; i < count; i++) lines.push(traceLine(tracer, records, i * TRACE_RECORD));
    write(lines.join(''));
  };
}

function traceLine(tracer: Tracer, records: Float64Array, at: number): string {
  const { name, args } = TRACEPOINTS[records[at + 2]];
  const source = tracer.sources[records[at + 1]];
  const cpu = /(\d+)$/.exec(source)?.[1] ?? '0';
  const texts = args.map((arg, i) => `${arg}=${traceArgument(tracer, arg, records[at + 3 + i])}`);
  const head = `${source.padStart(14)} [${cpu.padStart(3, '0')}] ${seconds(records[at]).padStart(15)}: `;
  return `${head}${`${name}:`.padEnd(21)} ${texts.join(' ')}`.trimEnd().concat('\n');
}

/** Nanoseconds as seconds with nine decimals, without rounding. */
function seconds(timeNs: number): string {
  const whole = Math.floor(timeNs / 1e9);
  return `${whole}.${String(Math.floor(timeNs - whole * 1e9)).padStart(9, '0')}`;
}
