// Hosts with `stack: io-pkt` in a lab: their drivers come, go and fault, and the lab's sums hold.

import { describe, expect, test } from 'vitest';
import { runLab, shippedLab, simulate } from '../../test/vocabulary/labs.ts';
import type { IoPkt } from '../iopkt/manager.ts';
import { VirtualClock } from '../kernel/clock.ts';
import { Lab, tryLab } from './lab.ts';
import { loadLab } from './load.ts';
import { LabRunError } from './problem.ts';
import { reportLab } from './report.ts';
import { runVirtual } from './run-virtual.ts';

const SECOND = 1_000_000_000;

function lab(alice: string, chip = 'i82559c'): string {
  return `
hosts:
  alice: { stack: io-pkt, ${alice} nics: [{ chip: ${chip}, address: 10.0.0.1/24, negotiation: 1ms }] }
  bob: { nics: [{ address: 10.0.0.2/24, negotiation: 1ms }] }
links: { wire: { between: [alice, bob] } }
traffic:
  - { kind: udp, from: alice, to: bob, rate: 2000pps, size: 500 }
  - { kind: udp, from: bob, to: alice, rate: 2000pps, size: 500 }
`;
}

describe('a host with io-pkt', () => {
  test.each(['i82557b', 'i82558b', 'i82559er', 'i82551', 'am79c970a', 'am79c973'])(
    '%s: the driver that knows it is chosen, nothing is lost',
    (chip) => {
      const { report } = simulate(lab('', chip), { forNs: SECOND / 4 });
      expect(report.flows.map(({ lost }) => lost)).toEqual([0, 0]);
      expect(report.conservation.vanished).toEqual([]);
      const { eth0 } = report.hosts.alice.devices;
      expect(eth0.interface).toBe(chip.startsWith('am79') ? 'pcn0' : 'fxp0');
      expect(eth0).toMatchObject({ mac: '02:00:00:00:01:01', addresses: ['10.0.0.1/24'], carrier: true });
      expect(eth0.interrupts).toBeGreaterThan(100);
      expect(report.hosts.alice).toMatchObject({ stack: 'io-pkt', fault: null });
    },
  );

  test('the same seed gives the same trace', () => {
    const run = () => simulate(shippedLab('io-pkt'), { forNs: SECOND / 4 });
    const first = run();
    const second = run();
    expect(second.trace).toBe(first.trace);
    expect(second.report).toEqual(first.report);
  });

  test("options are the driver's: a forced medium", () => {
    const drivers = 'drivers: [{ name: speedo, options: "speed=100,duplex=1,lan=3,name=en" }],';
    const { report } = simulate(lab(drivers), { forNs: SECOND / 4 });
    expect(report.hosts.alice.devices.eth0).toMatchObject({ interface: 'en3', bitsPerSecond: 100_000_000 });
  });

  test('a discipline of the layer in place of if_snd', () => {
    const text = lab('').replace('chip: i82559c,', 'chip: i82559c, qdisc: pfifo_fast,');
    const { report, lab: done } = runLab(text, SECOND / 4);
    expect(done.host('alice').nics[0].device!.txQueues[0].qdisc?.constructor.name).toBe('PfifoFast');
    expect(report.conservation.vanished).toEqual([]);
  });

  test.each([
    [
      'a driver that is not there',
      'drivers: [speedi],',
      /-d speedi: no driver devnp-speedi.so or devn-speedi.so/,
    ],
    [
      'a driver without a card',
      'drivers: [speedo, pcn],',
      /-d pcn: devnp-pcn.so found no hardware; no card is free \(ENODEV\)/,
    ],
    [
      'a card without a driver',
      'drivers: [{ name: speedo, options: "did=0x1209" }],',
      /found no hardware; cards that are free: 8086:1229 \(ENODEV\)/,
    ],
    [
      'options that are wrong',
      'drivers: [{ name: speedo, options: "speed=7" }],',
      /-d speedo: devnp-speedo.so failed; fxp0: option speed= wants duplex= too \(EINVAL\)/,
    ],
  ])('%s is told before it runs', (_, alice, message) => {
    const spec = loadLab('test.yaml', lab(alice));
    const [error] = tryLab(spec, () => new Uint8Array(0));
    expect(error).toBeInstanceOf(LabRunError);
    expect(error.message).toMatch(message);
  });

  test('of several drivers the one that is wrong is pointed at', () => {
    const spec = loadLab('test.yaml', lab('drivers: [speedo, pcn],'));
    const [error] = tryLab(spec, () => new Uint8Array(0));
    expect(error.at).toEqual(['hosts', 'alice', 'drivers', 1]);
  });
});

