// `softnet shape` as people use it: two network namespaces, our box between them, and iperf3 and ping as judges of disciplines
// that this computer's kernel need not have.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { hasProgram, requirement } from '../vocabulary/require.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const LEFT = 'softnet-shape-l';
const RIGHT = 'softnet-shape-r';
const FAR = '10.98.0.2';
const live =
  requirement('root', process.getuid?.() === 0, 'network namespaces are made by root') &&
  requirement('network namespaces', hasProgram('ip', '-V'), 'they need the program ip') &&
  requirement('iperf3', hasProgram('iperf3'), 'it is not installed') &&
  requirement('ping', hasProgram('ping', '-V'), 'it is not installed');

const running: ChildProcess[] = [];

beforeAll(() => {
  if (!live) return;
  for (const name of [LEFT, RIGHT]) {
    execFileSync('ip', ['netns', 'add', name]);
    execFileSync('ip', ['netns', 'exec', name, 'sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1']);
  }
});
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null) continue;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGINT');
    await ended;
  }
});
afterAll(() => {
  if (live) for (const name of [LEFT, RIGHT]) spawnSync('ip', ['netns', 'del', name]);
});

interface Shaped {
  /** Ends it; gives its report. */
  end(): Promise<{ conservation: { vanished: unknown[] } }>;
}

/** Starts the box with these lines and waits until the far side answers. */
async function shape(...tc: string[]): Promise<Shaped> {
  const sides = [`left@${LEFT}=10.98.0.1/24`, `right@${RIGHT}=${FAR}/24`];
  const child = spawn(process.execPath, [MAIN, 'shape', ...sides, ...tc, '--json']);
  running.push(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (text) => {
    out += text;
  });
  child.stderr.on('data', (text) => {
    err += text;
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  for (let tries = 0; ; tries++) {
    const answered = await run(LEFT, 'ping', '-c', '1', '-W', '1', FAR);
    if (answered.code === 0) break;
    if (tries > 20 || child.exitCode !== null) throw new Error(`the far side never answered: ${err}${out}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    end: async () => {
      child.kill('SIGINT');
      await ended;
      return JSON.parse(out);
    },
  };
}

/** Runs a program in a namespace. */
function run(namespace: string, ...command: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn('ip', ['netns', 'exec', namespace, ...command]);
  running.push(child);
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })));
}

/** TCP from left to right for so long; bit/s that arrived. */
async function iperf(seconds: number, ...more: string[]): Promise<number> {
  const server = spawn('ip', ['netns', 'exec', RIGHT, 'iperf3', '-s', '-1']);
  running.push(server);
  await new Promise<void>((resolve) => {
    server.stdout.on('data', (text) => String(text).includes('listening') && resolve());
    server.once('close', () => resolve());
    setTimeout(resolve, 1000);
  });
  const { output } = await run(LEFT, 'iperf3', '-c', FAR, '-t', String(seconds), '-O', '1', '-J', ...more);
  return JSON.parse(output).end.sum_received.bits_per_second;
}

/** Round-trip times of pings, ms, in order. */
async function pings(count: number, intervalSeconds: number): Promise<number[]> {
  const { output } = await run(LEFT, 'ping', '-c', String(count), '-i', String(intervalSeconds), FAR);
  return [...output.matchAll(/time=([\d.]+) ms/g)].map((match) => Number(match[1])).sort((a, b) => a - b);
}

const median = (sorted: number[]): number => sorted[sorted.length >> 1];

test.runIf(live)('without a discipline everything is passed on', async () => {
  const box = await shape();
  expect(await iperf(2)).toBeGreaterThan(50e6);
  const report = await box.end();
  expect(report.conservation.vanished).toEqual([]);
});

test.runIf(live)('tbf: TCP gets the rate that was asked for, less headers', async () => {
  const box = await shape('qdisc add dev right root tbf rate 20mbit burst 32kb latency 50ms');
  const goodput = await iperf(5);
  // 1448 bytes of payload in 1514 of the frame, which is what tbf counts.
  const most = (20e6 * 1448) / 1514;
  expect(goodput / most).toBeGreaterThan(0.9);
  expect(goodput / most).toBeLessThan(1.03);
  const report = await box.end();
  expect(report.conservation.vanished).toEqual([]);
});

test.runIf(live)('netem: the delay that was asked for, on one way only', async () => {
  await shape('qdisc add dev right root netem delay 40ms');
  const times = await pings(20, 0.1);
  expect(times.length).toBe(20);
  expect(times[0]).toBeGreaterThan(39.9);
  expect(median(times)).toBeLessThan(60);
});

test.runIf(live)(
  'a bottleneck: pings wait behind TCP in a pfifo, and hardly in fq_codel',
  async () => {
    const wait = async (leaf: string): Promise<number> => {
      const box = await shape(
        'qdisc add dev right root handle 1: htb default 10',
        'class add dev right parent 1: classid 1:10 htb rate 10mbit',
        `qdisc add dev right parent 1:10 ${leaf}`,
      );
      const busy = iperf(6, '-P', '16');
      // Until TCP has filled what there is to fill; one alone leaves slow start too early (HyStart).
      await new Promise((resolve) => setTimeout(resolve, 3000));
      const [times] = await Promise.all([pings(25, 0.1), busy]);
      const report = await box.end();
      expect(report.conservation.vanished).toEqual([]);
      return median(times);
    };
    const pfifo = await wait('pfifo limit 300');
    const fair = await wait('fq_codel');
    expect(pfifo).toBeGreaterThan(100);
    expect(fair).toBeLessThan(pfifo / 4);
  },
  60_000,
);
