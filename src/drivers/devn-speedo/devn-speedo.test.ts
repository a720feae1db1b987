// The io-net driver for Intel's 8255x under the shim, on an old chip and a later one.

import { describe, expect, test } from 'vitest';
import { frame, HOST_MAC, SECOND, TEST_TYPE } from '../../../test/vocabulary/bench.ts';
import { IopktHost } from '../../../test/vocabulary/iopkt-host.ts';
import { errnoOf, expectWorks } from '../../../test/vocabulary/iopkt-subject.ts';
import { ShimmedHost, type ShimmedHostOptions } from '../../../test/vocabulary/shim-host.ts';
import { EBUSY, EINVAL, ENODEV, ENOMEM } from '../../iopkt/errno.ts';
import { ifconfig } from '../../iopkt/tools/ifconfig.ts';
import { nicinfo } from '../../iopkt/tools/nicinfo.ts';
import { LOW_POWER } from '../../kernel/profile.ts';
import { Random } from '../../kernel/random.ts';
import type { Mbuf } from '../../mbuf/mbuf.ts';
import { TX_LATE_COLLISION, TX_NO_CARRIER, TX_RETRY } from '../../wire/medium.ts';
import { instanceOf } from '../iopkt.ts';

/** Which of frame(length, 0), frame(length, 1), ... it is; -1: none. */
function indexOf(bytes: Uint8Array, length: number): number {
  for (let seed = 0; seed < 256; seed++) if (Buffer.compare(frame(length, seed), bytes) === 0) return seed;
  return -1;
}

