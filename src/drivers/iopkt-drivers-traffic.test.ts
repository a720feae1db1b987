// Traffic, filter, media and requests of the native io-pkt drivers, on each of their chips: the rules P05 to P08, P15 to P18,
// F04, F05, on our models and the virtual clock.

import { describe, expect, test } from 'vitest';
import { BROADCAST, frame, MILLISECOND, SECOND } from '../../test/vocabulary/bench.ts';
import { expectWorks, IOPKT_SUBJECTS, maker } from '../../test/vocabulary/iopkt-subject.ts';
import { EINVAL, ENOTTY, EOK, EOPNOTSUPP } from '../iopkt/errno.ts';
import { IFF_ALLMULTI, IFF_PROMISC } from '../iopkt/flags.ts';
import { IFM_AUTO, IFM_ETHER, IFM_NONE } from '../iopkt/ifmedia-words.ts';
import {
  DRVCOM_CONFIG,
  NIC_FLAG_LINK_DOWN,
  NIC_FLAG_MULTICAST,
  NIC_FLAG_PROMISCUOUS,
  nic_config_t,
  sizeof_nic_config_t,
} from '../iopkt/nic.ts';
import {
  ifmediareq_init,
  SIOCADDMULTI,
  SIOCDELMULTI,
  SIOCGDRVCOM,
  SIOCGIFMEDIA,
  SIOCSIFMEDIA,
} from '../iopkt/sockio.ts';
import { X86_DESKTOP } from '../kernel/profile.ts';

const GROUP = Uint8Array.of(0x01, 0x00, 0x5e, 0x01, 0x02, 0x03);
const OTHER_GROUP = Uint8Array.of(0x01, 0x00, 0x5e, 0x7f, 0x00, 0x09);
const STRANGER = Uint8Array.of(0x02, 0, 0, 0, 0, 0x77);

