// The same packets through this computer's kernel and through ours: arrivals drawn from a seed, what became of them on either
// side, and how far the two differ.

import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Random } from '../../src/kernel/random.ts';
import type { Mbuf } from '../../src/mbuf/mbuf.ts';
import { NETDEV_TX_OK, NetDevice } from '../../src/net/device.ts';
import { DeviceLayer } from '../../src/net/layer.ts';
import type { Classifier } from '../../src/net/qdisc.ts';
import { STATION } from '../vocabulary/net-machine.ts';
import { oneMachine } from '../vocabulary/one-machine.ts';

const SCRIPT = fileURLToPath(new URL('./kernel-queue.py', import.meta.url));
/** Classes are told by their UDP ports: this one and those after it. */
export const FIRST_PORT = 7000;
const WINDOW_NS = 100_000_000;
const START_NS = 1_000_000_000;

export interface Arrival {
  atNs: number;
  bytes: number;
  class: number;
}

/** A class's packets between two times, Poisson or evenly spaced, with lengths between `least` and `most`. */
export interface Phase {
  class: number;
  fromS: number;
  toS: number;
  bitsPerSecond: number;
  least: number;
  most: number;
}

export function arrivalsOf(phases: readonly Phase[], seed: number): Arrival[] {
  const all: Arrival[] = [];
  for (const [i, { class: its, fromS, toS, bitsPerSecond, least, most }] of phases.entries()) {
    const dice = new Random(seed, `phase ${i}`);
    let at = fromS;
    while (at < toS) {
      const bytes = least + dice.below(most - least + 1);
      all.push({ atNs: Math.round(at * 1e9), bytes, class: its });
      at += (-Math.log(1 - dice.float()) * (least + most) * 4) / bitsPerSecond;
    }
  }
  return all.sort((a, b) => a.atNs - b.atNs);
}

/** A packet that came out: its number among the arrivals, and when. */
export interface Departure {
  serial: number;
  atNs: number;
}

/** Why this computer cannot do it; null: it can. */
export function kernelLacks(): string | null {
  if (process.getuid?.() !== 0) return 'network namespaces are made by root';
  const probe =
    'ip link add qa type veth peer name qb && tc qdisc add dev qa root handle 1: htb && python3 -c "import socket" && tc filter add dev qa parent 1: protocol ip u32 match u32 0 0 flowid 1:1';
  const { status, stderr, error } = spawnSync('unshare', ['-n', 'sh', '-c', probe], { encoding: 'utf8' });
  return status === 0 ? null : `veth, htb, u32 and python3 are wanted: ${error?.message ?? stderr}`;
}

/** Sends them for real. The arrivals returned have the times at which they were really sent: this computer may be late. */
export function throughKernel(
  tc: readonly string[],
  arrivals: readonly Arrival[],
  priorities: readonly number[],
): { arrivals: Arrival[]; out: Departure[]; show: string } {
  const rows = arrivals.map((one) => [one.atNs, one.bytes, FIRST_PORT + one.class, priorities[one.class]]);
  const answer = execFileSync('unshare', ['-n', 'python3', SCRIPT], {
    input: JSON.stringify({ tc: tc.map((line) => line.replace('DEV', 'dev qs0')), arrivals: rows }),
    maxBuffer: 1 << 28,
    timeout: 120_000,
    encoding: 'utf8',
  });
  const { sent, out, show } = JSON.parse(answer) as { sent: number[]; out: [number, number][]; show: string };
  return {
    arrivals: arrivals.map((one, i) => ({ ...one, atNs: sent[i] })),
    out: out.map(([serial, atNs]) => ({ serial, atNs })),
    show,
  };
}

/** The same on the virtual clock, through a device without a rate: only its discipline holds packets back. */
export function throughOurs(
  attach: (device: NetDevice, layer: DeviceLayer) => void,
  arrivals: readonly Arrival[],
  priorities: readonly number[],
): Departure[] {
  const { clock, machine } = oneMachine({ mbufs: 8192, clusters: 4096 });
  const layer = new DeviceLayer(machine);
  const out: Departure[] = [];
  const device = new NetDevice(layer, 'eth0', {
    open: () => {
      for (const queue of device.txQueues) queue.start();
      device.setCarrier(true);
    },
    stop: () => {},
    startXmit: (m) => {
      out.push({ serial: m.mark, atNs: clock.now() - START_NS });
      device.transmitDone(m, true);
      return NETDEV_TX_OK;
    },
  });
  device.setAddress(STATION);
  layer.register(device);
  machine.process(() => {
    device.open();
    attach(device, layer);
  });
  const bytes = new Uint8Array(1514);
  bytes[12] = 8;
  bytes[14] = 0x45;
  bytes[23] = 17;
  for (const [serial, one] of arrivals.entries()) {
    clock.run(START_NS + one.atNs);
    const port = FIRST_PORT + one.class;
    bytes[36] = port >> 8;
    bytes[37] = port & 255;
    const m = machine.mbufs.fromBytes(bytes.subarray(0, one.bytes));
    if (m === null) throw new Error('no buffers left');
    m.mark = serial;
    m.priority = priorities[one.class];
    machine.process(() => device.transmit(m));
  }
  clock.run(clock.now() + 10e9);
  if (device.queued > 0) throw new Error(`${device.queued} packets never came out`);
  return out;
}

