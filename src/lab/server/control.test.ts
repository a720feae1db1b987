// The control socket: its folder, its protocol, and what clients do to it that mean no good.

import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { requirement } from '../../../test/vocabulary/require.ts';
import { SystemClock } from '../../kernel/clock.ts';
import { Lab } from '../lab.ts';
import { loadLab } from '../load.ts';
import { reportLab } from '../report.ts';
import { type ControlAnswer, ControlServer, MAX_CLIENTS, REQUEST_BYTES, REQUEST_MS } from './control.ts';
import { askLab, ControlClientError } from './control-client.ts';
import { controlFolder, makeFolder, runningLabs, socketPath } from './control-folder.ts';
import { runLive } from './live.ts';

const LIMIT = { timeout: 20_000, interval: 20 };
const LAB = `
name: controlled
hosts:
  alice: { stack: io-pkt, nics: [{ chip: i82559er, address: 10.0.0.1/24, negotiation: 10ms }] }
  bob: { nics: [{ address: 10.0.0.2/24, negotiation: 10ms }] }
links:
  wire: { between: [alice, bob] }
`;
const BUSY = `
traffic:
  - { name: flood, kind: udp, from: bob, to: alice, rate: flat-out, size: 100 }
`;

let folder = '';
let said: string[] = [];
const toClose: { close(): void }[] = [];

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'softnet-control-')), 'softnet');
  said = [];
});
afterEach(() => {
  for (const one of toClose.splice(0)) one.close();
  rmSync(join(folder, '..'), { recursive: true, force: true });
});

function makeLab(text = LAB): Lab {
  const readFile = (): never => {
    throw new Error('this lab reads no files');
  };
  return new Lab(loadLab('test.yaml', text), { clock: new SystemClock(() => performance.now()), readFile });
}

interface Served {
  lab: Lab;
  control: ControlServer;
  /** Ends the run. */
  end(): Promise<void>;
}

/** A lab that runs in this process, with its socket. */
async function serve(text = LAB): Promise<Served> {
  const lab = makeLab(text);
  const control = await ControlServer.open(
    () => folder,
    lab,
    (line) => said.push(line),
  );
  expect(control, said.join()).not.toBeNull();
  toClose.push(control!);
  const stop = new AbortController();
  const run = runLive(lab, { signal: stop.signal, control });
  const end = async (): Promise<void> => {
    stop.abort();
    await run;
    control!.close();
  };
  toClose.push({ close: () => stop.abort() });
  return { lab, control: control!, end };
}

function ask(control: ControlServer, ...argv: string[]): Promise<ControlAnswer> {
  return askLab(control.path, { host: null, argv });
}

/** Connects and sends as it is; gives what comes back until the other side hangs up. */
function raw(path: string, ...pieces: (string | Buffer)[]): { socket: Socket; heard: Promise<string> } {
  const socket = connect(path);
  let text = '';
  socket.on('data', (bytes) => {
    text += bytes.toString();
  });
  socket.on('error', () => {});
  const heard = new Promise<string>((resolve) => socket.on('close', () => resolve(text)));
  for (const piece of pieces) socket.write(piece);
  toClose.push({ close: () => socket.destroy() });
  return { socket, heard };
}

async function refusal(path: string, ...pieces: (string | Buffer)[]): Promise<string> {
  const answer = JSON.parse(await raw(path, ...pieces).heard) as ControlAnswer;
  return answer.ok ? 'not refused' : answer.error;
}

test('a lab answers while it runs, refusals too, and its socket goes with it', async () => {
  const { lab, control, end } = await serve();
  expect(control.path).toBe(join(folder, `controlled-${process.pid}.sock`));
  expect(lstatSync(folder).mode & 0o777).toBe(0o700);
  await vi.waitFor(() => expect(lab.linksUp).toBe(true), LIMIT);
  expect(await ask(control, 'ifconfig', '-l')).toMatchObject({ ok: true, text: 'fxp0' });
  expect(await ask(control, 'ifconfig', 'fxp0', 'mtu', '1300')).toMatchObject({ ok: true, text: '' });
  expect(lab.hosts[0].nics[0].device?.mtu).toBe(1300);
  expect(await ask(control, 'ifconfig', 'fxp9')).toMatchObject({ ok: false, errno: 'ENXIO' });
  expect(await ask(control, 'lab')).toMatchObject({
    ok: true,
    json: {
      name: 'controlled',
      hosts: [
        { name: 'alice', stack: 'io-pkt', interfaces: ['fxp0'] },
        { name: 'bob', stack: 'core', interfaces: ['eth0'] },
      ],
    },
  });
  expect(await askLab(control.path, { host: 'bob', argv: ['nicinfo'] })).toMatchObject({ ok: false });
  expect(await runningLabs(folder)).toEqual([{ path: control.path, name: 'controlled', pid: process.pid }]);
  await end();
  expect([existsSync(control.path), await runningLabs(folder), said]).toEqual([false, [], []]);
  await expect(ask(control, 'ifconfig')).rejects.toThrow(ControlClientError);
  expect(reportLab(lab).conservation.vanished).toEqual([]);
});

