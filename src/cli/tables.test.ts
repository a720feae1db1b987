// Tables of a run, where what they say is not plain from the report.

import { expect, test } from 'vitest';
import { runLab, shippedLab } from '../../test/vocabulary/labs.ts';
import { reportTables } from './tables.ts';

const SECOND = 1_000_000_000;

test('of a link that negotiates: what it is at the end', () => {
  const { report } = runLab(shippedLab('media'), SECOND / 10);
  expect(reportTables(report)).toMatch(/wire .*100 Mbit\/s full/);
  report.links.wire.agreed = null;
  expect(reportTables(report)).toMatch(/wire .*no link/);
});
