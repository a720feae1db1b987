// Labs for tests: a text or a shipped file, run on the virtual clock.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { VirtualClock } from '../../src/kernel/clock.ts';
import { Tracer } from '../../src/kernel/trace.ts';
import { Lab } from '../../src/lab/lab.ts';
import { loadLab } from '../../src/lab/load.ts';
import { type LabReport, reportLab } from '../../src/lab/report.ts';
import { runVirtual } from '../../src/lab/run-virtual.ts';
import { traceToText } from '../../src/lab/trace-text.ts';

const LABS = fileURLToPath(new URL('../../labs/', import.meta.url));

export interface SimOptions {
  forNs?: number;
  seed?: number;
}

/** Text of a lab that comes with softnet. */
export function shippedLab(name: string): string {
  return readFileSync(`${LABS}${name}.yaml`, 'utf8');
}

/** Runs a lab without looking on; gives its report and the lab as it was at the end. */
export function runLab(
  text: string,
  forNs: number,
  readFile: (path: string) => Uint8Array = (path) => readFileSync(LABS + path),
): { report: LabReport; lab: Lab } {
  const lab = new Lab(loadLab('test.yaml', text), { clock: new VirtualClock(), readFile });
  for (const _ of runVirtual(lab, forNs, 10_000_000));
  return { report: reportLab(lab), lab };
}

/** Runs a lab; gives its report and its trace. */
export function simulate(
  text: string,
  options: SimOptions = {},
): { report: LabReport; trace: string; lab: Lab } {
  const spec = loadLab('test.yaml', text);
  if (options.seed !== undefined) spec.seed = options.seed;
  const tracer = new Tracer();
  const parts: string[] = [];
  const lab = new Lab(spec, {
    clock: new VirtualClock(),
    readFile: (path) => readFileSync(LABS + path),
    trace: tracer,
  });
  tracer.start(traceToText(tracer, (part) => parts.push(part)));
  for (const _ of runVirtual(lab, options.forNs ?? 100_000_000, 10_000_000));
  return { report: reportLab(lab), trace: parts.join(''), lab };
}
