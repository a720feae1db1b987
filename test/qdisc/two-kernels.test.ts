// Side by side with this computer's kernel, in one run: tbf, pfifo_fast (below a tbf: a veth has no queue of its own) and htb with
// the same tc parameters, in a network namespace that goes with the process in it. This computer is late now and then, so ours gets the
// arrivals at the times at which they were really sent; what remains is how late the kernel's timers are.

import { expect, test } from 'vitest';
import { deviceEnv } from '../../src/net/device-env.ts';
import { attachQdisc } from '../../src/qdisc/attach.ts';
import { Pfifo } from '../../src/qdisc/fifo.ts';
import { Htb } from '../../src/qdisc/htb.ts';
import { Tc } from '../../src/tc/command.ts';
import { requirement } from '../vocabulary/require.ts';
import {
  arrivalsOf,
  byPort,
  compare,
  type Difference,
  differenceTable,
  FIRST_PORT,
  kernelLacks,
  throughKernel,
  throughOurs,
} from './two-kernels.ts';

const lacks = kernelLacks();
const live = requirement('disciplines of the kernel', lacks === null, lacks ?? '');

/** Mbit/s, as tc says it, in bytes a second. */
const mbit = (rate: number): number => (rate * 1e6) / 8;

function expectAlike(
  title: string,
  difference: Difference,
  most: { inversions: number; onlyOne: number; windowMean: number },
): void {
  process.stdout.write(`\n${differenceTable(title, difference)}`);
  expect(difference.inversions).toBeLessThan(most.inversions);
  for (const one of difference.classes) {
    expect(one.kernel).toBeGreaterThan(500);
    expect(one.inOrder).toBe(true);
    expect(Math.abs(one.ourBytes / one.kernelBytes - 1)).toBeLessThan(0.01);
    expect(one.onlyOne).toBeLessThan(most.onlyOne);
    expect(one.windowMean).toBeLessThan(most.windowMean);
  }
}

test.runIf(live)('tbf: bursts of one class, the same packets dropped', () => {
  const planned = arrivalsOf(
    [
      { class: 0, fromS: 0, toS: 2, bitsPerSecond: 3e6, least: 64, most: 1514 },
      { class: 0, fromS: 2, toS: 5, bitsPerSecond: 7e6, least: 64, most: 1514 },
      { class: 0, fromS: 6, toS: 8, bitsPerSecond: 5e6, least: 64, most: 1514 },
    ],
    1,
  );
  const lines = ['qdisc add DEV root handle 1: tbf rate 5mbit burst 10kb limit 60kb'];
  const { arrivals, out } = throughKernel(lines, planned, [0]);
  const ours = throughOurs((_, layer) => runTc(layer, lines), arrivals, [0]);
  expectAlike('tbf 5 Mbit/s', compare(arrivals, out, ours), {
    inversions: 1e-9,
    onlyOne: 0.05,
    windowMean: 0.03,
  });
});

test.runIf(live)('pfifo_fast below a tbf: three bands', () => {
  const planned = arrivalsOf(
    [
      { class: 0, fromS: 0, toS: 8, bitsPerSecond: 1e6, least: 64, most: 1514 },
      { class: 1, fromS: 1, toS: 7, bitsPerSecond: 3e6, least: 64, most: 1514 },
      { class: 2, fromS: 0, toS: 6, bitsPerSecond: 2.5e6, least: 64, most: 1514 },
    ],
    2,
  );
  // Bands 0, 1 and 2 by the priomap.
  const priorities = [6, 0, 2];
  const lines = [
    'qdisc add DEV root handle 1: tbf rate 6mbit burst 10kb limit 10mb',
    'qdisc add DEV parent 1:1 handle 10: pfifo_fast',
  ];
  const { arrivals, out } = throughKernel(lines, planned, priorities);
  const ours = throughOurs((_, layer) => runTc(layer, lines), arrivals, priorities);
  expectAlike('pfifo_fast below tbf 6 Mbit/s', compare(arrivals, out, ours), {
    inversions: 0.06,
    onlyOne: 0.05,
    windowMean: 0.03,
  });
});

const HTB_CLASSES = [
  { minor: 0x10, rate: 2, prio: 0 },
  { minor: 0x20, rate: 3, prio: 1 },
  { minor: 0x30, rate: 1, prio: 1 },
];
const CEIL = 8;
const BURST = 15_000;
const QUANTUM = 1514;
const LEAF_LIMIT = 50;

test.runIf(live)('htb: three classes that come and go, and borrow', () => {
  const heavy = { bitsPerSecond: 9e6, least: 600, most: 1514 };
  const planned = arrivalsOf(
    [
      { class: 0, fromS: 4, toS: 8, ...heavy, bitsPerSecond: 3e6 },
      { class: 1, fromS: 0, toS: 7, ...heavy },
      { class: 2, fromS: 2, toS: 9, ...heavy },
    ],
    3,
  );
  const own = `burst ${BURST} cburst ${BURST} quantum ${QUANTUM}`;
  const lines = [
    'qdisc add DEV root handle 1: htb',
    `class add DEV parent 1: classid 1:1 htb rate ${CEIL}mbit ceil ${CEIL}mbit ${own}`,
    ...HTB_CLASSES.flatMap(({ minor, rate, prio }, i) => {
      const id = `1:${minor.toString(16)}`;
      return [
        `class add DEV parent 1:1 classid ${id} htb rate ${rate}mbit ceil ${CEIL}mbit prio ${prio} ${own}`,
        `qdisc add DEV parent ${id} pfifo limit ${LEAF_LIMIT}`,
        `filter add DEV parent 1: protocol ip prio 1 u32 match ip dport ${FIRST_PORT + i} 0xffff flowid ${id}`,
      ];
    }),
  ];
  const { arrivals, out } = throughKernel(lines, planned, [0, 0, 0]);
  const ours = throughOurs(
    (device, layer) => {
      const env = deviceEnv(device, 'htb');
      const drop = () => expect.unreachable();
      const htb = new Htb(env);
      const buckets = { ceil: mbit(CEIL), burst: BURST, cburst: BURST, quantum: QUANTUM };
      htb.handle = 1;
      htb.addClass(1, 0, { rate: mbit(CEIL), ...buckets }, drop);
      for (const { minor, rate, prio } of HTB_CLASSES) {
        htb.addClass(minor, 1, { rate: mbit(rate), prio, ...buckets }, drop);
        htb.graft(minor, new Pfifo(env, { limit: LEAF_LIMIT }), drop);
      }
      htb.classifier = byPort(
        layer,
        HTB_CLASSES.map(({ minor }) => minor),
      );
      attachQdisc(device, htb);
    },
    arrivals,
    [0, 0, 0],
  );
  expectAlike('htb 8 Mbit/s, rates 2, 3 and 1', compare(arrivals, out, ours), {
    inversions: 0.06,
    // Half of what comes is dropped: which ones turns on microseconds, how many does not.
    onlyOne: 0.5,
    windowMean: 0.03,
  });
});

function runTc(layer: ConstructorParameters<typeof Tc>[0], lines: readonly string[]): void {
  const tc = new Tc(layer);
  for (const line of lines) tc.line(line.replace('DEV', 'dev eth0'));
}
