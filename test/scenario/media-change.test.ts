// Another medium in mid-traffic: ifconfig at one end, and both ends of the cable find to each other again by themselves.
// Every frame is delivered or counted; what is lost is what the wire dropped, and what a card without link refused.

import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../src/kernel/clock.ts';
import { Lab } from '../../src/lab/lab.ts';
import { loadLab } from '../../src/lab/load.ts';
import { type LabReport, reportLab } from '../../src/lab/report.ts';
import { runVirtual } from '../../src/lab/run-virtual.ts';
import { runTool } from '../../src/lab/tools.ts';

const MS = 1_000_000;
/** A negotiation takes 1.65 s; while frames arrive speedo looks at its PHY every fifth time, which is every 10 s. */
const CALM_MS = 13_000;
const PHASE_MS = CALM_MS + 1000;
const STEP_MS = 100;
const LONG = { timeout: 300_000 };

const PARTNERS = {
  'speedo and pcn': 'stack: io-pkt, nics: [{ chip: am79c973, address: 10.0.0.2/24 }]',
  'speedo and speedo': 'stack: io-pkt, nics: [{ chip: i82559c, address: 10.0.0.2/24 }]',
  'speedo and pcnet32': 'nics: [{ chip: am79c973, address: 10.0.0.2/24 }]',
};

const text = (bob: string): string => `
hosts:
  alice: { stack: io-pkt, nics: [{ chip: i82559c, address: 10.0.0.1/24 }] }
  bob: { ${bob} }
links: { wire: { between: [alice, bob], duplex: auto } }
traffic:
  - { kind: udp, from: alice, to: bob, rate: 1999pps, size: 150 }
  - { kind: udp, from: bob, to: alice, rate: 1777pps, size: 150 }
`;

interface Stage {
  /** The words of ifconfig; none at first. */
  words: string;
  /** What the wire, alice and bob run at once all is calm. */
  runs: [wire: string, alice: string, bob: string];
}

const word = (link: { bitsPerSecond: number; fullDuplex: boolean }): string =>
  `${link.bitsPerSecond / 1e6}${link.fullDuplex ? 'FD' : 'HD'}`;

const received = (lab: Lab): number[] => lab.flows.map((flow) => flow.report().received);

function running(lab: Lab): string[] {
  const { agreed } = reportLab(lab).links.wire;
  const ends = lab.hosts.map(({ nics: [{ device }] }) => (device!.carrier ? word(device!.link) : 'none'));
  return [agreed === null || agreed === undefined ? 'none' : word(agreed), ...ends];
}

/** Until a frame is on the wire, for a millisecond at most. */
function awaitFrame(lab: Lab): void {
  const clock = lab.clock as VirtualClock;
  const underWay = (): boolean =>
    Object.values(lab.wires.all[0].device.report().directions).some(({ inFlight }) => inFlight > 0);
  for (let i = 0; i < 1000 && !underWay(); i++) clock.run(clock.now() + 1000);
}

/** Runs the stages one after the other, each begun by ifconfig on `host`, and looks at every one; gives the report. */
function run(bob: string, host: string, stages: readonly Stage[]): LabReport {
  const lab = new Lab(loadLab('test.yaml', text(bob)), {
    clock: new VirtualClock(),
    readFile: () => new Uint8Array(0),
  });
  let ms = 0;
  let before: number[] = [];
  for (const _ of runVirtual(lab, (stages.length * PHASE_MS + STEP_MS) * MS, STEP_MS * MS)) {
    const stage = Math.min(Math.floor(ms / PHASE_MS), stages.length - 1);
    const { words, runs } = stages[stage];
    if (ms === stage * PHASE_MS && words !== '') {
      awaitFrame(lab);
      runTool(lab, host, ['ifconfig', ...words.split(' ')]);
    }
    ms += STEP_MS;
    const inStage = ms - stage * PHASE_MS;
    if (inStage === CALM_MS) {
      expect(running(lab), words).toEqual(runs);
      before = received(lab);
    } else if (inStage === PHASE_MS - STEP_MS) {
      // 900 ms at 1,999 and 1,777 a second.
      const came = received(lab).map((count, i) => count - before[i]);
      expect(Math.min(...came), words).toBeGreaterThan(1550);
    }
  }
  const report = reportLab(lab);
  expect(report.conservation.vanished).toEqual([]);
  return report;
}

const alike = (what: string): Stage['runs'] => [what, what, what];

describe.each(Object.entries(PARTNERS))('%s', (_, bob) => {
  test('100 full to 10 half and back with traffic flowing, the sums hold', LONG, () => {
    const { links, flows } = run(bob, 'alice', [
      { words: '', runs: alike('100FD') },
      { words: 'fxp0 media 10baseT -mediaopt full-duplex', runs: alike('10HD') },
      { words: 'fxp0 media 100baseTX mediaopt full-duplex', runs: alike('100FD') },
      { words: 'fxp0 media 100baseTX -mediaopt full-duplex', runs: alike('100HD') },
      { words: 'fxp0 media autoselect', runs: alike('100FD') },
    ]);
    const { totals, directions } = links.wire;
    expect(totals.changes).toBe(9);
    expect(totals.collisionsA + totals.collisionsB).toBeGreaterThan(100);
    const drops = Object.values(directions).map((way) => way.drops);
    expect([...new Set(drops.flatMap(Object.keys))]).toEqual(['carrierLost']);
    // One of each change at least; and a frame or two more at the most.
    const lostOnWire = drops.reduce((sum, { carrierLost = 0 }) => sum + carrierLost, 0);
    expect(lostOnWire).toBeGreaterThanOrEqual(4);
    expect(lostOnWire).toBeLessThanOrEqual(12);
    for (const { lost, sent } of flows) expect(lost / sent).toBeLessThan(0.5);
  });
});

test('pcn forces its PHY: speedo finds the speed and takes half duplex', LONG, () => {
  run(PARTNERS['speedo and pcn'], 'bob', [
    { words: 'pcn0 media 10baseT', runs: alike('10HD') },
    { words: 'pcn0 media 100baseTX mediaopt full-duplex', runs: ['100HD', '100HD', '100FD'] },
    { words: 'pcn0 media autoselect -mediaopt full-duplex', runs: alike('100FD') },
  ]);
});
