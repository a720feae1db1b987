// The SIGSEGV model: who faulted where is told, every hook runs, and io-pkt is dead.

import { expect, test } from 'vitest';
import { conservation } from '../net/conservation.ts';
import { formatFault } from './fault.ts';
import { IFF_UP } from './flags.ts';
import { NW_SIGLOCK, nw_mutex_init } from './locks.ts';
import { FaultError } from './self.ts';
import { SIOCSIFMTU } from './sockio.ts';
import { host, type TestHost } from './testing.ts';
import { XX } from './testing-driver.ts';
import type { DriverFunctions } from './testing-softc.ts';

const TWO = [{ irq: 5 }, { irq: 9, mac: Uint8Array.of(2, 0, 0, 0, 0, 2) }];

function faulty(fn: Partial<DriverFunctions>): TestHost {
  const it = host({ cards: TWO, fn, sigsegv: true });
  it.io.mount('xx');
  it.up('xx0');
  it.up('xx1');
  return it;
}

function boom(): never {
  throw new TypeError('cannot read properties of null');
}

const CASES: [string, Partial<DriverFunctions>, (it: TestHost) => void, string][] = [
  ['process_interrupt', { process: boom }, (it) => it.card.arrive(it.packet(1)), 'interrupt thread'],
  ['ISR', { isr: boom }, (it) => it.card.arrive(it.packet(1)), 'ISR'],
  ['if_start', { start: boom }, (it) => it.send(1), 'start()'],
  ['callout', { monitor: boom }, (it) => it.run(2_100_000_000), 'stack'],
];

for (const [entry, fn, trigger, context] of CASES) {
  test(`a fault in ${entry}: hooks run, newest first, the interfaces are down, requests are refused`, () => {
    const order: string[] = [];
    const it = faulty({
      ...fn,
      shutdown(sc) {
        order.push(sc.dv_xname);
        XX.shutdown(sc);
      },
    });
    const { io } = it;
    trigger(it);
    it.run(1000);
    expect(io.fault).toMatchObject({
      driver: 'xx0',
      entry,
      context,
      message: 'cannot read properties of null',
    });
    expect(order).toEqual(['xx1', 'xx0']);
    expect(it.log.join()).toContain(`SIGSEGV in xx0: ${entry}, ${context} context`);
    for (const name of ['xx0', 'xx1']) {
      expect([it.device(name).up, it.device(name).carrier]).toEqual([false, false]);
      expect(io.find(name)!.if_flags & IFF_UP).toBe(0);
    }
    expect(() => it.up('xx1')).toThrow(FaultError);
    expect(() => io.mount('xx')).toThrow(/io-pkt of machine is dead: xx0 faulted in/);
    expect(() => io.destroy('xx1')).toThrow(FaultError);
    expect(io.contexts.what).toBe('');
    expect(it.machine.cpu.bhHeld).toBe(false);

    // Nothing of it moves any more: no interrupt, no callout, no packet.
    const { accesses } = it.cards[1];
    it.cards[1].arrive(it.packet(1));
    it.send(1, 'xx1');
    it.run(10_000_000_000);
    expect(it.cards[1].accesses).toBe(accesses);
    expect([it.card.running, it.cards[1].running, it.cards[1].sent]).toEqual([false, false, 0]);
    expect(it.device('xx1').dropReport().DEV_READY).toBe(1);
    expect(conservation(it.device('xx1')).balanced).toBe(true);
  });
}

test('a request that faults is answered with who faulted; the entry is the innermost', () => {
  const it = faulty({});
  const sc = it.softcs[1];
  it.io.find('xx1')!.if_init = boom;
  expect(() => it.io.protocolStarts('qnet')).toThrow(/xx1 faulted in if_init/);
  expect(it.io.fault).toMatchObject({ driver: 'xx1', entry: 'if_init', context: 'stack' });
  expect(sc.card.running).toBe(false);
});

test('packets that init has taken from the ring when it faults are booked as dropped', () => {
  let armed = false;
  const it = host({
    cards: [{ frameNs: 1_000_000 }],
    sigsegv: true,
    fn: {
      init(ifp) {
        if (!armed) return XX.init(ifp);
        XX.stop(ifp, 0);
        return boom();
      },
    },
  });
  it.io.mount('xx');
  it.up('xx0');
  for (let i = 0; i < 30; i++) it.send(i);
  armed = true;
  expect(() => it.io.ioctl('xx0', SIOCSIFMTU, { ifr_name: 'xx0', ifr_mtu: 1400 })).toThrow(FaultError);
  expect(it.device('xx0').dropReport()).toEqual({ QDISC_RESET: 30 });
  expect(conservation(it.device('xx0')).text).toBe('');
});

