// What ifconfig, nicinfo and netstat say and do. Layouts are compared in whole where a manual shows them; for nicinfo the
// structures count.

import { expect, test } from 'vitest';
import { InetStack } from '../../inet/stack.ts';
import { EINVAL, ENXIO, ErrnoError } from '../errno.ts';
import { M_DONTWAIT, MT_HEADER, m_freem, m_get } from '../mbuf.ts';
import { host, type TestHost } from '../testing.ts';
import { ifconfig } from './ifconfig.ts';
import { classPrefix, parseDotted, parseMask } from './inet.ts';
import { mbufView, netstatInterfaces, netstatMbufs } from './netstat.ts';
import { nicinfo } from './nicinfo.ts';
import { nicView } from './view.ts';

function configured(): TestHost & { stack: InetStack; run2s(): void; config(...args: string[]): string } {
  const it = host();
  const stack = new InetStack(it.layer);
  it.io.mount('xx');
  return {
    ...it,
    stack,
    run2s: () => it.run(2_500_000_000),
    config: (...args) => ifconfig(it.io, stack, args),
  };
}

function errnoOf(work: () => unknown): number {
  try {
    work();
  } catch (error) {
    if (error instanceof ErrnoError) return error.errno;
    throw error;
  }
  return 0;
}

test('ifconfig shows an interface as people know it', () => {
  const { config, run2s } = configured();
  config('xx0', '10.42.97.47', 'netmask', '0xfffff800', 'up');
  run2s();
  expect(config('xx0')).toBe(
    [
      'xx0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1500',
      '\taddress: 02:00:00:00:00:01',
      '\tmedia: Ethernet autoselect (100baseTX full-duplex)',
      '\tstatus: active',
      '\tinet 10.42.97.47 netmask 0xfffff800 broadcast 10.42.103.255',
    ].join('\n'),
  );
  expect(config('-m', 'xx0')).toContain(
    '\tsupported Ethernet media:\n\t\tmedia none\n\t\tmedia autoselect\n',
  );
  expect(config('-m', 'xx0')).toContain('\t\tmedia 100baseTX mediaopt full-duplex');
  expect(config('-av')).toMatch(/input: 0 packets.*\n\toutput: [0-9]+ packets/);
  expect(config('-a')).toBe(config('xx0'));
});

test('ifconfig sets: address, alias, mtu, media, promiscuous mode, up and down, and destroys', () => {
  const { config, stack, device, io, card, softcs, run2s } = configured();
  config('xx0', '10.0.0.1');
  expect([stack.addressesOf(device()), device().up, softcs[0].inits]).toEqual([['10.0.0.1/8'], true, 1]);
  config('xx0', 'inet', '10.0.0.2/24');
  expect([stack.addressesOf(device()), softcs[0].inits]).toEqual([['10.0.0.2/24'], 2]);
  config('xx0', '192.168.7.1', 'alias');
  expect(stack.addressesOf(device())).toEqual(['10.0.0.2/24', '192.168.7.1/24']);
  config('xx0', '192.168.7.1', '-alias');
  expect(stack.addressesOf(device())).toEqual(['10.0.0.2/24']);
  // An address that cannot be set leaves the old one.
  expect(() => config('xx0', '10.0.0.255', 'prefixlen', '24')).toThrow();
  expect(stack.addressesOf(device())).toEqual(['10.0.0.2/24']);
  config('xx0', 'mtu', '1280', 'link0');
  expect([device().mtu, io.find('xx0')!.if_flags & 0x1000]).toEqual([1280, 0x1000]);
  config('xx0', 'media', '100baseTX', 'mediaopt', 'full-duplex');
  expect(card.phy[0]).toBe(0x2100);
  config('xx0', '-mediaopt', 'fdx');
  expect(card.phy[0]).toBe(0x2000);
  config('xx0', 'media', 'autoselect');
  run2s();
  expect(config('xx0')).toContain('media: Ethernet autoselect (100baseTX full-duplex)');
  for (let i = 0; i < 2; i++) config('xx0', 'promisc');
  expect(card.promiscuous).toBe(true);
  config('xx0', '-promisc');
  expect(card.promiscuous).toBe(false);
  config('xx0', 'down');
  expect([device().up, card.running]).toEqual([false, false]);
  expect(config('xx0')).toContain('flags=9802<BROADCAST,SIMPLEX,LINK0,MULTICAST>');
  config('xx0', 'up');
  expect(device().up).toBe(true);
  config('en0', 'destroy');
  expect(errnoOf(() => config('xx0'))).toBe(ENXIO);
});

