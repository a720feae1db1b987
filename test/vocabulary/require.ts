// What a test needs beyond Node: root, a program, a device. Without it the test is skipped with a line that says why;
// under SOFTNET_REQUIRE_ALL=1, as in continuous integration, a missing requirement is a failure.

import { spawnSync } from 'node:child_process';

const told = new Set<string>();

/** True: run the tests. False: skip them; the reason has been printed once. Throws under SOFTNET_REQUIRE_ALL=1. */
export function requirement(name: string, available: boolean, why: string): boolean {
  if (available) return true;
  if (process.env.SOFTNET_REQUIRE_ALL === '1') {
    throw new Error(`${name} is required (SOFTNET_REQUIRE_ALL=1): ${why}`);
  }
  if (!told.has(name)) {
    told.add(name);
    process.stderr.write(`skipped: ${name}: ${why}\n`);
  }
  return false;
}

/** Whether a program can be started. */
export function hasProgram(program: string, versionFlag = '--version'): boolean {
  return spawnSync(program, [versionFlag], { stdio: 'ignore' }).error === undefined;
}
