// softnet tc as people use it: a lab runs in one process, tc in others.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const LIMIT = { timeout: 30_000 };
const LAB = `
name: shaped
seed: 1
hosts:
  alice: { nics: [{ address: 10.0.0.1/24, negotiation: 10ms, qdisc: pfifo limit 100 }] }
  bob: { nics: [{ address: 10.0.0.2/24, negotiation: 10ms }] }
links:
  wire: { between: [alice, bob] }
traffic:
  - { kind: udp, from: alice, to: bob, rate: 500pps, size: 1000 }
`;

let folder = '';
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'softnet-tc-'));
  writeFileSync(join(folder, 'shaped.yaml'), LAB);
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

function start(...argv: string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const env = { ...process.env, XDG_RUNTIME_DIR: folder };
  const child = spawn(process.execPath, [MAIN, ...argv], { cwd: folder, env });
  children.push(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code) => resolve({ code, stdout, stderr })),
  );
  return { child, ended };
}

const tc = (...argv: string[]): Promise<Ended> => start('tc', '-H', 'alice', ...argv).ended;

test('show, change, batch and refusals against a lab in another process, whose traffic goes on', async () => {
  const lab = start('up', 'shaped.yaml', '--json');
  const sockets = (): string[] => {
    const at = join(folder, 'softnet');
    return existsSync(at) ? readdirSync(at) : [];
  };
  await vi.waitFor(() => expect(sockets()).toHaveLength(1), LIMIT);
  expect((await tc('qdisc', 'show', 'dev', 'eth0')).stdout).toBe(
    'qdisc pfifo 8001: root refcnt 2 limit 100p \n',
  );
  const batch = [
    '# a tree',
    'qdisc replace dev eth0 root handle 1: htb default 10',
    'tc class add dev eth0 parent 1: classid 1:10 htb rate 2mbit',
    '',
    'qdisc add dev eth0 parent 1:10 handle 10: fq_codel',
  ];
  writeFileSync(join(folder, 'tree.tc'), batch.join('\n'));
  expect(await tc('-batch', 'tree.tc')).toEqual({ code: 0, stdout: '', stderr: '' });
  await vi.waitFor(async () => {
    const [root, leaf] = JSON.parse((await tc('-s', '-j', 'qdisc', 'show', 'dev', 'eth0')).stdout);
    expect([root.kind, leaf.kind, leaf.parent]).toEqual(['htb', 'fq_codel', '1:10']);
    expect(root.packets).toBeGreaterThan(50);
  }, LIMIT);
  // Twice: its classes are there already.
  const again = await tc('-batch', 'tree.tc');
  expect(again.code).toBe(1);
  expect(again.stderr).toContain('tree.tc:3: tc: File exists');
  expect((await tc('qdisc', 'change', 'dev', 'eth0', 'root', 'htb', 'defualt', '3')).stderr).toContain(
    'word 7 "defualt": expected default, r2q, direct_qlen',
  );
  const twoHosts = await start('tc', 'qdisc').ended;
  expect(twoHosts.stderr).toContain('on which host?');
  lab.child.kill('SIGINT');
  const { code, stdout } = await lab.ended;
  expect(code).toBe(0);
  const report = JSON.parse(stdout);
  expect(report.conservation.vanished).toEqual([]);
  const { qdiscs } = report.hosts.alice;
  expect(qdiscs.map(({ kind }: { kind: string }) => kind)).toEqual(['htb', 'fq_codel']);
}, 120_000);
