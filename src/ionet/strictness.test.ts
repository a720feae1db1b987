// What io-net took and the shim does not: each rule S01 to S13 has a broken driver that trips it, and no other; the driver as
// it is trips none.

import { expect, test } from 'vitest';
import { DRVCOM_CONFIG, nic_config_t, sizeof_nic_config_t } from '../iopkt/nic.ts';
import { IoPktError } from '../iopkt/self.ts';
import { SIOCGDRVCOM } from '../iopkt/sockio.ts';
import { LOW_POWER, X86_DESKTOP } from '../kernel/profile.ts';
import { _NPKT_SCRATCH_MASK } from './npkt.ts';
import { ErrnoError } from './shared.ts';
import { ShimHost, type ShimHostOptions } from './testing.ts';
import { BROKEN_IONET, receiveSpoilt } from './testing-broken.ts';
import { XX } from './testing-driver.ts';
import type { TestFunctions } from './testing-driver-state.ts';

const SECOND = 1_000_000_000;

/** A whole life: mount, frames while down, traffic, a full ring, no link, groups, nicinfo, destroy. */
function life(it: ShimHost, options: string | null): void {
  it.io.mount('xx', options);
  it.run(1000);
  it.card.arrive(it.frame(1));
  it.run(1_000_000);
  const device = it.open('en0');
  const group = Uint8Array.of(1, 0, 0x5e, 0, 0, 1);
  it.machine.process(() => device.addMulticast(group));
  for (let mark = 2; mark < 20; mark++) {
    it.card.arrive(it.frame(mark, 60 + mark * 40));
    it.send(it.frame(mark, 60 + mark * 40), [14, 20]);
    if (mark % 4 === 0) it.run(20_000);
  }
  it.run(1_000_000);
  for (let mark = 20; mark < 60; mark++) it.send(it.frame(mark));
  it.run(1_000_000);
  const ifdc_data = new nic_config_t();
  const request = { ifdc_name: 'en0', ifdc_cmd: DRVCOM_CONFIG, ifdc_len: sizeof_nic_config_t, ifdc_data };
  it.io.ioctl('en0', SIOCGDRVCOM, request);
  it.card.setLink(false);
  it.run(3 * SECOND);
  it.send(it.frame(60));
  it.card.setLink(true);
  it.run(3 * SECOND);
  it.io.destroy('en0');
}

/** Rules that a driver with these functions breaks in its life. */
function broken(fn: Partial<TestFunctions>, options = 'transmit=4', more: ShimHostOptions = {}): string[] {
  const it = new ShimHost({ cards: [{ frameNs: 1000 }], ...more, fn });
  const thrown: string[] = [];
  try {
    life(it, options);
  } catch (error) {
    if (error instanceof IoPktError) thrown.push(error.rule);
    else if (!(error instanceof ErrnoError)) throw error;
  }
  return [...new Set([...it.rules, ...thrown])];
}

test.each(['transmit=4', 'track,transmit=4', 'receive=8'])(
  'the driver as it is (%s) breaks none',
  (options) => {
    expect(broken({}, options)).toEqual([]);
  },
);

test.each([
  ['low-power', LOW_POWER, 1],
  ['x86-desktop', X86_DESKTOP, 1],
  ['x86-desktop', X86_DESKTOP, 2],
] as const)(
  'nor on a CPU with costs, where interrupts come in the middle of it: %s',
  (_name, profile, cpus) => {
    for (const frameNs of [0, 700, 1000, 5000, 33_000])
      expect(broken({}, 'transmit=4', { machine: { profile, cpus }, cards: [{ frameNs }] })).toEqual([]);
  },
);

test('scratch bits are noise on arrival, the originator keeps its own bits', () => {
  const seen = new Set<number>();
  const rules = broken({
    rx_down(npkt, xx) {
      seen.add(npkt.flags & _NPKT_SCRATCH_MASK);
      // The scratch bits are the holder's.
      npkt.flags ^= _NPKT_SCRATCH_MASK;
      return XX.rx_down(npkt, xx);
    },
  });
  expect(rules).toEqual([]);
  expect(seen.size).toBeGreaterThan(5);
});

test.each(BROKEN_IONET.map((driver) => [driver.rule, driver.what, driver] as const))(
  '%s: %s',
  (rule, _what, { fn, options }) => {
    expect(broken(fn, options)).toEqual([rule]);
  },
);

test('every rule S01 to S13 has its broken driver', () => {
  const rules = Array.from({ length: 13 }, (_, i) => `S${String(i + 1).padStart(2, '0')}`);
  expect([...new Set(BROKEN_IONET.map(({ rule }) => rule))].sort()).toEqual(rules);
});

test('a message names the driver, the mistake, the rule and the time', () => {
  const it = new ShimHost({
    fn: {
      receive: (xx) => receiveSpoilt(xx, (npkt) => Object.assign(npkt, { ref_cnt: 3 })),
    },
  });
  it.up();
  it.card.arrive(it.frame(1));
  expect(() => it.run(1_000_000)).toThrow(
    /devn-xx\.so: tx_up_start of a packet with ref_cnt 3: 1 is wanted \(rule S05; \d+ ns, untracked thread context\)/,
  );
});
