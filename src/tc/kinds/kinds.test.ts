import { expect, test } from 'vitest';
import type { ClassfulQdisc, Qdisc } from '../../net/qdisc.ts';
import { TestEnv } from '../../qdisc/testing-env.ts';
import type { Situation } from '../kind.ts';
import { Printer } from '../printer.ts';
import { splitLine, Words } from '../words.ts';
import { QDISC_KINDS } from './index.ts';

const GIVEN: Situation = { mtu: 1500, bitsPerSecond: 1e9, txQueueLength: 1000, queues: 4 };

function kindOf(name: string) {
  const kind = QDISC_KINDS.get(name);
  if (kind === undefined) throw new Error(`no kind ${name}`);
  return kind;
}

function make(line: string): Qdisc {
  const [name, ...rest] = splitLine(line);
  const kind = kindOf(name);
  return kind.make(new TestEnv(1), kind.parse(new Words(rest), GIVEN, null));
}

function change(qdisc: Qdisc, line: string): void {
  const kind = kindOf(qdisc.kind);
  kind.change?.(qdisc, kind.parse(new Words(splitLine(line)), GIVEN, qdisc), () => {});
}

function shown(qdisc: Qdisc, details = false): string {
  const out = new Printer(false, details);
  kindOf(qdisc.kind).print(out, qdisc);
  return out.toString();
}

/** The line, and what iproute2 6.1 prints of it behind `refcnt 2`. */
const SHOWN: [string, string][] = [
  ['prio', 'bands 3 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1'],
  ['prio bands 4 priomap 3 2 0x1 0', 'bands 4 priomap 3 2 1 0 1 2 0 0 1 1 1 1 1 1 1 1'],
  ['drr', ''],
  ['sfq', 'limit 127p quantum 1514b depth 127 divisor 1024'],
  [
    'sfq perturb 10 headdrop limit 50 divisor 64',
    'limit 50p quantum 1514b depth 127 headdrop divisor 64 perturb 10sec',
  ],
  [
    'red limit 400000 min 30000 max 90000 avpkt 1000 burst 55 ecn bandwidth 10mbit probability 0.1',
    'limit 400000b min 30000b max 90000b ecn',
  ],
  ['choke limit 1000 bandwidth 10mbit', 'limit 1000p min 83p max 250p'],
  ['choke limit 100 bandwidth 10mbit min 10 max 40 burst 20 ecn', 'limit 100p min 10p max 40p ecn'],
  ['mq', ''],
  [
    'mqprio num_tc 2 map 0 1 1 queues 1@0 3@1 hw 0',
    'tc 2 map 0 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n             queues:(0:0) (1:3)',
  ],
  ['netem delay 100ms 10ms 25% loss 1%', 'limit 1000 delay 100ms  10ms 25% loss 1%'],
  [
    'netem delay 10ms reorder 25% 50% gap 5 duplicate 1% corrupt 0.1% rate 1mbit 20 48 5',
    'limit 1000 delay 10ms reorder 25% 50% duplicate 1% corrupt 0.1% rate 1Mbit packetoverhead 20 cellsize 48 celloverhead 5 gap 5',
  ],
  [
    'netem limit 50 loss gemodel 1% 10% 70% 0.1% ecn slot 10ms 20ms packets 5 bytes 6kb',
    'limit 50 loss gemodel p 1% r 10% 1-h 70% 1-k 0.1% ecn slot 10ms 20ms packets 5 bytes 6144',
  ],
  ['netem loss state 2%', 'limit 1000 loss state p13 2% p31 98% p32 0% p23 100% p14 0%'],
  ['codel', 'limit 1000p target 5ms interval 100ms'],
  ['codel limit 40 target 20ms interval 1s ecn', 'limit 40p target 20ms interval 1s ecn'],
  [
    'fq_codel',
    'limit 10240p flows 1024 quantum 1514 target 5ms interval 100ms memory_limit 32Mb ecn drop_batch 64',
  ],
  [
    'fq_codel noecn flows 8 quantum 300 memory_limit 4mb',
    'limit 10240p flows 8 quantum 300 target 5ms interval 100ms memory_limit 4Mb drop_batch 64',
  ],
  [
    'fq',
    'limit 10000p flow_limit 100p buckets 1024 quantum 3028b initial_quantum 15140b refill_delay 40ms horizon 10s horizon_drop',
  ],
  [
    'fq maxrate 1mbit nopacing horizon_cap orphan_mask 3',
    'limit 10000p flow_limit 100p buckets 1024 nopacing quantum 3028b initial_quantum 15140b maxrate 1Mbit refill_delay 40ms horizon 10s horizon_cap',
  ],
];

for (const [line, text] of SHOWN)
  test(`tc qdisc add ... ${line}`, () => expect(shown(make(line))).toBe(text));

