// Group addresses have two kinds of users: protocols, by the device layer, and programs, by an ioctl. Neither leaves a group
// for the other.

import { expect, test } from 'vitest';
import { EOK } from './errno.ts';
import { SIOCADDMULTI, SIOCDELMULTI } from './sockio.ts';
import { host, type TestHost } from './testing.ts';

const ONE = Uint8Array.of(0x01, 0x00, 0x5e, 0x01, 0x02, 0x03);
const TWO = Uint8Array.of(0x01, 0x00, 0x5e, 0x7f, 0x00, 0x09);

function mounted(): TestHost {
  const it = host();
  it.io.mount('xx');
  return it;
}

function program(it: TestHost, cmd: number, group: Uint8Array): void {
  expect(it.io.ioctl('xx0', cmd, { ifr_name: 'xx0', ifr_addr: group })).toBe(EOK);
}

function groups(it: TestHost): string[] {
  return it.io.ifnets[0].if_ethercom!.ec_multiaddrs.map(({ enm_addrlo }) => enm_addrlo.join(':'));
}

test('what a program has joined is not left when a protocol joins or leaves, or the interface comes up', () => {
  const it = mounted();
  program(it, SIOCADDMULTI, ONE);
  const device = it.up();
  expect(groups(it)).toEqual([ONE.join(':')]);
  it.machine.process(() => device.addMulticast(TWO));
  expect(groups(it)).toEqual([ONE.join(':'), TWO.join(':')]);
  it.machine.process(() => device.removeMulticast(TWO));
  expect(groups(it)).toEqual([ONE.join(':')]);
  expect(it.card.filter.length).toBe(1);
  program(it, SIOCDELMULTI, ONE);
  expect(groups(it)).toEqual([]);
  expect(it.card.filter.length).toBe(0);
});

test('a group that both have joined stays until both have left it', () => {
  for (const programFirst of [true, false]) {
    const it = mounted();
    const device = it.up();
    it.machine.process(() => device.addMulticast(ONE));
    program(it, SIOCADDMULTI, ONE);
    const leave = [
      () => program(it, SIOCDELMULTI, ONE),
      () => it.machine.process(() => device.removeMulticast(ONE)),
    ];
    if (!programFirst) leave.reverse();
    leave[0]();
    expect(groups(it)).toEqual([ONE.join(':')]);
    leave[1]();
    expect(groups(it)).toEqual([]);
  }
});
