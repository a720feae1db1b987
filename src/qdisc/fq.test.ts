import { expect, test } from 'vitest';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { TestEnv } from './contract.ts';
import { Fq } from './fq.ts';
import { FqFlows } from './fq-flows.ts';
import type { FqOptions } from './fq-options.ts';
import { fairness, TestLink } from './testing-link.ts';

const MS = 1e6;
const TEN_MBIT = 1.25e6;

/** A queue whose packets are taken as soon as they may go; tells the flow, serial and time, ns from the start, of each. */
class Paced {
  readonly env = new TestEnv(1);
  readonly qdisc: Fq;
  readonly start = this.env.time[0];
  readonly sent: [number, number, number][] = [];
  dropped = 0;

  constructor(options: Partial<FqOptions> = {}) {
    this.qdisc = new Fq(this.env, options);
  }

  offer(flow: number, bytes: number, sendAtNs = 0, priority = 0, serial = 0): void {
    const m = this.env.packet(0, bytes);
    m.hash = flow + 1;
    m.queue = flow;
    m.mark = serial;
    m.priority = priority;
    m.timestampNs = sendAtNs === 0 ? 0 : this.start + sendAtNs;
    this.qdisc.enqueue(m, this.drop);
  }

  /** Until the queue is empty. Each ask that gives nothing must name a later time. */
  drain(): this {
    const { qdisc, env } = this;
    while (qdisc.length > 0) {
      const m = qdisc.dequeue(this.drop);
      if (m !== null) {
        this.sent.push([m.queue, m.mark, env.time[0] - this.start]);
        env.pool.freem(m);
        continue;
      }
      expect(qdisc.nextTimeNs).toBeGreaterThan(env.time[0]);
      env.time[0] = qdisc.nextTimeNs;
    }
    return this;
  }

  readonly drop = (m: Mbuf): void => {
    this.dropped++;
    this.env.pool.freem(m);
  };
}

