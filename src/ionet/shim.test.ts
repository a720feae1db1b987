// Traffic and requests through the shim: an io-net driver that knows nothing of io-pkt is one more Ethernet interface of it.

import { describe, expect, test } from 'vitest';
import { EINVAL, EOK } from '../iopkt/errno.ts';
import { IFF_SHIM, LINK_STATE_UNKNOWN } from '../iopkt/flags.ts';
import {
  DRVCOM_CONFIG,
  DRVCOM_STATS,
  nic_config_t,
  nic_stats_t,
  sizeof_nic_config_t,
  sizeof_nic_stats_t,
} from '../iopkt/nic.ts';
import {
  ifmediareq_init,
  SIOCADDMULTI,
  SIOCDELMULTI,
  SIOCGDRVCOM,
  SIOCGIFMEDIA,
  SIOCSIFMTU,
} from '../iopkt/sockio.ts';
import { ifconfig } from '../iopkt/tools/ifconfig.ts';
import { nicinfo } from '../iopkt/tools/nicinfo.ts';
import { LOW_POWER } from '../kernel/profile.ts';
import { LIST_LIMIT } from './shim/device.ts';
import { shimFindings } from './shim/findings.ts';
import { ShimHost } from './testing.ts';

const SECOND = 1_000_000_000;
const marks = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

for (const rxcopy of [true, false]) {
  const how = rxcopy ? 'by copy' : 'by loan';
  const options = rxcopy ? null : 'shimrxcopy=0';

  describe(`packets in, ${how}`, () => {
    test('arrive whole and in order, in bursts of every size', () => {
      const it = new ShimHost();
      it.up(options);
      let mark = 0;
      for (let burst = 1; burst <= 16; burst++) {
        for (let i = 0; i < burst; i++) it.card.arrive(it.frame(++mark, 60 + ((mark * 97) % 1455)));
        it.run(100_000);
      }
      expect(it.taken).toEqual(marks(mark));
      const view = it.view();
      expect([view.copies, view.loans]).toEqual(rxcopy ? [mark, 0] : [0, mark]);
      expect(it.io.find('en0')!.if_ipackets).toBe(mark);
      expect(it.books()).toBe('');
      expect(it.rules).toEqual([]);
    });

    test('bytes are those of the wire', () => {
      const it = new ShimHost();
      it.up(options);
      const seen: Uint8Array[] = [];
      const [taker] = it.layer.packetTypes.buckets[0];
      it.layer.packetTypes.remove(taker);
      it.layer.packetTypes.add({
        name: 'reader',
        type: 0x0800,
        device: null,
        receive: (m) => {
          seen.push(it.machine.memory.u8.slice(m.data - 14, m.data + m.length));
          it.machine.mbufs.freem(m);
        },
      });
      const frames = [60, 61, 62, 63, 97, 1513, 1514].map((length, mark) => {
        const bytes = it.frame(mark, length);
        for (let i = 14; i < length - 4; i++) bytes[i] = (i * 7 + length) & 0xff;
        return bytes;
      });
      for (const bytes of frames) it.card.arrive(bytes);
      it.run(100_000);
      expect(seen).toEqual(frames);
    });

    test('a burst costs one thread switch, which the profile charges', () => {
      const it = new ShimHost({ machine: { profile: LOW_POWER } });
      it.up(options);
      it.run(10_000_000);
      const { cpu } = it.machine;
      const before = [it.view().switches, cpu.contextSwitches];
      for (let i = 0; i < 5; i++) {
        for (let k = 0; k < 8; k++) it.card.arrive(it.frame(i * 8 + k + 1));
        it.run(10_000_000);
      }
      const switches = it.view().switches - before[0];
      expect(it.taken).toEqual(marks(40));
      expect(switches).toBeGreaterThanOrEqual(5);
      expect(switches).toBeLessThanOrEqual(10);
      expect(cpu.contextSwitches - before[1]).toBeGreaterThanOrEqual(switches);
    });
  });
}

test('the loan: the stack has the buffer of the driver itself, which is back when the packet is freed', () => {
  const it = new ShimHost();
  it.up('shimrxcopy=0');
  const xx = it.devs[0];
  const free = xx.free.length;
  it.hoard = [];
  for (const mark of [1, 2, 3]) it.card.arrive(it.frame(mark));
  it.run(100_000);
  expect(it.view().lent).toBe(3);
  expect(xx.free.length).toBe(free - 3);
  for (const m of it.hoard) expect(xx.pool.some(({ address }) => m.start === address)).toBe(true);
  // A second reference to the bytes: the loan ends with the last one.
  const copy = it.machine.mbufs.copym(it.hoard[0], 0, it.hoard[0].packetLength)!;
  for (const m of it.hoard) it.machine.mbufs.freem(m);
  expect(it.view().lent).toBe(1);
  it.machine.mbufs.freem(copy);
  expect(it.view().lent).toBe(0);
  expect(xx.free.length).toBe(free);
});

