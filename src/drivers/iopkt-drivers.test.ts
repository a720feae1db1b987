// What every native io-pkt driver must do in its life, on each of its chips: the rules P01 to P04, P19, F01 to F03, on our
// models and the virtual clock. The frames themselves are the scenarios' affair (src/scenario/iopkt.test.ts).

import { describe, expect, test } from 'vitest';
import { frame, MILLISECOND, SECOND } from '../../test/vocabulary/bench.ts';
import { IopktHost } from '../../test/vocabulary/iopkt-host.ts';
import { errnoOf, expectWorks, IOPKT_SUBJECTS, maker } from '../../test/vocabulary/iopkt-subject.ts';
import { EINVAL, ENODEV, ENOMEM, ENXIO, EOK } from '../iopkt/errno.ts';
import { IFF_OACTIVE, IFF_RUNNING } from '../iopkt/flags.ts';
import { IFM_100_TX, IFM_ETHER, IFM_FDX } from '../iopkt/ifmedia-words.ts';
import { ifmediareq_init, SIOCADDMULTI, SIOCGIFMEDIA } from '../iopkt/sockio.ts';
import { X86_DESKTOP } from '../kernel/profile.ts';

describe.each(IOPKT_SUBJECTS)('%s on %s', (driver, chip) => {
  const make = maker(driver, chip);
  const name = driver === 'pcn' ? 'pcn0' : 'fxp0';

  // ---- init and stop

  test('a hundred inits leave what one did, and frames pass (P01)', () => {
    const host = make();
    const once = host.census();
    for (let i = 0; i < 100; i++) host.io.protocolStarts('qnet');
    expect(host.census()).toEqual(once);
    expect(host.ifp().if_link_state).toBe(2);
    expectWorks(host);
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
    // What counts as sent was on the wire, also of what was in the card's FIFO.
    expect(host.device().tx.packets).toBeLessThanOrEqual(host.wire.sent);
    expectWorks(host);
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
    expectWorks(host);
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
    expectWorks(host);
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
    expectWorks(host);
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
    expectWorks(host);
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
    expectWorks(host);
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
    expectWorks(host);
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
      expectWorks(host);
    }
  });

  test('forced by option: speed and duplex', () => {
    if (chip === 'Am79C970A') {
      expect(errnoOf(() => make({ options: 'speed=100,duplex=1' }))).toBe(EINVAL);
      const full = make({ options: 'speed=10,duplex=1' });
      expect([full.config().media_rate, full.config().duplex]).toEqual([10_000, 1]);
      expectWorks(full);
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
      expectWorks(host);
    }
  });
});
