// Two PHYs on one cable: every mode against every mode, and what each sees when the other begins anew.

import { describe, expect, test } from 'vitest';
import { FramePool } from '../../wire/frame.ts';
import { FrameTap } from '../../wire/frame-tap.ts';
import { ImpairedMedium } from '../../wire/impaired-medium.ts';
import type { Medium } from '../../wire/medium.ts';
import { NegotiatedLink } from '../../wire/negotiated-link.ts';
import { FakeHost } from '../testing.ts';
import { Phy } from './model.ts';

const SECOND = 1_000_000_000;
/** What BMCR is written with. */
const MODES = { auto: 0x1200, '10HD': 0x0000, '10FD': 0x0100, '100HD': 0x2000, '100FD': 0x2100 };
type Mode = keyof typeof MODES;

function plugIn(host: FakeHost, medium: Medium, negotiationNs?: number): Phy {
  const phy = new Phy(host.clock, medium, { id1: 0x0022, id2: 0x1550, negotiationNs });
  medium.attach({
    receive: (frame) => medium.pool.put(frame),
    transmitted() {},
    carrierChanged: () => phy.carrierChanged(),
  });
  return phy;
}

function bench(wrap: (medium: Medium, host: FakeHost) => Medium = (medium) => medium) {
  const host = new FakeHost(4096);
  const link = new NegotiatedLink({
    name: 'auto',
    clock: host.clock,
    pool: new FramePool(),
    bitsPerSecond: 100_000_000,
    delayNs: 1000,
  });
  const a = plugIn(host, wrap(link.a, host));
  const b = plugIn(host, link.b);
  return { host, link, a, b, agreed: () => word(link.agreed) };
}

function word(link: { bitsPerSecond: number; fullDuplex: boolean } | null): string {
  return link === null ? 'none' : `${link.bitsPerSecond / 1e6}${link.fullDuplex ? 'FD' : 'HD'}`;
}

const linkOf = ({ link }: Phy): string => (link.up ? word(link) : 'none');
const isUp = (phy: Phy): boolean => (phy.readRegister(1) & 0x0004) !== 0;

test('every mode against every mode: what each end takes itself to run at, and the wire', () => {
  const names = Object.keys(MODES) as Mode[];
  const rows = names.map((left) => {
    const cells = names.map((right) => {
      const { host, a, b, agreed } = bench();
      host.wait(0.2 * SECOND);
      a.writeRegister(0, MODES[left]);
      host.wait(0.5 * SECOND);
      b.writeRegister(0, MODES[right]);
      host.wait(5 * SECOND);
      expect([linkOf(a) === 'none', linkOf(b) === 'none']).toEqual(Array(2).fill(agreed() === 'none'));
      const ends = linkOf(a) === linkOf(b) ? linkOf(a) : `${linkOf(a)}/${linkOf(b)}`;
      return (ends === agreed() ? ends : `${ends} on ${agreed()}`).padEnd(21);
    });
    return [left.padEnd(6), ...cells].join('').trimEnd();
  });
  expect(
    `\n${['      ', ...names.map((name) => name.padEnd(21))].join('').trimEnd()}\n${rows.join('\n')}\n`,
  ).toMatchInlineSnapshot(`
      "
            auto                 10HD                 10FD                 100HD                100FD
      auto  100FD                10HD                 10HD/10FD on 10HD    100HD                100HD/100FD on 100HD
      10HD  10HD                 10HD                 10HD/10FD on 10HD    none                 none
      10FD  10FD/10HD on 10HD    10FD/10HD on 10HD    10FD                 none                 none
      100HD 100HD                none                 none                 100HD                100HD/100FD on 100HD
      100FD 100FD/100HD on 100HD none                 none                 100FD/100HD on 100HD 100FD
      "
    `);
});