test('many requests at a time, to a lab that is idle and to one that is flooded, are all answered', async () => {
  for (const text of [LAB, LAB + BUSY]) {
    const { lab, control, end } = await serve(text);
    const answers = await Promise.all(
      Array.from({ length: MAX_CLIENTS }, (_, i) => ask(control, i % 2 === 0 ? 'nicinfo' : 'ifconfig')),
    );
    expect(answers.map(({ ok }) => ok)).toEqual(answers.map(() => true));
    // One after the other: 20 that each waited for the longest sleep would take 2 s.
    const before = performance.now();
    for (let i = 0; i < 20; i++) expect(await ask(control, 'netstat', '-i')).toMatchObject({ ok: true });
    expect(performance.now() - before).toBeLessThan(20_000);
    await end();
    expect(reportLab(lab).conservation.vanished).toEqual([]);
  }
});

test('an interface comes and goes under a flood in real time, and every frame is accounted for', async () => {
  const { lab, control, end } = await serve(LAB + BUSY);
  const [, bob] = lab.hosts;
  await vi.waitFor(() => expect(bob.nics[0].device!.tx.packets).toBeGreaterThan(100), LIMIT);
  for (let i = 0; i < 3; i++) {
    expect(await ask(control, 'ifconfig', 'fxp0', 'destroy')).toMatchObject({ ok: true });
    expect(await ask(control, 'mount', '-T', 'io-pkt', 'speedo')).toMatchObject({
      ok: true,
      json: { interfaces: ['fxp0'] },
    });
    expect(await ask(control, 'ifconfig', 'fxp0', '10.0.0.1/24')).toMatchObject({ ok: true });
    await sleep(100);
  }
  await end();
  const { vanished, accounted } = reportLab(lab).conservation;
  expect([vanished, accounted > 100]).toEqual([[], true]);
});

test.each([
  ['garbage', 'hello\n', 'the request is no JSON'],
  ['binary garbage', Buffer.from([0xff, 0x00, 0xfe, 0x0a]), 'the request is no JSON'],
  ['an empty line', '\n', 'the request is no JSON'],
  ['null', 'null\n', '"argv" is a list of words'],
  ['a list', '[]\n', '"argv" is a list of words'],
  ['no words', '{"argv":[]}\n', '"argv" is a list of words'],
  ['words that are none', '{"argv":["ifconfig",7]}\n', '"argv" is a list of words'],
  ['a host that is none', '{"host":{},"argv":["ifconfig"]}\n', '"host" is a name or null'],
  ['too many words', `${JSON.stringify({ argv: Array(2000).fill('x') })}\n`, 'at most 1000 words'],
  ['a strange tool', '{"argv":["__proto__"]}\n', '"__proto__" is no tool'],
  ['a strange parameter', '{"argv":["ifconfig","fxp0","constructor"]}\n', 'neither an address nor'],
  ['a strange host', '{"host":"__proto__","argv":["ifconfig"]}\n', 'no host "__proto__"'],
])('%s is refused with the reason', async (_, sent, reason) => {
  const { control, end } = await serve();
  expect(await refusal(control.path, sent)).toContain(reason);
  expect(await ask(control, 'ifconfig', '-l')).toMatchObject({ ok: true, text: 'fxp0' });
  await end();
});

test('an endless line, half a line, a line and no ear: the lab goes on and says why', async () => {
  const { lab, control, end } = await serve();
  const block = Buffer.alloc(16 * 1024, 'a');
  const endless = raw(control.path);
  let open = true;
  void endless.heard.then(() => {
    open = false;
  });
  for (let i = 0; open && i < 10_000; i++) {
    endless.socket.write(block);
    await sleep(1);
  }
  expect(open).toBe(false);
  expect(await refusal(control.path, Buffer.alloc(REQUEST_BYTES + 1, 'a'))).toContain('at most 65536 bytes');
  const half = raw(control.path, '{"argv":');
  const [silent, cut] = [raw(control.path), raw(control.path, '{"argv":["ifconfig"]}')];
  cut.socket.end();
  expect(await cut.heard).toContain('ended before its line did');
  // Asks and hangs up; asks and does not read.
  raw(control.path, '{"argv":["nicinfo"]}\n').socket.destroySoon();
  const deaf = raw(control.path, '{"argv":["nicinfo"]}\n').socket;
  deaf.pause();
  expect(await ask(control, 'ifconfig', '-l')).toMatchObject({ ok: true });
  expect(await half.heard).toContain(`no whole request within ${REQUEST_MS} ms`);
  expect(await silent.heard).toContain(`no whole request within ${REQUEST_MS} ms`);
  await end();
  expect([reportLab(lab).conservation.vanished, said]).toEqual([[], []]);
});