describe.each(['i82557b', 'i82559er'] as const)('%s', (chip) => {
  const make = (options: Partial<ShimmedHostOptions> = {}): ShimmedHost =>
    new ShimmedHost({ chip, ...options, machine: { debugMbufs: true, ...options.machine } });

  for (const options of [null, 'shimrxcopy=0', 'receive=16,transmit=16'])
    test(`frames of all sizes pass both ways, options ${options}`, () => {
      const host = make({ options: options ?? undefined });
      expectWorks(host);
      for (let size = 60; size <= 1514; size += 61) {
        host.wire.deliver(frame(size, size));
        if (size % 5 === 0) host.run();
      }
      host.run();
      expect(host.receivedCount).toBe(5 + 24);
      expect(host.rules).toEqual([]);
    });

  test('bursts stay in order, in both directions, on a CPU with costs too', () => {
    for (const profile of [undefined, LOW_POWER]) {
      const host = make({ bitsPerSecond: 10_000_000, machine: profile === undefined ? {} : { profile } });
      host.wire.frames.length = 0;
      for (let i = 0; i < 100; i++) host.wire.deliver(frame(100, i));
      for (let i = 0; i < 200; i++) host.send(frame(200, i), i % 2 === 0 ? [] : [14, 20, 0, 40]);
      host.run(SECOND);
      const sent = Array.from({ length: 200 }, (_, i) => frame(200, i));
      expect(host.wire.frames).toEqual(sent);
      const came = host.received.map((bytes) => indexOf(bytes, 100));
      expect(came.length).toBeGreaterThanOrEqual(60);
      expect(came).toEqual([...came].sort((a, b) => a - b));
      expect(came).not.toContain(-1);
      host.expectConserved();
      expect(host.view().switches).toBeGreaterThan(0);
      expect(host.rules).toEqual([]);
    }
  });

  test('sends what the native driver sends, byte for byte (rule T02)', () => {
    const hosts = [
      make({ bitsPerSecond: 10_000_000 }),
      new IopktHost({ driver: 'speedo', chip, bitsPerSecond: 10_000_000 }),
    ];
    const sent = hosts.map((host) => {
      const random = new Random(7, 'frames');
      host.wire.frames.length = 0;
      for (let i = 0; i < 200; i++) {
        const length = 20 + random.below(1495);
        host.send(frame(length, i), [14, random.below(40), random.below(40)]);
        if (i % 10 === 9) host.run(20_000_000);
      }
      host.run(SECOND);
      return host.wire.frames;
    });
    expect(sent[0].length).toBe(200);
    expect(sent[0]).toEqual(sent[1]);
  });

  test('tells the chip about itself and whom to hear what the native driver tells it', () => {
    const group = Uint8Array.of(1, 0, 0x5e, 0, 0, 9);
    const told = [make(), new IopktHost({ driver: 'speedo', chip })].map((host) => {
      const states: unknown[] = [];
      const note = (): void => {
        host.run(SECOND);
        const { config, address, hashLow, hashHigh } = host.chip.save() as unknown as Record<string, unknown>;
        states.push({ config, address, hashLow, hashHigh });
      };
      const device = host.device();
      for (const change of [
        () => {},
        () => device.addMulticast(group),
        () => device.setPromiscuity(1),
        () => device.setPromiscuity(-1),
        () => device.setAllMulticast(1),
        () => device.setAllMulticast(-1),
      ]) {
        host.machine.process(change);
        note();
      }
      return states;
    });
    expect(told[0]).toEqual(told[1]);
    expect(new Set(told[0].map((state) => JSON.stringify(state))).size).toBe(4);
  });

  test('a packet of more pieces than a block has room for is copied together', () => {
    const host = make();
    host.send(frame(1000, 1), [14, ...Array.from({ length: 20 }, () => 40)]);
    host.run();
    host.expectFrame(frame(1000, 1));
    host.send(frame(100, 2), [14, 20, 8, 0, 4]);
    host.run();
    host.expectFrame(frame(100, 2));
    host.run(3 * SECOND);
    host.expectConserved();
    expect(host.view().withDriver).toBe(0);
  });

  test('mounted and destroyed in the middle of traffic, nothing is left', () => {
    const host = make({ mount: false, bitsPerSecond: 10_000_000 });
    const before = host.census();
    for (let round = 0; round < 10; round++) {
      host.mount();
      host.up();
      for (let i = 0; i < 80; i++) host.send(frame(500, i));
      for (let i = 0; i < 20; i++) host.wire.deliver(frame(500, i));
      host.run(round * 300_000);
      host.io.destroy('en0');
      expect(host.census()).toEqual(before);
      expect(host.io.threads.length).toBe(0);
      host.run(SECOND);
    }
    expect(host.rules).toEqual([]);
  });

  test('the loan keeps it from being destroyed', () => {
    const host = make({ options: 'shimrxcopy=0' });
    expect(errnoOf(() => host.io.destroy('en0'))).toBe(EBUSY);
    expectWorks(host);
  });

  test('with the link cut what is sent fails, counted; it comes back by itself', () => {
    const host = make();
    host.wire.setCarrier(false);
    host.run(5 * SECOND);
    for (let i = 0; i < 10; i++) host.send(frame(100, i));
    host.run();
    expect(host.ifp('en0').if_oerrors).toBe(10);
    host.wire.setCarrier(true);
    host.run(5 * SECOND);
    expectWorks(host);
    expect(host.rules).toEqual([]);
  });

  test('what became of frames on a shared medium, and what nicinfo says of it', () => {
    const host = make({ options: 'speed=10,duplex=0' });
    host.wire.frames.length = 0;
    host.wire.outcomes.push(0, 1, 3, TX_RETRY, TX_LATE_COLLISION, TX_NO_CARRIER, 0);
    for (let i = 0; i < 7; i++) host.send(frame(60, i));
    host.wire.deliverDamaged(frame(100));
    host.wire.deliver(frame(100, 1));
    host.run();
    const stats = host.stats();
    expect([stats.txed_ok, stats.rxed_ok]).toEqual([4, 1]);
    expect(stats.un_estats).toMatchObject({
      xcoll_aborted: 1,
      late_collisions: 1,
      no_carrier: 1,
      single_collisions: 1,
      multi_collisions: 1,
      fcs_errors: 1,
    });
    expect(host.config()).toMatchObject({ media_rate: 10_000, duplex: 0, lan: 0 });
    expect(nicinfo(host.io, ['en0'])).toContain(chip.slice(1, 6));
    expect(ifconfig(host.io, null, ['en0'])).toContain('SHIM');
    expect(host.rules).toEqual([]);
  });

  test('groups and promiscuous mode: what is wanted comes, the rest does not', () => {
    const host = make();
    const group = Uint8Array.of(1, 0, 0x5e, 0, 0, 9);
    const to = (address: Uint8Array): Uint8Array => {
      const bytes = frame(100);
      bytes.set(address);
      return bytes;
    };
    const arrives = (address: Uint8Array): boolean => {
      const { rxed_ok } = host.stats();
      host.wire.deliver(to(address));
      host.run();
      return host.stats().rxed_ok > rxed_ok;
    };
    const other = Uint8Array.of(2, 0, 0, 0, 0, 0x77);
    const device = host.device();
    expect([arrives(HOST_MAC), arrives(group), arrives(other)]).toEqual([true, false, false]);
    host.machine.process(() => device.addMulticast(group));
    expect([arrives(HOST_MAC), arrives(group), arrives(other)]).toEqual([true, true, false]);
    host.machine.process(() => device.setPromiscuity(1));
    expect(arrives(other)).toBe(true);
    host.machine.process(() => device.setPromiscuity(-1));
    host.machine.process(() => device.removeMulticast(group));
    expect([arrives(HOST_MAC), arrives(group), arrives(other)]).toEqual([true, false, false]);
    host.machine.process(() => device.setAllMulticast(1));
    expect([arrives(group), arrives(other)]).toEqual([true, false]);
    host.expectConserved();
    expect(host.rules).toEqual([]);
  });

  test('what arrives while the thread works is taken by it, whenever it is', () => {
    const host = make();
    for (let count = 1; count <= 24; count++) {
      let left = count;
      host.card.onAccess = () => {
        if (left-- > 0) host.wire.deliver(frame(100, count));
      };
      host.wire.deliver(frame(100));
      host.run();
      host.card.onAccess = null;
      expect(host.received.splice(0).length, `${count} frames`).toBe(1 + count);
    }
    expect(host.rules).toEqual([]);
  });

  test('with all packets of the pool lent frames are dropped, counted; when they are back it goes on', () => {
    const host = make({ options: 'receive=16,shimrxcopy=0' });
    const { packetTypes } = host.layer;
    const [bench] = packetTypes.buckets[TEST_TYPE & 15];
    packetTypes.remove(bench);
    const lent: Mbuf[] = [];
    const holder = { name: 'holder', type: TEST_TYPE, device: null, receive: (m: Mbuf) => lent.push(m) };
    packetTypes.add(holder);
    for (let i = 0; i < 30; i++) {
      host.wire.deliver(frame(100, i));
      host.run();
    }
    expect(lent.length).toBe(16);
    expect(host.stats()).toMatchObject({ rxed_ok: 16, rx_failed_allocs: 14 });
    expect(instanceOf(host.ifp())!.events).toMatchObject({ rx_dropped: 14 });
    for (const m of lent.splice(0)) host.machine.mbufs.freem(m);
    packetTypes.remove(holder);
    packetTypes.add(bench);
    expectWorks(host);
    expect(host.rules).toEqual([]);
  });

  test('options that are wrong, cards that are not there, memory that is short: an errno, and nothing left', () => {
    const host = make({ mount: false });
    const before = host.census();
    for (const [wrong, right] of [
      ['frobnicate', 'unknown'],
      ['receive=3', '16 to 1024'],
      ['transmit=2048', '16 to 1024'],
      ['speed=10', 'duplex='],
      ['speed=1000,duplex=1', '10 or 100'],
      ['mtu=9000', '1514'],
    ]) {
      expect(
        errnoOf(() => host.mount(wrong)),
        wrong,
      ).toBe(EINVAL);
      expect(host.log.join('\n'), wrong).toContain(right);
    }
    expect(errnoOf(() => host.mount('pci=1'))).toBe(ENODEV);
    expect(errnoOf(() => host.mount('receive=1024'))).toBe(ENOMEM);
    expect(host.census()).toEqual(before);
    expect(host.rules).toEqual([]);
    host.mount('lan=4');
    expect(host.device('en4')).toBeDefined();
    expect(errnoOf(() => host.mount('lan=4'))).toBe(ENODEV);
  });

  test('two cards are en0 and en1', () => {
    const host = make({ chips: 2, mount: false });
    const before = host.census();
    expect(host.mount()).toEqual(['en0', 'en1']);
    expect(errnoOf(() => host.mount())).toBe(ENODEV);
    host.up('en0');
    host.up('en1');
    expectWorks(host);
    host.io.destroy('en0');
    host.io.destroy('en1');
    expect(host.census()).toEqual(before);
    expect(host.rules).toEqual([]);
  });
});