describe.each(IOPKT_SUBJECTS)('%s on %s', (driver, chip) => {
  const make = maker(driver, chip);
  const name = driver === 'pcn' ? 'pcn0' : 'fxp0';

  // ---- transmit

  test('a full ring stops the queue, and everything leaves in order (P05, N10)', () => {
    const host = make({
      bitsPerSecond: 100_000_000,
      options: 'transmit=16',
      machine: { profile: X86_DESKTOP },
    });
    const frames = Array.from({ length: 200 }, (_, i) => frame(60 + ((i * 97) % 1455), i));
    for (const bytes of frames) host.send(bytes);
    expect(host.device().queued).toBeGreaterThan(50);
    host.run(SECOND);
    host.expectFrame(...frames);
    host.run(3 * SECOND);
    expect([host.device().ops.held!(), host.device().queued]).toEqual([0, 0]);
    expect(host.device().tx.packets).toBe(200);
    expect(host.device().txQueues[0].timeouts).toBe(0);
    host.expectConserved();
  });

  test('empty pieces are skipped, too many are copied, and without a buffer for that the packet fails (P06)', () => {
    const host = make();
    const cuts = [[0, 14, 0, 20, 0], Array.from({ length: 40 }, () => 30), [1, 1, 1, 1, 1, 1, 1], [0, 0, 0]];
    for (const [i, pieces] of cuts.entries()) host.send(frame(1400, i), pieces);
    host.run();
    host.expectFrame(...cuts.map((_, i) => frame(1400, i)));
    const m = host.packet(frame(1400), cuts[1]);
    const { mbufs } = host.machine;
    const taken = [];
    for (let free = mbufs.getcl(); free !== null; free = mbufs.getcl()) taken.push(free);
    host.machine.process(() => host.device().transmit(m));
    host.run();
    expect(host.ifp().if_oerrors).toBe(1);
    for (const each of taken) mbufs.freem(each);
    expectWorks(host);
  });

  test('a transmission that never ends is noticed, counted, and got over (F04)', () => {
    const host = make({ bitsPerSecond: 100_000_000 });
    host.wire.stuck = true;
    for (let i = 0; i < 100; i++) host.send(frame(1000, i));
    host.run(7 * SECOND);
    expect(host.log.some((line) => /timeout|hangs/.test(line))).toBe(true);
    expect(host.ifp().if_oerrors).toBeGreaterThan(0);
    host.wire.release();
    host.run(10 * SECOND);
    host.expectConserved();
    host.wire.frames.length = 0;
    expectWorks(host);
  });

  // ---- receive

  test('without buffers frames are dropped and counted, the ring stays full, and then all goes on (P07)', () => {
    const host = make();
    const { mbufs } = host.machine;
    const taken = [];
    for (let m = mbufs.getcl(); m !== null; m = mbufs.getcl()) taken.push(m);
    for (let i = 0; i < 100; i++) {
      host.wire.deliver(frame(100, i));
      host.run(100_000);
    }
    expect(host.received).toEqual([]);
    expect(host.ifp().if_ierrors).toBe(100);
    for (const m of taken) mbufs.freem(m);
    expectWorks(host);
  });

  test('more frames than buffers: the rest is counted, and the receiver comes back by itself (R07)', () => {
    const host = make({ options: 'receive=16' });
    const line = host.machine.irq.line(host.pcis[0].irq);
    for (let round = 1; round <= 20; round++) {
      line.disable();
      const frames = Array.from({ length: 16 + round }, (_, i) => frame(100 + i, round));
      host.wire.deliver(...frames);
      line.enable();
      host.run();
      host.expectReceived(...frames.slice(0, 16));
      expect(host.received).toEqual([]);
    }
    host.run(3 * SECOND);
    host.stats();
    expect(host.ifp().if_ierrors).toBe((20 * 21) / 2);
    expectWorks(host);
  });

  test('frames arrive while the driver works, with an expensive processor (I04)', () => {
    const host = make({
      machine: { profile: X86_DESKTOP, mbufs: 4096, clusters: 2048 },
      options: 'receive=32',
    });
    host.keep = false;
    const frames = Array.from({ length: 3000 }, (_, i) => frame(60 + ((i * 31) % 1400), i));
    host.wire.stream(frames, 6_000);
    host.run(SECOND);
    host.run(3 * SECOND);
    host.stats();
    expect(host.receivedCount + host.ifp().if_ierrors).toBe(3000);
    expect(host.receivedCount).toBeGreaterThan(500);
    expectWorks(host);
  });

  // ---- filter

  test('groups, all of them, and everybody: told to a card that runs, and to one that starts later (P17)', () => {
    const host = make();
    const everyone = [BROADCAST, GROUP, OTHER_GROUP, STRANGER];
    const heard = (): Uint8Array[] => {
      host.run();
      host.received.length = 0;
      for (const to of everyone) host.wire.deliver(frame(60, 1, to));
      host.run();
      return host.received.map((bytes) => bytes.slice(0, 6));
    };
    const { machine } = host;
    const device = host.device();
    const once = host.census();
    expect(heard()).toEqual([BROADCAST]);
    machine.process(() => device.addMulticast(GROUP));
    expect(heard()).toEqual([BROADCAST, GROUP]);
    machine.process(() => device.setAllMulticast(1));
    expect(host.ifp().if_flags & IFF_ALLMULTI).toBe(IFF_ALLMULTI);
    expect(heard()).toEqual([BROADCAST, GROUP, OTHER_GROUP]);
    machine.process(() => device.setPromiscuity(1));
    expect(host.ifp().if_flags & IFF_PROMISC).toBe(IFF_PROMISC);
    expect(heard()).toEqual(everyone);
    host.io.protocolStarts('qnet');
    expect(heard()).toEqual(everyone);
    machine.process(() => device.setPromiscuity(-1));
    machine.process(() => device.setAllMulticast(-1));
    expect(host.ifp().if_flags & IFF_ALLMULTI).toBe(0);
    expect(heard()).toEqual([BROADCAST, GROUP]);
    expect(host.census()).toEqual(once);
  });

  test('a filter for a card that does not run is not written, and is there when it does (P17)', () => {
    const host = make({ up: false });
    const request = (cmd: number, address: Uint8Array): number =>
      host.io.ioctl(name, cmd, { ifr_name: name, ifr_addr: address });
    const { writes } = host.card;
    expect(request(SIOCADDMULTI, OTHER_GROUP)).toBe(EOK);
    expect(request(SIOCADDMULTI, GROUP)).toBe(EOK);
    expect(request(SIOCDELMULTI, OTHER_GROUP)).toBe(EOK);
    expect(request(SIOCADDMULTI, STRANGER)).toBe(EINVAL);
    expect(host.card.writes).toBe(writes);
    host.machine.process(() => host.device().addMulticast(GROUP));
    host.up();
    host.wire.deliver(frame(60, 1, GROUP), frame(60, 2, OTHER_GROUP));
    host.run();
    host.expectReceived(frame(60, 1, GROUP));
    expect(host.received).toEqual([]);
    // Many more groups than any list of a card's holds.
    host.machine.process(() => {
      for (let i = 0; i < 200; i++) host.device().addMulticast(Uint8Array.of(1, 0, 0x5e, 7, i >> 4, i & 15));
    });
    host.run();
    host.wire.deliver(frame(60, 1, GROUP), frame(60, 2, Uint8Array.of(1, 0, 0x5e, 7, 12, 7)));
    host.run();
    expect(host.received.length).toBe(2);
  });

  test('options: promiscuous, nomulticast, mac', () => {
    const host = make({ options: 'promiscuous,mac=020000000077' });
    expect(Array.from(host.device().address)).toEqual(Array.from(STRANGER));
    host.wire.deliver(frame(60, 1, Uint8Array.of(2, 9, 9, 9, 9, 9)), frame(60, 2, GROUP));
    host.run();
    expect(host.receivedCount).toBe(2);
    const deaf = make({ options: 'nomulticast' });
    deaf.machine.process(() => deaf.device().addMulticast(GROUP));
    expect(deaf.ifp().if_flags & 0x8000).toBe(0);
    expectWorks(deaf);
  });

  // ---- link and media

  test('a link that goes and comes is told once each time, and what waits goes on (P15, F05)', () => {
    const host = make();
    const messages = host.io.linkMessages;
    for (let i = 1; i <= 3; i++) {
      host.wire.setCarrier(false);
      host.runUntil(() => !host.device().carrier);
      host.send(frame(100));
      host.wire.setCarrier(true);
      host.runUntil(() => host.device().carrier);
      expect(host.io.linkMessages).toBe(messages + 2 * i);
      expect(host.io.callouts.size).toBe(1);
    }
    expectWorks(host);
  });

  test('media change under load without a restart; what it cannot do is refused (P18)', () => {
    const host = make();
    const { io } = host;
    const imr = ifmediareq_init(name, 16);
    expect(io.ioctl(name, SIOCGIFMEDIA, imr)).toBe(EOK);
    expect(imr.ifm_ulist!.length).toBe(imr.ifm_count);
    expect(imr.ifm_status).toBe(3);
    const once = host.census();
    for (const word of imr.ifm_ulist!) {
      if ((word & 0x1f) === IFM_NONE) continue;
      for (let i = 0; i < 10; i++) host.send(frame(100, i));
      expect(io.ioctl(name, SIOCSIFMEDIA, { ifr_name: name, ifr_media: word })).toBe(EOK);
      host.run(MILLISECOND);
      host.runUntil(() => host.ifp().if_link_state === 2);
      const now = ifmediareq_init(name, 0);
      io.ioctl(name, SIOCGIFMEDIA, now);
      expect(now.ifm_current).toBe(word);
      if ((word & 0x1f) !== IFM_AUTO) expect(now.ifm_active).toBe(word);
      expectWorks(host);
    }
    expect(host.census()).toEqual(once);
    const current = ifmediareq_init(name, 0);
    io.ioctl(name, SIOCGIFMEDIA, current);
    expect(io.ioctl(name, SIOCSIFMEDIA, { ifr_name: name, ifr_media: IFM_ETHER | 0x10 })).toBe(EINVAL);
    const after = ifmediareq_init(name, 0);
    io.ioctl(name, SIOCGIFMEDIA, after);
    expect(after.ifm_current).toBe(current.ifm_current);
    expectWorks(host);
  });

  // ---- ioctl

  test('what nicinfo asks for (P16)', () => {
    const host = make();
    expectWorks(host);
    const request = { ifdc_name: name, ifdc_cmd: DRVCOM_CONFIG, ifdc_len: 12, ifdc_data: new nic_config_t() };
    expect(host.io.ioctl(name, SIOCGDRVCOM, request)).toBe(EINVAL);
    expect(
      host.io.ioctl(name, SIOCGDRVCOM, { ...request, ifdc_cmd: 0x77, ifdc_len: sizeof_nic_config_t }),
    ).toBe(EOPNOTSUPP);
    expect(host.io.ioctl(name, 0x1234, {})).toBe(ENOTTY);
    const config = host.config();
    expect(Array.from(config.current_address.subarray(0, 6))).toEqual(Array.from(host.device().address));
    expect([config.mtu, config.mru, config.lan]).toEqual([1514, 1514, 0]);
    expect(config.media_rate).toBe(chip === 'Am79C970A' ? 10_000 : 100_000);
    expect(config.flags & (NIC_FLAG_LINK_DOWN | NIC_FLAG_MULTICAST | NIC_FLAG_PROMISCUOUS)).toBe(
      NIC_FLAG_MULTICAST,
    );
    const stats = host.stats();
    expect([stats.txed_ok, stats.rxed_ok]).toEqual([5, 5]);
    expect([stats.octets_txed_ok, stats.octets_rxed_ok]).toEqual([2834, 2834]);
    host.wire.setCarrier(false);
    host.runUntil(() => !host.device().carrier);
    expect(host.config().flags & NIC_FLAG_LINK_DOWN).toBe(NIC_FLAG_LINK_DOWN);
    expect([host.config().media_rate, host.config().duplex]).toEqual([-1, -1]);
  });
});
