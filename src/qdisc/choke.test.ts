import { expect, test } from 'vitest';
import { Random } from '../kernel/random.ts';
import { Choke, type ChokeOptions } from './choke.ts';
import { ChokeQueue } from './choke-queue.ts';
import { TestEnv } from './contract.ts';
import { Dice } from './dice.ts';
import { Red } from './red.ts';
import { TestLink } from './testing-link.ts';

const TEN_MBIT = 1.25e6;
const PACKET_NS = (1000 / TEN_MBIT) * 1e9;

/** A queue of 1000 packets, `part` of them of flow 1, whose average is far above min; p_b is next to nothing. */
function standing(part: number, seed: number): { env: TestEnv; qdisc: Choke } {
  const env = new TestEnv(seed);
  const qdisc = new Choke(env, { limit: 1000, min: 999, max: 1000, burst: 1000 });
  const dice = new Random(5, 'flows');
  for (let i = 0; i < 1000; i++) {
    const m = env.packet(0, 100);
    m.hash = i % 100 < part * 100 ? 1 : 1000 + dice.below(1e6);
    qdisc.enqueue(m, () => expect.unreachable());
  }
  qdisc.change({ limit: 2000, min: 10, max: 2000, burst: 11, probability: 1e-9 }, () => expect.unreachable());
  return { env, qdisc };
}

for (const part of [0.1, 0.3, 0.6])
  test(`a packet of a flow with ${part} of the queue is matched with that chance, and takes one of its own along`, () => {
    let matched = 0;
    const rounds = 40;
    for (let round = 0; round < rounds; round++) {
      const { env, qdisc } = standing(part, round + 1);
      for (let i = 0; i < 25; i++) {
        const m = env.packet(0, 100);
        m.hash = 1;
        const gone: number[] = [];
        qdisc.enqueue(m, (each) => gone.push(each.hash));
        expect(gone).toEqual(gone.length === 0 ? [] : [1, 1]);
        matched += gone.length / 2;
      }
    }
    // 1000 draws; the part falls by at most a fortieth on the way, for pairs leave. Four standard deviations, and that.
    const deviation = Math.sqrt((part * (1 - part)) / 1000);
    expect(Math.abs(matched / 1000 - part)).toBeLessThan(4 * deviation + part / 40);
    expect(matched).toBeGreaterThan(0);
  });

/** Part of the link that a flow gets which offers 1.5 times its rate, beside 32 that offer a fiftieth each, in 20 s. */
function share(make: (env: TestEnv) => Choke | Red): number {
  const env = new TestEnv(2);
  const link = new TestLink(env, make(env), TEN_MBIT);
  const sent = [0, 0];
  link.onSend = (m) => {
    sent[m.queue === 0 ? 0 : 1] += m.packetLength;
  };
  const start = link.now;
  const next = Array.from({ length: 33 }, (_, flow) => start + flow * 1000);
  const gap = (flow: number): number => (flow === 0 ? PACKET_NS / 1.5 : PACKET_NS * 50);
  for (let at = start; at < start + 20e9; ) {
    const flow = next.indexOf(Math.min(...next));
    at = next[flow];
    next[flow] += gap(flow) * (0.5 + env.random.float());
    link.advance(at);
    link.offer(flow, 1000);
  }
  return sent[0] / (sent[0] + sent[1]);
}

test('a flow that floods the link gets far less of it than under red, and less than what it offers', () => {
  const red = share(
    (env) => new Red(env, { limit: 200_000, min: 20_000, max: 100_000, avpkt: 1000, burst: 30 }),
  );
  const choke = share((env) => new Choke(env, { limit: 200, min: 20, max: 100, burst: 30 }));
  // It offers 1.5 of 2.14: that is its share under red.
  expect(Math.abs(red - 1.5 / 2.14)).toBeLessThan(0.03);
  expect(choke).toBeLessThan(0.5);
});

test('limit, average, counters: a queue of flows that never match behaves as red', () => {
  const env = new TestEnv(1);
  const qdisc = new Choke(env, { limit: 50, min: 40, max: 50, burst: 200 });
  let dropped = 0;
  for (let i = 0; i < 60; i++) {
    const m = env.packet(0, 100);
    m.hash = i + 1;
    qdisc.enqueue(m, () => dropped++);
  }
  expect([qdisc.length, qdisc.backlog, dropped]).toEqual([50, 5000, 10]);
  expect(qdisc.xstats()).toEqual({ marked: 0, early: 0, pdrop: 10, matched: 0 });
  qdisc.change({ limit: 20, min: 5, max: 20, burst: 5 }, () => dropped++);
  expect([qdisc.length, dropped, qdisc.stats.drops]).toEqual([20, 40, 40]);
  expect(Array.from({ length: 20 }, () => qdisc.dequeue(() => {})?.hash)).toEqual(
    Array.from({ length: 20 }, (_, i) => i + 31),
  );
});

test('the ring closes its holes, grows, and keeps the order', () => {
  const env = new TestEnv(1);
  const queue = new ChokeQueue();
  const dice = new Random(3, 'ring');
  const draws = new Dice(dice);
  const model: number[] = [];
  let serial = 0;
  for (let i = 0; i < 20_000; i++) {
    const choice = dice.below(10);
    if (choice < 5 && model.length < 500) {
      const m = env.packet(0, 60);
      m.mark = serial++;
      queue.push(m, m.mark);
      model.push(m.mark);
    } else if (choice < 8 && model.length > 0) {
      const place = queue.draw(draws);
      const m = queue.take(place);
      expect(queue.hashAt(place)).toBe(m.mark);
      model.splice(model.indexOf(m.mark), 1);
      env.pool.freem(m);
    } else {
      const m = queue.shift();
      expect(m?.mark).toBe(model.shift());
      if (m !== null) env.pool.freem(m);
    }
    expect([queue.length, queue.backlog]).toEqual([model.length, 60 * model.length]);
  }
});

test('wrong options say what would be right, and change nothing', () => {
  const qdisc = new Choke(new TestEnv(1), { limit: 100 });
  const wrong: [Partial<ChokeOptions>, string][] = [
    [{ limit: 0 }, 'packets from 1'],
    [{ min: 0 }, 'packets, above 0'],
    [{ max: 500 }, 'up to limit, 100'],
    [{ avpkt: 0 }, 'bytes, 1 or more'],
    [{ burst: 1 }, 'at least min'],
    [{ probability: 2 }, 'up to 1'],
  ];
  const before = { ...qdisc.options };
  for (const [options, message] of wrong) expect(() => qdisc.change(options, () => {})).toThrow(message);
  expect(qdisc.options).toEqual(before);
});