test('packets out: fragments, zero-length members, a full ring, in order; each npkt comes back once', () => {
  const it = new ShimHost({ cards: [{ frameNs: 1000 }] });
  it.up();
  for (let mark = 1; mark <= 60; mark++)
    it.send(it.frame(mark, 60 + mark * 20), mark % 3 === 0 ? [0, 14, 0, 20] : []);
  it.run(SECOND);
  expect(it.card.frames.map((bytes) => bytes[bytes.length - 1])).toEqual(marks(60));
  expect(it.card.frames.map((bytes) => bytes.length)).toEqual(marks(60).map((mark) => 60 + mark * 20));
  expect(it.view().withDriver).toBe(0);
  expect(it.io.find('en0')!.if_opackets).toBe(60);
  expect(it.machine.mbufs.inUse).toBe(0);
  expect(it.books()).toBe('');
  expect(it.rules).toEqual([]);
});

test('what the driver cannot take is not sent, and counted', () => {
  const it = new ShimHost({ cards: [{ frameNs: 1_000_000 }] });
  it.up('transmit=4');
  for (let mark = 1; mark <= 40; mark++) it.send(it.frame(mark));
  it.run(SECOND);
  const ifp = it.io.find('en0')!;
  expect(ifp.if_opackets + ifp.if_oerrors).toBe(40);
  expect(ifp.if_oerrors).toBe(40 - 16 - 4);
  expect(it.card.frames.length).toBe(ifp.if_opackets);
  expect(it.books()).toBe('');
});

test('with the link down nothing is sent, and everything counted', () => {
  const it = new ShimHost();
  it.up();
  it.card.setLink(false);
  it.run(5 * SECOND);
  for (let mark = 1; mark <= 5; mark++) it.send(it.frame(mark));
  expect(it.io.find('en0')!.if_oerrors).toBe(5);
  it.card.setLink(true);
  it.run(5 * SECOND);
  it.send(it.frame(6));
  it.run(1000);
  expect(it.card.frames.length).toBe(1);
  expect(it.books()).toBe('');
});

test('frames that come while the interface is down go back to the driver, which is alive since its init', () => {
  const it = new ShimHost();
  it.io.mount('xx');
  const xx = it.devs[0];
  const free = xx.free.length;
  it.run(1000);
  for (let mark = 1; mark <= 5; mark++) it.card.arrive(it.frame(mark));
  it.run(1000);
  expect(xx.stats.rxed_ok).toBe(5);
  expect(xx.free.length).toBe(free);
  expect(it.taken).toEqual([]);
  it.open('en0');
  it.card.arrive(it.frame(6));
  it.run(1000);
  expect(it.taken).toEqual([6]);
  expect(it.books()).toBe('');
});

test(`the list holds ${LIST_LIMIT}; more goes back to the driver, and counts as if_iqdrops`, () => {
  const it = new ShimHost({ cards: [{ slots: 600 }], machine: { memory: 0x800000 } });
  it.up('receive=600');
  // Threads are quiesced: the worker does not come, the driver's thread does.
  it.io.quiesced++;
  for (let mark = 1; mark <= 600; mark++) it.card.arrive(it.frame(mark));
  it.run(1000);
  expect(it.view().listed).toBe(LIST_LIMIT);
  it.io.quiesced--;
  it.io.interrupts.resume();
  it.run(1_000_000);
  expect(it.taken).toEqual(marks(LIST_LIMIT));
  expect(it.io.find('en0')!.if_iqdrops).toBe(600 - LIST_LIMIT);
  expect(it.devs[0].free.length).toBe(600);
  expect(it.books()).toBe('');
});

test('without mbufs a frame is dropped, counted, and its buffer is back', () => {
  const it = new ShimHost({ machine: { mbufs: 64, clusters: 4 } });
  it.up();
  it.hoard = [];
  const free = it.devs[0].free.length;
  for (let mark = 1; mark <= 10; mark++) it.card.arrive(it.frame(mark));
  it.run(1000);
  expect(it.taken).toEqual([1, 2, 3, 4]);
  expect(it.io.find('en0')!.if_ierrors).toBe(6);
  expect(it.devs[0].free.length).toBe(free);
});

