import { expect, test } from 'vitest';
import { Blaster } from '../../test/vocabulary/fake-nic.ts';
import { netMachine } from '../../test/vocabulary/net-machine.ts';
import { LOW_POWER } from '../kernel/profile.ts';
import { ETH_P_IP } from './ether.ts';

/** Packets a second that reach their protocol when `rate` a second arrive, and interrupts a packet. */
function goodput(napi: boolean, rate: number): { perSecond: number; interruptsPerPacket: number } {
  const net = netMachine({ napi, rxRing: 64, machine: { profile: LOW_POWER, mbufs: 4096, clusters: 2048 } });
  let packets = 0;
  net.layer.packetTypes.add({
    name: 'sink',
    type: ETH_P_IP,
    device: null,
    receive: (m) => {
      net.cpu.charge(net.cpu.profile.layer * 2);
      packets++;
      net.machine.mbufs.freem(m);
    },
  });
  const blaster = new Blaster(net.nic, 1e9 / rate);
  net.run(200_000_000);
  const before = packets;
  const interrupts = net.device.interrupts;
  net.run(500_000_000);
  blaster.stop(net.clock);
  const got = packets - before;
  return { perSecond: got * 2, interruptsPerPacket: (net.device.interrupts - interrupts) / Math.max(got, 1) };
}

const OFFERED = [10_000, 20_000, 40_000, 60_000, 80_000, 120_000, 160_000, 320_000];

test('with one interrupt a packet goodput collapses under load: receive livelock', () => {
  const results = OFFERED.map((rate) => goodput(false, rate).perSecond);
  const peak = Math.max(...results);
  expect(peak).toBeGreaterThan(20_000);
  expect(results.at(-1)).toBeLessThan(peak / 10);
});

test('with NAPI goodput stays at its peak, and interrupts fall towards none', () => {
  const results = OFFERED.map((rate) => goodput(true, rate));
  const peak = Math.max(...results.map((result) => result.perSecond));
  expect(peak).toBeGreaterThan(40_000);
  expect(results.at(-1)?.perSecond).toBeGreaterThan(peak * 0.95);
  expect(results[0].interruptsPerPacket).toBeGreaterThan(0.95);
  expect(results.at(-1)?.interruptsPerPacket).toBeLessThan(0.001);
});

test('below capacity both ways deliver everything', () => {
  for (const napi of [false, true]) expect(goodput(napi, 20_000).perSecond).toBeGreaterThan(19_900);
});