test('a hook that faults keeps none from running', () => {
  const it = faulty({
    process: boom,
    shutdown(sc) {
      if (sc.dv_xname === 'xx1') boom();
      XX.shutdown(sc);
    },
  });
  it.card.arrive(it.packet(1));
  it.run(1000);
  expect(it.io.fault?.hooks).toEqual([
    { driver: 'xx1', ok: false, message: 'cannot read properties of null' },
    { driver: 'xx0', ok: true, message: '' },
  ]);
  expect([it.card.running, it.cards[1].running]).toEqual([false, true]);
  expect(formatFault(it.io.fault!)).toContain('2 shutdown hooks ran, 1 of them faulted');
});

test('broken rules are faults too, with the rule; mutexes that were held are free, others go on', () => {
  const own = nw_mutex_init('own');
  const it = faulty({
    process(sc) {
      NW_SIGLOCK(own, sc.iopkt);
      NW_SIGLOCK(own, sc.iopkt);
      return 1;
    },
  });
  const other = host();
  other.io.mount('xx');
  other.up();
  it.card.arrive(it.packet(1));
  it.run(1000);
  expect(it.io.fault?.rule).toBe('L03');
  expect([it.io.held.length, it.io.signalLocks, it.machine.cpu.bhHeld]).toEqual([0, 0, false]);
  other.send(1);
  expect(other.card.sent).toBe(1);
});

test('a driver that goes on after a fault further in is stopped at its next call', () => {
  let after = 0;
  const it = faulty({
    receive(sc, wtp) {
      XX.receive(sc, wtp);
      after++;
    },
    shutdown: (sc) => sc.card.writeMask(true),
  });
  // The first card's packet is sent on by the second, whose driver faults.
  it.io.find('xx1')!.if_start = boom;
  // A queue so short has no packets wait for each other: start() is called from within if_input.
  it.device('xx1').txQueueLength = 2;
  it.layer.packetTypes.add({
    name: 'bridge',
    type: 0x0800,
    device: null,
    receive: (m) => {
      m.data -= 14;
      m.length += 14;
      m.packetLength += 14;
      it.device('xx1').transmit(m);
    },
  });
  it.card.arrive(it.packet(1));
  it.card.arrive(it.packet(2));
  it.run(1000);
  expect(it.io.fault).toMatchObject({ driver: 'xx1', entry: 'if_start' });
  expect(it.io.find('xx0')!.if_ipackets).toBe(1);
  expect(after).toBe(0);
  const late = faulty({ shutdown: (sc) => sc.card.writeMask(true) });
  late.io.find('xx1')!.if_start = boom;
  late.layer.packetTypes.add({
    name: 'answer',
    type: 0x0800,
    device: null,
    receive: (m) => {
      late.machine.mbufs.freem(m);
      late.device('xx1').transmit(late.machine.mbufs.fromBytes(late.packet(1))!);
    },
  });
  late.card.arrive(late.packet(1));
  late.run(1000);
  expect(late.io.fault).not.toBeNull();
  const { accesses } = late.card;
  late.card.setLink(false);
  late.run(1000);
  expect(late.card.accesses).toBe(accesses);
});

test('with -S there is no handler: the exception goes on', () => {
  const it = host({ fn: { process: boom }, sigsegv: true });
  it.io.start(['-S', '-d', 'xx']);
  it.up();
  it.card.arrive(it.packet(1));
  expect(() => it.run(1000)).toThrow('cannot read properties of null');
  expect(it.io.fault).toBeNull();
});

test('after the fault the line is free for those who share it', () => {
  const it = host({
    cards: [{ irq: 5 }],
    fn: {
      process: boom,
      shutdown: () => {},
    },
    sigsegv: true,
  });
  it.io.mount('xx', 'kermask');
  it.up();
  let heard = 0;
  it.machine.irq.request(5, 'other', () => {
    heard++;
    return true;
  });
  it.card.arrive(it.packet(1));
  it.run(1000);
  expect(it.io.fault?.hooks[0].ok).toBe(true);
  expect(it.machine.irq.line(5).masked || it.machine.irq.line(5).shut !== '').toBe(true);
  expect(heard).toBeGreaterThan(0);
});
