import { expect, test } from 'vitest';
import type { Mbuf } from '../mbuf/mbuf.ts';
import { Codel, type CodelOptions } from './codel.ts';
import { TestEnv } from './contract.ts';
import { Pfifo } from './fifo.ts';
import { bulk, quantile, TestLink } from './testing-link.ts';

const MS = 1e6;
const TARGET = 5 * MS;
const INTERVAL = 100 * MS;
const TEN_MBIT = 1.25e6;
const RTT = 50 * MS;
const WARM_UP = 5e9;
const LENGTH = 30e9;

/** Mean, over windows of about an interval, of the shortest wait in each: the standing queue, which is what CoDel controls. */
function standingDelay(waits: readonly number[]): number {
  const window = Math.round((TEN_MBIT * (INTERVAL / 1e9)) / 1514);
  let sum = 0;
  let windows = 0;
  for (let i = 0; i + window <= waits.length; i += window) {
    sum += Math.min(...waits.slice(i, i + window));
    windows++;
  }
  return sum / windows;
}

for (const flows of [1, 2, 4]) {
  test(`bufferbloat: ${flows} bulk transfers over 10 Mbit/s wait some ms under codel, hundreds in a pfifo`, () => {
    const run = (make: (env: TestEnv) => Pfifo | Codel) => {
      const env = new TestEnv(1);
      return bulk(new TestLink(env, make(env), TEN_MBIT), flows, RTT, WARM_UP, LENGTH);
    };
    const pfifo = run((env) => new Pfifo(env, { limit: 1000 }));
    const codel = run((env) => new Codel(env));
    expect(quantile(pfifo.waits, 0.5)).toBeGreaterThan(300 * MS);
    expect(standingDelay(pfifo.waits)).toBeGreaterThan(300 * MS);
    expect(standingDelay(codel.waits)).toBeLessThan(TARGET);
    expect(quantile(codel.waits, 0.5)).toBeLessThan(2 * TARGET);
    expect(quantile(codel.waits, 0.95)).toBeLessThan(20 * MS);
    expect(codel.utilisation).toBeGreaterThan(flows === 1 ? 0.85 : 0.95);
  });
}

/** Keeps `standing` packets in the queue and takes one out each `tick`; returns when packets were dropped. */
class Standing {
  readonly env = new TestEnv(1);
  readonly qdisc: Codel;
  readonly drops: number[] = [];
  readonly marked: Mbuf[] = [];
  readonly ect: boolean;

  constructor(options: Partial<CodelOptions> = {}, ect = false) {
    this.qdisc = new Codel(this.env, options);
    this.ect = ect;
  }

  private readonly drop = (m: Mbuf): void => {
    this.drops.push(this.env.time[0]);
    this.env.pool.freem(m);
  };

  run(forNs: number, standing: number, tick = 0.1 * MS): void {
    const { env, qdisc } = this;
    const end = env.time[0] + forNs;
    while (env.time[0] < end) {
      while (qdisc.length < standing) qdisc.enqueue(env.packet(this.ect ? 0 : 4, 100), this.drop);
      const m = qdisc.dequeue(this.drop);
      if (m !== null) env.pool.freem(m);
      env.time[0] += tick;
    }
  }
}

test('while the queue stands, drops come after interval / sqrt(count) each', () => {
  const it = new Standing();
  const start = it.env.time[0];
  it.run(8e9, 300);
  const { drops } = it;
  expect(drops.length).toBeGreaterThan(1000);
  // The sojourn time reaches the target 5 ms after the start, and must then stay above it for an interval.
  expect(Math.abs(drops[0] - (start + TARGET + INTERVAL))).toBeLessThanOrEqual(0.2 * MS);
  let due = drops[0];
  drops.forEach((at, i) => {
    expect(at - due).toBeGreaterThanOrEqual(-1);
    expect(at - due).toBeLessThanOrEqual(0.1 * MS + 1);
    due += INTERVAL / Math.sqrt(i + 1);
  });
  const { count, dropping, drop_next, ldelay } = it.qdisc.xstats();
  expect([count, dropping, it.qdisc.stats.drops]).toEqual([drops.length, 1, drops.length]);
  expect(Math.abs(drop_next - (due - it.env.time[0]))).toBeLessThanOrEqual(1);
  expect(ldelay).toBeGreaterThan(TARGET);
});

