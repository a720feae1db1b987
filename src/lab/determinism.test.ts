import { expect, test } from 'vitest';
import { shippedLab, simulate } from '../../test/vocabulary/labs.ts';
import { VirtualClock } from '../kernel/clock.ts';
import { Tracer } from '../kernel/trace.ts';
import { Lab } from './lab.ts';
import { loadLab } from './load.ts';
import { runVirtual } from './run-virtual.ts';
import { ChromeTrace } from './trace-chrome.ts';

const FOR = { forNs: 300_000_000 };

test.each(['lossy', 'hub'])('%s: the same seed gives the same trace, byte for byte', (name) => {
  const text = shippedLab(name);
  const first = simulate(text, { ...FOR, seed: 7 });
  const second = simulate(text, { ...FOR, seed: 7 });
  expect(first.trace.length).toBeGreaterThan(100_000);
  expect(second.trace).toBe(first.trace);
  expect(second.report).toEqual(first.report);
});

test.each(['lossy', 'hub'])('%s: another seed gives another trace', (name) => {
  const text = shippedLab(name);
  expect(simulate(text, { ...FOR, seed: 8 }).trace).not.toBe(simulate(text, { ...FOR, seed: 7 }).trace);
});

/** Disciplines that draw lots and look at clocks, in the middle of a cable. */
const DICE = `
name: dice
seed: 1
hosts:
  alice: { nics: [{ address: 10.0.0.1/24, negotiation: 2ms }] }
  bob: { nics: [{ address: 10.0.0.2/24, negotiation: 2ms }] }
  box:
    bridge: [in, out]
    nics: [{ name: in, chip: none, qdisc: netem delay 2ms 1ms 25% distribution normal loss gemodel 2% 20% duplicate 1% }, { name: out, chip: none }]
    tc: |
      qdisc add dev out root handle 1: htb default 20
      class add dev out parent 1: classid 1:20 htb rate 5mbit
      qdisc add dev out parent 1:20 handle 20: netem delay 3ms 2ms loss 5% 30% corrupt 1% duplicate 2% reorder 5% limit 300
      qdisc add dev out parent 20:1 handle 30: sfq perturb 1
links:
  l: { between: [alice, box.in] }
  r: { between: [box.out, bob] }
traffic:
  - { kind: udp, from: alice, to: bob, rate: 3000pps, size: 400 }
  - { kind: ping, from: bob, to: alice, interval: 3ms }
`;

test('disciplines: the same seed gives the same drops, byte for byte, and another seed others', () => {
  const first = simulate(DICE, { ...FOR, seed: 7 });
  const second = simulate(DICE, { ...FOR, seed: 7 });
  expect(first.report.hosts.box.qdiscs.map(({ kind }) => kind).toSorted()).toEqual([
    'htb',
    'netem',
    'netem',
    'sfq',
  ]);
  expect(second.trace).toBe(first.trace);
  expect(second.report).toEqual(first.report);
  expect(first.report.conservation.vanished).toEqual([]);
  const drops = first.report.hosts.box.qdiscs.map((qdisc) => qdisc.drops);
  expect(Math.max(...drops)).toBeGreaterThan(20);
  expect(simulate(DICE, { ...FOR, seed: 8 }).trace).not.toBe(first.trace);
});

test('looking on with a trace changes nothing', () => {
  const text = shippedLab('lossy');
  const spec = loadLab('lossy.yaml', text);
  const lab = new Lab(spec, { clock: new VirtualClock(), readFile: () => new Uint8Array() });
  for (const _ of runVirtual(lab, FOR.forNs, 1_000_000));
  const silent = lab.flows.map((flow) => flow.report());
  expect(simulate(text, FOR).report.flows).toEqual(silent);
});

interface ChromeEvent {
  ph: string;
  pid: number;
  tid: number;
  ts: number;
  name?: string;
  args?: Record<string, unknown>;
}

/** A trace as ui.perfetto.dev gets it. */
function chromeTrace(text: string): ChromeEvent[] {
  const tracer = new Tracer();
  const parts: string[] = [];
  const lab = new Lab(loadLab('test.yaml', text), {
    clock: new VirtualClock(),
    readFile: () => new Uint8Array(),
    trace: tracer,
  });
  const chrome = new ChromeTrace(tracer, (part) => parts.push(part));
  tracer.start(chrome.sink);
  for (const _ of runVirtual(lab, 20_000_000, 1_000_000));
  chrome.close();
  return JSON.parse(parts.join('')).traceEvents;
}

test('a trace for Perfetto is JSON whose slices nest on every track', () => {
  const events = chromeTrace(shippedLab('lossy'));
  const depth = new Map<string, number>();
  const lastTime = new Map<string, number>();
  for (const event of events) {
    const track = `${event.pid}/${event.tid}`;
    if (event.ph === 'B' || event.ph === 'E') {
      const open = (depth.get(track) ?? 0) + (event.ph === 'B' ? 1 : -1);
      expect(open).toBeGreaterThanOrEqual(0);
      depth.set(track, open);
      expect(event.ts).toBeGreaterThanOrEqual(lastTime.get(track) ?? 0);
      lastTime.set(track, event.ts);
    }
  }
  for (const open of depth.values()) expect(open).toBe(0);
  const names = new Set(events.map((event) => event.name));
  for (const name of ['NET_RX', 'irq 5', 'ping 10.0.0.2', 'napi_poll', 'eth0 queue', 'thread_name']) {
    expect(names).toContain(name);
  }
});

test('drops are instants that name their reason', () => {
  const text = `
hosts:
  alice: { nics: [{ address: 10.0.0.1/24, negotiation: 1ms }] }
  bob: { nics: [{ address: 10.0.0.2/24, negotiation: 1ms }] }
links: { wire: { between: [alice, bob], rate: 1Mbit } }
traffic: [{ kind: udp, from: alice, to: bob, rate: 100kpps, size: 1400 }]
`;
  const drops = chromeTrace(text).filter((event) => event.ph === 'i' && event.name === 'drop QDISC_DROP');
  expect(drops.length).toBeGreaterThan(10);
  expect(drops[0].args).toMatchObject({ dev: 'eth0', reason: 'QDISC_DROP' });
});
