// The engine can fail: a driver or a wire that is broken on purpose makes the right scenario fail with the right words.

import { describe, expect, test } from 'vitest';
import type { PciDevice } from '../bus/pci.ts';
import type { Adapter } from '../drivers/pcnet32/adapter.ts';
import { pcnet32Driver } from '../drivers/pcnet32/pcnet32.ts';
import type { NetDeviceOps } from '../net/device.ts';
import type { ImpairmentOptions } from '../wire/impair/options.ts';
import { ImpairedMedium } from '../wire/impaired-medium.ts';
import type { MakeDriver } from './bench.ts';
import type { KnownDifference } from './checks.ts';
import { modelSubject } from './model-subject.ts';
import { type RunOptions, runScenario, runScenarios, type ScenarioResult } from './run.ts';
import type { OpenSubject } from './subject.ts';
import { subjectNamed } from './subjects.ts';
import { scenarioTable } from './table.ts';

const open = modelSubject('am79c970a', 'Am79C970A');

const run = async (scenario: string, options: RunOptions = {}, on = open): Promise<ScenarioResult> => {
  const [result] = await runScenarios(on, { ...options, names: [scenario] });
  return result;
};

/** The driver, with something done to what it gives the device layer. */
const broken =
  (spoil: (ops: NetDeviceOps, adapter: Adapter) => void): MakeDriver =>
  (layer, options) => {
    const driver = pcnet32Driver(layer, options);
    return {
      ...driver,
      probe: (pci: PciDevice) => {
        driver.probe(pci);
        const adapter = pci.driverData as Adapter;
        spoil(adapter.device.ops, adapter);
      },
    };
  };

/** The far end's plug does this to frames on their way to it. */
const wire =
  (impairment: ImpairmentOptions): OpenSubject =>
  (options) =>
    open({ ...options, wire: (medium, clock) => new ImpairedMedium(medium, { clock, in: impairment }) });

describe('a broken driver', () => {
  const cases: [what: string, scenario: string, spoil: Parameters<typeof broken>[0], words: RegExp][] = [
    [
      'that forgets the multicast filter',
      'multicast',
      (ops) => {
        ops.setRxMode = () => {};
      },
      /^a group lets in its own frames only: 0 frames instead of 1: number \d+ is missing$/,
    ],
    [
      'that leaves the filter open',
      'unicast',
      (_ops, adapter) => {
        adapter.device.setPromiscuity(1);
      },
      /^frames for others are not received: 3 frames instead of 0: number 1 is too many$/,
    ],
    [
      'that forgets a new address',
      'address',
      (ops) => {
        ops.setMacAddress = () => {};
      },
      /^only frames for the new address are received: |^a frame for the station arrives: not within/,
    ],
    [
      'that damages a byte',
      'every size',
      (ops, { machine }) => {
        const { startXmit } = ops;
        ops.startXmit = (m, queue) => {
          machine.memory.u8[m.data + 20] ^= 0x40;
          return startXmit!(m, queue);
        };
      },
      /^frames come back as they went: frame 1 \(number 1, 1 expected\): byte 20 of 60 is 0x/,
    ],
    [
      'that swallows packets',
      'counters',
      (ops, { machine }) => {
        const { startXmit } = ops;
        let count = 0;
        ops.startXmit = (m, queue) => {
          if (++count % 50 !== 0) return startXmit!(m, queue);
          machine.mbufs.freem(m);
          return true;
        };
      },
      /^the far end gets what was sent: frame 50 \(number 51, 50 expected\): \d+ bytes instead of \d+|byte/,
    ],
    [
      'that leaks a buffer at every stop',
      'stop in full flight',
      (ops, { machine }) => {
        const { stop } = ops;
        ops.stop = () => {
          stop();
          machine.mbufs.getcl();
        };
      },
      /^a closed device holds nothing: mbufs 1 before, 2 now; clusters 1 before, 2 now$/,
    ],
    [
      'that does not look at its link',
      'link',
      (_ops, { linkWatch }) => {
        linkWatch.reset = () => {};
      },
      /^the loss of the link is noticed: not within 10000 ms; far end: /,
    ],
    [
      'that never stops its queue',
      'transmit ring full',
      (_ops, adapter) => {
        adapter.device.txQueues[0].stop = () => {};
      },
      /^the queue stops: false instead of true$/,
    ],
    [
      'whose self test fails',
      'self test',
      (ops) => {
        ops.selfTest = () => ['loopback: the frame did not come back'];
      },
      /^the self test passes while the device is down: loopback: the frame did not come back$/,
    ],
  ];

  test.each(cases)('%s fails "%s"', async (_what, scenario, spoil, words) => {
    const result = await run(scenario, { makeDriver: broken(spoil) });
    expect(result.outcome).toBe('fail');
    expect(result.detail).toMatch(words);
  });

  test('that does not take the card fails with what the log says', async () => {
    const result = await run('bring-up', {
      makeDriver: (layer, options) => ({
        ...pcnet32Driver(layer, options),
        probe: () => {
          throw new Error('no clover');
        },
      }),
    });
    expect(result.outcome).toBe('fail');
    expect(result.detail).toMatch(
      /^the driver takes the card: log: .*probe of 0000:00:04.0 failed: no clover$/,
    );
  });

  test('that keeps a lock fails with what the kernel says', async () => {
    const result = await run('bring-up', {
      makeDriver: broken((ops, adapter) => {
        const { open: openDevice } = ops;
        ops.open = () => {
          openDevice();
          adapter.lock.lockIrq(adapter.machine.cpu);
        };
      }),
    });
    expect(result.outcome).toBe('fail');
    expect(result.detail).toContain('taken again by host/cpu0, its owner: dead-lock');
  });
});

