import { expect, test } from 'vitest';
import { heapGrowth, RETRY } from '../../test/vocabulary/heap.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { Qdisc, QdiscEnv } from '../net/qdisc.ts';
import { Codel } from './codel.ts';
import { type Subject, TestEnv, walk } from './contract.ts';
import { Drr } from './drr.ts';
import { Bfifo, Pfifo } from './fifo.ts';
import { FqCodel } from './fq-codel.ts';
import { PfifoFast } from './pfifo-fast.ts';
import { Prio } from './prio.ts';
import { Red } from './red.ts';
import { Sfq } from './sfq.ts';
import { Tbf } from './tbf.ts';

const RED = { min: 5000, max: 15_000, probability: 0.1 };

/** Every discipline, each in the configurations that take different ways through its code. */
const SUBJECTS: Subject[] = [
  { name: 'pfifo_fast', make: () => new PfifoFast(30) },
  { name: 'pfifo_fast limit 1', make: () => new PfifoFast(1) },
  { name: 'pfifo', make: (env) => new Pfifo(env, { limit: 30 }) },
  { name: 'pfifo limit 0', make: (env) => new Pfifo(env, { limit: 0 }) },
  { name: 'bfifo', make: (env) => new Bfifo(env, { limit: 9000 }) },
  { name: 'prio', make: (env) => new Prio(env) },
  { name: 'prio of tbf and pfifo', make: (env) => new Prio(env, { child: (band) => slow(env, band) }) },
  { name: 'tbf', make: (env) => new Tbf(env, { rate: 5e6, burst: 3000, limit: 30_000 }) },
  {
    name: 'tbf with peakrate over prio',
    make: (env) =>
      new Tbf(env, {
        rate: 5e6,
        burst: 9000,
        peakrate: 9e6,
        mtu: 1600,
        child: new Prio(env, { bands: 5, child: (band) => slow(env, band + 1) }),
      }),
  },
  { name: 'drr', make: (env) => new Drr(env, { classes: [{ quantum: 300 }, {}, {}], classify: byPriority }) },
  {
    name: 'drr over tbf',
    make: (env) => new Drr(env, { classes: [{ child: slow(env, 0) }, {}], classify: byPriority }),
  },
  { name: 'red', make: (env) => new Red(env, { limit: 30_000, avpkt: 500, ...RED }) },
  {
    name: 'red gentle with ecn',
    make: (env) => new Red(env, { limit: 40_000, avpkt: 500, ...RED, gentle: true, ecn: true }),
  },
  {
    name: 'red with ecn harddrop nodrop',
    make: (env) =>
      new Red(env, { limit: 40_000, avpkt: 500, ...RED, ecn: true, harddrop: true, nodrop: true }),
  },
  { name: 'codel', make: (env) => new Codel(env, { limit: 40, targetNs: 20_000, intervalNs: 400_000 }) },
  {
    name: 'codel with ecn',
    make: (env) => new Codel(env, { targetNs: 20_000, intervalNs: 400_000, ecn: true, mtu: 300 }),
  },
  { name: 'fq_codel', make: (env) => new FqCodel(env, { targetNs: 20_000, intervalNs: 400_000 }) },
  {
    name: 'fq_codel of few flows with little memory',
    make: (env) =>
      new FqCodel(env, { flows: 3, limit: 40, memoryLimit: 20_000, dropBatch: 3, quantum: 300, ecn: false }),
  },
  { name: 'sfq', make: (env) => new Sfq(env) },
  {
    name: 'sfq of few short queues, perturbed',
    make: (env) => new Sfq(env, { limit: 30, depth: 6, flows: 7, divisor: 8, quantum: 300, perturbNs: 2e6 }),
  },
  {
    name: 'sfq headdrop, perturbed',
    make: (env) => new Sfq(env, { limit: 20, depth: 9, headdrop: true, perturbNs: 1e6 }),
  },
];

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];
const STEPS = 3000;
const PACKETS = 100_000;
const ROUNDS = 100;

for (const subject of SUBJECTS) {
  test(`${subject.name}: nothing vanishes, lengths add up, and the same seed gives the same sequence`, () => {
    for (const seed of SEEDS) {
      const log = walk(subject, seed, STEPS, 0);
      expect(log.length).toBeGreaterThan(STEPS / 4);
      // Other bytes behind the packets: who reads past their end comes to other decisions.
      expect(walk(subject, seed, STEPS, 0xa5)).toEqual(log);
    }
  });

  test(`${subject.name}: a hundred thousand packets allocate nothing`, RETRY, () => {
    const work = traffic(subject);
    for (let i = 0; i < 60; i++) work();
    expect(heapGrowth(work, ROUNDS) / PACKETS).toBeLessThan(1);
  });
}

/** Disciplines that break a promise, and what the walk says of them. */
const BROKEN: [string, (qdisc: PfifoFast) => Partial<PfifoFast>][] = [
  ['packets inside', (it) => ({ canBypass: false as never, dequeue: () => it.dequeue() && it.dequeue() })],
  ['canBypass, but', () => ({ enqueue: (m, drop) => drop(m) })],
  ['than peek showed', (it) => ({ peek: () => (it.peek() as Mbuf | null)?.nextPacket ?? it.peek() })],
  ['reset kept', () => ({ reset: () => {} })],
  ['backlog', () => ({ backlog: 1 })],
  ['dequeue gives null', () => ({ dequeue: () => null, canBypass: false as never })],
];

for (const [complaint, mutate] of BROKEN) {
  test(`the walk finds who is broken: ${complaint}`, () => {
    const make = (): Qdisc => {
      const good = new PfifoFast(30);
      const mutant = mutate(good);
      return new Proxy(good, {
        get: (target, name) => {
          const value = Reflect.get(name in mutant ? mutant : target, name);
          return typeof value === 'function' && !(name in mutant) ? value.bind(target) : value;
        },
      });
    };
    expect(() => walk({ name: 'mutant', make }, 1, STEPS, 0)).toThrow(complaint);
  });
}

/** A packet of the highest priorities has no class. */
function byPriority(m: Mbuf): number {
  return m.priority >> 2;
}

function slow(env: QdiscEnv, band: number): Qdisc {
  return band === 0
    ? new Tbf(env, { rate: 1e6, burst: 2000, latencyNs: 5e6 })
    : new Pfifo(env, { limit: 20 });
}

/** Returns a step that offers PACKETS / ROUNDS packets of some flows, and takes out what may go. */
function traffic(subject: Subject): () => void {
  const env = new TestEnv(9);
  const { pool } = env;
  const qdisc = subject.make(env);
  const free = (m: Mbuf): void => pool.freem(m);
  const { time } = env;
  const templates = Array.from({ length: 12 }, (_, flow) => env.packet(flow, 100 + 100 * flow));
  return () => {
    for (let i = 0; i < PACKETS / ROUNDS; i++) {
      const m = pool.getcl();
      if (m === null) throw new Error('the test ran out of buffers');
      const template = templates[i % 12];
      env.u8.copyWithin(m.data, template.data, template.data + template.length);
      m.length = m.packetLength = template.length;
      m.protocol = template.protocol;
      m.priority = i & 15;
      qdisc.enqueue(m, free);
      time[0] += 1000;
      if ((i & 7) !== 0) continue;
      qdisc.peek(free);
      for (let k = 0; k < 9; k++) {
        const out = qdisc.dequeue(free);
        if (out === null) break;
        pool.freem(out);
      }
    }
  };
}
