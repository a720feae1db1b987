import { describe, expect, test } from 'vitest';
import { formatBits } from '../../bus/format-bits.ts';
import { FakeHost, FakeMedium } from '../testing.ts';
import { Phy } from './model.ts';
import { BMSR } from './sheet.ts';

const SECOND = 1_000_000_000;

function bench(medium = new FakeMedium()) {
  const host = new FakeHost(4096);
  const phy = new Phy(host.clock, medium, { id1: 0x0022, id2: 0x1550 });
  let changes = 0;
  phy.onLinkChange = () => {
    changes++;
  };
  medium.attach({ receive() {}, transmitted() {}, carrierChanged: () => phy.carrierChanged() });
  return { host, medium, phy, changes: () => changes };
}

/** The status now: the first read shows a link loss that was latched. */
function status(phy: Phy): number {
  phy.readRegister(1);
  return phy.readRegister(1);
}

describe('after power on', () => {
  test('the registers have the values of a 10/100 PHY that negotiates', () => {
    const { phy } = bench();
    expect(phy.readRegister(0)).toBe(0x3100);
    expect(phy.readRegister(1)).toBe(0x7849);
    expect([phy.readRegister(2), phy.readRegister(3)]).toEqual([0x0022, 0x1550]);
    expect(phy.readRegister(4)).toBe(0x01e1);
    expect([phy.readRegister(5), phy.readRegister(6), phy.readRegister(31)]).toEqual([0, 0, 0]);
  });

  test('negotiation takes between 1.5 and 2 seconds', () => {
    const { host, phy, changes } = bench();
    host.wait(1.5 * SECOND);
    expect(phy.link.up).toBe(false);
    host.wait(0.5 * SECOND);
    expect(phy.link).toEqual({ up: true, bitsPerSecond: 100_000_000, fullDuplex: true });
    expect(changes()).toBe(1);
    expect(status(phy)).toBe(0x786d);
    expect(phy.readRegister(5)).toBe(0x41e1);
  });

  test('a page received is said once', () => {
    const { host, phy } = bench();
    host.wait(2 * SECOND);
    expect(phy.readRegister(6)).toBe(0x0003);
    expect(phy.readRegister(6)).toBe(0x0001);
  });
});

describe('the partner decides', () => {
  const cases: [number, boolean, number, number, boolean][] = [
    [100_000_000, true, 0x4181, 100_000_000, true],
    [100_000_000, false, 0x4081, 100_000_000, false],
    [10_000_000, true, 0x4061, 10_000_000, true],
    [10_000_000, false, 0x4021, 10_000_000, false],
    [0, false, 0x40a1, 100_000_000, false],
    [1_000_000_000, true, 0x41e1, 100_000_000, true],
  ];
  for (const [rate, duplex, partner, bitsPerSecond, fullDuplex] of cases) {
    test(`a medium of ${rate / 1e6} Mb/s, ${duplex ? 'full' : 'half'} duplex`, () => {
      const medium = new FakeMedium();
      medium.bitsPerSecond = rate;
      medium.fullDuplex = duplex;
      const { host, phy } = bench(medium);
      host.wait(2 * SECOND);
      expect(phy.readRegister(5)).toBe(partner);
      expect(phy.link).toEqual({ up: true, bitsPerSecond, fullDuplex });
    });
  }

  test('nothing in common, no link', () => {
    const { host, medium, phy } = bench();
    medium.change({ bitsPerSecond: 100_000_000 });
    phy.writeRegister(4, 0x0061);
    phy.writeRegister(0, 0x1200);
    host.wait(2 * SECOND);
    expect(phy.link.up).toBe(false);
    expect(status(phy) & 0x0024).toBe(0);
  });

  test('an advertisement counts from the next negotiation', () => {
    const { host, phy } = bench();
    host.wait(2 * SECOND);
    phy.writeRegister(4, 0x0021);
    expect(phy.link.bitsPerSecond).toBe(100_000_000);
    phy.writeRegister(0, 0x1200);
    expect(phy.link.up).toBe(false);
    expect(phy.readRegister(0) & 0x0200).toBe(0);
    host.wait(2 * SECOND);
    expect(phy.link).toEqual({ up: true, bitsPerSecond: 10_000_000, fullDuplex: false });
  });
});

