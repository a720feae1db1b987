// Load, attach, init again and again, stop, detach, and what must be left after each.

import { expect, test } from 'vitest';
import { InetStack } from '../inet/stack.ts';
import { conservation } from '../net/conservation.ts';
import { dev_attach, device } from './device.ts';
import {
  EALREADY,
  EEXIST,
  EINVAL,
  EIO,
  ENODEV,
  ENOENT,
  ENOEXEC,
  ENXIO,
  EOK,
  EOPNOTSUPP,
  ErrnoError,
} from './errno.ts';
import { IFF_DEBUG, IFF_PROMISC, IFF_RUNNING, IFF_UP } from './flags.ts';
import { umount } from './mount.ts';
import {
  SIOCADDMULTI,
  SIOCGIFDATA,
  SIOCGIFFLAGS,
  SIOCIFDESTROY,
  SIOCSIFFLAGS,
  SIOCSIFMTU,
  SIOCZIFDATA,
} from './sockio.ts';
import { host } from './testing.ts';
import { XX } from './testing-driver.ts';

function errnoOf(work: () => unknown): number {
  try {
    work();
  } catch (error) {
    if (error instanceof ErrnoError) return error.errno;
    throw error;
  }
  return EOK;
}

test('every card found is a unit, names are the lowest free, and options choose prefix and unit', () => {
  const { io } = host({ cards: [{ irq: 5 }, { irq: 9 }, { irq: 10 }] });
  expect(io.mount('xx')).toEqual(['xx0', 'xx1', 'xx2']);
  expect(io.ifnets.map((ifp) => ifp.if_index)).toEqual([1, 2, 3]);
  io.destroy('xx1');
  expect(io.ifnets.map((ifp) => ifp.if_xname)).toEqual(['xx0', 'xx2']);
  expect(io.find('en1')?.if_xname).toBe('xx2');

  const named = host({ cards: [{ irq: 5 }, { irq: 9 }] });
  expect(named.io.mount('/lib/dll/devnp-xx.so', 'name=fec,lan=3')).toEqual(['fec3']);
  expect(named.io.mount('xx')).toEqual(['xx0']);
});

test('what is wrong with a mount is said: no file, neither export, no hardware, options, name taken', () => {
  const { io, log } = host();
  io.register('devnp-empty.so', {});
  io.register('devn-old.so', { io_net_dll_entry: {} });
  expect(errnoOf(() => io.mount('nothing'))).toBe(ENOENT);
  expect(errnoOf(() => io.mount('empty'))).toBe(ENOEXEC);
  expect(errnoOf(() => io.mount('old'))).toBe(ENOENT);
  expect(errnoOf(() => io.mount('xx', 'speed=fast'))).toBe(EINVAL);
  expect(errnoOf(() => io.mount('xx', 'bogus'))).toBe(EINVAL);
  expect(errnoOf(() => io.mount('xx', 'name=averylongprefixxx'))).toBe(EINVAL);
  expect(io.devices.length).toBe(0);
  expect(io.loaded.size).toBe(0);
  io.mount('xx');
  expect(errnoOf(() => io.mount('xx'))).toBe(ENODEV);
  expect(io.loaded.size).toBe(1);
  io.start(['-d', 'missing', '-d', 'xx', 'kermask', '-v', '-P', '21']);
  expect(log.filter((line) => line.includes('-d ')).length).toBe(2);
  expect(() => umount('xx0')).toThrow(/ifconfig xx0 destroy/);
  expect(errnoOf(() => io.start(['-z']))).toBe(EINVAL);
  expect(errnoOf(() => io.start(['-p', 'tcpip', 'bogus=1']))).toBe(EINVAL);
  const twice = host({ cards: [{ irq: 5 }, { irq: 9 }] });
  expect(errnoOf(() => twice.io.mount('xx', 'lan=0'))).toBe(EOK);
  expect(errnoOf(() => twice.io.mount('xx', 'lan=0'))).toBe(EEXIST);
});