test('a burst that is gone within an interval loses nothing, nor does a queue of one packet of the MTU', () => {
  const it = new Standing();
  for (let i = 0; i < 10; i++) {
    it.run(70 * MS, 200);
    it.run(30 * MS, 0);
  }
  expect(it.drops).toEqual([]);
  const slow = new Standing({ mtu: 100 });
  slow.run(3e9, 2, 30 * MS);
  expect(slow.qdisc.xstats().ldelay).toBeGreaterThan(TARGET);
  expect(slow.drops).toEqual([]);
  slow.run(3e9, 3, 30 * MS);
  expect(slow.drops.length).toBeGreaterThan(0);
});

test('dropping that begins again soon goes on at its old rate; later it starts afresh', () => {
  const again = (pause: number): number => {
    const it = new Standing();
    it.run(3e9, 300);
    it.run(40 * MS, 0);
    const { count, dropping } = it.qdisc.xstats();
    expect(count).toBeGreaterThan(50);
    expect(dropping).toBe(0);
    it.env.time[0] += pause;
    const before = it.drops.length;
    while (it.drops.length === before) it.run(0.1 * MS, 300);
    const now = it.qdisc.xstats();
    expect(now.drop_next + 0.1 * MS).toBeCloseTo(INTERVAL / Math.sqrt(now.count), -1);
    return now.count / (count - 1);
  };
  expect(again(0)).toBe(1);
  expect(again(17 * INTERVAL)).toBeLessThan(0.05);
});

test('with ecn it marks packets that are ECN-capable at the times it would drop them', () => {
  const dropped = new Standing();
  const marked = new Standing({ ecn: true }, true);
  const incapable = new Standing({ ecn: true });
  for (const it of [dropped, marked, incapable]) it.run(3e9, 300);
  expect(marked.drops).toEqual([]);
  expect(marked.qdisc.stats.drops).toBe(0);
  const { ecn_mark } = marked.qdisc.xstats();
  expect(Math.abs(ecn_mark - dropped.drops.length)).toBeLessThanOrEqual(1);
  expect(incapable.drops).toEqual(dropped.drops);
});

test('limit: what comes is dropped; a smaller limit drops the oldest', () => {
  const env = new TestEnv(1);
  const qdisc = new Codel(env, { limit: 3 });
  const gone: number[] = [];
  const drop = (m: Mbuf): void => void gone.push(m.priority);
  for (let i = 0; i < 5; i++) {
    const m = env.packet(0, 100);
    m.priority = i;
    qdisc.enqueue(m, drop);
  }
  expect(gone).toEqual([3, 4]);
  expect(qdisc.peek(drop)?.priority).toBe(0);
  qdisc.change({ limit: 2 }, drop);
  expect(qdisc.dequeue(drop)?.priority).toBe(0);
  expect(qdisc.dequeue(drop)?.priority).toBe(2);
  expect(gone).toEqual([3, 4, 1]);
  expect([qdisc.stats.drops, qdisc.xstats().drop_overlimit, qdisc.length]).toEqual([3, 3, 0]);
});

test('wrong options say what would be right, and change nothing', () => {
  const qdisc = new Codel(new TestEnv(1));
  const wrong: [Partial<CodelOptions>, string][] = [
    [{ limit: 0 }, 'from 1 to'],
    [{ targetNs: -1 }, 'ns, 0 or more'],
    [{ intervalNs: 0 }, 'ns, above 0'],
    [{ mtu: Number.NaN }, 'bytes, 0 or more'],
  ];
  const before = { ...qdisc.options };
  for (const [options, message] of wrong) expect(() => qdisc.change(options, () => {})).toThrow(message);
  expect(qdisc.options).toEqual(before);
});
