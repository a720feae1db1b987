// Tables of a run, where what they say is not plain from the report.

import { expect, test } from 'vitest';
import { runLab, shippedLab } from '../../test/vocabulary/labs.ts';
import { reportTables } from './tables.ts';

const SECOND = 1_000_000_000;

test('of a link that negotiates: what it is at the end', () => {
  const { report } = runLab(shippedLab('media'), SECOND / 10);
  expect(reportTables(report)).toMatch(/wire .*100 Mbit\/s full/);
  expect(reportTables(report)).not.toContain('mismatch');
  report.links.wire.agreed = null;
  expect(reportTables(report)).toMatch(/wire .*no link/);
});

test('of a link whose ends do not believe in the same duplex: which of them is in full', () => {
  const text = `
hosts:
  alice:
    stack: io-pkt
    drivers: [{ name: speedo, options: "speed=100,duplex=1" }]
    nics: [{ chip: i82559c, address: 10.0.0.1/24 }]
  bob: { nics: [{ chip: am79c973, address: 10.0.0.2/24 }] }
links: { wire: { between: [alice, bob], duplex: auto } }
`;
  const { report } = runLab(text, 4 * SECOND);
  const { agreed, duplexMismatch } = report.links.wire;
  expect(agreed).toEqual({ bitsPerSecond: 100_000_000, fullDuplex: false });
  expect(duplexMismatch).toEqual({ full: 'alice.eth0', half: 'bob.eth0' });
  expect(reportTables(report)).toMatch(/100 Mbit\/s half .*duplex mismatch: alice.eth0 full, bob.eth0 half/);
});
