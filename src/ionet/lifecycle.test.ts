// Coming and going of io-net drivers: mount, up and down, destroy while traffic flows, refusals, failures half-way.

import { describe, expect, test } from 'vitest';
import { EAGAIN, EOK } from '../iopkt/errno.ts';
import { conservation } from '../net/conservation.ts';
import { makeUpMessage } from './message.ts';
import { _NPKT_MSG_DYING } from './npkt.ts';
import { shimFindings } from './shim/findings.ts';
import { ShimHost } from './testing.ts';
import { XX } from './testing-driver.ts';

const SECOND = 1_000_000_000;

/** Frames in both directions, `count` each, without waiting for them. */
function traffic(it: ShimHost, count: number, first = 1): void {
  for (let i = 0; i < count; i++) {
    it.card.arrive(it.frame(first + i));
    it.send(it.frame(first + i));
    it.run(500);
  }
}

test('mounted and destroyed again and again, nothing is left behind', () => {
  const it = new ShimHost({ cards: [{ frameNs: 1000 }] });
  const before = it.census();
  for (let round = 1; round <= 100; round++) {
    it.up();
    traffic(it, 5, round * 10);
    it.io.destroy('en0');
    it.run(1000);
    expect(it.census()).toEqual(before);
  }
  expect(it.rules).toEqual([]);
});

for (const delay of [0, 300, 700, 1500, 4000, 20_000]) {
  test(`destroy ${delay} ns into traffic loses no buffer`, () => {
    const it = new ShimHost({ cards: [{ frameNs: 3000 }] });
    const before = it.census();
    const device = it.up();
    const ifp = it.io.find('en0')!;
    traffic(it, 30);
    for (let i = 0; i < 16; i++) it.card.arrive(it.frame(100 + i));
    for (let i = 0; i < 40; i++) it.send(it.frame(100 + i));
    it.run(delay);
    it.io.destroy('en0');
    expect(device.offered).toBe(70);
    expect(conservation(device)).toMatchObject({ balanced: true, queued: 0, held: 0 });
    expect(ifp.if_opackets).toBe(it.card.sent);
    it.run(SECOND);
    expect(it.census()).toEqual(before);
    expect(it.rules).toEqual([]);
  });
}

test('two interfaces of one driver go one by one, the driver with the last', () => {
  const cards = [{}, { irq: 10, mac: Uint8Array.of(2, 0, 0, 0, 0, 2) }];
  const it = new ShimHost({ cards });
  const before = it.census();
  it.up();
  it.open('en1');
  it.io.destroy('en0');
  expect(it.io.loaded.size).toBe(1);
  it.cards[1].arrive(it.frame(5, 60, it.cards[1]));
  it.run(1000);
  expect(it.taken).toEqual([5]);
  it.io.destroy('en1');
  expect(it.census()).toEqual(before);
  expect(it.rules).toEqual([]);
});