test('more connections than are served at a time are told so, and places come free again', async () => {
  const { control, end } = await serve();
  const idle = Array.from({ length: MAX_CLIENTS }, () => raw(control.path));
  await Promise.all(idle.map(({ socket }) => new Promise((resolve) => socket.once('connect', resolve))));
  await vi.waitFor(async () => expect(await refusal(control.path)).toContain('at a time: try again'), LIMIT);
  await Promise.all(Array.from({ length: 200 }, () => raw(control.path).heard));
  for (const { socket } of idle) socket.destroy();
  await vi.waitFor(async () => expect(await ask(control, 'ifconfig')).toMatchObject({ ok: true }), LIMIT);
  await end();
});

test('what waits when the lab ends is told so', async () => {
  const control = (await ControlServer.open(
    () => folder,
    makeLab(),
    (line) => said.push(line),
  ))!;
  let woken = 0;
  control.whenWaiting(() => woken++);
  const answer = ask(control, 'ifconfig');
  await vi.waitFor(() => expect(woken).toBe(1), LIMIT);
  control.close();
  expect(await answer).toEqual({ ok: false, error: 'the lab has ended' });
});

test('sockets that nobody serves any more are removed, others stay', async () => {
  makeFolder(folder);
  const stale = join(folder, 'gone-999999.sock');
  // As a process that was killed leaves it: bound under another name, moved, and closed.
  const dead = createServer().listen(join(folder, 'x'));
  await new Promise((resolve) => dead.once('listening', resolve));
  renameSync(join(folder, 'x'), stale);
  await new Promise((resolve) => dead.close(resolve));
  writeFileSync(join(folder, 'notes.txt'), '');
  const first = await serve();
  expect(readdirSync(folder).sort()).toEqual([`controlled-${process.pid}.sock`, 'notes.txt']);
  const second = await serve();
  expect(second.control.path).toBe(join(folder, `controlled.2-${process.pid}.sock`));
  expect((await runningLabs(folder)).map(({ name }) => name)).toEqual(['controlled', 'controlled.2']);
  await first.end();
  await second.end();
});

test('a folder that is not this user’s alone is refused, and the lab runs without', async () => {
  const attempt = async (): Promise<string> => {
    said = [];
    expect(
      await ControlServer.open(
        () => folder,
        makeLab(),
        (line) => said.push(line),
      ),
    ).toBeNull();
    return said.join('\n');
  };
  mkdirSync(folder, { mode: 0o755 });
  chmodSync(folder, 0o755);
  expect(await attempt()).toContain(`chmod 700 ${folder} would be right`);
  await expect(runningLabs(folder)).rejects.toThrow('is open to others');
  rmSync(folder, { recursive: true });
  writeFileSync(folder, '');
  expect(await attempt()).toContain('is no folder');
  rmSync(folder);
  const target = mkdtempSync(join(folder, '..', 'target-'));
  symlinkSync(target, folder);
  expect(await attempt()).toContain('is no folder');
  folder = join(folder, '..', 'x'.repeat(120));
  expect(await attempt()).toContain("a socket's path has at most 107 bytes");
});

const root = requirement('root', process.getuid?.() === 0, 'a folder of another user is made as root');
test.skipIf(!root)("another user's folder is refused", async () => {
  const { chownSync } = await import('node:fs');
  mkdirSync(folder, { mode: 0o700 });
  chownSync(folder, 12345, 12345);
  expect(
    await ControlServer.open(
      () => folder,
      makeLab(),
      (line) => said.push(line),
    ),
  ).toBeNull();
  expect(said.join()).toContain('belongs to user 12345');
  // A runtime folder of somebody else, as sudo leaves it, is not used.
  expect(controlFolder({ XDG_RUNTIME_DIR: folder })).toBe(join(tmpdir(), `softnet-${process.getuid!()}`));
});

test('the folder is the runtime folder of this user, or one among the temporary files', () => {
  const runtime = join(folder, '..');
  const other = join(tmpdir(), `softnet-${process.getuid!()}`);
  expect(controlFolder({ XDG_RUNTIME_DIR: runtime })).toBe(folder);
  for (const wrong of [undefined, '', 'relative', join(runtime, 'nothing')])
    expect(controlFolder({ XDG_RUNTIME_DIR: wrong })).toBe(other);
  const path = socketPath(folder, 'ü'.repeat(300), 7);
  expect([Buffer.byteLength(path) <= 107, path.endsWith('-7.sock')]).toEqual([true, true]);
});
