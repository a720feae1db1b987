// The socket of a guest's console: what is at its path already. And what of a console a report may show.

import {
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { GuestConsole } from './guest-console.ts';
import { ConsoleSocket } from './guest-socket.ts';
import { printable } from './guests.ts';

const LIMIT = { timeout: 20_000 };
let folder = '';
let typed = '';
let said: string[] = [];
const open: { close(): void }[] = [];
let show: (text: string) => void = () => {};

const guest = {
  listen: (listener: (text: string) => void) => {
    show = listener;
    return () => {};
  },
  write: (bytes: Uint8Array) => {
    typed += new TextDecoder().decode(bytes);
  },
} as unknown as GuestConsole;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'softnet-console-'));
  typed = '';
  said = [];
});
afterEach(() => {
  for (const one of open.splice(0)) one.close();
  rmSync(folder, { recursive: true, force: true });
});

function serve(path: string): ConsoleSocket {
  const socket = new ConsoleSocket(path, guest, (message) => said.push(message));
  open.push(socket);
  return socket;
}

/** Connects, types, and waits for what the guest says. */
async function useIt(path: string): Promise<void> {
  await vi.waitFor(() => expect(existsSync(path)).toBe(true), LIMIT);
  const caller = createConnection(path);
  open.push({ close: () => caller.destroy() });
  let heard = '';
  caller.on('data', (bytes) => {
    heard += bytes.toString();
  });
  caller.write('hello');
  await vi.waitFor(() => expect(typed).toBe('hello'), LIMIT);
  show('guest# ');
  await vi.waitFor(() => expect(heard).toBe('guest# '), LIMIT);
}

test('carries both ways and leaves nothing behind', async () => {
  const path = join(folder, 'a.sock');
  const socket = serve(path);
  await useIt(path);
  socket.close();
  expect([existsSync(path), said]).toEqual([false, []]);
});

test('takes the place of a socket that nobody serves any more', async () => {
  const path = join(folder, 'a.sock');
  // As a process that was killed leaves it: bound under another name, moved, and closed.
  const dead = createServer().listen(join(folder, 'b.sock'));
  await new Promise((resolve) => dead.once('listening', resolve));
  renameSync(join(folder, 'b.sock'), path);
  await new Promise((resolve) => dead.close(resolve));
  expect(existsSync(path)).toBe(true);
  utimesSync(path, 1, 1);
  serve(path);
  await vi.waitFor(() => expect(statSync(path).mtimeMs).toBeGreaterThan(1000), LIMIT);
  await useIt(path);
  expect(said).toEqual([]);
});

test('leaves alone what is not its own', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, 'dear');
  serve(file);
  const busy = join(folder, 'busy.sock');
  const other = createServer((reader) => reader.destroy()).listen(busy);
  open.push(other);
  await new Promise((resolve) => other.once('listening', resolve));
  serve(busy);
  serve(join(folder, 'x'.repeat(120)));
  serve(join(folder, 'none', 'a.sock'));
  await vi.waitFor(() => expect(said).toHaveLength(4), LIMIT);
  const text = said.join('\n');
  expect(text).toContain('there is such a file already');
  expect(text).toContain('somebody serves it already');
  expect(text).toContain("a socket's path has at most 107 bytes");
  expect(text).toContain('/none/a.sock');
  expect(readFileSync(file, 'utf8')).toBe('dear');
  expect(existsSync(busy)).toBe(true);
});

test('a report shows of a console what moves no cursor', () => {
  const lines = [
    'guest# \x1b[6n',
    '\x1b[1;31mred\x1b[0m\x07',
    '\x1b]0;title\x07text',
    '\x1b[2J',
    '\u009b6n',
    'grün',
  ];
  expect(printable(lines)).toEqual(['guest# ', 'red', 'text', '6n', 'grün']);
});