test('ifconfig says what is wrong, and does nothing then', () => {
  const { config, device, io } = configured();
  for (const words of [
    ['mtu'],
    ['mtu', 'x'],
    ['mtu', '45'],
    ['mtu', '1400', 'sideways'],
    ['media', 'token'],
    ['mediaopt', 'warp'],
    ['10.0.0.300'],
    ['10.0.0.1', 'netmask', '255.0.255.0'],
    ['media', '1000baseT'],
  ]) {
    expect([words, errnoOf(() => config('xx0', ...words))]).toEqual([words, EINVAL]);
  }
  expect([device().mtu, device().up]).toEqual([1500, false]);
  expect(errnoOf(() => ifconfig(io, null, ['xx0', '10.0.0.1']))).toBe(EINVAL);
  expect([parseMask('24'), parseMask('255.255.255.128'), parseMask('0xff000000')]).toEqual([24, 25, 8]);
  expect(['10.1.1.1', '172.16.0.1', '192.0.2.1'].map((text) => classPrefix(parseDotted(text)!))).toEqual([
    8, 16, 24,
  ]);
});

test('nicinfo shows what the driver tells, and only counters that are valid', () => {
  const { io, up, run2s, send, card, packet } = configured();
  up();
  expect(nicinfo(io, ['xx0'])).toMatch(/Current Operation Rate \.+ Unknown/);
  run2s();
  for (let i = 0; i < 3; i++) send(i);
  card.arrive(packet(1, 100));
  run2s();
  const text = nicinfo(io, []);
  expect(text).toMatch(/^xx0:\n {2}Made-up Ethernet\n/);
  expect(text).toMatch(/Physical Node ID \.+ 020000 000001/);
  expect(text).toMatch(/Current Operation Rate \.+ 100\.00 Mb\/s full-duplex/);
  expect(text).toMatch(/Packets Transmitted OK \.+ 3/);
  expect(text).toMatch(/Bytes Received OK \.+ 100/);
  expect(text).toMatch(/CRC errors \.+ 0/);
  expect(text).not.toMatch(/Collision/);
  expect(nicinfo(io, ['-s', 'xx0'])).not.toMatch(/Node ID/);
  expect(nicinfo(io, ['-v', 'xx0'])).toMatch(/Vendor ID \.+ 0x0/);
  expect(nicView(io, io.find('xx0')!).stats).toMatchObject({ txed_ok: 3, rxed_ok: 1, octets_rxed_ok: 100 });
  expect(errnoOf(() => nicinfo(io, ['xx7']))).toBe(ENXIO);
});

test('netstat -i and -m', () => {
  const { io, stack, config, machine, run2s, up } = configured();
  config('xx0', '10.0.0.1/24');
  run2s();
  const opkts = io.find('xx0')!.if_opackets;
  expect(netstatInterfaces(io, stack)).toBe(
    [
      'Name Mtu  Network     Address           Ipkts Ierrs Opkts Oerrs Colls',
      `xx0  1500 <Link>      02:00:00:00:00:01     0     0     ${opkts}     0     0`,
      `xx0  1500 10.0.0.0/24 10.0.0.1              0     0     ${opkts}     0     0`,
    ].join('\n'),
  );
  up();
  const before = mbufView(io);
  expect(before.byType).toEqual({ data: 16 });
  io.request('test', () => {
    const m = m_get(M_DONTWAIT, MT_HEADER)!;
    expect(mbufView(io).byType).toEqual({ data: 16, header: 1 });
    expect(netstatMbufs(io)).toContain('17 mbufs in use (most: ');
    m_freem(m);
  });
  // A buffer of the stack's own has no type but data, also one that was a header.
  const again = machine.mbufs.get()!;
  expect(mbufView(io).byType).toEqual({ data: 17 });
  machine.mbufs.free(again);
});
