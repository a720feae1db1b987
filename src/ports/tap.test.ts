// TAP against the kernel itself, in network namespaces made for the test: real programs talk through our wire.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hasProgram, requirement } from '../../test/vocabulary/require.ts';
import { SystemClock } from '../kernel/clock.ts';
import { type Frame, FramePool } from '../wire/frame.ts';
import { Link } from '../wire/link.ts';
import { Tap, type TapOptions } from './tap.ts';

const available = process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/dev/net/tun');
const live =
  requirement('TAP', available, 'it needs Linux, root and /dev/net/tun') &&
  requirement('network namespaces', hasProgram('ip', '-V'), 'they need the program ip');
const hasPing = live && requirement('ping', hasProgram('ping', '-V'), 'it is not installed');
const hasIperf = live && requirement('iperf3', hasProgram('iperf3'), 'it is not installed');

const A = `softnet-${process.pid}-a`;
const B = `softnet-${process.pid}-b`;

function ip(namespace: string, ...args: string[]): string {
  return execFileSync('ip', ['-n', namespace, ...args], { encoding: 'utf8' });
}

/** What the kernel says of an interface, or null when there is none. */
function kernelView(namespace: string, name: string) {
  const result = spawnSync('ip', ['-n', namespace, '-j', '-s', 'link', 'show', 'dev', name], {
    encoding: 'utf8',
  });
  if (result.status !== 0) return null;
  const [view] = JSON.parse(result.stdout);
  return {
    flags: view.flags as string[],
    mtu: view.mtu,
    mac: view.address,
    rx: view.stats64.rx,
    tx: view.stats64.tx,
  };
}

const open: Tap[] = [];

function lab(bitsPerSecond = 0) {
  const clock = new SystemClock(() => performance.now());
  const pool = new FramePool();
  const link = new Link({ name: 'cable', clock, pool, bitsPerSecond });
  const tap = (medium: TapOptions['medium'], namespace: string, options: Partial<TapOptions> = {}) => {
    const made = new Tap({ name: 'tap0', medium, namespace, ...options });
    open.push(made);
    return made;
  };
  /** Runs the lab until a program has ended; gives what it printed. */
  async function during(
    namespace: string,
    ...command: string[]
  ): Promise<{ status: number | null; output: string }> {
    const child = spawn('ip', ['netns', 'exec', namespace, ...command]);
    let output = '';
    let ended = false;
    child.stdout.on('data', (text) => (output += text));
    child.stderr.on('data', (text) => (output += text));
    child.on('close', () => {
      ended = true;
      for (const one of open) one.cancelWait();
    });
    while (!ended) {
      const moved = open.reduce((sum, one) => sum + one.poll(64), 0);
      const next = clock.poll();
      if (moved > 0) await new Promise(setImmediate);
      else await Promise.race(open.map((one) => one.waitReadable(Math.min(50, next / 1e6))));
    }
    return { status: child.exitCode, output };
  }
  return { clock, pool, link, tap, during };
}

/** A station that keeps what it gets. */
function listener(pool: FramePool) {
  const frames: Uint8Array[] = [];
  return {
    frames,
    receive(frame: Frame) {
      frames.push(frame.bytes().slice());
      pool.put(frame);
    },
    transmitted() {},
    carrierChanged() {},
  };
}

beforeAll(() => {
  if (!live) return;
  for (const name of [A, B]) {
    execFileSync('ip', ['netns', 'add', name]);
    // No traffic but the test's own.
    execFileSync('ip', ['netns', 'exec', name, 'sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1']);
  }
});
afterEach(() => {
  for (const tap of open.splice(0)) tap.close();
});
afterAll(() => {
  if (live) for (const name of [A, B]) spawnSync('ip', ['netns', 'del', name]);
});

