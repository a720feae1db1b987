// Runs every example with its default options; one that fails, or prints nothing, fails the check.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', 'examples');
let failed = 0;
const names = readdirSync(folder).filter((name) => name.endsWith('.mjs'));
for (const name of names) {
  const run = spawnSync(process.execPath, [join(folder, name)], { encoding: 'utf8', timeout: 60_000 });
  const ok = run.status === 0 && run.stdout.length > 0;
  console.log(`${ok ? 'ok    ' : 'FAILED'} examples/${name}`);
  if (!ok) {
    failed++;
    console.error(run.stdout + run.stderr);
  }
}
console.log(`examples: ${names.length - failed} of ${names.length} ran`);
process.exit(failed === 0 && names.length > 0 ? 0 : 1);
