// What every native io-pkt driver must do, on each of its chips: the rules of its life (P01 to P05, P14 to P21, F01 to F05),
// on our models and the virtual clock. The frames themselves are the scenarios' affair (src/scenario/iopkt.test.ts).

import { describe, expect, test } from 'vitest';
import { BROADCAST, frame, MILLISECOND, returned, SECOND } from '../../test/vocabulary/bench.ts';
import { type AnyChip, IopktHost, type IopktHostOptions } from '../../test/vocabulary/iopkt-host.ts';
import { EINVAL, ENODEV, ENOMEM, ENOTTY, ENXIO, EOK, EOPNOTSUPP, ErrnoError } from '../iopkt/errno.ts';
import { IFF_ALLMULTI, IFF_OACTIVE, IFF_PROMISC, IFF_RUNNING } from '../iopkt/flags.ts';
import { IFM_100_TX, IFM_AUTO, IFM_ETHER, IFM_FDX, IFM_NONE } from '../iopkt/ifmedia-words.ts';
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

const SUBJECTS: readonly (readonly ['pcn' | 'speedo', AnyChip])[] = [
  ['pcn', 'Am79C970A'],
  ['pcn', 'Am79C973'],
  ['speedo', 'i82557b'],
  ['speedo', 'i82559er'],
  ['speedo', 'i82550'],
];

function errnoOf(work: () => unknown): number {
  try {
    work();
  } catch (error) {
    if (error instanceof ErrnoError) return error.errno;
    throw error;
  }
  return EOK;
}

