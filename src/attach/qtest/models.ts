// What QEMU can do, from `-device help`, for the message about a model that it does not know.

import { spawnSync } from 'node:child_process';

/** Milliseconds for a program that only prints a list. */
const HELP_TIMEOUT_MS = 10_000;

/** Names of the network devices that go into a PCI slot; empty when QEMU does not say. */
function networkModels(program: string): string[] {
  const { stdout } = spawnSync(program, ['-device', 'help'], {
    encoding: 'utf8',
    timeout: HELP_TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const start = (stdout ?? '').indexOf('Network devices:');
  if (start < 0) return [];
  const section = stdout.slice(start).split('\n\n')[0];
  return Array.from(section.matchAll(/^name "([^"]+)", bus PCI\b/gm), (match) => match[1]);
}

/** What would be right instead of an unknown model: the nearest one, and all there are. */
export function modelAdvice(program: string, model: string): string {
  const models = networkModels(program);
  if (models.length === 0) return `${program} -device help lists what there is`;
  const near = models.reduce((best, name) => (distance(model, name) < distance(model, best) ? name : best));
  // Half of the letters wrong is no likeness any more.
  const hint = distance(model, near) * 2 <= model.length ? `did you mean "${near}"? ` : '';
  return `${hint}QEMU has ${models.join(', ')}`;
}

/** Letters to insert, delete or replace (Levenshtein), row by row. */
function distance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = above[j - 1] + (a[i - 1].toLowerCase() === b[j - 1].toLowerCase() ? 0 : 1);
      row.push(Math.min(change, above[j] + 1, row[j - 1] + 1));
    }
    above = row;
  }
  return above[b.length];
}
