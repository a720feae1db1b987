// The QNX tools as people use them: a lab runs in one process, and softnet ifconfig, nicinfo, netstat and mount in others.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const LIMIT = { timeout: 30_000, interval: 100 };

const LAB = `
name: tools
hosts:
  alice:
    stack: io-pkt
    nics: [{ chip: i82559c, address: 10.0.0.1/24, negotiation: 10ms }]
  bob:
    stack: io-pkt
    nics: [{ chip: am79c973, address: 10.0.0.2/24, negotiation: 10ms }]
links:
  wire: { between: [alice, bob] }
traffic:
  - { name: ping, kind: ping, from: alice, to: bob, interval: 20ms }
  - { name: stream, kind: udp, from: bob, to: alice, rate: 500pps, size: 400 }
`;

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

let folder = '';
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'softnet-tools-'));
  writeFileSync(join(folder, 'tools.yaml'), LAB);
  writeFileSync(join(folder, 'other.yaml'), LAB.replace('name: tools', 'name: other'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

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

const softnet = (...argv: string[]): Promise<Ended> => start(...argv).ended;

/** What a tool prints that is to succeed. */
async function say(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await softnet(...argv);
  expect([argv, code, stderr]).toEqual([argv, 0, '']);
  return stdout;
}

function sockets(): string[] {
  const at = join(folder, 'softnet');
  return existsSync(at) ? readdirSync(at) : [];
}

/** A lab whose two interfaces have their link. */
async function startLab(file: string): Promise<ReturnType<typeof start>> {
  const lab = start('up', file, '--json');
  const name = file.replace('.yaml', '');
  await vi.waitFor(() => expect(sockets()).toContain(`${name}-${lab.child.pid}.sock`), LIMIT);
  for (const host of ['alice', 'bob'])
    await vi.waitFor(
      async () => expect(await say('ifconfig', '--lab', name, '-H', host)).toContain('status: active'),
      LIMIT,
    );
  return lab;
}

test('ifconfig, nicinfo, netstat, destroy and mount against a lab in another process', async () => {
  expect(await softnet('ifconfig')).toEqual({
    code: 1,
    stdout: '',
    stderr: 'no lab runs: softnet up FILE, in another terminal, starts one\n',
  });
  const { child, ended } = await startLab('tools.yaml');
  expect(await say('labs')).toMatch(
    new RegExp(
      `^ +lab .*\n +tools +${child.pid} +alice +io-pkt +fxp0\n +tools +${child.pid} +bob +io-pkt +pcn0\n$`,
    ),
  );
  expect((await softnet('ifconfig')).stderr).toBe(
    'on which host? --host NAME says: alice (io-pkt), bob (io-pkt)\n',
  );
  expect(await say('ifconfig', '--host', 'bob', '-a')).toBe(
    [
      'pcn0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1500',
      '\taddress: 02:00:00:00:02:01',
      '\tmedia: Ethernet autoselect (100baseTX full-duplex)',
      '\tstatus: active',
      '\tinet 10.0.0.2 netmask 0xffffff00 broadcast 10.0.0.255',
      '',
    ].join('\n'),
  );
  expect(await say('ifconfig', '-H', 'alice', '-mv', 'fxp0')).toMatch(
    /\tsupported Ethernet media:\n(\t\tmedia .*\n)+\tinput: \d+ packets, .*\n\toutput: \d+ packets, /,
  );
  expect(await say('ifconfig', '-H', 'alice', 'fxp0', 'mtu', '1400', 'promisc')).toBe('');
  expect(await say('ifconfig', '-H', 'alice', 'fxp0', '10.0.0.7/24', 'alias')).toBe('');
  // Our own options may stand behind the tool's.
  const [view] = JSON.parse(await say('ifconfig', '-H', 'alice', 'fxp0', '--json'));
  expect(view).toMatchObject({ name: 'fxp0', mtu: 1400, addresses: ['10.0.0.1/24', '10.0.0.7/24'] });
  expect(view.flagNames).toContain('PROMISC');
  const unknown = await softnet('ifconfig', 'fxp9', '-H', 'alice', '--json');
  expect(unknown.code).toBe(1);
  expect(JSON.parse(unknown.stdout)).toMatchObject({
    error: expect.stringContaining('fxp9'),
    errno: 'ENXIO',
  });
  expect(await say('ifconfig', '-H', 'alice', 'fxp0', '10.0.0.7', '-alias')).toBe('');
  expect(await say('ifconfig', '-H', 'alice', 'fxp0', '-promisc')).toBe('');

  expect(await say('nicinfo', '-H', 'alice')).toMatch(
    /^fxp0:\n {2}.*82559[\s\S]*Packets Received OK \.+ [1-9]/,
  );
  const [nic] = JSON.parse(await say('nicinfo', '-H', 'bob', '--json', 'en0'));
  expect(nic).toMatchObject({ name: 'pcn0', error: null });
  expect(nic.stats.txed_ok).toBeGreaterThan(0);
  expect(await say('netstat', '-H', 'alice', '-in')).toMatch(/^Name Mtu .*\nfxp0 1400 <Link> /);
  expect(await say('netstat', '-H', 'alice', '-m')).toMatch(/^\d+ mbufs in use /);
  expect(JSON.parse(await say('netstat', '-H', 'alice', '-m', '--json')).mbufsInUse).toBeGreaterThan(0);

  expect(await say('ifconfig', '-H', 'alice', 'fxp0', 'destroy')).toBe('');
  expect(await say('ifconfig', '-H', 'alice')).toBe('');
  expect(await softnet('ifconfig', '-H', 'alice', 'fxp0')).toMatchObject({ code: 1, stdout: '' });
  expect(await say('mount', '-H', 'alice', '-T', 'io-pkt', '-v', '-o', 'lan=3', 'devnp-speedo.so')).toBe(
    'fxp3\n',
  );
  expect(await say('ifconfig', '-H', 'alice', 'fxp3', '10.0.0.1/24')).toBe('');
  await vi.waitFor(async () => {
    const [{ data }] = JSON.parse(await say('netstat', '-H', 'alice', '-i', '--json'));
    expect(data.ifi_ipackets).toBeGreaterThan(0);
  }, LIMIT);
  const refused = await softnet('mount', '-H', 'alice', '-T', 'io-pkt', 'devnp-none.so');
  expect([refused.code, refused.stdout]).toEqual([1, '']);
  expect(refused.stderr).toContain('no driver devnp-none.so is registered; there are: devnp-pcn.so');

  child.kill('SIGINT');
  const { code, stdout } = await ended;
  expect(code).toBe(0);
  const report = JSON.parse(stdout);
  expect(report.conservation.vanished).toEqual([]);
  expect(Object.keys(report.hosts.alice.devices)).toHaveLength(1);
  expect(sockets()).toEqual([]);
}, 180_000);

test('of several labs one is named; a killed one leaves nothing that lasts', async () => {
  const first = await startLab('tools.yaml');
  const second = await startLab('other.yaml');
  const several = await softnet('netstat', '-i');
  expect([several.code, several.stderr]).toEqual([
    1,
    `which of the labs? --lab NAME or --lab PID says; these run: other (${second.child.pid}), tools (${first.child.pid})\n`,
  ]);
  expect(await say('ifconfig', '--lab', 'other', '-H', 'alice', '-l')).toBe('fxp0\n');
  expect(await say('ifconfig', '--lab', String(first.child.pid), '-H', 'bob', '-l')).toBe('pcn0\n');
  expect((await softnet('ifconfig', '--lab', 'third')).stderr).toContain(
    'no lab "third" runs; these do: other (',
  );
  first.child.kill('SIGKILL');
  await first.ended;
  expect(sockets()).toHaveLength(2);
  const labs = JSON.parse(await say('labs', '--json'));
  expect(labs).toMatchObject([{ name: 'other', pid: second.child.pid }]);
  expect(sockets()).toEqual([`other-${second.child.pid}.sock`]);
  // A second Ctrl-C ends it at once; its socket goes all the same.
  second.child.kill('SIGINT');
  second.child.kill('SIGTERM');
  await second.ended;
  expect(sockets()).toEqual([]);
}, 180_000);
