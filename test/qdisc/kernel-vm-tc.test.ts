// Our tc beside iproute2's on a real kernel: which lines each takes, and what is there afterwards.

import { expect, test } from 'vitest';
import { Tc } from '../../src/tc/command.ts';
import { QDISC_KINDS } from '../../src/tc/kinds/index.ts';
import { TcError } from '../../src/tc/words.ts';
import { hasKernelVm, runInKernel, sections } from '../vocabulary/kernel-vm.ts';
import { netMachine } from '../vocabulary/net-machine.ts';
import { CORPUS, type CorpusCase } from './kernel-vm-corpus.ts';
import { KNOWN, type KnownDifference, LEFT_OUT, ROUGH_TIMES } from './kernel-vm-known.ts';

const TIMEOUT_MS = 400_000;
const SHOWN = ['-s qdisc show dev eth0', '-j qdisc show dev eth0'];
// tc 6.1 knows no JSON of classes.
const CLASSES_SHOWN = ['-s class show dev eth0'];

test.runIf(hasKernelVm())(
  'tc takes and refuses the lines that iproute2 and Linux do, and shows the same',
  async () => {
    const kernel = sections(await runInKernel(kernelScript()));
    const differences: string[] = [];
    const used = new Set<KnownDifference>();
    let compared = 0;
    for (const [i, one] of CORPUS.entries()) {
      if (!QDISC_KINDS.has(one.kind)) continue;
      for (const [key, ours] of answersOfOurs(one)) {
        const theirs = kernel.get(`${i}${key}`);
        if (theirs === undefined) throw new Error(`the kernel has not answered ${i}${key}`);
        compared++;
        const difference = compare(key, ours, theirs);
        if (difference === '') continue;
        const known = KNOWN.find(({ line }) => isAbout(line, key, one));
        if (known === undefined) differences.push(`${i}${key}\n${difference}`);
        else used.add(known);
      }
    }
    expect(differences).toEqual([]);
    expect(KNOWN.filter((known) => !used.has(known)).map(({ line }) => line.source)).toEqual([]);
    expect(compared).toBeGreaterThan(500);
  },
  TIMEOUT_MS,
);

/** Whether a known difference is of this line, or of a line of the case that is shown. */
function isAbout(line: RegExp, key: string, one: CorpusCase): boolean {
  return key.startsWith('.') ? line.test(key) : one.lines.some((each) => line.test(each));
}

/** Every case on a device of its own: each line's answer and status, and then what is there. */
function kernelScript(): string {
  return CORPUS.map((one, i) => {
    const script = ['ip link add eth0 type dummy; ip link set eth0 up'];
    for (const [j, line] of one.lines.entries()) {
      script.push(`echo '== ${i}.${j} ${line}'; tc ${line}; echo "status $?"`);
    }
    for (const show of shows(one)) script.push(`echo '== ${i} ${show}'; tc ${show}`);
    script.push('ip link del eth0');
    return script.join('\n');
  }).join('\n');
}

function shows(one: CorpusCase): string[] {
  return one.lines.length > 1 ? [...SHOWN, ...CLASSES_SHOWN] : SHOWN;
}

/** The same of ours, by the same keys without the case's number. */
function answersOfOurs(one: CorpusCase): Map<string, string> {
  const { machine, layer } = netMachine({ qdisc: false });
  const tc = new Tc(layer);
  const answers = new Map<string, string>();
  for (const [j, line] of one.lines.entries()) {
    answers.set(
      `.${j} ${line}`,
      machine.process(() => outcome(tc, line)),
    );
  }
  for (const show of shows(one)) {
    const { text, json } = machine.process(() => tc.line(show));
    answers.set(` ${show}`, show.startsWith('-j') ? JSON.stringify(json) : text);
  }
  return answers;
}

function outcome(tc: Tc, line: string): string {
  try {
    tc.line(line);
    return 'status 0';
  } catch (error) {
    if (error instanceof TcError) return `${error.message}\nstatus 1`;
    throw error;
  }
}

/** What differs; '' when nothing does. */
function compare(key: string, ours: string, theirs: string): string {
  if (key.startsWith('.')) {
    const taken = (answer: string): boolean => answer.endsWith('status 0');
    return taken(ours) === taken(theirs) ? '' : `ours: ${ours}\nLinux: ${theirs}`;
  }
  if (key.startsWith(' -j')) {
    const [a, b] = [ours, theirs].map((text) => sorted(JSON.parse(parsable(text))));
    return a === b ? '' : `ours: ${a}\nLinux: ${b}`;
  }
  const [a, b] = [ours, theirs].map((text) => (key.includes('class') ? byClass(plain(text)) : plain(text)));
  return a === b ? '' : `ours:\n${a}\nLinux:\n${b}`;
}

/** Spaces at the ends of lines are nobody's. */
function plain(text: string): string {
  const leftOut = new RegExp(` (${LEFT_OUT.join('|')}) \\S+`, 'g');
  return text
    .replaceAll(leftOut, '')
    .replaceAll(/[ \t]+$/gm, '')
    .replaceAll(/\n\n+/g, '\n')
    .trimEnd();
}

/** Linux shows classes in the order of a hash. */
function byClass(text: string): string {
  return `\n${text}`.split('\nclass ').sort().join('\nclass ').trim();
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (key, inner: unknown) => {
    if (LEFT_OUT.includes(key)) return undefined;
    if (ROUGH_TIMES.includes(key) && typeof inner === 'number') return Math.round(inner / 10) * 10;
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** Some of tc's kinds print their options beside the JSON. */
function parsable(text: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}
