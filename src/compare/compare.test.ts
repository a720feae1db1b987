// The comparison itself: it sees what differs, its counts are the machine's, and a seed repeats it.

import { describe, expect, test } from 'vitest';
import { pcnetModule } from '../drivers/devn-pcnet/pcnet.ts';
import { pcnModule } from '../drivers/pcn/pcn.ts';
import type { DriverModule } from '../iopkt/entry.ts';
import { LOW_POWER, X86_DESKTOP } from '../kernel/profile.ts';
import { FRAME_START, type Frame } from '../wire/frame.ts';
import type { Medium } from '../wire/medium.ts';
import { CHARGES, countCharges } from './charges.ts';
import { comparedChip, ownDriver, treeDriver } from './drivers.ts';
import { measureLoad } from './figures.ts';
import { driveWire } from './wire.ts';

const SEED = 3;

/** The far end's plug, with something done to each frame that comes out of it. */
function tampered(medium: Medium, tamper: (frame: Frame, number: number) => boolean): Medium {
  let number = 0;
  return Object.assign(Object.create(medium) as Medium, {
    attach: (station: Parameters<Medium['attach']>[0]) =>
      medium.attach(
        station === null
          ? null
          : {
              receive: (frame) => {
                if (tamper(frame, number++)) station.receive(frame);
                else medium.pool.put(frame);
              },
              transmitted: (status) => station.transmitted(status),
              carrierChanged: () => station.carrierChanged(),
            },
      ),
    send: (frame: Frame) => medium.send(frame),
  });
}

describe('wire', () => {
  test.each([
    ['devn-pcnet', 'pcn', 'am79c970a'],
    ['devn-speedo', 'speedo', 'i82557b'],
    ['pcnet32', 'pcn', 'am79c973'],
  ] as const)('%s and %s on the %s send and take the same frames', (old, next, chip) => {
    const [a, b] = [old, next].map((driver) =>
      driveWire({ driver: treeDriver(driver), chip, frames: 1500, seed: SEED }),
    );
    expect([a.out.difference, a.up.difference, b.out.difference, b.up.difference]).toEqual(['', '', '', '']);
    expect([a.out.hash, a.up.hash]).toEqual([b.out.hash, b.up.hash]);
    expect(a.out.came).toBeGreaterThan(500);
    expect(a.up.came).toBeGreaterThan(500);
  });

  const drive = (tamper: (frame: Frame, number: number) => boolean) =>
    driveWire({
      driver: treeDriver('speedo'),
      chip: 'i82559er',
      frames: 400,
      seed: SEED,
      wire: (medium) => tampered(medium, tamper),
    });

  test('a frame that is another by one bit is named', () => {
    const { out, up } = drive((frame, number) => {
      if (number === 100) frame.u8[FRAME_START + 20] ^= 1;
      return true;
    });
    expect(out.difference).toMatch(/^frame 100: byte 20 of \d+ is 0x.. instead of 0x/);
    expect(up.difference).toBe('');
  });

  test('a frame that is lost is named', () => {
    const lost = drive((_, number) => number !== 60);
    expect(lost.out.came).toBe(lost.out.expected - 1);
    expect(lost.out.difference).toMatch(/^frame 60: /);
  });

  test('the same seed gives the same hash, another seed another', () => {
    const hash = (seed: number): string =>
      driveWire({ driver: treeDriver('pcn'), chip: 'am79c973', frames: 300, seed }).out.hash;
    expect(hash(1)).toBe(hash(1));
    expect(hash(2)).not.toBe(hash(1));
  });
});

describe('figures', () => {
  const load = {
    driver: treeDriver('devn-speedo'),
    chip: 'i82559er',
    profile: X86_DESKTOP,
    workload: 'receive',
    frameBytes: 60,
    bitsPerSecond: 100e6,
    framesPerSecond: 1000,
  } as const;

  test('times and charges are one account', () => {
    const figures = measureLoad(load);
    const { charges, cpuNs } = figures;
    const sum = CHARGES.reduce((total, charge) => {
      const bytes = charge === 'copyByte' ? 60 : 1;
      return total + charges[charge] * X86_DESKTOP[charge] * bytes;
    }, 0);
    expect(sum).toBeCloseTo(cpuNs, -1);
    expect(figures.registerReads).toBe(charges.registerRead);
    expect(figures.contextSwitches).toBe(charges.contextSwitch);
    expect(figures.through).toBe(1000);
    expect(figures.lost).toBe(0);
  });

  test('what is too much is lost, and where', () => {
    const figures = measureLoad({ ...load, profile: LOW_POWER, bitsPerSecond: 1000e6, framesPerSecond: 1e6 });
    expect(figures.lost).toBeGreaterThan(0.5);
    expect(Object.keys(figures.drops)).toContain('at the card');
    expect(figures.cpuShare).toBeGreaterThan(0.99);
  });

  test('transmit is bounded by the wire', () => {
    const figures = measureLoad({ ...load, workload: 'transmit', frameBytes: 1514 });
    expect(figures.through).toBeGreaterThan(8000);
    expect(figures.through).toBeLessThan(8200);
    expect(figures.lost).toBe(0);
  });

  test('a load is measured the same way twice', () => {
    expect(measureLoad(load)).toEqual(measureLoad(load));
  });
});

test('a counting profile costs what the profile costs', () => {
  const { profile, counts } = countCharges(LOW_POWER);
  expect({ ...profile }).toEqual(LOW_POWER);
  expect(Object.values(counts)).toEqual(CHARGES.map(() => 1));
});

test('names are checked, and the ones there are given', () => {
  const [pcn, pcnet32, speedo] = ['pcn', 'pcnet32', 'speedo'].map((name) => treeDriver(name));
  expect(() => treeDriver('e1000')).toThrow(/no driver is called "e1000"; there are: pcnet32, pcn/);
  expect(() => comparedChip(pcn, speedo, null)).toThrow(/drive no card that is the same/);
  expect(() => comparedChip(pcn, pcnet32, 'i82557b')).toThrow(/they do: am79c973, am79c970a/);
  expect(() => comparedChip(pcn, pcnet32, 'qemu:pcnet')).toThrow(/softnet scenarios --driver pcnet32/);
  expect(comparedChip(treeDriver('devn-speedo'), speedo, null)).toBe('i82559er');
  expect(comparedChip(treeDriver('devn-pcnet'), pcn, 'AM79C970A')).toBe('am79c970a');
});

test.each([
  ['for io-pkt', pcnModule],
  ['for io-net', pcnetModule as DriverModule],
])("a driver of somebody's own, %s", (_kind, module) => {
  const own = ownDriver('mine.mjs', module);
  const chip = comparedChip(own, treeDriver('pcn'), 'am79c970a');
  const [mine, pcn] = [own, treeDriver('pcn')].map((driver) =>
    driveWire({ driver, chip, frames: 300, seed: SEED }),
  );
  expect([mine.driver, mine.out.difference, mine.up.difference]).toEqual(['mine.mjs', '', '']);
  expect(mine.out.hash).toBe(pcn.out.hash);
  expect(own.scenarios(chip)).toContain('every size');
});
