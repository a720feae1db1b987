import { describe, expect, test } from 'vitest';
import {
  BROADCAST,
  FAR_MAC,
  frame,
  type HostOptions,
  MILLISECOND,
  makeHost,
  returned,
  SECOND,
} from '../../../test/vocabulary/bench.ts';
import { X86_DESKTOP } from '../../kernel/profile.ts';
import { TX_DEFERRED, TX_LATE_COLLISION, TX_NO_CARRIER, TX_RETRY } from '../../wire/medium.ts';

const GROUP = Uint8Array.of(0x01, 0x00, 0x5e, 0x01, 0x02, 0x03);
const OTHER_GROUP = Uint8Array.of(0x01, 0x00, 0x5e, 0x7f, 0x00, 0x09);
const STRANGER = Uint8Array.of(0x02, 0, 0, 0, 0, 0x77);

const up = (options: HostOptions = {}) => {
  const host = makeHost({ ...options, machine: { debugMbufs: true, ...options.machine } });
  host.runUntil(() => host.device.carrier);
  return host;
};

describe('the transmit queue', () => {
  test('stops before the ring overflows, and goes on when there is room for a while', () => {
    const host = up({ driver: { txRing: 16 }, bitsPerSecond: 10_000_000 });
    const queue = host.device.txQueues[0];
    // Not its bytes, its descriptors are to be the limit.
    queue.limits = null;
    for (let i = 0; i < 100; i++) host.send(frame(100, i));
    expect(queue.stopped).toBe(true);
    // Seven fragments, the most a packet may have here, and one: what has to be free.
    expect(host.device.ops.held!()).toBe(16 - 7);
    host.run(SECOND);
    expect(queue.busies).toBe(0);
    host.expectFrame(...Array.from({ length: 100 }, (_, i) => frame(100, i)));
    expect(queue.stops).toBeGreaterThan(10);
    expect(queue.stopped).toBe(false);
    host.expectConserved();
  });

  test('rings once for a batch', () => {
    const host = up({ bitsPerSecond: 10_000_000, driver: { txRing: 64 } });
    const queue = host.device.txQueues[0];
    queue.limits = null;
    queue.stop();
    for (let i = 0; i < 20; i++) host.send(frame(60, i));
    const before = host.card.accesses;
    queue.wake();
    host.clock.run(host.clock.now());
    expect(host.device.ops.held!()).toBe(20);
    // RAP and RDP.
    expect(host.card.accesses - before).toBe(2);
    host.run(SECOND);
    host.expectFrame(...Array.from({ length: 20 }, (_, i) => frame(60, i)));
  });

  test('counts what became of a frame on a shared medium', () => {
    const host = up();
    host.wire.outcomes.push(0, 1, 3 | TX_DEFERRED, TX_RETRY, TX_LATE_COLLISION | 2, TX_NO_CARRIER, 0);
    for (let i = 0; i < 7; i++) host.send(frame(60, i));
    host.run();
    host.expectFrame(frame(60, 0), frame(60, 1), frame(60, 2), frame(60, 6));
    expect(host.stats).toMatchObject({
      tx_collisions: 1 + 3 + 16,
      tx_deferred: 1,
      tx_retry_errors: 1,
      tx_late_collisions: 1,
      tx_carrier_errors: 1,
    });
    expect(host.device.tx).toMatchObject({ packets: 4, errors: 3 });
    expect(host.device.dropReport()).toEqual({ TX_ERROR: 3 });
    host.expectConserved();
  });
});

