// A box without cards in somebody else's link: what it passes on, what it loses, and that it says so.

import { expect, test } from 'vitest';
import { runLab } from '../../test/vocabulary/labs.ts';
import { loadLab } from './load.ts';
import { LabFileError } from './problem.ts';

const MS = 1_000_000;

interface Cables {
  left?: string;
  right?: string;
  profile?: string;
  traffic?: string;
}

const PINGS = '{ kind: ping, from: alice, to: bob, interval: 5ms, size: 1000 }';
const FLOOD = '{ kind: udp, from: alice, to: bob, rate: 2000pps, size: 1400 }';

function boxLab({ left = '', right = '', profile = 'ideal', traffic = PINGS }: Cables): string {
  return `
name: box
seed: 5
hosts:
  alice: { nics: [{ address: 10.0.0.1/24, negotiation: 2ms }] }
  bob: { nics: [{ address: 10.0.0.2/24, negotiation: 2ms }] }
  box:
    profile: ${profile}
    bridge: [in, out]
    nics: [{ name: in, chip: none }, { name: out, chip: none }]
links:
  l: { between: [alice, box.in]${left} }
  r: { between: [box.out, bob]${right} }
traffic: [${traffic}]
`;
}

test.each(['ideal', 'x86-desktop', 'low-power'])('everything is passed on, on profile %s', (profile) => {
  const { report } = runLab(boxLab({ profile }), 500 * MS);
  const [ping] = report.flows;
  expect(ping.sent).toBeGreaterThan(90);
  expect(ping.lost).toBe(0);
  expect(report.conservation.vanished).toEqual([]);
  const { in: inside, out } = report.hosts.box.devices;
  expect(out.tx.packets).toBe(inside.rx.packets);
  expect(inside.tx.packets).toBe(out.rx.packets);
});

test('the queue is where the cable is slow: the box drops, the cable does not', () => {
  const { report } = runLab(boxLab({ right: ', rate: 10Mbit', traffic: FLOOD }), 2000 * MS);
  const { devices } = report.hosts.box;
  expect(devices.out.drops.QDISC_DROP).toBeGreaterThan(500);
  const way = Object.entries(report.links.r.directions).find(([name]) => name.startsWith('box'))![1];
  expect(way.drops).toEqual({});
  expect(report.conservation.vanished).toEqual([]);
});

test('what a cable damages is dropped and counted by reason; a cable that flaps loses and says so', () => {
  const { report } = runLab(
    boxLab({
      left: ', impair: { both: { corruption: 10% } }',
      right: ', flap: { firstDown: 50ms, down: 30ms, up: 60ms }',
    }),
    1000 * MS,
  );
  const { devices } = report.hosts.box;
  expect(devices.in.hardware.crcError).toBeGreaterThan(5);
  expect(devices.out.drops.NO_CARRIER).toBeGreaterThan(5);
  expect(report.flows[0].received).toBeGreaterThan(20);
  expect(report.conservation.vanished).toEqual([]);
});

test('several transmit queues share a slow cable on a CPU that counts its time', () => {
  const text = boxLab({ right: ', rate: 10Mbit', profile: 'x86-desktop', traffic: `${PINGS}, ${FLOOD}` });
  const { report } = runLab(
    text.replace('name: out, chip: none', 'name: out, chip: none, queues: 4'),
    200 * MS,
  );
  expect(report.hosts.box.devices.out.tx.packets).toBeGreaterThan(100);
  expect(report.conservation.vanished).toEqual([]);
});

test('what comes in is shaped by an ifb, whatever waits there is accounted for', () => {
  const tc = `
    ifb: [ifb0]
    tc: |
      qdisc add dev ifb0 root tbf rate 1mbit burst 5kb limit 50kb
      qdisc add dev in ingress
      filter add dev in parent ffff: matchall action mirred egress redirect dev ifb0`;
  const text = boxLab({ traffic: FLOOD }).replace('bridge: [in, out]', `bridge: [in, out]${tc}`);
  const { report } = runLab(text, 1000 * MS);
  const { out } = report.hosts.box.devices;
  expect(out.tx.bytes).toBeGreaterThan(0.95 * 125_000);
  expect(out.tx.bytes).toBeLessThan(1.5 * 125_000);
  expect(report.hosts.box.qdiscs.find(({ dev }) => dev === 'ifb0')?.drops).toBeGreaterThan(1000);
  expect(report.conservation.vanished).toEqual([]);
});

test('several transmit queues share the cable', () => {
  const text = boxLab({ right: ', rate: 10Mbit', traffic: `${PINGS}, ${FLOOD}` });
  const { report, lab } = runLab(
    text.replace('name: out, chip: none', 'name: out, chip: none, queues: 4'),
    500 * MS,
  );
  expect(lab.host('box').nic('out').device!.txQueues).toHaveLength(4);
  expect(report.conservation.vanished).toEqual([]);
  const way = Object.entries(report.links.r.directions).find(([name]) => name.startsWith('box'))![1];
  expect(way.utilisation).toBeGreaterThan(0.97);
});

test('a cut through the box and back: 200 seeds of impairments lose nothing without saying so', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const impair = `, impair: { both: { loss: ${seed % 7}%, duplication: ${seed % 5}%, reordering: ${seed % 4}%, corruption: ${seed % 3}% } }`;
    const text = boxLab({
      left: impair,
      right: `, rate: ${1 + (seed % 9)}Mbit`,
      traffic: `${PINGS}, ${FLOOD}`,
    });
    const { report } = runLab(text.replace('seed: 5', `seed: ${seed}`), 40 * MS);
    expect(report.conservation.vanished, `seed ${seed}`).toEqual([]);
  }
});

test.each([
  ['bridge: [in, out]', 'bridge: [in, up]', '"up" is not a NIC of this host'],
  ['bridge: [in, out]', 'bridge: [in, in]', 'in twice'],
  ['bridge: [in, out]', 'bridge: [in]', 'a bridge has two ports'],
  ['{ name: out, chip: none }', '{ name: out, chip: none, address: 10.0.0.3/24 }', 'out has an address'],
  [
    '{ name: out, chip: none }',
    '{ name: out, chip: none, driver: pcnet32 }',
    'without a card there is no driver',
  ],
  ['address: 10.0.0.2/24,', 'queues: 2,', 'has one transmit queue'],
  ['bridge: [in, out]', 'ifb: [in]', 'there is a device in already'],
  ['profile: ideal', 'stack: io-pkt', "io-pkt's drivers want a card"],
])('%s as %s is refused: %s', (right, wrong, message) => {
  expect(() => loadLab('box.yaml', boxLab({}).replace(right, wrong))).toThrow(LabFileError);
  expect(() => loadLab('box.yaml', boxLab({}).replace(right, wrong))).toThrow(message);
});
