// docs/tc.md says what the kinds say of themselves, and its examples work.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { oneMachine } from '../../test/vocabulary/one-machine.ts';
import { NETDEV_TX_BUSY, NetDevice } from '../net/device.ts';
import { DeviceLayer } from '../net/layer.ts';
import { Tc } from './command.ts';
import { QDISC_KINDS } from './kinds/index.ts';
import { batchLines } from './words.ts';

const TEXT = readFileSync(new URL('../../docs/tc.md', import.meta.url), 'utf8');
const EXAMPLES = [...TEXT.matchAll(/```tc\n([\s\S]*?)```/g)].map((match) => match[1]);
const DOCUMENTED = [...TEXT.matchAll(/^### (\w+)$/gm)].map((match) => match[1]);

test('every kind is there, and no other', () => {
  expect(DOCUMENTED.toSorted()).toEqual([...QDISC_KINDS.keys()].toSorted());
});

test.each([...QDISC_KINDS.values()])('usage of $name', ({ name, usage, classes }) => {
  const section = TEXT.split(`### ${name}\n`)[1].split('\n### ')[0];
  const blocks = [...section.matchAll(/```\n([\s\S]*?)\n```/g)].map((match) => match[1]);
  expect(blocks).toEqual(classes === undefined ? [usage] : [usage, classes.usage]);
});

test.each(EXAMPLES)('example %#', (example) => {
  const { machine } = oneMachine();
  const layer = new DeviceLayer(machine);
  layer.register(new NetDevice(layer, 'eth0', { open() {}, stop() {}, startXmit: () => NETDEV_TX_BUSY }, 4));
  const tc = new Tc(layer);
  for (const line of batchLines(example)) expect(() => machine.process(() => tc.line(line))).not.toThrow();
});
