// Compares two traces of the same steps, as text: which lines only one of them has. Polls that differ in how often they
// read are made alike first. Renders both side by side.

import type { TraceStep } from './trace-recorder.ts';

export interface DriverTrace {
  readonly subject: string;
  readonly steps: readonly TraceStep[];
}

/** A line that one subject has and the other has not, or has with another value. */
export interface Difference {
  readonly step: string;
  /** As in the first and the second trace; null where there is nothing like it. */
  readonly a: string | null;
  readonly b: string | null;
}

/** A difference that is understood. `step`, `a` and `b` are as in Difference; a step ending in `*` stands for all that begin so. */
export interface KnownTraceDifference extends Difference {
  readonly reason: string;
  readonly seen: string;
}

/** Longest pair of steps that is aligned line by line: the table of the alignment has a cell for each pair of lines. */
const MOST_LINES = 2000;

/** A line of both, side by side. */
type Pair = readonly [a: string | null, b: string | null];

/** All differences, step by step. A step that only one has is one difference. */
export function diffTraces(a: DriverTrace, b: DriverTrace): Difference[] {
  const found: Difference[] = [];
  for (const { step, pairs } of alignTraces(a, b)) {
    for (const [left, right] of pairs) if (left !== right) found.push({ step, a: left, b: right });
  }
  return found;
}

/** Which of the differences the table does not explain, and which of its rows did not show. */
export function explain(
  differences: readonly Difference[],
  known: readonly KnownTraceDifference[],
): { unexplained: Difference[]; gone: KnownTraceDifference[] } {
  const used = new Set<KnownTraceDifference>();
  const unexplained = differences.filter((difference) => {
    const row = known.find((each) => matches(each, difference));
    if (row !== undefined) used.add(row);
    return row === undefined;
  });
  return { unexplained, gone: known.filter((row) => !used.has(row)) };
}

/** Both traces side by side, as `diff -y` prints them: `|` another value, `<` only left, `>` only right. */
export function renderTraces(a: DriverTrace, b: DriverTrace, width = 58): string {
  const lines = [`${a.subject.padEnd(width)}   ${b.subject}`];
  for (const { step, pairs } of alignTraces(a, b)) {
    lines.push(`-- ${step}`);
    for (const [left, right] of pairs) {
      const mark = left === right ? ' ' : left === null ? '>' : right === null ? '<' : '|';
      lines.push(`${clip(left ?? '', width)} ${mark} ${right ?? ''}`.trimEnd());
    }
  }
  return `${lines.join('\n')}\n`;
}

/** A poll reads one register again and again: of reads in a row only the last says something. */
export function withoutPolls(lines: readonly string[]): string[] {
  const kept: string[] = [];
  for (const line of lines) {
    const last = kept.at(-1);
    if (last !== undefined && line.includes(' -> ') && key(line) === key(last)) kept[kept.length - 1] = line;
    else kept.push(line);
  }
  return kept;
}

function alignTraces(a: DriverTrace, b: DriverTrace): { step: string; pairs: Pair[] }[] {
  const steps = a.steps.map((step) => {
    const other = b.steps.find(({ name }) => name === step.name);
    if (other === undefined) return { step: step.name, pairs: [['the step', null] as Pair] };
    return { step: step.name, pairs: align(withoutPolls(step.lines), withoutPolls(other.lines)) };
  });
  for (const step of b.steps) {
    if (!a.steps.some(({ name }) => name === step.name))
      steps.push({ step: step.name, pairs: [[null, 'the step']] });
  }
  return steps;
}

/** Longest common subsequence, then neighbours of one register made into pairs. */
function align(a: readonly string[], b: readonly string[]): Pair[] {
  const left = a.slice(0, MOST_LINES);
  const right = b.slice(0, MOST_LINES);
  const width = right.length + 1;
  const common = new Uint16Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      const at = i * width + j;
      common[at] =
        left[i] === right[j] ? common[at + width + 1] + 1 : Math.max(common[at + width], common[at + 1]);
    }
  }
  const pairs: Pair[] = [];
  let onlyLeft: string[] = [];
  let onlyRight: string[] = [];
  const flush = (): void => {
    pairs.push(...pairUp(onlyLeft, onlyRight));
    onlyLeft = [];
    onlyRight = [];
  };
  let i = 0;
  let j = 0;
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      flush();
      pairs.push([left[i++], right[j++]]);
    } else if (
      j === right.length ||
      (i < left.length && common[(i + 1) * width + j] >= common[i * width + j + 1])
    )
      onlyLeft.push(left[i++]);
    else onlyRight.push(right[j++]);
  }
  flush();
  if (a.length > left.length || b.length > right.length)
    pairs.push([
      `${a.length - left.length} lines more`,
      `${b.length - right.length} lines more, not compared`,
    ]);
  return pairs;
}

/** Lines about the same register, in the same order, belong together: another value, not one too few and one too many. */
function pairUp(left: readonly string[], right: readonly string[]): Pair[] {
  const pairs: Pair[] = [];
  let j = 0;
  for (const line of left) {
    const match = right.findIndex((other, at) => at >= j && key(other) === key(line));
    if (match < 0) {
      pairs.push([line, null]);
      continue;
    }
    for (; j < match; j++) pairs.push([null, right[j]]);
    pairs.push([line, right[j++]]);
  }
  for (; j < right.length; j++) pairs.push([null, right[j]]);
  return pairs;
}

/** What a line is about, without its value. */
function key(line: string): string {
  const arrow = line.search(/ (->|<-|given|done) /);
  return arrow < 0 ? line.split(' ').slice(0, 3).join(' ') : line.slice(0, arrow + 3);
}

function matches(known: KnownTraceDifference, difference: Difference): boolean {
  const step = known.step.endsWith('*')
    ? difference.step.startsWith(known.step.slice(0, -1))
    : difference.step === known.step;
  return step && known.a === difference.a && known.b === difference.b;
}

function clip(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}~` : text.padEnd(width);
}
