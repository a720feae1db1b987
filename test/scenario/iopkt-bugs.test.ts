// Mistakes that the lives and the cables of the tests beside this one have found: each by itself, in a few steps.

import { describe, expect, test } from 'vitest';
import { ErrnoError } from '../../src/iopkt/errno.ts';
import { conservation } from '../../src/net/conservation.ts';
import { frame, MILLISECOND, SECOND } from '../vocabulary/bench.ts';
import type { IopktHost } from '../vocabulary/iopkt-host.ts';
import { expectWorks, IOPKT_SUBJECTS, maker } from '../vocabulary/iopkt-subject.ts';

const FAST = IOPKT_SUBJECTS.filter(([, chip]) => chip !== 'Am79C970A');

/** Receives a frame every 10 ms. */
function listen(host: IopktHost, ns: number): void {
  for (const end = host.clock.now() + ns; host.clock.now() < end; ) {
    host.wire.deliver(frame(100));
    host.run(10 * MILLISECOND);
  }
}

describe.each(FAST)('%s on %s', (driver, chip) => {
  test('a link that went and came as another between two looks at the PHY is noticed, also while frames arrive', () => {
    const host = maker(driver, chip)({ bitsPerSecond: 100_000_000 });
    host.keep = false;
    expect(host.config().media_rate).toBe(100_000);
    const messages = host.io.linkMessages;
    host.wire.setRate(10_000_000, false);
    listen(host, 12 * SECOND);
    expect([host.config().media_rate, host.config().duplex]).toEqual([10_000, 0]);
    expect(host.device().link).toEqual({ bitsPerSecond: 10_000_000, fullDuplex: false });
    // It went, and it came.
    expect(host.io.linkMessages).toBe(messages + 2);
    expectWorks(host);
  });
});

describe.each(IOPKT_SUBJECTS)('%s on %s', (driver, chip) => {
  test('what a failed init left in the receive ring does not look received at the next', () => {
    const host = maker(driver, chip)({ up: false, machine: { mbufs: 640, clusters: 256 } });
    const { mbufs } = host.machine;
    // Memory as former owners leave it.
    const taken = [];
    for (let m = mbufs.getcl(); m !== null; m = mbufs.getcl()) {
      host.machine.memory.u8.fill(0xa5, m.data, m.data + 1500);
      taken.push(m);
    }
    for (let i = 0; i < 20; i++) mbufs.freem(taken.pop()!);
    const open = (): void => host.machine.process(() => host.device().open());
    for (let i = 0; i < 3; i++) expect(open).toThrow(ErrnoError);
    expect([host.ifp().if_ierrors, host.ifp().if_ipackets, host.receivedCount]).toEqual([0, 0, 0]);
    for (const m of taken) mbufs.freem(m);
    host.up();
    expectWorks(host);
  });

  test('frames in the FIFO when a hanging transmitter is reset have not been sent', () => {
    const host = maker(driver, chip)({ bitsPerSecond: 100_000_000 });
    host.wire.stuck = true;
    for (let i = 0; i < 100; i++) host.send(frame(60 + i, i));
    host.run(10 * SECOND);
    host.wire.release();
    host.run(10 * SECOND);
    // The one that hung has left in the end.
    expect(host.device().tx.packets).toBeLessThanOrEqual(host.wire.sent);
    expect(conservation(host.device())).toMatchObject({ text: '', queued: 0, held: 0 });
    host.wire.frames.length = 0;
    expectWorks(host);
  });
});