describe('the link bit', () => {
  test('latches a loss until it is read', () => {
    const { host, medium, phy } = bench();
    host.wait(2 * SECOND);
    expect(formatBits(status(phy) & 0x24, BMSR)).toBe('0x0024<LINK,ANCOMP>');
    medium.change({ carrier: false });
    medium.change({ carrier: true });
    host.wait(2 * SECOND);
    expect(phy.link.up).toBe(true);
    expect(phy.readRegister(1) & 0x0004).toBe(0);
    expect(phy.readRegister(1) & 0x0004).toBe(0x0004);
  });

  test('without a carrier there is never a link', () => {
    const medium = new FakeMedium();
    medium.carrier = false;
    const { host, phy } = bench(medium);
    host.wait(10 * SECOND);
    expect(phy.link.up).toBe(false);
    medium.change({ carrier: true });
    host.wait(2 * SECOND);
    expect(phy.link.up).toBe(true);
  });
});

describe('forced modes', () => {
  test('come up in a moment, at the forced rate and duplex', () => {
    const { host, phy } = bench();
    phy.writeRegister(0, 0x0100);
    host.wait(1_000_000);
    expect(phy.link).toEqual({ up: true, bitsPerSecond: 10_000_000, fullDuplex: true });
    phy.writeRegister(0, 0x2000);
    host.wait(1_000_000);
    expect(phy.link).toEqual({ up: true, bitsPerSecond: 100_000_000, fullDuplex: false });
    expect(status(phy) & 0x0020).toBe(0);
  });

  test('do not come up on a medium of another rate', () => {
    const medium = new FakeMedium();
    medium.bitsPerSecond = 10_000_000;
    const { host, phy } = bench(medium);
    phy.writeRegister(0, 0x2100);
    host.wait(10 * SECOND);
    expect(phy.link.up).toBe(false);
  });
});

describe('control bits', () => {
  test('reset clears itself, brings the defaults back and ignores writes meanwhile', () => {
    const { host, phy } = bench();
    host.wait(2 * SECOND);
    phy.writeRegister(4, 0x0021);
    phy.writeRegister(0, 0x8000);
    expect(phy.readRegister(0)).toBe(0xb100);
    phy.writeRegister(4, 0x0061);
    expect(phy.link.up).toBe(false);
    host.wait(1_000_000);
    expect(phy.readRegister(0)).toBe(0x3100);
    expect(phy.readRegister(4)).toBe(0x01e1);
    host.wait(2 * SECOND);
    expect(phy.link.up).toBe(true);
  });

  test('a reset that takes no time is over at the next access, and the link is negotiated again', () => {
    const host = new FakeHost(4096);
    const phy = new Phy(host.clock, new FakeMedium(), { id1: 0x0022, id2: 0x1550, resetNs: 0 });
    host.wait(2 * SECOND);
    phy.writeRegister(4, 0x0021);
    phy.writeRegister(0, 0x8000);
    expect(phy.readRegister(0)).toBe(0x3100);
    expect(phy.silent).toBe(false);
    expect(phy.link.up).toBe(false);
    phy.writeRegister(4, 0x0061);
    expect(phy.readRegister(4)).toBe(0x0061);
    host.wait(2 * SECOND);
    expect(phy.link).toEqual({ up: true, bitsPerSecond: 10_000_000, fullDuplex: true });
  });

  test('power down drops the link, and it comes back', () => {
    const { host, phy } = bench();
    host.wait(2 * SECOND);
    phy.writeRegister(0, 0x3900);
    expect(phy.link.up).toBe(false);
    expect(phy.silent).toBe(true);
    host.wait(10 * SECOND);
    expect(phy.link.up).toBe(false);
    phy.writeRegister(0, 0x3100);
    host.wait(2 * SECOND);
    expect(phy.link.up).toBe(true);
  });

  test('isolate keeps the link and silences the MII; loopback is told to the MAC', () => {
    const { host, phy, changes } = bench();
    host.wait(2 * SECOND);
    phy.writeRegister(0, 0x3500);
    expect([phy.link.up, phy.silent, changes()]).toEqual([true, true, 2]);
    phy.writeRegister(0, 0x7100);
    expect([phy.link.up, phy.silent, phy.loopback, changes()]).toEqual([true, false, true, 3]);
  });

  test('read-only registers do not change', () => {
    const { phy } = bench();
    for (const register of [1, 2, 3, 5, 6, 7, 30]) phy.writeRegister(register, 0xffff);
    expect([1, 2, 3, 5, 6, 7].map((n) => phy.readRegister(n))).toEqual([0x7849, 0x0022, 0x1550, 0, 0, 0]);
  });
});