/** Runs a lab to its end; what `acts` says is done at its time of traffic, in ms. */
function runWith(text: string, acts: Record<number, (io: IoPkt, lab: Lab) => void>) {
  const made = new Lab(loadLab('test.yaml', text), {
    clock: new VirtualClock(),
    readFile: () => new Uint8Array(0),
  });
  const todo = Object.entries(acts);
  let ms = 0;
  for (const _ of runVirtual(made, SECOND, 1_000_000)) {
    ms++;
    while (todo.length > 0 && Number(todo[0][0]) <= ms) todo.shift()![1](made.host('alice').io!, made);
  }
  return { report: reportLab(made), lab: made };
}

describe('interfaces that come and go', () => {
  test('destroyed and mounted again under traffic, the sums are those of both', () => {
    const { report, lab: done } = runWith(lab(''), {
      200: (io) => io.destroy('fxp0'),
      400: (io, { hosts }) => {
        expect(io.mount('speedo', 'lan=7')).toEqual(['fxp7']);
        const [alice] = hosts;
        alice.machine.process(() => alice.stack.addAddress(alice.nics[0].device!, '10.0.0.1/24'));
      },
    });
    const [nic] = done.host('alice').nics;
    expect(nic.devices.map(({ name }) => name)).toEqual(['fxp0', 'fxp7']);
    expect(nic.devices.every(({ rx }) => rx.packets > 100)).toBe(true);
    expect(report.conservation.vanished).toEqual([]);
    const { eth0 } = report.hosts.alice.devices;
    expect(eth0).toMatchObject({ interface: 'fxp7', addresses: ['10.0.0.1/24'] });
    expect(eth0.rx.packets).toBe(nic.devices.reduce((sum, { rx }) => sum + rx.packets, 0));
  });

  test('started without drivers, mounted later', () => {
    const { report } = runWith(lab('drivers: [],'), { 100: (io) => io.mount('speedo') });
    expect(report.hosts.alice.devices.eth0).toMatchObject({
      interface: 'fxp0',
      addresses: [],
      carrier: false,
    });
    expect(report.conservation.vanished).toEqual([]);
  });
});

describe('a fault', () => {
  test.each([
    ['start', 'if_start', 'start() context'],
    ['process_interrupt', 'process_interrupt', 'interrupt thread context'],
  ])(
    'in %s is told with driver, place and time; the card is silent, the lab goes on',
    (entry, where, context) => {
      const { report, lab: done } = runLab(lab(`faults: [{ in: ${entry}, at: 2100ms }],`), SECOND);
      const { fault } = report.hosts.alice;
      expect(fault).toMatchObject({
        driver: 'fxp0',
        entry: where,
        message: `the lab file wants a fault in ${entry}`,
      });
      expect(`${fault!.context} context`).toBe(context);
      expect(fault!.timeNs).toBeGreaterThanOrEqual(2.1 * SECOND);
      expect(fault!.hooks).toEqual([{ driver: 'fxp0', ok: true, message: '' }]);
      expect(report.conservation.vanished).toEqual([]);
      // Frames go on arriving at a card whose receive unit is idle.
      expect(report.hosts.alice.devices.eth0.hardware.idle).toBeGreaterThan(1000);
      expect(done.host('alice').nics[0].device!.up).toBe(false);
      expect(report.flows[1].sent).toBe(2000);
    },
  );

  test('in a hook as well: the card reaches no memory all the same', () => {
    const faults = 'faults: [{ in: start, at: 2100ms }, { in: hook }],';
    const { report, lab: done } = runLab(lab(faults), SECOND);
    expect(report.hosts.alice.fault!.hooks).toEqual([
      { driver: 'fxp0', ok: false, message: 'the lab file wants a fault in hook' },
    ]);
    const { hardware } = report.hosts.alice.devices.eth0;
    expect((hardware.busError ?? 0) + (hardware.idle ?? 0)).toBeGreaterThan(1000);
    expect(done.host('alice').nics[0].card.delivered()).toBeLessThan(1000);
    expect(report.conservation.vanished).toEqual([]);
  });

  test('while it is brought up, too', () => {
    const { report } = runLab(lab('faults: [{ in: init }],'), SECOND / 10);
    expect(report.hosts.alice.fault).toMatchObject({ driver: 'fxp0', entry: 'if_init' });
    expect(report.flows.map(({ received }) => received)).toEqual([0, 0]);
    expect(report.conservation.vanished).toEqual([]);
  });
});
