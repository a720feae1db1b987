// How many frames a second go through a TAP in each direction, and what waiting for one costs. As root:
//
//   Node 22.18 or later:  node bench/tap.ts            Node 20:  npx tsc -p bench && node out/bench/tap.js
//
// Kernel to us: a second process sends through a packet socket on the interface, 64 frames a system call, as fast as it
// can; what the interface's queue does not hold, the kernel drops at the sender. Us to kernel: frames of a type nobody
// takes, so that the kernel does its receive work and throws them away.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { loadLinux } from '../src/ports/linux.ts';
import { Tap } from '../src/ports/tap.ts';
import { FRAME_START, type Frame, FramePool } from '../src/wire/frame.ts';
import type { Medium, Station } from '../src/wire/medium.ts';

const SECONDS = 2;
const BATCH = 64;
const AF_PACKET = 17;
const SOCK_RAW = 3;

/** Takes every frame at once and counts it. */
class Drain implements Medium {
  readonly name = 'drain';
  readonly pool = new FramePool();
  readonly carrier = true;
  readonly bitsPerSecond = 0;
  readonly fullDuplex = true;
  frames = 0;
  /** Nanoseconds between the time in a frame and its arrival. */
  readonly latencies: number[] = [];
  timed = false;
  private station: Station | null = null;

  attach(station: Station | null): void {
    this.station = station;
  }

  send(frame: Frame): void {
    this.frames++;
    if (this.timed) {
      const sent = new DataView(frame.u8.buffer).getBigUint64(FRAME_START + 14, true);
      this.latencies.push(Number(process.hrtime.bigint() - sent));
    }
    this.pool.put(frame);
    this.station?.transmitted(0);
  }
}

/** The second process: sends `length`-byte frames out of `name`, in batches or one each millisecond with its time. */
function blast(name: string, length: number, paced: boolean): void {
  const { koffi, socket, errno } = loadLinux();
  const libc = koffi.load(null);
  const indexOf = libc.func('unsigned int if_nametoindex(const char *name)');
  const bind = libc.func('int bind(int fd, void *address, uint32_t length)');
  const sendmmsg = libc.func('int sendmmsg(int fd, void *messages, unsigned int count, int flags)');
  const fd = socket(AF_PACKET, SOCK_RAW, 0);
  const address = new DataView(new ArrayBuffer(20));
  address.setUint16(0, AF_PACKET, true);
  address.setInt32(4, indexOf(name), true);
  if (bind(fd, new Uint8Array(address.buffer), 20) !== 0)
    throw new Error(`bind to ${name}: errno ${errno()}`);
  const frame = testFrame(new Uint8Array(2048), 0);
  // struct mmsghdr is 64 bytes: msg_iov at 16, msg_iovlen at 24. All of them send the same frame.
  const vector = BigUint64Array.from({ length: 128 }, () => 0n);
  vector[0] = koffi.address(frame);
  vector[1] = BigInt(length);
  const messages = new BigUint64Array(8 * BATCH);
  for (let i = 0; i < BATCH; i++) {
    messages[8 * i + 2] = koffi.address(vector);
    messages[8 * i + 3] = 1n;
  }
  const view = new DataView(frame.buffer);
  if (paced) {
    setInterval(() => {
      // Only the kernel looks at it, by its address: it must not be collected.
      vector[1] = BigInt(length);
      view.setBigUint64(14, process.hrtime.bigint(), true);
      sendmmsg(fd, messages, 1, 0);
    }, 1);
  } else for (;;) sendmmsg(fd, messages, BATCH, 0);
}

/** Broadcast of an experimental ethertype. */
function testFrame(bytes: Uint8Array, at: number): Uint8Array {
  bytes.fill(0xff, at, at + 6);
  bytes.set([2, 0, 0, 0, 0, 9, 0x88, 0xb5], at + 6);
  return bytes;
}

function startBlast(namespace: string, name: string, length: number, paced: boolean): ChildProcess {
  const script = [fileURLToPath(import.meta.url), 'blast', name, `${length}`, paced ? 'paced' : 'flat-out'];
  return spawn('ip', ['netns', 'exec', namespace, process.execPath, ...script], { stdio: 'inherit' });
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill();
  await ended;
}

async function fromKernel(tap: Tap, drain: Drain, namespace: string, length: number): Promise<void> {
  const child = startBlast(namespace, tap.name, length, false);
  await tap.waitReadable(10_000);
  const before = drain.frames;
  const start = performance.now();
  let empty = 0;
  let polls = 0;
  while (performance.now() - start < SECONDS * 1000) {
    for (let i = 0; i < 16; i++, polls++) if (tap.poll(BATCH) < BATCH) empty++;
    await turn();
  }
  report(`kernel to us, ${length} bytes`, drain.frames - before, performance.now() - start);
  console.log(
    `  ${((100 * empty) / polls).toFixed(0)}% of the polls found the queue empty: then the sender is the limit`,
  );
  await stop(child);
  while (tap.poll(BATCH) > 0);
}

function toKernel(tap: Tap, pool: FramePool, length: number): void {
  const before = tap.toKernel.written;
  const start = performance.now();
  while (performance.now() - start < SECONDS * 1000) {
    for (let i = 0; i < 256; i++) {
      const frame = pool.get(length);
      testFrame(frame.u8, FRAME_START);
      tap.receive(frame);
    }
  }
  report(`us to kernel, ${length} bytes`, tap.toKernel.written - before, performance.now() - start);
}

async function wakeUp(tap: Tap, drain: Drain, namespace: string): Promise<void> {
  const child = startBlast(namespace, tap.name, 60, true);
  drain.timed = true;
  const deadline = performance.now() + 20_000;
  while (drain.latencies.length < 1000 && performance.now() < deadline) {
    await tap.waitReadable(10_000);
    while (tap.poll(BATCH) > 0);
  }
  drain.timed = false;
  await stop(child);
  if (drain.latencies.length < 1000)
    throw new Error(`only ${drain.latencies.length} of 1000 frames came in 20 s`);
  const sorted = drain.latencies.slice(100).sort((a, b) => a - b);
  const at = (part: number) => (sorted[Math.floor(sorted.length * part)] / 1000).toFixed(0);
  console.log(`waking up: median ${at(0.5)} us, 99% ${at(0.99)} us from the sender's call to the medium`);
  while (tap.poll(BATCH) > 0);
  const used = process.cpuUsage();
  await tap.waitReadable(1000);
  const { user, system } = process.cpuUsage(used);
  console.log(`waiting for a second costs ${((user + system) / 1000).toFixed(1)} ms of CPU`);
}

function report(what: string, frames: number, milliseconds: number): void {
  console.log(`${what}: ${Math.round((frames / milliseconds) * 1000).toLocaleString('en')} frames/s`);
}

async function main(): Promise<void> {
  const namespace = `softnet-bench-${process.pid}`;
  execFileSync('ip', ['netns', 'add', namespace]);
  try {
    execFileSync('ip', ['netns', 'exec', namespace, 'sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1']);
    const drain = new Drain();
    const tap = new Tap({ name: 'tap0', medium: drain, namespace });
    for (const length of [60, 1514]) await fromKernel(tap, drain, namespace, length);
    for (const length of [60, 1514]) toKernel(tap, drain.pool, length);
    await wakeUp(tap, drain, namespace);
    tap.close();
  } finally {
    execFileSync('ip', ['netns', 'del', namespace]);
  }
}

const [mode, name, length, pace] = process.argv.slice(2);
if (mode === 'blast') blast(name, Number(length), pace === 'paced');
else await main();
