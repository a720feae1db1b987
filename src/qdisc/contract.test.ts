import { expect, test } from 'vitest';
import { heapGrowth, RETRY } from '../../test/vocabulary/heap.ts';
import type { Random } from '../kernel/random.ts';
import type { Mbuf } from '../mbuf/mbuf.ts';
import type { ClassfulQdisc, Qdisc, QdiscEnv } from '../net/qdisc.ts';
import { Choke } from './choke.ts';
import { Codel } from './codel.ts';
import { type Subject, TestEnv, walk } from './contract.ts';
import { Drr } from './drr.ts';
import { Bfifo, Pfifo } from './fifo.ts';
import { Fq } from './fq.ts';
import { FqCodel } from './fq-codel.ts';
import { Htb } from './htb.ts';
import { Netem } from './netem.ts';
import { PfifoFast } from './pfifo-fast.ts';
import { Prio } from './prio.ts';
import { Red } from './red.ts';
import { Sfq } from './sfq.ts';
import { Tbf } from './tbf.ts';

const SLOW = { rate: 1e6, burst: 2000, latencyNs: 5e6 };
const RED = { min: 5000, max: 15_000, probability: 0.1 };

/** Every discipline, each in the configurations that take different ways through its code. */
const SUBJECTS: Subject[] = [
  { name: 'pfifo_fast', make: () => new PfifoFast(30) },
  { name: 'pfifo_fast limit 1', make: () => new PfifoFast(1) },
  {
    name: 'pfifo',
    make: (env) => new Pfifo(env, { limit: 30 }),
    mutate: changes((dice) => ({ limit: dice.below(60) })),
  },
  { name: 'pfifo limit 0', make: (env) => new Pfifo(env, { limit: 0 }) },
  { name: 'bfifo', make: (env) => new Bfifo(env, { limit: 9000 }) },
  {
    name: 'prio',
    make: (env) => new Prio(env),
    mutate: either(
      changes((dice) => ({
        bands: 2 + dice.below(15),
        priomap: Array.from({ length: 16 }, () => dice.below(2)),
      })),
      grafts,
    ),
  },
  { name: 'prio of tbf and pfifo', make: (env) => partlySlow(env, new Prio(env)) },
  {
    name: 'tbf',
    make: (env) => new Tbf(env, { rate: 5e6, burst: 3000, limit: 30_000 }),
    mutate: either(changes(randomTbf), grafts),
  },
  {
    name: 'tbf with peakrate over prio',
    make: (env) => {
      const qdisc = new Tbf(env, { rate: 5e6, burst: 9000, limit: 1, peakrate: 9e6, mtu: 1600 });
      qdisc.graft(1, partlySlow(env, new Prio(env, { bands: 5 })), never);
      return qdisc;
    },
    mutate: changes(randomTbf),
  },
  {
    name: 'tbf of atm cells',
    make: (env) => new Tbf(env, { ...SLOW, mpu: 64, overhead: 18, linklayer: 'atm' }),
  },
  { name: 'drr', make: (env) => threeClasses(env), mutate: either(mutateDrr, grafts) },
  { name: 'drr over tbf', make: (env) => partlySlow(env, threeClasses(env)), mutate: mutateDrr },
  {
    name: 'red',
    make: (env) => new Red(env, { limit: 30_000, avpkt: 500, ...RED }),
    mutate: either(
      changes((dice) => ({ limit: 15_000 + dice.below(20_000) })),
      grafts,
    ),
  },
  {
    name: 'red gentle with ecn',
    make: (env) => new Red(env, { limit: 40_000, avpkt: 500, ...RED, gentle: true, ecn: true }),
  },
  {
    name: 'red with ecn harddrop nodrop',
    make: (env) =>
      new Red(env, { limit: 40_000, avpkt: 500, ...RED, ecn: true, harddrop: true, nodrop: true }),
  },
  {
    name: 'choke',
    make: (env) => new Choke(env, { limit: 60, min: 5, max: 30, burst: 6 }),
    mutate: changes((dice) => ({ limit: 31 + dice.below(90) })),
  },
  { name: 'choke with ecn', make: (env) => new Choke(env, { limit: 20, ecn: true, probability: 0.5 }) },
  {
    name: 'codel',
    make: (env) => new Codel(env, { limit: 40, targetNs: 20_000, intervalNs: 400_000 }),
    mutate: changes((dice) => ({ limit: 1 + dice.below(60) })),
  },
  {
    name: 'codel with ecn',
    make: (env) => new Codel(env, { targetNs: 20_000, intervalNs: 400_000, ecn: true, mtu: 300 }),
  },
  {
    name: 'fq_codel',
    make: (env) => new FqCodel(env, { targetNs: 20_000, intervalNs: 400_000 }),
    mutate: changes((dice) => ({ limit: 1 + dice.below(100), memoryLimit: 20_000 + dice.below(90_000) })),
  },
  {
    name: 'fq_codel of few flows with little memory',
    make: (env) =>
      new FqCodel(env, { flows: 3, limit: 40, memoryLimit: 20_000, dropBatch: 3, quantum: 300, ecn: false }),
  },
  { name: 'fq', make: (env) => new Fq(env), mutate: changes((dice) => ({ limit: 1 + dice.below(90) })) },
  {
    name: 'fq with little room, paced',
    make: (env) =>
      new Fq(env, {
        limit: 60,
        flowLimit: 9,
        quantum: 300,
        initialQuantum: 0,
        maxrate: 2e6,
        buckets: 4,
        ceThresholdNs: 1e5,
      }),
    mutate: changes((dice) => ({ maxrate: dice.chance(0.2) ? Infinity : 1e6 + dice.below(5e6) })),
  },
  { name: 'htb', make: (env) => htbTree(env), mutate: either(mutateHtb, grafts) },
  {
    name: 'htb over tbf',
    make: (env) => {
      const htb = htbTree(env);
      htb.graft(11, new Tbf(env, SLOW), never);
      return htb;
    },
  },
  { name: 'htb without classes', make: (env) => new Htb(env, { directQueueLength: 20 }) },
  { name: 'sfq', make: (env) => new Sfq(env), mutate: changes((dice) => ({ limit: 1 + dice.below(127) })) },
  {
    name: 'sfq of few short queues, perturbed',
    make: (env) => new Sfq(env, { limit: 30, depth: 6, flows: 7, divisor: 8, quantum: 300, perturbNs: 2e6 }),
  },
  {
    name: 'sfq headdrop, perturbed',
    make: (env) => new Sfq(env, { limit: 20, depth: 9, headdrop: true, perturbNs: 1e6 }),
  },
  {
    name: 'netem',
    make: (env) => new Netem(env, { limit: 60, delayNs: 200_000, jitterNs: 90_000, delayCorrelation: 0.3 }),
    mutate: either(
      changes((dice) => ({ limit: 1 + dice.below(60), delayNs: 1 + dice.below(500_000) })),
      grafts,
    ),
  },
  {
    name: 'netem that loses, copies, corrupts and reorders',
    copies: true,
    make: (env) =>
      new Netem(env, {
        limit: 40,
        delayNs: 300_000,
        loss: { model: 'gemodel', p: 0.1, r: 0.4, lossInBad: 0.9, lossInGood: 0.01 },
        ecn: true,
        duplicate: 0.2,
        duplicateCorrelation: 0.5,
        corrupt: 0.3,
        reorder: 0.5,
        gap: 4,
        rate: 20e6,
        seed: 7,
      }),
    mutate: grafts,
  },
  {
    name: 'netem with slots over prio',
    make: (env) => {
      const slot = { gap: { minNs: 100_000, maxNs: 300_000 }, packets: 5, bytes: 6000 };
      const qdisc = new Netem(env, { limit: 60, slot, rate: 90e6, cellSize: 48, cellOverhead: 5 });
      qdisc.graft(1, partlySlow(env, new Prio(env)), never);
      return qdisc;
    },
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
    // Until V8 has compiled it, which takes longer on a busy machine; one that allocates never gets there.
    for (let i = 0; i < 30 && heapGrowth(work, 20) / (20 * (PACKETS / ROUNDS)) >= 1; i++) work();
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

type Mutation = Required<Subject>['mutate'];
type Drop = (m: Mbuf) => void;

function never(): never {
  throw new Error('an empty one dropped a packet');
}

function changes(options: (dice: Random) => object): Mutation {
  return (qdisc, dice, drop) => {
    const it = qdisc as Qdisc & { change(options: object, drop: Drop): void };
    it.change(options(dice), drop);
  };
}

function either(one: Mutation, other: Mutation): Mutation {
  return (qdisc, dice, drop, env) => (dice.chance(0.5) ? one : other)(qdisc, dice, drop, env);
}

/** Grafts a slow or short leaf somewhere; a number that is no class is refused. */
function grafts(qdisc: Qdisc, dice: Random, drop: Drop, env: QdiscEnv): void {
  const it = qdisc as ClassfulQdisc;
  expect(() => it.graft(0, new Pfifo(env), drop)).toThrow(RangeError);
  const all = it.classes().filter((one) => one.leaf !== null);
  if (all.length === 0) return;
  const { minor, leaf } = all[dice.below(all.length)];
  const fresh = dice.chance(0.3) ? new Tbf(env, SLOW) : new Pfifo(env, { limit: 5 + dice.below(20) });
  if (leaf!.length > 0) expect(() => it.graft(minor, leaf!, drop)).toThrow('an empty one wanted');
  expect(it.graft(minor, fresh, drop) === leaf).toBe(true);
  expect([leaf!.length, leaf!.backlog]).toEqual([0, 0]);
}

function mutateDrr(qdisc: Qdisc, dice: Random, drop: Drop): void {
  const it = qdisc as Drr;
  const minor = 1 + dice.below(18);
  const quantum = 200 + dice.below(3000);
  const there = it.classes().some((each) => each.minor === minor);
  if (!there) it.addClass(minor, { quantum });
  else if (dice.chance(0.5)) it.changeClass(minor, { quantum });
  else it.deleteClass(minor, drop);
  const classes = it.classes();
  expect(classes.map((each) => each.minor)).toEqual(classes.map((each) => each.minor).sort((a, b) => a - b));
  expect(classes.reduce((sum, each) => sum + each.length, 0)).toBe(it.length);
  expect(classes.reduce((sum, each) => sum + each.backlog, 0)).toBe(it.backlog);
}

function randomTbf(dice: Random): object {
  return { rate: 1e6 + dice.below(4e6), burst: 1200 + dice.below(9000), overhead: dice.below(50) };
}

/** Its first class is slow, the others have little room. */
function partlySlow(env: QdiscEnv, qdisc: ClassfulQdisc): Qdisc {
  for (const { minor } of qdisc.classes())
    qdisc.graft(minor, minor === 1 ? new Tbf(env, SLOW) : new Pfifo(env, { limit: 20 }), never);
  return qdisc;
}

function threeClasses(env: QdiscEnv): Drr {
  const qdisc = new Drr(env);
  qdisc.addClass(1, { quantum: 300 });
  qdisc.addClass(2);
  qdisc.addClass(3);
  qdisc.classifier = { classify: (m) => (m.priority >> 2) + 1 };
  return qdisc;
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
      time[0] += 50_000;
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

/** Two inner classes below a root class, leaves of different rates and priorities, and one leaf by itself. */
function htbTree(env: QdiscEnv): Htb {
  const htb = new Htb(env, { default: 11 });
  htb.addClass(1, 0, { rate: 3e6 }, never);
  htb.addClass(2, 1, { rate: 1e6, ceil: 3e6 }, never);
  htb.addClass(3, 1, { rate: 2e6, ceil: 3e6 }, never);
  htb.addClass(11, 2, { rate: 2e5, ceil: 3e6, prio: 1 }, never);
  htb.addClass(12, 2, { rate: 8e5, ceil: 1e6, prio: 0 }, never);
  htb.addClass(5, 3, { rate: 1e6, ceil: 3e6, burst: 4000 }, never);
  htb.addClass(6, 3, { rate: 1e6, prio: 7, overhead: 24 }, never);
  htb.addClass(7, 0, { rate: 1e5 }, never);
  return htb;
}

function mutateHtb(qdisc: Qdisc, dice: Random, drop: (m: Mbuf) => void): void {
  const htb = qdisc as Htb;
  const minors = htb.classes().map(({ minor }) => minor);
  const one = minors[dice.below(minors.length)] ?? 0;
  const minor = 1 + dice.below(20);
  const options = { rate: 1e5 + dice.below(2e6), prio: dice.below(8) };
  const tries = [
    () => htb.addClass(minor, dice.chance(0.3) ? 0 : one, options, drop),
    () => htb.deleteClass(one, drop),
    () => htb.changeClass(one, { ...options, ceil: 2e6 + dice.below(1e6) }),
    () => htb.change({ default: minor }),
  ];
  try {
    tries[dice.below(tries.length)]();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
}