test('an io-net driver is given to the shim, as one string', () => {
  const { io } = host();
  const given: (string | null)[] = [];
  io.register('devn-old.so', { io_net_dll_entry: {} });
  io.register('devnp-shim.so', {
    iopkt_drvr_entry: {
      name: 'shim',
      drvr_init: (_dll, _iopkt, options) => {
        given.push(options);
        return ENODEV;
      },
    },
  });
  expect(errnoOf(() => io.mount('old', 'verbose,irq=5'))).toBe(ENODEV);
  expect(errnoOf(() => io.mount('old'))).toBe(ENODEV);
  expect(given).toEqual(['devn-old.so verbose,irq=5', 'devn-old.so']);
});

test('init ten times leaves what once did: resources, interrupt, callout; traffic flows', () => {
  const { io, up, machine, softcs, card, packet, run, taken, send, books } = host();
  io.mount('xx');
  up();
  const census = () => [
    machine.mbufs.inUse,
    io.interrupts.handlers.length,
    io.interrupts.sources.length,
    io.callouts.size,
    io.hooks.length,
    machine.memory.blocks,
  ];
  const once = census();
  for (let i = 0; i < 10; i++) io.protocolStarts('qnet');
  expect(softcs[0].inits).toBe(11);
  expect(census()).toEqual(once);
  card.arrive(packet(3));
  send(4);
  run(1000);
  expect([taken, card.sent, books()]).toEqual([[3], 1, '']);
});

test('an address means init every time, and brings the interface up', () => {
  const { io, layer, softcs, device } = host();
  const stack = new InetStack(layer);
  io.mount('xx');
  stack.addAddress(device(), '10.0.0.1/24');
  expect([softcs[0].inits, device().up]).toEqual([1, true]);
  stack.addAddress(device(), '10.0.1.1/24');
  expect(softcs[0].inits).toBe(2);
  expect(io.find('xx0')!.if_flags & (IFF_UP | IFF_RUNNING)).toBe(IFF_UP | IFF_RUNNING);
});

test('flags, MTU, station address and promiscuous mode mean init; down means stop', () => {
  const { io, up, softcs, device, machine, card } = host();
  io.mount('xx');
  const ifp = io.find('xx0')!;
  const sc = softcs[0];
  const flags = (value: number) => io.ioctl('xx0', SIOCSIFFLAGS, { ifr_name: 'xx0', ifr_flags: value });
  expect(flags(ifp.if_flags | IFF_UP)).toBe(EOK);
  expect([sc.inits, device().up, device().carrier]).toEqual([1, true, true]);
  expect(flags(ifp.if_flags | IFF_DEBUG)).toBe(EOK);
  expect(sc.inits).toBe(2);
  for (const mtu of [45, 1501, 1.5])
    expect(io.ioctl('xx0', SIOCSIFMTU, { ifr_name: 'xx0', ifr_mtu: mtu })).toBe(EINVAL);
  expect(io.ioctl('xx0', SIOCSIFMTU, { ifr_name: 'xx0', ifr_mtu: 1400 })).toBe(EOK);
  expect([sc.inits, ifp.if_mtu, device().mtu]).toEqual([3, 1400, 1400]);
  machine.process(() => device().setMtu(1300));
  expect([sc.inits, ifp.if_mtu]).toEqual([4, 1300]);
  machine.process(() => device().setPromiscuity(1));
  expect([sc.inits, ifp.if_flags & IFF_PROMISC, card.promiscuous]).toEqual([5, IFF_PROMISC, true]);
  machine.process(() => device().setPromiscuity(-1));
  expect([sc.inits, ifp.if_flags & IFF_PROMISC, card.promiscuous]).toEqual([6, 0, false]);
  machine.process(() => device().setAddress(Uint8Array.of(2, 0, 0, 0, 0, 77)));
  expect([sc.inits, ifp.if_sadl[5]]).toEqual([7, 77]);
  const { stops } = sc;
  expect(flags(ifp.if_flags & ~IFF_UP)).toBe(EOK);
  expect([sc.stops, device().up, device().carrier, card.running]).toEqual([stops + 1, false, false, false]);
  expect([ifp.if_flags & IFF_RUNNING, ifp.if_flags_tx & IFF_RUNNING]).toEqual([0, 0]);
  machine.process(() => device().setMtu(1200));
  expect(sc.inits).toBe(7);
  up();
  expect(sc.inits).toBe(8);
});

