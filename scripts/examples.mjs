// Runs every example with its default options; one that fails, or prints nothing, fails the check. Examples in TypeScript are
// folders with a main.ts; they are compiled first, against the package as it is built.
//
//   node scripts/examples.mjs [name ...]

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'examples');
const wanted = process.argv.slice(2);
const examples = readdirSync(folder)
  .flatMap((name) => {
    if (name.endsWith('.mjs')) return [{ name, file: join(folder, name) }];
    if (!existsSync(join(folder, name, 'main.ts'))) return [];
    return [{ name, file: join(root, 'out', 'examples', name, 'main.js') }];
  })
  .filter(({ name }) => wanted.length === 0 || wanted.includes(name.replace(/\.mjs$/, '')));

/** Runs a file of JavaScript, and passes on what it prints when the example was asked for by name. */
function run(file, ...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (wanted.length > 0) process.stdout.write(stdout);
  return { ok: status === 0, stdout: status === 0 ? stdout : stdout + stderr };
}

const compiled = run(join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'examples');
if (!compiled.ok) console.error(compiled.stdout);
let failed = compiled.ok ? 0 : 1;
for (const { name, file } of examples) {
  const { ok: ended, stdout } = run(file);
  const ok = ended && stdout.length > 0;
  console.log(`${ok ? 'ok    ' : 'FAILED'} examples/${name}`);
  if (ok) continue;
  failed++;
  console.error(stdout);
}
console.log(`examples: ${examples.length - failed} of ${examples.length} ran`);
process.exit(failed === 0 && examples.length > 0 ? 0 : 1);