describe.each(SUBJECTS)('%s on %s', (driver, chip) => {
  const make = (options: Partial<IopktHostOptions> = {}): IopktHost =>
    new IopktHost({ driver, chip, ...options, machine: { debugMbufs: true, ...options.machine } });
  const name = driver === 'pcn' ? 'pcn0' : 'fxp0';
  /** It works: frames both ways, byte for byte. */
  const works = (host: IopktHost): void => {
    host.run(3 * SECOND);
    host.received.length = 0;
    host.wire.frames.length = 0;
    host.keep = true;
    host.echo = true;
    for (const size of [60, 61, 200, 999, 1514]) {
      host.wire.deliver(frame(size, size));
      host.run();
      host.expectReceived(frame(size, size));
      host.expectFrame(returned(frame(size, size)));
    }
    host.echo = false;
    host.run(3 * SECOND);
    expect(host.device().ops.held!()).toBe(0);
    host.expectConserved();
  };

  // ---- init and stop

  test('a hundred inits leave what one did, and frames pass (P01)', () => {
    const host = make();
    const once = host.census();
    for (let i = 0; i < 100; i++) host.io.protocolStarts('qnet');
    expect(host.census()).toEqual(once);
    expect(host.ifp().if_link_state).toBe(2);
    works(host);
  });

  test('inits under load lose nothing uncounted', () => {
    const host = make({ bitsPerSecond: 100_000_000 });
    host.keep = false;
    for (let i = 0; i < 30; i++) {
      for (let k = 0; k < 20; k++) host.send(frame(500, k));
      for (let k = 0; k < 5; k++) host.wire.deliver(frame(300, k));
      host.run(i * 37_000);
      host.io.protocolStarts('qnet');
      host.expectConserved();
    }
    host.run(3 * SECOND);
    // What had arrived when the card was halted went up all the same.
    expect(host.receivedCount).toBe(150);
    works(host);
  });

  test('stop before the first init does nothing, stop twice no harm, and dying there is no init (P02, P03, P04)', () => {
    const host = make({ up: false });
    const ifp = host.ifp();
    const call = (work: () => unknown): unknown =>
      host.io.request('test', () => host.io.call(ifp.if_dev, 'test', work));
    const before = host.census();
    call(() => ifp.if_stop!(ifp, 0));
    call(() => ifp.if_stop!(ifp, 1));
    expect(host.census()).toEqual(before);
    host.up();
    expect([ifp.if_flags & IFF_RUNNING, ifp.if_flags_tx & IFF_RUNNING]).toEqual([IFF_RUNNING, IFF_RUNNING]);
    host.down();
    expect([ifp.if_flags & IFF_RUNNING, ifp.if_flags_tx & (IFF_RUNNING | IFF_OACTIVE)]).toEqual([0, 0]);
    expect(host.census()).toEqual(before);
    call(() => ifp.if_stop!(ifp, 1));
    host.up();
    works(host);
    const sc = host.softc<{ dying?: boolean; sc_dying?: boolean }>();
    host.down();
    sc.dying = true;
    sc.sc_dying = true;
    expect(call(() => ifp.if_init!(ifp))).toBe(EOK);
    expect(ifp.if_flags & IFF_RUNNING).toBe(0);
    expect(host.census()).toEqual(before);
  });

  test('it comes and goes five times, in full flight, and leaves nothing behind (F02)', () => {
    const host = make({ mount: false, bitsPerSecond: 100_000_000 });
    const before = host.census();
    for (let i = 0; i < 5; i++) {
      expect(host.mount()).toEqual([name]);
      host.up();
      for (let k = 0; k < 40; k++) host.send(frame(800, k));
      for (let k = 0; k < 40; k++) host.wire.deliver(frame(800, k));
      host.run(i * 100_000);
      host.io.destroy(name);
      expect(host.census()).toEqual(before);
      host.wire.deliver(frame(100));
      host.run(10 * MILLISECOND);
      expect(host.census()).toEqual(before);
    }
    expect(host.io.loaded.size).toBe(0);
    host.mount();
    host.up();
    works(host);
  });

  test('a protocol may take it down, and up, from within its receive function', () => {
    const host = make();
    const { layer, machine } = host;
    let taken = 0;
    for (const type of layer.packetTypes.buckets.flat()) layer.packetTypes.remove(type);
    layer.packetTypes.add({
      name: 'hostile',
      type: 0x88b5,
      device: null,
      receive: (m) => {
        machine.mbufs.freem(m);
        taken++;
        // As a DHCP client that got an address.
        if (taken % 3 === 0) host.io.stack.runOrDefer(null, 'init', () => host.ifp().if_init!(host.ifp()));
      },
    });
    for (let i = 0; i < 20; i++) host.wire.deliver(frame(200, i));
    host.run(SECOND);
    expect(taken).toBe(20);
    expect(host.ifp().if_flags & IFF_RUNNING).toBe(IFF_RUNNING);
  });

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
    works(host);
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
    works(host);
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
    works(host);
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
    works(host);
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
    works(host);
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
    works(deaf);
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
    works(host);
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
      works(host);
    }
    expect(host.census()).toEqual(once);
    const current = ifmediareq_init(name, 0);
    io.ioctl(name, SIOCGIFMEDIA, current);
    expect(io.ioctl(name, SIOCSIFMEDIA, { ifr_name: name, ifr_media: IFM_ETHER | 0x10 })).toBe(EINVAL);
    const after = ifmediareq_init(name, 0);
    io.ioctl(name, SIOCGIFMEDIA, after);
    expect(after.ifm_current).toBe(current.ifm_current);
    works(host);
  });

  // ---- ioctl

  test('what nicinfo asks for (P16)', () => {
    const host = make();
    works(host);
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

  // ---- attach

  test('what is wrong with a mount is said, and leaves nothing (F01, N16)', () => {
    const host = make({ mount: false });
    const before = host.census();
    for (const options of [
      'bogus',
      'transmit=3',
      'receive=99999',
      'speed=100',
      'speed=33,duplex=1',
      'mac=12',
    ]) {
      host.log.length = 0;
      expect(
        errnoOf(() => host.mount(options)),
        options,
      ).toBe(EINVAL);
      expect(host.log.join('\n'), options).toMatch(/option/);
      expect(host.census()).toEqual(before);
    }
    expect(errnoOf(() => host.mount('did=0x4711'))).toBe(ENODEV);
    expect(errnoOf(() => host.mount('pci=1'))).toBe(ENODEV);
    host.card.pull();
    expect(errnoOf(() => host.mount(null))).toBe(ENXIO);
    host.card.putBack();
    expect(host.census()).toEqual(before);
    expect(host.mount('deviceindex=0,verbose,priority=25')).toEqual([name]);
    expect(errnoOf(() => host.mount(null))).toBe(ENODEV);
    host.up();
    works(host);
    const nobody = new IopktHost({ driver, chip, mac: new Uint8Array(6), mount: false });
    expect(errnoOf(() => nobody.mount())).toBe(ENXIO);
    expect(nobody.log.join()).toMatch(/mac= is wanted/);
    expect(nobody.mount('mac=020000000001')).toEqual([name]);
  });

  test('when memory ends at the n-th block, attach fails cleanly each time (F01)', () => {
    const host = make({ mount: false });
    const before = host.census();
    const { dma } = host.pcis[0];
    const { allocCoherent } = dma;
    for (let n = 1; n <= 4; n++) {
      let left = n;
      dma.allocCoherent = (size, align) => {
        if (--left === 0) throw new RangeError('out of memory');
        return allocCoherent.call(dma, size, align);
      };
      const error = errnoOf(() => host.mount());
      if (error === EOK) {
        expect(n).toBe(4);
        break;
      }
      expect(error).toBe(ENOMEM);
      expect(host.census()).toEqual(before);
    }
    host.up();
    works(host);
  });

  test('when buffers end in the middle of the ring, init fails and works when there are some again (F01)', () => {
    const host = make({ up: false });
    const { mbufs } = host.machine;
    const taken = [];
    for (let m = mbufs.getcl(); m !== null; m = mbufs.getcl()) taken.push(m);
    for (let i = 0; i < 20; i++) mbufs.freem(taken.pop()!);
    expect(() => host.up()).toThrow(/ENOBUFS/);
    expect(host.ifp().if_flags & IFF_RUNNING).toBe(0);
    expect(host.io.callouts.size).toBe(0);
    for (const m of taken) mbufs.freem(m);
    host.up();
    works(host);
  });

  // ---- faults and neighbours

  test('a fault anywhere silences it by its hook: no DMA, no interrupt, no access after (P19)', () => {
    const host = make({ sigsegv: true, chips: 2, bitsPerSecond: 100_000_000 });
    host.up(`${host.prefix}1`);
    for (let i = 0; i < 50; i++) host.send(frame(1000, i));
    // The other one's driver faults.
    host.ifp(`${host.prefix}1`).if_ioctl = () => {
      throw new TypeError('cannot read properties of null');
    };
    expect(() => host.io.ioctl(`${host.prefix}1`, SIOCADDMULTI, {})).toThrow(/faulted/);
    expect(host.io.fault?.hooks.map(({ ok }) => ok)).toEqual([true, true]);
    const { u8 } = host.machine.memory;
    // The frame that was on the wire leaves; the card reads nothing more.
    host.run(MILLISECOND);
    const memory = u8.slice();
    const { accesses } = host.card;
    const { sent } = host.wire;
    const line = host.machine.irq.line(host.pcis[0].irq);
    const { delivered } = line;
    for (let i = 0; i < 10; i++) host.wire.deliver(frame(200, i));
    host.run(10 * SECOND);
    expect(host.card.accesses).toBe(accesses);
    expect(host.wire.sent).toBe(sent);
    expect(line.delivered).toBe(delivered);
    expect(Buffer.compare(u8, memory)).toBe(0);
  });

  test('two cards on one interrupt line work side by side', () => {
    // Slots 3 and 7.
    const host = make({ chips: 5, machine: { profile: X86_DESKTOP, mbufs: 4096, clusters: 2048 } });
    const second = `${host.prefix}4`;
    host.up(second);
    expect(host.pcis[4].irq).toBe(host.pcis[0].irq);
    host.echo = true;
    host.keep = false;
    for (let i = 0; i < 50; i++) {
      host.wires[0].deliver(frame(100, i), frame(200, i));
      host.wires[4].deliver(frame(100, i, host.device(second).address));
      host.run(200_000);
    }
    host.run(3 * SECOND);
    expect([host.wires[0].frames.length, host.wires[4].frames.length]).toEqual([100, 50]);
    host.io.destroy(second);
    works(host);
  });

  test('a card that is pulled out ends nothing in a loop, and works when it is back (F03)', () => {
    const host = make({ bitsPerSecond: 100_000_000 });
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 50; i++) host.send(frame(1000, i));
      host.run(100_000);
      host.card.pull();
      host.wire.release();
      host.card.accesses = 0;
      host.runUntil(() => !host.device().carrier);
      host.run(5 * SECOND);
      expect(host.card.accesses).toBeLessThan(10_000);
      expect(host.device().ops.held!()).toBe(0);
      host.expectConserved();
      // Whatever people do meanwhile fails and does no harm.
      expect(() => host.io.protocolStarts('qnet')).not.toThrow();
      host.card.putBack();
      host.runUntil(() => host.device().carrier);
      works(host);
    }
  });

  test('forced by option: speed and duplex', () => {
    if (chip === 'Am79C970A') {
      expect(errnoOf(() => make({ options: 'speed=100,duplex=1' }))).toBe(EINVAL);
      const full = make({ options: 'speed=10,duplex=1' });
      expect([full.config().media_rate, full.config().duplex]).toEqual([10_000, 1]);
      works(full);
      return;
    }
    for (const [speed, duplex] of [
      [100, 1],
      [100, 0],
      [10, 1],
      [10, 0],
    ]) {
      const host = make({ options: `speed=${speed},duplex=${duplex}` });
      expect([host.config().media_rate, host.config().duplex]).toEqual([speed * 1000, duplex]);
      const imr = ifmediareq_init(name, 0);
      host.io.ioctl(name, SIOCGIFMEDIA, imr);
      expect(imr.ifm_current).toBe(imr.ifm_active);
      if (speed === 100 && duplex === 1) expect(imr.ifm_active).toBe(IFM_ETHER | IFM_100_TX | IFM_FDX);
      works(host);
    }
  });
});