test('group addresses reach the filter once each; all of them is a range', () => {
  const { io, up, device, machine, card } = host();
  const group = Uint8Array.of(1, 0, 0x5e, 0, 0, 1);
  io.mount('xx');
  machine.process(() => device().addMulticast(group));
  up();
  expect(card.filter).toEqual(['1,0,94,0,0,1-1,0,94,0,0,1']);
  machine.process(() => device().setAllMulticast(1));
  expect(card.filter.length).toBe(2);
  expect(card.filter[1]).toBe('1,0,0,0,0,0-255,255,255,255,255,255');
  machine.process(() => {
    device().setAllMulticast(-1);
    device().removeMulticast(group);
  });
  expect(card.filter).toEqual([]);
  expect(io.ioctl('xx0', SIOCADDMULTI, { ifr_name: 'xx0', ifr_addr: Uint8Array.of(2, 0, 0, 0, 0, 1) })).toBe(
    EINVAL,
  );
});

test('destroy gives everything back, and the file is unloaded; the hardware can be mounted again', () => {
  const cards = [{ irq: 5 }];
  const { io, up, machine, card, send, run, layer } = host({ cards });
  const blocks = machine.memory.blocks;
  io.mount('xx');
  up();
  send(1);
  run(1000);
  expect(io.ioctl('xx0', SIOCIFDESTROY, { ifr_name: 'xx0' })).toBe(EOK);
  expect([io.devices, io.ifnets, io.hooks, io.interrupts.sources, io.interrupts.handlers].flat()).toEqual([]);
  expect([io.callouts.size, io.loaded.size, layer.devices.length, machine.mbufs.inUse]).toEqual([0, 0, 0, 0]);
  expect([card.running, machine.memory.blocks]).toEqual([false, blocks]);
  expect(errnoOf(() => io.destroy('xx0'))).toBe(ENXIO);
  expect(io.ioctl('xx0', SIOCGIFFLAGS, {})).toBe(ENXIO);
});

test('packets in the ring at a stop are booked as dropped, and those that wait too', () => {
  const { io, up, machine, device, send, books } = host({ cards: [{ frameNs: 1_000_000 }] });
  io.mount('xx');
  up();
  for (let i = 0; i < 30; i++) send(i);
  machine.process(() => device().close());
  expect(device().dropReport()).toEqual({ QDISC_RESET: 30 });
  expect(books()).toBe('');
  expect(machine.mbufs.inUse).toBe(0);
});

test('packets in the ring of an interface that is destroyed are booked as dropped, and those that wait too', () => {
  const { io, up, machine, send } = host({ cards: [{ frameNs: 1_000_000 }] });
  io.mount('xx');
  const gone = up();
  for (let i = 0; i < 30; i++) send(i);
  io.destroy('xx0');
  expect(gone.dropReport()).toEqual({ QDISC_RESET: 30 });
  expect(conservation(gone).text).toBe('');
  expect(machine.mbufs.inUse).toBe(0);
});

test('a failing attach, init or detach is an errno, and nothing is left behind', () => {
  const failing = host({
    fn: {
      attach: () => EIO,
    },
  });
  expect(errnoOf(() => failing.io.mount('xx'))).toBe(EIO);
  expect(failing.io.devices).toEqual([]);

  const there = host({ fn: { attach: () => EALREADY } });
  expect(() => there.io.mount('xx')).toThrow(/\(EALREADY\)$/);

  const noInit = host({ fn: { init: () => EIO } });
  noInit.io.mount('xx');
  expect(errnoOf(() => noInit.up())).toBe(EIO);
  expect([noInit.device().up, noInit.io.find('xx0')!.if_flags & IFF_UP]).toEqual([false, 0]);

  const busy = host({ fn: { detach: () => EOPNOTSUPP } });
  busy.io.mount('xx');
  expect(errnoOf(() => busy.io.destroy('xx0'))).toBe(EOPNOTSUPP);
  expect(busy.io.ifnets.length).toBe(1);
});