describe('removal is refused', () => {
  test('with shimrxcopy=0, lent or not; the interface goes on', () => {
    const it = new ShimHost();
    it.up('shimrxcopy=0');
    expect(() => it.io.destroy('en0')).toThrow(/EBUSY/);
    it.hoard = [];
    it.card.arrive(it.frame(1));
    it.run(1000);
    expect(() => it.io.destroy('en0')).toThrow(/EBUSY/);
    expect(it.log.join()).toContain("the driver's buffers, 1 now");
    it.card.arrive(it.frame(2));
    it.send(it.frame(3));
    it.run(1000);
    expect(it.taken).toEqual([1, 2]);
    expect(it.card.frames.length).toBe(1);
  });

  test('by shutdown1 of the driver', () => {
    let refusal = EAGAIN;
    const it = new ShimHost({ fn: { shutdown1: () => refusal } });
    const before = it.census();
    it.up();
    // What is sent while it is about to go waits, and leaves when it stays.
    it.devs[0].fn.flush = (xx) => {
      it.send(it.frame(99));
      return XX.flush(xx);
    };
    expect(() => it.io.destroy('en0')).toThrow(/EAGAIN/);
    it.devs[0].fn.flush = XX.flush;
    it.run(1000);
    expect(it.card.frames.splice(0).length).toBe(1);
    traffic(it, 5);
    it.run(1000);
    expect(it.taken.length).toBe(5);
    expect(it.card.frames.length).toBe(5);
    refusal = EOK;
    it.io.destroy('en0');
    expect(it.census()).toEqual(before);
  });

  test('while a packet to send does not come back: EBUSY, how many, and the rule', () => {
    const it = new ShimHost({ cards: [{ frameNs: 100 * SECOND }] });
    it.up();
    for (let mark = 1; mark <= 20; mark++) it.send(it.frame(mark));
    expect(it.view().withDriver).toBe(20);
    expect(() => it.io.destroy('en0')).toThrow(/EBUSY/);
    // Those that only waited for the ring are back.
    expect(shimFindings(it.io).map(({ rule, message }) => `${rule} ${message}`)).toEqual([
      'S02 devn-xx.so: 16 packets to send are without tx_done 1 s after flush',
    ]);
    expect(it.view().withDriver).toBe(16);
  });
});

test('an init that fails leaves nothing, whichever card it fails at', () => {
  const cards = [{}, { irq: 10, mac: Uint8Array.of(2, 0, 0, 0, 0, 2) }];
  const it = new ShimHost({ cards });
  const before = it.census();
  expect(() => it.io.mount('xx', 'receive=2000')).toThrow(/ENOMEM/);
  expect(() => it.io.mount('xx', 'frobnicate=1')).toThrow(/EINVAL/);
  expect(() => it.io.mount('xx', 'lan=3')).toThrow(/EEXIST/);
  expect(it.census()).toEqual(before);
  expect(it.rules).toEqual([]);
  it.up();
  traffic(it, 3);
  it.run(1000);
  expect(it.taken.length).toBe(3);
});

test('up, down and up again, with traffic at all times', () => {
  const it = new ShimHost({ cards: [{ frameNs: 2000 }] });
  const device = it.up();
  for (let round = 0; round < 20; round++) {
    traffic(it, 10, 1 + round * 10);
    it.machine.process(() => (device.up ? device.close() : device.open()));
  }
  it.machine.process(() => void (device.up || device.open()));
  it.run(SECOND);
  expect(it.books()).toBe('');
  expect(it.machine.mbufs.inUse).toBe(0);
  expect(it.devs[0].free.length).toBe(64);
  expect(it.rules).toEqual([]);
});

test('a driver that takes its interface out of service (MSG_DYING) is sent nothing any more', () => {
  const it = new ShimHost();
  const before = it.census();
  it.up();
  const [xx] = it.devs;
  const { receive } = XX;
  xx.fn.receive = () => {
    const npkt = makeUpMessage(null as never);
    npkt.flags |= _NPKT_MSG_DYING;
    xx.ion.tx_up_start(xx.reg_hdl.value, npkt, 0, 0, 0, 0, 0, xx);
    xx.fn.receive = receive;
  };
  it.card.arrive(it.frame(1));
  it.run(1_000_000);
  it.send(it.frame(2));
  it.run(1000);
  expect(it.card.frames).toEqual([]);
  expect(it.log.join()).toContain('out of service');
  it.io.destroy('en0');
  expect(it.census()).toEqual(before);
});

test('a fault ends io-pkt and its threads; the report names the shim driver', () => {
  const it = new ShimHost({
    sigsegv: true,
    fn: {
      receive: () => {
        throw new TypeError('null pointer');
      },
    },
  });
  it.up();
  it.card.arrive(it.frame(1));
  it.run(1_000_000);
  expect(it.io.dead).toBe(true);
  expect(it.io.fault?.message).toBe('null pointer');
  expect(it.io.fault?.context).toBe('untracked thread');
  const { accesses } = it.card;
  it.card.arrive(it.frame(2));
  it.run(SECOND);
  expect(it.card.accesses).toBe(accesses);
});