describe('a broken wire', () => {
  test('that loses frames is told apart from a driver that does', async () => {
    const result = await run('every size', {}, wire({ loss: 0.02 }));
    expect(result.outcome).toBe('fail');
    expect(result.detail).toMatch(/^frames come back as they went: frame \d+ \(number \d+, \d+ expected\)/);
    // The device has sent what the far end has not received.
    const sent = Number(/ (\d+) out,/.exec(result.detail)?.[1]);
    const received = Number(/far end: \d+ sent, (\d+) received/.exec(result.detail)?.[1]);
    expect(sent).toBeGreaterThan(received);
  });

  test('that loses everything fails after a while with how many frames never came', async () => {
    const result = await run('every size', {}, wire({ loss: 1 }));
    expect(result.outcome).toBe('fail');
    expect(result.detail).toMatch(/: 16 of 16 frames never came; far end: 16 sent, 0 received; /);
  });

  test('that duplicates or turns frames around fails', async () => {
    for (const impairment of [{ duplication: 0.05 }, { reordering: { probability: 0.05 } }]) {
      const result = await run('bursts', {}, wire(impairment));
      expect(result.outcome).toBe('fail');
      expect(result.detail).toMatch(
        /^frames come back as they went: frame \d+ \(number \d+(, \d+ expected)?\)/,
      );
    }
  });

  test('that damages frames fails with how many', async () => {
    const result = await run('long run', {}, wire({ corruption: { probability: 0.001 } }));
    expect(result.outcome).toBe('fail');
    expect(result.detail).toMatch(/; 1 damaged; /);
  });
});

describe('known differences', () => {
  const row = (what: string): KnownDifference => ({
    scenario: 'self test',
    subject: 'am79c970a',
    what,
    reason: 'Section 1.2.',
    seen: 'by looking',
  });
  const failing = broken((ops) => {
    ops.selfTest = () => ['it is Monday'];
  });

  test('explain a check that does not hold', async () => {
    const differences = [
      row('the self test passes while the device is down'),
      row('the self test passes while the device is up'),
    ];
    const result = await run('self test', { makeDriver: failing, differences });
    expect(result.outcome).toBe('differs');
    expect(result.detail).toBe(
      '"the self test passes while the device is down" and "the self test passes while the device is up" ' +
        'do not hold. Section 1.2.',
    );
  });

  test('do not explain another check, scenario or subject', async () => {
    const what = 'the self test passes while the device is down';
    const others = [
      row('the self test passes'),
      { ...row(what), scenario: 'link' },
      { ...row(what), subject: 'pcnet' },
    ];
    const result = await run('self test', { makeDriver: failing, differences: others });
    expect(result.outcome).toBe('fail');
    expect(result.detail).toBe(`${what}: it is Monday`);
  });

  test('that do not show any more are a failure', async () => {
    const what = 'the self test passes while the device is down';
    const result = await run('self test', { differences: [row(what)] });
    expect(result.outcome).toBe('fail');
    expect(result.detail).toBe(
      `"${what}" holds now, but is listed as a known difference: take it out of the table`,
    );
  });
});

test('a scenario that checks nothing fails', async () => {
  const result = await runScenario(open, { name: 'idle', description: '', run: async () => {} });
  expect(result).toMatchObject({ outcome: 'fail', detail: 'nothing was checked' });
});

test('names that there are none of are refused with those there are', async () => {
  await expect(runScenarios(open, { names: ['bursts', 'burts'] })).rejects.toThrow(
    /no scenario is called "burts"; there are: bring-up, every size, /,
  );
  expect(() => subjectNamed('pcent', () => 0)).toThrow(
    'no subject is called "pcent"; there are: pcnet, am79c970a, qemu:pcnet',
  );
});

test('results make a table with a column for each subject', async () => {
  const base = { frames: 0, registerReads: 0, registerWrites: 0, seed: 3, ms: 0, detail: '' };
  const table = scenarioTable([
    { ...base, scenario: 'bring-up', subject: 'pcnet', outcome: 'pass' },
    { ...base, scenario: 'bursts', subject: 'pcnet', outcome: 'differs', detail: 'so it is' },
    { ...base, scenario: 'bring-up', subject: 'qemu:pcnet', outcome: 'fail', detail: 'no link' },
  ]);
  expect(table).toEqual({
    head: ['scenario', 'pcnet', 'qemu:pcnet'],
    rows: [
      ['bring-up', 'pass', 'fail'],
      ['bursts', 'differs', '-'],
    ],
    notes: ['qemu:pcnet, bring-up: fails (seed 3): no link', 'pcnet, bursts: differs: so it is'],
    passed: 1,
    differing: 1,
    failed: 1,
  });
});

test('tells of each scenario as it starts and ends', async () => {
  const told: string[] = [];
  await runScenarios(open, {
    names: ['unicast', 'bring-up'],
    onStart: ({ name }) => told.push(`${name} starts`),
    onResult: ({ scenario, outcome }) => told.push(`${scenario}: ${outcome}`),
  });
  expect(told).toEqual(['bring-up starts', 'bring-up: pass', 'unicast starts', 'unicast: pass']);
});