describe('the receive mode', () => {
  const everyone = [BROADCAST, GROUP, OTHER_GROUP, STRANGER];
  const heard = (host: ReturnType<typeof makeHost>): Uint8Array[] => {
    host.received.length = 0;
    for (const to of everyone) host.wire.deliver(frame(60, 1, to));
    host.run();
    return host.received.map((bytes) => bytes.slice(0, 6));
  };

  test.each([['Am79C970A' as const], ['Am79C973' as const]])(
    '%s hears the groups it joined, and no others',
    (chip) => {
      const host = up({ chip });
      expect(heard(host)).toEqual([BROADCAST]);
      host.machine.process(() => host.device.addMulticast(GROUP));
      expect(heard(host)).toEqual([BROADCAST, GROUP]);
      host.machine.process(() => host.device.addMulticast(OTHER_GROUP));
      host.machine.process(() => host.device.removeMulticast(GROUP));
      expect(heard(host)).toEqual([BROADCAST, OTHER_GROUP]);
      host.machine.process(() => host.device.setAllMulticast(1));
      expect(heard(host)).toEqual([BROADCAST, GROUP, OTHER_GROUP]);
      host.machine.process(() => host.device.setPromiscuity(1));
      expect(heard(host)).toEqual(everyone);
      host.machine.process(() => host.device.setPromiscuity(-1));
      host.machine.process(() => host.device.setAllMulticast(-1));
      expect(heard(host)).toEqual([BROADCAST, OTHER_GROUP]);
    },
  );

  test('is kept over a close', () => {
    const host = up();
    host.machine.process(() => host.device.addMulticast(GROUP));
    host.close();
    host.machine.process(() => host.device.addMulticast(OTHER_GROUP));
    host.open();
    expect(heard(host)).toEqual([BROADCAST, GROUP, OTHER_GROUP]);
  });

  test('follows a new station address', () => {
    const host = up();
    host.machine.process(() => host.device.setAddress(STRANGER));
    expect(heard(host)).toEqual([BROADCAST, STRANGER]);
    host.received.length = 0;
    host.wire.deliver(frame(60));
    host.run();
    host.expectNothingReceived();
  });

  test('changes while frames are being sent, and none is lost', () => {
    const host = up({ bitsPerSecond: 10_000_000 });
    for (let i = 0; i < 300; i++) {
      host.send(frame(400, i));
      if (i % 10 === 0) host.machine.process(() => host.device.setAllMulticast(i % 20 === 0 ? 1 : -1));
      host.run(200_000);
    }
    host.run(SECOND);
    host.expectFrame(...Array.from({ length: 300 }, (_, i) => frame(400, i)));
    expect(host.stats.restarts).toBe(0);
    host.expectConserved();
  });

  test('gets through by a restart when a transmission never ends', () => {
    const host = up();
    host.wire.stuck = true;
    host.send(frame(60));
    host.machine.process(() => host.device.addMulticast(GROUP));
    host.run(SECOND);
    host.wire.release();
    host.run();
    expect(host.stats.restarts).toBe(1);
    expect(heard(host)).toEqual([BROADCAST, GROUP]);
    host.expectConserved();
  });
});

