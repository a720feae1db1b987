// The scenarios on an io-net driver under the shim: our models on the virtual clock, and QEMU's card.

import { describe, expect, test } from 'vitest';
import { IONET_DRIVERS } from '../../src/drivers/ionet.ts';
import { shimFindings } from '../../src/ionet/shim/findings.ts';
import { IoPkt } from '../../src/iopkt/manager.ts';
import { X86_DESKTOP } from '../../src/kernel/profile.ts';
import type { DeviceLayer } from '../../src/net/layer.ts';
import type { MakeDriver } from '../../src/scenario/bench.ts';
import { DIFFERENCES } from '../../src/scenario/differences.ts';
import { DRIVER_SCENARIOS } from '../../src/scenario/driver/all.ts';
import { modelSubject } from '../../src/scenario/model-subject.ts';
import { runScenarios } from '../../src/scenario/run.ts';
import { subjectNamed } from '../../src/scenario/subjects.ts';
import { hasQemu } from '../vocabulary/qemu.ts';

/**
 * Those that ask nothing which the shim cannot do. Others look at the driver's own counters, or its log; pull the cable, and
 * nobody is told of links under the shim; change the station address, or want a stopped interface to have stopped its driver.
 */
const NAMES = [
  'every size',
  'short frames',
  'unicast',
  'broadcast',
  'multicast',
  'promiscuous',
  'mode changes',
  'restarts',
  'remove and probe',
  'long run',
];

test('the scenarios are there', () => {
  const known = DRIVER_SCENARIOS.map(({ name }) => name);
  expect(NAMES.filter((name) => !known.includes(name))).toEqual([]);
});

const managers = new WeakMap<DeviceLayer, IoPkt>();

const makeDriver: MakeDriver = (layer, { rxRing, txRing }, { bus, pci }) => {
  const io = managers.get(layer) ?? new IoPkt(layer, { pci: bus, sigsegv: false, drivers: IONET_DRIVERS });
  managers.set(layer, io);
  let interfaces: string[] = [];
  let restarts = 0;
  const options = [
    rxRing === undefined ? '' : `receive=${rxRing}`,
    txRing === undefined ? '' : `transmit=${txRing}`,
  ].filter((option) => option !== '');
  return {
    name: 'devn-pcnet',
    ids: [{ vendorId: pci.vendorId, deviceId: pci.deviceId }],
    probe: () => {
      interfaces = io.mount('pcnet', options.length === 0 ? null : options.join(','));
    },
    remove: () => {
      for (const each of interfaces) io.destroy(each);
      interfaces = [];
      expect(shimFindings(io)).toEqual([]);
    },
    stats: () => ({ restarts }),
    settled: () => true,
    restart: () => {
      io.protocolStarts('a protocol');
      restarts++;
    },
  };
};

describe.each([
  ['Am79C970A', undefined],
  ['Am79C970A', X86_DESKTOP],
] as const)('devn-pcnet on our %s', (chip, profile) => {
  const open = modelSubject(chip, chip, profile);
  test.each(NAMES)('passes "%s"', async (scenario) => {
    const [result] = await runScenarios(open, { names: [scenario], makeDriver });
    expect(result.outcome, result.detail).toBe('pass');
    expect(result.registerReads).toBeGreaterThan(10);
  });
});

describe.runIf(hasQemu)('devn-pcnet on qemu:pcnet', () => {
  const open = subjectNamed('qemu:pcnet', () => performance.now());
  test.each(NAMES)('goes through "%s"', { timeout: 120_000 }, async (scenario) => {
    const [result] = await runScenarios(open, { names: [scenario], makeDriver });
    const known = DIFFERENCES.some((row) => row.scenario === scenario && row.subject === 'qemu:pcnet');
    expect(result.outcome, result.detail).toBe(known ? 'differs' : 'pass');
  });
});
