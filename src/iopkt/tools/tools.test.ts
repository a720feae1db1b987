// What ifconfig, nicinfo and netstat say and do. Layouts are compared in whole where a manual shows them; for nicinfo the
// structures count.

import { expect, test } from 'vitest';
import { InetStack } from '../../inet/stack.ts';
import { EADDRNOTAVAIL, EINVAL, EIO, ENXIO, ErrnoError } from '../errno.ts';
import { M_DONTWAIT, MT_HEADER, m_freem, m_get } from '../mbuf.ts';
import { host, type TestHost, type TestHostOptions } from '../testing.ts';
import { ifconfig } from './ifconfig.ts';
import { formatMedia } from './ifconfig-show.ts';
import { classPrefix, parseDotted, parseMask } from './inet.ts';
import { mbufView, netstatInterfaces, netstatMbufs, netstatSource, runNetstat } from './netstat.ts';
import { nicinfo } from './nicinfo.ts';
import { nicRecord } from './records.ts';
import { nicView } from './view.ts';

function configured(
  options: TestHostOptions = {},
): TestHost & { stack: InetStack; run2s(): void; config(...args: string[]): string } {
  const it = host(options);
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
  expect(config('-av')).toMatch(/input: 0 packets.*\n\toutput: [0-9]+ packet/);
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
    ['instance', '16'],
    ['-alias'],
    ['alias'],
    ['netmask', '255.255.255.0'],
    ['10.0.0.1', '10.0.0.2'],
    ['10.0.0.1/24/7'],
    ['10.0.0.1/33'],
    ['10.0.0.1/24', 'broadcast', '10.0.0.254'],
    ['destroy', 'up'],
    ['-destroy'],
    ['-up'],
    ['-down'],
    ['create'],
    ['inet6', 'fe80::1'],
    ['toString'],
  ]) {
    expect([words, errnoOf(() => config('xx0', ...words))]).toEqual([words, EINVAL]);
  }
  for (const words of [['-x'], ['-a', 'xx0'], ['-l', 'xx0']])
    expect([words, errnoOf(() => config(...words))]).toEqual([words, EINVAL]);
  expect([device().mtu, device().up, config('-l')]).toEqual([1500, false, 'xx0']);
  expect(errnoOf(() => config('xx0', 'delete'))).toBe(EADDRNOTAVAIL);
  expect(errnoOf(() => ifconfig(io, null, ['xx0', '10.0.0.1']))).toBe(EINVAL);
  expect([parseMask('24'), parseMask('255.255.255.128'), parseMask('0xff000000')]).toEqual([24, 25, 8]);
  expect(['10.1.1.1', '172.16.0.1', '192.0.2.1'].map((text) => classPrefix(parseDotted(text)!))).toEqual([
    8, 16, 24,
  ]);
});

test('ifconfig names no prefix that nobody typed, and calls a prefix a prefix', () => {
  const { config, stack, device } = configured();
  config('xx0', '10.0.0.1/24');
  config('xx0', '10.0.0.7/24', 'alias');
  expect(() => config('xx0', '10.0.0.77', '-alias')).toThrow(
    'ifconfig: xx0 has no address 10.0.0.77 (EADDRNOTAVAIL)',
  );
  expect(() => config('xx0', '10.0.0.77/25', '-alias')).toThrow('xx0 has no address 10.0.0.77/25 (');
  expect(() => config('xx0', '10.0.0.7/9', '-alias')).toThrow('xx0 has no address 10.0.0.7/9 (');
  expect(stack.addressesOf(device())).toEqual(['10.0.0.1/24', '10.0.0.7/24']);
  config('xx0', '10.0.0.7', '-alias');
  expect(stack.addressesOf(device())).toEqual(['10.0.0.1/24']);
  expect(() => config('xx0', '10.0.0.2/33')).toThrow('ifconfig: prefix 33: 0 to 32 is possible (EINVAL)');
  expect(() => config('xx0', '10.0.0.2', 'prefixlen', 'x')).toThrow('prefix x: 0 to 32 is possible');
  expect(() => config('xx0', '10.0.0.2', 'netmask', '33')).toThrow('netmask 33: 255.255.255.0');
  expect(() => config('xx0', '10.0.0.2', 'netmask', '255.0.255.0')).toThrow('netmask 255.0.255.0 has a hole');
});

test('ifconfig chooses what it shows, in the order people know', () => {
  const { config, run2s, io } = configured({ cards: [{}, {}] });
  config('xx0', '10.0.0.1/24');
  run2s();
  expect([config('-l'), config('-lu'), config('-ld'), config('-lb'), config('-A', '-l')]).toEqual([
    'xx0 xx1',
    'xx0',
    'xx1',
    'xx0 xx1',
    'xx0 xx1',
  ]);
  expect(config('-a', 'inet')).toBe(config());
  const order = config('-mv', 'xx0').match(/^\t\w+( \w+)?/gm);
  expect(order).toEqual([
    '\taddress',
    '\tmedia',
    '\tstatus',
    '\tsupported Ethernet',
    '\tinput',
    '\toutput',
    '\tinet 10',
  ]);
  // -z shows the counters, and begins anew.
  expect(config('-z', 'xx0')).toMatch(/output: [1-9]\d* packet/);
  expect(config('-v', 'xx0')).toContain('input: 0 packets, 0 bytes\n\toutput: 0 packets, 0 bytes\n');
  io.find('xx0')!.if_ierrors = 1;
  io.find('xx0')!.if_collisions = 2;
  expect(config('-v', 'xx0')).toContain(
    'input: 0 packets, 0 bytes, 1 error\n\toutput: 0 packets, 0 bytes, 2 collisions\n',
  );
});

