// `softnet check`: what is wrong with lab files.

import { tryLab } from '../lab/lab.ts';
import { formatProblem, LabFileError, LabRunError, type Problem } from '../lab/problem.ts';
import { openLab } from '../lab/server/files.ts';
import type { LabSpec } from '../lab/spec.ts';
import { EXIT_OK, EXIT_USER_ERROR, type Io } from './io.ts';

interface Checked {
  file: string;
  ok: boolean;
  problems: Problem[];
}

/** Reads each file, and the captures and guests' files it names, and sets up its machines; starts neither QEMU nor guest. */
export async function checkCommand(
  io: Io,
  files: readonly string[],
  options: { json?: boolean },
): Promise<number> {
  const results: Checked[] = [];
  for (const file of files) results.push(await check(io, file, options.json === true));
  if (options.json === true)
    io.out(`${JSON.stringify({ ok: results.every((result) => result.ok), files: results })}\n`);
  return results.every((result) => result.ok) ? EXIT_OK : EXIT_USER_ERROR;
}

async function check(io: Io, file: string, quiet: boolean): Promise<Checked> {
  const problems: Problem[] = [];
  try {
    const { spec, readFile, problemAt } = openLab(file);
    const troubles = tryLab(spec, readFile);
    if (spec.guests.length > 0) {
      const { tryGuests } = await import('../lab/server/guests.ts');
      troubles.push(...tryGuests(spec.guests, readFile));
    }
    problems.push(...troubles.map(({ at, message }) => problemAt(at ?? [], message)));
    if (!quiet && problems.length === 0) io.out(`${file}: ok: ${describe(spec)}\n`);
  } catch (error) {
    if (error instanceof LabFileError) problems.push(...error.problems);
    else if (error instanceof LabRunError)
      problems.push({ file, line: 1, column: 1, message: error.message.replace(`${file}: `, '') });
    else throw error;
  }
  if (!quiet) for (const problem of problems) io.err(`${formatProblem(problem)}\n`);
  return { file, ok: problems.length === 0, problems };
}

function describe(spec: LabSpec): string {
  const nics = [...spec.hosts, ...spec.guests].reduce((sum, host) => sum + host.nics.length, 0);
  const counts: [number, string, string][] = [
    [spec.hosts.length, 'host', 'hosts'],
    [spec.guests.length, 'guest', 'guests'],
    [nics, 'NIC', 'NICs'],
    [spec.links.length, 'link', 'links'],
    [spec.switches.length, 'switch', 'switches'],
    [spec.hubs.length, 'hub', 'hubs'],
    [spec.ports.length, 'port', 'ports'],
    [spec.traffic.length, 'flow', 'flows'],
  ];
  return counts
    .filter(([count]) => count > 0)
    .map(([count, one, many]) => `${count} ${count === 1 ? one : many}`)
    .join(', ');
}
