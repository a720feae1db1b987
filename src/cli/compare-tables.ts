// A comparison as tables for people.

import type { Comparison } from '../compare/compare.ts';
import type { Figures } from '../compare/figures.ts';
import type { SweepPoint } from '../compare/sweep.ts';
import { humanCount, humanRate, humanShare, humanTime } from './human.ts';
import { table } from './tables.ts';

export function comparisonText(comparison: Comparison): string {
  const { old, next, chip, seed } = comparison;
  const parts = [
    `${old} (old) and ${next} (new) on ${chip}, seed ${seed}; times and rates are of the virtual clock and its cost table`,
    scenarioText(comparison),
    wireText(comparison),
    figuresText(comparison),
    rulesText(comparison),
    sweepText(comparison),
    conclusionsText(comparison),
    sensitivityText(comparison),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function scenarioText({ scenarios, old, next }: Comparison): string {
  const rows = scenarios.map((row) => [row.scenario, firstWord(row.old), firstWord(row.next)]);
  const failed = scenarios.flatMap((row) => [
    ...(row.old.startsWith('fail') ? [`  ${old}, ${row.scenario}: ${row.old}`] : []),
    ...(row.next.startsWith('fail') ? [`  ${next}, ${row.scenario}: ${row.next}`] : []),
  ]);
  return ['scenarios', table(['scenario', old, next], [], rows), ...failed].join('\n');
}

function firstWord(text: string): string {
  return text.startsWith('fail') ? 'FAIL' : text;
}

function wireText({ wire }: Comparison): string {
  const rows = [wire.old, wire.next].map(({ driver, out, up }) => [
    driver,
    `${humanCount(out.came)} of ${humanCount(out.expected)}`,
    out.hash,
    `${humanCount(up.came)} of ${humanCount(up.expected)}`,
    up.hash,
  ]);
  const head = ['driver', 'left the card', 'hash', 'reached the protocols', 'hash'];
  const differences = [wire.old, wire.next].flatMap(({ driver, out, up }) => [
    ...(out.difference === '' ? [] : [`  ${driver}, out: ${out.difference}`]),
    ...(up.difference === '' ? [] : [`  ${driver}, in: ${up.difference}`]),
  ]);
  const verdict = wire.identical
    ? '  the same frames, byte for byte and in order'
    : '  NOT THE SAME (rule T02)';
  return ['wire', table(head, [1, 3], rows), verdict, ...differences].join('\n');
}

const FIGURES: [name: string, of: (figures: Figures) => string][] = [
  ['CPU', ({ cpuShare }) => humanShare(cpuShare)],
  ['CPU time', ({ cpuNs }) => humanTime(cpuNs)],
  ['process', ({ cpuNsIn }) => humanTime(cpuNsIn.process)],
  ['softirq', ({ cpuNsIn }) => humanTime(cpuNsIn.softirq)],
  ['hardirq', ({ cpuNsIn }) => humanTime(cpuNsIn.hardirq)],
  ['latency, median', ({ latencyNs }) => (latencyNs === null ? '-' : humanTime(latencyNs.p50))],
  ['latency, 99%', ({ latencyNs }) => (latencyNs === null ? '-' : humanTime(latencyNs.p99))],
  ['interrupts', ({ interrupts }) => interrupts.toFixed(2)],
  ['thread switches', ({ contextSwitches }) => contextSwitches.toFixed(2)],
  ['system calls', ({ charges }) => charges.systemCall.toFixed(2)],
  ['register reads', ({ registerReads }) => registerReads.toFixed(2)],
  ['register writes', ({ registerWrites }) => registerWrites.toFixed(2)],
  ['locks', ({ charges }) => charges.lock.toFixed(2)],
  ['buffers', ({ charges }) => charges.buffer.toFixed(2)],
  ['copies', ({ charges }) => charges.copyByte.toFixed(2)],
  ['lost', ({ lost }) => humanShare(lost)],
];

function figuresText({ figures, old, next }: Comparison): string {
  const head = ['a frame through', ...figures.map((pair) => `${pair.old.workload} ${pair.old.frameBytes}`)];
  const rows = FIGURES.map(([name, of]) => [
    name,
    ...figures.map((pair) => `${of(pair.old)} | ${of(pair.next)}`),
  ]);
  const [{ old: first }] = figures;
  const load = `${humanRate(first.bitsPerSecond)}, ${first.profile}; 2,000 frames/s in, out what the wire takes`;
  return [`figures: ${old} | ${next}, ${load}`, table(head, [1, 2, 3, 4, 5, 6], rows)].join('\n');
}

function rulesText({ rules, old, next }: Comparison): string {
  if (rules === null) return '';
  const say = (driver: string, broken: readonly string[] | null): string =>
    broken === null
      ? `  ${driver}: softnet verify FILE says it, on the made-up card`
      : `  ${driver}: ${broken.length === 0 ? 'breaks none' : `breaks ${broken.join(', ')} (softnet verify ${driver})`}`;
  return ['rules for drivers', say(old, rules.old), say(next, rules.next)].join('\n');
}

function sweepText({ sweep, crossovers, old, next }: Comparison): string {
  if (sweep === null || crossovers === null) return '';
  const rows = sweep.map((point) => [
    point.profile,
    humanRate(point.bitsPerSecond),
    `${point.frameBytes}`,
    humanCount(Math.round(Math.min(point.old.offered, point.next.offered))),
    ...side(point, 'old'),
    ...side(point, 'next'),
    point.ratio.toFixed(2),
  ]);
  const head = [
    'processor',
    'wire',
    'bytes',
    'offered/s',
    `${old}: through/s`,
    'CPU',
    `${next}: through/s`,
    'CPU',
    'new/old',
  ];
  const lossless = crossovers.map((row) => [
    row.profile,
    `${row.frameBytes}`,
    humanCount(Math.round(row.old)),
    humanCount(Math.round(row.next)),
    row.ratio.toFixed(2),
  ]);
  return [
    'receive, offered what the wire takes',
    table(head, [2, 3, 4, 5, 6, 7, 8], rows),
    '',
    'receive without loss, frames/s (RFC 2544; at most what 1 Gbit/s carry): up to the smaller both do the same',
    table(['processor', 'bytes', old, next, 'new/old'], [1, 2, 3, 4], lossless),
  ].join('\n');
}

function side(point: SweepPoint, which: 'old' | 'next'): string[] {
  const { through, cpuShare } = point[which];
  return [humanCount(Math.round(through)), humanShare(cpuShare)];
}

function conclusionsText({ conclusions, old, next }: Comparison): string {
  const { fast, slow } = conclusions;
  return [
    'what the technote says of ports',
    `  fast processor, 100 Mbit/s, full-size frames: ${fast.oldMbps.toFixed(1)} and ${fast.nextMbps.toFixed(1)} Mbit/s of payload, CPU ` +
      `${humanShare(fast.oldCpu)} and ${humanShare(fast.nextCpu)}: ${fast.alike ? 'hard to tell apart' : 'NOT alike'}`,
    `  slow processor, 1000 Mbit/s, shortest frames: ${old} ${humanCount(Math.round(slow.oldPps))}, ${next} ` +
      `${humanCount(Math.round(slow.nextPps))} frames/s: ${slow.ratio.toFixed(2)}, ${slow.ahead ? `${next} is ahead` : `${next} is NOT ahead`}`,
  ].join('\n');
}

function sensitivityText({ sensitivity }: Comparison): string {
  if (sensitivity === null) return '';
  const rows = sensitivity.map(({ charge, factor, conclusions: { fast, slow }, changed }) => [
    charge,
    `x ${factor}`,
    humanShare(fast.oldCpu),
    humanShare(fast.nextCpu),
    slow.ratio.toFixed(2),
    changed.length === 0 ? '' : `changes: ${changed.join(', ')}`,
  ]);
  const head = ['charge', '', 'fast: CPU old', 'CPU new', 'slow: new/old', 'conclusion'];
  const changed = sensitivity.filter((row) => row.changed.length > 0).length;
  return [
    'the same with other costs',
    table(head, [2, 3, 4], rows),
    `  ${changed} of ${sensitivity.length} change a conclusion`,
  ].join('\n');
}
