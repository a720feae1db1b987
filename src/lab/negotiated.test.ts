// Links with `duplex: auto` in a lab: what is plugged in, what goes wrong on the way, and what the report says.

import { describe, expect, test } from 'vitest';
import { runLab, simulate } from '../../test/vocabulary/labs.ts';
import { loadLab } from './load.ts';

const SECOND = 1_000_000_000;

const lab = (bob: string, link: string): string => `
hosts:
  alice: { stack: io-pkt, nics: [{ chip: i82559c, address: 10.0.0.1/24, negotiation: 10ms }] }
  bob: { nics: [{ ${bob}, address: 10.0.0.2/24, negotiation: 10ms }] }
links: { wire: { between: [alice, bob], duplex: auto, ${link} } }
traffic:
  - { kind: udp, from: alice, to: bob, rate: 1999pps, size: 100 }
  - { kind: udp, from: bob, to: alice, rate: 1777pps, size: 100 }
`;

describe('duplex: auto', () => {
  test('a cable of 10 Mbit/s: both ends take what it carries', () => {
    const { report } = runLab(lab('chip: am79c973', 'rate: 10Mbit'), SECOND / 2);
    expect(report.links.wire).toMatchObject({
      kind: 'negotiated',
      bitsPerSecond: 10_000_000,
      agreed: { bitsPerSecond: 10_000_000, fullDuplex: true },
    });
    expect(report.hosts.alice.devices.eth0.bitsPerSecond).toBe(10_000_000);
    expect(report.flows.map(({ lost }) => lost)).toEqual([0, 0]);
    expect(report.conservation.vanished).toEqual([]);
  });

  test('a card without a PHY that negotiates takes any mode', () => {
    const { report } = runLab(lab('chip: am79c970a', 'rate: 100Mbit'), SECOND / 2);
    expect(report.links.wire.agreed).toEqual({ bitsPerSecond: 100_000_000, fullDuplex: true });
    expect(report.flows.map(({ lost }) => lost)).toEqual([0, 0]);
  });

  test('with a cable that falls out, impairments and taps, nothing vanishes', () => {
    const link =
      'flap: { firstDown: 300ms, down: 100ms, up: 400ms }, impair: { both: { loss: 2%, delay: 1ms } }';
    const { report } = simulate(lab('chip: am79c973', link), { forNs: 2 * SECOND });
    const { wire } = report.links;
    expect(wire.totals.flaps).toBeGreaterThanOrEqual(3);
    expect(wire.totals.changes).toBeGreaterThanOrEqual(6);
    for (const { drops, delivered } of Object.values(wire.directions)) {
      expect(drops.randomLoss).toBeGreaterThan(10);
      expect(delivered).toBeGreaterThan(500);
    }
    expect(report.conservation.vanished).toEqual([]);
  });

  test('a switch at the other end hears of the link when the PHY has it', () => {
    const text = lab('chip: am79c973', 'rate: 100Mbit').replace(
      /links: .*/,
      'links: { w: { between: [alice, sw], duplex: auto }, v: { between: [sw, bob] } }\nswitches: { sw: { connect: [] } }',
    );
    const { report } = runLab(text, SECOND / 2);
    expect(report.links.w.agreed).toEqual({ bitsPerSecond: 100_000_000, fullDuplex: true });
    expect(report.flows.map(({ lost }) => lost)).toEqual([0, 0]);
    expect(report.conservation.vanished).toEqual([]);
  });

  test('is of 10 and 100 Mbit/s', () => {
    expect(() => loadLab('lab.yaml', lab('chip: am79c973', 'rate: 1Gbit'))).toThrow(
      'duplex auto is of 10 and 100 Mbit/s: 100Mbit or 10Mbit, the highest that the cable carries, would be right',
    );
  });
});