describe('one end begins anew', () => {
  test('the other loses its link, latches that, and both come back together', () => {
    const { host, a, b } = bench();
    host.wait(2 * SECOND);
    expect([linkOf(a), linkOf(b)]).toEqual(['100FD', '100FD']);
    b.readRegister(1);
    expect(isUp(b)).toBe(true);
    a.writeRegister(4, 0x0021);
    expect(linkOf(b)).toBe('100FD');
    a.writeRegister(0, 0x1200);
    host.wait(1000);
    expect([linkOf(a), linkOf(b)]).toEqual(['none', 'none']);
    host.wait(1.5 * SECOND);
    expect([linkOf(a), linkOf(b)]).toEqual(['none', 'none']);
    host.wait(0.5 * SECOND);
    expect([linkOf(a), linkOf(b)]).toEqual(['10HD', '10HD']);
    expect(isUp(b)).toBe(false);
    expect(isUp(b)).toBe(true);
    expect(b.readRegister(5)).toBe(0x4021);
    expect(b.readRegister(6)).toBe(0x0003);
  });

  test('the same advertisement again is a loss of the link too', () => {
    const { host, link, a, b } = bench();
    host.wait(2 * SECOND);
    const { changes } = link;
    a.writeRegister(0, 0x1200);
    host.wait(2 * SECOND);
    expect([linkOf(a), linkOf(b), link.changes]).toEqual(['100FD', '100FD', changes + 2]);
  });

  test('parallel detection shows the speed in ANLPAR, and no partner that negotiates', () => {
    const { host, a, b } = bench();
    host.wait(2 * SECOND);
    b.readRegister(6);
    a.writeRegister(0, MODES['100FD']);
    host.wait(2 * SECOND);
    expect([linkOf(a), linkOf(b)]).toEqual(['100FD', '100HD']);
    expect([b.readRegister(5), b.readRegister(6), b.readRegister(1) & 0x20]).toEqual([0x0080, 0, 0x20]);
    expect([a.readRegister(5), a.readRegister(1) & 0x20]).toEqual([0, 0]);
  });

  test('power down is silence, and a reset begins anew', () => {
    const { host, a, b, link } = bench();
    host.wait(2 * SECOND);
    a.writeRegister(0, 0x3900);
    host.wait(10 * SECOND);
    expect([linkOf(a), linkOf(b), link.b.partner]).toEqual(['none', 'none', null]);
    a.writeRegister(0, 0x3100);
    host.wait(2 * SECOND);
    expect([linkOf(a), linkOf(b)]).toEqual(['100FD', '100FD']);
    a.writeRegister(0, 0x8000);
    host.wait(1000);
    expect(linkOf(b)).toBe('none');
    host.wait(2 * SECOND);
    expect([linkOf(a), linkOf(b)]).toEqual(['100FD', '100FD']);
  });

  test('isolate keeps the link', () => {
    const { host, a, b } = bench();
    host.wait(2 * SECOND);
    a.writeRegister(0, 0x3500);
    host.wait(2 * SECOND);
    expect([linkOf(a), linkOf(b)]).toEqual(['100FD', '100FD']);
  });

  test('the link comes at both ends at one time, however long each takes', () => {
    const host = new FakeHost(4096);
    const link = new NegotiatedLink({
      name: 'auto',
      clock: host.clock,
      pool: new FramePool(),
      bitsPerSecond: 100_000_000,
    });
    const quick = plugIn(host, link.a, 1_000_000);
    const slow = plugIn(host, link.b);
    const up: number[] = [];
    quick.onLinkChange = () => up.push(host.clock.now());
    slow.onLinkChange = () => up.push(host.clock.now());
    host.wait(2 * SECOND);
    expect(up).toEqual([1_650_000_000, 1_650_000_000]);
  });
});

describe('the cable', () => {
  test('cut and mended: the link goes and comes at both ends', () => {
    const { host, link, a, b } = bench();
    host.wait(2 * SECOND);
    link.setCarrier(false);
    expect([linkOf(a), linkOf(b)]).toEqual(['none', 'none']);
    host.wait(3 * SECOND);
    expect([linkOf(a), linkOf(b)]).toEqual(['none', 'none']);
    link.setCarrier(true);
    host.wait(2 * SECOND);
    expect([linkOf(a), linkOf(b)]).toEqual(['100FD', '100FD']);
  });

  test('behind a tap and an impaired end that is pulled out and put back, with its offer', () => {
    let impaired!: ImpairedMedium;
    const { host, link, a, b } = bench((medium, { clock }) => {
      impaired = new ImpairedMedium(medium, { clock });
      return new FrameTap(impaired, clock, () => {});
    });
    a.writeRegister(4, 0x0061);
    a.writeRegister(0, 0x1200);
    host.wait(2 * SECOND);
    expect([linkOf(a), linkOf(b)]).toEqual(['10FD', '10FD']);
    impaired.setCarrier(false);
    expect([linkOf(a), linkOf(b), link.b.partner]).toEqual(['none', 'none', null]);
    host.wait(0.1 * SECOND);
    impaired.setCarrier(true);
    expect(link.b.partner).toBe(null);
    host.wait(2 * SECOND);
    expect([linkOf(a), linkOf(b)]).toEqual(['10FD', '10FD']);
  });
});

describe('a saved state', () => {
  const saved = (phy: Phy) => phy.check(structuredClone(phy.save()));

  test('taken up while the partner is as it was keeps the link', () => {
    const { host, link, a, b } = bench();
    host.wait(2 * SECOND);
    const { changes } = link;
    a.restore(saved(a));
    host.wait(1000);
    expect([linkOf(a), linkOf(b), link.changes]).toEqual(['100FD', '100FD', changes]);
  });

  test('in the middle of a negotiation: it starts anew and comes to the same', () => {
    const { host, a, b } = bench();
    b.writeRegister(4, 0x0061);
    b.writeRegister(0, 0x1200);
    host.wait(1.4 * SECOND);
    b.restore(saved(b));
    host.wait(2 * SECOND);
    expect([linkOf(a), linkOf(b)]).toEqual(['10FD', '10FD']);
  });

  test('with a partner of another mode the link goes and comes', () => {
    const { host, a, b } = bench();
    host.wait(2 * SECOND);
    const state = saved(b);
    a.writeRegister(4, 0x0021);
    a.writeRegister(0, 0x1200);
    host.wait(2 * SECOND);
    b.restore(state);
    expect(linkOf(b)).toBe('none');
    host.wait(3 * SECOND);
    expect([linkOf(a), linkOf(b)]).toEqual(['10HD', '10HD']);
  });
});