test('ifconfig shows capabilities where there are some', () => {
  const { config, io } = configured();
  const ifp = io.find('xx0')!;
  ifp.if_capabilities_rx = 1;
  ifp.if_capabilities_tx = 7;
  expect(config('xx0')).toContain(
    '\tcapabilities rx=1<IP4CSUM>\n\tcapabilities tx=7<IP4CSUM,TCP4CSUM,UDP4CSUM>\n\tenabled=0\n\taddress',
  );
  ifp.if_capenable_tx = 6;
  expect(config('xx0')).toContain('\tenabled tx=6<TCP4CSUM,UDP4CSUM>\n\taddress');
});

test('a media word is shown with its options by commas, and its instance', () => {
  expect(formatMedia(0x26)).toBe('100baseTX');
  expect(formatMedia(0x500026)).toBe('100baseTX full-duplex,flowcontrol');
  expect(formatMedia(0x20100026, ' mediaopt ')).toBe('100baseTX mediaopt full-duplex instance 2');
});

test('ifconfig: a driver that refuses an address leaves the interface as it was', () => {
  const { config, stack, device, io } = configured();
  config('xx0', '10.0.0.1/24');
  const ifp = io.find('xx0')!;
  const init = ifp.if_init!;
  ifp.if_init = () => EIO;
  for (const words of [['10.0.0.2/24'], ['10.0.0.1/16'], ['10.9.0.1/16', 'alias']])
    expect([words, errnoOf(() => config('xx0', ...words))]).toEqual([words, EIO]);
  expect(stack.addressesOf(device())).toEqual(['10.0.0.1/24']);
  expect(stack.routeList()).toEqual(['10.0.0.0/24 dev xx0 src 10.0.0.1']);
  ifp.if_init = init;
  config('xx0', '10.0.0.2/24');
  expect(stack.addressesOf(device())).toEqual(['10.0.0.2/24']);
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
  // This driver does not know them.
  expect(nicinfo(io, ['-v', 'xx0'])).toBe(nicinfo(io, ['xx0']));
  expect(nicView(io, io.find('xx0')!).stats).toMatchObject({ txed_ok: 3, rxed_ok: 1, octets_rxed_ok: 100 });
  expect(errnoOf(() => nicinfo(io, ['xx7']))).toBe(ENXIO);
  expect(errnoOf(() => nicinfo(io, ['-x']))).toBe(EINVAL);
  expect(nicinfo(io, ['/dev/io-net/en0'])).toBe(nicinfo(io, ['xx0']));
  const record = nicRecord(nicView(io, io.find('xx0')!));
  expect(record).toMatchObject({ error: null, config: { permanent_address: '02:00:00:00:00:01' } });
  expect(Object.keys(record.stats as object)).not.toContain('single_collisions');
});

test('netstat -i and -m', () => {
  const { io, stack, config, machine, run2s, up } = configured();
  config('xx0', '10.0.0.1/24');
  run2s();
  const opkts = io.find('xx0')!.if_opackets;
  expect(netstatInterfaces(io, stack)).toBe(
    [
      'Name Mtu  Network   Address           Ipkts Ierrs Opkts Oerrs Colls',
      `xx0  1500 <Link>    02:00:00:00:00:01     0     0     ${opkts}     0     0`,
      `xx0  1500 10.0.0/24 10.0.0.1              0     0     ${opkts}     0     0`,
    ].join('\n'),
  );
  const source = netstatSource(io, stack);
  const netstat = (...args: string[]): string => runNetstat(source, args).text;
  expect(netstat('-in')).toBe(netstatInterfaces(io, stack));
  expect(netstat('-I', 'xx0')).toBe(netstat('-iIxx0'));
  expect(netstat('-ib').split('\n')[0]).toMatch(/Ibytes +Obytes$/);
  config('xx0', 'down');
  expect(netstat('-i')).toContain('\nxx0* 1500 ');
  for (const words of [[], ['-im'], ['-s'], ['-I'], ['xx0'], ['-']])
    expect([words, errnoOf(() => netstat(...words))]).toEqual([words, EINVAL]);
  expect(errnoOf(() => netstat('-I', 'xx9'))).toBe(ENXIO);
  up();
  const before = mbufView(machine);
  expect(before.byType).toEqual({ data: 16 });
  io.request('test', () => {
    const m = m_get(M_DONTWAIT, MT_HEADER)!;
    expect(mbufView(machine).byType).toEqual({ data: 16, header: 1 });
    expect(netstatMbufs(io)).toContain('17 mbufs in use (most: ');
    m_freem(m);
  });
  // A buffer of the stack's own has no type but data, also one that was a header.
  const again = machine.mbufs.get()!;
  expect(mbufView(machine).byType).toEqual({ data: 17 });
  machine.mbufs.free(again);
});
