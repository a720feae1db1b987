// Whom the card listens to: its own address, broadcast, groups by hash, everybody.

import { formatMac } from '../../net/ether.ts';
import { BROADCAST } from '../frames.ts';
import type { Scenario } from '../scenario.ts';
import type { Subject } from '../subject.ts';
import { echoSome, hears } from '../traffic.ts';

const STRANGER = Uint8Array.of(0x02, 0, 0, 0, 0, 0x77);
/** Differ from the station address in one bit each, at both ends. */
const NEAR_MISSES = [Uint8Array.of(0x06, 0, 0, 0, 0, 0x01), Uint8Array.of(0x02, 0, 0, 0, 0, 0x81)];
const NEW_ADDRESS = Uint8Array.of(0x02, 0x11, 0x22, 0x33, 0x44, 0x55);
const HASH_BITS = 64;

/** A group address for every bit of the card's filter. */
function groups({ multicastHash }: Subject, last: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  // A hundred tries a bit find one with certainty: the CRC of consecutive addresses takes all values.
  for (let i = 0, left = HASH_BITS; left > 0 && i < 100 * HASH_BITS; i++) {
    const address = Uint8Array.of(0x01, 0x00, 0x5e, last, i >> 8, i & 0xff);
    const bit = multicastHash(address);
    if (found[bit] !== undefined) continue;
    found[bit] = address;
    left--;
  }
  return found;
}

export const unicast: Scenario = {
  name: 'unicast',
  description: 'frames for other stations stay outside, also when their address differs by one bit',
  run: async (bench) => {
    await bench.up();
    const frames = [STRANGER, ...NEAR_MISSES].map((to) => bench.frame(60, to));
    await hears(bench, 'frames for others are not received', frames, []);
  },
};

export const broadcast: Scenario = {
  name: 'broadcast',
  description: 'broadcasts are received, with nobody having asked for them',
  run: async (bench) => {
    await bench.up();
    const frames = [60, 600, 1514].map((length) => bench.frame(length, BROADCAST));
    await hears(bench, 'broadcasts are received', frames, frames);
  },
};

export const multicast: Scenario = {
  name: 'multicast',
  description: 'each of the 64 bits of the filter lets its group in and no other; all-multicast lets in all',
  run: async (bench) => {
    await bench.up();
    const { device, subject } = bench;
    const members = groups(subject, 1);
    const twins = groups(subject, 2);
    const some = (list: readonly Uint8Array[]): Uint8Array[] => list.map((to) => bench.frame(60, to));
    await hears(bench, 'without a group no multicast is received', some(members), []);
    for (let bit = 0; bit < HASH_BITS; bit++) {
      subject.machine.process(() => device.addMulticast(members[bit]));
      await bench.settled();
      const frames = some(members);
      await hears(bench, 'a group lets in its own frames only', frames, [frames[bit]]);
      subject.machine.process(() => device.removeMulticast(members[bit]));
      await bench.settled();
    }
    for (const group of [members[5], members[37], members[63]])
      subject.machine.process(() => device.addMulticast(group));
    await bench.settled();
    const frames = some(twins);
    await hears(bench, 'the filter knows groups by their hash', frames, [frames[5], frames[37], frames[63]]);
    subject.machine.process(() => device.setAllMulticast(1));
    await bench.settled();
    const all = some(members);
    await hears(bench, 'all-multicast lets in every group', [...all, bench.frame(60, STRANGER)], all);
    subject.machine.process(() => device.setAllMulticast(-1));
    await bench.settled();
    const again = some(members);
    await hears(bench, 'afterwards the groups count again', again, [again[5], again[37], again[63]]);
  },
};

export const promiscuous: Scenario = {
  name: 'promiscuous',
  description: 'promiscuous mode lets in every frame, and its end shuts them out again',
  run: async (bench) => {
    await bench.up();
    const { device, subject } = bench;
    const make = (): Uint8Array[] =>
      [STRANGER, ...NEAR_MISSES, groups(subject, 1)[7], BROADCAST].map((to) => bench.frame(60, to));
    const before = make();
    await hears(bench, 'before, only broadcasts are received', before, [before[4]]);
    subject.machine.process(() => device.setPromiscuity(1));
    await bench.settled();
    const during = make();
    await hears(bench, 'every frame is received', during, during);
    subject.machine.process(() => device.setPromiscuity(-1));
    await bench.settled();
    const after = make();
    await hears(bench, 'after, only broadcasts are received', after, [after[4]]);
  },
};

export const address: Scenario = {
  name: 'address',
  needs: 'native',
  description: 'a new station address counts at once and after a close, and the old one does not',
  run: async (bench) => {
    await bench.up();
    const { device, subject, check } = bench;
    const old = device.address.slice();
    const change = async (to: Uint8Array, from: Uint8Array, what: string): Promise<void> => {
      subject.machine.process(() => device.setAddress(to));
      await bench.settled();
      check.equal('the device has the new address', formatMac(device.address), formatMac(to));
      const frames = [bench.frame(60, from), bench.frame(60, to), bench.frame(60, BROADCAST)];
      await hears(bench, what, frames, [frames[1], frames[2]]);
      await echoSome(bench);
    };
    await change(NEW_ADDRESS, old, 'only frames for the new address are received');
    bench.closeDevice();
    bench.open();
    await bench.carrier();
    const frames = [bench.frame(60, old), bench.frame(60, NEW_ADDRESS)];
    await hears(bench, 'the new address is kept over a close', frames, [frames[1]]);
    await change(old, NEW_ADDRESS, 'only frames for the old address are received again');
  },
};