test('pacing: packets of each flow are spaced by their bytes / maxrate, to the ns', () => {
  const it = new Paced({ maxrate: TEN_MBIT });
  const sizes = [1514, 60, 700, 1514, 300];
  for (let i = 0; i < 50; i++) for (let flow = 0; flow < 3; flow++) it.offer(flow, sizes[i % 5], 0, 0, i);
  it.drain();
  for (let flow = 0; flow < 3; flow++) {
    const times = it.sent.filter(([of]) => of === flow);
    expect(times.map(([, serial]) => serial)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    let at = 0;
    for (const [, serial, time] of times) {
      expect(Math.abs(time - at)).toBeLessThanOrEqual(1);
      at += (sizes[serial % 5] / TEN_MBIT) * 1e9;
    }
  }
  expect(it.qdisc.xstats().throttled).toBe(3 * 49);
});

test('asked late, a paced flow makes up for it, and never sends two packets closer than half a gap', () => {
  const it = new Paced({ maxrate: TEN_MBIT });
  const gap = (1250 / TEN_MBIT) * 1e9;
  for (let i = 0; i < 90; i++) it.offer(0, 1250);
  const times: number[] = [];
  for (let at = 0; times.length < 90; at += 0.3 * gap) {
    it.env.time[0] = it.start + at;
    const m = it.qdisc.dequeue(it.drop);
    if (m === null) continue;
    times.push(at);
    it.env.pool.freem(m);
  }
  const gaps = times.slice(1).map((time, i) => time - times[i]);
  expect(Math.min(...gaps)).toBeGreaterThan(0.5 * gap);
  expect(times[89] / (89 * gap)).toBeLessThan(1.01);
  expect(times[89] / (89 * gap)).toBeGreaterThan(0.99);
});

test('without pacing, or without a maxrate, nothing waits', () => {
  for (const options of [{ maxrate: TEN_MBIT, pacing: false }, {}]) {
    const it = new Paced(options);
    for (let i = 0; i < 20; i++) it.offer(i % 2, 1514);
    expect(it.drain().sent.every(([, , time]) => time === 0)).toBe(true);
  }
});

test('earliest departure time: no packet goes before Mbuf.timestampNs; others need not wait for it', () => {
  const it = new Paced();
  it.offer(0, 100, 5 * MS, 0, 0);
  it.offer(0, 100, 2 * MS, 0, 1);
  it.offer(1, 100, 3 * MS, 0, 2);
  it.offer(2, 100, 0, 0, 3);
  expect(it.drain().sent).toEqual([
    [2, 3, 0],
    [1, 2, 3 * MS],
    [0, 0, 5 * MS],
    [0, 1, 5 * MS],
  ]);
});

test('horizon: a packet for a time beyond it is dropped, or sent then', () => {
  const dropping = new Paced({ horizonNs: 10 * MS });
  dropping.offer(0, 100, 10 * MS + 1);
  dropping.offer(1, 100, 10 * MS);
  expect([dropping.dropped, dropping.qdisc.stats.drops, dropping.qdisc.xstats().horizon_drops]).toEqual([
    1, 1, 1,
  ]);
  const capping = new Paced({ horizonNs: 10 * MS, horizonDrop: false });
  capping.offer(0, 100, 99 * MS);
  expect(capping.drain().sent).toEqual([[0, 0, 10 * MS]]);
  expect(capping.qdisc.xstats().horizon_caps).toBe(1);
});

test('backlogged flows with packets of different sizes share equally: fairness index above 0.99', () => {
  const env = new TestEnv(3);
  const link = new TestLink(env, new Fq(env, { limit: 900 }), TEN_MBIT);
  const sizes = [64, 200, 576, 1000, 1514, 1514, 300, 1200];
  const sent = sizes.map(() => 0);
  link.onSend = (m) => {
    sent[m.queue] += m.packetLength;
    link.offer(m.queue, sizes[m.queue]);
  };
  for (let i = 0; i < 480; i++) link.offer(i % 8, sizes[i % 8]);
  link.advance(link.now + 20e9);
  expect(sent.reduce((a, b) => a + b, 0)).toBeGreaterThan(0.99 * 20 * TEN_MBIT);
  expect(fairness(sent)).toBeGreaterThan(0.999);
});

test('a sparse flow beside ten backlogged ones waits for no more than the packet being sent', () => {
  const env = new TestEnv(4);
  const link = new TestLink(env, new Fq(env), TEN_MBIT);
  const packetTime = (1514 / TEN_MBIT) * 1e9;
  const waits: number[] = [];
  link.onSend = (m, waited) => {
    if (m.queue === 99) waits.push(waited);
    else link.offer(m.queue, 1514);
  };
  for (let i = 0; i < 100; i++) link.offer(i % 10, 1514);
  // The ten have sent what new flows may.
  link.advance(link.now + 200 * MS);
  for (let i = 0; i < 300; i++) {
    link.advance(link.now + 50 * MS);
    link.offer(99, 200);
  }
  link.advance(link.now + 50 * MS);
  expect(waits.length).toBe(300);
  expect(Math.max(...waits)).toBeLessThanOrEqual(packetTime + 1);
});

test('a new flow sends initial_quantum before the old ones, then its quantum in turn', () => {
  const it = new Paced({ quantum: 1000, initialQuantum: 3000 });
  for (let i = 0; i < 8; i++) it.offer(0, 500);
  for (let i = 0; i < 6; i++) it.env.pool.freem(it.qdisc.dequeue(it.drop)!);
  for (let i = 0; i < 10; i++) it.offer(1, 500);
  expect(it.drain().sent.map(([flow]) => flow)).toEqual([1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1]);
});

test('limits: of all flows, of one; control packets pass by', () => {
  const it = new Paced({ limit: 8, flowLimit: 3 });
  for (let i = 0; i < 5; i++) it.offer(0, 100);
  expect([it.dropped, it.qdisc.xstats().flows_plimit]).toEqual([2, 2]);
  for (let i = 1; i < 9; i++) it.offer(i, 100);
  expect([it.dropped, it.qdisc.length, it.qdisc.stats.drops]).toEqual([5, 8, 5]);
  it.qdisc.change({ limit: 4 }, it.drop);
  expect([it.dropped, it.qdisc.length, it.qdisc.backlog]).toEqual([9, 4, 400]);
  const control = new Paced({ maxrate: 1000 });
  for (let i = 0; i < 3; i++) control.offer(0, 1000, 0, 0, i);
  control.offer(0, 1000, 0, 7, 9);
  expect(control.drain().sent.map(([, serial]) => serial)).toEqual([9, 0, 1, 2]);
  expect(control.qdisc.xstats().highprio).toBe(1);
});

test('idle flows are forgotten after a while, but not while they owe time', () => {
  const flows = new FqFlows(2);
  const clock = new Float64Array([1e9]);
  const a = flows.add(7, clock);
  const b = flows.add(9, clock);
  expect([flows.find(7), flows.find(9), flows.find(11), flows.count, flows.idle]).toEqual([a, b, -1, 2, 2]);
  flows.nextTimes[a] = 8e9;
  clock[0] = 5e9;
  flows.add(11, clock);
  expect([flows.find(7), flows.forgotten]).toEqual([a, 0]);
  clock[0] = 9e9;
  expect(flows.add(13, clock)).toBe(a);
  expect([flows.find(7), flows.find(9), flows.find(13), flows.forgotten]).toEqual([-1, b, a, 1]);
});

test('wrong options say what would be right, and change nothing', () => {
  const qdisc = new Fq(new TestEnv(1));
  const wrong: [Partial<FqOptions>, string][] = [
    [{ limit: 0 }, 'from 1 to'],
    [{ flowLimit: 0.5 }, 'packets from 1'],
    [{ quantum: 0 }, 'bytes from 1'],
    [{ initialQuantum: -1 }, 'bytes from 0'],
    [{ maxrate: 0 }, 'above 0'],
    [{ buckets: 1000 }, 'a power of two'],
    [{ buckets: 2048 }, 'only when it is made, 1024 wanted'],
    [{ refillDelayNs: Infinity }, 'ns, 0 or more'],
    [{ ceThresholdNs: Number.NaN }, 'ns, 0 or more'],
    [{ horizonNs: 0 }, 'ns, above 0'],
  ];
  const before = { ...qdisc.options };
  for (const [options, message] of wrong) expect(() => qdisc.change(options, () => {})).toThrow(message);
  expect(qdisc.options).toEqual(before);
});