test('a change keeps what it does not name, where tc does', () => {
  const sfq = make('sfq limit 20 perturb 5');
  change(sfq, 'limit 10');
  expect(shown(sfq, true)).toBe('limit 10p quantum 1514b depth 127 flows 127/1024 divisor 1024 perturb 5sec');
  const red = make('red limit 400000 avpkt 1000 ecn');
  change(red, 'limit 800000 avpkt 1000');
  expect(shown(red, true)).toMatch(/^limit 800000b min 66666b max 200000b ewma \d+ probability 0.02$/);
  const fq = make('fq maxrate 1mbit');
  change(fq, 'quantum 1514 ce_threshold 1ms');
  expect(shown(fq)).toContain(
    'quantum 1514b initial_quantum 15140b maxrate 1Mbit refill_delay 40ms ce_threshold 1ms',
  );
  const prio = make('prio bands 5');
  change(prio, 'bands 2 priomap 1 1 1 1 1 1 0 0');
  expect((prio as ClassfulQdisc).classes().length).toBe(2);
});

test('classes of drr', () => {
  const qdisc = make('drr') as ClassfulQdisc;
  const { classes, printClass } = kindOf('drr');
  const add = (minor: number, line: string): void =>
    classes!.add(qdisc, minor, 0, classes!.parse(new Words(splitLine(line)), GIVEN, null), () => {});
  add(1, '');
  add(0x20, 'quantum 3kb');
  classes!.change(
    qdisc,
    1,
    classes!.parse(new Words(['quantum', '2kb']), GIVEN, qdisc.classes()[0]),
    () => {},
  );
  const text = qdisc.classes().map((one) => {
    const out = new Printer();
    printClass!(out, qdisc, one);
    return `${one.minor} ${out}`;
  });
  expect(text).toEqual(['1 quantum 2Kb', '32 quantum 3Kb']);
  expect(() => classes!.add(qdisc, 2, 1, {}, () => {})).toThrow('the parent must be the discipline');
});

/** Lines that are wrong, and what is said of them. */
const WRONG: [string, string][] = [
  ['prio bands 1', 'word 2 "1": expected bands: a whole number from 2 to 16'],
  ['prio bands 2', 'priomap: bands from 0 to 1 only'],
  ['prio priomap 0 1 x', 'word 4 "x": expected bands, priomap'],
  ['drr quantum 5', 'word 1 "quantum": expected nothing more'],
  ['sfq perturb 10sec', 'word 2 "10sec": expected perturb: a whole number'],
  ['red avpkt 1000', 'the line ends after word 2: expected limit BYTES'],
  ['red limit 1mb avpkt 1000 probability 2', 'word 6 "2": expected probability'],
  ['choke limit 100', 'the line ends after word 2: expected bandwidth RATE'],
  ['mq limit 5', 'word 1 "limit": expected nothing more'],
  ['mqprio hw 1', 'word 2 "1": expected hw: 0'],
  ['mqprio num_tc 2 queues 1@0 hw 0', 'expected queues for 2 traffic classes'],
  ['mqprio num_tc 1 queues 9@0 map 0 hw 0', 'of the 4 that there are'],
  ['mqprio queues 1', 'word 2 "1": expected queues: COUNT@OFFSET'],
  ['netem delay fast', 'word 2 "fast": expected delay: a time'],
  ['netem loss 200%', 'word 2 "200%": expected loss: a percentage'],
  ['netem gap 5', 'expected reorder: gap goes with it'],
  ['codel target', 'expected target: a time'],
  ['fq_codel flows 0', 'word 2 "0": expected flows: a whole number from 1 to 65536'],
  ['fq maxrate fast', 'word 2 "fast": expected maxrate: a rate'],
];

for (const [line, message] of WRONG)
  test(`refused: ${line}`, () => expect(() => make(line)).toThrow(message));

/** -s prints something for each counter, with packets inside. */
for (const line of [
  'red limit 400000 avpkt 1000',
  'choke limit 90 bandwidth 1mbit',
  'codel',
  'fq_codel',
  'fq maxrate 1mbit',
])
  test(`-s of ${line}`, () => {
    const env = new TestEnv(1);
    const [name, ...rest] = splitLine(line);
    const kind = kindOf(name);
    const qdisc = kind.make(env, kind.parse(new Words(rest), GIVEN, null));
    for (let i = 0; i < 3; i++) qdisc.enqueue(env.packet(i, 500), () => {});
    qdisc.dequeue(() => {});
    const out = new Printer(true);
    kind.printStats!(out, qdisc);
    expect(out.toString()).not.toMatch(/undefined|NaN|\[/);
    expect(`${out}\n${JSON.stringify(out.json)}`).toMatchSnapshot();
  });