test('a driver that refuses what nobody waits for is logged, and the run goes on', () => {
  let refuse = false;
  const it = host({
    fn: {
      ioctl: (ifp, cmd, data) => (refuse ? EIO : XX.ioctl(ifp, cmd, data)),
      init: (ifp) => (refuse ? EIO : XX.init(ifp)),
    },
  });
  const stack = new InetStack(it.layer);
  it.io.mount('xx');
  it.up();
  refuse = true;
  it.machine.process(() => {
    it.device().addMulticast(Uint8Array.of(1, 0, 0x5e, 0, 0, 1));
    it.device().setPromiscuity(1);
    it.device().setAddress(Uint8Array.of(2, 0, 0, 0, 0, 7));
  });
  it.io.protocolStarts('qnet');
  // A request has stack context when an address comes: later, and logged.
  it.io.request('test', () => {
    it.io.stack.defer(null, 'address', () => stack.addAddress(it.device(), '10.0.0.1/24'));
  });
  it.run(1000);
  expect(it.log.map((line) => line.replace('machine: ', ''))).toEqual([
    'xx0: SIOCADDMULTI failed (EIO)',
    // The next change of the receive mode tries it again.
    'xx0: SIOCADDMULTI failed (EIO)',
    'xx0: SIOCSIFFLAGS failed (EIO)',
    'xx0: if_init failed (EIO)',
    'xx0: if_init failed (EIO)',
    'xx0: SIOCSIFADDR failed (EIO)',
  ]);
  expect(it.device().up).toBe(true);
});

test('what a driver leaves behind at attach or detach is named, and taken from it', () => {
  const { io, up } = host({
    fn: {
      detach(sc, flags) {
        const { hook } = sc;
        sc.hook = null;
        const error = XX.detach(sc, flags);
        sc.hook = hook;
        return error;
      },
    },
  });
  io.mount('xx');
  up();
  expect(() => io.destroy('xx0')).toThrow(/detach of xx0 left a shutdown hook.*rule F02/);
  expect([io.hooks.length, io.devices.length]).toEqual([0, 0]);

  const half = host({
    fn: {
      attach(sc, options) {
        XX.attach(sc, options);
        return EIO;
      },
    },
  });
  expect(() => half.io.mount('xx')).toThrow(
    /attach of xx0 failed with EIO and left interface xx0, .*rule F01/,
  );
  expect([half.layer.devices, half.io.ifnets, half.io.interrupts.sources].flat()).toEqual([]);
});

test('SIOCGIFDATA tells the counters, SIOCZIFDATA zeroes what is told', () => {
  const { io, up, card, packet, run, books } = host();
  io.mount('xx');
  up();
  card.arrive(packet(1));
  run(1000);
  const data: Record<string, number> = {};
  expect(io.ioctl('xx0', SIOCZIFDATA, data)).toBe(EOK);
  expect([data.ifi_ipackets, data.ifi_ibytes, data.ifi_mtu]).toEqual([1, 60, 1500]);
  card.arrive(packet(1));
  card.arrive(packet(1));
  run(1000);
  io.ioctl('xx0', SIOCGIFDATA, data);
  expect([data.ifi_ipackets, data.ifi_ibytes]).toEqual([2, 120]);
  expect(books()).toBe('');
});

test('the orderly stop runs the hooks, the newest first, and then nothing answers', () => {
  const order: string[] = [];
  const { io, up, device, send, card, run, log } = host({
    cards: [{ irq: 5 }, { irq: 9 }],
    fn: {
      shutdown(sc) {
        order.push(sc.dv_xname);
        XX.shutdown(sc);
      },
    },
  });
  io.mount('xx');
  up('xx0');
  up('xx1');
  expect(io.stop().every((result) => result.ok)).toBe(true);
  expect(order).toEqual(['xx1', 'xx0']);
  expect(() => io.mount('xx')).toThrow(/has stopped/);
  send(1);
  card.arrive(new Uint8Array(60));
  run(5_000_000_000);
  expect([card.running, card.sent, device().dropReport().DEV_READY]).toEqual([false, 0, 1]);
  expect(log).toEqual([]);
});

test('dev_attach with a prefix that is no name is EINVAL', () => {
  const { io } = host();
  io.register('devnp-odd.so', {
    iopkt_drvr_entry: {
      name: 'odd',
      drvr_init: () =>
        dev_attach(
          '9x',
          null,
          {
            ca_name: '9x',
            ca_new: () => new device(),
            ca_match: null,
            ca_attach: () => EOK,
            ca_detach: null,
            ca_activate: null,
          },
          null,
          { value: 0 },
          { value: null },
          null,
        ),
    },
  });
  expect(errnoOf(() => io.mount('odd'))).toBe(EINVAL);
});