describe('interrupts', () => {
  /** Frames of 60 bytes at a rate that the CPU cannot keep up with one by one. */
  const flood = (napi: boolean) => {
    const host = up({ driver: { napi }, machine: { profile: X86_DESKTOP } });
    const before = host.device.interrupts;
    host.wire.stream(
      Array.from({ length: 5000 }, (_, i) => frame(60, i)),
      2000,
    );
    host.run(50 * MILLISECOND);
    return { interrupts: host.device.interrupts - before, received: host.receivedCount, host };
  };

  test('one a packet without NAPI; with it fewer, and nothing is lost by that', () => {
    const without = flood(false);
    const polling = flood(true);
    expect(without.received).toBeLessThanOrEqual(5000);
    expect(polling.received).toBe(5000);
    expect(polling.interrupts).toBeLessThan(5000);
    const missed = without.host.stats.rx_missed_frames + without.host.device.drops.reduce((a, b) => a + b, 0);
    expect(without.received + missed).toBe(5000);
  });

  test('one a packet at low load, with NAPI or without', () => {
    for (const napi of [true, false]) {
      const host = up({ driver: { napi }, machine: { profile: X86_DESKTOP } });
      host.wire.stream(
        Array.from({ length: 100 }, (_, i) => frame(60, i)),
        MILLISECOND,
      );
      host.run(200 * MILLISECOND);
      expect(host.receivedCount).toBe(100);
      expect(host.device.interrupts).toBe(100);
    }
  });

  test.each([[true], [false]])(
    'no event is lost, whichever register access it comes in at (NAPI %s)',
    (napi) => {
      const host = up({ driver: { napi } });
      /** A frame arrives, and `work` happens at the given register access from then on; says whether there were so many. */
      const at = (access: number, work: () => void): boolean => {
        let left = access;
        host.card.onAccess = () => {
          if (--left === 0) work();
        };
        host.wire.deliver(frame(60, 1));
        host.run(MILLISECOND);
        host.card.onAccess = null;
        return left <= 0;
      };
      let access = 1;
      for (; at(access, () => host.wire.deliver(frame(60, 2))); access++) {
        host.expectReceived(frame(60, 1), frame(60, 2));
      }
      expect(access).toBeGreaterThan(napi ? 5 : 2);
      for (access = 1; ; access++) {
        host.wire.stuck = true;
        host.send(frame(60));
        if (!at(access, () => host.wire.release())) break;
        expect(host.device.ops.held!(), `access ${access}`).toBe(0);
      }
    },
  );

  test("on a shared line are not claimed when they are not the chip's", () => {
    const host = up();
    const line = host.machine.irq.line(host.pci.irq);
    line.pulse();
    host.run();
    expect(line.spurious).toBe(1);
    expect(host.device.interrupts).toBe(0);
  });
});

describe('missed frames', () => {
  test('are counted one by one while the host does not look', () => {
    const host = up({ driver: { rxRing: 16 } });
    host.machine.cpu.irqDisable();
    host.wire.deliver(...Array.from({ length: 100 }, (_, i) => frame(60, i)));
    host.machine.cpu.irqEnable();
    host.run();
    host.expectReceived(...Array.from({ length: 16 }, (_, i) => frame(60, i)));
    expect(host.stats.rx_missed_frames).toBe(84);
    expect(host.device.rx.errors).toBe(84);
    expect(host.device.rx.packets + host.device.rx.errors).toBe(100);
  });

  test('are counted also when the counter of the chip wraps', () => {
    const host = up({ driver: { rxRing: 16 } });
    host.keep = false;
    host.machine.cpu.irqDisable();
    const one = frame(60);
    for (let i = 0; i < 16 + 65_500; i++) host.wire.deliver(one);
    host.machine.cpu.irqEnable();
    host.run();
    host.machine.cpu.irqDisable();
    for (let i = 0; i < 16 + 100; i++) host.wire.deliver(one);
    host.machine.cpu.irqEnable();
    host.run();
    expect(host.stats.rx_missed_frames).toBe(65_600);
    expect(host.device.rx.packets).toBe(32);
  });
});

test('the path of a packet, in and out again, allocates nothing', () => {
  const host = makeHost();
  host.echo();
  host.keep = false;
  host.wire.keep = false;
  const bytes = frame(60, 1, undefined, FAR_MAC);
  const rounds = (count: number): number => {
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < count; i++) {
      host.wire.deliverMany(bytes, 32);
      host.run(1000);
    }
    return (process.memoryUsage().heapUsed - before) / (count * 32);
  };
  rounds(3000);
  const bytesPerFrame = [rounds(1000), rounds(1000), rounds(1000)];
  expect(host.wire.sent).toBe(6000 * 32);
  // Somebody's garbage would show in all three; the compiler's own and a collection in between do not.
  expect(Math.min(...bytesPerFrame.map(Math.abs))).toBeLessThan(4);
  host.expectConserved();
});

test('echoes in order under two-way load at 10 Mb/s', () => {
  const host = up({ bitsPerSecond: 10_000_000 });
  host.echo();
  const stream = Array.from({ length: 400 }, (_, i) => frame(60 + ((i * 97) % 1455), i));
  host.wire.stream(stream);
  host.run(2 * SECOND);
  host.expectFrame(...stream.map(returned));
  host.expectConserved();
});
