// The built command line as people start it: a process, its output, its signals.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { hasQemu } from '../vocabulary/qemu.ts';
import { hasProgram, requirement } from '../vocabulary/require.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

function start(...argv: string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [MAIN, ...argv]);
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

/** Runs another program to its end. */
function run(program: string, ...argv: string[]): { status: number | null; stdout: string } {
  return spawnSync(program, argv, { encoding: 'utf8' });
}

test('the command line is built', () => {
  expect(existsSync(MAIN), 'npm run build comes first').toBe(true);
});

test('the default lab runs in real time without loss', async () => {
  const { code, stdout } = await start('up', '--for', '1s', '--json').ended;
  expect(code).toBe(0);
  const report = JSON.parse(stdout);
  expect(report.flows).toHaveLength(3);
  for (const flow of report.flows) {
    expect(flow.sent).toBeGreaterThan(5);
    expect(flow.lost).toBe(0);
  }
  expect(report.conservation.vanished).toEqual([]);
});

test.runIf(hasQemu).each(['qemu-pcnet', 'qemu-speedo'])('%s runs in real time without loss', async (lab) => {
  const { code, stdout } = await start('up', lab, '--for', '2s', '--json').ended;
  expect(code).toBe(0);
  const report = JSON.parse(stdout);
  for (const flow of report.flows) {
    expect(flow.sent).toBeGreaterThan(5);
    expect(flow.lost).toBe(0);
  }
  expect(report.conservation.vanished).toEqual([]);
});

test('Ctrl-C ends a run with its report', async () => {
  const { child, ended } = start('up', 'hub');
  await new Promise((resolve) => child.stderr?.once('data', resolve));
  setTimeout(() => child.kill('SIGINT'), 500);
  const { code, stdout } = await ended;
  expect(code).toBe(0);
  expect(stdout).toContain('nothing vanished');
});

/** The lab with a TAP, once its interface is there. */
async function startTapLab(): Promise<{ child: ChildProcess; ended: Promise<Ended> }> {
  const lab = start('up', 'tap', '--json');
  for (let tries = 0; tries < 100 && run('ip', 'addr', 'show', 'softnet0').status !== 0; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return lab;
}

const mayTap =
  requirement(
    'TAP',
    process.getuid?.() === 0 && existsSync('/dev/net/tun'),
    'root and /dev/net/tun are needed',
  ) && requirement('ping', hasProgram('ping', '-V'), 'the program ping is needed');

test.skipIf(!mayTap)("the kernel's own ping reaches a lab host through TAP, card and driver", async () => {
  const { child, ended } = await startTapLab();
  const ping = run('ping', '-c', '5', '-i', '0.2', '-W', '2', '10.9.0.2');
  child.kill('SIGINT');
  const { code, stdout } = await ended;
  expect(ping.stdout).toContain(' 0% packet loss');
  expect(code).toBe(0);
  const report = JSON.parse(stdout);
  expect(report.conservation.vanished).toEqual([]);
  expect(report.ports.tap0.fromKernel.frames).toBeGreaterThanOrEqual(5);
});

/** Sends `count` datagrams as fast as the kernel takes them, 64 at a time. */
async function blast(address: string, port: number, count: number): Promise<void> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.connect(port, address, resolve));
  const datagram = new Uint8Array(64);
  for (let sent = 0; sent < count; sent += 64) {
    const batch = Array.from({ length: Math.min(64, count - sent) }, () => {
      return new Promise<void>((resolve) => socket.send(datagram, () => resolve()));
    });
    await Promise.all(batch);
  }
  socket.close();
}

test.skipIf(!mayTap)('the sink counts every datagram that the TAP took from the kernel', async () => {
  const { child, ended } = await startTapLab();
  for (let tries = 0; tries < 100 && run('ping', '-c', '1', '-W', '1', '10.9.0.2').status !== 0; tries++);
  await blast('10.9.0.2', 5001, 20_000);
  await new Promise((resolve) => setTimeout(resolve, 500));
  child.kill('SIGINT');
  const report = JSON.parse((await ended).stdout);
  const { rx, hardware } = report.hosts.box.devices.eth0;
  const refused = Object.values<number>(hardware).reduce((sum, frames) => sum + frames, 0);
  const [sink] = report.hosts.box.services;
  expect(report.conservation.vanished).toEqual([]);
  expect(rx.packets + refused).toBe(report.ports.tap0.fromKernel.frames);
  // The rest of what came in is the ping and the ARP for it.
  const echoes = report.hosts.box.devices.eth0.tx.packets;
  expect(sink.packets).toBeGreaterThan(1000);
  expect(rx.packets - sink.packets).toBeLessThanOrEqual(echoes + 5);
});