describe('requests', () => {
  test('the interface is enN with SHIM and the mark of its number; lan= forces it', () => {
    const it = new ShimHost({ cards: [{}, { irq: 10, mac: Uint8Array.of(2, 0, 0, 0, 0, 2) }] });
    expect(it.io.mount('xx')).toEqual(['en0', 'en1']);
    expect(it.io.find('en1')!.if_flags & IFF_SHIM).toBe(IFF_SHIM);
    expect(it.io.find('en1')!.if_link_state).toBe(LINK_STATE_UNKNOWN);
    const other = new ShimHost();
    expect(other.io.mount('xx', 'lan=7,name=wan')).toEqual(['wan7']);
    expect(() => other.io.mount('xx', 'lan=7,name=wan')).toThrow(/EEXIST/);
  });

  test('by hand, with the string of the manual, and as part of a command line', () => {
    const it = new ShimHost();
    it.io.start(['-d', 'shim', 'shimrxcopy=0 "devn-xx.so receive=10"']);
    expect(it.log).toEqual([]);
    expect(it.view()).toMatchObject({ file: 'devn-xx.so', rxcopy: false });
    expect(it.devs[0].buffers).toBe(10);
    expect(() => it.io.mount('shim', 'devn-yy.so')).toThrow(/ENOENT/);
    expect(() => it.io.mount('shim', 'receive=10')).toThrow(/EINVAL/);
    expect(() => it.io.mount('shim', 'shimrxcopy=2 devn-xx.so')).toThrow(/EINVAL/);
    expect(() => it.io.mount('shim', 'devnp-shim.so')).toThrow(/ENOEXEC/);
  });

  test('nicinfo and ifconfig answer what the driver says', () => {
    const it = new ShimHost();
    it.up();
    for (let mark = 1; mark <= 3; mark++) it.card.arrive(it.frame(mark));
    it.send(it.frame(4));
    it.run(3 * SECOND);
    const config = new nic_config_t();
    const ask = (cmd: number, len: number, data: nic_config_t | nic_stats_t): number =>
      it.io.ioctl('en0', SIOCGDRVCOM, { ifdc_name: 'en0', ifdc_cmd: cmd, ifdc_len: len, ifdc_data: data });
    expect(ask(DRVCOM_CONFIG, sizeof_nic_config_t, config)).toBe(EOK);
    expect(config).toEqual(it.devs[0].cfg);
    const stats = new nic_stats_t();
    expect(ask(DRVCOM_STATS, sizeof_nic_stats_t, stats)).toBe(EOK);
    expect([stats.rxed_ok, stats.txed_ok]).toEqual([3, 1]);
    expect(ask(DRVCOM_CONFIG, 1, config)).toBe(EINVAL);
    expect(nicinfo(it.io, ['en0'])).toContain('Made-up Ethernet');
    expect(ifconfig(it.io, null, ['en0'])).toMatch(/UP,.*SHIM/);
    // Speed and duplex are the driver's options: there are no media.
    expect(it.io.ioctl('en0', SIOCGIFMEDIA, ifmediareq_init('en0', 0))).not.toBe(EOK);
    expect(it.io.ioctl('en0', SIOCSIFMTU, { ifr_name: 'en0', ifr_mtu: 1501 })).toBe(EINVAL);
  });

  for (const track of [false, true]) {
    test(`groups reach the driver by ${track ? 'message' : 'devctl'}, promiscuous mode by devctl`, () => {
      const it = new ShimHost();
      const group = Uint8Array.of(1, 0, 0x5e, 0, 0, 1);
      it.up(track ? 'track' : null);
      const device = it.device();
      it.machine.process(() => device.addMulticast(group));
      expect(it.devs[0].groups).toEqual([`${group}-${group}`]);
      it.machine.process(() => device.removeMulticast(group));
      expect(it.devs[0].groups).toEqual([]);
      const bad = { ifr_name: 'en0', ifr_addr: Uint8Array.of(2, 0, 0, 0, 0, 1) };
      expect(it.io.ioctl('en0', SIOCADDMULTI, bad)).toBe(EINVAL);
      expect(it.io.ioctl('en0', SIOCDELMULTI, { ...bad, ifr_addr: group })).not.toBe(EOK);
      it.machine.process(() => device.setPromiscuity(1));
      expect(it.card.promiscuous).toBe(true);
      it.machine.process(() => device.setPromiscuity(-1));
      expect(it.card.promiscuous).toBe(false);
      expect(it.view().withDriver).toBe(0);
      expect(shimFindings(it.io)).toEqual([]);
    });
  }
});