/** What u32 filters on the UDP port say: class k has the minor number `minors[k]`. */
export function byPort(layer: DeviceLayer, minors: readonly number[]): Classifier {
  const { u8 } = layer.machine.memory;
  return { classify: (m: Mbuf) => minors[((u8[m.data + 36] << 8) | u8[m.data + 37]) - FIRST_PORT] ?? -1 };
}

/** How far two runs of the same arrivals differ. */
export interface Difference {
  classes: ClassDifference[];
  /** Part of the pairs of packets that both delivered, within 64 of each other, that came out in the other order. */
  inversions: number;
}

export interface ClassDifference {
  offered: number;
  kernel: number;
  ours: number;
  kernelBytes: number;
  ourBytes: number;
  /** Part of the packets that only one of them delivered. */
  onlyOne: number;
  /** Each in the order of arrival. */
  inOrder: boolean;
  /** Mean and largest difference of bytes in windows of 100 ms, as parts of what all classes get in a mean window. */
  windowMean: number;
  windowMost: number;
  /** Milliseconds from arrival to departure, mean. */
  kernelDelayMs: number;
  ourDelayMs: number;
}

export function compare(
  arrivals: readonly Arrival[],
  kernel: readonly Departure[],
  ours: readonly Departure[],
): Difference {
  const count = Math.max(...arrivals.map((one) => one.class)) + 1;
  const lengthNs = Math.max(kernel.at(-1)!.atNs, ours.at(-1)!.atNs);
  const windows = Math.ceil(lengthNs / WINDOW_NS) + 1;
  const perWindow = kernel.reduce((sum, { serial }) => sum + arrivals[serial].bytes, 0) / windows;
  const classes = Array.from({ length: count }, (_, its): ClassDifference => {
    const of = (all: readonly Departure[]) => all.filter(({ serial }) => arrivals[serial].class === its);
    const [a, b] = [of(kernel), of(ours)];
    const inA = new Set(a.map(({ serial }) => serial));
    const both = b.filter(({ serial }) => inA.has(serial)).length;
    const binsA = bins(arrivals, a, windows);
    const binsB = bins(arrivals, b, windows);
    const gaps = binsA.map((bytes, i) => Math.abs(bytes - binsB[i]) / perWindow);
    const delay = (all: readonly Departure[]) =>
      all.reduce((sum, { serial, atNs }) => sum + atNs - arrivals[serial].atNs, 0) / all.length / 1e6;
    return {
      offered: arrivals.filter((one) => one.class === its).length,
      kernel: a.length,
      ours: b.length,
      kernelBytes: binsA.reduce((x, y) => x + y, 0),
      ourBytes: binsB.reduce((x, y) => x + y, 0),
      onlyOne: (a.length + b.length - 2 * both) / (a.length + b.length),
      inOrder: [a, b].every((all) => all.every(({ serial }, i) => i === 0 || serial > all[i - 1].serial)),
      windowMean: gaps.reduce((x, y) => x + y, 0) / windows,
      windowMost: Math.max(...gaps),
      kernelDelayMs: delay(a),
      ourDelayMs: delay(b),
    };
  });
  return { classes, inversions: inversions(kernel, ours) };
}

function bins(arrivals: readonly Arrival[], all: readonly Departure[], windows: number): number[] {
  const bytes = new Array<number>(windows).fill(0);
  for (const { serial, atNs } of all)
    bytes[Math.max(0, Math.floor(atNs / WINDOW_NS))] += arrivals[serial].bytes;
  return bytes;
}

/** Neighbours only: packets seconds apart would be in order whatever a discipline does. */
function inversions(kernel: readonly Departure[], ours: readonly Departure[]): number {
  const REACH = 64;
  const place = new Map(ours.map(({ serial }, i) => [serial, i]));
  const places = kernel.flatMap(({ serial }) => place.get(serial) ?? []);
  let wrong = 0;
  let pairs = 0;
  for (let i = 0; i < places.length; i++)
    for (let j = i + 1; j < Math.min(places.length, i + REACH); j++) {
      pairs++;
      if (places[j] < places[i]) wrong++;
    }
  return wrong / pairs;
}

export function differenceTable(title: string, { classes, inversions: wrong }: Difference): string {
  const percent = (part: number): string => `${(100 * part).toFixed(2)} %`;
  const rows = classes.map((one, i) =>
    [
      `${i}`,
      `${one.offered}`,
      `${one.kernel} / ${one.ours}`,
      `${one.kernelBytes} / ${one.ourBytes}`,
      percent(one.ourBytes / one.kernelBytes - 1),
      percent(one.onlyOne),
      `${percent(one.windowMean)}, ${percent(one.windowMost)}`,
      `${one.kernelDelayMs.toFixed(2)} / ${one.ourDelayMs.toFixed(2)}`,
    ].join(' | '),
  );
  const head = 'class | offered | packets kernel / ours | bytes kernel / ours | difference | by one only';
  return `${title}: pairs in the other order ${percent(wrong)}\n${head} | in 100 ms: mean, most | delay ms kernel / ours\n${rows.join('\n')}\n`;
}