describe.skipIf(!live)('a TAP', () => {
  it('comes up with address, MAC and MTU in its namespace, and goes when it is closed', () => {
    const { link, tap } = lab();
    link.b.attach(listener(link.pool));
    const mac = Uint8Array.of(2, 0, 0, 0, 0, 0x77);
    const one = tap(link.a, A, { address: '10.99.0.1/20', macAddress: mac, mtu: 1400 });
    expect(kernelView(A, 'tap0')).toMatchObject({ mtu: 1400, mac: '02:00:00:00:00:77' });
    expect(kernelView(A, 'tap0')?.flags).toContain('UP');
    expect(ip(A, '-4', '-o', 'addr', 'show', 'dev', 'tap0')).toContain('10.99.0.1/20 brd 10.99.15.255');
    one.close();
    one.close();
    expect(kernelView(A, 'tap0')).toBe(null);
    expect([one.poll(1), link.pool.inUse]).toEqual([0, 0]);
  });

  it('shows the kernel when the cable is unplugged', () => {
    const { link, tap } = lab();
    tap(link.a, A);
    expect(kernelView(A, 'tap0')?.flags).toContain('NO-CARRIER');
    link.b.attach(listener(link.pool));
    expect(kernelView(A, 'tap0')?.flags).not.toContain('NO-CARRIER');
    link.b.attach(null);
    expect(kernelView(A, 'tap0')?.flags).toContain('NO-CARRIER');
  });

  it.skipIf(!hasPing)('carries ping between two kernels, whose counters agree with ours', async () => {
    const { link, tap, during, pool } = lab();
    const a = tap(link.a, A, { address: '10.99.0.1/24' });
    const b = tap(link.b, B, { address: '10.99.0.2/24' });
    const { output } = await during(A, 'ping', '-c', '5', '-i', '0.05', '-s', '1472', '10.99.0.2');
    expect(output).toContain('5 packets transmitted, 5 received');
    for (const [one, namespace] of [
      [a, A],
      [b, B],
    ] as const) {
      const view = kernelView(namespace, 'tap0');
      expect(view?.tx).toMatchObject({ packets: one.fromKernel.frames, bytes: one.fromKernel.bytes });
      expect(view?.rx).toMatchObject({ packets: one.toKernel.written, bytes: one.toKernel.bytes });
    }
    // Two ARP frames of 42 bytes, padded on their way.
    expect(a.fromKernel.padded + b.fromKernel.padded).toBeGreaterThanOrEqual(2);
    expect(pool.inUse).toBe(0);
  });

  it.skipIf(!hasIperf)('carries TCP both ways without losing a byte to us', async () => {
    const { link, tap, during } = lab();
    const a = tap(link.a, A, { address: '10.99.0.1/24' });
    const b = tap(link.b, B, { address: '10.99.0.2/24' });
    const server = spawn('ip', ['netns', 'exec', B, 'iperf3', '-s', '-1'], { stdio: 'ignore' });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { status, output } = await during(A, 'iperf3', '-c', '10.99.0.2', '-n', '20M', '--bidir', '-J');
    server.kill();
    expect([status, JSON.parse(output).error]).toEqual([0, undefined]);
    for (const one of [a, b]) {
      // iperf3 stops when both ways together have what was asked for.
      expect(one.fromKernel.bytes).toBeGreaterThan(1e6);
      expect(one.fromKernel.sent).toBe(one.fromKernel.frames);
      expect(one.toKernel.written).toBe(one.toKernel.frames);
    }
  });

  it.skipIf(!hasPing)('drops what does not fit while the wire is busy, and counts it', async () => {
    const { link, tap, during, pool } = lab(200_000);
    link.b.attach(listener(pool));
    const one = tap(link.a, A, { address: '10.99.0.1/24', queueFrames: 4 });
    ip(A, 'neigh', 'add', '10.99.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'tap0');
    await during(A, 'ping', '-c', '30', '-i', '0.002', '-s', '1000', '-W', '0.2', '10.99.0.2');
    const { frames, sent, dropQueueFull } = one.fromKernel;
    expect(dropQueueFull).toBeGreaterThan(10);
    expect(frames).toBe(30);
    expect(frames).toBe(sent + dropQueueFull + one.waiting);
    expect(one.waiting).toBeLessThanOrEqual(5);
  });

  it.skipIf(!hasPing)('finds room for longer frames when somebody raises the MTU', async () => {
    const { link, tap, during, pool } = lab();
    const heard = listener(pool);
    link.b.attach(heard);
    const one = tap(link.a, A, { address: '10.99.0.1/24' });
    ip(A, 'neigh', 'add', '10.99.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'tap0');
    ip(A, 'link', 'set', 'tap0', 'mtu', '4000');
    await during(A, 'ping', '-c', '3', '-i', '0.02', '-s', '3000', '-W', '0.1', '10.99.0.2');
    expect(one.fromKernel).toMatchObject({ frames: 3, dropTooLong: 1, sent: 2 });
    expect(heard.frames.map(({ length }) => length)).toEqual([3042, 3042]);
  });

  it('counts frames the kernel does not take, and damaged ones', () => {
    const { link, tap, pool } = lab();
    const one = tap(link.a, A);
    const damaged = pool.get(60);
    damaged.fcsExplicit = true;
    damaged.fcs = 1;
    one.receive(damaged);
    ip(A, 'link', 'set', 'tap0', 'down');
    one.receive(pool.get(60));
    expect(one.toKernel).toMatchObject({ frames: 2, written: 0, dropBadFcs: 1, dropDown: 1 });
    expect([one.lastError, pool.inUse]).toEqual(['EIO', 0]);
  });

  it('wakes a sleeping loop, or lets it sleep', async () => {
    const { link, tap } = lab();
    link.b.attach(listener(link.pool));
    const one = tap(link.a, A, { address: '10.99.0.1/24' });
    while (one.poll(64) > 0);
    expect(await one.waitReadable(5)).toBe(false);
    const cancelled = one.waitReadable(10_000);
    expect(one.waitReadable(1)).toBe(cancelled);
    one.cancelWait();
    expect(await cancelled).toBe(false);
    const woken = one.waitReadable(10_000);
    spawn('ip', ['netns', 'exec', A, 'ping', '-c', '1', '-W', '0.1', '10.99.0.2'], { stdio: 'ignore' });
    expect(await woken).toBe(true);
    expect(one.poll(64)).toBeGreaterThan(0);
    const closed = one.waitReadable(10_000);
    one.close();
    expect(await closed).toBe(false);
  });

  it('allocates nothing per frame', { retry: 3 }, () => {
    const { link, tap, pool } = lab();
    const one = tap(link.a, A);
    const write = (count: number) => {
      for (let i = 0; i < count; i++) {
        const frame = pool.get(60);
        frame.u8.fill(0xff, 2, 62);
        one.receive(frame);
      }
    };
    write(50_000);
    const before = process.memoryUsage().heapUsed;
    write(100_000);
    // 16 bytes a frame would be 1.6 MB.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(1_000_000);
    expect(one.toKernel.written).toBe(150_000);
  });

  it('says what would be right', () => {
    const { link, tap } = lab();
    tap(link.a, A);
    const wrong: [Partial<TapOptions>, RegExp][] = [
      [{}, /EBUSY; another program uses it/],
      [{ name: 'lo' }, /EINVAL; an interface of that name exists/],
      [{ name: 'a-name-of-16-chr' }, /1 to 15 characters/],
      [{ name: 'tap 1' }, /without blanks/],
      [{ name: 'tap1', address: '10.0.0.256/24' }, /as 10\.0\.0\.1\/24/],
      [{ name: 'tap1', address: '10.0.0.1' }, /as 10\.0\.0\.1\/24/],
      [{ name: 'tap1', mtu: 60_000 }, /MTU 60000: at most \d+ would be right/],
      [{ name: 'tap1', mtu: 10 }, /cannot set MTU 10: EINVAL/],
      [
        { name: 'tap1', macAddress: Uint8Array.of(1, 0, 0, 0, 0, 0) },
        /cannot set the MAC address: EADDRNOTAVAIL/,
      ],
      [{ namespace: 'softnet-none' }, /ip netns add softnet-none/],
    ];
    for (const [options, message] of wrong) expect(() => tap(link.b, A, options)).toThrow(message);
    expect(kernelView(A, 'tap1')).toBe(null);
    expect(ip(A, '-o', 'link').trim().split('\n')).toHaveLength(2);
  });
});
